"""Gateways count together over a real server, and alone without it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
import redis

from exchange.api.limits.by_address import FIVE_MINUTES_MS, PATIENCE
from exchange.api.limits.limiter import LimitReached
from exchange.api.limits.shared import SharedLimiter
from exchange.effects.ports import LogUnavailable
from exchange.effects.redis.counters import RedisCounters
from exchange.settings import Settings

NOW = 1_000_000 * FIVE_MINUTES_MS
A = "9.9.9.9"


class Still:
    """The wall's clock stands; waiting takes its time."""

    def now_ms(self) -> int:
        return NOW

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@contextlib.asynccontextmanager
async def limiter(settings: Settings, url: str, weight: int = 100) -> AsyncIterator[SharedLimiter]:
    """What a gateway has, running."""
    counters = RedisCounters(url, settings.limits_key, 0.2)
    made = SharedLimiter(replace(settings, limit_weight=weight), counters, Still(), Still())
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await counters.aclose()


def used(of: SharedLimiter) -> int:
    return of.weighed(A, NOW)[0][1]


async def until(condition: Callable[[], bool]) -> float:
    """Wait for a condition; how long it took, in seconds."""
    began = time.monotonic()
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - nobody says when a total has come
            await asyncio.sleep(0.001)
    return time.monotonic() - began


async def test_two_gateways_agree_within_the_time_between_two_tellings(
    make_settings: Callable[..., Settings], redis_url: str
) -> None:
    settings = make_settings()
    async with limiter(settings, redis_url, 100_000) as one, limiter(settings, redis_url, 100_000) as other:
        took, mine = [], 0
        for theirs in range(5, 55, 5):
            one.request(A, 5, NOW)
            began = time.monotonic()
            while used(other) - mine < theirs:
                other.request(A, 1, NOW)
                mine += 1
                await asyncio.sleep(0.002)
                assert time.monotonic() - began < 5
            took.append(time.monotonic() - began)
        assert sorted(took)[5] < 0.15, took


async def test_two_gateways_let_pass_little_more_than_one_would(
    make_settings: Callable[..., Settings], redis_url: str
) -> None:
    settings = make_settings()
    async with limiter(settings, redis_url) as one, limiter(settings, redis_url) as other:
        passed = 0
        for _ in range(100):
            for gateway in (one, other):
                with contextlib.suppress(LimitReached):
                    gateway.request(A, 1, NOW)
                    passed += 1
            await asyncio.sleep(0.005)
        assert 100 <= passed <= 150, "what comes between two tellings"


async def test_a_ban_at_one_gateway_holds_at_the_other(make_settings: Callable[..., Settings], redis_url: str) -> None:
    settings = make_settings()
    async with limiter(settings, redis_url) as one, limiter(settings, redis_url) as other:
        one.request(A, 100, NOW)
        for _ in range(PATIENCE + 1):
            with pytest.raises(LimitReached) as reached:
                one.request(A, 1, NOW)
        assert reached.value.banned

        def shut_out() -> bool:
            try:
                other.request(A, 0, NOW)
            except LimitReached as reached:
                return reached.banned
            return False

        await until(shut_out)


async def test_counters_end_with_their_windows(
    make_settings: Callable[..., Settings], redis_url: str, client: redis.Redis
) -> None:
    settings = make_settings()
    async with limiter(settings, redis_url) as one:
        one.request(A, 1, NOW)
        one.connection(A, NOW)
        await until(lambda: len(list(client.scan_iter(f"{settings.limits_key}:*"))) == 3)
    for key in client.scan_iter(f"{settings.limits_key}:*"):
        assert 0 < client.pttl(key) <= FIVE_MINUTES_MS + 60_000


async def test_without_the_server_a_gateway_counts_alone_and_refuses_all_the_same(
    make_settings: Callable[..., Settings],
) -> None:
    async with limiter(make_settings(), "redis://127.0.0.1:1/0") as one:
        for _ in range(100):
            one.request(A, 1, NOW)
        with pytest.raises(LimitReached):
            one.request(A, 1, NOW)
        await until(lambda: one.alone)
        assert used(one) == 100


async def test_what_was_counted_alone_is_told_when_the_server_is_back(
    make_settings: Callable[..., Settings], redis_url: str
) -> None:
    settings = make_settings()
    away = True

    class Failing(RedisCounters):
        async def add(self, counts: object) -> list[int]:
            return await (_away() if away else RedisCounters.add(self, counts))  # type: ignore[arg-type]

    counters = Failing(redis_url, settings.limits_key)
    alone = SharedLimiter(replace(settings, limit_weight=100), counters, Still(), Still())
    running = asyncio.create_task(alone.run())
    try:
        alone.request(A, 60, NOW)
        await until(lambda: alone.alone)
        alone.request(A, 7, NOW)
        away = False
        await until(lambda: not alone.alone)
        async with limiter(settings, redis_url) as other:
            other.request(A, 1, NOW)
            await until(lambda: used(other) == 68)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await counters.aclose()


async def _away() -> list[int]:
    raise LogUnavailable("away")
