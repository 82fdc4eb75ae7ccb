"""The WebSocket: books that stay right, slow clients, limits, manners."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from exchange.api.v1.sockets import BURST
from exchange.settings import Settings
from tests.integration.api_books import flow
from tests.integration.api_world import DEADLINE_S, MARKET, Json, World, world


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as made:
        yield made


async def test_trades_are_complete_and_in_order(place: World) -> None:
    users = [await place.user(INR="1000000", TATA="10000") for _ in range(2)]
    async with place.socket() as feed:
        await feed.ask("SUBSCRIBE", f"trades@{MARKET}")
        await asyncio.gather(*(flow(user, 10 + number, 100) for number, user in enumerate(users)))
        tape = (await place.anonymous().get(f"/api/v1/trades?market={MARKET}&limit=1000")).data["trades"][::-1]
        heard: list[Json] = []
        while len(heard) < len(tape):
            heard += (await feed.receive())["data"]
    assert heard == tape
    assert len(heard) > 20
    assert [trade["trade"] for trade in heard] == sorted({trade["trade"] for trade in heard})


async def test_ticker_and_candles_come_and_close(place: World) -> None:
    maker = await place.user(TATA="100")
    taker = await place.user(INR="10000")
    async with place.socket() as feed:
        await feed.ask("SUBSCRIBE", f"ticker@{MARKET}", f"kline@{MARKET}_1s", f"kline@{MARKET}_1m")
        first = await feed.receive(f"ticker@{MARKET}")
        assert (first["type"], first["data"]["last"]) == ("snapshot", None)
        await maker.limit("sell", "100", "5")
        await taker.market("buy", quantity="2")
        minute = await feed.receive(f"kline@{MARKET}_1m")
        assert (minute["data"]["volume"], minute["data"]["closed"]) == ("2", False)
        second: Json = {"data": {"closed": False}}
        while not second["data"]["closed"]:
            second = await feed.receive(f"kline@{MARKET}_1s")
        assert (second["data"]["open"], second["data"]["volume"]) == ("100.00", "2")
        ticker: Json = {"data": {"last": None}}
        while ticker["data"]["last"] is None:
            ticker = await feed.receive(f"ticker@{MARKET}")
        assert (ticker["data"]["last"], ticker["data"]["ask_quantity"]) == ("100.00", "3")
    candles = await place.anonymous().get(f"/api/v1/candles?market={MARKET}&interval=1m")
    assert [(row["volume"], row["trades"]) for row in candles.data["candles"]] == [("2", 1)]


async def test_lists_prevented_matches_and_settings_are_told_to_their_owner(place: World) -> None:
    user = await place.user(INR="10000", TATA="100")
    other = await place.user(INR="10000", TATA="100")
    async with place.socket(user) as feed, place.socket(other) as foreign:
        for one in (feed, foreign):
            await one.ask("SUBSCRIBE", "lists", "prevented", "account", "orders", "fills")
            assert (await one.receive("lists"))["data"] == []
            assert (await one.receive("account"))["data"]["switch_at"] is None
            await one.receive("orders")
        legs = [
            {"type": "limit", "kind": "sell", "price": "110", "quantity": "4", "post_only": "refuse"},
            {"type": "stop_loss", "kind": "sell", "stop_price": "90", "quantity": "4"},
        ]
        placed = await user.post("/api/v1/order-lists", {"kind": "oco", "market": MARKET, "legs": legs})
        (opened,) = (await feed.receive("lists"))["data"]
        assert (opened["id"], opened["kind"], opened["status"]) == (placed.data["id"], "oco", "open")
        both = (await feed.receive("orders"))["data"]
        assert [(order["status"], order["order_list"]) for order in both] == [
            ("open", opened["id"]),
            ("waiting", opened["id"]),
        ]
        await user.limit("buy", "110", "1", stp="decrement", time_in_force="ioc")
        (match,) = (await feed.receive("prevented"))["data"]
        assert (match["maker_quantity"], match["stp"]) == ("1", "decrement")
        left = (await feed.receive("orders"))["data"]
        assert {order["status"] for order in left} == {"open", "expired_in_match", "expired"}
        await user.call("DELETE", f"/api/v1/order/{opened['orders'][0]}")
        (done,) = (await feed.receive("lists"))["data"]
        assert (done["id"], done["status"]) == (opened["id"], "done")
        switched = await user.call("PUT", "/api/v1/switch", {"timeout_ms": 60_000})
        assert (await feed.receive("account"))["data"]["switch_at"] == switched.data["switch_at"]
        # Nothing of this was told to anybody else: what comes first is their own.
        await other.limit("buy", "1", "1")
        (mine,) = (await foreign.receive())["data"]
        assert mine["price"] == "1.00"


async def test_an_auction_is_told_from_its_beginning_to_its_outcome(place: World) -> None:
    operator = place.operator()
    buyer = await place.user(INR="10000")
    seller = await place.user(TATA="100")
    async with place.socket() as feed:
        await feed.ask("SUBSCRIBE", f"auction@{MARKET}", f"market@{MARKET}", f"trades@{MARKET}")
        first = await feed.receive(f"auction@{MARKET}")
        assert (first["type"], first["data"]["status"], first["data"]["indicative_price"]) == ("snapshot", "open", None)
        assert (await feed.receive(f"market@{MARKET}"))["type"] == "snapshot"
        await operator.call("PATCH", f"/api/v1/admin/markets/{MARKET}", {"status": "auction"})
        assert (await feed.receive(f"market@{MARKET}"))["data"]["status"] == "auction"
        await buyer.limit("buy", "101", "5")
        await seller.limit("sell", "99", "3")
        shown = (await feed.receive(f"auction@{MARKET}"))["data"]
        while shown["indicative_quantity"] is None:
            shown = (await feed.receive(f"auction@{MARKET}"))["data"]
        assert (shown["indicative_price"], shown["indicative_quantity"]) == ("101.00", "3")
        over = await operator.post(f"/api/v1/admin/markets/{MARKET}/uncross", {"status": "open"})
        assert over.data["price"] == "101.00"
        (trade,) = (await feed.receive(f"trades@{MARKET}"))["data"]
        assert (trade["price"], trade["quantity"], trade["auction"]) == ("101.00", "3", True)
        while shown["uncrossed_quantity"] is None:
            shown = (await feed.receive(f"auction@{MARKET}"))["data"]
        assert (shown["status"], shown["uncrossed_price"], shown["uncrossed_quantity"]) == ("open", "101.00", "3")
        assert (await feed.receive(f"market@{MARKET}"))["data"]["status"] == "open"


async def test_requests_are_answered_in_the_one_shape(place: World) -> None:
    asked: list[tuple[object, str, object]] = [
        ("{", "malformed_request", None),
        ([], "malformed_request", None),
        ({"id": 1}, "missing_field", 1),
        ({"method": 7, "id": 1}, "invalid_field", 1),
        ({"method": "subscribe", "id": "a"}, "unknown_method", "a"),
        ({"method": "SUBSCRIBE", "params": "trades", "id": 2}, "invalid_field", 2),
        ({"method": "SUBSCRIBE", "params": [7], "id": 2}, "invalid_field", 2),
        ({"method": "SUBSCRIBE", "params": ["nothing"], "id": 2}, "unknown_channel", 2),
        ({"method": "SUBSCRIBE", "params": ["trades@NO-PE"], "id": 2}, "unknown_market", 2),
        ({"method": "SUBSCRIBE", "params": [f"kline@{MARKET}_2m"], "id": 2}, "unknown_channel", 2),
        ({"method": "SUBSCRIBE", "params": [], "id": 2, "extra": 1}, "unknown_field", 2),
        ({"method": "SUBSCRIBE", "params": [], "id": 1.5}, "invalid_field", None),
        ({"method": "SUBSCRIBE", "params": [], "id": True}, "invalid_field", None),
        ({"method": "AUTH", "params": [], "id": 3}, "invalid_field", 3),
    ]
    async with place.session.ws_connect(f"{place.base}/api/v1/ws") as ws:
        for body, code, id in asked:
            await ws.send_str(body if isinstance(body, str) else json.dumps(body))
            answer = await ws.receive_json(timeout=DEADLINE_S)
            assert (answer["error"]["code"], answer["id"]) == (code, id), body
            assert set(answer["error"]) == {"code", "message", "field"}


async def test_a_request_takes_effect_whole_or_not_at_all(place: World) -> None:
    async with place.socket() as feed:
        refused = await feed.ask("SUBSCRIBE", f"trades@{MARKET}", "trades@NO-PE")
        assert refused["error"]["code"] == "unknown_market"
        assert (await feed.ask("LIST_SUBSCRIPTIONS"))["result"] == []
        await feed.ask("SUBSCRIBE", f"trades@{MARKET}", f"depth@{MARKET}")
        await feed.ask("SUBSCRIBE", f"trades@{MARKET}")
        await feed.ask("UNSUBSCRIBE", f"depth@{MARKET}", "never@was")
        assert (await feed.ask("LIST_SUBSCRIPTIONS"))["result"] == [f"trades@{MARKET}"]


async def test_limits_close_with_a_reason(place: World) -> None:
    async def closed(*frames: str | bytes) -> tuple[int | None, str]:
        async with place.session.ws_connect(f"{place.base}/api/v1/ws") as ws:
            for frame in frames:
                await (ws.send_str(frame) if isinstance(frame, str) else ws.send_bytes(frame))
            while True:
                message = await ws.receive(timeout=DEADLINE_S)
                if message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}:
                    return ws.close_code, str(message.extra or "")

    assert (await closed("x" * 5000))[0] == 1009
    assert await closed(b"{}") == (1008, "only text frames are understood")
    assert await closed(*['{"method":"LIST_SUBSCRIPTIONS"}'] * (BURST + 5)) == (
        1008,
        "more than 20 messages a second",
    )


async def test_a_stopping_gateway_says_so(place: World) -> None:
    async with place.session.ws_connect(f"{place.base}/api/v1/ws") as ws:
        reading = asyncio.create_task(ws.receive(timeout=DEADLINE_S))
        await place.stop_gateways()
        message = await reading
        assert (message.type, ws.close_code) == (aiohttp.WSMsgType.CLOSE, 1001)


async def test_an_expired_token_ends_the_connection(place: World) -> None:
    user = await place.user(INR="10")
    async with place.socket(user) as feed:
        await feed.ask("SUBSCRIBE", "balances")
        await feed.receive("balances")
        for subscriber in place.servers[0].hub.everyone():
            subscriber.expires_ms = 1
        message = await feed.ws.receive(timeout=DEADLINE_S)
        assert (message.type, feed.ws.close_code) == (aiohttp.WSMsgType.CLOSE, 4001)


async def test_a_client_that_comes_back_goes_on_from_its_position(place: World) -> None:
    user = await place.user(INR="10000", TATA="100")
    other = await place.user(INR="10000", TATA="100")
    channels = ("orders", "fills", "balances", f"trades@{MARKET}", f"depth@{MARKET}")
    async with place.socket(user) as feed:
        await feed.ask("SUBSCRIBE", *channels)
        placed = await user.limit("buy", "100", "5")
        left: Json = {"type": "snapshot"}
        while left["type"] == "snapshot":
            left = await feed.receive("balances")
    position = left["position"]
    for _ in range(2):
        await other.market("sell", quantity="1")
    await user.call("DELETE", f"/api/v1/order/{placed.data['id']}")
    async with place.socket(user) as feed:
        assert (await feed.ask("SUBSCRIBE", *channels, after=position))["result"] is None
        told = {channel: await feed.receive(channel) for channel in channels}
        assert {message["type"] for message in told.values()} == {"update"}
        assert [(order["id"], order["status"], order["filled"]) for order in told["orders"]["data"]] == [
            (placed.data["id"], "canceled", "2")
        ]
        assert len(told["fills"]["data"]) == len(told[f"trades@{MARKET}"]["data"]) == 2
        assert {row["asset"]: row["locked"] for row in told["balances"]["data"]}["INR"] == "0.00"
        assert told[f"depth@{MARKET}"]["data"]["bids"] == [["100.00", "0"]]
        assert told[f"depth@{MARKET}"]["data"]["checksum"] == 0
        await user.limit("buy", "99", "1")
        assert [order["price"] for order in (await feed.receive("orders"))["data"]] == ["99.00"]
    place.servers[0].hub._missed.begun((9_000_000_000_000, 0))  # as after many entries
    async with place.socket(user) as feed:
        assert (await feed.ask("SUBSCRIBE", "orders", after=position))["error"]["code"] == "too_old"
        assert (await feed.ask("SUBSCRIBE", "orders", after="soon"))["error"]["field"] == "after"
        assert (await feed.ask("LIST_SUBSCRIPTIONS"))["result"] == []
        await feed.ask("SUBSCRIBE", "orders")
        assert (await feed.receive("orders"))["type"] == "snapshot"
