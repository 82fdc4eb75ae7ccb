"""What a feed makes of connections that break, are silent, or say what no exchange says."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from exchange.client import AsyncClient, BookFollower, TryAgain, Unreadable, feeds

Serve = Callable[[web.WebSocketResponse, dict[str, object]], Awaitable[None]]
SNAPSHOT = {"channel": "depth@A-B", "type": "snapshot", "data": {"seq": 7, "bids": [["1", "2"]], "asks": []}}


@asynccontextmanager
async def exchange_that(serve: Serve) -> AsyncIterator[str]:
    """The address of something that answers each request of a WebSocket in its own way."""

    async def handle(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for frame in socket:
            await serve(socket, json.loads(frame.data))
        return socket

    app = web.Application()
    app.router.add_get("/api/v1/ws", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def silent(_: web.WebSocketResponse, __: dict[str, object]) -> None:
    pass


async def mumbling(socket: web.WebSocketResponse, _: dict[str, object]) -> None:
    await socket.send_str("what?")


@pytest.mark.parametrize("serve, kind", [(silent, TryAgain), (mumbling, Unreadable)])
async def test_what_does_not_answer_or_not_as_an_exchange_is_called_so(
    serve: Serve, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "_ANSWER_S", 0.05)
    async with exchange_that(serve) as url, AsyncClient(url) as exchange, exchange.feed() as feed:
        with pytest.raises(kind):
            await feed.subscribe("depth@A-B")


async def test_a_closed_connection_takes_no_requests() -> None:
    async def closing(socket: web.WebSocketResponse, _: dict[str, object]) -> None:
        await socket.close()

    async with exchange_that(closing) as url, AsyncClient(url) as exchange, exchange.feed() as feed:
        for _ in range(2):
            with pytest.raises(TryAgain, match="over"):
                await feed.subscribe("depth@A-B")


async def test_a_book_in_a_thread_outlives_an_exchange_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "_ANSWER_S", 0.05)
    monkeypatch.setattr("exchange.client.following._PAUSE_S", 0.01)
    asked = 0

    async def late(socket: web.WebSocketResponse, request: dict[str, object]) -> None:
        nonlocal asked
        asked += 1
        if asked == 2:
            await socket.send_str("nonsense")
        if asked > 2:
            await socket.send_json({"id": request["id"], "result": None})
            await socket.send_json(SNAPSHOT)

    async with exchange_that(late) as url:
        with BookFollower(url, "A-B") as book:
            await asyncio.to_thread(book.wait, 7)
            assert book.problem is None
    assert asked > 2
