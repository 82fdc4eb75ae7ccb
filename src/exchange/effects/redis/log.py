"""The log on a Redis-compatible server, twice: blocking for processes that have nothing else to do, and asynchronous.

Connections are held here, not in a pool, and nothing is retried: a retried XADD is a second command, and a connection
that comes back unseen may come back to a restarted server. Every lost connection is somebody's `LogUnavailable`.

What a server does while its client computes costs the client nothing. So the blocking log reads ahead: who reads many
entries at once will want those that follow, and they are asked for before these are given away.
"""

import asyncio
import time
from collections.abc import Awaitable, Generator, Sequence
from typing import Final, TypeVar, cast

from exchange.effects.failpoints import reached
from exchange.effects.ports import EffectError, Fenced
from exchange.effects.redis import room as redis_room
from exchange.effects.redis import wire
from exchange.effects.redis.address import Address
from exchange.effects.redis.appends import Appender, Told
from exchange.effects.redis.clock import appends
from exchange.effects.redis.link import Answer, AsyncLink, Link
from exchange.effects.redis.reads import Reads, settling
from exchange.effects.redis.room import Room
from exchange.effects.redis.wire import Refusal
from exchange.settings import Fsync
from exchange.terms.stream import START, CommandEntry, EventEntry, Head, StreamId, format_id, genesis_head

T = TypeVar("T")

TIMEOUT = 5.0
"""Seconds until a server that does not answer counts as unavailable."""

_LONGEST_WAIT_MS = 3_000
_PATIENCE: Final = 300
"""Milliseconds, for each second of the timeout, that replicas are waited for: a read that waited before that, as long
as it may, is still answered in time."""
_READ_AHEAD_FROM: Final = 50
"""After fewer entries than this there is not likely to be more, and asking would only hold up a lone one's result."""


def run(life: Awaitable[T]) -> T:
    """Drive what never suspends, such as a role on a `BlockingRedisLog`, to its end."""
    steps = life.__await__()
    try:
        next(steps)
    except StopIteration as end:
        result: T = end.value
        return result
    cast(Generator[object, None, T], steps).close()
    raise RuntimeError("the coroutine suspended: it waits for something that does not block")


class BlockingRedisLog:
    """The `Log` over one blocking connection, opened when first used. Not for several threads."""

    def __init__(
        self,
        url: str,
        commands_key: str,
        events_key: str,
        timeout: float = TIMEOUT,
        *,
        name: str = "",
        replicas: int = 0,
        replicas_on_disk: bool = False,
        fsync: Fsync = "always",
        clock_key: str = "",
    ) -> None:
        """Nothing is connected yet.

        Args:
            name: the role's word, by which the server knows the connection: `exchange/<name>/<pid>/<position>`.
            replicas: entries are given out once so many replicas of the server have them…
            replicas_on_disk: … on their disks.
            fsync: the server's `appendfsync`: what `settled` goes by.
            clock_key: where a sandbox keeps its clock; see `clock`.

        Raises:
            ValueError: the URL makes no sense.
        """
        self._fsync = fsync
        patience_ms = int(timeout * _PATIENCE)
        self._reads = Reads(events_key, patience_ms, name=name, replicas=replicas, on_disk=replicas_on_disk)
        self._looks = Reads(events_key, patience_ms, replicas=replicas, on_disk=replicas_on_disk)
        self._link = Link(Address.of(url).greeted(*self._reads.greeting), timeout)
        self._appends = appends(commands_key, clock_key)
        self._commands = _Reading(self._link, self._reads, commands_key)
        self._events = _Reading(self._link, self._reads, events_key)
        self._wait_ms = min(_LONGEST_WAIT_MS, int(timeout * 600))

    def close(self) -> None:
        """Let the connection go; the next call opens another."""
        self._link.close()

    def refuse_unfit(self) -> None:
        """See that the server will not throw the log away to save memory.

        Raises:
            EffectError: its eviction policy may evict streams.
            LogUnavailable.
        """
        policy = wire.info_field(self._call("INFO", "memory"), "maxmemory_policy")
        if policy.startswith("allkeys"):
            raise EffectError(
                f"the stream server may evict the log (maxmemory-policy {policy}): set maxmemory-policy noeviction"
            )

    async def incarnation(self) -> str:
        """See `Log.incarnation`."""
        return wire.info_field(self._call("INFO", "server"), "run_id")

    async def append(self, raw: bytes) -> StreamId:
        """See `Log.append`."""
        return self.append_many([raw])[0]

    def append_many(self, raws: Sequence[bytes]) -> list[StreamId]:
        """Append commands in one write, in order, and give their ids.

        Raises:
            LogUnavailable, LogFull: some of them may have been appended.
        """
        if not raws:
            return []
        (answer,) = self._link.ask(self._appends.request(raws))
        ids = []
        for id in self._appends.ids(len(raws), self._link.wait(answer)):
            if isinstance(id, Refusal):
                raise wire.refused(str(id))
            ids.append(id)
        return ids

    async def commands(self, after: StreamId, count: int, wait_ms: int = 0) -> list[CommandEntry]:
        """See `Log.commands`."""
        return wire.command_entries(self._commands.read(after, count, min(wait_ms, self._wait_ms)))

    async def events(self, after: StreamId, count: int, wait_ms: int = 0) -> list[EventEntry]:
        """See `Log.events`."""
        return wire.event_entries(self._events.read(after, count, min(wait_ms, self._wait_ms)))

    async def event(self, id: StreamId) -> EventEntry | None:
        """See `Log.event`."""
        return wire.first_event(self._look("XRANGE", self._events.key, format_id(id), format_id(id)))

    async def head(self) -> Head:
        """See `Log.head`."""
        top = wire.first_event(self._look("XREVRANGE", self._events.key, "+", "-", "COUNT", 1))
        if top is not None:
            return Head(top.id, top.chain)
        if not self._call("EXISTS", self._events.key):
            return genesis_head()
        return wire.head_of_emptied(self._call("XINFO", "STREAM", self._events.key))

    async def settled(self) -> None:
        """See `Log.settled`."""
        if self._fsync == "everysec":
            self._settle()

    def publish(self, built_on: Head, entries: Sequence[EventEntry]) -> Awaitable[None]:
        """See `Log.publish`: the batch is on its way when this returns."""
        request = wire.compare_and_append(self._events.key, built_on, entries)
        # What was read ahead has to be here before: a connection holds some 200 KB, and the server would keep the rest
        # until it has carried out the publication.
        self._commands.fetch()
        (answer,) = self._link.ask(request)
        reached("mid_publish")
        return _Publication(self, built_on, entries, answer)

    def published(self, built_on: Head, entries: Sequence[EventEntry], answer: Answer) -> None:
        """Wait for the answer to a publication.

        Raises:
            Fenced, LogUnavailable, LogFull.
        """
        (reply,) = self._link.wait(answer)
        if isinstance(reply, Refusal) and reply.unknown_script:
            (answer,) = self._link.ask(wire.compare_and_append(self._events.key, built_on, entries, by_text=True))
            (reply,) = self._link.wait(answer)
        _see_published(reply, built_on)

    def _settle(self) -> None:
        steps = settling()
        try:
            step = next(steps)
            while True:
                if isinstance(step, float):
                    time.sleep(step)
                    step = next(steps)
                else:
                    (answer,) = self._link.ask(step)
                    step = steps.send(self._link.wait(answer))
        except StopIteration:
            return

    def _call(self, *command: wire.Argument) -> object:
        (answer,) = self._link.ask(wire.request(*command))
        return _only(self._link.wait(answer))

    def _look(self, *command: wire.Argument) -> object:
        (answer,) = self._link.ask(self._looks.request(wire.request(*command), START))
        return self._looks.reply(self._link.wait(answer))


class _Publication:
    """A batch on its way; awaiting it gives the answer."""

    def __init__(self, log: BlockingRedisLog, built_on: Head, entries: Sequence[EventEntry], answer: Answer) -> None:
        self._log = log
        self._built_on = built_on
        self._entries = entries
        self._answer = answer

    def __await__(self) -> Generator[None, None, None]:
        yield from ()  # it never suspends
        self._log.published(self._built_on, self._entries, self._answer)


class _Reading:
    """Reads one stream, and remembers from where it would go on."""

    def __init__(self, link: Link, reads: Reads, key: str) -> None:
        self.key = key
        self._link = link
        self._reads = reads
        self._end: StreamId | None = None
        self._count = 0
        self._ahead: Answer | None = None
        """What follows `_end`, up to `_count` entries, asked for and not looked at yet."""

    def read(self, after: StreamId, count: int, wait_ms: int) -> wire.Raw:
        """Entries above `after`. What was read ahead may lack the latest, so that there are none is asked anew: who has
        seen a command's result counts on finding the command.

        Raises:
            LogUnavailable, EffectError.
        """
        raw: wire.Raw = []
        ahead, self._ahead = self._ahead, None
        if ahead is not None and not ahead.lost and after == self._end and count == self._count:
            raw = wire.read_entries(self._reads.reply(self._link.wait(ahead)))
        if not raw:
            (answer,) = self._link.ask(self._reads.request(wire.xread(self.key, after, count, wait_ms), after))
            raw = wire.read_entries(self._reads.reply(self._link.wait(answer)))
        self._end = wire.stream_id(raw[-1][0]) if raw else after
        self._count = count
        if len(raw) >= _READ_AHEAD_FROM:
            (self._ahead,) = self._link.ask(self._reads.request(wire.xread(self.key, self._end, count), self._end))
        return raw

    def fetch(self) -> None:
        """See that what was read ahead is here.

        Raises:
            LogUnavailable.
        """
        if self._ahead is not None:
            self._link.wait(self._ahead)


class AsyncRedisLog:
    """The `Log` for an event loop. Three connections, opened when first used: one for reads that may wait, one for
    short questions, one for appends.

    One reader at a time: a read that waits holds up another one of the same log. Give a second reader a log of its own.
    """

    def __init__(
        self,
        url: str,
        commands_key: str,
        events_key: str,
        timeout: float = TIMEOUT,
        *,
        name: str = "",
        replicas: int = 0,
        replicas_on_disk: bool = False,
        fsync: Fsync = "always",
        clock_key: str = "",
    ) -> None:
        """Nothing is connected yet; the options are those of `BlockingRedisLog`.

        Raises:
            ValueError: the URL makes no sense.
        """
        self._fsync = fsync
        patience_ms = int(timeout * _PATIENCE)
        self._reads = Reads(events_key, patience_ms, name=name, replicas=replicas, on_disk=replicas_on_disk)
        self._looks = Reads(events_key, patience_ms, replicas=replicas, on_disk=replicas_on_disk)
        address = Address.of(url).greeted(*self._reads.greeting)
        self._readings = AsyncLink(address, timeout)
        self._questions = AsyncLink(address, timeout)
        self._appends = Appender(AsyncLink(address, timeout), commands_key, clock_key)
        self._commands_key = commands_key
        self._events_key = events_key
        self._wait_ms = min(_LONGEST_WAIT_MS, int(timeout * 600))

    async def aclose(self) -> None:
        """Let the connections go; appends in flight end in `LogUnavailable`."""
        for connection in (self._readings, self._questions, self._appends):
            connection.close()

    async def incarnation(self) -> str:
        """See `Log.incarnation`."""
        return wire.info_field(await self._ask("INFO", "server"), "run_id")

    async def room(self) -> Room:
        """How much room the server has now.

        Raises:
            LogUnavailable.
        """
        return redis_room.room_of(await self._questions.call(redis_room.QUESTION))

    def pin(self, incarnation: str) -> None:
        """From now on append to this incarnation of the server only; any other is `LogUnavailable`.

        An id belongs to one incarnation: a restarted server that lost its tail gives lost ids again, to other commands.
        """
        self._appends.incarnation = incarnation

    async def append(self, raw: bytes) -> StreamId:
        """Append a command and give its id. Callers of one turn of the loop share a write, and so do all that come
        while two writes are under way."""
        return await self._appends.append(raw)

    def submit(self, raw: bytes, told: Told) -> None:
        """Append a command without waiting: `told` is called with what came of it."""
        self._appends.submit(raw, told)

    async def commands(self, after: StreamId, count: int, wait_ms: int = 0) -> list[CommandEntry]:
        """See `Log.commands`."""
        return wire.command_entries(await self._read(self._commands_key, after, count, wait_ms))

    async def events(self, after: StreamId, count: int, wait_ms: int = 0) -> list[EventEntry]:
        """See `Log.events`."""
        return wire.event_entries(await self._read(self._events_key, after, count, wait_ms))

    async def event(self, id: StreamId) -> EventEntry | None:
        """See `Log.event`."""
        place = format_id(id)
        return wire.first_event(await self._look("XRANGE", self._events_key, place, place))

    async def head(self) -> Head:
        """See `Log.head`."""
        top = wire.first_event(await self._look("XREVRANGE", self._events_key, "+", "-", "COUNT", 1))
        if top is not None:
            return Head(top.id, top.chain)
        if not await self._ask("EXISTS", self._events_key):
            return genesis_head()
        return wire.head_of_emptied(await self._ask("XINFO", "STREAM", self._events_key))

    async def settled(self) -> None:
        """See `Log.settled`."""
        if self._fsync == "always":
            return
        steps = settling()
        try:
            step = next(steps)
            while True:
                if isinstance(step, float):
                    await asyncio.sleep(step)
                    step = next(steps)
                else:
                    step = steps.send(await self._questions.call(step))
        except StopIteration:
            return

    async def publish(self, built_on: Head, entries: Sequence[EventEntry]) -> None:
        """See `Log.publish`: the batch is sent when this is awaited."""
        (reply,) = await self._questions.call(wire.compare_and_append(self._events_key, built_on, entries))
        if isinstance(reply, Refusal) and reply.unknown_script:
            request = wire.compare_and_append(self._events_key, built_on, entries, by_text=True)
            (reply,) = await self._questions.call(request)
        _see_published(reply, built_on)

    async def _read(self, key: str, after: StreamId, count: int, wait_ms: int) -> wire.Raw:
        request = self._reads.request(wire.xread(key, after, count, min(wait_ms, self._wait_ms)), after)
        return wire.read_entries(self._reads.reply(await self._readings.call(request)))

    async def _look(self, *command: wire.Argument) -> object:
        return self._looks.reply(await self._questions.call(self._looks.request(wire.request(*command), START)))

    async def _ask(self, *command: wire.Argument) -> object:
        return _only(await self._questions.call(wire.request(*command)))


def _only(replies: Sequence[object]) -> object:
    (reply,) = replies
    if isinstance(reply, Refusal):
        raise wire.refused(str(reply))
    return reply


def _see_published(reply: object, built_on: Head) -> None:
    if isinstance(reply, Refusal):
        raise wire.refused(str(reply))
    if not reply:
        raise Fenced(f"the event stream does not end on {built_on!r}")
