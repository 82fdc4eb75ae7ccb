"""The log as one process sees it: a connection to the simulated server.

What the real client must do, this one does: nothing is retried, and every lost connection is somebody's
`LogUnavailable`, so that a role can tell when the server may have become another. And like the real one it asks for the
next commands before it sends a publication.
"""

from collections.abc import Awaitable, Callable, Generator, Sequence
from functools import partial
from typing import Any

from exchange.effects.ports import Log, LogUnavailable
from exchange.terms.stream import CommandEntry, EventEntry, Head, StreamId
from tests.simulation.scheduler import Process, Wait
from tests.simulation.server import Server


class SimLog(Log):
    """The port `Log`, as one process sees the server, and what else that process may ask of it.

    It is one connection. A connection does not survive the server: the first call after a restart fails, and only the
    next one connects again, so that calls between two failures have all been answered by one incarnation. With `only`
    it asks at each connecting which incarnation it is, and refuses any but that one.
    """

    def __init__(self, server: Server, process: Process, only: str = "") -> None:
        self._server = server
        self._process = process
        self._life = 0
        self._only = only
        self._publishes = f"{process.name.split('-')[0]} publishes"
        self._end: tuple[StreamId, int] | None = None
        self._published: Wait[Any] | None = None
        self._ahead: Wait[list[CommandEntry]] | None = None
        """The commands after `_end`, asked for before the last publication."""
        process.on_death.append(lambda: server.forget(process))

    def _send(self, run: Callable[[], Any], blocks_us: int = 0, ahead: Callable[[], Any] | None = None) -> Wait[Any]:
        """Send a request, and another one `ahead` of it in the same write."""
        server = self._server
        if self._life != server.life:
            self.lost()
            connected, self._life = self._life, server.life
            if connected or (self._only and self._only != server.run_id):
                self._life = 0 if self._only else self._life
                self._process.check()
                failed: Wait[Any] = Wait(server.scheduler)
                server.scheduler.later(0, lambda: failed.fail(LogUnavailable("connection reset, or another one")))
                return failed
        if ahead is not None:
            self._ahead = server.request(self._process, ahead)
        return server.request(self._process, run, blocks_us)

    async def _ask(self, run: Callable[[], Any], blocks_us: int = 0) -> Any:
        return await self.answered(self._send(run, blocks_us))

    async def answered(self, wait: Wait[Any]) -> Any:
        """Wait for the answer to a request."""
        try:
            return await wait
        except LogUnavailable:
            self._life = 0
            self.lost()
            raise

    def lost(self) -> None:
        """With the connection goes what was asked for on it."""
        self._ahead = None

    async def incarnation(self) -> str:
        """See `ports.Log`; so for the methods below."""
        life: str = await self._ask(lambda: self._server.run_id)
        return life

    async def append(self, raw: bytes) -> StreamId:
        id: StreamId = await self._ask(lambda: self._server.append([b"c", raw]))
        return id

    async def append_fields(self, fields: list[bytes]) -> StreamId:
        """Append anything at all, as whoever has the server's address can."""
        id: StreamId = await self._ask(lambda: self._server.append(fields))
        return id

    async def commands(self, after: StreamId, count: int, wait_ms: int = 0) -> list[CommandEntry]:
        server = self._server
        if self._published is not None and not self._published.done:
            server.seen["commands read while publishing"] += 1
        ahead, self._ahead = self._ahead, None
        entries: list[CommandEntry] = []
        if ahead is not None and self._end == (after, count):
            entries = await self.answered(ahead)
            server.seen["read ahead"] += bool(entries)
        if entries:
            pass
        elif wait_ms:
            entries = await self._ask(lambda: server.read_commands(after, count) or None, wait_ms * 1000)
        else:
            entries = await self._ask(lambda: server.read_commands(after, count))
        self._end = (entries[-1].id if entries else after), count
        return entries

    async def events(self, after: StreamId, count: int, wait_ms: int = 0) -> list[EventEntry]:
        server = self._server
        entries: list[EventEntry]
        if wait_ms:
            entries = await self._ask(lambda: server.read_events(after, count) or None, wait_ms * 1000)
        else:
            entries = await self._ask(lambda: server.read_events(after, count))
        return entries

    async def event(self, id: StreamId) -> EventEntry | None:
        found: list[EventEntry | None] = await self._ask(lambda: [self._server.event(id)])
        return found[0]

    async def head(self) -> Head:
        head: Head = await self._ask(self._server.head)
        return head

    async def settled(self) -> None:
        end: int = await self._ask(lambda: len(self._server.file))
        if self._server.durable < end:
            raise LogUnavailable("not on the disk yet")

    def publish(self, built_on: Head, entries: Sequence[EventEntry]) -> Awaitable[None]:
        batch = list(entries)
        server = self._server
        ahead: Callable[[], Any] | None = None
        if self._end is not None and self._ahead is None:
            after, count = self._end
            ahead = partial(server.read_commands, after, count)
        server.seen[self._publishes] += 1
        self._published = self._send(lambda: server.publish(built_on, batch), ahead=ahead)
        return Publication(self, self._published)

    async def trim(self, horizon: StreamId) -> None:
        """See `ports.Trimmer.trim`."""
        await self._ask(lambda: self._server.trim(horizon))

    async def read_group(self, count: int, wait_ms: int) -> list[EventEntry]:
        """New entries of the consumer group."""
        entries: list[EventEntry] = await self._ask(lambda: self._server.read_group(count) or None, wait_ms * 1000)
        return entries

    async def read_pending(self) -> list[EventEntry]:
        """Entries that were given out before and not acknowledged."""
        entries: list[EventEntry] = await self._ask(self._server.read_pending)
        return entries

    async def acknowledge(self, ids: list[StreamId]) -> None:
        """Tell the group that these are done."""
        await self._ask(lambda: self._server.acknowledge(ids))


class Publication:
    """A batch on its way; awaiting it tells what came of it."""

    def __init__(self, log: SimLog, wait: Wait[Any]) -> None:
        self._log = log
        self._wait = wait

    def __await__(self) -> Generator[Any, None, None]:
        return self._log.answered(self._wait).__await__()
