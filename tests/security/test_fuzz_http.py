"""HTTP itself: whatever bytes come, plain connections with the web server behind them see the same requests as the web
server alone. So nobody can hide a request from one of the two (request smuggling), and what no two readers agree about
is refused."""

import asyncio
import random
import re
from typing import Any, cast

import pytest
from aiohttp import web

from exchange.api.http.answers import Answer, Outgoing, Response
from exchange.api.http.behind import Behind
from exchange.api.http.connections import Connections
from exchange.api.http.crowd import Crowd
from exchange.api.http.heads import Heads, PlainRequest

STREAMS = 2_000
SOAK_STREAMS = 300_000
MAX_BODY = 200
_TURNS = 40

Seen = list[tuple[str, str, bytes]]


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.protocol: asyncio.BaseProtocol | None = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "socket" else ("127.0.0.1", 1) if name == "peername" else default

    def setsockopt(self, *_: object) -> None:
        """As a socket has it."""

    family = 0

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self.protocol is not None
        return self.protocol

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None:
        """Everything has come already."""

    def resume_reading(self) -> None:
        """Everything has come already."""


class Servers:
    """The two ways, each with what its handler saw."""

    def __init__(self) -> None:
        self.seen: Seen = []
        outgoing = Outgoing()

        async def respond(request: web.BaseRequest) -> web.StreamResponse:
            try:
                body = await request.read()
            except web.HTTPException:
                return Response(outgoing, Answer(413, b""))
            except ConnectionError:
                return Response(outgoing, Answer(400, b""))  # nobody will read this
            self.seen.append((request.method, request.path, body))
            return Response(outgoing, Answer(200, b"{}"))

        async def answer(request: PlainRequest) -> Answer:
            self.seen.append((request.method, request.path, await request.read()))
            return Answer(200, b"{}")

        self.web = Behind(respond, outgoing, MAX_BODY)
        self.plain = Connections(answer, MAX_BODY, outgoing, self.web, Crowd())

    async def saw(
        self, first: asyncio.BaseProtocol, pieces: list[bytes], turns: int = _TURNS
    ) -> tuple[Seen, list[int]]:
        """What a handler saw of a stream, and the statuses that went back."""
        self.seen = []
        wire = Wire()
        wire.set_protocol(first)
        cast(asyncio.Protocol, first).connection_made(wire)
        for piece in pieces:
            if wire.closed:
                break
            cast(asyncio.Protocol, wire.get_protocol()).data_received(piece)
            for _ in range(turns):
                await asyncio.sleep(0)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", wire.written)]
        seen = self.seen
        wire.closed = True
        cast(asyncio.Protocol, wire.get_protocol()).connection_lost(None)
        for _ in range(2):
            await asyncio.sleep(0)
        return seen, statuses


LENGTHS = [
    b"0",
    b"5",
    b"05",
    b"+5",
    b"-1",
    b"5, 5",
    b"5,6",
    b"0x5",
    b"5 ",
    b" 5",
    b"1_0",
    b"\xb2",
    b"9" * 30,
    b"",
    b"5\x0b",
]
ENCODINGS = [
    *(
        b"chunked",
        b"Chunked",
        b"chunked, chunked",
        b"identity",
        b"gzip, chunked",
        b"chunked, gzip",
        b"x",
        b"",
        b"\x0bchunked",
    ),
    *(b"\x0bchunked", b"chunked\x00", b'"chunked"', b"chunked;q=1", b" chunked", b"chunked\t"),
]
CHUNKS = [
    *(b"5\r\nabcde\r\n0\r\n\r\n", b"5;a=b\r\nabcde\r\n0\r\n\r\n", b"05\r\nabcde\r\n0\r\n\r\n", b"0\r\n\r\n"),
    *(b"5\nabcde\n0\n\n", b"+5\r\nabcde\r\n0\r\n\r\n", b"0x5\r\nabcde\r\n0\r\n\r\n", b"5 \r\nabcde\r\n0\r\n\r\n"),
    *(
        b"5\r\nabcdeX\r\n0\r\n\r\n",
        b"5;\xff\r\nabcde\r\n0\r\n\r\n",
        b"5;a\nb\r\nabcde\r\n0\r\n\r\n",
        b"FFFFFFFFFFFFFFFFF\r\n",
    ),
    *(b"5\r\nabcde\r\n0\r\nX: 1\r\n\r\n", b"0\r\nContent-Length: 9\r\n\r\n", b"-1\r\n\r\n", b"\r\n\r\n", b"5\r\nabc"),
]
LINES = [
    *(
        b"X: 1",
        b"X : 1",
        b" X: 1",
        b"X: 1\r\n folded",
        b"X: 1\r\n\tfolded",
        b"X:1",
        b"X",
        b": 1",
        b"X: \x00",
        b"X: \x7f",
    ),
    *(b"X: a\nY: b", b"X: a\rY: b", b"X\x0b: 1", b"X(: 1", b"X: " + b"y" * 9000, b"Host: there", b"Connection: close"),
    *(b"Connection: keep-alive", b"connection: Content-Length", b"Expect: 100-continue", b"Upgrade: h2c", b"X: \xff"),
    *(
        b"Content-Encoding: gzip",
        b"Content-Type: application/json",
        b"Transfer-Encoding : chunked",
        b"Content-Length : 5",
    ),
]
FIRSTS = [
    *(b"POST /%d HTTP/1.1", b"GET /%d HTTP/1.1", b"DELETE /%d HTTP/1.1", b"POST /%d HTTP/1.1", b"GET  /%d HTTP/1.1"),
    *(
        b"GET /%d HTTP/1.0",
        b"GET /%d HTTP/1.1 ",
        b"GET /%d HTTP/2.0",
        b"GET /%d",
        b"get /%d HTTP/1.1",
        b"GET /%d HTTP/1.10",
    ),
    *(
        b"GET http://here/%d HTTP/1.1",
        b"\r\nGET /%d HTTP/1.1",
        b"\nGET /%d HTTP/1.1",
        b"GET /%d\x00 HTTP/1.1",
        b"X" * 9000,
    ),
    *(
        b"HEAD /%d HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"CONNECT /%d HTTP/1.1",
        b"GET /%d#x HTTP/1.1",
        b"PUT /%d?a=b HTTP/1.1",
    ),
]


def some_stream(chance: random.Random) -> list[bytes]:
    """Requests one after the other, most of them well formed, some as no two readers read them alike; in pieces."""
    out = b""
    for number in range(chance.randint(1, 4)):
        bad = chance.random() < 0.3
        first = chance.choice(FIRSTS if bad and chance.random() < 0.3 else FIRSTS[:4])
        lines = [first % number if b"%d" in first else first]
        if chance.random() < 0.97:
            lines.append(b"Host: here")
        body = b""
        framing = chance.random()
        if framing < 0.4:
            body = b"abcde"
            lines.append(b"Content-Length: " + (chance.choice(LENGTHS) if bad else b"5"))
        elif framing < 0.7:
            body = chance.choice(CHUNKS) if bad else CHUNKS[0]
            lines.append(b"Transfer-Encoding: " + (chance.choice(ENCODINGS) if bad else b"chunked"))
        elif framing < 0.8:
            body = chance.choice([b"abcde", CHUNKS[0]])
            both = [b"Content-Length: " + chance.choice(LENGTHS), b"Transfer-Encoding: " + chance.choice(ENCODINGS)]
            chance.shuffle(both)
            lines += both
        elif framing < 0.85:
            body = b"abcde"
            lines += [b"Content-Length: 5", b"content-length: " + chance.choice(LENGTHS)]
        if bad and chance.random() < 0.6:
            lines.insert(chance.randrange(1, len(lines) + 1), chance.choice(LINES))
        end = b"\n" if chance.random() < 0.03 else b"\r\n"
        out += end.join([*lines, b"", b""]) + body
    if chance.random() < 0.1:
        place = chance.randrange(len(out))
        out = out[:place] + bytes([chance.randrange(256)]) + out[place + 1 :]
    out += b"GET /last HTTP/1.1\r\nHost: here\r\n\r\n"
    cuts = sorted(chance.sample(range(len(out)), chance.choice([0, 0, 0, 1, 2])))
    return [out[low:high] for low, high in zip([0, *cuts], [*cuts, len(out)], strict=True)]


async def fuzz(seed: int, streams: int) -> dict[str, int]:
    chance = random.Random(seed)
    servers = Servers()
    counts = {"whole": 0, "refused": 0, "cut short": 0}
    for number in range(streams):
        pieces = some_stream(chance)
        plain, plain_told = await servers.saw(servers.plain(), pieces)
        # Byte by byte, since of what comes at once with something unreadable the web server drops all.
        alone, _ = await servers.saw(servers.web(), [bytes([sign]) for sign in b"".join(pieces)], turns=1)
        assert plain == alone[: len(plain)], (seed, number, pieces, plain, alone)
        if len(plain) < len(alone):
            assert plain_told and plain_told[-1] == 400, (seed, number, pieces, plain, alone)
        assert all(status < 500 for status in plain_told), (seed, number, pieces)
        if plain and plain[-1][1] == "/last":
            counts["whole"] += 1
        else:
            counts["refused" if plain_told and plain_told[-1] == 400 else "cut short"] += 1
    return counts


async def test_both_ways_see_the_same_requests_in_every_stream_of_bytes() -> None:
    counts = await fuzz(45, STREAMS)
    print(f"streams: {counts}")
    assert counts["whole"] > STREAMS // 10 and counts["refused"] > STREAMS // 10


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
async def test_both_ways_see_the_same_requests_in_every_stream_of_very_many() -> None:
    await fuzz(46, SOAK_STREAMS)


SMUGGLING = {
    "both lengths": b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    "both, the other way round": b"Transfer-Encoding: chunked\r\nContent-Length: 5",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6",
    "two lengths in one": b"Content-Length: 5, 6",
    "a signed length": b"Content-Length: +5",
    "a length with an underscore": b"Content-Length: 1_0",
    "a blank before the colon": b"Transfer-Encoding : chunked",
    "a blank before a length's colon": b"Content-Length : 5",
    "an unknown encoding": b"Transfer-Encoding: xchunked",
    "a length and an unknown encoding": b"Content-Length: 5\r\nTransfer-Encoding: keep-alive",
    "an encoding that is not the last": b"Transfer-Encoding: chunked, identity",
    "a folded encoding": b"Transfer-Encoding:\r\n chunked",
    "a bare line feed": b"X: 1\nContent-Length: 5",
    "a bare carriage return": b"X: 1\rContent-Length: 5",
    "a nul": b"X: \x00",
    "a huge line": b"X: " + b"y" * 10_000,
    "very many lines": b"\r\n".join(b"X%d: 1" % number for number in range(500)),
}


@pytest.mark.parametrize("name", SMUGGLING)
async def test_what_two_readers_may_read_differently_is_refused(name: str) -> None:
    head = b"POST /x HTTP/1.1\r\nHost: here\r\n" + SMUGGLING[name] + b"\r\n\r\n"
    assert Heads().read(head) is None
    servers = Servers()
    seen, told = await servers.saw(servers.plain(), [head + b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: here\r\n\r\n"])
    assert [path for _, path, _ in seen] == []
    assert told and told[0] in {400, 431}
