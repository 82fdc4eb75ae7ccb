"""The web server behind the plain connections, and the watch over what is handed to it.

The idea: the web server reads all of HTTP, but waits for ever for a head that does not end. So each connection that is
handed over stays behind a thin protocol which passes everything on and knows two things: whether a request is being
answered, and since when bytes have come without one. A body that does not end is the reader's matter (`Patient`).

What cannot be read as HTTP is answered in the one shape, and neither echoed nor logged: it may hold somebody's token.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Protocol, cast

import structlog
from aiohttp import web

from exchange.api.errors import ApiError, GatewayCode
from exchange.api.http.answers import Outgoing, Response, refused

HEAD_S: Final = 10.0
"""How long the head of a request may take from its first byte."""
BODY_S: Final = 20.0
"""How long its body may take."""
HANDED_IDLE_S: Final = 90.0
"""How long a connection that was handed over may lie idle."""
_LINGER_S: Final = 2.0
"""How long the rest of a body that was refused is read and dropped, so that its sender gets to the answer."""

_logger = structlog.get_logger(__name__)


class Patient(web.BaseRequest):
    """A request whose body is waited for only so long; `handed` is its connection while that is open."""

    handed: "Handed | None" = None

    @property
    def target(self) -> str:
        """Path and query as they stand in the request line."""
        return self.raw_path

    @property
    def raw_query(self) -> str:
        """The query as it came, without the question mark."""
        return self.rel_url.raw_query_string

    async def read(self) -> bytes:
        """The body.

        Raises:
            ApiError: it is too slow.
            web.HTTPException: it is too large.
        """
        try:
            async with asyncio.timeout(BODY_S):
                return await super().read()
        except TimeoutError:
            raise ApiError(GatewayCode.REQUEST_TOO_SLOW) from None


class _Handler(web.RequestHandler):
    __slots__ = ("outgoing",)

    outgoing: Outgoing

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP."""
        if status >= 500:
            _logger.error("the web server failed", exc_info=exc)
            code = GatewayCode.INTERNAL
        else:
            _logger.debug("a request could not be read", reason=type(exc).__name__)
            code = GatewayCode.MALFORMED_REQUEST
        response = Response(self.outgoing, refused(ApiError(code)))
        response.force_close()
        return response


class Behind(web.Server):
    """The web server, with errors in the one shape; compressed bodies stay compressed, and are refused."""

    def __init__(
        self,
        handler: Callable[[Patient], Awaitable[web.StreamResponse]],
        outgoing: Outgoing,
        max_body: int,
    ) -> None:
        loop = asyncio.get_running_loop()
        patient = partial(Patient, loop=loop, client_max_size=max_body)
        super().__init__(
            cast(Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], handler),
            request_factory=patient,
            access_log=None,
            auto_decompress=False,
            lingering_time=_LINGER_S,
        )
        self._outgoing = outgoing

    def __call__(self) -> web.RequestHandler:
        """The protocol for a connection."""
        handler = _Handler(self, loop=self._loop, **self._kwargs)
        handler.outgoing = self._outgoing
        return handler


class Owner(Protocol):
    """Who keeps count of connections."""

    def gone(self, connection: "Handed") -> None:
        """One is closed."""


class Handed(asyncio.Protocol):
    """A connection of the web server's; `inner` is its protocol."""

    def __init__(self, owner: Owner, inner: asyncio.Protocol, transport: asyncio.Transport, remote: str | None) -> None:
        self._owner = owner
        self._transport = transport
        self.inner = inner
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._reading = False
        self.answering = False
        self._held: Callable[[bool], None] | None = None
        self.last = self._loop.time()
        self.remote = remote
        self._wait(HANDED_IDLE_S)

    @property
    def idle(self) -> bool:
        """Whether nothing is being answered."""
        return not self.answering

    def watch(self, held: Callable[[bool], None]) -> None:
        """Tell `held` when the client does not read what is written, and when it reads again."""
        self._held = held

    def begun(self) -> None:
        """A request is being answered; a WebSocket, as long as it lasts."""
        self.answering = True
        self._stop()

    def done(self) -> None:
        """It is answered."""
        self.answering = self._reading = False
        self.last = self._loop.time()
        self._wait(HANDED_IDLE_S)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass on."""
        self.inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass on; from the first byte of a head on its time runs."""
        if not self.answering and not self._reading:
            self._reading = True
            self._wait(HEAD_S)
        self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass on."""
        return self.inner.eof_received()

    def pause_writing(self) -> None:
        """Pass on."""
        self.inner.pause_writing()
        if self._held is not None:
            self._held(True)

    def resume_writing(self) -> None:
        """Pass on."""
        self.inner.resume_writing()
        if self._held is not None:
            self._held(False)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self._stop()
        self.answering = True  # nothing is waited for any more
        self._owner.gone(self)
        self.inner.connection_lost(exc)

    def abort(self) -> None:
        """Close now."""
        self._transport.abort()

    def _wait(self, seconds: float) -> None:
        self._stop()
        if not self._transport.is_closing():
            self._timer = self._loop.call_later(seconds, self.abort)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
