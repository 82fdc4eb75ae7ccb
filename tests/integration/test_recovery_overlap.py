"""An engine that computes the next batch while the one before is being written: what it sends when, and what becomes
of the next when the one before is refused, or nobody knows."""

import os
import signal
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from pathlib import Path

import pytest

from exchange.effects.clock import BlockingClock
from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import LogFull, LogUnavailable
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.embedded.valkey import ValkeyServer
from exchange.roles.engine import Engine
from exchange.terms.stream import CommandEntry, EventEntry, Head, StreamId
from tests.integration.trading import all_events, assert_sound, drain, open_world, some


class Watched(BlockingRedisLog):
    """Notes what is asked of the log; a publication ends in the error that `refuse` gives, if it gives one."""

    def __init__(self, url: str, streams: str) -> None:
        super().__init__(url, f"{streams}:commands", f"{streams}:events")
        self.noted: list[str] = []
        self.refuse: Callable[[], Exception | None] = lambda: None

    async def commands(self, after: StreamId, count: int, wait_ms: int = 0) -> list[CommandEntry]:
        found = await super().commands(after, count, wait_ms)
        if found:
            self.noted.append(f"read {len(found)}")
        return found

    def publish(self, built_on: Head, entries: Sequence[EventEntry]) -> Awaitable[None]:
        self.noted.append(f"sent {len(entries)}")
        error = self.refuse()
        return Answer(self, None if isinstance(error, LogFull) else super().publish(built_on, entries), error)


class Answer:
    def __init__(self, log: Watched, publication: Awaitable[None] | None, error: Exception | None) -> None:
        self._log = log
        self._publication = publication
        self._error = error

    def __await__(self) -> Generator[None, None, None]:
        if self._publication is not None:
            yield from self._publication.__await__()
        self._log.noted.append("heard")
        if self._error is not None:
            raise self._error


@pytest.fixture
def watched(redis_url: str, streams: str) -> Iterator[Watched]:
    log = Watched(redis_url, streams)
    yield log
    log.close()


def engine_on(log: Watched, store: FileSnapshotStore, batch: int, overlap_from: int = 0) -> Engine:
    """An engine on a log that is open and has nothing to do."""
    open_world(log, store)
    engine = Engine(log, store, BlockingClock(), batch=batch, wait_ms=1, overlap_from=overlap_from)
    run(engine.turn())
    log.noted.clear()
    return engine


def turn_all(engine: Engine, log: Watched, turns: int) -> None:
    for _ in range(turns):
        try:
            run(engine.turn())
        except LogUnavailable:
            log.noted.append("unavailable")
            engine._memory.doubt()
        except LogFull:
            log.noted.append("full")


def test_the_next_batch_is_computed_before_and_sent_after_the_answer(
    watched: Watched, store: FileSnapshotStore
) -> None:
    engine = engine_on(watched, store, batch=100)
    watched.append_many(some(1, 250))
    turn_all(engine, watched, 5)
    assert watched.noted == [
        "read 100",
        "sent 100",
        "read 100",
        "heard",
        "sent 100",
        "read 50",
        "heard",
        "sent 50",
        "heard",
    ]
    assert_sound(watched)


def test_a_small_batch_is_heard_of_in_its_own_turn(watched: Watched, store: FileSnapshotStore) -> None:
    engine = engine_on(watched, store, batch=100, overlap_from=50)
    watched.append_many(some(1, 149))
    run(engine.turn())
    assert watched.noted == ["read 100", "sent 100"]
    run(engine.turn())
    assert watched.noted[2:] == ["read 49", "heard", "sent 49", "heard"]
    assert_sound(watched)


def test_a_refused_batch_goes_again_together_with_the_one_computed_meanwhile(
    watched: Watched, store: FileSnapshotStore
) -> None:
    engine = engine_on(watched, store, batch=100)
    watched.append_many(some(1, 250))
    errors: list[Exception | None] = [None, LogFull("no room"), LogFull("no room")]
    watched.refuse = lambda: errors.pop(0) if errors else None
    turn_all(engine, watched, 8)
    assert watched.noted == [
        *("read 100", "sent 100", "read 100", "heard", "sent 100", "read 50", "heard", "full"),
        *("sent 150", "heard", "full", "sent 150", "heard"),
    ]
    assert_sound(watched)


def test_a_batch_whose_answer_was_lost_is_looked_for_before_the_next_is_sent(
    watched: Watched, store: FileSnapshotStore
) -> None:
    engine = engine_on(watched, store, batch=100)
    watched.append_many(some(1, 250))
    errors: list[Exception | None] = [None, LogUnavailable("the answer was lost")]
    watched.refuse = lambda: errors.pop(0) if errors else None
    turn_all(engine, watched, 6)
    assert watched.noted == [
        *("read 100", "sent 100", "read 100", "heard", "sent 100", "read 50", "heard", "unavailable"),
        *("sent 50", "heard"),
    ]
    assert_sound(watched)


def test_an_engine_fenced_by_half_its_batch_goes_on_from_there(watched: Watched, store: FileSnapshotStore) -> None:
    """Another one publishes a part of what this one has computed, and then this one's next batch is ready, too."""
    engine = engine_on(watched, store, batch=100)
    other = Engine(watched, store, BlockingClock(), batch=30, wait_ms=1)
    run(other.turn())
    watched.append_many(some(1, 250))
    armed = True

    def meddle() -> None:
        nonlocal armed
        if armed:
            armed = False
            run(other.turn())

    watched.refuse = meddle
    turn_all(engine, watched, 10)
    assert len(all_events(watched)) == len(assert_sound_ids(watched))
    assert "sent 170" in watched.noted, "what was left of the fenced batch goes with the next"


def assert_sound_ids(log: BlockingRedisLog) -> list[StreamId]:
    assert_sound(log)
    return [entry.id for entry in all_events(log)]


def test_an_engine_that_is_told_to_stop_hears_of_what_is_under_way(watched: Watched, store: FileSnapshotStore) -> None:
    engine = engine_on(watched, store, batch=100)
    watched.append_many(some(1, 80))
    turns = iter([False, True])
    run(engine.run(lambda: next(turns)))
    assert watched.noted == ["read 80", "sent 80", "heard"]
    errors: list[Exception | None] = [LogUnavailable("gone")]
    watched.refuse = lambda: errors.pop(0) if errors else None
    watched.append_many(some(2, 80))
    turns = iter([False, True])
    run(engine.run(lambda: next(turns)))
    drain(Engine(watched, store, BlockingClock(), wait_ms=1), watched)
    assert_sound(watched)


@pytest.mark.parametrize("seed", range(4))
def test_a_server_that_dies_under_overlapped_publishing_loses_nothing(
    tmp_path: Path, store: FileSnapshotStore, seed: int
) -> None:
    server = ValkeyServer(
        tmp_path / "valkey", sockets=tmp_path / "run", log=tmp_path / "valkey.log", fsync="always", guarded=False
    )
    server.start()
    try:
        log = Watched(server.url, "t")
        engine = engine_on(log, store, batch=60)
        log.append_many(some(seed, 400))
        turn_all(engine, log, 1 + seed)
        assert server.child is not None
        os.kill(server.child.pid, signal.SIGKILL)
        server.child.wait()
        server.start()
        turn_all(engine, log, 10)
        assert log.noted.count("unavailable") == 1
        assert_sound(log)
        log.close()
    finally:
        server.stop()
