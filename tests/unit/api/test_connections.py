"""Connections of plain requests over real sockets, with the web server behind them for everything else."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from exchange.api.errors import ApiError
from exchange.api.http import behind, connections
from exchange.api.http.answers import SECURITY, Answer, Outgoing, Response, refused
from exchange.api.http.behind import Behind
from exchange.api.http.connections import Connections
from exchange.api.http.crowd import Crowd
from exchange.api.http.heads import PlainRequest

DEADLINE_S = 10.0
MAX_BODY = 100


class Place:
    """A served port, what was asked there, and by which way (`plain` or `web`)."""

    def __init__(self, most: int, most_per_address: int) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.port = 0
        outgoing = Outgoing()

        async def other(request: web.BaseRequest) -> web.StreamResponse:
            self.asked.append(("web", request.path, await request.read()))
            return Response(outgoing, Answer(200, request.path.encode()))

        async def watched(request: web.BaseRequest) -> web.StreamResponse:
            try:
                with self.connections.answering(request.protocol):
                    return await other(request)
            except ApiError as error:
                return Response(outgoing, refused(error))

        self.server = Behind(watched, outgoing, 2**20)
        self.crowd = Crowd(most, most_per_address)
        self.connections = Connections(self.answer, MAX_BODY, outgoing, self.server, self.crowd)

    async def answer(self, request: PlainRequest) -> Answer:
        await self.gate.wait()
        self.asked.append(("plain", request.path, await request.read()))
        if request.path == "/big":
            return Answer(200, bytes(10_000_000))
        return Answer(200, request.path.encode(), headers={"X-Way": "plain"})


@asynccontextmanager
async def served(most: int = 1000, most_per_address: int = 1000) -> AsyncIterator[Place]:
    place = Place(most, most_per_address)
    listening = await asyncio.get_running_loop().create_server(place.connections, "127.0.0.1", 0)
    place.port = listening.sockets[0].getsockname()[1]
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield place
    finally:
        listening.close()
        place.gate.set()
        await place.connections.close(DEADLINE_S)
        await place.server.shutdown(DEADLINE_S)


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: here", *headers, "", ""]).encode()


def post(path: str, body: bytes) -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n%b" % (path.encode(), len(body), body)


async def answer(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return first, headers, await reader.readexactly(int(headers["Content-Length"]))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for has no event to wait on
        await asyncio.sleep(0.001)


async def test_an_answer_has_the_security_headers_its_length_and_the_time() -> None:
    async with served() as place:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        writer.write(get("/x"))
        first, headers, body = await answer(reader)
        assert (first, body) == ("HTTP/1.1 200 OK", b"/x")
        assert headers.items() >= {**SECURITY, "X-Way": "plain", "Content-Type": "application/json"}.items()
        assert headers["Date"].endswith(" GMT") and "Connection" not in headers
        writer.close()


async def test_requests_sent_ahead_are_answered_in_their_order() -> None:
    async with served() as place:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        paths = [f"/{number}" for number in range(50)]
        writer.write(b"".join(post(path, path.encode()) for path in paths))
        assert [(await answer(reader))[2].decode() for _ in paths] == paths
        assert place.asked == [("plain", path, path.encode()) for path in paths]
        writer.close()


async def test_a_body_may_come_in_pieces() -> None:
    async with served() as place:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        whole = post("/x", b"0123456789")
        for cut in (whole[:-10], whole[-10:-3], whole[-3:] + whole[:-1], whole[-1:]):
            writer.write(cut)
            await writer.drain()
            await asyncio.sleep(0.01)  # lets it arrive by itself: there is nothing to wait for
        for _ in range(2):
            assert (await answer(reader))[2] == b"/x"
        assert place.asked == [("plain", "/x", b"0123456789")] * 2
        writer.close()


@pytest.mark.parametrize(
    "request_bytes, status",
    [
        (b"GET /x HTTP/1.0\r\nHost: here\r\nConnection: keep-alive\r\n\r\n", 200),
        (get("/x", "X-A: 1", "X-A: 2"), 200),
        (b"POST /x HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200),
        (post("/x", bytes(MAX_BODY + 1)), 200),
        (b"nonsense\r\n\r\n", 400),
    ],
)
async def test_what_is_not_plain_goes_to_the_web_server_with_all_that_follows(
    request_bytes: bytes, status: int
) -> None:
    async with served() as place:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        writer.write(get("/before") + request_bytes + get("/after"))
        assert (await answer(reader))[1]["X-Way"] == "plain"
        first, headers, _ = await answer(reader)
        assert first.split()[1] == str(status) and "X-Way" not in headers
        if status == 200:
            assert (await answer(reader))[2] == b"/after"
            assert [way for way, _, _ in place.asked] == ["plain", "web", "web"]
        assert not place.connections.open
        writer.close()


async def test_a_head_in_pieces_goes_to_the_web_server() -> None:
    async with served() as place:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        writer.write(get("/x")[:20])
        await until(lambda: bool(place.server.connections))
        writer.write(get("/x")[20:])
        assert (await answer(reader))[2] == b"/x"
        assert place.asked == [("web", "/x", b"")]
        writer.close()


async def test_a_client_that_sends_far_ahead_is_not_read_from_but_loses_nothing() -> None:
    async with served() as place:
        place.gate.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        count = 20_000
        writer.write(get("/x") * count)
        await until(lambda: any(connection._held for connection in place.connections.open))
        (connection,) = place.connections.open
        assert len(connection._received) < 2 * connections._AHEAD_BYTES + 2**18
        place.gate.set()
        for _ in range(count):
            await answer(reader)
        writer.close()


async def test_a_client_that_does_not_read_is_not_served_further() -> None:
    async with served() as place:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port, limit=1024)
        writer.write(get("/big") * 5)
        await until(lambda: any(connection._unread for connection in place.connections.open))
        asked = len(place.asked)
        await asyncio.sleep(0.05)  # nothing may happen, so there is nothing to wait for
        assert len(place.asked) == asked < 5
        for _ in range(5):
            assert len((await answer(reader))[2]) == 10_000_000
        writer.close()


async def test_closing_answers_what_is_under_way_and_ends_what_lies_idle() -> None:
    async with served() as place:
        idle, idle_writer = await asyncio.open_connection("127.0.0.1", place.port)
        busy, busy_writer = await asyncio.open_connection("127.0.0.1", place.port)
        place.gate.clear()
        busy_writer.write(get("/x") * 2)
        await until(lambda: any(connection._serving for connection in place.connections.open))
        closing = asyncio.create_task(place.connections.close(DEADLINE_S))
        assert await idle.read() == b""
        place.gate.set()
        assert (await answer(busy))[2] == b"/x"
        assert await busy.read() == b""
        await closing
        assert len(place.asked) == 1
        idle_writer.close()
        busy_writer.close()


async def test_closing_cuts_off_what_takes_too_long() -> None:
    async with served() as place:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        place.gate.clear()
        writer.write(get("/x"))
        await until(lambda: any(connection._serving for connection in place.connections.open))
        await place.connections.close(0.01)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await answer(reader)
        writer.close()


async def test_a_connection_that_lies_idle_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_S", 0.05)
    async with served() as place:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        writer.write(get("/x"))
        assert (await answer(reader))[2] == b"/x"
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await answer(reader)
        assert not place.connections.open
        writer.close()


async def test_what_is_under_way_goes_on_when_its_client_is_gone() -> None:
    async with served() as place:
        place.gate.clear()
        _, writer = await asyncio.open_connection("127.0.0.1", place.port)
        writer.write(get("/x"))
        await until(lambda: any(connection._serving for connection in place.connections.open))
        writer.close()
        await until(lambda: not place.connections.open)
        place.gate.set()
        await until(lambda: bool(place.asked))


async def test_a_head_that_does_not_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind, "HEAD_S", 0.1)
    async with served() as place:
        for before in (b"", get("/x")):
            reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
            writer.write(before + b"GET /x HTTP/1.1\r\nHost: here\r\n")
            if before:
                assert (await answer(reader))[2] == b"/x"
            for _ in range(50):  # a byte now and then does not help
                writer.write(b"X")
                await asyncio.sleep(0.02)
                if reader.exception() or reader.at_eof():
                    break
            else:
                pytest.fail("it is still open")
        await until(lambda: len(place.crowd) == 0)


@pytest.mark.parametrize("way", ["plain", "web"])
async def test_a_body_that_does_not_end_is_told_and_cut_off(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setattr(connections, "BODY_S", 0.1)
    monkeypatch.setattr(behind, "BODY_S", 0.1)
    monkeypatch.setattr(behind, "HEAD_S", 0.1)
    async with served() as place:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        head = b"POST /x HTTP/1.1\r\nHost: here\r\n"
        writer.write(head + (b"Content-Length: 9" if way == "plain" else b"Transfer-Encoding: chunked") + b"\r\n\r\n12")
        first, _, body = await answer(reader)
        assert first.startswith("HTTP/1.1 408 ") and b"request_too_slow" in body
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await answer(reader)
        assert not place.asked
        await until(lambda: len(place.crowd) == 0)


async def test_a_connection_that_was_handed_over_is_ended_when_it_lies_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind, "HANDED_IDLE_S", 0.1)
    async with served() as place:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        writer.write(get("/x", "X-A: 1", "X-A: 2"))
        assert (await answer(reader))[2] == b"/x"
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await answer(reader)
        await until(lambda: len(place.crowd) == 0)


async def test_when_all_places_are_taken_the_idle_make_room_and_the_busy_stay() -> None:
    async with served(most=3) as place:
        place.gate.clear()
        busy = [await asyncio.open_connection("127.0.0.1", place.port) for _ in range(2)]
        for _, writer in busy:
            writer.write(get("/busy"))
        await until(lambda: sum(connection._serving is not None for connection in place.connections.open) == 2)
        idle, _ = await asyncio.open_connection("127.0.0.1", place.port)
        await until(lambda: len(place.crowd) == 3)
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        writer.write(get("/new"))
        with suppress(ConnectionError):
            assert await idle.read() == b""
        await until(lambda: sum(connection._serving is not None for connection in place.connections.open) == 3)
        refused, _ = await asyncio.open_connection("127.0.0.1", place.port)
        first, headers, body = await answer(refused)
        assert first.startswith("HTTP/1.1 503 ") and b'"busy"' in body and headers["Connection"] == "close"
        place.gate.set()
        for told, _ in [*busy, (reader, writer)]:
            assert (await answer(told))[0] == "HTTP/1.1 200 OK"


async def test_an_address_has_so_many_places_and_this_machine_all() -> None:
    async with served(most_per_address=2) as place:
        far = [await asyncio.open_connection("127.0.0.1", place.port, local_addr=("127.0.0.2", 0)) for _ in range(3)]
        assert (await answer(far[2][0]))[0].startswith("HTTP/1.1 503 ")
        near = [await asyncio.open_connection("127.0.0.1", place.port) for _ in range(5)]
        for reader, writer in near:
            writer.write(get("/x"))
            assert (await answer(reader))[2] == b"/x"
        far[0][1].close()
        await until(lambda: len(place.crowd) == 6)
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port, local_addr=("127.0.0.2", 0))
        writer.write(get("/x"))
        assert (await answer(reader))[2] == b"/x"


async def test_what_is_no_http_is_answered_in_the_one_shape_and_not_echoed() -> None:
    async with served() as place:
        for nonsense in (b"<script> /x HTTP/1.1\r\n\r\n", b"GET /x HTTP/1.1\r\nX-<script>: 1\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
            writer.write(nonsense)
            first, headers, body = await answer(reader)
            assert first == "HTTP/1.1 400 Bad Request"
            assert b"script" not in body and json.loads(body)["error"]["code"] == "malformed_request"
            assert headers.items() >= {**SECURITY, "Connection": "close"}.items()
            writer.close()
