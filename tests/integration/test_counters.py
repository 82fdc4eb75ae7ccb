"""Counters that several processes add to, on a real server."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
import redis

from exchange.effects.ports import Count, EffectError, LogUnavailable
from exchange.effects.redis.counters import RedisCounters


@contextlib.asynccontextmanager
async def counting(url: str, prefix: str, seconds: float = 1.0) -> AsyncIterator[RedisCounters]:
    counters = RedisCounters(url, f"{prefix}:limits", seconds)
    try:
        yield counters
    finally:
        await counters.aclose()


async def test_two_processes_see_the_total_of_both(redis_url: str, streams: str) -> None:
    async with counting(redis_url, streams) as one, counting(redis_url, streams) as other:
        assert await one.add([Count("a", 3, 60_000), Count("b", 1, 60_000)]) == [3, 1]
        assert await other.add([Count("a", 4, 60_000), Count("b", 0, 60_000), Count("c", 0, 60_000)]) == [7, 1, 0]
        assert await one.add([Count("a", -2, 60_000), Count("b", 9, 60_000, afresh=True)]) == [5, 9]
        assert await one.add([Count("a", 0, 60_000), Count("b", 1, 60_000)]) == [5, 10]
        assert await one.add([]) == []


async def test_every_counter_ends(client: redis.Redis, redis_url: str, streams: str) -> None:
    async with counting(redis_url, streams) as counters:
        await counters.add([Count("a", 1, 60_000), Count("b", 2, 50_000, afresh=True), Count("c", 0, 60_000)])
        await counters.add([Count("short", 1, 1)])
        assert 55_000 < client.pttl(f"{streams}:limits:a") <= 60_000
        assert 45_000 < client.pttl(f"{streams}:limits:b") <= 50_000
        assert not client.exists(f"{streams}:limits:c")
        assert client.pttl(f"{streams}:limits:short") <= 1


async def test_what_is_no_counter_is_refused_and_the_next_call_works(
    client: redis.Redis, redis_url: str, streams: str
) -> None:
    client.set(f"{streams}:limits:text", "x")
    async with counting(redis_url, streams) as counters:
        with pytest.raises(EffectError):
            await counters.add([Count("text", 1, 1000)])
        assert await counters.add([Count("a", 1, 1000)]) == [1]


async def test_a_server_that_is_away_or_says_nothing_costs_no_longer_than_the_deadline(streams: str) -> None:
    async with counting("redis://127.0.0.1:1/0", streams) as counters:
        with pytest.raises(LogUnavailable):
            await counters.add([Count("a", 1, 1000)])
    silent = await asyncio.start_server(lambda _, writer: asyncio.sleep(0), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    try:
        async with counting(f"redis://127.0.0.1:{port}/0", streams, 0.1) as counters:
            began = time.monotonic()
            with pytest.raises(LogUnavailable):
                await counters.add([Count("a", 1, 1000)])
            assert time.monotonic() - began < 1
    finally:
        silent.close()
