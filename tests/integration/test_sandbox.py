"""A sandbox through its API: the clock's routes, the same session twice, and the documentation's bot test."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.sandbox import fork
from exchange.settings import Settings
from exchange.terms.stream import Head
from tests.conftest import execute
from tests.integration.api_world import Client, World, eventually, world
from tests.integration.sandboxes import sandbox_world
from tests.integration.trading import assert_sound

REPOSITORY = Path(__file__).parents[2]
START_MS = 1_577_836_800_000
DAY_MS = 86_400_000

MakeSettings = Callable[..., Settings]


async def clock(client: Client, **move: Any) -> tuple[int, str, bool]:
    answer = await (client.call("PUT", "/api/v1/sandbox/clock", move) if move else client.get("/api/v1/sandbox/clock"))
    assert answer.status == 200, answer
    return answer.data["time"], answer.data["rate"], answer.data["paused"]


async def ok(answer: Awaitable[Any]) -> Any:
    given = await answer
    assert given.status in {200, 201}, given
    return given.data


async def opened(sandbox: World) -> tuple[Client, Client, Client]:
    """A market and two people with money, every transfer named."""
    await sandbox.create_market()
    operator, ann, ben = sandbox.operator(), await sandbox.user(), await sandbox.user()
    for client in (ann, ben):
        for asset in ("TATA", "INR"):
            body = {"asset": asset, "amount": "10000", "account": client.account, "ref": f"{client.account}-{asset}"}
            await ok(operator.post("/api/v1/deposits", body))
    return operator, ann, ben


async def session(sandbox: World) -> None:
    """Requests one after the other: orders of many kinds, expiry by steps, transfers, refusals."""
    operator, ann, ben = await opened(sandbox)
    now, _, _ = await clock(operator)
    soon = {"time_in_force": "gtd", "expires_at": now + 90_000}
    await ok(ann.limit("buy", "99", "10"))
    await ok(ann.limit("buy", "98", "5", **soon, client_order_id="mine"))
    await ok(ben.limit("sell", "101", "10"))
    stop = {"type": "stop_loss_limit", "kind": "sell", "market": "TATA-INR", "stop_price": "99", "price": "97"}
    await ok(ann.post("/api/v1/order", {**stop, "quantity": "4"}))
    await clock(operator, step=89_999)
    assert len((await ok(ann.get("/api/v1/orders")))["orders"]) == 3
    await ok(ben.market("sell", quantity="3"))
    await clock(operator, step=1)
    assert (await ok(ann.get("/api/v1/orders?client_order_id=mine")))["orders"][0]["status"] == "expired"
    assert (await ann.limit("buy", "99.01", "1")).code == "off_tick"
    assert (await ann.limit("buy", "99", "1", **soon)).code == "already_expired"
    await ok(ben.call("PUT", "/api/v1/switch", {"timeout_ms": 60_000}))
    await clock(operator, time=now + DAY_MS)
    assert (await ok(ben.get("/api/v1/orders")))["orders"] == []
    await ok(ann.post("/api/v1/withdrawals", {"asset": "INR", "amount": "10", "ref": "out-1"}))


def head_of(settings: Settings) -> Head:
    log = BlockingRedisLog(settings.redis_url, settings.commands_key, settings.events_key)
    try:
        assert_sound(log)
        return run(log.head())
    finally:
        log.close()


@pytest.fixture
def source(make_settings: MakeSettings) -> Settings:
    return make_settings()


def test_the_same_session_twice_gives_the_same_log_byte_for_byte(
    source: Settings, database_url: str, tmp_path: Path
) -> None:
    heads = []
    for name in ("first", "second"):
        fork.new(tmp_path / name, source, START_MS, "a seed")

        async def live(home: Path) -> Head:
            async with sandbox_world(source, home, database_url) as sandbox:
                await session(sandbox)
                return await asyncio.to_thread(head_of, sandbox.settings)

        heads.append(asyncio.run(live(tmp_path / name)))
        asyncio.run(execute(database_url, "TRUNCATE users"))
    assert heads[0] == heads[1]
    assert heads[0].id[0] == START_MS + DAY_MS


async def test_the_clocks_routes(source: Settings, database_url: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    await asyncio.to_thread(fork.new, home, source, START_MS)
    async with sandbox_world(source, home, database_url) as sandbox:
        operator, ann, _ = await opened(sandbox)
        anyone = sandbox.anonymous()
        path = "/api/v1/sandbox/clock"
        assert await clock(anyone) == (START_MS, "0", True)
        assert (await ok(anyone.get("/api/v1/time")))["time"] == START_MS
        assert (await anyone.call("PUT", path, {"step": 1})).status == 401
        assert (await ann.call("PUT", path, {"step": 1})).status == 403
        for wrong, status in (
            ({}, 400),
            ({"step": 1, "rate": "1"}, 400),
            ({"step": 0}, 400),
            ({"step": -1}, 400),
            ({"rate": "10000.001"}, 422),
            ({"rate": "0.0001"}, 400),
            ({"time": START_MS - 1}, 422),
            ({"step": 253_402_300_799_999}, 422),
            ({"back": 1}, 400),
        ):
            assert (await operator.call("PUT", path, wrong)).status == status, wrong
        assert await clock(anyone) == (START_MS, "0", True)
        assert await clock(operator, step=1500) == (START_MS + 1500, "0", True)
        assert (await ok(anyone.get("/api/v1/time")))["time"] == START_MS + 1500
        _, rate, paused = await clock(operator, rate="10000")
        assert (rate, paused) == ("10000", False)
        while (await clock(anyone))[0] < START_MS + 100_000:
            pass
        at, rate, paused = await clock(operator, rate="0")
        assert (rate, paused) == ("0", True)
        order = await ok(ann.limit("buy", "99", "1"))
        assert order["created_at"] == at, "a command is dated by the clock"
        assert (await ok(anyone.get("/healthz")))["status"] == "ok"


async def test_health_goes_by_real_time_however_fast_the_clock_runs(
    source: Settings, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids of a sandbox say nothing of how long a command has waited."""
    monkeypatch.setattr("exchange.api.gateway.SILENT_MS", 300)
    home = tmp_path / "home"
    await asyncio.to_thread(fork.new, home, source, START_MS)
    async with sandbox_world(source, home, database_url, deadline_s=1.0) as sandbox:
        operator, ann, _ = await opened(sandbox)
        await clock(operator, rate="10000")
        for number in range(20):
            asking = asyncio.create_task(ann.limit("buy", "90", "1", client_order_id=f"n{number}"))
            assert (await sandbox.anonymous().get("/healthz")).status == 200
            await ok(asking)
        await clock(operator, rate="0")
        await asyncio.to_thread(sandbox.engine.stop)
        unanswered = asyncio.create_task(ann.limit("buy", "90", "1"))

        async def unhealthy() -> bool:
            return (await sandbox.anonymous().get("/healthz")).status == 503

        await eventually(unhealthy)
        unanswered.cancel()


async def test_outside_a_sandbox_there_is_no_clock(
    make_settings: MakeSettings, redis_url: str, database_url: str
) -> None:
    async with world(make_settings(redis_url=redis_url, database_url=database_url)) as ordinary:
        assert (await ordinary.anonymous().get("/api/v1/sandbox/clock")).status == 404
        assert (await ordinary.operator().call("PUT", "/api/v1/sandbox/clock", {"step": 1})).status == 404


async def test_the_documented_bot_test_runs(source: Settings, database_url: str, tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "sandbox.md").read_text(), re.DOTALL)
    home = tmp_path / "home"
    await asyncio.to_thread(fork.new, home, source, START_MS)
    async with sandbox_world(source, home, database_url) as sandbox:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", example],
            env=os.environ | {"URL": sandbox.base, "TOKEN": sandbox.operator().token},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
