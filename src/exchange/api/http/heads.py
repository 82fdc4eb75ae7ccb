"""Reading the head of a plain request, once.

The idea: a client repeats its head byte for byte, so what a head says is remembered by its bytes, and the next order of
that client costs a look-up. Of a signed request only the request line changes, so headers are remembered apart. What
is remembered is only what the bytes say; whether its token is still valid is asked anew each time.

A head is plain when there is one way to read it: a request line and headers of the strictest grammar, no name twice,
nothing that changes how the rest of the connection is read. Everything else is None here, and for the web server to
read, refuse or obey; so nothing is decided here that it might decide otherwise.
"""

import re
from collections.abc import Mapping
from typing import Final, TypeVar

from aiohttp import hdrs
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

MAX_HEAD_BYTES: Final = 8 * 1024
MAX_LINES: Final = 100
END: Final = b"\r\n\r\n"
_NEXT: Final = b"\r\n"

_T = TypeVar("_T")
_NOTHING: Final[Mapping[str, str]] = {}
_REMEMBERED: Final = 4096
_REMEMBERED_BYTES: Final = 1024
_LINE: Final = re.compile(rb"(GET|POST|PUT|PATCH|DELETE) (/[!-~]*) HTTP/1\.1")
_HEADER: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([!-~](?:[\t -~]*[!-~])?)[ \t]*")
_SIMPLE: Final = re.compile(r"/[A-Za-z0-9/_-]*")
"""Paths that are what they stand for."""
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

    __slots__ = ("headers", "length", "method", "path", "raw_query", "target")

    def __init__(self, method: str, target: str, headers: Mapping[str, str], length: int) -> None:
        path, _, query = target.partition("?")
        self.method = method
        self.target = target
        self.path = path if _SIMPLE.fullmatch(path) else URL.build(path=path, encoded=True).path
        self.raw_query = query
        self.headers = headers
        self.length = length

    @property
    def query(self) -> Mapping[str, str]:
        """The query's parameters."""
        return URL.build(path="/", query_string=self.raw_query, encoded=True).query if self.raw_query else _NOTHING


class _Block:
    """What the headers say, and how long the body is."""

    __slots__ = ("headers", "length")

    def __init__(self, headers: CIMultiDict[str], length: int) -> None:
        self.headers: Mapping[str, str] = CIMultiDictProxy(headers)
        self.length = length


class Heads:
    """Reads heads, and remembers them; of one with a query, which hardly comes twice, its headers only."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}
        self._blocks: dict[bytes, _Block] = {}

    def read(self, raw: bytes) -> Head | None:
        """What a head (with the empty line that ends it) says; None if it is not plain."""
        head = self._known.get(raw)
        if head is not None or len(raw) > MAX_HEAD_BYTES:
            return head
        end = raw.find(_NEXT)
        line = _LINE.fullmatch(raw, 0, end)
        if line is None or b"#" in line[2]:
            return None
        text = raw[end + len(_NEXT) :]
        block = self._blocks.get(text)
        if block is None:
            block = _read(text)
            if block is None:
                return None
            _remember(self._blocks, text, block)
        head = Head(line[1].decode(), line[2].decode(), block.headers, block.length)
        if not head.raw_query:
            _remember(self._known, raw, head)
        return head


def _remember(known: dict[bytes, _T], raw: bytes, read: _T) -> None:
    if len(raw) <= _REMEMBERED_BYTES:
        if len(known) >= _REMEMBERED:
            known.clear()
        known[raw] = read


def _read(raw: bytes) -> _Block | None:
    lines = raw.removesuffix(END).split(_NEXT)
    if len(lines) > MAX_LINES:
        return None
    headers: CIMultiDict[str] = CIMultiDict()
    for text in lines:
        header = _HEADER.fullmatch(text)
        if header is None:
            return None
        name, value = header[1].decode(), header[2].decode()
        if name in headers or (name.lower() in _NOT_PLAIN and not _keeps_alive(name, value)):
            return None
        headers[name] = value
    length = headers.get(hdrs.CONTENT_LENGTH, "0")
    if hdrs.HOST not in headers or _LENGTH.fullmatch(length) is None:
        return None
    return _Block(headers, int(length))


def _keeps_alive(name: str, value: str) -> bool:
    return name.lower() == "connection" and value.lower() == "keep-alive"


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
