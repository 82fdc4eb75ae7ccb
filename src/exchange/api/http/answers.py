"""An answer on its way out: status line, headers and body put together once and sent with one write.

The idea: but for its length, the time and a header or two an answer's head is always the same, so it is made
beforehand. The web server's own responses fill, walk and write a dictionary of headers for each answer, which cost
more than everything that the order in it needs. And answers that become known in one turn of the loop, as those to a
batch of results do, are sent one right after the other: a write that wakes a sleeping client costs three times one to a
client that is awake.

Nothing leaves the gateway without `SECURITY`; the WebSocket's handshake, the one answer that is not made here, takes
them from here too.
"""

import asyncio
import time
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

import orjson
from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter

from exchange.api import pages
from exchange.api.errors import ApiError
from exchange.terms.stream import format_id

JSON: Final = "application/json"
POSITION: Final = "X-Exchange-Position"

SECURITY: Final[Mapping[str, str]] = {
    "Content-Security-Policy": pages.POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "exchange",
}

_ALWAYS: Final = "".join(f"{name}: {value}\r\n" for name, value in SECURITY.items())
_heads: Final[dict[tuple[int, str], bytes]] = {}


class Outgoing:
    """What the present turn of the loop has to send."""

    def __init__(self) -> None:
        self._waiting: list[tuple[asyncio.Transport, bytes]] = []

    def send(self, transport: asyncio.Transport, data: bytes) -> None:
        """Write when everything that is ready now has run; to a connection that is gone by then, nothing."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._send)
        self._waiting.append((transport, data))

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for transport, data in waiting:
            if not transport.is_closing():
                transport.write(data)


class Answer:
    """A whole answer. `headers` are those beyond `SECURITY` and what follows from the rest; they hold nothing that a
    client wrote."""

    __slots__ = ("_body", "_head", "_headers")

    def __init__(
        self, status: int, body: bytes, *, content_type: str = JSON, headers: Mapping[str, str] | None = None
    ) -> None:
        self._head = _heads.get((status, content_type)) or _made(status, content_type)
        self._body = body
        self._headers = headers

    def wire(self, connection: str = "", *, with_body: bool = True) -> bytes:
        """The bytes; `connection` is what the header of that name says, empty for none."""
        more = ""
        if self._headers is not None:
            more = "".join([f"{name}: {value}\r\n" for name, value in self._headers.items()])
        if connection:
            more += f"Connection: {connection}\r\n"
        body = self._body
        return b"%b%bDate: %b\r\nContent-Length: %d\r\n\r\n%b" % (
            self._head,
            more.encode(),
            _date(),
            len(body),
            body if with_body else b"",
        )


def refused(error: ApiError, headers: Mapping[str, str] | None = None) -> Answer:
    """The answer that an error is."""
    told = dict(headers or {})
    if error.position is not None:
        told[POSITION] = format_id(error.position)
    if error.retry_after is not None:
        told[hdrs.RETRY_AFTER] = str(error.retry_after)
    if error.status == 401:
        told[hdrs.WWW_AUTHENTICATE] = "Bearer"
    return Answer(error.status, orjson.dumps(error.body()), headers=told)


class Response(web.StreamResponse):
    """An answer, for the web server to send."""

    def __init__(self, outgoing: Outgoing, answer: Answer) -> None:
        super().__init__()
        self._outgoing = outgoing
        self._answer = answer

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Send everything, and wait while the client does not read what was sent before.

        Raises:
            ConnectionError: the client is gone.
        """
        connection = ""
        if not request.keep_alive:
            self.force_close()
            connection = "close"
        else:
            self._keep_alive = True
            if request.version < HttpVersion11:
                connection = "keep-alive"
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        wire = self._answer.wire(connection, with_body=request.method != hdrs.METH_HEAD)
        self._outgoing.send(transport, wire)
        await request.writer.drain()
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to send."""


def _made(status: int, content_type: str) -> bytes:
    reason = HTTPStatus(status).phrase
    head = f"HTTP/1.1 {status} {reason}\r\n{_ALWAYS}Content-Type: {content_type}\r\n".encode()
    _heads[status, content_type] = head
    return head


class _Second:
    """The last second in which something was sent, as the header `Date` has it."""

    now = 0
    text = b""


def _date() -> bytes:
    now = int(time.time())
    if now != _Second.now:
        _Second.now, _Second.text = now, formatdate(now, usegmt=True).encode()
    return _Second.text
