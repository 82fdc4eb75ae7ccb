"""OWASP API 7 to 10: the gateway fetches nothing, tells nothing of its inside, serves what is described and no more."""

import ast
import json
import random
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import exchange
from exchange.api.http.answers import SECURITY
from exchange.api.v1.routes.table import ROUTES
from tests.integration.api_world import World
from tests.security.asking import address, ask, named
from tests.security.generator import Generator
from tests.security.test_fuzz_api import DOCUMENT, send

SOURCES = Path(exchange.__file__).parent
FETCHERS = {"ClientSession", "urlopen", "HTTPConnection", "HTTPSConnection", "create_connection", "open_connection"}
MAY_FETCH = {"client", "clients", "cli", "demo.py", "supervisor", "embedded", "doctor", "effects"}
"""Programs that are nobody's server (the market maker, the command line), and the link to the streams."""
URLS = [
    *("http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:22/", "file:///etc/passwd", "gopher://127.0.0.1/"),
    *("//evil.example/", "redis://127.0.0.1:6379/", "http://[::1]/"),
]

REACHES = {"socket.connect", "socket.getaddrinfo", "urllib.Request", "subprocess.Popen", "os.system"}

_watching: list[set[object]] = []


def _hook(event: str, args: tuple[object, ...]) -> None:
    if _watching and event in {
        "socket.connect",
        "socket.getaddrinfo",
        "urllib.Request",
        "subprocess.Popen",
        "os.system",
    }:
        _watching[-1].add((event, str(args[1] if event == "socket.connect" else args[0])))


@contextmanager
def watched() -> Iterator[set[object]]:
    """Everything that this process reaches for meanwhile."""
    if not getattr(sys, "_reach_watched", False):
        sys.addaudithook(_hook)
        sys._reach_watched = True  # type: ignore[attr-defined]  # a hook stays for ever
    reached: set[object] = set()
    _watching.append(reached)
    try:
        yield reached
    finally:
        _watching.pop()


async def test_owasp_7_no_request_makes_the_gateway_reach_out(place: World) -> None:
    user = await place.user(INR="1000", TATA="10")
    chance = random.Random(6)
    made_by = Generator(DOCUMENT, chance)
    with watched() as reached:
        for _ in range(400):
            made = made_by.request()
            if made.body and chance.random() < 0.7:
                body = re.sub(rb'"[^"]*"(?=[,}\]])', lambda _: json.dumps(chance.choice(URLS)).encode(), made.body)
                made = made._replace(body=body)
            await send(user if not made.operation.admin else place.operator(), made)
        for url in URLS:
            await user.get("/api/v1/depth", params={"market": url}, headers={"Referer": url, "X-Forwarded-Host": url})
    servers = {part for part in (place.settings.redis_url, place.settings.database_url) if part}
    gateway = f"('127.0.0.1', {place.settings.port})"
    allowed = [where for where in reached if where == ("socket.connect", gateway) or _of(servers, str(where))]
    assert set(reached) == set(allowed), set(reached) - set(allowed)
    assert not any("evil" in str(where) or "169.254" in str(where) for where in reached)


def _of(servers: set[str], where: str) -> bool:
    """Whether an address is one of the servers', a socket's path or a port."""
    paths = re.findall(r"/[^'\"?&\s]+", where)
    return "socket.connect" in where and any(
        any(path.rpartition("/")[0] in server for path in paths if path.count("/") > 1)
        or f", {_port(server)})" in where
        for server in servers
    )


def _port(server: str) -> str:
    found = re.search(r":(\d+)(?:/|$)", server)
    return found[1] if found else "none"


def test_owasp_10_nothing_that_serves_asks_another_api() -> None:
    found = [
        f"{path.relative_to(SOURCES)}: {name}"
        for path in sorted(SOURCES.rglob("*.py"))
        if path.relative_to(SOURCES).parts[0] not in MAY_FETCH
        for node in ast.walk(ast.parse(path.read_text()))
        for name in [getattr(node, "attr", None) or getattr(node, "id", None)]
        if name in FETCHERS
    ]
    assert not found


@pytest.mark.parametrize(
    "where", ["exchange.projections.live.shapes.market", "exchange.projections.live.private.balances"]
)
async def test_owasp_8_a_fault_inside_tells_nothing_of_it(
    place: World, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    user = await place.user()

    def broken(*_: object) -> None:
        raise ZeroDivisionError("the secret is 42")

    monkeypatch.setattr(where, broken)
    answer = await user.get("/api/v1/markets" if where.endswith("market") else "/api/v1/balances")
    assert (answer.status, answer.code) == (500, "internal")
    told = json.dumps(answer.data)
    for inside in ("42", "ZeroDivision", "Traceback", ".py", "exchange."):
        assert inside not in told


async def test_owasp_8_every_answer_has_the_security_headers_and_no_trace(place: World) -> None:
    user = await place.user(INR="10")
    chance = random.Random(8)
    made_by = Generator(DOCUMENT, chance)
    for path in ("/", "/api/v1/ws", "/healthz", "/nothing", "/api/v1", "/%00", "/api/v1/order/1"):
        async with place.session.get(place.base + path) as response:
            text = await response.text()
            assert response.headers.items() >= SECURITY.items(), path
            assert "Access-Control-Allow-Origin" not in response.headers
            assert "Traceback" not in text and "aiohttp" not in text and "Python" not in str(response.headers)
    for _ in range(300):
        answered = await send(user, made_by.request())
        assert answered.headers.items() >= SECURITY.items()
        for inside in (b"Traceback", b'File "', b"site-packages", b"asyncpg", b"sqlalchemy", b"aiohttp"):
            assert inside not in answered.body


async def test_owasp_8_no_page_of_another_host_is_let_in(place: World) -> None:
    user = await place.user(INR="10")
    origin = {"Origin": "https://evil.example"}
    preflight = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for route in ROUTES:
        asked = await user.call("OPTIONS", address(route), headers=preflight)
        assert (asked.status, asked.code) == (405, "method_not_allowed"), named(route)
        for answer in (asked, await user.call(route.method, address(route), headers=origin)):
            assert not [name for name in answer.headers if name.lower().startswith("access-control-")], named(route)


async def test_owasp_9_what_is_served_is_what_is_described(place: World) -> None:
    user = await place.user()
    described = (await user.get("/api/v1/openapi.json")).data
    assert described == DOCUMENT
    served = {(method.upper(), path[1:]) for path, methods in described["paths"].items() for method in methods}
    assert served == {(route.method, route.path) for route in ROUTES}
    paths = {route.path for route in ROUTES}
    for path in paths:
        methods = {route.method for route in ROUTES if route.path == path}
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND"} - methods:
            url = "/api/v1/" + path.format(id=1, market="TATA-INR", asset="INR", account=100, subject="f" * 32)
            async with place.session.request(method, place.base + url) as response:
                assert response.status == 405, (method, path)
                assert response.headers["Allow"] == ",".join(sorted(methods))
    for path in (
        "/api",
        "/api/v1",
        "/api/v2/time",
        "/docs",
        "/openapi.json",
        "/metrics",
        "/debug",
        "/admin",
        "/.git/config",
    ):
        assert (await user.get(path)).status == 404, path


async def test_owasp_9_every_route_answers_as_described_when_asked_rightly(place: World) -> None:
    user = await place.user(INR="1000", TATA="10")
    for route in ROUTES:
        if not route.path.startswith("sandbox/"):
            answer = await ask(place.operator() if route.access.value == "admin" else user, route)
            said = DOCUMENT["paths"][f"/{route.path}"][route.method.lower()]["responses"]
            assert str(answer.status) in said, named(route)
            if route.path.startswith("signout"):
                await place.renew(user)
