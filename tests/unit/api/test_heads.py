"""Which heads are plain, and what they say."""

import pytest

from exchange.api.http import heads
from exchange.api.http.heads import Heads, PlainRequest


def raw(first: str = "GET /x HTTP/1.1", *lines: str) -> bytes:
    return "\r\n".join([first, "Host: here", *lines, "", ""]).encode("latin-1")


def test_a_plain_head_is_read() -> None:
    head = Heads().read(
        raw(
            "POST /a%20b?x=1&y=%C3%BC&x=2&z= HTTP/1.1",
            "Content-Length: 12",
            "X-Some:\t two words ",
            "connection: Keep-Alive",
        )
    )
    assert head is not None
    assert (head.method, head.path, head.length) == ("POST", "/a b", 12)
    assert list(head.query.items()) == [("x", "1"), ("y", "ü"), ("x", "2"), ("z", "")]
    assert head.headers.get("x-some") == "two words"
    assert head.headers.get("HOST") == "here"


def test_a_head_is_read_once_for_the_same_bytes_only() -> None:
    known = Heads()
    first = known.read(raw("GET /x HTTP/1.1", "Authorization: Bearer a"))
    assert first is not None
    assert known.read(raw("GET /x HTTP/1.1", "Authorization: Bearer a")) is first
    other = known.read(raw("GET /x HTTP/1.1", "Authorization: Bearer b"))
    assert other is not None and other.headers.get("authorization") == "Bearer b"


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "_REMEMBERED", 3)
    known = Heads()
    for number in range(10):
        assert known.read(raw(f"GET /{number} HTTP/1.1")) is not None
        assert len(known._known) <= 3
    before = len(known._known)
    assert known.read(raw("GET /x HTTP/1.1", "X-Long: " + "x" * 2000)) is not None
    assert len(known._known) == before


@pytest.mark.parametrize(
    "head",
    [
        raw("GET /x HTTP/1.0"),
        raw("HEAD /x HTTP/1.1"),
        raw("get /x HTTP/1.1"),
        raw("GET  /x HTTP/1.1"),
        raw("GET /x y HTTP/1.1"),
        raw("GET http://here/x HTTP/1.1"),
        raw("GET * HTTP/1.1"),
        raw("GET /x#y HTTP/1.1"),
        raw("GET /\xe9 HTTP/1.1"),
        raw("GET /x HTTP/1.1 "),
        raw("GET /x HTTP/1.1", "Host: there"),
        raw("GET /x HTTP/1.1", "X-A: 1", "x-a: 1"),
        raw("GET /x HTTP/1.1", "Content-Length: 1", "Content-Length: 1"),
        raw("GET /x HTTP/1.1", "Content-Length: +1"),
        raw("GET /x HTTP/1.1", "Content-Length: 01"),
        raw("GET /x HTTP/1.1", "Content-Length: 1, 1"),
        raw("GET /x HTTP/1.1", "Content-Length: \xb2"),
        raw("GET /x HTTP/1.1", "Content-Length:"),
        raw("GET /x HTTP/1.1", "Transfer-Encoding: chunked"),
        raw("GET /x HTTP/1.1", "transfer-encoding: keep-alive, chunked"),
        raw("POST /x HTTP/1.1", "Content-Length: 2", "Transfer-Encoding: keep-alive"),
        raw("GET /x HTTP/1.1", "Upgrade: keep-alive"),
        raw("GET /x HTTP/1.1", "Expect: keep-alive"),
        raw("GET /x HTTP/1.1", "Content-Encoding: gzip"),
        raw("GET /x HTTP/1.1", "Expect: 100-continue"),
        raw("GET /x HTTP/1.1", "Upgrade: websocket"),
        raw("GET /x HTTP/1.1", "Connection: close"),
        raw("GET /x HTTP/1.1", "Connection: keep-alive, Upgrade"),
        raw("GET /x HTTP/1.1", "X-A : 1"),
        raw("GET /x HTTP/1.1", " X-A: 1"),
        raw("GET /x HTTP/1.1", "X-A: 1", " folded"),
        raw("GET /x HTTP/1.1", "X-A: \x00"),
        raw("GET /x HTTP/1.1", "X-A: 1\nX-B: 2"),
        raw("GET /x HTTP/1.1", "X-A: 1\rX-B: 2"),
        raw("GET /x HTTP/1.1", "no colon"),
        raw("GET /x HTTP/1.1", ": nothing"),
        b"GET /x HTTP/1.1\r\n\r\n",
        b"\r\n\r\n",
        b"",
        raw("GET /x HTTP/1.1", *(f"X-{number}: {'x' * 900}" for number in range(10))),
    ],
)
def test_what_could_be_read_in_two_ways_is_not_plain(head: bytes) -> None:
    known = Heads()
    assert known.read(head) is None
    assert known.read(head) is None


async def test_a_request_has_what_its_head_says_and_its_body() -> None:
    head = Heads().read(
        raw("PATCH /x?a=b HTTP/1.1", "Content-Type: Application/JSON; charset=utf-8", "Content-Length: 2")
    )
    assert head is not None
    request = PlainRequest(head, b"{}", "127.0.0.1")
    assert (request.method, request.path, request.query["a"]) == ("PATCH", "/x", "b")
    assert (request.content_type, request.can_read_body, request.remote) == ("application/json", True, "127.0.0.1")
    assert await request.read() == b"{}"
    assert not PlainRequest(head, b"", None).can_read_body


def test_of_a_head_with_a_query_the_headers_are_remembered_and_the_line_is_read_anew() -> None:
    known = Heads()
    first = known.read(raw("GET /x?signature=1 HTTP/1.1", "X-MBX-APIKEY: key"))
    second = known.read(raw("GET /x?signature=2 HTTP/1.1", "X-MBX-APIKEY: key"))
    assert first is not None and second is not None
    assert (first.raw_query, second.raw_query, second.target) == ("signature=1", "signature=2", "/x?signature=2")
    assert second.headers is first.headers
    assert (len(known._known), len(known._blocks)) == (0, 1)
    assert known.read(raw("GET /x?y HTTP/1.1", "X-MBX-APIKEY: key", "X-MBX-APIKEY: other")) is None
