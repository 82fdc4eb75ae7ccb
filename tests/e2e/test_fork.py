"""A fork as an operator makes one: from a running exchange, run beside it, traded in, and the source none the wiser."""

import asyncio
import json
from pathlib import Path
from typing import Any

from exchange import settings
from exchange.audit.diffing import Comparison, compare
from exchange.effects.redis.log import AsyncRedisLog, BlockingRedisLog, run
from exchange.terms.stream import EventEntry, format_id, parse_id
from tests.e2e.running import Exchange, User, environment, free_port, running
from tests.e2e.test_up import MARKET, fund, open_market, place

ORDERS = 24
NOT_IN_A_STATE = ("filled_quote", "average_price", "fee", "created_at", "updated_at", "fills", "account")
"""What a snapshot does not hold of an order, and whose it is."""


def entries(exchange: Exchange) -> list[EventEntry]:
    found = settings.load(environment(exchange.home, exchange.port))
    log = BlockingRedisLog(found.redis_for("operator"), found.commands_key, found.events_key)
    try:
        return run(log.events((0, 0), 10**6))
    finally:
        log.close()


async def parted(one: Exchange, other: Exchange) -> Comparison:
    """Where the logs of two exchanges part."""
    logs = []
    for exchange in (one, other):
        found = settings.load(environment(exchange.home, exchange.port))
        logs.append(AsyncRedisLog(found.redis_for("operator"), found.commands_key, found.events_key))
    try:
        return await compare(*logs)
    finally:
        for log in logs:
            await log.aclose()


def signed_in(exchange: Exchange, names: tuple[str, ...]) -> list[User]:
    return [exchange.sign_in(name) for name in names]


def shown(exchange: Exchange, users: list[User]) -> dict[str, Any]:
    """Book, balances and open orders as the API tells them."""
    book = exchange.ok("GET", f"/api/v1/depth?market={MARKET}&limit=1000")
    found: dict[str, Any] = {"book": (book["bids"], book["asks"], book["seq"])}
    for user in users:
        rows = exchange.ok("GET", "/api/v1/balances", token=user.token)["balances"]
        orders = exchange.ok("GET", "/api/v1/orders?limit=500", token=user.token)["orders"]
        found[str(user.account)] = balances(rows), [bare(order) for order in orders]
    return found


def at(report: dict[str, Any], users: list[User]) -> dict[str, Any]:
    """The same as `exchange at` tells it."""
    book = report["books"][MARKET]
    found: dict[str, Any] = {"book": (book["bids"], book["asks"], book["seq"])}
    for user in users:
        orders = [order for order in report["orders"] if order["account"] == user.account]
        found[str(user.account)] = (
            balances(report["accounts"][str(user.account)]["balances"]),
            [bare(order) for order in sorted(orders, key=lambda order: -order["id"])],
        )
    return found


def balances(rows: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    return [
        (row["asset"], row["available"], row["locked"])
        for row in rows
        if float(row["available"]) or float(row["locked"])
    ]


def bare(order: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in order.items() if name not in NOT_IN_A_STATE}


def test_a_fork_of_a_busy_market_runs_beside_it_as_it_was(tmp_path: Path) -> None:
    into = tmp_path / "fork"
    names = ("alice", "bob")
    with running(tmp_path / "source", free_port()) as source:
        source.wait_ready()
        admin = open_market(source)
        users = [source.join(name) for name in names]
        for user in users:
            fund(source, admin, user, "GOLD", "1000")
            fund(source, admin, user, "COIN", "100000")
        positions = []
        for number in range(ORDERS):
            for user, kind in zip(users, ("buy", "sell"), strict=True):
                price = 100 + number % 7 * (-1 if kind == "buy" else 1) + (3 if number % 5 == 0 else 0)
                place(source, user, kind, f"{price}.00", str(1 + number % 4))
            positions.append(entries(source)[-1].id)
        middle = format_id(positions[ORDERS // 2])
        before = entries(source)
        report = json.loads(source.command("at", middle, "--json"))
        assert report["id"] == middle
        assert report["orders"]
        said = source.command("fork", "--at", middle, "--into", str(into))
        assert f"EXCHANGE_HOME={into}" in said
        with running(into, free_port()) as fork:
            fork.wait_ready()
            assert fork.call("GET", "/api/v1/balances", token=users[0].token)[0] == 401, "the source's token"
            theirs = signed_in(fork, names)
            assert [user.account for user in theirs] == [user.account for user in users]
            assert shown(fork, theirs) == at(report, users)
            assert "paused" in fork.command("clock")
            moved = json.loads(fork.command("clock", "--json", "step", "1h"))
            assert moved["time"] == parse_id(middle)[0] + 3_600_000
            traded = place(fork, theirs[0], "buy", "200.00", "1")
            assert traded["status"] == "filled"
            assert traded["updated_at"] == moved["time"]
            compared = asyncio.run(parted(source, fork))
            assert json.loads(fork.command("replay", "--json"))["verified"]
            assert fork.stop() == 0
        after = entries(source)
        assert [(entry.id, entry.chain) for entry in after] == [(entry.id, entry.chain) for entry in before]
        assert (compared.relation, format_id(compared.last)) == ("parted", middle)
        assert compared.common == len([entry for entry in before if entry.id <= parse_id(middle)])
        place(source, users[0], "buy", "1.00", "1")
        assert source.stop() == 0
