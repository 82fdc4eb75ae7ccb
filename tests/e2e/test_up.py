"""`exchange up`, as a person uses it: from nothing to a fill, stopped and continued, hurt and healed."""

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import psutil
import pytest

from exchange.embedded import identity
from exchange.embedded.valkey import ValkeyServer
from tests.e2e.running import Exchange, User, environment, free_port, running, until

MARKET = "GOLD-COIN"


def open_market(exchange: Exchange) -> str:
    """A market that nobody else trades in; gives the administrator's token."""
    admin = exchange.command("admin", "token").split()[-1]
    for asset, decimals in (("GOLD", 3), ("COIN", 2)):
        exchange.ok("POST", "/api/v1/admin/assets", {"asset": asset, "decimals": decimals}, admin)
    terms = {"tick_size": "0.01", "lot_size": "1", "min_notional": "1", "maker_fee": "0.001", "taker_fee": "0.001"}
    exchange.ok("POST", "/api/v1/admin/markets", {"market": MARKET, **terms}, admin)
    return admin


def fund(exchange: Exchange, admin: str, user: User, asset: str, amount: str) -> None:
    body = {"asset": asset, "amount": amount, "account": user.account, "ref": f"{user.account}-{asset}"}
    exchange.ok("POST", "/api/v1/deposits", body, admin)


def place(exchange: Exchange, user: User, kind: str, price: str, quantity: str) -> dict[str, Any]:
    body = {"type": "limit", "kind": kind, "market": MARKET, "price": price, "quantity": quantity}
    return exchange.ok("POST", "/api/v1/order", body, user.token)


def what_they_have(exchange: Exchange, *users: User) -> list[Any]:
    """Balances and open orders of each, and the book."""
    seen: list[Any] = [exchange.ok("GET", f"/api/v1/depth?market={MARKET}")]
    for user in users:
        seen.append(exchange.ok("GET", "/api/v1/balances", token=user.token))
        seen.append([order["id"] for order in exchange.ok("GET", "/api/v1/orders", token=user.token)["orders"]])
    return seen


async def trade_seen_on_the_feed(exchange: Exchange, trade: Callable[[], dict[str, Any]]) -> tuple[Any, Any]:
    """Subscribe, trade, and give the order's answer and the first trade that the feed tells of."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"ws://127.0.0.1:{exchange.port}/api/v1/ws") as feed,
    ):
        await feed.send_json({"method": "SUBSCRIBE", "params": [f"trades@{MARKET}"], "id": 1})
        assert await feed.receive_json(timeout=10) == {"id": 1, "result": None}
        answer = await asyncio.to_thread(trade)
        message = await feed.receive_json(timeout=10)
        assert message["channel"] == f"trades@{MARKET}"
        return answer, message["data"][0]


async def rows(url: str, query: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


def test_from_nothing_to_a_fill_and_on_from_there_after_a_stop(tmp_path: Path) -> None:
    home, port = tmp_path / "home", free_port()
    with running(home, port) as exchange:
        exchange.wait_ready()
        assert exchange.healthy()
        admin = open_market(exchange)
        alice, bob = exchange.join("alice"), exchange.join("bob")
        fund(exchange, admin, alice, "GOLD", "50")
        fund(exchange, admin, bob, "COIN", "10000")
        resting = place(exchange, alice, "sell", "101.25", "10")
        assert resting["status"] == "open"

        taken, told = asyncio.run(trade_seen_on_the_feed(exchange, lambda: place(exchange, bob, "buy", "102.00", "4")))

        assert taken["status"] == "filled"
        assert [(fill["price"], fill["quantity"]) for fill in taken["fills"]] == [("101.25", "4")]
        assert (told["price"], told["quantity"], told["taker_side"]) == ("101.25", "4", "buy")
        database = exchange.servers()["database_url"]
        query = f"SELECT price, quantity FROM trades WHERE market = '{MARKET}'"
        until(lambda: asyncio.run(rows(database, query)) == [(10125, 4000)], "the trade in the database")
        last = place(exchange, bob, "buy", "90.00", "3")
        before = what_they_have(exchange, alice, bob)
        below = exchange.processes()
        assert exchange.stop() == 0
        assert not any(process.is_running() for process in below)
        assert not (home / "run" / "servers.json").exists()

    with running(home, port) as exchange:
        exchange.wait_ready()
        alice, bob = exchange.sign_in("alice"), exchange.sign_in("bob")
        assert what_they_have(exchange, alice, bob) == before
        assert place(exchange, bob, "buy", "89.00", "1")["id"] == last["id"] + 1
        assert "verified" in exchange.command("replay").lower()
        assert exchange.stop(signal.SIGINT) == 0


def test_the_demo_lives_and_what_dies_comes_back(tmp_path: Path) -> None:
    with running(
        tmp_path / "home", free_port(), {"EXCHANGE_DEMO": "yes", "EXCHANGE_SNAPSHOT_EVERY": "200"}
    ) as exchange:
        exchange.wait_ready()
        markets = {market["market"] for market in exchange.ok("GET", "/api/v1/markets")["markets"]}
        assert markets == {"TATA-INR", "BTC-USDT", "ETH-USDT"}
        for market in sorted(markets):
            path = f"/api/v1/trades?market={market}"
            until(lambda path=path: bool(exchange.ok("GET", path)["trades"]), f"trades in {market}")  # type: ignore[misc]
        credentials = {"email": "alice@example.org", "password": "demo-password"}
        token = exchange.ok("POST", "/api/v1/signin", credentials)["token"]
        money = {held["asset"] for held in exchange.ok("GET", "/api/v1/balances", token=token)["balances"]}
        assert money == {"INR", "TATA", "USDT", "BTC", "ETH"}

        for name, words in (("engine", ("-m exchange engine",)), ("valkey", ("valkey-server",))):
            killed = exchange.role(*words)
            killed.kill()
            exchange.wait_said(re.compile(rf"\b{name} was killed by signal 9"))
            exchange.wait_said(re.compile(rf"\b{name} runs again \(process (?!{killed.pid}\))"))
            until(exchange.healthy, f"health after {name} was killed", 60.0)

        below = exchange.processes()
        assert exchange.stop(signal.SIGINT) == 0
        assert not any(process.is_running() for process in below)
        assert not any("killed" in line and "stop by itself" in line for line in exchange.said), exchange.screen()


def test_two_run_side_by_side_but_not_in_one_home_or_on_one_port(tmp_path: Path) -> None:
    first_port, second_port = free_port(), free_port()
    with running(tmp_path / "a", first_port) as first, running(tmp_path / "b", second_port) as second:
        first.wait_ready()
        second.wait_ready()
        assert first.servers() != second.servers()

        def attempt(home: Path, port: int) -> subprocess.CompletedProcess[str]:
            argv = [sys.executable, "-m", "exchange", "up"]
            environ = environment(home, port)
            return subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=30, check=False)

        same_home = attempt(tmp_path / "a", free_port())
        assert same_home.returncode == 1
        assert f"process {first.process.pid}, {first.url}" in same_home.stdout
        same_port = attempt(tmp_path / "c", first_port)
        assert same_port.returncode == 1
        assert f"127.0.0.1:{first_port} cannot be listened on" in same_port.stdout
        assert "EXCHANGE_PORT=" in same_port.stdout
        assert first.healthy()
        assert f"stopped process {first.process.pid}" in first.command("down")
        assert first.process.wait(10) == 0
        assert "nothing runs in" in first.command("down")
        assert second.healthy()


def test_a_killed_exchange_leaves_nothing_behind_and_starts_again(tmp_path: Path) -> None:
    home, port = tmp_path / "home", free_port()
    with running(home, port) as exchange:
        exchange.wait_ready()
        open_market(exchange)
        below = exchange.processes()
        exchange.process.kill()
        exchange.process.wait()
        _, alive = psutil.wait_procs(below, timeout=30)
        assert not alive
    with running(home, port) as exchange:
        exchange.wait_ready()
        assert [market["market"] for market in exchange.ok("GET", "/api/v1/markets")["markets"]] == [MARKET]


def test_servers_that_are_named_are_used_and_none_is_started(
    tmp_path: Path, valkey: ValkeyServer, database_url: str, streams: str
) -> None:
    named = {"REDIS_URL": valkey.url, "DATABASE_URL": database_url, "EXCHANGE_STREAMS": streams}
    with running(tmp_path / "home", free_port(), named) as exchange:
        exchange.wait_ready()
        programs = {process.name() for process in exchange.processes()}
        assert not {"valkey-server", "redis-server", "postgres"} & programs
        snapshots = str(tmp_path / "home" / "snapshots")
        assert exchange.servers() == {"redis_url": valkey.url, "database_url": database_url, "snapshots": snapshots}
        assert exchange.stop() == 0
    assert not {path.name for path in (tmp_path / "home").iterdir()} & {"valkey", "postgres"}


def test_a_server_that_does_not_come_up_ends_the_start_with_its_reason(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "valkey").mkdir(parents=True)
    (home / "valkey" / "appendonlydir").write_text("not a folder\n")
    with running(home, free_port()) as exchange:
        assert exchange.process.wait(30) == 1
        exchange.wait_said(re.compile("the stream server ended with code 1 before it was ready"))
        exchange.wait_said(re.compile(r"The end of .*valkey\.log"))


@pytest.mark.skipif(not identity.namespaces_allowed(), reason="this kernel forbids user namespaces")
def test_it_runs_as_an_ordinary_user(tmp_path: Path) -> None:
    with running(tmp_path / "home", free_port(), become=identity.enter_namespace) as exchange:
        exchange.wait_ready()
        assert exchange.stop() == 0
