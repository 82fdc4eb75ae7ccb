"""A connection as streams see it: in which dress it wants messages, and what it has not been told yet.

A message has up to four dresses: raw or combined, in milliseconds or microseconds. Each is written and framed at most
once, and only when somebody wears it.
"""

from collections.abc import Callable, Iterable

import orjson

from exchange.api.websocket import frames
from exchange.api.websocket.outbox import Outbox
from exchange.projections.live.feeds import Levels

Write = Callable[[int], object]
"""Writes a message in a unit of time: 1 for milliseconds, 1000 for microseconds."""


class Listener:
    """One connection. `behind` are the levels of each depth stream that changed while it did not read."""

    __slots__ = ("behind", "combined", "detach", "names", "outbox", "unit")

    def __init__(self, outbox: Outbox, *, combined: bool, unit: int) -> None:
        self.outbox = outbox
        self.combined = combined
        self.unit = unit
        self.names: dict[str, None] = {}
        self.behind: dict[str, Levels] = {}
        self.detach: dict[str, Callable[[], None]] = {}
        """What ends the user data streams, by name."""

    def tell(self, name: str, payload: bytes) -> None:
        """Send a message that is for this connection alone."""
        self.outbox.put_frame(framed(name, payload, combined=self.combined))


class Message:
    """A stream's message, to be told to several listeners."""

    __slots__ = ("_made", "_name", "_write")

    def __init__(self, name: str, write: Write) -> None:
        self._name = name
        self._write = write
        self._made: dict[tuple[bool, int], bytes] = {}

    def frame(self, listener: Listener) -> bytes:
        """The frame for a listener."""
        dress = (listener.combined, listener.unit)
        frame = self._made.get(dress)
        if frame is None:
            payload = orjson.dumps(self._write(listener.unit))
            frame = self._made[dress] = framed(self._name, payload, combined=listener.combined)
        return frame

    def put(self, listeners: Iterable[Listener]) -> None:
        """Send to all; who does not read gets it later."""
        for listener in listeners:
            listener.outbox.put_frame(self.frame(listener))

    def put_latest(self, listeners: Iterable[Listener]) -> None:
        """Send to all; who does not read gets the latest only."""
        name = self._name
        for listener in listeners:
            listener.outbox.put_latest(name, self.frame(listener))

    def put_last(self, listeners: Iterable[Listener]) -> None:
        """Send to all what must not be replaced, in the place of what waits to be."""
        name = self._name
        for listener in listeners:
            listener.outbox.put_last(name, self.frame(listener))


def framed(name: str, payload: bytes, *, combined: bool) -> bytes:
    """A message's frame; `name` needs no escaping in JSON."""
    return frames.text(b'{"stream":"%b","data":%b}' % (name.encode(), payload) if combined else payload)
