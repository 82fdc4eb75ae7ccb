"""The log on a Redis-compatible server, twice: blocking for processes that have nothing else to do, and asynchronous.

Connections are held here, not in a pool, and nothing is retried: a retried XADD is a second command, and a connection
that comes back unseen may come back to a restarted server. Every lost connection is somebody's `LogUnavailable`.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from redis import connection as blocking
from redis.asyncio import connection as nonblocking
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.retry import Retry

from exchange.effects import redis_wire as wire
from exchange.effects.failpoints import reached
from exchange.effects.ports import EffectError, Fenced, LogUnavailable
from exchange.terms.stream import CommandEntry, EventEntry, Head, StreamId, format_id, genesis_head

T = TypeVar("T")

TIMEOUT = 5.0
"""Seconds until a server that does not answer counts as unavailable."""

_LONGEST_WAIT_MS = 3_000
_READ_SIZE = 1 << 18
_APPENDS_AT_ONCE = 1_000


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Drive a coroutine that never suspends, such as a role on a `BlockingRedisLog`, to its end."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("the coroutine suspended: it waits for something that does not block")


class BlockingRedisLog:
    """The `Log` over one blocking connection, opened when first used. Not for several threads."""

    def __init__(self, url: str, commands_key: str, events_key: str, timeout: float = TIMEOUT) -> None:
        options: dict[str, Any] = blocking.parse_url(url)  # type: ignore[no-untyped-call]
        kind = options.pop("connection_class", blocking.Connection)
        self._connection = kind(
            **options,
            protocol=2,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            socket_read_size=_READ_SIZE,
            retry=Retry(NoBackoff(), 0),
            driver_info=None,
        )
        self._commands_key = commands_key
        self._events_key = events_key
        self._wait_ms = min(_LONGEST_WAIT_MS, int(timeout * 600))

    def close(self) -> None:
        """Let the connection go; the next call opens another."""
        self._connection.disconnect()

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
        return wire.stream_id(self._call(*wire.xadd(self._commands_key, raw)))

    def append_many(self, raws: Sequence[bytes]) -> list[StreamId]:
        """Append commands in one write, in order, and give their ids.

        Raises:
            LogUnavailable, LogFull: some of them may have been appended.
        """
        pack = self._connection.pack_commands
        try:
            self._connection.send_packed_command(pack([wire.xadd(self._commands_key, raw) for raw in raws]))
            replies = [self._reply() for _ in raws]
        except (RedisError, OSError) as error:
            self.close()  # replies to the rest may still be on their way
            raise wire.failure(error) from error
        return [wire.stream_id(reply) for reply in replies]

    async def commands(self, after: StreamId, count: int, wait_ms: int = 0) -> list[CommandEntry]:
        """See `Log.commands`."""
        reply = self._call(*wire.xread(self._commands_key, after, count, min(wait_ms, self._wait_ms)))
        return wire.command_entries(wire.read_entries(reply))

    async def events(self, after: StreamId, count: int, wait_ms: int = 0) -> list[EventEntry]:
        """See `Log.events`."""
        reply = self._call(*wire.xread(self._events_key, after, count, min(wait_ms, self._wait_ms)))
        return wire.event_entries(wire.read_entries(reply))

    async def event(self, id: StreamId) -> EventEntry | None:
        """See `Log.event`."""
        return wire.first_event(self._call("XRANGE", self._events_key, format_id(id), format_id(id)))

    async def head(self) -> Head:
        """See `Log.head`."""
        top = wire.first_event(self._call("XREVRANGE", self._events_key, "+", "-", "COUNT", 1))
        if top is not None:
            return Head(top.id, top.chain)
        if not self._call("EXISTS", self._events_key):
            return genesis_head()
        return wire.head_of_emptied(self._call("XINFO", "STREAM", self._events_key))

    async def publish(self, built_on: Head, entries: Sequence[EventEntry]) -> None:
        """See `Log.publish`."""
        try:
            added = self._publish(wire.compare_and_append(self._events_key, built_on, entries))
        except NoScriptError:
            added = self._publish(wire.compare_and_append(self._events_key, built_on, entries, by_text=True))
        if not added:
            raise Fenced(f"the event stream does not end on {built_on!r}")

    def _publish(self, command: wire.Command) -> object:
        try:
            self._connection.send_command(*command)
            reached("mid_publish")
            return self._reply()
        except NoScriptError:
            raise
        except (RedisError, OSError) as error:
            raise self._failure(error) from error

    def _call(self, *command: wire.Argument) -> object:
        try:
            self._connection.send_command(*command)
            return self._reply()
        except (RedisError, OSError) as error:
            raise self._failure(error) from error

    def _reply(self) -> object:
        reply: object = self._connection.read_response(disable_decoding=True)
        return reply

    def _failure(self, error: Exception) -> EffectError:
        if not isinstance(error, ResponseError):
            self.close()
        return wire.failure(error)


class AsyncRedisLog:
    """The `Log` for an event loop. Three connections, opened when first used: one for reads that may wait, one for
    short questions, one for appends.

    One reader at a time: a read that waits holds up another one of the same log. Give a second reader a log of its own.
    """

    def __init__(self, url: str, commands_key: str, events_key: str, timeout: float = TIMEOUT) -> None:
        self._reads = _Link(url, timeout)
        self._questions = _Link(url, timeout)
        self._appends = _Appends(_Link(url, timeout), commands_key)
        self._commands_key = commands_key
        self._events_key = events_key
        self._wait_ms = min(_LONGEST_WAIT_MS, int(timeout * 600))

    async def aclose(self) -> None:
        """Let the connections go; appends in flight end in `LogUnavailable`."""
        for link in (self._reads, self._questions, self._appends.link):
            await link.close()

    async def incarnation(self) -> str:
        """See `Log.incarnation`."""
        return wire.info_field(await self._questions.call(["INFO", "server"]), "run_id")

    def pin(self, incarnation: str) -> None:
        """From now on append to this incarnation of the server only; any other is `LogUnavailable`.

        An id belongs to one incarnation: a restarted server that lost its tail gives lost ids again, to other commands.
        """
        self._appends.incarnation = incarnation

    async def append(self, raw: bytes) -> StreamId:
        """Append a command and give its id. Callers of one turn of the loop, and all that come while a write is under
        way, share the next write."""
        return await self._appends.append(raw)

    async def commands(self, after: StreamId, count: int, wait_ms: int = 0) -> list[CommandEntry]:
        """See `Log.commands`."""
        command = wire.xread(self._commands_key, after, count, min(wait_ms, self._wait_ms))
        return wire.command_entries(wire.read_entries(await self._reads.call(command)))

    async def events(self, after: StreamId, count: int, wait_ms: int = 0) -> list[EventEntry]:
        """See `Log.events`."""
        command = wire.xread(self._events_key, after, count, min(wait_ms, self._wait_ms))
        return wire.event_entries(wire.read_entries(await self._reads.call(command)))

    async def event(self, id: StreamId) -> EventEntry | None:
        """See `Log.event`."""
        place = format_id(id)
        return wire.first_event(await self._questions.call(["XRANGE", self._events_key, place, place]))

    async def head(self) -> Head:
        """See `Log.head`."""
        newest = await self._questions.call(["XREVRANGE", self._events_key, "+", "-", "COUNT", 1])
        top = wire.first_event(newest)
        if top is not None:
            return Head(top.id, top.chain)
        if not await self._questions.call(["EXISTS", self._events_key]):
            return genesis_head()
        return wire.head_of_emptied(await self._questions.call(["XINFO", "STREAM", self._events_key]))

    async def publish(self, built_on: Head, entries: Sequence[EventEntry]) -> None:
        """See `Log.publish`."""
        command = wire.compare_and_append(self._events_key, built_on, entries)
        (reply,) = await self._questions.call_many([command])
        if isinstance(reply, NoScriptError):
            command = wire.compare_and_append(self._events_key, built_on, entries, by_text=True)
            (reply,) = await self._questions.call_many([command])
        if isinstance(reply, ResponseError):
            raise wire.failure(reply)
        if not reply:
            raise Fenced(f"the event stream does not end on {built_on!r}")


class _Link:
    """One connection, one exchange at a time. After anything unexpected it is closed: what else comes on it would be
    taken for the answer to something else."""

    def __init__(self, url: str, timeout: float) -> None:
        options = dict(nonblocking.parse_url(url))
        kind: Any = options.pop("connection_class", nonblocking.Connection)
        self._connection: nonblocking.AbstractConnection = kind(
            **options,
            protocol=2,
            socket_timeout=None,  # one timeout around the whole exchange is cheaper than one around each reply
            socket_connect_timeout=timeout,
            socket_read_size=_READ_SIZE,
            retry=AsyncRetry(NoBackoff(), 0),
            driver_info=None,
        )
        self._timeout = timeout
        self._lock = asyncio.Lock()
        self._incarnation = ""

    async def call(self, command: wire.Command) -> object:
        """One command, one reply.

        Raises:
            LogUnavailable, LogFull, EffectError.
        """
        (reply,) = await self.call_many([command])
        if isinstance(reply, ResponseError):
            raise wire.failure(reply)
        return reply

    async def call_many(self, commands: list[wire.Command], incarnation: str = "") -> list[object]:
        """Commands in one write, and their replies in order, refusals among them as `ResponseError`s.

        Args:
            incarnation: say nothing to a server with another run id than this, if one is given.

        Raises:
            LogUnavailable: any of them may have been done.
            EffectError: the log-in was refused.
        """
        async with self._lock:
            try:
                async with asyncio.timeout(self._timeout):
                    if incarnation:
                        await self._identify(incarnation)
                    await self._connection.send_packed_command(self._connection.pack_commands(commands))
                    return [await self._reply() for _ in commands]
            except TimeoutError as error:
                await self.close()
                raise LogUnavailable(f"no answer within {self._timeout:g} s") from error
            except (RedisError, OSError) as error:
                await self.close()
                raise wire.failure(error) from error
            except BaseException:
                await self.close()
                raise

    async def close(self) -> None:
        """Close the connection; the next call opens another."""
        await self._connection.disconnect(nowait=True)

    async def _identify(self, incarnation: str) -> None:
        if not self._connection.is_connected:
            await self._connection.connect()  # type: ignore[no-untyped-call]
            self._incarnation = ""
        if not self._incarnation:
            await self._connection.send_packed_command(self._connection.pack_commands([["INFO", "server"]]))
            self._incarnation = wire.info_field(await self._reply(), "run_id")
        if self._incarnation != incarnation:
            raise LogUnavailable("the stream server was restarted, and its log has not been read again yet")

    async def _reply(self) -> object:
        try:
            reply: object = await self._connection.read_response(disable_decoding=True)
        except ResponseError as error:
            return error
        return reply


class _Appends:
    """Appends of many callers in few writes: while one write waits for its replies, the next one gathers."""

    def __init__(self, link: _Link, key: str) -> None:
        self.link = link
        self.incarnation = ""
        self._key = key
        self._gathered: list[tuple[bytes, asyncio.Future[StreamId]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def append(self, raw: bytes) -> StreamId:
        """Append one command; see `Log.append`."""
        answer: asyncio.Future[StreamId] = asyncio.get_running_loop().create_future()
        self._gathered.append((raw, answer))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        return await answer

    async def _write(self) -> None:
        try:
            while self._gathered:
                batch = self._gathered[:_APPENDS_AT_ONCE]
                del self._gathered[:_APPENDS_AT_ONCE]
                await self._write_batch(batch)
        finally:
            self._writer = None

    async def _write_batch(self, batch: list[tuple[bytes, asyncio.Future[StreamId]]]) -> None:
        error: BaseException = LogUnavailable("the append was given up")
        replies: list[object] = []
        try:
            commands = [wire.xadd(self._key, raw) for raw, _ in batch]
            replies = await self.link.call_many(commands, self.incarnation)
        except EffectError as refused:
            error = refused
        finally:
            for place, (_, answer) in enumerate(batch):
                if answer.done():
                    continue
                reply = replies[place] if replies else error
                if isinstance(reply, ResponseError):
                    answer.set_exception(wire.failure(reply))
                elif isinstance(reply, BaseException):
                    answer.set_exception(reply)
                else:
                    answer.set_result(wire.stream_id(reply))
