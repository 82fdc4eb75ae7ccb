"""A cheap crowd of clients that place orders over HTTP: what `rest` measures with, in a process of its own.

The load shares two cores with what it measures, so it must cost little: one callback for each answer, no client
library, requests put together from parts made beforehand, and of an answer only its status and length are read. How
much of the processor it took is told with what it found.
"""

import argparse
import asyncio
import json
import os
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

import uvloop

from benchmarks import market

PRICES: Final = 20
_WARM_UP: Final = 0.2
_PATIENCE: Final = 30.0
_LENGTH: Final = b"\r\nContent-Length: "
_END: Final = b"\r\n\r\n"


class Crowd:
    """The clients of one run: what they share, and what they found. Times are of `perf_counter`, in seconds."""

    def __init__(self, host: str, seconds: float) -> None:
        self.host = host
        self.begin = time.perf_counter() + _WARM_UP
        self.end = self.begin + seconds
        self.taken: list[float] = []


class Client(asyncio.Protocol):
    """A connection that sends one order after the other: a sell, then a buy at the same one of twenty prices."""

    def __init__(self, crowd: Crowd, place: int, token: str) -> None:
        self._crowd = crowd
        self._rng = random.Random(place)
        self._head = (
            f"POST /api/v1/order HTTP/1.1\r\nHost: {crowd.host}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self._name = f"{time.time_ns():x}-{place}-"
        self._price = 0
        self._number = 0
        self._sent = 0.0
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._send(self._transport)

    def data_received(self, data: bytes) -> None:
        """When an answer is whole, note its time and send the next order, until the time is over."""
        data = self._received + data if self._received else data
        body = data.find(_END) + len(_END)
        if body < len(_END):
            self._received = data
            return
        at = data.index(_LENGTH) + len(_LENGTH)
        if len(data) < body + int(data[at : data.index(b"\r", at)]):
            self._received = data
            return
        self._received = b""
        now = time.perf_counter()
        transport, crowd = self._transport, self._crowd
        if transport is None:
            return
        if not data.startswith(b"HTTP/1.1 201 "):
            self._fail(f"an order was not accepted: {data[:300]!r}")
        elif now < crowd.end:
            if self._sent >= crowd.begin:
                crowd.taken.append(now - self._sent)
            self._send(transport)
        else:
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, in time or too early."""
        if time.perf_counter() < self._crowd.end:
            self._fail(f"the connection was lost: {exc}")
        elif not self.done.done():
            self.done.set_result(None)

    def _send(self, transport: asyncio.Transport) -> None:
        number = self._number
        self._number += 1
        sells = number % 2 == 0
        if sells:
            self._price = 1_000 + self._rng.randrange(PRICES)
        body = (
            f'{{"type":"limit","kind":"{"sell" if sells else "buy"}","market":"{market.MARKET}",'
            f'"price":"{self._price}.00","quantity":"0.0010","client_order_id":"{self._name}{number}"}}'
        ).encode()
        self._sent = time.perf_counter()
        transport.write(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))

    def _fail(self, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(reason))


async def load(
    url: str, tokens: Sequence[str], clients: int, seconds: float, gateways: Sequence[int]
) -> dict[str, float]:
    """Send orders from so many connections for so long.

    Args:
        gateways: process ids of who answers.

    Returns:
        `rate` in orders a second, `p50` and `p99` in milliseconds, `gateway_cpu_us` for each order of the processes
        that answer, and `client_cpu_us` of this one.

    Raises:
        RuntimeError: an order was not answered with 201, or nothing was answered in time.
    """
    where = urlsplit(url)
    if where.hostname is None or where.port is None:
        raise ValueError(f"{url} names no host and port")
    loop = asyncio.get_running_loop()
    crowd = Crowd(where.netloc, seconds)
    crowd.begin = time.perf_counter() + _WARM_UP
    connections = [Client(crowd, place, tokens[place % len(tokens)]) for place in range(clients)]
    for connection in connections:
        await loop.create_connection(lambda made=connection: made, where.hostname, where.port)  # type: ignore[misc]
    await asyncio.sleep(crowd.begin - time.perf_counter())
    before, own = sum(map(cpu_seconds, gateways)), time.process_time()
    await asyncio.sleep(crowd.end - time.perf_counter())
    after, own = sum(map(cpu_seconds, gateways)), time.process_time() - own
    async with asyncio.timeout(_PATIENCE):
        await asyncio.gather(*(connection.done for connection in connections))
    taken = sorted(crowd.taken)
    if not taken:
        raise RuntimeError("nothing was answered in time")
    return {
        "rate": len(taken) / seconds,
        "p50": taken[len(taken) // 2] * 1000,
        "p99": taken[len(taken) * 99 // 100] * 1000,
        "gateway_cpu_us": (after - before) / len(taken) * 1e6,
        "client_cpu_us": own / len(taken) * 1e6,
    }


def cpu_seconds(pid: int) -> float:
    """The processor time of a process so far; 0 where the system has no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--gateways", type=int, nargs="*", default=[])
    parser.add_argument("--tokens", nargs="+", required=True)
    args = parser.parse_args()
    print(json.dumps(uvloop.run(load(args.url, args.tokens, args.clients, args.seconds, args.gateways))))
