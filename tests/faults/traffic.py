"""Callers of a log with an engine behind it, through whatever is done to the log's server.

The engine runs in a thread; the callers wait for their results as a gateway does. What they were told is kept: `told`
has the results, `appended` the ids of commands that the server acknowledged. In doubt a caller goes on with its next
command.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from exchange.commands.types import OpenAccount
from exchange.commands.writer import CommandWriter
from exchange.effects.clock import BlockingClock
from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import LogUnavailable
from exchange.effects.redis.log import AsyncRedisLog, BlockingRedisLog, run
from exchange.events.awaiting import await_result
from exchange.events.replies import Passed, ReplyWaiter
from exchange.events.tail import EventTail
from exchange.roles.engine import Engine
from exchange.terms.stream import StreamId
from tests.integration.trading import open_world

KEYS = ("t:commands", "t:events")
DEADLINE_S = 30.0


class Traffic:
    """So many callers on the server at `url`; `replicas` as the log's option."""

    def __init__(self, url: str, folder: Path, callers: int = 8, replicas: int = 0) -> None:
        self.url = url
        self.told: dict[StreamId, bytes] = {}
        self.appended: list[StreamId] = []
        self.unknown = 0
        self._store = FileSnapshotStore(folder / "snapshots")
        self._callers = callers
        self._replicas = replicas
        self._over = False
        self._engine_over = threading.Event()

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Meanwhile there is traffic. On leaving, everybody must have ended."""
        first = BlockingRedisLog(self.url, *KEYS)
        open_world(first, self._store)
        first.close()
        thread = threading.Thread(target=self._engine, daemon=True)
        thread.start()
        logs = [AsyncRedisLog(self.url, *KEYS, timeout=2, replicas=self._replicas) for _ in range(2)]
        waiter = ReplyWaiter()
        tail = EventTail(logs[0], await logs[0].head(), waiter.deliver, wait_ms=100)
        tailing = asyncio.create_task(_follow(tail))
        callers = [asyncio.create_task(self._call(number, logs[1], waiter)) for number in range(self._callers)]
        try:
            yield
        finally:
            self._over = True
            ended = await asyncio.wait_for(asyncio.gather(*callers, return_exceptions=True), DEADLINE_S)
            self._engine_over.set()
            await asyncio.to_thread(thread.join, DEADLINE_S)
            tailing.cancel()
            await asyncio.gather(tailing, return_exceptions=True)
            for log in logs:
                await log.aclose()
        assert [error for error in ended if error is not None] == []
        assert not thread.is_alive(), "the engine hangs"
        assert len(waiter) == 0, "somebody still waits"

    async def more(self, count: int, seconds: float = DEADLINE_S) -> None:
        """Wait for so many more results."""
        wanted = len(self.told) + count
        deadline = time.monotonic() + seconds
        while len(self.told) < wanted:
            assert time.monotonic() < deadline, f"{len(self.told)} of {wanted} results"
            await asyncio.sleep(0.002)

    def _engine(self) -> None:
        log = BlockingRedisLog(self.url, *KEYS, timeout=2, replicas=self._replicas)
        run(Engine(log, self._store, BlockingClock(), wait_ms=20).run(self._engine_over.is_set))
        log.close()

    async def _call(self, number: int, log: AsyncRedisLog, waiter: ReplyWaiter) -> None:
        writer = CommandWriter(log)
        turn = 0
        while not self._over:
            turn += 1
            ref = f"caller-{number}-{turn}"
            try:
                id = await writer.append(OpenAccount(ref))
                self.appended.append(id)
                payload = (await await_result(waiter, id, 2.0, log)).payload
            except (LogUnavailable, TimeoutError, Passed):
                self.unknown += 1
                await asyncio.sleep(0.01)
            else:
                assert b'"ref":"%b"' % ref.encode() in payload, "somebody else's result"
                self.told[id] = payload


async def _follow(tail: EventTail) -> None:
    while True:
        try:
            await tail.turn()
        except LogUnavailable:
            tail.connected = False
            await asyncio.sleep(0.01)
