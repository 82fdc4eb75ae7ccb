"""Faults around the gateway: killed processes, a silent engine, a log or a database that is away."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import aiohttp

from exchange.settings import Settings
from tests.faults.gateways import gateway_process, up
from tests.integration.api_world import (
    DEADLINE_S,
    PASSWORD,
    Client,
    eventually,
    free_port,
    world,
)

MakeSettings = Callable[..., Settings]


async def test_a_user_whose_account_was_not_opened_gets_it_at_the_next_sign_in(
    make_settings: MakeSettings, redis_url: str, database_url: str
) -> None:
    settings = make_settings(redis_url=redis_url, database_url=database_url, demo=True)
    async with world(settings, deadline_s=0.3) as place:
        credentials = {"email": "early@example.org", "password": PASSWORD}
        anonymous = place.anonymous()
        await place.stop_engine()
        made = await anonymous.post("/api/v1/signup", credentials)
        assert made.status == 201
        early = await anonymous.post("/api/v1/signin", credentials)
        assert (early.status, early.data["account"]) == (200, None)
        await place.start_engine()
        signed = await anonymous.post("/api/v1/signin", credentials)
        assert signed.data["account"] >= 100
        client = Client(place.session, place.base, signed.data["token"])
        assert (await client.get("/api/v1/balances")).data == {"balances": []}
        assert (await anonymous.post("/api/v1/signin", credentials)).data["account"] == signed.data["account"]


async def test_several_gateways_on_one_port_are_one(
    make_settings: MakeSettings, redis_url: str, database_url: str
) -> None:
    settings = make_settings(redis_url=redis_url, database_url=database_url, demo=True)
    async with world(settings, gateways=3) as place:
        assert len(place.servers) == 3
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector) as session:
            place.session = session
            for _ in range(10):
                user = await place.user(INR="1000")
                order = await user.limit("buy", "10", "5")
                id = order.data["id"]
                assert (await user.call("PATCH", f"/api/v1/order/{id}", {"quantity": "4"})).status == 200
                gone = await user.call("DELETE", f"/api/v1/order/{id}")
                assert gone.data["canceled"] == "4"
                position = {"X-Exchange-At-Least": gone.headers["X-Exchange-Position"]}
                for _ in range(3):
                    shown = await user.get(f"/api/v1/order/{id}", headers=position)
                    assert (shown.data["status"], shown.data["quantity"]) == ("canceled", "4")


async def test_the_process_stops_cleanly_and_says_when_it_cannot_start(
    make_settings: MakeSettings, redis_url: str, database_url: str, tmp_path: Path
) -> None:
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as place:
        taken = await gateway_process(place.settings, tmp_path / "taken")
        assert await asyncio.wait_for(taken.wait(), 30) == 3
        assert f"cannot listen on 127.0.0.1:{place.settings.port}" in (tmp_path / "taken").read_text()
        settings = replace(place.settings, port=free_port())
        process = await gateway_process(settings, tmp_path / "err")
        client = Client(place.session, f"http://127.0.0.1:{settings.port}")
        await eventually(lambda: up(client), 30)
        async with place.session.ws_connect(f"{client.base}/api/v1/ws") as ws:
            process.send_signal(signal.SIGTERM)
            assert (await ws.receive(timeout=DEADLINE_S)).type is aiohttp.WSMsgType.CLOSE
            assert ws.close_code == 1001
        assert await asyncio.wait_for(process.wait(), 30) == 0
        lines = (tmp_path / "err").read_text().splitlines()
        assert all(line.startswith("{") for line in lines)
        assert len(lines) < 10
