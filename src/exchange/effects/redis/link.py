"""One connection to the stream server: `Link` for a process that blocks, `AsyncLink` for an event loop.

Requests may be sent while earlier ones are unanswered: the server answers in order, so the answers that are owed stand
in a queue, and each reply belongs to the first of them. A connection opens when first used. Whatever goes wrong on it
closes it, and leaves everything owed unanswered: nothing is sent twice, and an answer never comes from another
connection, and so never from another incarnation of the server, than the one that its request went to.
"""

import asyncio
import socket
from collections import deque
from typing import Final, cast

import hiredis

from exchange.effects.ports import LogUnavailable
from exchange.effects.redis import wire
from exchange.effects.redis.address import Address
from exchange.effects.redis.wire import Refusal, Request

_BUFFER: Final = 1 << 18


class Answer:
    """The replies to one request, as far as they have come."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.replies: list[object] = []
        self.lost = ""
        """Why no more replies will come; empty while they may."""
        self.since = 0.0
        """When it was asked for, by an event loop's clock."""

    def ended(self) -> bool:
        """All replies are there, or no more will come: for those to override who want to be told. Whether one was."""
        return False


class _Owed:
    """The answers that are still to come, in order."""

    def __init__(self) -> None:
        self.answers: deque[Answer] = deque()
        self._reader = hiredis.Reader(replyError=Refusal)
        self._reader.setmaxbuf(4 * _BUFFER)

    def take(self, data: bytes | bytearray, length: int) -> None:
        """Hand out what came off the wire.

        Raises:
            hiredis.ProtocolError, ConnectionError: it makes no sense, and so nothing after it would.
        """
        self._reader.feed(cast(bytes, data), 0, length)
        while (reply := self._reader.gets()) is not False:
            if not self.answers:
                raise ConnectionError(f"the stream server said something unasked: {reply!r}")
            answer = self.answers[0]
            answer.replies.append(reply)
            if len(answer.replies) == answer.wanted:
                self.answers.popleft().ended()

    def lose(self, reason: str) -> bool:
        """Nothing more will come. Whether anybody was told."""
        told = False
        while self.answers:
            answer = self.answers.popleft()
            answer.lost = reason
            told = answer.ended() or told
        return told


class Link:
    """A blocking connection. Not for several threads."""

    def __init__(self, address: Address, seconds: float) -> None:
        self._address = address
        self._seconds = seconds
        self._socket: socket.socket | None = None
        self._owed = _Owed()
        self._buffer = bytearray(_BUFFER)

    def ask(self, *requests: Request) -> list[Answer]:
        """Send requests in one write; their answers, none of which need have come.

        Raises:
            LogUnavailable: any of them may have been done, and of those before.
            EffectError: the log-in was refused.
        """
        if self._socket is None:
            self._open()
        return self._send(requests)

    def wait(self, answer: Answer) -> list[object]:
        """The replies to a request, once all are there, refusals among them.

        Raises:
            LogUnavailable: it may have been done or not.
        """
        try:
            while len(answer.replies) < answer.wanted and not answer.lost:
                self._receive()
        except (OSError, hiredis.HiredisError) as error:
            reason = _reason(error, self._seconds)
            self.close(reason)
            raise LogUnavailable(reason) from error
        except BaseException:
            self.close("given up")
            raise
        if answer.lost:
            raise LogUnavailable(answer.lost)
        return answer.replies

    def close(self, reason: str = "the connection was closed") -> None:
        """Close the connection; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._owed.lose(reason)
        self._owed = _Owed()

    def _open(self) -> None:
        try:
            self._socket = self._address.connect(self._seconds)
        except OSError as error:
            raise LogUnavailable(_reason(error, self._seconds)) from error
        try:
            for answer in self._send(self._address.greeting):
                _welcome(self.wait(answer))
        except BaseException:
            self.close()
            raise

    def _send(self, requests: tuple[Request, ...]) -> list[Answer]:
        if not requests:
            return []
        answers = [Answer(request.replies) for request in requests]
        packed = requests[0].packed if len(requests) == 1 else b"".join([request.packed for request in requests])
        self._owed.answers.extend(answers)
        try:
            cast(socket.socket, self._socket).sendall(packed)
        except OSError as error:
            reason = _reason(error, self._seconds)
            self.close(reason)
            raise LogUnavailable(reason) from error
        except BaseException:
            self.close("given up")
            raise
        return answers

    def _receive(self) -> None:
        length = cast(socket.socket, self._socket).recv_into(self._buffer)
        if not length:
            raise ConnectionResetError("the stream server closed the connection")
        self._owed.take(self._buffer, length)


class AsyncLink:
    """A connection on an event loop. Callers may come together; their requests go out in the order of their calls."""

    def __init__(self, address: Address, seconds: float) -> None:
        self._address = address
        self._seconds = seconds
        self._line: _Line | None = None
        self._opening = asyncio.Lock()

    @property
    def open(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._line is not None and not self._line.over

    @property
    def line(self) -> object:
        """Names the connection, for who remembers something about it."""
        return self._line

    async def connect(self) -> None:
        """Open a connection unless there is one.

        Raises:
            LogUnavailable: also once after a connection was lost when nobody was waiting for an answer.
            EffectError: the log-in was refused.
        """
        async with self._opening:
            if self.open:
                return
            lost, self._line = self._line, None
            if lost is not None and lost.unheard:
                raise LogUnavailable(lost.unheard)
            try:
                async with asyncio.timeout(self._seconds):
                    self._line = await self._dialled()
            except OSError as error:
                raise LogUnavailable(_reason(error, self._seconds)) from error
            try:
                for request in self._address.greeting:
                    _welcome(await self._replies(request))
            except BaseException:
                self.close()
                raise

    def ask(self, request: Request, answer: Answer) -> None:
        """Send a request on the open connection. If it is lost meanwhile, so is the answer."""
        if self._line is None:
            answer.lost = "there is no connection"
            answer.ended()
        else:
            self._line.ask(request, answer)

    async def call(self, request: Request) -> list[object]:
        """Send a request, opening a connection if need be; its replies, refusals among them.

        Raises:
            LogUnavailable: it may have been done or not.
            EffectError: the log-in was refused.
        """
        if not self.open:
            await self.connect()
        return await self._replies(request)

    def close(self, reason: str = "the connection was closed") -> None:
        """Close the connection; the next call opens another."""
        line, self._line = self._line, None
        if line is not None:
            line.end(reason)

    async def _replies(self, request: Request) -> list[object]:
        answer = _Awaited(request.replies)
        self.ask(request, answer)
        await answer.future
        if answer.lost:
            raise LogUnavailable(answer.lost)
        return answer.replies

    async def _dialled(self) -> "_Line":
        loop = asyncio.get_running_loop()
        address = self._address

        def line() -> _Line:
            return _Line(loop, self._seconds)

        if address.path:
            _, opened = await loop.create_unix_connection(line, address.path)
        else:
            _, opened = await loop.create_connection(line, address.host, address.port, ssl=address.tls)
        return opened


class _Awaited(Answer):
    """An answer that a coroutine waits for."""

    def __init__(self, wanted: int) -> None:
        super().__init__(wanted)
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ended(self) -> bool:
        if self.future.done():
            return False
        self.future.set_result(None)
        return True


class _Line(asyncio.Protocol):
    """One connection of an `AsyncLink`, from its beginning to its end. It looks at the clock once for each time that
    requests are owed an answer, not once for each request."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._owed = _Owed()
        self._transport: asyncio.Transport | None = None
        self._watch: asyncio.TimerHandle | None = None
        self.over = False
        self.unheard = ""
        """Why it was lost, if nobody was told."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.over:
            return
        try:
            self._owed.take(data, len(data))
        except (OSError, hiredis.HiredisError) as error:
            self.end(_reason(error, self._seconds))

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(_reason(exc, self._seconds) if exc else "the stream server closed the connection")

    def ask(self, request: Request, answer: Answer) -> None:
        """Send a request."""
        if self.over or self._transport is None:
            answer.lost = "the connection was lost"
            answer.ended()
            return
        answer.since = self._loop.time()
        self._owed.answers.append(answer)
        self._transport.write(request.packed)
        if self._watch is None:
            self._watch = self._loop.call_later(self._seconds, self._look)

    def end(self, reason: str) -> None:
        """Nothing more is sent or heard."""
        if self.over:
            return
        self.over = True
        if self._watch is not None:
            self._watch.cancel()
        if self._transport is not None:
            self._transport.abort()
        if not self._owed.lose(reason):
            self.unheard = reason

    def _look(self) -> None:
        self._watch = None
        if not self._owed.answers:
            return
        left = self._owed.answers[0].since + self._seconds - self._loop.time()
        if left <= 0:
            self.end(f"no answer within {self._seconds:g} s")
        else:
            self._watch = self._loop.call_later(left, self._look)


def _welcome(replies: list[object]) -> None:
    """See that a greeting was accepted.

    Raises:
        LogUnavailable, EffectError: it was not.
    """
    for reply in replies:
        if isinstance(reply, Refusal):
            raise wire.refused(str(reply))


def _reason(error: Exception, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {seconds:g} s"
    return f"{type(error).__name__}: {error}"
