"""F26: a WebSocket client that stops reading costs the gateway a bounded queue, has its depth conflated, is let go with
a reason, and nobody else notices."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import aiohttp
import pytest

from exchange.api.websocket import outbox
from exchange.settings import Settings
from tests.integration.api_books import Book
from tests.integration.api_world import DEADLINE_S, MARKET, World, eventually, world


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as made:
        yield made


async def test_f26_a_slow_client_is_let_go_and_nobody_else_notices(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MAX_QUEUE", 50)
    monkeypatch.setattr(outbox, "MAX_QUEUED_BYTES", 10**9)
    hub = place.servers[0].hub
    user = await place.user(INR="100000000", TATA="100000")
    channels = [f"depth@{MARKET}", f"trades@{MARKET}"]
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(narrow_session())
        slow = await stack.enter_async_context(session.ws_connect(f"{place.base}/api/v1/ws"))
        await slow.send_str(json.dumps({"method": "SUBSCRIBE", "params": channels}))
        transport = connection_of(slow)
        transport.pause_reading()

        async def subscribed() -> bool:
            return any(subscriber.channels for subscriber in hub.everyone())

        await eventually(subscribed)
        (behind,) = hub.everyone()
        it = behind.outbox
        quick = await stack.enter_async_context(place.socket())
        await quick.ask("SUBSCRIBE", *channels)
        book = Book()
        trades = 0

        async def listen() -> None:
            nonlocal trades
            while True:
                message = await quick.receive()
                if message["channel"] == channels[0]:
                    assert book.take(message)
                else:
                    trades += len(message["data"])

        listening = asyncio.create_task(listen())
        async with asyncio.timeout(30):
            while it.waiting < 10:  # what the system buffers for the connection is full
                it.put(b"x" * 100_000)
                await asyncio.sleep(0)
            while not behind.behind:
                await user.limit("buy", "1", "1")
            while it.closing is None:
                await user.limit("buy", "100", "1")
                await user.limit("sell", "100", "1")
        assert it.closing == (1013, "too slow: messages were waiting beyond the limit")
        transport.resume_reading()
        while (await slow.receive(timeout=DEADLINE_S)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert slow.close_code == 1013
        depth = (await place.anonymous().get(f"/api/v1/depth?market={MARKET}&limit=5000")).data

        async def caught_up() -> bool:
            return book.equals(depth)

        await eventually(caught_up)
        assert trades > 0
        assert len(hub) == 1
        listening.cancel()


def narrow_session() -> aiohttp.ClientSession:
    """A session whose connections take in little at a time."""

    def narrow(address: aiohttp.AddrInfoType) -> socket.socket:
        made = socket.socket(address[0], address[1])
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        return made

    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=narrow))


def connection_of(ws: aiohttp.ClientWebSocketResponse) -> asyncio.Transport:
    """A client's own end of its connection."""
    connection = ws._response.connection
    assert connection is not None
    assert connection.transport is not None
    return connection.transport
