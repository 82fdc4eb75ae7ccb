"""The client's manners towards a gateway that is busy, away, or has forgotten it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from exchange.clients.credentials import Credentials
from exchange.clients.public_api import PublicApi, Refused, Unavailable

Answer = tuple[int, dict[str, str], object]


class Gateway:
    """A gateway that answers as the test says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.token = "first"
        self.refresh = "r"
        self.asked: list[tuple[str, str, object, str, str]] = []
        self.answers: list[Answer | None] = []
        """One for each request that is not about signing in; None breaks the connection."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read() or b"null")
        path = request.path.removeprefix("/api/v1")
        headers = request.headers
        self.asked.append(
            (request.method, path, body, headers.get("Authorization", ""), headers.get("X-Exchange-At-Least", ""))
        )
        if path == "/signup":
            self.known[body["email"]] = body["password"]
            return web.json_response({"email": body["email"]}, status=201)
        if path == "/signin":
            if self.known.get(body["email"]) != body["password"]:
                return refusal(401, "wrong_credentials")
            return web.json_response({"token": self.token, "refresh_token": self.refresh, "account": 100})
        if path == "/refresh":
            if body["refresh_token"] != self.refresh:
                return refusal(401, "unauthorized")
            self.refresh += "+"
            return web.json_response({"token": self.token, "refresh_token": self.refresh, "account": 100})
        if headers.get("Authorization") != f"Bearer {self.token}":
            return refusal(401, "unauthorized")
        answer = self.answers.pop(0)
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        status, more, content = answer
        return web.json_response(content, status=status, headers=more)

    def requests(self) -> list[tuple[str, str, object, str, str]]:
        return [asked for asked in self.asked if asked[1] not in {"/signin", "/signup", "/refresh"}]


def refusal(status: int, code: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": "…", "field": None}}, status=status)


def refused(status: int, code: str, **headers: str) -> Answer:
    return status, headers, {"error": {"code": code, "message": "…", "field": None}}


Client = Callable[[], Awaitable[PublicApi]]


@pytest.fixture
async def gateway() -> AsyncIterator[tuple[Gateway, PublicApi]]:
    gateway = Gateway()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", gateway.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    api = PublicApi(f"http://{host}:{port}", Credentials("maker@example.org", "secret-password"))
    yield gateway, api
    await api.close()
    await runner.cleanup()


async def test_it_signs_up_when_nobody_knows_it_and_only_in_later(gateway: tuple[Gateway, PublicApi]) -> None:
    server, api = gateway
    server.answers = [(200, {}, {"balances": []})] * 2
    await api.get("/balances")
    await api.get("/balances")
    assert [asked[1] for asked in server.asked] == ["/signin", "/signup", "/signin", "/balances", "/balances"]


async def test_a_token_that_is_no_longer_taken_is_renewed(gateway: tuple[Gateway, PublicApi]) -> None:
    server, api = gateway
    server.answers = [(200, {}, {"n": "1"}), (200, {}, {"n": "2"})]
    assert await api.get("/balances") == {"n": "1"}
    server.token = "second"
    assert await api.get("/balances") == {"n": "2"}
    assert [asked[1] for asked in server.asked][-3:] == ["/balances", "/refresh", "/balances"]


async def test_a_session_that_is_over_is_begun_again(gateway: tuple[Gateway, PublicApi]) -> None:
    server, api = gateway
    server.answers = [(200, {}, {"n": "1"}), (200, {}, {"n": "2"})]
    assert await api.get("/balances") == {"n": "1"}
    server.token, server.refresh = "second", "another"
    assert await api.get("/balances") == {"n": "2"}
    assert [asked[1] for asked in server.asked][-4:] == ["/balances", "/refresh", "/signin", "/balances"]


async def test_a_busy_gateway_is_asked_again_after_the_time_it_names(gateway: tuple[Gateway, PublicApi]) -> None:
    server, api = gateway
    server.answers = [
        refused(503, "log_unavailable", **{"Retry-After": "0"}),
        refused(429, "too_many", **{"Retry-After": "0"}),
        (200, {}, {"n": "1"}),
    ]
    assert await api.get("/markets") == {"n": "1"}


async def test_an_unknown_outcome_is_repeated_as_it_was(gateway: tuple[Gateway, PublicApi]) -> None:
    server, api = gateway
    server.answers = [refused(504, "unknown_outcome"), None, (201, {}, {"id": 1})]
    order = {"type": "limit", "client_order_id": "mm-1"}
    assert await api.post("/order", order) == {"id": 1}
    assert [(asked[0], asked[2]) for asked in server.requests()] == [("POST", order)] * 3


async def test_a_refusal_is_told_at_once_with_its_code(gateway: tuple[Gateway, PublicApi]) -> None:
    server, api = gateway
    server.answers = [refused(409, "insufficient_funds")]
    with pytest.raises(Refused) as caught:
        await api.post("/order", {})
    assert (caught.value.status, caught.value.code) == (409, "insufficient_funds")
    assert len(server.requests()) == 1


async def test_a_gateway_that_stays_away_is_unavailable(gateway: tuple[Gateway, PublicApi]) -> None:
    server, api = gateway
    server.answers = [refused(503, "busy", **{"Retry-After": "0"})] * 9
    with pytest.raises(Unavailable, match="busy"):
        await api.get("/markets")
    assert 2 <= len(server.requests()) <= 5


async def test_the_newest_position_goes_with_every_request(gateway: tuple[Gateway, PublicApi]) -> None:
    server, api = gateway
    server.answers = [
        (201, {"X-Exchange-Position": "5-1"}, {}),
        (200, {"X-Exchange-Position": "4-9"}, {}),
        (200, {}, {}),
    ]
    await api.post("/order", {})
    await api.get("/balances")
    await api.get("/balances")
    assert [asked[4] for asked in server.requests()] == ["", "5-1", "5-1"]


async def test_nobody_there_is_unavailable() -> None:
    api = PublicApi("http://127.0.0.1:9", Credentials("maker@example.org", "secret-password"))
    with pytest.raises(Unavailable, match="no answer"):
        await api.get("/markets")
    await api.close()
