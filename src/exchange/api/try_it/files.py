"""Serves the files of the page to try the API, from memory.

The idea: the files are few and never change while the gateway runs, so they are read once, and an answer is made of
each beforehand. A browser keeps them and asks each time whether they are still the same (`ETag`), so that a page never
runs scripts of another version than the gateway that it speaks to.

Nothing here comes from another origin, no script and no style stands inside the page, and no text becomes markup: the
policy forbids what the page does without anyway. This is the one place whose policy allows scripts at all.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from typing import Final

from aiohttp import hdrs

from exchange.api.http.answers import SECURITY, Answer
from exchange.api.http.request import Request

PATH: Final = "/api/try"

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""What a browser lets the page do: load its own files, and speak to the origin that it came from. The last two forbid
every way in which a text could become markup or a script."""

_TYPES: Final[Mapping[str, str]] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_INDEX: Final = "index.html"

Serve = Callable[[Request, Mapping[str, str]], Awaitable[Answer]]


class File(Answer):
    """A file of the page, as an answer; `known` says that the browser has it already."""

    __slots__ = ("_known",)

    def __init__(self, body: bytes, content_type: str, tag: str, *, known: bool) -> None:
        status = "304 Not Modified" if known else "200 OK"
        headers = {
            **SECURITY,
            "Content-Security-Policy": POLICY,
            hdrs.CACHE_CONTROL: "no-cache",
            hdrs.ETAG: tag,
            hdrs.CONTENT_TYPE: content_type,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._head = f"HTTP/1.1 {status}\r\n{lines}".encode()
        self._body = body
        self._headers = None
        self._known = known

    def wire(self, connection: str = "", *, with_body: bool = True) -> bytes:
        """See `Answer`; what is known is sent without its body (RFC 9110, 15.4.5)."""
        return super().wire(connection, with_body=with_body and not self._known)


def paths() -> dict[str, Serve]:
    """What serves the page and its files, by path."""
    served: dict[str, Serve] = {}
    for file in resources.files(__package__).joinpath("page").iterdir():
        content_type = _TYPES.get(file.name.rpartition(".")[2])
        if content_type is None:
            continue
        serve = _serving(file.read_bytes(), content_type)
        if file.name == _INDEX:
            served[PATH] = served[f"{PATH}/"] = serve
        else:
            served[f"{PATH}/{file.name}"] = serve
    return served


def _serving(body: bytes, content_type: str) -> Serve:
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    whole = File(body, content_type, tag, known=False)
    same = File(body, content_type, tag, known=True)

    async def serve(request: Request, _: Mapping[str, str]) -> Answer:
        held = request.headers.get(hdrs.IF_NONE_MATCH, "")
        return same if tag in held else whole

    return serve
