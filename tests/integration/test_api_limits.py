"""The limits as clients meet them at both doors: headers, 429 and 418 with Retry-After; who is counted, who not."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from exchange.api.limits.by_address import PATIENCE
from exchange.projections.timescale.history import History
from exchange.settings import Settings
from tests.integration.api_world import MARKET, Answer, World, all_projected, eventually, world
from tests.integration.v3_world import trader

LIMIT = 60
FAR = {"X-Forwarded-For": "203.0.113.7"}
NEAR_THE_END_S = 15


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    """Gateways behind a proxy on this machine."""
    settings = make_settings(
        redis_url=redis_url,
        database_url=database_url,
        demo=True,
        limit_weight=LIMIT,
        limit_orders_10s=3,
        limit_orders_day=5,
        limit_connections=3,
        proxies="127.0.0.1",
    )
    async with world(settings) as made:
        yield made


async def whole_minute() -> None:
    """Let the minute end if it is about to: what is counted next is counted in one window."""
    left = 60 - time.time() % 60
    if left < NEAR_THE_END_S:
        await asyncio.sleep(left + 0.05)


async def ping(place: World, **headers: str) -> Answer:
    return await place.anonymous().get("/api/v3/ping", headers=headers)


async def test_weight_is_told_with_each_answer_and_refused_until_the_minute_ends(place: World) -> None:
    await whole_minute()
    for number in range(1, LIMIT + 1):
        answer = await ping(place, **FAR)
        assert answer.status == 200
        assert answer.headers["X-MBX-USED-WEIGHT-1M"] == answer.headers["X-MBX-USED-WEIGHT"] == str(number)
    refused = await ping(place, **FAR)
    left = 60 - time.time() % 60
    assert (refused.status, refused.data["code"]) == (429, -1003)
    assert left <= int(refused.headers["Retry-After"]) <= left + 2
    # Both doors count the same, everybody else goes on, and this machine's own addresses are not counted at v1.
    at_v1 = await place.anonymous().get("/api/v1/time", headers=FAR)
    assert (at_v1.status, at_v1.code) == (429, "too_many_requests")
    assert int(at_v1.headers["Retry-After"]) >= 1
    assert (await ping(place, **{"X-Forwarded-For": "203.0.113.8"})).status == 200
    for _ in range(LIMIT + 1):
        assert (await place.anonymous().get("/api/v1/time")).status == 200
    assert (await ping(place)).headers["X-MBX-USED-WEIGHT-1M"] == "1"
    # What a client writes into the header itself is behind the address that the proxy has seen.
    lying = await ping(place, **{"X-Forwarded-For": "198.51.100.1, 203.0.113.7"})
    assert lying.status == 429


async def test_who_goes_on_is_shut_out_at_both_doors(place: World) -> None:
    await whole_minute()
    statuses = [(await ping(place, **FAR)).status for _ in range(LIMIT + PATIENCE + 1)]
    assert statuses == [200] * LIMIT + [429] * PATIENCE + [418]
    told = await ping(place, **FAR)
    assert (told.status, told.data["code"]) == (418, -1003)
    assert "banned until" in told.data["msg"]
    assert 100 < int(told.headers["Retry-After"]) <= 120
    at_v1 = await place.anonymous().get("/api/v1/time", headers=FAR)
    assert (at_v1.status, at_v1.code) == (418, "shut_out")
    assert (await ping(place)).status == 200


async def test_heavier_routes_count_more_at_v1_too(place: World) -> None:
    await whole_minute()
    await place.anonymous().get(f"/api/v1/depth?market={MARKET}", headers=FAR)
    assert (await ping(place, **FAR)).headers["X-MBX-USED-WEIGHT-1M"] == "6"
    for path in ("/api/v1/order", "/api/v1/fills"):
        await place.anonymous().get(path, headers=FAR)  # without a token: counted before anything is looked at
    assert int((await ping(place, **FAR)).headers["X-MBX-USED-WEIGHT-1M"]) == 12


async def test_requests_on_a_websocket_and_the_books_that_they_begin_count_too(place: World) -> None:
    await whole_minute()

    async def used() -> int:
        return int((await ping(place, **FAR)).headers["X-MBX-USED-WEIGHT-1M"])

    async with place.socket(headers=FAR) as ws:
        assert await used() == 1
        assert "result" in await ws.ask("SUBSCRIBE", f"depth@{MARKET}", f"trades@{MARKET}")
        assert await used() == 1 + 1 + (5 + 1) + 1
        assert "result" in await ws.ask("SUBSCRIBE", f"depth@{MARKET}")  # it has that one already
        assert await used() == 9 + 1 + 1
        while await used() < LIMIT - 3:
            pass
        assert "result" in await ws.ask("UNSUBSCRIBE", f"depth@{MARKET}")
        refused = await ws.ask("SUBSCRIBE", f"depth@{MARKET}")
        assert refused["error"]["code"] == "too_many_requests"
        assert (await ws.ask("LIST_SUBSCRIPTIONS"))["result"] == [f"trades@{MARKET}"]
    async with place.socket() as near:
        for _ in range(5):
            for method in ("SUBSCRIBE", "UNSUBSCRIBE"):
                assert "result" in await near.ask(method, f"depth@{MARKET}")


async def test_a_request_that_cannot_be_read_counts_too(place: World) -> None:
    await whole_minute()
    assert (await place.anonymous().get("/api/v3/ping?a=1&a=2", headers=FAR)).status == 400
    assert (await ping(place, **FAR)).headers["X-MBX-USED-WEIGHT-1M"] == "2"


async def test_new_orders_of_an_account_are_limited_wherever_they_come_from(place: World) -> None:
    await whole_minute()
    mine = await trader(place)
    other = await trader(place)
    await ten_seconds()
    for number in (1, 2):
        await mine.limit("BUY", "10", "1")
        assert mine.headers["X-MBX-ORDER-COUNT-10S"] == mine.headers["X-MBX-ORDER-COUNT-1D"] == str(number)
    await mine.client.limit("buy", "10", "1")  # counts; from this machine it is not refused
    assert await mine.refused("POST", "order", **limit("BUY", "10")) == (
        -1015,
        "Too many new orders; current limit is 3 orders per 10 SECOND.",
    )
    assert (mine.status, 1 <= int(mine.headers["Retry-After"]) <= 10) == (429, True)
    assert "X-MBX-ORDER-COUNT-10S" not in mine.headers
    far = await mine.client.post(
        "/api/v1/order",
        {"type": "limit", "kind": "buy", "market": MARKET, "price": "10", "quantity": "1"},
        headers=FAR,
    )
    assert (far.status, far.code) == (429, "too_many_new_orders")
    assert int(far.headers["Retry-After"]) >= 1
    # An order that trades after it rested makes room again, and others have room of their own.
    await other.limit("SELL", "10", "1")
    assert other.headers["X-MBX-ORDER-COUNT-10S"] == "0"
    await mine.limit("BUY", "10", "1")
    assert mine.headers["X-MBX-ORDER-COUNT-10S"] == "1"


async def ten_seconds() -> None:
    """Begin with a window of ten seconds, or nearly."""
    left = 10 - time.time() % 10
    if left < 5:
        await asyncio.sleep(left + 0.05)


def limit(side: str, price: str) -> dict[str, str]:
    order = {"symbol": "TATAINR", "side": side, "type": "LIMIT", "timeInForce": "GTC"}
    return {**order, "price": price, "quantity": "1"}


async def test_a_gateway_that_starts_in_the_middle_of_a_day_knows_the_days_orders(place: World) -> None:
    await place.start_projector()
    mine = await trader(place)
    seller = await trader(place)
    for _ in range(3):
        await mine.client.limit("buy", "10", "1")
    await seller.client.limit("sell", "10", "1")
    await eventually(lambda: all_projected(place))
    reads = History(place.settings.database_url, pool_size=1)
    try:
        now_ms = int(time.time() * 1000)
        day_ms = now_ms - now_ms % 86_400_000
        assert (await reads.unfilled(day_ms, (now_ms + 10_000, 0))) == {mine.account: 2}
        assert (await reads.unfilled(now_ms + 10_000, (now_ms + 20_000, 0))) == {}
        assert (await reads.unfilled(day_ms, (day_ms, 0))) == {}
    finally:
        await reads.close()
