"""F28: every read says how far the state goes that it is from, and who asks for "at least this" never gets less."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from exchange.api.following import Follower
from exchange.settings import Settings
from exchange.terms.stream import parse_id
from tests.integration.api_world import MARKET, Client, World, free_port, world


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as made:
        yield made


async def test_f28_read_your_writes_by_position(place: World) -> None:
    user = await place.user(INR="1000")
    placed = await user.limit("buy", "10", "1")
    position = placed.headers["X-Exchange-Position"]
    orders = await user.get("/api/v1/orders", headers={"X-Exchange-At-Least": position})
    assert [row["id"] for row in orders.data["orders"]] == [placed.data["id"]]
    future = f"{int(position.split('-')[0]) + 10**9}-0"
    late = await user.get("/api/v1/orders", headers={"X-Exchange-At-Least": future})
    assert (late.status, late.code, late.headers["Retry-After"]) == (503, "view_behind", "1")


READS = (
    f"/api/v1/depth?market={MARKET}",
    f"/api/v1/ticker?market={MARKET}",
    f"/api/v1/trades?market={MARKET}",
    "/api/v1/markets",
    "/api/v1/time",
)


async def hear_nothing(_: Follower) -> None:
    await asyncio.Event().wait()


async def test_f28_every_read_says_from_where_it_is_and_none_is_older_than_asked(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two gateways, one of which gets no news: it says so rather than show an old book as a new one."""
    users = [await place.user(INR="100000", TATA="1000") for _ in range(2)]
    settings = replace(place.settings, port=free_port())
    with monkeypatch.context() as deaf:
        deaf.setattr(Follower, "run", hear_nothing)
        await place.start_gateway(settings)
    stale = Client(place.session, f"http://127.0.0.1:{settings.port}")
    fresh = place.anonymous()
    reads = 0
    for number in range(20):
        placed = await users[number % 2].limit("buy" if number % 3 else "sell", f"{100 + number % 5}", "2")
        at_least = placed.headers["X-Exchange-Position"]
        for path in READS:
            asked = await fresh.get(path, headers={"X-Exchange-At-Least": at_least})
            assert asked.status == 200
            assert parse_id(asked.headers["X-Exchange-Position"]) >= parse_id(at_least), path
            reads += 1
        depth = await fresh.get(READS[0], headers={"X-Exchange-At-Least": at_least})
        old = await stale.get(READS[0])
        assert parse_id(old.headers["X-Exchange-Position"]) < parse_id(at_least)
        assert old.data["seq"] < depth.data["seq"]
    late = await stale.get(READS[0], headers={"X-Exchange-At-Least": at_least})
    assert (late.status, late.code) == (503, "view_behind")
    print(f"{reads} reads, none older than asked")
