"""A request is answered the same whether it is plain or needs the web server, which here is asked to close."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest

from exchange.settings import Settings
from tests.integration.api_world import DEADLINE_S, MARKET, World, world

JSON = "Content-Type: application/json"
ORDER = json.dumps({"type": "limit", "kind": "buy", "market": MARKET, "price": "1.00", "quantity": "1"})


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as made:
        yield made


async def ask(port: int, method: str, target: str, headers: list[str], body: str) -> tuple[str, list[str], str]:
    """Status line, headers in order but for what may differ, and body."""
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = [
            f"{method} {target} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            f"Content-Length: {len(body)}",
            *headers,
            "",
            "",
        ]
        writer.write("\r\n".join(lines).encode() + body.encode())
        first, *told = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        (length,) = (int(line.partition(": ")[2]) for line in told if line.startswith("Content-Length: "))
        content = (await reader.readexactly(length)).decode()
        writer.close()
    names = [line.partition(":")[0] if line.startswith("X-Exchange-Position: ") else line for line in told]
    return first, [line for line in names if not line.startswith(("Date: ", "Connection: "))], content


@pytest.mark.parametrize(
    "method, target, headers, body, status",
    [
        ("GET", "/", [], "", 200),
        ("GET", "/api/v1/ws", [], "", 404),
        ("GET", "/nothing", [], "", 404),
        ("GET", "/api/v1/markets", [], "", 200),
        ("GET", "/api/v1/%6Darkets", [], "", 200),
        ("GET", f"/api/v1/depth?market={MARKET}", [], "", 200),
        ("GET", f"/api/v1/depth?market={MARKET}&market={MARKET}", [], "", 400),
        ("GET", "/api/v1/depth?market=%C3%BC", [], "", 404),
        ("GET", "/api/v1/depth?more=&market", [], "", 400),
        ("GET", "/api/v1/markets", ["X-Exchange-At-Least: x"], "", 400),
        ("PUT", "/api/v1/orders", [], "", 405),
        ("GET", "/api/v1/order/17", [], "", 401),
        ("GET", "/api/v1/order/17", ["{authorization}"], "", 404),
        ("GET", "/api/v1/order/%31%37", ["{authorization}"], "", 404),
        ("GET", "/api/v1/order/1%2F7", ["{authorization}"], "", 404),
        ("GET", "/api/v1/balances", ["{authorization}"], "", 200),
        ("GET", "/api/v1/balances", ["authorization:BEARER nonsense"], "", 401),
        ("DELETE", "/api/v1/order/17", ["{authorization}"], "", 404),
        ("DELETE", "/api/v1/order/17", ["{authorization}", JSON], '{"x":1}', 400),
        ("POST", "/api/v1/order", ["{authorization}", JSON], ORDER, 422),
        ("POST", "/api/v1/order", ["{authorization}", f"{JSON}; charset=utf-8"], ORDER, 422),
        ("POST", "/api/v1/order", ["{authorization}", "Content-Type: text/plain"], ORDER, 415),
        ("POST", "/api/v1/order", ["{authorization}"], ORDER, 415),
        ("POST", "/api/v1/order", ["{authorization}", JSON], "{", 400),
        ("POST", "/api/v1/order", ["{authorization}", JSON], "", 400),
        ("POST", "/api/v1/order", ["{authorization}", JSON], " " * (16 * 1024), 400),
        ("POST", "/api/v1/order", ["{authorization}", JSON], " " * (16 * 1024 + 1), 413),
    ],
)
async def test_both_ways_answer_alike(
    place: World, method: str, target: str, headers: list[str], body: str, status: int
) -> None:
    user = await place.user()
    sent = [header.format(authorization=f"Authorization: Bearer {user.token}") for header in headers]
    plain = await ask(place.settings.port, method, target, sent, body)
    other = await ask(place.settings.port, method, target, [*sent, "Connection: close"], body)
    assert plain == other
    assert plain[0].split()[1] == str(status)
