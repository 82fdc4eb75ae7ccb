"""`POST /api/v1/order` answered after the engine's event: orders a second and latency, by the number of clients.

Engine, gateway, database and this client are processes of their own. Each of the `c` clients has a connection and sends
one order after the other, a sell and then a buy at the same one of twenty prices, so that about half of them trade and
the book stays small. Four users share the connections. The first fifth of a second is not counted.
"""

import argparse
import asyncio
import itertools
import json
import random
import time
from collections.abc import Iterator, Sequence
from typing import Final

import aiohttp
import uvloop

from benchmarks import market
from benchmarks.report import Figure, child
from benchmarks.running import Running, wait
from exchange.commands.codec import encode
from exchange.commands.types import CreateAsset, CreateMarket, Deposit
from exchange.effects.redis_log import run as drive

USERS: Final = 4
_WARM_UP: Final = 0.2


def figures(seconds: float, clients: Sequence[int] = (1, 16, 64)) -> Iterator[Figure]:
    """Orders a second, p50 and p99 in milliseconds, for each number of clients."""
    with Running(database=True) as running:
        running.open()
        running.start("api")
        people = child("benchmarks.rest", "prepare", running.url)
        _fund(running, [int(account) for account in people.values()])
        for count in clients:
            measured = child("benchmarks.rest", "load", running.url, "--clients", count, "--seconds", seconds)
            yield Figure(f"rest_v1.orders_per_s.c{count}", measured["rate"], "orders/s")
            yield Figure(f"rest_v1.p50_ms.c{count}", measured["p50"], "ms")
            yield Figure(f"rest_v1.p99_ms.c{count}", measured["p99"], "ms")


def _fund(running: Running, accounts: Sequence[int]) -> None:
    commands = [
        CreateAsset("BTC", 8),
        CreateAsset("USDT", 6),
        CreateMarket(market.MARKET, market.TICK, market.LOT, 0, 1000, 2000),
        *(Deposit(account, asset, 10**20, f"bench-{asset}") for account in accounts for asset in ("BTC", "USDT")),
    ]
    log = running.log()
    last = log.append_many([encode(command) for command in commands])[-1]
    wait(lambda: drive(log.head()).id >= last)
    log.close()


async def prepare(url: str) -> dict[str, float]:
    """Wait for a healthy gateway and sign the users up; their accounts by email."""
    async with aiohttp.ClientSession() as session:
        until = time.monotonic() + 60
        while not await _healthy(session, url):
            if time.monotonic() > until:
                raise RuntimeError(f"{url} is not healthy")
            await asyncio.sleep(0.05)
        accounts = {}
        for person in _people():
            async with session.post(f"{url}/api/v1/signup", json=person) as answer:
                accounts[person["email"]] = (await answer.json())["account"]
        return accounts


async def load(url: str, clients: int, seconds: float) -> dict[str, float]:
    """Send orders from so many connections for so long; rate, p50 and p99 in milliseconds.

    Raises:
        RuntimeError: an order was not answered with 201.
    """
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        tokens = []
        for person in _people()[: max(1, min(clients, USERS))]:
            async with session.post(f"{url}/api/v1/signin", json=person) as answer:
                tokens.append((await answer.json())["token"])
        start = time.perf_counter()
        taken: list[float] = []
        await asyncio.gather(
            *(
                _client(session, url, tokens[place % len(tokens)], place, start + _WARM_UP, seconds, taken)
                for place in range(clients)
            )
        )
    taken.sort()
    return {
        "rate": len(taken) / seconds,
        "p50": taken[len(taken) // 2] * 1000,
        "p99": taken[len(taken) * 99 // 100] * 1000,
    }


async def _client(
    session: aiohttp.ClientSession, url: str, token: str, place: int, begin: float, seconds: float, taken: list[float]
) -> None:
    rng = random.Random(place)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    run_id = f"{time.time_ns():x}-{place}"
    price = 0
    for number in itertools.count():
        if number % 2 == 0:
            price = 1_000 + rng.randrange(20)
        order = {
            "type": "limit",
            "kind": "sell" if number % 2 == 0 else "buy",
            "market": market.MARKET,
            "price": f"{price}.00",
            "quantity": "0.0010",
            "client_order_id": f"{run_id}-{number}"[:36],
        }
        body = json.dumps(order).encode()
        start = time.perf_counter()
        if start > begin + seconds:
            return
        async with session.post(f"{url}/api/v1/order", data=body, headers=headers) as answer:
            content = await answer.read()
            if answer.status != 201:
                raise RuntimeError(f"{answer.status}: {content[:300]!r}")
        if start >= begin:
            taken.append(time.perf_counter() - start)


async def _healthy(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/healthz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def _people() -> list[dict[str, str]]:
    return [{"email": f"bench{number}@example.org", "password": "bench-password"} for number in range(USERS)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("prepare", "load"))
    parser.add_argument("url")
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0)
    args = parser.parse_args()
    work = prepare(args.url) if args.what == "prepare" else load(args.url, args.clients, args.seconds)
    print(json.dumps(uvloop.run(work)))
