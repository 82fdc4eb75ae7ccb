"""The venue's published way to keep a local book, under load: no gap, no mismatch."""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Callable

import pytest

from exchange.settings import Settings
from tests.integration.api_books import flow
from tests.integration.api_world import World, world
from tests.integration.local_book import Counts, Keeper

SYMBOL = "TATAINR"
STREAMS = ["tatainr@depth@100ms", "tatainr@depth"]


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    made = make_settings(redis_url=redis_url, database_url=database_url, demo=True, limit_weight=0)
    async with world(made) as running:
        yield running


async def kept(place: World, seconds: float) -> list[Counts]:
    """Keep books over every stream for so long, while several users trade as fast as they can."""
    users = [await place.user(INR="10000000", TATA="100000") for _ in range(3)]
    keepers = [Keeper(place.base, SYMBOL, stream) for stream in STREAMS]
    end = time.monotonic() + seconds
    chance = random.Random(23)

    async def trade(number: int) -> None:
        while time.monotonic() < end:
            await flow(users[number], chance.randrange(1 << 30), 30)
            await users[number].call("DELETE", "/api/v1/orders?market=TATA-INR") if chance.random() < 0.2 else None

    async with asyncio.TaskGroup() as group:
        keeping = [group.create_task(keeper.run()) for keeper in keepers]
        async with asyncio.TaskGroup() as trading:
            for number in range(len(users)):
                trading.create_task(trade(number))
        for keeper in keepers:
            keeper.stop.set()
        # One more change, so that who waits for an event sees the end.
        await users[0].limit("buy", "50", "1")
        await asyncio.wait(keeping, timeout=30)
    return [keeper.counts for keeper in keepers]


def judged(counts: list[Counts]) -> None:
    for stream, seen in zip(STREAMS, counts, strict=True):
        print(f"{stream}: {seen.events} events, up to {seen.widest} updates in one, {seen.compared} comparisons, "
              f"{seen.gaps} gaps, {seen.mismatches} mismatches")  # fmt: skip
        assert (seen.gaps, seen.mismatches) == (0, 0), seen.differences[:5]


async def test_a_local_book_kept_as_published_has_no_gap_and_no_mismatch(place: World) -> None:
    counts = await kept(place, 8.0)
    judged(counts)
    assert counts[0].events > 50
    assert counts[0].compared > 1
    assert counts[1].events > 5
    assert max(seen.widest for seen in counts) > 1


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_a_local_book_kept_for_minutes_has_no_gap_and_no_mismatch(place: World) -> None:
    judged(await kept(place, 60 * float(os.environ.get("LOCALBOOK_MINUTES", "3"))))
