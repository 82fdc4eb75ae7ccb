"""Appends of many callers in few writes.

Callers of one turn of the event loop share a write. At most two writes are unanswered: one that the server carries out,
and one that it finds when it is done, so that it never waits for this process. What comes meanwhile gathers for the
next. So a lone caller waits for nobody, and the slower the server's disk, the more callers share a write to it.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from exchange.effects.ports import EffectError, LogUnavailable
from exchange.effects.redis import wire
from exchange.effects.redis.clock import appends
from exchange.effects.redis.link import Answer, AsyncLink
from exchange.effects.redis.wire import Refusal
from exchange.terms.stream import StreamId

_UNANSWERED: Final = 2
_AT_ONCE: Final = 2_000

Told = Callable[[StreamId | EffectError], bool]
"""Takes what came of an append, and says whether anybody still waited for it. It must not raise."""

_Caller = tuple[bytes, Told]


class Appender:
    """Appends to one stream over one connection, and only to one `incarnation` of the server if that is given; at the
    time of a sandbox's clock if there is one."""

    def __init__(self, link: AsyncLink, key: str, clock_key: str = "") -> None:
        self._link = link
        self.incarnation = ""
        self._appends = appends(key, clock_key)
        self._gathered: list[_Caller] = []
        self._unanswered = 0
        self._due = False
        self._opening: asyncio.Task[None] | None = None
        self._known: tuple[object, str] = (None, "")
        """A connection, and the incarnation of the server at its other end."""

    async def append(self, raw: bytes) -> StreamId:
        """Append one command.

        Raises:
            LogUnavailable: it may or may not have been appended.
            LogFull: it was not.
            EffectError: the log-in was refused.
        """
        answer: asyncio.Future[StreamId] = asyncio.get_running_loop().create_future()

        def told(came: StreamId | EffectError) -> bool:
            if answer.done():
                return False  # the caller gave up
            if isinstance(came, EffectError):
                answer.set_exception(came)
            else:
                answer.set_result(came)
            return True

        self.submit(raw, told)
        return await answer

    def submit(self, raw: bytes, told: Told) -> None:
        """Append one command after those before it, and tell what came of it: its id, or what `append` would raise."""
        self._gathered.append((raw, told))
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._write)

    def close(self) -> None:
        """Let the connection go; whoever waits hears `LogUnavailable`."""
        if self._opening is not None:
            self._opening.cancel()
        gathered, self._gathered = self._gathered, []
        _fail(gathered, LogUnavailable("the connection was closed"))
        self._link.close()

    def _write(self) -> None:
        """Send what has gathered, as far as that may be now."""
        self._due = False
        if not self._gathered or self._opening is not None:
            return
        if self._link.open and (not self.incarnation or self._known == (self._link.line, self.incarnation)):
            self._send()
        else:
            self._opening = asyncio.create_task(self._open())

    def _send(self) -> None:
        while self._gathered and self._unanswered < _UNANSWERED:
            batch = self._gathered[:_AT_ONCE]
            del self._gathered[:_AT_ONCE]
            self._unanswered += 1
            request = self._appends.request([raw for raw, _ in batch])
            self._link.ask(request, _Batch(self, batch, request.replies))

    async def _open(self) -> None:
        error: EffectError | None = LogUnavailable("the append was given up")
        try:
            await self._link.connect()
            await self._identify()
            error = None
        except EffectError as refused:
            error = refused
        finally:
            self._opening = None
            if error is not None:
                gathered, self._gathered = self._gathered, []
                _fail(gathered, error)
        self._send()

    async def _identify(self) -> None:
        if not self.incarnation:
            return
        line = self._link.line
        if self._known[0] is not line:
            (reply,) = await self._link.call(wire.request("INFO", "server"))
            if isinstance(reply, Refusal):
                raise wire.refused(str(reply))
            if self._link.line is not line:
                raise LogUnavailable("the connection was lost")
            self._known = line, wire.info_field(reply, "run_id")
        if self._known[1] != self.incarnation:
            raise LogUnavailable("the stream server was restarted, and its log has not been read again yet")

    def answered(self, batch: list[_Caller], answer: Answer) -> bool:
        """Tell the callers of a write what came of it. Whether any of them still waited."""
        self._unanswered -= 1
        told = _fail(batch, LogUnavailable(answer.lost)) if answer.lost else self._tell(batch, answer.replies)
        self._write()
        return told

    def _tell(self, batch: list[_Caller], replies: list[object]) -> bool:
        waited = False
        for (_, told), id in zip(batch, self._appends.ids(len(batch), replies), strict=True):
            waited |= told(wire.refused(str(id)) if isinstance(id, Refusal) else id)
        return waited


class _Batch(Answer):
    """The answer to one write."""

    def __init__(self, appender: Appender, batch: list[_Caller], wanted: int) -> None:
        super().__init__(wanted)
        self._appender = appender
        self._batch = batch

    def ended(self) -> bool:
        return self._appender.answered(self._batch, self)


def _fail(callers: list[_Caller], error: EffectError) -> bool:
    waited = False
    for _, told in callers:
        waited |= told(error)
    return waited
