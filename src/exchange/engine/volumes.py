"""What an account traded in the last 30 days, for its fee tier.

Days are UTC days of stream time. Adding closes the days before; asking changes nothing, so that a refused order leaves
no trace.
"""

from collections import deque
from typing import Final

DAY_MS: Final = 86_400_000
DAYS: Final = 30
"""How many days count, today included."""


class Volume:
    """Notional by day: `today` is that of the day `day`, `past` the closed days with a volume, oldest first."""

    def __init__(self) -> None:
        self.day = 0
        self.today = 0
        self.past: deque[tuple[int, int]] = deque()

    def add(self, day: int, notional: int) -> None:
        """A trade on a day, which is not before any other that was added."""
        if day != self.day:
            self._close(day)
        self.today += notional

    def _close(self, day: int) -> None:
        if self.today:
            self.past.append((self.day, self.today))
        while self.past and self.past[0][0] <= day - DAYS:
            self.past.popleft()
        self.day = day
        self.today = 0

    def total(self, day: int) -> int:
        """The volume of the days that count on `day`."""
        first = day - DAYS + 1
        total = self.today if self.day >= first else 0
        for past, notional in self.past:
            if past >= first:
                total += notional
        return total
