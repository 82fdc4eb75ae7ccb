"""The browser: a token travels in one header only, pages of other hosts open nothing, and no text becomes a script."""

import asyncio
import json
import re

import aiohttp
import pytest

from exchange.api.v1.routes.table import ROUTES
from tests.integration.api_world import PASSWORD, World
from tests.security.asking import BODIES, address, ask, named

SOUGHT = {"search", "after"}
"""What may be any text: there is nothing like it."""
SCRIPTS = (
    *("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)", "'-alert(1)-'"),
    *(
        "</title><svg/onload=alert(1)>",
        "{{constructor.constructor('alert(1)')()}}",
        "\u003cscript\u003e",
        "%3Cscript%3E",
    ),
)


async def test_owasp_browser_a_token_is_taken_from_one_header_and_set_nowhere(place: World) -> None:
    user = await place.user()
    anonymous = place.anonymous()
    for headers in (
        {"Cookie": f"token={user.token}"},
        {"X-Token": user.token},
        {"Proxy-Authorization": f"Bearer {user.token}"},
    ):
        assert (await anonymous.get("/api/v1/balances", headers=headers)).status == 401
    signed = await anonymous.post("/api/v1/signin", {"email": "user1@example.org", "password": PASSWORD})
    assert signed.status == 200 and "Set-Cookie" not in signed.headers
    assert signed.headers["Cache-Control"] == "no-store"


async def test_owasp_browser_no_token_and_no_password_gets_into_the_log(
    place: World, capsys: pytest.CaptureFixture[str]
) -> None:
    user = await place.user()
    port = place.settings.port
    await user.get(f"/api/v1/balances?token={user.token}")
    await user.post("/api/v1/signin", {"email": "user1@example.org", "password": "a wrong password"})
    await user.get("/api/v1/nothing", headers={"X-Secret": user.token})
    for broken in (
        f"GET /x HTTP/1.1\r\nHost: x\r\nAuthorization : Bearer {user.token}\r\n\r\n",
        f"GET /x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {user.token}\x00\r\n\r\n",
        f"BEARER{user.token} / HTTP/1.1\r\n\r\n",
        f"GET /{user.token} HTTP/9.9\r\n\r\n",
        f"POST /api/v1/order HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {user.token}\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(broken.encode())
        answer = await reader.read(4000)
        assert b" 400 " in answer and user.token.encode() not in answer
        writer.close()
    async with place.socket() as feed:
        await feed.ask("AUTH", user.token)
        await feed.ask("AUTH", user.token + "x")
    captured = capsys.readouterr()
    for secret in (user.token, user.token.rpartition(".")[2], PASSWORD, "a wrong password"):
        assert secret not in captured.out + captured.err


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://[", "http://127.0.0.1", "file://", "http://127.0.0.1.evil.example"],
)
async def test_owasp_browser_a_page_of_another_host_opens_no_socket(place: World, origin: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with place.session.ws_connect(place.base + "/api/v1/ws", headers={"Origin": origin}):
            pass
    assert caught.value.status == 403
    async with place.session.ws_connect(place.base + "/api/v1/ws", headers={"Origin": place.base}):
        pass


async def test_owasp_browser_the_page_has_no_script_and_no_style_of_its_own(place: World) -> None:
    async with place.session.get(place.base + "/") as response:
        text = await response.text()
        assert response.headers["Content-Type"].startswith("text/html")
        policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy
    assert "/api/v1/markets" in text
    assert not re.search(r"<script|<style|style=|\son[a-z]+=|javascript:|https?://", text)


async def test_owasp_browser_scripts_in_every_text_come_back_inert(place: World) -> None:
    user = await place.user(INR="1000", TATA="10")
    tried = 0
    for route in ROUTES:
        client = place.operator() if route.access.value == "admin" else user
        body = BODIES.get((route.method, route.path), {})
        texts = [
            name for name, value in body.items() if isinstance(value, str) and name not in {"password", "new_password"}
        ]
        texts += ["client_order_id", "ref", "x"]
        for script in SCRIPTS:
            answers = [await ask(client, route, body={**body, name: script}) for name in texts if body]
            names = [*route.endpoint.query, "x"]
            asked = [(name, await client.call(route.method, address(route), params={name: script})) for name in names]
            assert all(answer.status >= 400 or name in SOUGHT for name, answer in asked), named(route)
            assert all(answer.status >= 400 for answer in answers), named(route)
            for answer in [*answers, *[answer for _, answer in asked]]:
                tried += 1
                assert answer.headers["Content-Type"] == "application/json"
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert script not in json.dumps(answer.data, ensure_ascii=False), named(route)
    assert tried > 500
    for path in ("orders?status=all", "account", "balances", "markets", "assets", "deposits", "withdrawals"):
        told = json.dumps((await user.get(f"/api/v1/{path}")).data)
        assert "alert" not in told and "script" not in told
