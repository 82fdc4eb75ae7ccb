"""`python -m benchmarks.subscribers`: raw connections to one stream, and when each message came to each of them.

The idea: all subscribers are sent the same bytes, so how many bytes a connection has had says which messages it has
had. Frames are looked for in what the first connection got; of the others only the sizes of what was read are kept,
with the time, so that a message costs this process next to nothing.
"""

import argparse
import json
import select
import socket
import sys
import time
from array import array
from bisect import bisect_right
from typing import Final

from benchmarks.orders import cpu_seconds

PATIENCE_S: Final = 20.0
_HELLO: Final = (
    "GET /ws/btcusdt@trade HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def measure(port: int, subscribers: int, messages: int, rate: int, begin: float, gateway: int) -> dict[str, float]:
    """Connect, and read until everybody has everything.

    Returns:
        `p50`, `p99` and `max` of all delays in milliseconds, and `gateway_cpu_us` for each message sent.

    Raises:
        RuntimeError: a connection is refused or lost, or something does not come in time.
    """
    connections = [_connected(port) for _ in range(subscribers)]
    if time.monotonic() > begin:
        raise RuntimeError("the subscribers were not connected in time")
    before = cpu_seconds(gateway)
    reads, first = _read(connections, messages, begin + messages / rate + PATIENCE_S)
    used = cpu_seconds(gateway) - before
    ends = _ends(first)
    due = [begin + number / rate for number in range(messages)]
    delays: list[float] = []
    for times, sizes in reads:
        had = 0
        for at, size in zip(times, sizes, strict=True):
            upto = bisect_right(ends, size)
            delays.extend(at - due[number] for number in range(had, upto))
            had = upto
    delays.sort()
    return {
        "p50": delays[len(delays) // 2] * 1e3,
        "p99": delays[len(delays) * 99 // 100] * 1e3,
        "max": delays[-1] * 1e3,
        "gateway_cpu_us": used / len(delays) * 1e6,
    }


_Reads = tuple["array[float]", "array[int]"]
"""Of one connection: when something was read, and how many bytes it had had then."""


def _read(connections: list[socket.socket], messages: int, end: float) -> tuple[list[_Reads], bytes]:
    """Read until all have so many messages: what was read when, and everything that the first one got."""
    poll = select.epoll()
    by_number = {connection.fileno(): place for place, connection in enumerate(connections)}
    for connection in connections:
        connection.setblocking(False)
        poll.register(connection, select.EPOLLIN)
    reads: list[_Reads] = [(array("d"), array("q")) for _ in connections]
    had = [0] * len(connections)
    room = bytearray(1 << 18)
    first = bytearray()
    whole = 0
    waiting = len(connections)
    while waiting:
        if time.monotonic() > end:
            raise RuntimeError(f"{waiting} subscribers have not had {messages} messages in time")
        for number, _ in poll.poll(0.5):
            place = by_number[number]
            size = connections[place].recv_into(room)
            at = time.monotonic()
            if not size:
                raise RuntimeError("a subscriber lost its connection")
            had[place] += size
            times, sizes = reads[place]
            times.append(at)
            sizes.append(had[place])
            if place == 0:
                first += room[:size]
                ends = _ends(first)
                if len(ends) >= messages and not whole:
                    whole = ends[messages - 1]
                    waiting = sum(1 for size in had if size < whole)
            elif whole and had[place] >= whole > had[place] - size:
                waiting -= 1
    poll.close()
    return reads, bytes(first)


def _ends(data: bytes | bytearray) -> list[int]:
    """Where each whole frame ends."""
    ends: list[int] = []
    place = 0
    while place + 4 <= len(data):
        length = data[place + 1]
        place += 2
        if length == 126:
            length = int.from_bytes(data[place : place + 2], "big")
            place += 2
        place += length
        if place <= len(data):
            ends.append(place)
    return ends


def _connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    connection.sendall(_HELLO.encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        got = connection.recv(4096)
        if not got:
            break
        answer += got
    if not answer.startswith(b"HTTP/1.1 101 "):
        raise RuntimeError(f"a subscriber was refused: {answer[:200]!r}")
    return connection


def main() -> int:
    """Measure, and print what was found as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.subscribers", description=__doc__)
    parser.add_argument("port", type=int)
    for name in ("subscribers", "messages", "rate", "gateway"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--begin", type=float, required=True)
    args = parser.parse_args()
    print(json.dumps(measure(args.port, args.subscribers, args.messages, args.rate, args.begin, args.gateway)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
