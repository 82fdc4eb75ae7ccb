"""Two gateways on one log and one database: whatever is done at one of them is so at the other, at once where it is the
log that says it, within a second where it is the database."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from exchange.settings import Settings
from tests.integration.api_world import DEADLINE_S, Client, World, beside, eventually, world
from tests.integration.test_user_data import heard
from tests.integration.v3_world import SYMBOL, Trader, trader
from tests.integration.ws_world import connected, ed25519_key, hmac_key, now_ms

WITHIN_S = 1.5
"""A second, and what a busy machine adds."""

Both = tuple[World, World]


@pytest.fixture
async def both(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[Both]:
    settings = make_settings(redis_url=redis_url, database_url=database_url, limit_weight=10**6, limit_orders_10s=0)
    async with world(settings) as first, beside(first) as other:
        yield first, other


def at(other: World, user: Trader) -> Trader:
    """The same user with the same key, at another gateway."""
    client = Client(other.session, other.base, user.client.token)
    client.account = user.account
    return Trader(other, client, user.key)


async def test_an_order_placed_at_one_gateway_is_shown_repeated_and_cancelled_at_the_other(both: Both) -> None:
    here = await trader(both[0])
    there = at(both[1], here)
    for number in range(20):
        placed = await here.limit("BUY", "10.00", "1", newClientOrderId=f"n{number}")
        shown = await there.get("order", symbol=SYMBOL, origClientOrderId=f"n{number}")
        assert (shown["orderId"], shown["status"]) == (placed["orderId"], "NEW")
        again = await there.limit("BUY", "10.00", "1", newClientOrderId=f"n{number}")
        assert (again["orderId"], again["transactTime"]) == (placed["orderId"], placed["transactTime"])
        gone = await there.do("DELETE", "order", symbol=SYMBOL, orderId=placed["orderId"])
        assert gone["status"] == "CANCELED"
        assert await here.refused("DELETE", "order", symbol=SYMBOL, orderId=placed["orderId"]) == (
            -2011,
            "Unknown order sent.",
        )
    assert (await here.shown(placed["orderId"]))["status"] == "CANCELED"


async def test_what_is_done_at_one_gateway_is_told_to_who_listens_at_the_other(both: Both) -> None:
    here = await trader(both[0])
    async with (
        connected(both[1]) as api,
        both[1].session.ws_connect(f"{both[1].base}/ws/tatainr@depth@100ms") as market,
    ):
        assert (await api.ask("userDataStream.subscribe.signature", here.key.signed()))["status"] == 200
        placed = await here.limit("BUY", "10.00", "1")
        report = (await api.event("executionReport"))["event"]
        assert (report["i"], report["X"]) == (placed["orderId"], "NEW")
        assert (await heard(market, "depthUpdate"))["b"] == [["10.00", "1.0000"]]


async def test_both_gateways_count_an_accounts_orders_and_an_addresss_weight_alike(both: Both) -> None:
    here = await trader(both[0])
    there = at(both[1], here)
    for one in (here, there) * 3:
        await one.limit("BUY", "10.00", "1")

    async def of_the_day(one: Trader) -> int:
        (day,) = await one.get("rateLimit/order")
        count: int = day["count"]
        return count

    async def six() -> bool:
        return await of_the_day(here) == await of_the_day(there) == 6

    await eventually(six)

    async def used(one: World, path: str) -> int:
        answer = await one.anonymous().get(path)
        return int(answer.headers["X-MBX-USED-WEIGHT-1M"])

    async with asyncio.timeout(DEADLINE_S):
        agree = False
        while not agree:  # a minute may end meanwhile: then it is spent again
            spent = await used(both[0], f"/api/v3/depth?symbol={SYMBOL}&limit=5000")
            assert spent >= 250
            minute = time.time() // 60
            while not agree and time.time() // 60 == minute:
                agree = await used(both[1], "/api/v3/ping") > spent


async def test_a_new_key_is_good_at_every_gateway_at_once(both: Both) -> None:
    here = await trader(both[0])
    for _ in range(5):
        key = await hmac_key(here.client)
        there = Trader(both[1], here.client, key)
        assert (await there.limit("BUY", "10.00", "1"))["status"] == "NEW"
        async with connected(both[1]) as api:
            assert (await api.ask("account.status", key.signed()))["status"] == 200


async def test_a_key_taken_back_at_one_gateway_is_refused_by_the_other_within_a_second(both: Both) -> None:
    here = await trader(both[0])
    there = at(both[1], here)
    await there.limit("BUY", "10.00", "1")
    gone = await here.client.call("DELETE", f"/api/v1/api-keys/{here.key.id}")
    assert gone.status in (200, 204), gone
    began = time.monotonic()
    assert (await here.refused("GET", "account"))[0] == -2015
    refused = (-2015, "Invalid API-key, IP, or permissions for action.")
    while (told := await there.ask("GET", "openOrders")) and there.status == 200:
        assert time.monotonic() - began < WITHIN_S
        await asyncio.sleep(0.02)
    assert (there.status, told["code"], told["msg"]) == (401, *refused)
    assert await there.refused("POST", "order", symbol=SYMBOL, side="BUY", type="MARKET", quantity="1") == refused


async def test_a_key_made_less_at_one_gateway_may_no_longer_trade_at_the_other(both: Both) -> None:
    here = await trader(both[0])
    there = at(both[1], here)
    await there.limit("BUY", "10.00", "1")
    changed = await here.client.call("PATCH", f"/api/v1/api-keys/{here.key.id}", {"scopes": ["read"]})
    assert changed.status == 200, changed
    began = time.monotonic()
    order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "10", "quantity": "1"}
    placed = 1
    while (await there.ask("POST", "order", **order)) and there.status == 200:
        placed += 1
        assert time.monotonic() - began < WITHIN_S
    assert there.status == 401
    assert len(await there.get("openOrders")) == placed


async def test_a_key_taken_back_at_one_gateway_ends_its_session_and_its_user_data_at_the_other(both: Both) -> None:
    here = await trader(both[0])
    key, signing = await ed25519_key(here.client), here.key
    other = await trader(both[0])
    async with connected(both[1]) as session, connected(both[1]) as signed:
        assert (await session.ask("session.logon", key.signed()))["status"] == 200
        assert (await session.ask("userDataStream.subscribe"))["status"] == 200
        for one in (signing, other.key):
            assert (await signed.ask("userDataStream.subscribe.signature", one.signed()))["status"] == 200
        for id in (key.id, signing.id):
            await here.client.call("DELETE", f"/api/v1/api-keys/{id}")
        async with asyncio.timeout(WITHIN_S):
            assert (await session.event("eventStreamTerminated"))["subscriptionId"] == 0
            assert (await signed.event("eventStreamTerminated"))["subscriptionId"] == 0
        order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "9", "quantity": "1"}
        await session.send("order.place", {**order, "timestamp": now_ms()})
        over = await session.answer(None)
        assert (over["status"], over["error"]["code"]) == (401, -2015)
        assert (await session.ask("session.status"))["result"]["apiKey"] is None
        # The other account's subscription on the same connection goes on, and both connections stay.
        await other.limit("BUY", "9.00", "1")
        assert (await signed.event("executionReport"))["subscriptionId"] == 1
        assert (await signed.ask("session.subscriptions"))["result"] == [{"subscriptionId": 1}]


async def test_a_listen_key_made_at_one_gateway_is_listened_to_at_another_until_it_is_ended_at_the_first(
    both: Both,
) -> None:
    here = await trader(both[0])
    headers = {"X-MBX-APIKEY": here.key.id}
    path = "/api/v3/userDataStream"
    listen = (await both[0].anonymous().post(path, headers=headers)).data["listenKey"]
    assert (await both[1].anonymous().post(path, headers=headers)).data["listenKey"] == listen
    async with both[1].session.ws_connect(f"{both[1].base}/ws/{listen}") as ws:
        placed = await here.limit("BUY", "10.00", "1")
        assert (await heard(ws, "executionReport"))["i"] == placed["orderId"]
        ended = await both[0].anonymous().call("DELETE", f"{path}?listenKey={listen}", headers=headers)
        assert ended.status == 200
        assert (await heard(ws, "listenKeyExpired"))["listenKey"] == listen
        await ws.ping(b"open")
        assert not ws.closed
    gone = await both[1].anonymous().call("PUT", f"{path}?listenKey={listen}", headers=headers)
    assert (gone.status, gone.data["code"]) == (400, -1125)


async def test_a_gateway_that_stops_leaves_the_other_to_go_on_with_what_it_began(both: Both) -> None:
    here = await trader(both[0])
    there = at(both[1], here)
    placed = await there.limit("SELL", "10.00", "5")
    async with connected(both[1]) as api, connected(both[0]) as stays:
        assert (await stays.ask("userDataStream.subscribe.signature", here.key.signed()))["status"] == 200
        stopping = asyncio.create_task(both[1].stop_gateways())
        assert (await api.event("serverShutdown"))["event"]["E"] > 0
        assert (await api.closed())[0] == aiohttp.WSCloseCode.GOING_AWAY
        await stopping
        with pytest.raises(aiohttp.ClientConnectionError):
            await there.ask("GET", "openOrders")
        assert (await here.shown(placed["orderId"]))["status"] == "NEW"
        buyer = await trader(both[0])
        await buyer.limit("BUY", "10.00", "5")
        assert (await stays.event("executionReport"))["event"]["X"] == "FILLED"
