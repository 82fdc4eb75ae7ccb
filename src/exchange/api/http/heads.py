"""Reading the head of a plain request, once.

The idea: a client repeats its head byte for byte, so what a head says is remembered by its bytes, and the next order of
that client costs a look-up. What is remembered is only what the bytes say; whether its token is still valid is asked
anew each time.

A head is plain when there is one way to read it: a request line and headers of the strictest grammar, no name twice,
nothing that changes how the rest of the connection is read. Everything else is None here, and for the web server to
read, refuse or obey; so nothing is decided here that it might decide otherwise.
"""

import re
from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

MAX_HEAD_BYTES: Final = 8 * 1024
MAX_LINES: Final = 100
END: Final = b"\r\n\r\n"

_REMEMBERED: Final = 4096
_REMEMBERED_BYTES: Final = 1024
_LINE: Final = re.compile(rb"(GET|POST|PUT|PATCH|DELETE) (/[!-~]*) HTTP/1\.1")
_HEADER: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([!-~](?:[\t -~]*[!-~])?)[ \t]*")
_LENGTH: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_NOT_PLAIN: Final = frozenset(
    name.lower()
    for name in (
        hdrs.CONNECTION,
        hdrs.CONTENT_ENCODING,
        hdrs.EXPECT,
        hdrs.TRAILER,
        hdrs.TRANSFER_ENCODING,
        hdrs.UPGRADE,
    )
)
"""Headers that change how a connection is read or kept; `Connection: keep-alive` does not, and passes."""


class Head:
    """What the head of a request says; `path` is decoded, `length` the body's in bytes."""

    __slots__ = ("headers", "length", "method", "path", "query", "raw_query", "target")

    def __init__(self, method: str, target: str, headers: CIMultiDict[str], length: int) -> None:
        path, _, query = target.partition("?")
        url = URL.build(path=path, query_string=query, encoded=True)
        self.method = method
        self.target = target
        self.path = url.path
        self.query: Mapping[str, str] = url.query
        self.raw_query = query
        self.headers: Mapping[str, str] = CIMultiDictProxy(headers)
        self.length = length


class Heads:
    """Reads heads, and remembers them."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def read(self, raw: bytes) -> Head | None:
        """What a head (with the empty line that ends it) says; None if it is not plain."""
        head = self._known.get(raw)
        if head is None and len(raw) <= MAX_HEAD_BYTES:
            head = _read(raw)
            if head is not None and len(raw) <= _REMEMBERED_BYTES:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[raw] = head
        return head


def _read(raw: bytes) -> Head | None:
    first, *lines = raw.removesuffix(END).split(b"\r\n")
    line = _LINE.fullmatch(first)
    if line is None or b"#" in line[2] or len(lines) > MAX_LINES:
        return None
    headers: CIMultiDict[str] = CIMultiDict()
    for text in lines:
        header = _HEADER.fullmatch(text)
        if header is None:
            return None
        name, value = header[1].decode(), header[2].decode()
        if name in headers or (name.lower() in _NOT_PLAIN and value.lower() != "keep-alive"):
            return None
        headers[name] = value
    length = headers.get(hdrs.CONTENT_LENGTH, "0")
    if hdrs.HOST not in headers or _LENGTH.fullmatch(length) is None:
        return None
    return Head(line[1].decode(), line[2].decode(), headers, int(length))


class PlainRequest:
    """A whole request; its properties are named as the web server's are."""

    __slots__ = ("_body", "_head", "remote")

    def __init__(self, head: Head, body: bytes, remote: str | None) -> None:
        self._head = head
        self._body = body
        self.remote = remote

    @property
    def method(self) -> str:
        """GET, POST, PUT, PATCH or DELETE."""
        return self._head.method

    @property
    def path(self) -> str:
        """The path, decoded."""
        return self._head.path

    @property
    def target(self) -> str:
        """Path and query as they stand in the request line."""
        return self._head.target

    @property
    def query(self) -> Mapping[str, str]:
        """The query's parameters; a name may come several times."""
        return self._head.query

    @property
    def raw_query(self) -> str:
        """The query as it came, without the question mark."""
        return self._head.raw_query

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, by names in any case."""
        return self._head.headers

    @property
    def content_type(self) -> str:
        """The media type without its parameters."""
        return self.headers.get(hdrs.CONTENT_TYPE, "application/octet-stream").partition(";")[0].strip().lower()

    @property
    def can_read_body(self) -> bool:
        """Whether there is a body."""
        return bool(self._body)

    async def read(self) -> bytes:
        """The body."""
        return self._body
