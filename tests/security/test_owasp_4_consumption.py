"""OWASP API 4, consumption: every request and connection has bounds, and who comes near them harms nobody else."""

import asyncio
import gzip
import json
import time
import zlib
from collections.abc import AsyncIterator

import aiohttp
import pytest

from exchange.api.auth import identity
from exchange.api.contract.declared import Access, Whole
from exchange.api.http import behind, connections
from exchange.api.http.request import MAX_BODY_BYTES
from exchange.api.v1 import hub
from exchange.api.v1.hub import MAX_SUBSCRIPTIONS
from exchange.api.v1.routes.table import ROUTES
from exchange.api.v1.sockets import BURST, MANNERS
from tests.integration.api_world import MARKET, PASSWORD, World, eventually
from tests.security.asking import address, ask, named

WITH_BODY = [route for route in ROUTES if route.endpoint.body is not None and not route.path.startswith("sandbox/")]
"""(Outside a sandbox its routes are not there.)"""
JSON = {"Content-Type": "application/json"}


async def test_owasp_4_bodies_have_a_size_a_depth_and_no_compression(place: World) -> None:
    user = await place.user()
    bomb = gzip.compress(b'{"a":"' + b"x" * 20_000_000 + b'"}')
    for route in WITH_BODY:
        client = place.operator() if route.access.value == "admin" else user
        for body, headers, refusal in (
            (b'{"a":"' + b"x" * MAX_BODY_BYTES + b'"}', JSON, (413, "body_too_large")),
            (b'{"a":' * 100 + b"1" + b"}" * 100, JSON, (400, "unknown_field")),
            (b'{"a":' * 800 + b"1" + b"}" * 800, JSON, (400, "malformed_request")),
            (b'{"a":' * 1100 + b"1" + b"}" * 1100, JSON, (400, "malformed_request")),
            (b"[" * 16_000, JSON, (400, "malformed_request")),
            (bomb[:16_000], {**JSON, "Content-Encoding": "gzip"}, (415, "unsupported_media_type")),
            (zlib.compress(b"{}"), {**JSON, "Content-Encoding": "deflate"}, (415, "unsupported_media_type")),
        ):
            answer = await client.call(route.method, address(route), data=body, headers=headers)
            assert (answer.status, answer.code) == refusal, (named(route), body[:20])


async def test_owasp_4_what_has_no_end_is_read_to_a_bound_only(place: World) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'{"a":"'
        while True:
            yield b"x" * 4096

    user = await place.user()
    headers = {**JSON, "Authorization": f"Bearer {user.token}"}
    started = time.monotonic()
    try:
        async with place.session.post(f"{place.base}/api/v1/order", data=endless(), headers=headers) as response:
            assert response.status == 413
    except aiohttp.ClientConnectionError:
        pass  # it was cut off while it was still sending
    assert time.monotonic() - started < 10


async def test_owasp_4_pages_have_an_end(place: World) -> None:
    user = await place.user(INR="100")
    order = (await user.limit("buy", "10", "1")).data["id"]
    tried = 0
    for route in ROUTES:
        limit = route.endpoint.query.get("limit")
        if not isinstance(limit, Whole):
            continue
        assert limit.high <= 5000 and limit.default is not None
        for value in (0, limit.high + 1, -1, 10**18):
            client = place.operator() if route.access is Access.ADMIN else user
            answer = await ask(client, route, order, more=f"limit={value}")
            assert (answer.status, answer.code, answer.field) == (400, "invalid_field", "limit"), named(route)
            tried += 1
    assert tried >= 40
    items = {"items": [{"action": "cancel", "id": 1}] * 21}
    assert (await user.post("/api/v1/batch", items)).code == "invalid_field"


async def test_owasp_4_a_slow_head_or_body_holds_no_place(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind, "HEAD_S", 0.3)
    monkeypatch.setattr(behind, "BODY_S", 0.3)
    monkeypatch.setattr(connections, "BODY_S", 0.3)
    get = b"GET /api/v1/time HTTP/1.1\r\nHost: x\r\n"
    post = b"POST /api/v1/order/quote HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    starts = (
        get,
        get + b"X-A",
        post + b"Content-Length: 99\r\n\r\n{",
        post + b"Transfer-Encoding: chunked\r\n\r\n5",
    )
    slow = []
    for number in range(100):
        reader, writer = await asyncio.open_connection("127.0.0.1", place.settings.port)
        writer.write(starts[number % len(starts)])
        slow.append((reader, writer))
    assert (await place.anonymous().get("/api/v1/time")).status == 200
    async with asyncio.timeout(8):
        for reader, writer in slow:
            try:
                told = await reader.read()
            except ConnectionError:
                told = b""
            assert told == b"" or b"request_too_slow" in told
            writer.close()
    assert (await place.anonymous().get("/api/v1/time")).status == 200


async def test_owasp_4_a_flood_of_sign_ins_is_bounded_and_stops_nobody_else(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.api.auth.attempts.PER_ADDRESS", 10**6)
    running = most = 0
    plain = identity._hash

    def slow(password: bytes, salt: bytes | None, cost: int) -> bytes:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.01)
        running -= 1
        return plain(password, salt, cost)

    monkeypatch.setattr(identity, "_hash", slow)
    anonymous = place.anonymous()
    flood = [
        asyncio.create_task(
            anonymous.post("/api/v1/signin", {"email": f"nobody{number}@example.org", "password": PASSWORD})
        )
        for number in range(300)
    ]
    await asyncio.sleep(0.05)  # lets the flood arrive
    started = time.monotonic()
    assert (await anonymous.get("/api/v1/time")).status == 200
    waited = time.monotonic() - started
    answers = await asyncio.gather(*flood)
    codes = {answer.code for answer in answers}
    assert codes == {"wrong_credentials", "busy"}
    assert most <= 2
    assert waited < 2
    assert all("Retry-After" in answer.headers for answer in answers if answer.code == "busy")


async def test_owasp_4_sockets_have_bounds(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with place.socket() as feed:
        names = [f"kline@{MARKET}_{interval}" for interval in ("1s", "1m", "5m")]
        names += [f"{kind}@{MARKET}" for kind in ("trades", "depth", "ticker")]
        assert "result" in await feed.ask("SUBSCRIBE", *names)
        monkeypatch.setattr("exchange.api.v1.sockets.MAX_SUBSCRIPTIONS", len(names))
        assert (await feed.ask("SUBSCRIBE", f"market@{MARKET}"))["error"]["code"] == "too_many_subscriptions"
        await feed.ws.send_str(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": "x" * MANNERS.max_bytes}))
        while (frame := await feed.ws.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
        assert frame.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
        assert feed.ws.close_code == 1009
    async with place.socket() as flood:
        for _ in range(2 * BURST):
            await flood.ws.send_str('{"method":"LIST_SUBSCRIPTIONS"}')
        while (frame := await flood.ws.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
        assert flood.ws.close_code == 1008
    assert MAX_SUBSCRIPTIONS == 200
    monkeypatch.setattr(hub, "MAX_CONNECTIONS", len(place.servers[0].hub) + 1)

    async def gone() -> bool:
        return len(place.servers[0].hub) == 0

    await eventually(gone)
    monkeypatch.setattr(hub, "MAX_CONNECTIONS", 1)
    async with place.socket():
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with place.socket():
                pass
        assert caught.value.status == 503


AMOUNTS = (
    "1e999999",
    "9" * 31,
    "9" * 2000,
    "\uff11\uff10",
    "\u0661",
    "1_0",
    " 1",
    "1 ",
    "+1",
    "0x10",
    "NaN",
    "1\n",
    "1\x00",
)


async def test_owasp_4_no_number_is_read_but_plain_ascii_digits(place: World) -> None:
    user = await place.user(INR="1000", TATA="10")
    started = time.process_time()
    for amount in AMOUNTS:
        for path, body, name in (
            ("order", {"type": "limit", "kind": "buy", "market": MARKET, "quantity": "1"}, "price"),
            ("deposits", {"asset": "INR"}, "amount"),
            ("withdrawals", {"asset": "INR"}, "amount"),
            ("order/quote", {"market": MARKET, "kind": "buy"}, "quantity"),
        ):
            answer = await user.post(f"/api/v1/{path}", {**body, name: amount})
            assert (answer.status, answer.code) == (400, "malformed_amount"), (path, amount[:20])
        for path in ("fills", "orders", "prevented", "deposits"):
            for name in ("limit", "before"):
                answer = await user.get(f"/api/v1/{path}", params={name: amount})
                assert (answer.status, answer.code) == (400, "invalid_field"), (path, name, amount[:20])
        if len(amount) < 1000 and amount.strip() == amount:
            answer = await user.get(f"/api/v1/order/{amount}")
            assert answer.status == 404, amount
        if amount.isascii() and amount.isprintable() and amount.strip() == amount:
            at_least = {"X-Exchange-At-Least": f"{amount[:100]}-0"}
            answer = await user.get("/api/v1/time", headers=at_least)
            assert (answer.status, answer.code) == (400, "invalid_field"), amount
    assert time.process_time() - started < 20
