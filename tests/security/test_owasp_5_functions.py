"""OWASP API 5 and 6, functions and flows: administration is for administrators, and what is given away has an end."""

from typing import Any

import aiohttp
import pytest

from exchange.api.auth import attempts
from exchange.api.auth.tokens import Tokens, load_key
from exchange.api.contract.declared import Access
from exchange.api.v1.routes.table import ROUTES
from exchange.effects.clock import AsyncClock
from tests.integration.api_world import PASSWORD, Client, World
from tests.security.asking import address, ask, named

SPELLINGS = (
    *("/api/v1//admin/assets", "/api/v1/./admin/assets", "/api/v1/x/../admin/assets", "/api/v1/ADMIN/assets"),
    *("/api/v1/admin/assets/", "/api/v1/admin%2Fassets", "/api/v1/admin/assets;x", "//api/v1/admin/assets"),
)
ADMIN_ONLY = [route for route in ROUTES if route.access is Access.ADMIN]


async def test_owasp_5_no_admin_route_is_open_to_a_user(place: World) -> None:
    user = await place.user(INR="10")
    before = (await user.get("/api/v1/markets")).data, (await user.get("/api/v1/assets")).data
    assert len(ADMIN_ONLY) >= 11
    for route in ADMIN_ONLY:
        answer = await ask(user, route)
        assert (answer.status, answer.code) == (403, "forbidden"), named(route)
        for trick in ({"X-HTTP-Method-Override": "GET"}, {"X-Forwarded-For": "127.0.0.1"}, {"X-Original-URL": "/"}):
            assert (await ask(user, route, headers=trick)).code == "forbidden", named(route)
    gift = {"asset": "INR", "amount": "1", "account": user.account}
    answer = await user.post("/api/v1/deposits", gift)
    assert (answer.status, answer.code) == (403, "forbidden")
    assert ((await user.get("/api/v1/markets")).data, (await user.get("/api/v1/assets")).data) == before


async def test_owasp_5_every_route_under_admin_is_for_administrators() -> None:
    assert all(route.access is Access.ADMIN for route in ROUTES if route.path.startswith("admin/"))
    public = {route.path for route in ROUTES if route.access is Access.PUBLIC}
    assert not {path for path in public if "{" in path}


async def test_owasp_5_other_spellings_of_an_address_are_no_way_round(place: World) -> None:
    user = await place.user()
    for path in SPELLINGS:
        answer = await user.call("POST", place.base + path, {"asset": "NEW", "decimals": 2})
        assert answer.status in {403, 404, 405}, path
    assert all(asset["asset"] != "NEW" for asset in (await user.get("/api/v1/assets")).data["assets"])


async def test_owasp_5_the_operator_has_no_account(place: World) -> None:
    operator = place.operator()
    for route in ROUTES:
        if route.access is Access.USER:
            answer = await ask(operator, route)
            assert (answer.status, answer.code) == (403, "no_account"), named(route)


async def test_owasp_5_a_token_of_another_log_opens_nothing(place: World) -> None:
    token, _ = Tokens(load_key(place.settings.keys_dir)).issue("f" * 32, AsyncClock().now_ms(), 5, "1" * 32)
    stranger = Client(place.session, place.base, token)
    for route in ROUTES:
        if route.access is not Access.PUBLIC:
            assert (await stranger.call(route.method, address(route))).status == 401, named(route)


async def test_owasp_6_an_address_makes_only_so_many_users(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "SIGN_UPS", 3)
    connector = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
    statuses: list[Any] = []
    async with aiohttp.ClientSession(connector=connector) as session:
        far = Client(session, place.base)
        for number in range(5):
            made = await far.post("/api/v1/signup", {"email": f"far{number}@example.org", "password": PASSWORD})
            statuses.append(made.status)
    assert statuses == [201, 201, 201, 429, 429]
    assert int(made.headers["Retry-After"]) > 0


async def test_owasp_6_the_faucet_has_an_end(place: World) -> None:
    user = await place.user()
    for _ in range(10):
        assert (await user.post("/api/v1/deposits", {"asset": "INR", "amount": "100000000"})).status == 201
    more = await user.post("/api/v1/deposits", {"asset": "INR", "amount": "0.01"})
    assert (more.status, more.code) == (403, "faucet_limit")
