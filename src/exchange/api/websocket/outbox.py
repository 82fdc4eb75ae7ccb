"""What one WebSocket connection still has to be sent, bounded.

The idea: frames come ready made and go straight to the transport, all that one turn of the loop brings with one write.
Only when the client does not read, so that the transport holds more than `HIGH_WATER`, does anything wait here. Then
what a newer message makes worthless is replaced by it (`put_latest`), who sends what can be put together puts it
together until `drained` is called, and the rest waits up to a bound: a client beyond that is told so and let go.
Nobody else ever waits for it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from exchange.api.websocket import frames

HIGH_WATER: Final = 64 * 1024
"""Bytes that the transport may hold before frames wait here."""
MAX_QUEUE: Final = 2000
MAX_QUEUED_BYTES: Final = 8 * 1024 * 1024
TOO_SLOW: Final = 1013


def _nothing() -> None:
    """Nothing to be told."""


class Outbox:
    """The frames of one connection. Until `opened` they wait.

    `drained` is called when the client has taken what waited; `ended` when the connection is to be closed.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport | None = None
        self._now: list[bytes] = []
        self._queue: deque[bytes] = deque()
        self._latest: dict[str, bytes] = {}
        self._bytes = 0
        self.held = True
        """Whether the client does not read: what can be put together is to be."""
        self.drained: Callable[[], None] = _nothing
        self.ended: Callable[[], None] = _nothing
        self.closing: tuple[int, str] | None = None
        """The code and reason with which the connection is being closed, if it is."""

    @property
    def waiting(self) -> int:
        """How many frames wait."""
        return len(self._queue) + len(self._latest)

    def opened(self, transport: asyncio.WriteTransport) -> None:
        """The handshake is done: send what waits, and whatever comes."""
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self._transport = transport
        self.hold(False)

    def put(self, message: bytes) -> None:
        """Send a message of its own after those before it."""
        self.put_frame(frames.text(message))

    def put_frame(self, frame: bytes) -> None:
        """Send a frame after those before it; one too many that waits closes the connection."""
        if self.closing is not None:
            return
        if self.held:
            self._queue.append(frame)
            self._bytes += len(frame)
            if len(self._queue) > MAX_QUEUE or self._bytes > MAX_QUEUED_BYTES:
                self.close(TOO_SLOW, "too slow: messages were waiting beyond the limit")
            return
        if not self._now:
            self._loop.call_soon(self._send)
        self._now.append(frame)

    def put_latest(self, key: str, frame: bytes) -> None:
        """Send a frame, or let it take the place of the one with this key that waits."""
        if self.held and self.closing is None:
            self._latest[key] = frame
        else:
            self.put_frame(frame)

    def put_last(self, key: str, frame: bytes) -> None:
        """Send a frame that must not be replaced, and drop the one with this key that waits."""
        self._latest.pop(key, None)
        self.put_frame(frame)

    def forget(self, key: str) -> None:
        """What waits with this key is no longer wanted."""
        self._latest.pop(key, None)

    def hold(self, held: bool) -> None:
        """The transport has as much as it may hold, or takes more again."""
        self.held = held or self._transport is None
        while not self.held and self.waiting:  # the transport may hold again while it is written to
            self._write([self._take() for _ in range(min(self.waiting, 32))])
        if not self.held and self.closing is None:
            self.drained()

    def close(self, code: int, reason: str) -> None:
        """Close the connection: what was put in this turn goes before the reason, what waits is dropped."""
        if self.closing is None:
            self._send()
            self.closing = (code, reason)
            self._queue.clear()
            self._latest.clear()
            self.ended()

    def _take(self) -> bytes:
        if self._queue:
            frame = self._queue.popleft()
            self._bytes -= len(frame)
            return frame
        return self._latest.pop(next(iter(self._latest)))

    def _send(self) -> None:
        sent, self._now = self._now, []
        if sent and self.closing is None:
            self._write(sent)

    def _write(self, sent: list[bytes]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(sent[0] if len(sent) == 1 else b"".join(sent))
