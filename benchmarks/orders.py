"""A cheap crowd of clients that place orders: what `rest` measures with, in a process of its own.

There are three kinds of clients: of `/api/v1` with a token, of `/api/v3` with signed requests (HMAC, all parameters in
the query string, as the venue's own clients send them), and of the WebSocket API, logged on, with `AHEAD` orders each
under way.

The load shares two cores with what it measures, so it must cost little: one callback for each answer, no client
library, requests put together from parts made beforehand, and of an answer only its status and length are read. How
much of the processor it took is told with what it found.
"""

import argparse
import asyncio
import base64
import hmac
import json
import os
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks import market

PRICES: Final = 20
SYMBOL: Final = market.MARKET.replace("-", "")
AHEAD: Final = 32
"""Orders that a client of the WebSocket API has under way."""
_WARM_UP: Final = 0.2
_PATIENCE: Final = 30.0
_LENGTH: Final = b"\r\nContent-Length: "
_END: Final = b"\r\n\r\n"


class Crowd:
    """The clients of one run: what they share, and what they found. Times are of `perf_counter`, in seconds."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.begin = self.end = float("inf")
        self.taken: list[float] = []

    def start(self, seconds: float) -> None:
        """Everybody is there: count so long."""
        self.begin = time.perf_counter() + _WARM_UP
        self.end = self.begin + seconds


class Client(asyncio.Protocol):
    """A connection that sends one order after the other: a sell, then a buy at the same one of twenty prices."""

    accepted = b"HTTP/1.1 201 "

    def __init__(self, crowd: Crowd, place: int, credential: str) -> None:
        self._crowd = crowd
        self._credential = credential
        self._rng = random.Random(place)
        self._name = f"{time.time_ns():x}-{place}-"
        self._price = 0
        self._number = 0
        self._sent = 0.0
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.prepare()

    def prepare(self) -> None:
        """Make what all requests have in common."""
        self._head = (
            f"POST /api/v1/order HTTP/1.1\r\nHost: {self._crowd.host}\r\nAuthorization: Bearer {self._credential}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()

    def request(self, name: str, side: str, price: int) -> bytes:
        """A request for an order."""
        body = (
            f'{{"type":"limit","kind":"{side}","market":"{market.MARKET}",'
            f'"price":"{price}.00","quantity":"0.0010","client_order_id":"{name}"}}'
        ).encode()
        return b"%b%d\r\n\r\n%b" % (self._head, len(body), body)

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
        if not data.startswith(self.accepted):
            self._fail(f"an order was not accepted: {data[:1000]!r}")
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
        request = self._next()
        self._sent = time.perf_counter()
        transport.write(request)

    def _next(self) -> bytes:
        number = self._number
        self._number += 1
        sells = number % 2 == 0
        if sells:
            self._price = 1_000 + self._rng.randrange(PRICES)
        return self.request(f"{self._name}{number}", "sell" if sells else "buy", self._price)

    def _fail(self, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(reason))


class Signed(Client):
    """The same at `/api/v3`; the credential is key and secret, with a colon between."""

    accepted = b"HTTP/1.1 200 "

    def prepare(self) -> None:
        """Make what all requests have in common."""
        key, _, secret = self._credential.partition(":")
        self._secret = secret.encode()
        self._head = b"POST /api/v3/order?"
        self._tail = (
            f" HTTP/1.1\r\nHost: {self._crowd.host}\r\nX-MBX-APIKEY: {key}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n"
        ).encode()

    def request(self, name: str, side: str, price: int) -> bytes:
        """A signed request for an order."""
        query = (
            f"symbol={SYMBOL}&side={side.upper()}&type=LIMIT&timeInForce=GTC&quantity=0.0010&price={price}.00"
            f"&newClientOrderId={name}&timestamp={time.time_ns() // 1_000_000}"
        ).encode()
        signature = hmac.digest(self._secret, query, "sha256").hex().encode()
        return b"%b%b&signature=%b%b" % (self._head, query, signature, self._tail)


class LoggedOn(Client):
    """The same over the WebSocket API; the credential is key and the private key's bytes in hexadecimal digits. Frames
    are masked with zeros: a mask costs the client more than the order."""

    def prepare(self) -> None:
        """Nothing yet."""
        self._times: deque[float] = deque()
        self._stage: Callable[[bytes], bytes] = self._shaken

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Shake hands."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(
            (
                f"GET /ws-api/v3?returnRateLimits=false HTTP/1.1\r\nHost: {self._crowd.host}\r\n"
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n"
            ).encode()
        )

    def data_received(self, data: bytes) -> None:
        """Take what is whole."""
        self._received = self._stage(self._received + data if self._received else data)

    def request(self, name: str, side: str, price: int) -> bytes:
        """A request for an order."""
        return _masked(
            (
                f'{{"id":"{name}","method":"order.place","params":{{"symbol":"{SYMBOL}","side":"{side.upper()}",'
                f'"type":"LIMIT","timeInForce":"GTC","quantity":"0.0010","price":"{price}.00",'
                f'"newClientOrderId":"{name}","timestamp":{time.time_ns() // 1_000_000}}}}}'
            ).encode()
        )

    def _shaken(self, data: bytes) -> bytes:
        """After the handshake: log on."""
        end = data.find(_END)
        if end < 0 or self._transport is None:
            return data
        if not data.startswith(b"HTTP/1.1 101 "):
            self._fail(f"no WebSocket: {data[:300]!r}")
        key, _, private = self._credential.partition(":")
        payload = f"apiKey={key}&timestamp={time.time_ns() // 1_000_000}"
        signature = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private)).sign(payload.encode())
        params = {
            "apiKey": key,
            "timestamp": int(payload.rpartition("=")[2]),
            "signature": base64.b64encode(signature).decode(),
        }
        self._transport.write(_masked(json.dumps({"id": "on", "method": "session.logon", "params": params}).encode()))
        self._stage = self._on
        return self._on(data[end + len(_END) :])

    def _on(self, data: bytes) -> bytes:
        """Logged on: send as many orders as there may be under way."""
        at = _end_of_frame(data, 0)
        if not at:
            return data
        if b'"status":200' not in data[:at]:
            self._fail(f"no log-on: {data[:at]!r}")
        self._stage = self._answers
        self._ahead(AHEAD)
        return data[at:]

    def _answers(self, data: bytes) -> bytes:
        now = time.perf_counter()
        crowd = self._crowd
        at = count = 0
        while end := _end_of_frame(data, at):
            if data.find(b'"status":200', at, end) < 0:
                self._fail(f"an order was not accepted: {data[at:end]!r}")
            sent = self._times.popleft()
            count += 1
            at = end
            if sent >= crowd.begin and now < crowd.end:
                crowd.taken.append(now - sent)
        if now < crowd.end:
            self._ahead(count)
        elif not self._times and self._transport is not None:
            self._transport.close()
        return data[at:]

    def _ahead(self, count: int) -> None:
        if count and self._transport is not None:
            self._times.extend([time.perf_counter()] * count)
            self._transport.write(b"".join([self._next() for _ in range(count)]))


KINDS: Final[dict[str, type[Client]]] = {"v1": Client, "v3": Signed, "ws": LoggedOn}


async def load(
    url: str, tokens: Sequence[str], clients: int, seconds: float, gateways: Sequence[int], kind: str = "v1"
) -> dict[str, float]:
    """Send orders from so many connections for so long.

    Args:
        tokens: the clients' credentials, as their kind needs them.
        gateways: process ids of who answers.

    Returns:
        `rate` in orders a second, `p50` and `p99` in milliseconds, `gateway_cpu_us` for each order of the processes
        that answer, and `client_cpu_us` of this one.

    Raises:
        RuntimeError: an order was not accepted, or nothing was answered in time.
    """
    where = urlsplit(url)
    if where.hostname is None or where.port is None:
        raise ValueError(f"{url} names no host and port")
    loop = asyncio.get_running_loop()
    crowd = Crowd(where.netloc)
    connections = [KINDS[kind](crowd, place, tokens[place % len(tokens)]) for place in range(clients)]
    for connection in connections:
        await loop.create_connection(lambda made=connection: made, where.hostname, where.port)  # type: ignore[misc]
    crowd.start(seconds)
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


def _masked(message: bytes) -> bytes:
    """A client's text frame of up to 64 KB, masked with zeros."""
    length = len(message)
    head = bytes((0x81, 0x80 | length)) if length < 126 else bytes((0x81, 0xFE, length >> 8, length & 255))
    return head + bytes(4) + message


def _end_of_frame(data: bytes, at: int) -> int:
    """Where a server's frame that begins there ends; 0 if it is not whole."""
    if len(data) < at + 4:
        return 0
    length = data[at + 1]
    end = at + 4 + (data[at + 2] << 8 | data[at + 3]) if length == 126 else at + 2 + length
    return end if end <= len(data) else 0


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
    parser.add_argument("--kind", choices=list(KINDS), default="v1")
    args = parser.parse_args()
    measured = load(args.url, args.tokens, args.clients, args.seconds, args.gateways, args.kind)
    print(json.dumps(uvloop.run(measured)))
