"""Who may do what: every route of the table without a token, with bad ones, with a user's, and with foreign ids."""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from exchange.api.declared import Access, Route
from exchange.api.routes.table import ROUTES
from exchange.api.tokens import OPERATOR, Tokens, load_key
from exchange.cli import admin
from exchange.effects.clock import AsyncClock
from exchange.settings import Settings
from tests.integration.api_world import MARKET, PASSWORD, Answer, Client, World, eventually, world

GUARDED = [route for route in ROUTES if route.access is not Access.PUBLIC]
ADMIN_ONLY = [route for route in ROUTES if route.access is Access.ADMIN]
WITH_ORDER = [route for route in ROUTES if route.path.startswith("order/{id}")]


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as made:
        yield made


def address(route: Route, id: int = 1) -> str:
    """The route's address, for something by this number."""
    return "/api/v1/" + route.path.format(id=id, market=MARKET, asset="INR", account=100)


async def call(client: Client, route: Route, id: int = 1, **options: object) -> Answer:
    """A request that the route would read."""
    path = address(route, id)
    bodies: dict[str, object] = {"PATCH": {"quantity": "1"}, "POST": {}, "PUT": {}}
    if route.path.endswith("/replace"):
        bodies["POST"] = {"type": "limit", "kind": "buy", "market": MARKET, "price": "10", "quantity": "1"}
    return await client.call(route.method, path, bodies.get(route.method), **options)


def test_the_table_is_what_the_documentation_lists() -> None:
    text = (Path(__file__).parent.parent.parent / "docs" / "api.md").read_text()
    for route in ROUTES:
        assert f"{route.method} /api/v1/{route.path}" in text, route


async def test_no_guarded_route_answers_without_a_good_token(place: World) -> None:
    user = await place.user(INR="10")
    now_ms = AsyncClock().now_ms()
    key = load_key(place.settings.keys_dir)
    other_log = Tokens(key).issue("0" * 32, now_ms, 5)[0]
    over = Tokens(key).issue(user.token, now_ms - 3_600_000, 5)[0]
    other_key = Tokens(bytes(64)).issue(OPERATOR, now_ms, 5)[0]
    headers = [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {user.token}"},
        {"Authorization": user.token},
        {"Authorization": f"Bearer {user.token}x"},
        {"Authorization": f"Bearer {user.token[:-1]}"},
        {"Authorization": f"Bearer {other_log}"},
        {"Authorization": f"Bearer {over}"},
        {"Authorization": f"Bearer {other_key}"},
        {"Authorization": f"Bearer {'x' * 5000}"},
        {"Cookie": f"token={user.token}"},
    ]
    anonymous = place.anonymous()
    for route in GUARDED:
        for header in headers:
            answer = await call(anonymous, route, headers=header)
            assert (answer.status, answer.code) == (401, "unauthorized"), (route, header)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        by_address = await anonymous.call(route.method, f"{address(route)}?token=x")
        assert by_address.status == 401
    assert (await user.balances())["INR"] == ("10.00", "0.00")


async def test_no_admin_route_is_open_to_a_user(place: World) -> None:
    user = await place.user(INR="10")
    for route in ADMIN_ONLY:
        answer = await call(user, route)
        assert (answer.status, answer.code) == (403, "forbidden"), route
    gift = {"asset": "INR", "amount": "1", "account": user.account}
    answer = await user.post("/api/v1/deposits", gift)
    assert (answer.status, answer.code) == (403, "forbidden")


async def test_the_operator_has_no_account(place: World) -> None:
    operator = place.operator()
    order = {"type": "limit", "kind": "buy", "market": MARKET, "price": "10", "quantity": "1"}
    for route in GUARDED:
        if route.access is Access.USER:
            path = address(route)
            bodies: dict[str, object] = {
                "order": order,
                "deposits": {"asset": "INR", "amount": "1"},
                "withdrawals": {"asset": "INR", "amount": "1"},
            }
            body = bodies.get(route.path) if route.method == "POST" else None
            body = {"quantity": "1"} if route.method == "PATCH" else body
            if (route.method, route.path) == ("DELETE", "orders"):
                path += "?client_order_id=x"
            answer = await operator.call(route.method, path, body)
            assert (answer.status, answer.code) == (403, "no_account"), route


async def test_foreign_ids_answer_as_unknown_ones(place: World) -> None:
    owner = await place.user(INR="1000", TATA="10")
    thief = await place.user(INR="1000")
    open_id = (await owner.limit("buy", "10", "5", client_order_id="secret")).data["id"]
    closed_id = (await owner.limit("buy", "10", "1")).data["id"]
    await owner.call("DELETE", f"/api/v1/order/{closed_id}")
    for route in WITH_ORDER:
        unknown = await call(thief, route, 999_999)
        assert unknown.status == 404
        for id in (open_id, closed_id):
            foreign = await call(thief, route, id)
            assert (foreign.status, foreign.data) == (404, unknown.data), route
    foreign = await thief.call("DELETE", "/api/v1/orders?client_order_id=secret")
    assert (foreign.status, foreign.code) == (404, "unknown_order")
    assert (await thief.get("/api/v1/orders?client_order_id=secret")).data == {"orders": []}
    assert (await thief.get(f"/api/v1/fills?order={open_id}")).data == {"fills": []}
    for path in ("orders?status=all", "fills", "withdrawals", "deposits"):
        rows = next(iter((await thief.get(f"/api/v1/{path}")).data.values()))
        assert all(row.get("account", thief.account) == thief.account for row in rows)
        assert path == "deposits" or rows == []
    assert (await owner.get(f"/api/v1/order/{open_id}")).data["status"] == "open"


async def test_private_channels_are_ones_own(place: World) -> None:
    owner = await place.user(INR="1000")
    other = await place.user(INR="1000")
    async with place.socket() as stranger, place.socket(other) as listener:
        for channel in ("orders", "fills", "balances"):
            refused = await stranger.ask("SUBSCRIBE", channel)
            assert refused["error"]["code"] == "unauthorized"
        for token in ("", "x.y.z", owner.token + "x"):
            assert (await stranger.ask("AUTH", token))["error"]["code"] == "unauthorized"
        assert (await stranger.ask("AUTH", place.operator().token))["error"]["code"] == "no_account"
        assert (await listener.ask("AUTH", owner.token))["error"]["code"] == "forbidden"
        await listener.ask("SUBSCRIBE", "orders", "fills", "balances")
        await listener.receive("orders")
        await listener.receive("balances")
        await owner.limit("buy", "10", "1")
        mine = await other.limit("buy", "11", "1")
        heard = await listener.receive("orders")
        assert [order["id"] for order in heard["data"]] == [mine.data["id"]]


async def test_granting_and_revoking_work_at_once(place: World, capsys: pytest.CaptureFixture[str]) -> None:
    user = await place.user()
    body = {"asset": "NEW", "decimals": 0}
    assert (await user.post("/api/v1/admin/assets", body)).status == 403
    await run_admin(place, "grant", "USER1@example.org")
    assert (await user.post("/api/v1/admin/assets", body)).status == 201
    await run_admin(place, "revoke", "user1@example.org")
    assert (await user.post("/api/v1/admin/assets", {**body, "asset": "NEWER"})).status == 403
    assert await run_admin(place, "grant", "nobody@example.org") == 1
    assert "there is no user nobody@example.org" in capsys.readouterr().err


async def test_the_operators_acts(place: World, capsys: pytest.CaptureFixture[str]) -> None:
    async def act(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = await run_admin(place, *words)
        told = capsys.readouterr()
        return code, told.out + told.err

    code, token = await act("token", "--minutes", "1")
    assert code == 0
    holder = Client(place.session, place.base, token.strip())
    assert (await holder.post("/api/v1/admin/assets", {"asset": "A", "decimals": 0})).status == 201
    assert (await act("token", "--minutes", "0"))[0] == 2
    assert await act("create-asset", "B", "2") == (0, '{"asset":"B","decimals":2}\n')
    code, told = await act("create-asset", "B", "2")
    assert (code, "asset_exists" in told) == (1, True)
    code, told = await act("create-market", "A-B", "--tick-size", "0.05", "--lot-size", "1", "--taker-fee", "0.002")
    market = json.loads(told)
    assert (code, market["tick_size"], market["taker_fee"]) == (0, "0.05", "0.002000")
    code, told = await act("create-market", "A-C", "--tick-size", "1", "--lot-size", "1")
    assert (code, "unknown_asset" in told) == (1, True)
    code, told = await act("set-status", "A-B", "halted")
    assert (code, json.loads(told)) == (0, {"market": "A-B", "status": "halted"})
    code, told = await act("set-status", "A-B", "open")
    assert (code, "market_halted" in told) == (1, True)
    code, told = await act("set-fees", "A-B", "--maker-fee", "0", "--taker-fee", "0.01")
    assert (code, json.loads(told)["taker_fee"]) == (0, "0.010000")

    async def shown() -> bool:  # the command asked the engine, not this gateway, whose view may be a moment behind
        markets = (await holder.get("/api/v1/markets")).data["markets"]
        return [(m["status"], m["taker_fee"]) for m in markets if m["market"] == "A-B"] == [("halted", "0.010000")]

    await eventually(shown)


async def run_admin(place: World, *words: str) -> int:
    """`exchange admin …` in this process, on a loop of its own."""
    parser = argparse.ArgumentParser()
    admin.configure(parser)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exchange.logs.configure", lambda *_: None)
        return await asyncio.to_thread(admin.run, parser.parse_args(words), place.settings)


async def test_answers_carry_the_security_headers_and_no_secrets(place: World) -> None:
    user = await place.user(INR="10")
    answers = [
        await user.get("/api/v1/balances"),
        await place.anonymous().get("/api/v1/nothing"),
        await place.anonymous().get("/healthz"),
        await user.post("/api/v1/order", {}),
    ]
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Server"] == "exchange"
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.headers["Content-Type"].startswith("application/json")
        told = json.dumps(answer.data)
        for secret in (user.token, PASSWORD, "$2b$", "Traceback", "user1@"):
            assert secret not in told


async def test_the_page_for_people(place: World) -> None:
    async with place.session.get(place.base + "/") as response:
        text = await response.text()
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/html")
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "/api/v1/markets" in text
    assert "<script" not in text
    assert "style=" not in text


async def test_a_bug_answers_500_without_telling_anything(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    user = await place.user()

    def broken(*_: object) -> None:
        raise ZeroDivisionError("the secret is 42")

    monkeypatch.setattr("exchange.projections.live.private.balances", broken)
    answer = await user.get("/api/v1/balances")
    assert (answer.status, answer.code) == (500, "internal")
    assert "42" not in json.dumps(answer.data)
