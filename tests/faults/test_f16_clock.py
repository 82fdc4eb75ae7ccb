"""F16: the server's clock is set an hour back or forward. Ids stay monotonic, and what expires does so by stream time,
which never goes back. The server's own clock is what the shim makes of it; nothing else is told.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.commands.codec import encode
from exchange.commands.types import Command, Deposit, Place, Tick
from exchange.effects.clock import BlockingClock
from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.engine import Machine
from exchange.roles.engine import Engine
from exchange.roles.recovery import recover
from exchange.terms.instructions import Instructions
from exchange.terms.stream import StreamId
from tests.integration.trading import all_commands, all_events, assert_sound, drain, some, world
from tests.shim import ShimmedServer, shift_clock

HOUR_MS = 3_600_000
COMMANDS = 60


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ShimmedServer]:
    made = ShimmedServer(tmp_path / "server")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def log(server: ShimmedServer) -> Iterator[BlockingRedisLog]:
    opened = BlockingRedisLog(server.url, "f16:commands", "f16:events")
    yield opened
    opened.close()


@pytest.fixture
def store(tmp_path: Path) -> FileSnapshotStore:
    return FileSnapshotStore(tmp_path / "snapshots")


@pytest.fixture
def engine(log: BlockingRedisLog, store: FileSnapshotStore) -> Engine:
    made = Engine(log, store, BlockingClock(), wait_ms=1)
    run(made.turn())
    ask(log, made, *world())
    return made


def ask(log: BlockingRedisLog, engine: Engine, *commands: Command) -> list[StreamId]:
    ids = log.append_many([encode(command) for command in commands])
    drain(engine, log)
    return ids


def expiring(ms: int) -> Place:
    return Place(100, "BTC-USD", "buy", "limit", "gtd", 900_000, 10**6, 0, "", Instructions(expires_ms=ms))


def shifted(server: ShimmedServer, log: BlockingRedisLog, engine: Engine, ms: int) -> None:
    """Set the server's clock, and wait until it dates by it (its own cached time is some milliseconds old): a clock set
    forward is seen to have jumped, one set back to stand still."""
    shift_clock(server.shim, ms)
    wanted = BlockingClock().now_ms() + ms
    last = -1
    for _ in range(2_000):
        time.sleep(0.005)
        (id,) = ask(log, engine, Tick())
        if id[0] >= wanted if ms > 0 else id[0] == last:
            return
        last = id[0]
    raise AssertionError("the server's clock was not set")


@pytest.mark.parametrize("ms", [HOUR_MS, -HOUR_MS], ids=["forward", "back"])
def test_f16_ids_stay_monotonic_over_a_clock_that_is_set(
    server: ShimmedServer, log: BlockingRedisLog, engine: Engine, store: FileSnapshotStore, ms: int
) -> None:
    before = ask(log, engine, Tick())[0]
    shifted(server, log, engine, ms)
    for offset in (ms, 0, 2 * ms, -ms):
        shift_clock(server.shim, offset)
        log.append_many(some(offset % 97, COMMANDS))
        drain(engine, log)
    ids = [entry.id for entry in all_events(log)]
    assert ids == sorted(set(ids))
    assert len([id for id in ids if id > before]) >= 4 * COMMANDS
    assert len(all_commands(log)) == len(ids)
    assert_sound(log)
    assert run(recover(log, store)).head == run(log.head())


def test_f16_a_clock_set_back_holds_stream_time_still_and_expires_nothing_twice(
    server: ShimmedServer, log: BlockingRedisLog, engine: Engine
) -> None:
    top = ask(log, engine, Tick())[0]
    soon = top[0] + 30 * 60_000
    ask(log, engine, expiring(soon))
    shifted(server, log, engine, -HOUR_MS)
    stream = [ask(log, engine, Tick())[0] for _ in range(50)]
    # Real time goes on; the server's lies behind the top for another hour, and so stream time stands.
    assert {id[0] for id in stream[1:]} == {stream[0][0]}
    assert stream[0][0] - top[0] < 60_000
    assert open_orders(log) == 1
    (late,) = ask(log, engine, expiring(top[0] - 1))
    assert reason(log, late) == "already_expired", "what ended before stream time cannot begin, whatever the wall says"
    shifted(server, log, engine, HOUR_MS)
    assert open_orders(log) == 0, "stream time passed it"
    shifted(server, log, engine, -HOUR_MS)
    ask(log, engine, *(Tick() for _ in range(20)))
    assert expired(log) == 1


def test_f16_a_clock_set_forward_expires_what_stream_time_passed_and_nothing_else(
    server: ShimmedServer, log: BlockingRedisLog, engine: Engine
) -> None:
    top = ask(log, engine, Tick())[0][0]
    ends = [top + minutes * 60_000 for minutes in (10, 59, 62, 120)]
    ask(log, engine, *(expiring(ms) for ms in ends))
    shifted(server, log, engine, HOUR_MS)
    now = ask(log, engine, Tick())[0][0]
    assert open_orders(log) == len([ms for ms in ends if ms > now]) == 2
    assert expired(log) == 2


def test_f16_a_repetition_is_known_for_as_long_as_stream_time_says(
    server: ShimmedServer, log: BlockingRedisLog, engine: Engine
) -> None:
    """The window is a day of stream time: an hour's jump either way lets nobody credit a deposit twice."""
    known = 0
    for offset in (0, HOUR_MS, -HOUR_MS, 0):
        shift_clock(server.shim, offset)
        (id,) = ask(log, engine, Deposit(100, "USD", 500, "once"))
        known += b'"duplicate"' in payload(log, id)
    assert known == 3
    assert_sound(log)


def payload(log: BlockingRedisLog, id: StreamId) -> bytes:
    entry = run(log.event(id))
    assert entry is not None
    return entry.payload


def reason(log: BlockingRedisLog, id: StreamId) -> str:
    text = payload(log, id).decode()
    return text.split('"code":"')[1].split('"')[0]


def state(log: BlockingRedisLog) -> Machine:
    return assert_sound(log)


def open_orders(log: BlockingRedisLog) -> int:
    return len(state(log).state.orders)


def expired(log: BlockingRedisLog) -> int:
    return sum(entry.payload.count(b'"reason":"time"') for entry in all_events(log))
