"""The roles on a real server: engines that race, meet poison, halt, lose their server; a standby that keeps watch."""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import redis

from exchange.commands.codec import encode
from exchange.commands.types import OpenAccount
from exchange.effects.clock import BlockingClock
from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import LogUnavailable
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.embedded.valkey import ValkeyServer
from exchange.engine import Machine
from exchange.roles import snapshots
from exchange.roles.engine import Engine
from exchange.roles.genesis import open_log
from exchange.roles.memory import Memory
from exchange.roles.recovery import recover
from exchange.roles.stops import Mismatch, WrongLog
from exchange.terms.stream import CommandEntry, format_id
from tests.integration.trading import (
    POISON,
    Interposed,
    add_raw,
    all_events,
    assert_sound,
    drain,
    open_world,
    some,
    standby,
    trade,
)

# --- the engine ------------------------------------------------------------------------------------------------------


def test_engine_and_standby_leave_no_cycles_behind(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str
) -> None:
    """Their processes run without the cyclic collector: what it alone could free would stay for ever."""
    engine, follower = open_world(log, store), standby(log, store, every=500)
    run(follower.turn())
    gc.collect()
    gc.disable()
    try:
        for fields in POISON * 3:
            add_raw(client, f"{streams}:commands", fields)
        gc.collect()  # the test's own client
        for seed in range(3):
            log.append_many(some(seed, 1000))
            drain(engine, log)
        assert gc.collect() == 0
        while run(follower._memory.replica()).confirmed != run(log.head()):
            run(follower.turn())
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_two_engines_take_turns_and_agree(log: BlockingRedisLog, store: FileSnapshotStore) -> None:
    first = open_world(log, store)
    second = Engine(log, store, BlockingClock(), batch=7, wait_ms=1)
    for seed in range(12):
        log.append_many(some(seed, 15))
        for engine in (first, second, second) if seed % 2 else (second, first):
            run(engine.turn())
    drain(second, log)
    drain(first, log)
    assert_sound(log)


def test_a_late_engine_is_fenced_and_goes_on_from_what_the_other_published(
    log: BlockingRedisLog, store: FileSnapshotStore, redis_url: str, streams: str
) -> None:
    """The other engine publishes exactly between this one's reading and its publication."""
    engine = open_world(log, store)
    slow_log = Interposed(redis_url, f"{streams}:commands", f"{streams}:events")
    slow = Engine(slow_log, store, BlockingClock(), batch=5, wait_ms=1)
    run(slow.turn())
    log.append_many(some(1, 40))
    slow_log.before_publish = lambda: run(engine.turn())
    run(slow.turn())
    assert slow_log.fenced == 1
    slow_log.before_publish = None
    log.append_many(some(2, 10))
    drain(slow, log)
    assert_sound(log)


def test_only_one_of_two_engines_opens_a_new_log(log: BlockingRedisLog, store: FileSnapshotStore) -> None:
    engines = [Engine(log, store, BlockingClock(), wait_ms=1) for _ in range(2)]
    for _ in range(3):
        for engine in engines:
            run(engine.turn())
    machine = assert_sound(log)
    assert len(machine.state.log_id) == 32


def test_two_open_log_commands_at_once_open_the_log_once(log: BlockingRedisLog, store: FileSnapshotStore) -> None:
    for _ in range(2):
        # Both looked before either appended.
        run(open_log(Blind(log), store, Machine()))  # type: ignore[arg-type]
    engine = Engine(log, store, BlockingClock(), wait_ms=1)
    run(engine.turn())
    first, second = [orjson.loads(entry.payload)["events"][0] for entry in all_events(log)]
    assert first["type"] == "log_opened"
    assert second == {"type": "rejected", "code": "log_already_open", "field": ""}
    assert run(recover(log, store)).state.log_id == first["log_id"]


class Blind:
    """A log whose commands cannot be seen yet."""

    def __init__(self, log: BlockingRedisLog) -> None:
        self.append = log.append

    async def commands(self, *_: object) -> list[CommandEntry]:
        return []


def test_after_doubt_a_replica_whose_position_is_gone_is_not_given_out(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str
) -> None:
    """The server is the same, the streams are not: no run id tells."""
    engine = open_world(log, store)
    run(standby(log, store).turn())
    trade(engine, log, 1, 20)
    memory = Memory(log, store)
    kept = run(memory.replica())
    client.xdel(f"{streams}:events", *[format_id(entry.id) for entry in all_events(log)[-5:]])
    memory.doubt()
    assert run(memory.replica()) is not kept
    client.delete(f"{streams}:commands", f"{streams}:events")
    memory.doubt()
    with pytest.raises(WrongLog):
        run(memory.replica())


# --- a server that restarts ------------------------------------------------------------------------------------------


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(
        tmp_path / "valkey", sockets=tmp_path / "run", log=tmp_path / "valkey.log", fsync="always", guarded=False
    )
    server.start()
    yield server
    server.stop()


def restart(server: ValkeyServer, cut: int = 0) -> None:
    """Kill the server, take the last bytes of its append-only file, start it again."""
    assert server.child is not None
    os.kill(server.child.pid, signal.SIGKILL)
    server.child.wait()
    if cut:
        (tail,) = sorted(server._folder.glob("appendonlydir/*.incr.aof"))
        os.truncate(tail, tail.stat().st_size - cut)
    server.start()


def test_a_restart_of_the_server_makes_the_engine_recover(own_server: ValkeyServer, store: FileSnapshotStore) -> None:
    log = BlockingRedisLog(own_server.url, "t:commands", "t:events")
    memory = Memory(log, store)
    engine = open_world(log, store)
    kept = run(memory.replica())
    assert run(memory.replica()) is kept
    memory.doubt()
    assert run(memory.replica()) is kept, "the same server: what was confirmed still stands"
    restart(own_server)
    with pytest.raises(LogUnavailable):
        run(log.head())
    memory.doubt()
    assert run(memory.replica()) is not kept, "another server: nothing in memory counts"
    restart(own_server)
    with pytest.raises(LogUnavailable):
        run(engine.turn())
    engine._memory.doubt()
    trade(engine, log, 1, 20)
    assert_sound(log)


# --- the standby -----------------------------------------------------------------------------------------------------


def test_the_standby_takes_a_snapshot_at_its_first_chance_and_then_when_due(
    log: BlockingRedisLog, store: FileSnapshotStore
) -> None:
    follower = standby(log, store, every=25, keep=10)
    engine = open_world(log, store)
    run(follower.turn())
    assert len(store.names()) == 1
    trade(engine, log, 1, 24)
    run(follower.turn())
    assert len(store.names()) == 1
    trade(engine, log, 2, 1)
    run(follower.turn())
    assert len(store.names()) == 2
    assert snapshots.position_of(store.names()[0]) == run(log.head()).id


def test_the_standby_follows_only_what_is_published(log: BlockingRedisLog, store: FileSnapshotStore) -> None:
    engine = open_world(log, store)
    follower = standby(log, store)
    run(follower.turn())
    log.append_many(some(1, 10))
    run(follower.turn())
    assert len(store.names()) == 1, "a snapshot of results that nobody has published"
    drain(engine, log)
    run(follower.turn())
    assert len(store.names()) == 2


def test_the_standby_stops_at_an_entry_that_differs(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str
) -> None:
    open_world(log, store)
    follower = standby(log, store)
    run(follower.turn())
    (id,) = log.append_many([encode(OpenAccount("somebody"))])
    add_raw(client, f"{streams}:events", [b"e", b'{"v":1,"events":[],"postings":[]}', b"h", b"00" * 32], format_id(id))
    with pytest.raises(Mismatch, match=format_id(id)):
        run(follower.turn())
    assert len(store.names()) == 1


def test_pruning_never_counts_what_a_start_could_not_use(
    log: BlockingRedisLog, store: FileSnapshotStore, folder: Path
) -> None:
    engine = open_world(log, store)
    for seed in range(5):
        trade(engine, log, seed, 5)
        run(standby(log, store, keep=10).turn())
    names = store.names()
    assert len(names) == 5
    (folder / names[0]).write_bytes(b"damaged")
    (folder / names[2]).write_bytes(b"damaged")
    deleted = run(snapshots.prune(log, store, keep=2))
    assert deleted == [names[4]]
    assert store.names() == names[:4]


def test_pruning_never_counts_the_snapshots_of_another_log(
    log: BlockingRedisLog, store: FileSnapshotStore, redis_url: str, streams: str
) -> None:
    engine = open_world(log, store)
    for seed in range(2):
        trade(engine, log, seed, 5)
        run(standby(log, store).turn())
    own = store.names()
    foreign = BlockingRedisLog(redis_url, f"{streams}-2:commands", f"{streams}-2:events")
    other = open_world(foreign, FileSnapshotStore(Path("never-written")))
    for seed in range(2):
        trade(other, foreign, seed, 5)
        snapshots.take(run(other._memory.replica()).machine, store, 0)
    assert len(store.names()) == 4
    assert run(snapshots.prune(log, store, keep=2)) == []
    assert set(own) < set(store.names())
    foreign.close()


def test_a_damaged_snapshot_at_the_present_position_is_written_again(
    log: BlockingRedisLog, store: FileSnapshotStore, folder: Path
) -> None:
    open_world(log, store)
    run(standby(log, store).turn())
    (name,) = store.names()
    (folder / name).write_bytes(b"damaged")
    run(standby(log, store).turn())
    assert snapshots.verify(store.read(name)).head == run(log.head())


def test_a_full_disk_costs_the_snapshot_and_nothing_else(log: BlockingRedisLog, folder: Path) -> None:
    class FullDisk(FileSnapshotStore):
        full = True

        def write(self, name: str, lines: object) -> None:
            if self.full:
                raise OSError(28, "No space left on device")
            super().write(name, lines)  # type: ignore[arg-type]

    store = FullDisk(folder)
    engine = open_world(log, store)
    follower = standby(log, store, every=10, keep=2)
    run(follower.turn())
    trade(engine, log, 1, 30)
    run(follower.turn())
    assert store.names() == []
    store.full = False
    trade(engine, log, 2, 30)
    run(follower.turn())
    assert len(store.names()) == 1
