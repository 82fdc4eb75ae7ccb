"""Commands and their results find each other, whatever comes first; and the tail delivers each entry once, in order."""

import asyncio
import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import redis.asyncio

from exchange.commands.types import OpenAccount
from exchange.commands.writer import CommandWriter
from exchange.effects.clock import BlockingClock
from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import LogUnavailable
from exchange.effects.redis_log import AsyncRedisLog, BlockingRedisLog, run
from exchange.embedded.valkey import ValkeyServer
from exchange.events.awaiting import await_result
from exchange.events.replies import Passed, ReplyWaiter
from exchange.events.tail import EventTail, TailLost
from exchange.roles.engine import Engine
from exchange.terms.stream import START, EventEntry, Head, StreamId, genesis_head
from tests.integration.trading import assert_sound, entries_after, open_world, some

# --- the waiter ------------------------------------------------------------------------------------------------------


def entry(number: int) -> EventEntry:
    return EventEntry((number, 0), b"%d" % number, bytes(32))


def test_the_result_comes_after_the_waiting_began() -> None:
    waiter, got = ReplyWaiter(), list[EventEntry]()
    waiter.expect((2, 0), got.append)
    for number in (1, 2, 3):
        waiter.deliver(entry(number))
    assert [one.id for one in got] == [(2, 0)]
    assert len(waiter) == 0


def test_the_result_came_before_the_waiting_began() -> None:
    waiter, got = ReplyWaiter(), list[EventEntry]()
    for number in (1, 2, 3):
        waiter.deliver(entry(number))
    waiter.expect((2, 0), got.append)
    assert [one.id for one in got] == [(2, 0)]
    assert len(waiter) == 0


def test_a_result_that_is_no_longer_remembered_is_told_to_have_passed() -> None:
    waiter = ReplyWaiter(ring=10)
    for number in range(1, 21):
        waiter.deliver(entry(number))
    got: list[EventEntry] = []
    waiter.expect((11, 0), got.append)
    assert len(got) == 1
    with pytest.raises(Passed):
        waiter.expect((10, 0), got.append)
    assert len(waiter) == 0


def test_who_was_forgotten_is_not_called() -> None:
    waiter, got = ReplyWaiter(), list[EventEntry]()
    waiter.expect((1, 0), got.append)
    waiter.forget((1, 0))
    waiter.forget((7, 0))
    waiter.deliver(entry(1))
    assert got == []


def test_two_cannot_wait_for_one_command() -> None:
    waiter = ReplyWaiter()
    waiter.expect((1, 0), lambda _entry: None)
    with pytest.raises(ValueError, match="already"):
        waiter.expect((1, 0), lambda _entry: None)


@pytest.mark.parametrize("seed", range(20))
def test_in_any_interleaving_everybody_is_called_exactly_once(seed: int) -> None:
    dice = random.Random(seed)
    waiter, calls = ReplyWaiter(ring=64), dict[StreamId, int]()
    to_deliver = list(range(1, 500))
    to_expect = sorted(to_deliver, key=lambda number: number + dice.randint(-30, 30))

    def counter(id: StreamId) -> Callable[[EventEntry], None]:
        def count(found: EventEntry) -> None:
            assert found.id == id
            calls[id] = calls.get(id, 0) + 1

        return count

    while to_deliver or to_expect:
        if to_deliver and (not to_expect or (dice.random() < 0.5 and to_deliver[0] <= to_expect[0] + 20)):
            waiter.deliver(entry(to_deliver.pop(0)))
        else:
            id = (to_expect.pop(0), 0)
            waiter.expect(id, counter(id))
    assert calls == {(number, 0): 1 for number in range(1, 500)}
    assert len(waiter) == 0


# --- waiting on a loop -----------------------------------------------------------------------------------------------


async def test_at_the_deadline_the_result_is_unknown_and_nothing_is_left_behind() -> None:
    waiter = ReplyWaiter()
    with pytest.raises(TimeoutError):
        await await_result(waiter, (5, 0), 0.01)
    assert len(waiter) == 0
    waiter.deliver(entry(5))
    assert (await await_result(waiter, (5, 0), 0.01)).id == (5, 0)


async def test_a_cancelled_caller_is_forgotten() -> None:
    waiter = ReplyWaiter()
    waiting = asyncio.create_task(await_result(waiter, (5, 0), 10))
    await asyncio.sleep(0)
    assert len(waiter) == 1
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    assert len(waiter) == 0
    waiter.deliver(entry(5))


async def test_a_result_that_has_passed_is_read_from_the_log(redis_url: str, streams: str) -> None:
    log = AsyncRedisLog(redis_url, f"{streams}:commands", f"{streams}:events")
    batch = entries_after(genesis_head(), 50)
    await log.publish(genesis_head(), batch)
    waiter = ReplyWaiter(ring=10)
    for one in batch:
        waiter.deliver(one)
    assert (await await_result(waiter, batch[3].id, 1, log)).payload == batch[3].payload
    with pytest.raises(Passed):
        await await_result(waiter, batch[3].id, 1)
    with pytest.raises(Passed):
        await await_result(waiter, (0, 77), 1, log)
    await log.aclose()


# --- the tail --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def log(redis_url: str, streams: str) -> AsyncIterator[AsyncRedisLog]:
    opened = AsyncRedisLog(redis_url, f"{streams}:commands", f"{streams}:events")
    yield opened
    await opened.aclose()


async def test_the_tail_delivers_each_entry_once_from_its_fixed_position(log: AsyncRedisLog) -> None:
    first = entries_after(genesis_head(), 30)
    await log.publish(genesis_head(), first)
    got: list[EventEntry] = []
    start = Head(first[9].id, first[9].chain)
    tail = EventTail(log, start, got.append, batch=7, wait_ms=20)
    while await tail.turn():
        pass
    end = Head(first[-1].id, first[-1].chain)
    more = entries_after(end, 5)
    await log.publish(end, more)
    await tail.turn()
    assert [one.id for one in got] == [one.id for one in first[10:] + more]
    assert tail.position == Head(more[-1].id, more[-1].chain)


@pytest.mark.parametrize("chain", [bytes(32), None])
async def test_a_position_that_the_stream_does_not_have_ends_the_tail(log: AsyncRedisLog, chain: bytes | None) -> None:
    batch = entries_after(genesis_head(), 10)
    await log.publish(genesis_head(), batch)
    start = Head(batch[4].id, chain) if chain else Head((batch[4].id[0], 9), batch[4].chain)
    tail = EventTail(log, start, lambda _entry: None)
    with pytest.raises(TailLost):
        await tail.turn()


async def test_a_tail_that_lags_behind_a_trim_ends_rather_than_skip(
    log: AsyncRedisLog, redis_url: str, streams: str
) -> None:
    batch = entries_after(genesis_head(), 100)
    await log.publish(genesis_head(), batch)
    got: list[EventEntry] = []
    tail = EventTail(log, genesis_head(), got.append, batch=10, wait_ms=10)
    await tail.turn()
    async with redis.asyncio.from_url(redis_url) as client:
        await client.xtrim(f"{streams}:events", maxlen=50, approximate=False)
    with pytest.raises(TailLost):
        await tail.turn()
    assert [one.id for one in got] == [one.id for one in batch[:10]]


async def test_what_the_receiver_raises_leaves_the_entry_undelivered(log: AsyncRedisLog) -> None:
    batch = entries_after(genesis_head(), 3)
    await log.publish(genesis_head(), batch)
    got: list[EventEntry] = []

    def receive(one: EventEntry) -> None:
        if len(got) == 1:
            got.append(one)
            raise RuntimeError("once")
        got.append(one)

    tail = EventTail(log, genesis_head(), receive, wait_ms=10)
    with pytest.raises(RuntimeError):
        await tail.turn()
    assert tail.position.id == batch[0].id
    await tail.turn()
    assert [one.id for one in got] == [batch[0].id, batch[1].id, batch[1].id, batch[2].id]


# --- all of it -------------------------------------------------------------------------------------------------------


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(
        tmp_path / "valkey", sockets=tmp_path / "run", log=tmp_path / "valkey.log", fsync="always", guarded=False
    )
    server.start()
    yield server
    server.stop()


async def reaches(count: Callable[[], int], wanted: int) -> None:
    deadline = time.monotonic() + 30
    while count() < wanted:
        assert time.monotonic() < deadline, f"{count()} of {wanted}"
        await asyncio.sleep(0.01)


async def follow(tail: EventTail) -> None:
    """Deliver until cancelled."""
    while True:
        try:
            await tail.turn()
        except LogUnavailable:
            tail.connected = False
            await asyncio.sleep(0.02)


async def test_every_caller_gets_its_own_result_or_a_deadline_while_the_server_restarts(
    own_server: ValkeyServer, tmp_path: Path
) -> None:
    """Many callers, an engine in a thread, a server that is killed twice: no wrong answer, nobody hangs, and what was
    answered is in the log."""
    store = FileSnapshotStore(tmp_path / "snapshots")
    keys = ("t:commands", "t:events")
    engine_log = BlockingRedisLog(own_server.url, *keys)
    open_world(engine_log, store)
    stop = threading.Event()
    engine = Engine(engine_log, store, BlockingClock(), wait_ms=20)
    thread = threading.Thread(target=lambda: run(engine.run(stop.is_set)), daemon=True)
    thread.start()

    appends, tail_log = AsyncRedisLog(own_server.url, *keys, timeout=2), AsyncRedisLog(own_server.url, *keys, timeout=2)
    waiter = ReplyWaiter()
    tail = EventTail(tail_log, await tail_log.head(), waiter.deliver, wait_ms=100)
    tailing = asyncio.create_task(follow(tail))
    writer = CommandWriter(appends)
    answers: dict[StreamId, tuple[str, bytes]] = {}
    asked = unknown = 0
    over = asyncio.Event()

    async def caller(number: int) -> None:
        nonlocal asked, unknown
        while not over.is_set():
            asked += 1
            ref = f"caller-{number}-{asked}"
            try:
                id = await writer.append(OpenAccount(ref))
                answers[id] = (ref, (await await_result(waiter, id, 5.0, appends)).payload)
            except (LogUnavailable, TimeoutError):
                unknown += 1
                await asyncio.sleep(0.05)

    callers = [asyncio.create_task(caller(number)) for number in range(16)]
    for kills in range(3):
        await reaches(lambda: len(answers), 300 * (kills + 1))
        assert own_server.child is not None
        os.kill(own_server.child.pid, signal.SIGKILL)
        await asyncio.to_thread(own_server.child.wait)
        own_server.start()  # from this thread: the server is tied to the life of the one that started it
    await reaches(lambda: len(answers), 1_200)
    over.set()
    await asyncio.wait_for(asyncio.gather(*callers), timeout=20)
    assert len(waiter) == 0
    assert len(answers) + unknown == asked
    assert unknown, "the restarts were not felt"
    for ref, payload in answers.values():
        assert b'"ref":"%b"' % ref.encode() in payload
    stop.set()
    await asyncio.to_thread(thread.join, 10)
    assert not thread.is_alive()
    tailing.cancel()
    await appends.aclose()
    await tail_log.aclose()
    machine = assert_sound(engine_log)
    assert all(ref in machine.state.refs for ref, _ in answers.values())
    engine_log.close()


async def test_a_result_that_comes_before_the_append_is_answered_finds_its_caller(
    redis_url: str, streams: str, tmp_path: Path
) -> None:
    """The engine answers while the caller is kept from seeing its command's id."""
    keys = (f"{streams}:commands", f"{streams}:events")
    blocking = BlockingRedisLog(redis_url, *keys)
    engine = open_world(blocking, FileSnapshotStore(tmp_path / "snapshots"))
    tail_log = AsyncRedisLog(redis_url, *keys)
    waiter = ReplyWaiter()
    tail = EventTail(tail_log, await tail_log.head(), waiter.deliver, wait_ms=20)
    ids = blocking.append_many(some(1, 20))
    run(engine.turn())
    while await tail.turn():
        pass
    results = await asyncio.gather(*[await_result(waiter, id, 1.0) for id in ids])
    assert [result.id for result in results] == ids
    assert START not in ids
    await tail_log.aclose()


async def test_a_pinned_log_appends_to_one_incarnation_only(own_server: ValkeyServer) -> None:
    log = AsyncRedisLog(own_server.url, "t:commands", "t:events", timeout=2)
    log.pin(await log.incarnation())
    await log.append(b"before")
    await asyncio.to_thread(own_server.stop)
    own_server.start()
    for _ in range(3):
        with pytest.raises(LogUnavailable):
            await log.append(b"unseen")
    with pytest.raises(LogUnavailable):
        await log.head()  # the connection for questions learns of the restart too
    log.pin(await log.incarnation())
    await log.append(b"after")
    assert [entry.fields for entry in await log.commands(START, 10)] == [[b"c", b"before"], [b"c", b"after"]]
    await log.aclose()
