"""A book that keeps itself: a snapshot, and every change after it in its place.

The idea: the exchange numbers the changes of a market without a gap, so a book that has applied all of them up to a
number is the exchange's book at that number; a missing one is noticed at once (`Gap`), never papered over. Nothing is
received here: whoever has a connection hands the messages in.
"""

from bisect import bisect_left, insort
from decimal import Decimal

from exchange.client.models import Level, Reader, level


class Gap(Exception):
    """A change is missing: begin again from a snapshot."""


class LocalBook:
    """A market's book. `seq` is the market's sequence that it stands at; -1 before the first snapshot."""

    def __init__(self, market: str) -> None:
        self.market = market
        self.seq = -1
        self._bids = _Side(-1)
        self._asks = _Side(1)

    def take(self, message: object) -> None:
        """Apply a message of the channel `depth@<market>`: a snapshot or an update.

        Raises:
            Gap: it does not follow what came before; the book is as it was.
            Unreadable: it is no such message.
        """
        r = Reader(message)
        kind = r.text("type")
        body = r.inner("data")
        bids, asks = body.many("bids", level), body.many("asks", level)
        if kind == "snapshot":
            self._bids.replace(bids)
            self._asks.replace(asks)
            self.seq = body.whole("seq")
            return
        first = body.whole("first_seq")
        if first != self.seq + 1:
            raise Gap(f"{self.market}: {first} came after {self.seq}")
        self._bids.change(bids)
        self._asks.change(asks)
        self.seq = body.whole("last_seq")

    def bids(self, levels: int | None = None) -> list[Level]:
        """The best bids, best first."""
        return self._bids.best(levels)

    def asks(self, levels: int | None = None) -> list[Level]:
        """The best asks, best first."""
        return self._asks.best(levels)


class _Side:
    """Levels by price; `sign` makes the best price the least key."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._keys: list[Decimal] = []
        self._levels: dict[Decimal, Level] = {}

    def replace(self, levels: list[Level]) -> None:
        """Forget everything but these."""
        self._levels = {self._sign * one.price: one for one in levels}
        self._keys = sorted(self._levels)

    def change(self, levels: list[Level]) -> None:
        """These have this quantity now; none means that the level is gone."""
        for one in levels:
            key = self._sign * one.price
            if one.quantity:
                if key not in self._levels:
                    insort(self._keys, key)
                self._levels[key] = one
            elif self._levels.pop(key, None) is not None:
                del self._keys[bisect_left(self._keys, key)]

    def best(self, levels: int | None) -> list[Level]:
        return [self._levels[key] for key in self._keys[:levels]]
