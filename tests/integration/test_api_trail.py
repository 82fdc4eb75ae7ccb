"""Whatever an administrator does stands in the log under their name, and before it is done."""

from collections.abc import AsyncIterator, Callable

import pytest

from exchange.api.commanding import Answer, CommandPath
from exchange.api.contract.declared import Access
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.v1.routes.table import ROUTES
from exchange.commands.types import Administrative, Command, Record
from exchange.settings import Settings
from tests.integration.api_world import MARKET, World, world

ELSEWHERE = {"GET admin/acts", "GET admin/users", "PUT sandbox/clock"}
"""Administrators' routes that send no command: two that look, and one that only a sandbox has."""


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url)) as made:
        yield made


async def acts_of(place: World) -> list[tuple[str, str, object]]:
    """Every administrators' route with what may be asked of it, and a deposit to somebody."""
    user = await place.user(INR="100")
    (row,) = (await place.operator().get("/api/v1/admin/users")).data["users"]
    reserved = [(await user.post("/api/v1/withdrawals", {"asset": "INR", "amount": "1"})).data["id"] for _ in range(2)]
    rates = {"maker_fee": "0", "taker_fee": "0.001"}
    terms = {"tick_size": "1", "lot_size": "1", "min_notional": "1", **rates}
    markets, account, subject = f"admin/markets/{MARKET}", f"admin/accounts/{user.account}", row["subject"]
    return [
        ("POST", "admin/assets", {"asset": "NEW", "decimals": 0}),
        ("POST", "admin/markets", {"market": "NEW-INR", **terms}),
        ("PATCH", markets, rates),
        ("PUT", f"{markets}/limits", {"max_orders": 5}),
        ("PATCH", markets, {"status": "auction"}),
        ("POST", f"{markets}/uncross", {"status": "open"}),
        ("PUT", "admin/assets/INR/fee-tiers", {"tiers": [{"volume": "0", **rates}]}),
        ("PATCH", account, {"status": "frozen"}),
        ("PATCH", account, {"status": "open"}),
        ("PATCH", account, {"trade_group": 7}),
        ("PUT", "admin/rules", {"rules": 3, "dedup_names": 1000}),
        ("POST", f"withdrawals/{reserved[0]}/settle", None),
        ("POST", f"withdrawals/{reserved[1]}/release", None),
        ("POST", "deposits", {"asset": "INR", "amount": "5", "account": user.account}),
        ("PATCH", f"admin/users/{subject}", {"role": "admin"}),
        ("POST", f"admin/users/{subject}/signout", None),
        ("DELETE", f"admin/users/{subject}/keys", None),
    ]


async def test_every_act_of_an_administrator_names_them(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    acts = await acts_of(place)
    sent: list[Command] = []
    carry_out = CommandPath.carry_out

    async def watched(self: CommandPath, command: Command) -> Answer:
        sent.append(command)
        return await carry_out(self, command)

    monkeypatch.setattr(CommandPath, "carry_out", watched)
    for method, path, body in acts:
        answer = await place.operator().call(method, f"/api/v1/{path}", body)
        assert answer.status in (200, 201) or answer.code == "unknown_rules", (path, answer)  # there is no newer one
    named = {type(command).__name__: getattr(command, "by", "") for command in sent}
    assert set(named.values()) == {"operator"}, named
    assert all(getattr(command, "by", "") == "operator" for command in sent)
    assert set(named) == {kind.__name__ for kind in Administrative.__subclasses__()}
    routes = {f"{route.method} {route.path}" for route in ROUTES if route.access is Access.ADMIN} - ELSEWHERE
    assert len(routes) == len({(method, path) for method, path, _ in acts} - {("POST", "deposits")})


@pytest.mark.parametrize("number", [-3, -2, -1])
async def test_what_cannot_be_recorded_is_not_done(place: World, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    user = await place.user()
    made = await user.post("/api/v1/api-keys", {"label": "kept"})
    assert made.status == 201
    (row,) = (await place.operator().get("/api/v1/admin/users")).data["users"]
    carry_out = CommandPath.carry_out

    async def refusing(self: CommandPath, command: Command) -> Answer:
        if isinstance(command, Record):
            raise ApiError(GatewayCode.LOG_FULL)
        return await carry_out(self, command)

    monkeypatch.setattr(CommandPath, "carry_out", refusing)
    method, path, body = [
        ("PATCH", f"admin/users/{row['subject']}", {"role": "admin"}),
        ("POST", f"admin/users/{row['subject']}/signout", None),
        ("DELETE", f"admin/users/{row['subject']}/keys", None),
    ][number]
    assert (await place.operator().call(method, f"/api/v1/{path}", body)).code == "log_full"
    (after,) = (await place.operator().get("/api/v1/admin/users")).data["users"]
    assert after["role"] == "user"
    assert len((await user.get("/api/v1/api-keys")).data["api_keys"]) == 1
