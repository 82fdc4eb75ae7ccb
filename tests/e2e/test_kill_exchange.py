"""A whole exchange under orders from outside, every role of it killed again and again: each order that a client sent,
however often it had to repeat itself, took effect exactly once, and the history in SQL says the same as the log."""

import asyncio
import json
import random
import re
import threading
import time
from collections import Counter
from http.client import HTTPException
from pathlib import Path

import psutil

from exchange.effects.redis_log import BlockingRedisLog, run
from exchange.events.codec import decode
from exchange.events.types import Accepted, Rejected, Trade
from exchange.settings import load
from tests.e2e.running import Exchange, free_port, running, until
from tests.e2e.test_up import MARKET, fund, open_market, rows
from tests.integration.trading import all_events, assert_sound

KILLS = 15
CLIENTS = 4
ROLES = {
    "engine": "-m exchange engine",
    "standby": "-m exchange standby",
    "gateway": "-m exchange api",
    "projector": "-m exchange project",
}


class Client(threading.Thread):
    """Places orders, each under an id of its own, and repeats one until it knows what became of it."""

    def __init__(self, exchange: Exchange, name: str, token: str) -> None:
        super().__init__(daemon=True)
        self.outcomes: dict[str, int | None] = {}
        """The engine's number for each order, None for one that was refused."""
        self.repeats = 0
        self.failure = ""
        self.over = threading.Event()
        self._exchange = exchange
        self._name = name
        self._token = token
        self._dice = random.Random(name)

    def run(self) -> None:
        try:
            number = 0
            while not self.over.is_set():
                number += 1
                self._place(f"{self._name}-{number}")
        except Exception as error:
            self.failure = repr(error)
            raise

    def _place(self, id: str) -> None:
        body = {
            "type": "limit",
            "kind": self._dice.choice(["buy", "sell"]),
            "market": MARKET,
            "price": f"{self._dice.randint(9_900, 10_100) / 100:.2f}",
            "quantity": str(self._dice.randint(1, 9)),
            "client_order_id": id,
        }
        deadline = time.monotonic() + 60
        while True:
            assert time.monotonic() < deadline, f"order {id} has no outcome"
            try:
                status, answer = self._exchange.call("POST", "/api/v1/order", body, self._token)
            except (OSError, HTTPException, json.JSONDecodeError):
                status, answer = 0, {}
            if status in {200, 201}:
                self.outcomes[id] = answer["id"]
                return
            if status == 422:
                self.outcomes[id] = None
                return
            assert status in {0, 429, 500, 503, 504}, (status, answer)
            assert status != 500, answer
            self.repeats += 1
            time.sleep(0.05)


def test_every_role_is_killed_under_load_and_each_order_takes_effect_once(tmp_path: Path) -> None:
    dice = random.Random(6)
    settings = {"EXCHANGE_SNAPSHOT_EVERY": "100"}
    with running(tmp_path / "home", free_port(), settings) as exchange:
        exchange.wait_ready()
        admin = open_market(exchange)
        clients = []
        for number in range(CLIENTS):
            user = exchange.join(f"client-{number}")
            fund(exchange, admin, user, "GOLD", "100000")
            fund(exchange, admin, user, "COIN", "10000000")
            clients.append(Client(exchange, f"c{number}", user.token))
        for client in clients:
            client.start()
        kills = Counter[str]()
        while sum(kills.values()) < KILLS:
            role = min(ROLES, key=lambda name: (kills[name], dice.random()))
            before = progress(clients)
            process = find(exchange, ROLES[role])
            if process is not None:
                process.kill()
                kills[role] += 1
            until(lambda before=before: progress(clients) > before + 5, "orders go on", 60.0)  # type: ignore[misc]
            time.sleep(dice.uniform(0.0, 0.3))
        for client in clients:
            client.over.set()
            client.join(70)
            assert not client.failure
            assert not client.is_alive()
        assert min(kills[role] for role in ROLES) >= KILLS // len(ROLES)
        assert sum(client.repeats for client in clients) > 0, "nobody felt anything"

        until(exchange.healthy, "health after the last kill", 60.0)
        servers = exchange.servers()
        operator = load({"EXCHANGE_HOME": str(exchange.home)}).redis_for("operator")
        log = BlockingRedisLog(operator, "exchange:commands", "exchange:events")
        until(lambda: not run(log.commands(run(log.head()).id, 1)), "every command has its result")
        check(exchange, log, servers["database_url"], clients)
        log.close()
        assert "verified" in exchange.command("replay")
        assert exchange.stop() == 0
    assert not [line for line in exchange.said if re.search(r"refuses|exit code 3", line)], exchange.screen()


def progress(clients: list[Client]) -> int:
    for client in clients:
        assert not client.failure, client.failure
    return sum(len(client.outcomes) for client in clients)


def find(exchange: Exchange, words: str) -> psutil.Process | None:
    """The role's process, unless it is just being started again."""
    for process in exchange.processes():
        try:
            if words in " ".join(process.cmdline()):
                return process
        except psutil.Error:
            continue
    return None


def check(exchange: Exchange, log: BlockingRedisLog, database: str, clients: list[Client]) -> None:
    """Clients, log and SQL tell one story."""
    machine = assert_sound(log)
    accepted: dict[str, int] = {}
    trades = 0
    for entry in all_events(log):
        for event in decode(entry.payload).events:
            if isinstance(event, Accepted) and event.client_id:
                assert event.client_id not in accepted, f"order {event.client_id} took effect twice"
                accepted[event.client_id] = event.order
            trades += isinstance(event, Trade)
            assert not isinstance(event, Rejected) or event.code != "unknown_account"
    told = {id: order for client in clients for id, order in client.outcomes.items()}
    assert {id: order for id, order in told.items() if order is not None} == accepted
    assert trades > 20
    until(lambda: asyncio.run(rows(database, "SELECT count(*) FROM trades")) == [(trades,)], "every trade in SQL", 60.0)
    in_sql = asyncio.run(rows(database, "SELECT client_id, id FROM orders WHERE client_id <> ''"))
    assert dict(in_sql) == accepted
    assert len(in_sql) == len(accepted)
    sums = asyncio.run(rows(database, "SELECT asset, sum(available + locked) FROM ledger GROUP BY asset"))
    assert all(total == 0 for _, total in sums)
    assert machine.state.next_trade == trades + 1
