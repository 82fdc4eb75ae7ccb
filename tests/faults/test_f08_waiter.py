"""F8: who waits for a result. The event may come before the append is answered, the reader may lose its connection, the
deadline may pass: nobody hangs, nobody gets another's result; at the deadline the outcome is unknown, never refused.
"""

import asyncio
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from exchange.commands.types import OpenAccount
from exchange.commands.writer import CommandWriter
from exchange.effects.clock import BlockingClock
from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import LogUnavailable
from exchange.effects.redis.log import AsyncRedisLog, BlockingRedisLog, run
from exchange.embedded.valkey import ValkeyServer
from exchange.events.awaiting import await_result
from exchange.events.replies import ReplyWaiter
from exchange.events.tail import EventTail
from exchange.roles.engine import Engine
from exchange.settings import Settings
from exchange.terms.stream import START, EventEntry, StreamId
from tests.integration.api_world import eventually, healthy, world
from tests.integration.trading import assert_sound, open_world, some

MakeSettings = Callable[..., Settings]


@pytest.mark.parametrize("seed", range(20))
def test_f08_in_any_interleaving_everybody_is_called_exactly_once(seed: int) -> None:
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
            waiter.deliver(_entry(to_deliver.pop(0)))
        else:
            id = (to_expect.pop(0), 0)
            waiter.expect(id, counter(id))
    assert calls == {(number, 0): 1 for number in range(1, 500)}
    assert len(waiter) == 0


def _entry(number: int) -> EventEntry:
    return EventEntry((number, 0), b"%d" % number, bytes(32))


async def test_f08_at_the_deadline_the_result_is_unknown_and_nothing_is_left_behind() -> None:
    waiter = ReplyWaiter()
    with pytest.raises(TimeoutError):
        await await_result(waiter, (5, 0), 0.01)
    assert len(waiter) == 0
    waiter.deliver(_entry(5))
    assert (await await_result(waiter, (5, 0), 0.01)).id == (5, 0)


async def test_f08_a_result_that_comes_before_the_append_is_answered_finds_its_caller(
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


async def test_f08_every_caller_gets_its_own_result_or_a_deadline(own_server: ValkeyServer, tmp_path: Path) -> None:
    """Many callers, an engine in a thread, connections that break and a server that is killed: no wrong answer, nobody
    hangs, and what was answered is in the log."""
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
    with redis.Redis.from_url(own_server.url) as admin:
        for breaks in range(3):
            await reaches(lambda: len(answers), 200 * (breaks + 1))
            assert int(str(admin.client_kill_filter(_type="normal", skipme=True))) >= 3
    for kills in range(3):
        await reaches(lambda: len(answers), 600 + 300 * (kills + 1))
        assert own_server.child is not None
        os.kill(own_server.child.pid, signal.SIGKILL)
        await asyncio.to_thread(own_server.child.wait)
        own_server.start()  # from this thread: the server is tied to the life of the one that started it
    await reaches(lambda: len(answers), 1_800)
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


async def test_f08_at_the_deadline_the_outcome_is_unknown_and_never_a_refusal(
    make_settings: MakeSettings, redis_url: str, database_url: str
) -> None:
    settings = make_settings(redis_url=redis_url, database_url=database_url, demo=True)
    async with world(settings, deadline_s=0.5) as place:
        user = await place.user(INR="1000")
        await place.stop_engine()
        answers = await asyncio.gather(
            *(user.limit("buy", "10", "1", client_order_id=f"n{number}") for number in range(20)),
            user.post("/api/v1/deposits", {"asset": "INR", "amount": "5", "ref": "gift"}),
        )
        for answer in answers:
            assert (answer.status, answer.code) == (504, "unknown_outcome")
        anonymous = place.anonymous()

        async def noticed() -> bool:
            health = await anonymous.get("/healthz")
            return health.status == 503 and "has had no result" in health.data["checks"]["engine"]

        await eventually(noticed)
        assert (await user.get("/api/v1/orders")).data == {"orders": []}
        await place.start_engine()
        await eventually(lambda: healthy(place))
        for number in range(20):
            answer = await user.limit("buy", "10", "1", client_order_id=f"n{number}")
            assert answer.status == 201
        gift = await user.post("/api/v1/deposits", {"asset": "INR", "amount": "5", "ref": "gift"})
        assert gift.status == 201
        other = await user.post("/api/v1/deposits", {"asset": "INR", "amount": "6", "ref": "gift"})
        assert (other.status, other.code, other.field) == (409, "ref_reused", "ref")
        assert len((await user.get("/api/v1/orders")).data["orders"]) == 20
        assert await user.balances() == {"INR": ("805.00", "200.00")}
