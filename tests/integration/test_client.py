"""The client library against a real gateway: both kinds, keys and passwords, errors, feeds, books."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from exchange.client import (
    AsyncClient,
    BookFollower,
    Client,
    ExchangeError,
    Key,
    Login,
    Refused,
    TryAgain,
    models,
)
from exchange.client.models import Level, Reader
from exchange.settings import Settings
from tests.integration.api_world import MARKET, PASSWORD, World, free_port, world

FUNDS = {"TATA": "1000", "INR": "1000000"}


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as made:
        yield made


async def key_of(place: World) -> Key:
    user = await place.user(**FUNDS)
    made = await user.post("/api/v1/api-keys", {"label": "test", "scopes": ["read", "trade", "withdraw"]})
    assert made.status == 201, made
    return Key(made.data["key"], made.data["secret"])


def session(url: str, key: Key) -> None:
    """Everything that the blocking client can do once."""
    with Client(url, key) as exchange:
        (market,) = exchange.markets()
        assert (market.market, market.tick_size) == (MARKET, Decimal("0.05"))
        order = exchange.place(MARKET, "sell", price="101.25", quantity=10, client_order_id="mine")
        assert (order.status, order.price, order.fills) == ("open", Decimal("101.25"), [])
        assert exchange.place(MARKET, "sell", price="101.25", quantity=10, client_order_id="mine").id == order.id
        assert exchange.reduce(order.id, 8).reduced_by == 2
        assert exchange.depth(MARKET).asks[0].quantity == 8
        bought = exchange.place(MARKET, "buy", type="market", quantity=3)
        assert (bought.status, bought.filled, len(bought.fills)) == ("filled", Decimal(3), 1)
        assert {fill.liquidity for fill in exchange.fills(market=MARKET)} == {"maker", "taker"}
        assert [found.id for found in exchange.orders(client_order_id="mine")] == [order.id]
        assert exchange.order(order.id).filled == 3
        assert exchange.trades(MARKET)[0].quantity == 3
        assert exchange.ticker(MARKET).last == Decimal("101.25")
        assert exchange.candles(MARKET, "1m")[-1].volume == 3
        assert exchange.cancel_by_client_id("mine").canceled == 5
        second = exchange.place(MARKET, "buy", price="90", quantity=1)
        assert exchange.cancel(second.id).status == "canceled"
        assert exchange.cancel_all(MARKET) == 0
        assert exchange.switch(60_000) is not None
        assert exchange.switch(0) is None
        assert exchange.deposit("INR", "5", ref="d-1").amount == 5
        assert exchange.withdraw("INR", "5", ref="w-1").status == "pending"
        assert exchange.balances()["INR"].locked == 5
        assert exchange.time() > 0
        with pytest.raises(Refused) as refused:
            exchange.place(MARKET, "buy", price="101.26", quantity=1)
        assert (refused.value.code, refused.value.field, refused.value.status) == ("off_tick", "price", 422)
        with pytest.raises(Refused, match="unknown_order"):
            exchange.cancel(999_999)


async def test_the_blocking_client_does_a_whole_session_with_a_key(place: World) -> None:
    await asyncio.to_thread(session, place.base, await key_of(place))


async def test_a_wrong_secret_and_no_credentials_at_all_are_refused(place: World) -> None:
    key = await key_of(place)
    for credentials, code in ((Key(key._key, "x" * 64), "bad_signature"), (None, "unauthorized")):
        async with AsyncClient(place.base, credentials) as exchange:
            with pytest.raises(Refused) as refused:
                await exchange.balances()
            assert refused.value.code == code


async def test_a_login_signs_in_once_for_all_who_ask_at_once_and_renews_itself(place: World) -> None:
    await place.user(**FUNDS)
    login = Login("user1@example.org", PASSWORD)
    async with AsyncClient(place.base, login) as exchange:
        held = await asyncio.gather(*[exchange.balances() for _ in range(8)])
        assert {one["INR"].available for one in held} == {Decimal(1_000_000)}
        first = login._session
        assert first is not None
        login._session = type(first)(first.token, 0, first.refresh_token, first.refresh_expires_at)
        await exchange.balances()
        assert login._session.refresh_token != first.refresh_token
        sessions = await place.anonymous().get("/api/v1/sessions", headers={"Authorization": f"Bearer {first.token}"})
        assert len(sessions.data["sessions"]) == 2, "the test's own and one of the client's"


async def test_a_login_keeps_its_session_while_nobody_answers_and_signs_in_anew_once_it_is_over(place: World) -> None:
    await place.user(**FUNDS)
    login = Login("user1@example.org", PASSWORD)
    async with AsyncClient(place.base, login) as exchange:
        await exchange.balances()
        first = login._session
        assert first is not None
        stale = login._session = replace(first, expires_at=0)
        async with AsyncClient(f"http://127.0.0.1:{free_port()}", login) as nowhere:
            with pytest.raises(TryAgain):
                await nowhere.balances()
        assert login._session is stale
        await exchange.balances()
        second = login._session
        assert second.refresh_token[:20] == first.refresh_token[:20], "the same session"
        bearer = {"Authorization": f"Bearer {second.token}"}
        assert (await place.anonymous().post("/api/v1/signout", headers=bearer)).status == 200
        login._session = replace(second, expires_at=0)
        await exchange.balances()
        assert login._session.refresh_token[:20] != first.refresh_token[:20]
    wrong = Login("user1@example.org", "not the password")
    with pytest.raises(Refused, match="wrong_credentials"):
        await asyncio.to_thread(Client(place.base, wrong).balances)


async def test_what_is_private_is_heard_by_key(place: World) -> None:
    async with AsyncClient(place.base, await key_of(place)) as exchange, exchange.feed() as feed:
        await feed.authenticate()
        await feed.subscribe("orders")
        messages = feed.messages()
        assert (await anext(messages))["type"] == "snapshot"
        order = await exchange.place(MARKET, "buy", price="90", quantity=1)
        update = await anext(messages)
        assert [told.id for told in Reader(update).many("data", models.order)] == [order.id]
        with pytest.raises(Refused, match="unknown_channel"):
            await feed.subscribe("nothing@NO-WHERE")


def followed(url: str, seq: int) -> tuple[list[Level], list[Level]]:
    """What a book in a thread shows at a sequence."""
    with BookFollower(url, MARKET) as follower:
        follower.wait(seq)
        assert follower.problem is None
        return follower.top(100)


async def test_a_book_keeps_itself_in_a_coroutine_and_in_a_thread(place: World) -> None:
    async with AsyncClient(place.base, await key_of(place)) as exchange, exchange.feed() as feed:
        books = feed.books(MARKET)
        book = await anext(books)
        following = asyncio.create_task(asyncio.to_thread(followed, place.base, 40))
        for price in range(50, 90):
            await exchange.place(MARKET, "buy", price=price, quantity=1 + price % 3)
        while book.seq < 40:
            book = await anext(books)
        depth = await exchange.depth(MARKET)
        assert (book.seq, book.bids(100), book.asks()) == (depth.seq, depth.bids, depth.asks)
        assert await following == (depth.bids, depth.asks)


async def test_an_exchange_that_is_not_there_is_called_so() -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    async with AsyncClient(nowhere) as exchange:
        with pytest.raises(TryAgain):
            await exchange.markets()
        with pytest.raises(TryAgain):
            async with exchange.feed():
                pass
    with Client(nowhere) as waiting, pytest.raises(TryAgain):
        waiting.markets()


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://example.org"])
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(ValueError, match="not the address"):
            kind(url)


def test_secrets_are_not_shown() -> None:
    for credentials in (Key("k", "the secret"), Login("a@example.org", "the secret")):
        assert "the secret" not in repr(credentials)
    assert issubclass(Refused, ExchangeError)
