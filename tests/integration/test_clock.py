"""A sandbox's clock on a real server: it gives the ids, goes forward only, and lets fall due what is due."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
import redis

from exchange.commands.codec import encode
from exchange.commands.types import Command, Place
from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import EffectError, LogFull
from exchange.effects.redis.clock import LATEST_MS, BlockingSandboxClock, Refused, SandboxClock
from exchange.effects.redis.log import AsyncRedisLog, BlockingRedisLog, run
from exchange.roles.engine import Engine
from exchange.roles.moves import TICK, settled
from exchange.terms.instructions import Instructions
from tests.integration.trading import all_commands, all_events, assert_sound, drain, world

START_MS = 1_577_836_800_000


@pytest.fixture
def keys(streams: str) -> tuple[str, str, str]:
    return f"{streams}:commands", f"{streams}:events", f"{streams}:clock"


@pytest.fixture
def clock(redis_url: str, keys: tuple[str, str, str]) -> Iterator[BlockingSandboxClock]:
    opened = BlockingSandboxClock(redis_url, keys[0], keys[2])
    yield opened
    opened.close()


@pytest.fixture
def log(redis_url: str, keys: tuple[str, str, str]) -> Iterator[BlockingRedisLog]:
    opened = BlockingRedisLog(redis_url, keys[0], keys[1], clock_key=keys[2])
    yield opened
    opened.close()


@pytest.fixture
def engine(log: BlockingRedisLog, clock: BlockingSandboxClock, store: FileSnapshotStore) -> Engine:
    """An engine in a sandbox whose clock is paused."""
    clock.begin(START_MS)
    made = Engine(log, store, clock, wait_ms=1, new_log_id=lambda: "5" * 32)
    run(made.turn())
    append(log, made, *world())
    return made


def append(log: BlockingRedisLog, engine: Engine, *commands: Command) -> None:
    log.append_many([encode(command) for command in commands])
    drain(engine, log)


def expiring(ms: int, number: int = 0) -> Place:
    instructions = Instructions(expires_ms=ms)
    return Place(100, "BTC-USD", "buy", "limit", "gtd", 100 * (9_000 + number), 10**6, 0, "", instructions)


def idle(engine: Engine, turns: int = 5) -> None:
    for _ in range(turns):
        run(engine.turn())


def moved(log: BlockingRedisLog, engine: Engine, clock: BlockingSandboxClock, act: Callable[[], object]) -> None:
    """Move the clock while the engine serves, until everything that fell due has happened."""

    class Serving:
        now_ms = clock.now_ms

        async def sleep(self, _seconds: float) -> None:
            await engine.turn()

    tick = act()
    assert isinstance(tick, tuple)
    run(settled(log, Serving(), tick))


def test_a_paused_clock_gives_each_command_its_millisecond(log: BlockingRedisLog, clock: BlockingSandboxClock) -> None:
    clock.begin(START_MS)
    assert log.append_many([b"a", b"b"]) == [(START_MS, 0), (START_MS, 1)]
    assert run(log.append(b"c")) == (START_MS, 2)
    assert [entry.fields for entry in all_commands(log)] == [[b"c", b"a"], [b"c", b"b"], [b"c", b"c"]]
    assert clock.move("step", 90_000, TICK).tick == (START_MS + 90_000, 0)
    assert run(log.append(b"d")) == (START_MS + 90_000, 1)


def test_callers_of_an_event_loop_get_the_same_time(
    redis_url: str, keys: tuple[str, str, str], clock: BlockingSandboxClock
) -> None:
    clock.begin(START_MS)

    async def together() -> list[tuple[int, int]]:
        log = AsyncRedisLog(redis_url, keys[0], keys[1], clock_key=keys[2])
        try:
            return await asyncio.gather(*(log.append(b"%d" % number) for number in range(50)))
        finally:
            await log.aclose()

    assert asyncio.run(together()) == [(START_MS, number) for number in range(50)]


def test_a_clock_goes_only_forward_and_not_for_ever(log: BlockingRedisLog, clock: BlockingSandboxClock) -> None:
    clock.begin(START_MS)
    clock.begin(START_MS + 5)
    assert clock.move("show").now_ms == START_MS, "a clock begins once"
    with pytest.raises(Refused, match="only goes forward"):
        clock.move("set", START_MS - 1, TICK)
    with pytest.raises(Refused, match="9999"):
        clock.move("step", LATEST_MS, TICK)
    assert all_commands(log) == []
    assert clock.move("set", LATEST_MS, TICK).now_ms == LATEST_MS
    assert clock.move("run", 10_000_000).now_ms == LATEST_MS
    assert clock.move("show").now_ms == LATEST_MS


def test_no_id_is_below_the_streams_top_whatever_the_clock_says(
    log: BlockingRedisLog, clock: BlockingSandboxClock, client: redis.Redis, keys: tuple[str, str, str]
) -> None:
    clock.begin(START_MS)
    client.xadd(keys[0], {"c": "x"}, id=f"{START_MS + 1000}-7")
    assert run(log.append(b"y")) == (START_MS + 1000, 8)
    assert clock.move("show").now_ms == START_MS + 1000
    client.set(keys[2], f"{START_MS} {10**18} 1000")  # it was set by a server whose own clock was ahead
    assert run(log.append(b"z")) == (START_MS + 1000, 9)


def test_a_running_clock_runs_at_its_rate_and_stops_when_told(clock: BlockingSandboxClock) -> None:
    clock.begin(START_MS)
    assert clock.move("run", 10_000_000).now_ms == START_MS
    while clock.move("show").now_ms < START_MS + 100_000:  # 10 ms of real time
        pass
    stopped = clock.move("pause")
    assert stopped.rate == 0
    assert stopped.now_ms >= START_MS + 100_000
    assert clock.move("show").now_ms == stopped.now_ms


def test_an_event_loops_clock_goes_on_between_two_looks(
    redis_url: str, keys: tuple[str, str, str], clock: BlockingSandboxClock
) -> None:
    clock.begin(START_MS)

    async def look() -> tuple[int, int, int]:
        own = SandboxClock(redis_url, keys[0], keys[2])
        await own.refresh()
        paused = own.now_ms()
        await own.move("run", 10_000_000)
        first = own.now_ms()
        await asyncio.sleep(0.01)
        later = own.now_ms()
        following = asyncio.create_task(own.follow())
        clock.move("step", 10**9, TICK)
        while own.now_ms() < START_MS + 10**9:  # noqa: ASYNC110 - there is nothing to be woken by
            await asyncio.sleep(0.01)
        following.cancel()
        own.close()
        return paused, first, later

    paused, first, later = asyncio.run(asyncio.wait_for(look(), 10))
    assert paused == START_MS <= first
    assert later >= first + 100_000


def test_a_server_without_a_clock_is_no_sandboxs(log: BlockingRedisLog, clock: BlockingSandboxClock) -> None:
    with pytest.raises(EffectError, match="holds no sandbox"):
        run(log.append(b"x"))
    with pytest.raises(EffectError, match="holds no sandbox"):
        clock.move("step", 1, TICK)
    assert all_commands(log) == []


def test_a_full_server_refuses_the_batch_whole(
    log: BlockingRedisLog, clock: BlockingSandboxClock, client: redis.Redis
) -> None:
    clock.begin(START_MS)
    run(log.append(b"before"))
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(LogFull):
            log.append_many([b"x"] * 10)
        with pytest.raises(LogFull):
            clock.move("step", 1000, TICK)
    finally:
        client.config_set("maxmemory", 0)
    assert len(all_commands(log)) == 1
    assert clock.move("show").now_ms == START_MS
    assert run(log.append(b"after")) == (START_MS, 1)


def test_under_a_paused_clock_nothing_falls_due_by_waiting(
    log: BlockingRedisLog, engine: Engine, clock: BlockingSandboxClock
) -> None:
    append(log, engine, expiring(START_MS + 1))
    before = all_commands(log)
    idle(engine)
    assert len(all_commands(log)) == len(before)


def test_a_step_lets_happen_what_falls_due_and_no_more(
    log: BlockingRedisLog, engine: Engine, clock: BlockingSandboxClock
) -> None:
    append(log, engine, *(expiring(START_MS + 1000 * (1 + number), number) for number in range(3)))
    assert len(assert_sound(log).state.orders) == 3
    for left in (2, 1, 0):
        moved(log, engine, clock, lambda: clock.move("step", 1000, TICK).tick)
        assert len(assert_sound(log).state.orders) == left
    last = all_events(log)[-1]
    assert last.id[0] == START_MS + 3000


def test_more_than_one_command_may_do_has_happened_too(
    log: BlockingRedisLog, engine: Engine, clock: BlockingSandboxClock
) -> None:
    """More orders expire at one moment than one tick works off."""
    for first in range(0, 2400, 400):
        append(log, engine, *(expiring(START_MS + 1000, number) for number in range(first, first + 400)))
    moved(log, engine, clock, lambda: clock.move("set", START_MS + 1000, TICK).tick)
    assert assert_sound(log).state.orders == {}
    ticks = [entry for entry in all_commands(log) if entry.fields[1] == TICK]
    assert len(ticks) > 2, "one tick would have done, and nothing was tried"


def test_under_a_running_clock_the_engine_ticks_by_itself(
    log: BlockingRedisLog, engine: Engine, clock: BlockingSandboxClock
) -> None:
    append(log, engine, expiring(START_MS + 60_000))
    clock.move("run", 10_000_000)
    for _ in range(200):
        run(engine.turn())
        drain(engine, log)
        if all_events(log)[-1].id[0] >= START_MS + 60_000:
            break
    assert assert_sound(log).state.orders == {}
