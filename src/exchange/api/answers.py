"""An answer on its way out: status line, headers and body put together once and sent with one write.

The idea: but for its length, the time and a header or two an answer's head is always the same, so it is made
beforehand. The web server's own responses fill, walk and write a dictionary of headers for each answer, which cost more
than everything that the order in it needs.

Nothing leaves the gateway without `SECURITY`; the WebSocket's handshake, the one answer that is not made here, takes
them from here too.
"""

import time
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter

from exchange.api import pages

JSON: Final = "application/json"

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


class Answer(web.StreamResponse):
    """A whole answer. `headers` are those beyond `SECURITY` and what follows from the rest; they hold nothing that a
    client wrote."""

    def __init__(
        self, status: int, body: bytes, *, content_type: str = JSON, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status=status)
        self._head = _heads.get((status, content_type)) or _made(status, content_type)
        self._content = body
        self._more = headers

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Send everything, and wait while the client does not read.

        Raises:
            ConnectionError: the client is gone.
        """
        body = self._content
        more = b""
        if self._more is not None:
            more = "".join([f"{name}: {value}\r\n" for name, value in self._more.items()]).encode()
        if not request.keep_alive:
            self.force_close()
            more += b"Connection: close\r\n"
        else:
            self._keep_alive = True
            if request.version < HttpVersion11:
                more += b"Connection: keep-alive\r\n"
        head = b"%b%bDate: %b\r\nContent-Length: %d\r\n\r\n" % (self._head, more, _date(), len(body))
        writer = request.writer
        await writer.write(head if request.method == hdrs.METH_HEAD else head + body)
        await writer.drain()
        return writer

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
