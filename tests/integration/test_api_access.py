"""Who is an administrator, and what the operator may do from the command line; `tests/security` has the rest."""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from exchange.api.v1.routes.table import ROUTES
from exchange.cli import admin
from exchange.settings import Settings
from tests.integration.api_world import Client, World, eventually, world


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as made:
        yield made


def test_the_table_is_what_the_documentation_lists() -> None:
    text = (Path(__file__).parent.parent.parent / "docs" / "api.md").read_text()
    for route in ROUTES:
        assert f"{route.method} /api/v1/{route.path}" in text, route


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
