"""Matching commands with their results, by id.

A result is the event entry with the command's own id, and it can come before the server's answer that tells the id: the
tail reads on another connection. So the latest entries are remembered, and who begins to wait is looked for among them
first. Nothing here waits or knows of time; an adapter for asyncio stands in `awaiting`.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from exchange.terms.stream import START, EventEntry, StreamId

RING: Final = 16_384
"""How many of the latest entries are remembered. An answer to an append that is later than that many entries finds its
result passed."""

Callback = Callable[[EventEntry], None]


class Passed(Exception):
    """The entry was delivered too long ago to be remembered: read it from the log by its id."""


class ReplyWaiter:
    """Who waits for which entry. What waits is bounded by its callers, each of whom ends in a result or `forget`."""

    def __init__(self, ring: int = RING) -> None:
        self._size = ring
        self._ring: OrderedDict[StreamId, EventEntry] = OrderedDict()  # a dict's first key is far behind deleted ones
        self._waiting: dict[StreamId, Callback] = {}
        self._newest = START

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def expect(self, id: StreamId, callback: Callback) -> None:
        """Call back once with the entry of this id: at once if it has come already, else when it comes.

        Raises:
            Passed: it came and is no longer remembered; there will be no call.
            ValueError: somebody waits for this id already. A command has one sender.
        """
        entry = self._ring.get(id)
        if entry is not None:
            callback(entry)
            return
        if id <= self._newest:
            raise Passed
        if id in self._waiting:
            raise ValueError(f"somebody waits for {id} already")
        self._waiting[id] = callback

    def deliver(self, entry: EventEntry) -> None:
        """Take the next entry of the tail, and call who waits for it."""
        self._newest = entry.id
        self._ring[entry.id] = entry
        if len(self._ring) > self._size:
            self._ring.popitem(last=False)
        callback = self._waiting.pop(entry.id, None)
        if callback is not None:
            callback(entry)

    def forget(self, id: StreamId) -> None:
        """Nobody waits for this id any more; unknown ids are ignored."""
        self._waiting.pop(id, None)
