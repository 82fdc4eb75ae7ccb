"""`POST /api/v1/order` answered after the engine's event: orders a second and latency, by the number of clients.

Engine, gateways, database and clients are processes of their own, on the same cores; four users share the connections.
Each client sends one order after the other, a sell and then a buy at the same one of twenty prices, so that about half
of them trade and the book stays small. See `orders` for the clients. The first fifth of a second is not counted.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, Self
from urllib.request import Request, urlopen

from benchmarks import market
from benchmarks.report import Figure, child
from benchmarks.running import Running, wait
from exchange.commands.codec import encode
from exchange.commands.types import CreateAsset, CreateMarket, Deposit
from exchange.settings import Fsync
from exchange.terms.stream import START, StreamId, parse_id

USERS: Final = 4
MOST: Final = 64
"""The most clients."""

_PERSON: Final = "bench-password"
_DEADLINE_S: Final = 10.0


def figures(seconds: float, clients: Sequence[int] = (1, 16, MOST)) -> Iterator[Figure]:
    """Orders a second, p50 and p99 in milliseconds, for each number of clients; what an order costs; two gateways."""
    with Gateways("always") as gateways:
        for count in clients:
            measured = gateways.load(count, seconds)
            yield Figure(f"rest_v1.orders_per_s.c{count}", measured["rate"], "orders/s")
            yield Figure(f"rest_v1.p50_ms.c{count}", measured["p50"], "ms")
            yield Figure(f"rest_v1.p99_ms.c{count}", measured["p99"], "ms")
            if count == MOST:
                yield Figure(f"rest_v1.gateway_cpu_us_per_order.c{count}", measured["gateway_cpu_us"], "us")
                yield Figure(f"rest_v1.client_cpu_us_per_order.c{count}", measured["client_cpu_us"], "us")
    with Gateways("everysec") as gateways:
        yield Figure("rest_v1.p50_ms_everysec.c1", gateways.load(1, seconds)["p50"], "ms")
    with Gateways("always", 2) as gateways:
        measured = gateways.load(MOST, seconds)
        yield Figure(f"rest_v1.two_gateways_orders_per_s.c{MOST}", measured["rate"], "orders/s")
        yield Figure(f"rest_v1.two_gateways_cpu_us_per_order.c{MOST}", measured["gateway_cpu_us"], "us")


class Gateways(Running):
    """An exchange with so many gateways on one port, a market, and users who can pay."""

    def __init__(self, fsync: Fsync, count: int = 1) -> None:
        super().__init__(fsync, database=True)
        self.settings = replace(self.settings, gateways=count)
        self._pids: list[int] = []
        self._tokens: list[str] = []

    def __enter__(self) -> Self:
        super().__enter__()
        self.open()
        self._pids = [self.start("api").pid for _ in range(self.settings.gateways)]
        wait(lambda: self._stand_at(START))
        people = [{"email": f"bench{number}@example.org", "password": _PERSON} for number in range(USERS)]
        for person in people:
            self._post("signup", person)
        signed = [self._post("signin", person) for person in people]
        self._fund([int(str(answer["account"])) for answer in signed])
        self._tokens = [str(answer["token"]) for answer in signed]
        return self

    def load(self, clients: int, seconds: float) -> dict[str, float]:
        """Let so many clients send orders for so long; see `orders.load` for what they found."""
        tokens = self._tokens[: max(1, min(clients, USERS))]
        options = ("--clients", clients, "--seconds", seconds, "--gateways", *self._pids, "--tokens", *tokens)
        return child("benchmarks.orders", self.url, *options)

    def _fund(self, accounts: Sequence[int]) -> None:
        commands = [
            CreateAsset("BTC", 8),
            CreateAsset("USDT", 6),
            CreateMarket(market.MARKET, market.TICK, market.LOT, 0, 1000, 2000),
            *(Deposit(account, asset, 10**20, f"bench-{asset}") for account in accounts for asset in ("BTC", "USDT")),
        ]
        log = self.log()
        last = log.append_many([encode(command) for command in commands])[-1]
        log.close()
        wait(lambda: self._stand_at(last))

    def _post(self, route: str, body: dict[str, str]) -> dict[str, object]:
        headers = {"Content-Type": "application/json"}
        request = Request(f"{self.url}/api/v1/{route}", json.dumps(body).encode(), headers)
        with urlopen(request, timeout=_DEADLINE_S) as answer:
            found: dict[str, object] = json.loads(answer.read())
            return found

    def _stand_at(self, position: StreamId) -> bool:
        """Whether the gateways are healthy and have read so far: as many ask as leave none of them out, most likely."""
        return all(self._stands_at(position) for _ in range(8 * self.settings.gateways))

    def _stands_at(self, position: StreamId) -> bool:
        try:
            with urlopen(f"{self.url}/healthz", timeout=_DEADLINE_S) as answer:
                return bool(parse_id(json.loads(answer.read())["position"]) >= position)
        except OSError:
            return False
