"""Commands and their results find each other, whatever comes first; and the tail delivers each entry once, in order."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis.asyncio

from exchange.effects.ports import LogUnavailable
from exchange.effects.redis.log import AsyncRedisLog
from exchange.embedded.valkey import ValkeyServer
from exchange.events.awaiting import await_result
from exchange.events.replies import Passed, ReplyWaiter
from exchange.events.tail import EventTail, TailLost
from exchange.terms.stream import START, EventEntry, Head, genesis_head
from tests.integration.trading import entries_after

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


# --- waiting on a loop -----------------------------------------------------------------------------------------------


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


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(
        tmp_path / "valkey", sockets=tmp_path / "run", log=tmp_path / "valkey.log", fsync="always", guarded=False
    )
    server.start()
    yield server
    server.stop()


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
