"""Orders answered after the engine's event: orders a second and latency, by the number of clients.

`rest_v1` is `POST /api/v1/order`, `rest_v3` the signed `POST /api/v3/order`, `ws_api` `order.place` over the WebSocket
API, logged on, with 32 orders of each client under way. No limit is in force.

Engine, gateways, database and clients are processes of their own, on the same cores; four users share the connections.
Each client sends one order after the other, a sell and then a buy at the same one of twenty prices, so that about half
of them trade and the book stays small. See `orders` for the clients. The first fifth of a second is not counted.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, Self
from urllib.request import Request, urlopen

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

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
    """Of `/api/v1`: what `_measured` gives; and two gateways."""
    with Gateways("always") as gateways:
        yield from _measured(gateways, "rest_v1", "v1", seconds, clients)
    with Gateways("everysec") as gateways:
        yield Figure("rest_v1.p50_ms_everysec.c1", gateways.load(1, seconds)["p50"], "ms")
    with Gateways("always", 2) as gateways:
        measured = gateways.load(MOST, seconds)
        yield Figure(f"rest_v1.two_gateways_orders_per_s.c{MOST}", measured["rate"], "orders/s")
        yield Figure(f"rest_v1.two_gateways_cpu_us_per_order.c{MOST}", measured["gateway_cpu_us"], "us")


def compatible(name: str, seconds: float, clients: Sequence[int] = (1, 16, MOST)) -> Iterator[Figure]:
    """Of `rest_v3` or `ws_api`: what `_measured` gives."""
    with Gateways("always") as gateways:
        yield from _measured(gateways, name, "v3" if name == "rest_v3" else "ws", seconds, clients)


def _measured(gateways: "Gateways", name: str, kind: str, seconds: float, clients: Sequence[int]) -> Iterator[Figure]:
    """Orders a second, p50 and p99 in milliseconds, for each number of clients; what an order costs."""
    for count in clients:
        measured = gateways.load(count, seconds, kind)
        yield Figure(f"{name}.orders_per_s.c{count}", measured["rate"], "orders/s")
        yield Figure(f"{name}.p50_ms.c{count}", measured["p50"], "ms")
        yield Figure(f"{name}.p99_ms.c{count}", measured["p99"], "ms")
        if count == MOST:
            yield Figure(f"{name}.gateway_cpu_us_per_order.c{count}", measured["gateway_cpu_us"], "us")
            yield Figure(f"{name}.client_cpu_us_per_order.c{count}", measured["client_cpu_us"], "us")


class Gateways(Running):
    """An exchange with so many gateways on one port, a market, and users who can pay."""

    def __init__(self, fsync: Fsync, count: int = 1) -> None:
        super().__init__(fsync, database=True)
        self.settings = replace(
            self.settings,
            gateways=count,
            limit_weight=0,
            limit_raw=0,
            limit_connections=0,
            limit_orders_10s=0,
            limit_orders_day=0,
        )
        self._pids: list[int] = []
        self._tokens: dict[str, list[str]] = {}

    def __enter__(self) -> Self:
        super().__enter__()
        self.open()
        self._pids = [self.start("api").pid for _ in range(self.settings.gateways)]
        wait(lambda: self._stand_at(START))
        people = [{"email": f"bench{number}@example.org", "password": _PERSON} for number in range(USERS)]
        for person in people:
            self._post("signup", person)
        signed_in = [self._post("signin", person) for person in people]
        self._fund([int(str(person["account"])) for person in signed_in])
        tokens = [str(person["token"]) for person in signed_in]
        self._tokens = {
            "v1": tokens,
            "v3": [self._secret_key(token) for token in tokens],
            "ws": [self._private_key(token) for token in tokens],
        }
        return self

    def load(self, clients: int, seconds: float, kind: str = "v1") -> dict[str, float]:
        """Let so many clients of a kind send orders for so long; see `orders.load` for what they found."""
        tokens = self._tokens[kind][: max(1, min(clients, USERS))]
        options = ("--clients", clients, "--seconds", seconds, "--gateways", *self._pids, "--tokens", *tokens)
        return child("benchmarks.orders", self.url, *options, "--kind", kind)

    def _secret_key(self, token: str) -> str:
        made = self._post("api-keys", {"label": "bench"}, token)
        return f"{made['key']}:{made['secret']}"

    def _private_key(self, token: str) -> str:
        private = Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        made = self._post("api-keys", {"label": "bench", "kind": "ed25519", "public_key": public}, token)
        return f"{made['key']}:{private.private_bytes_raw().hex()}"

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

    def _post(self, route: str, body: dict[str, str], token: str = "") -> dict[str, object]:
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
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
