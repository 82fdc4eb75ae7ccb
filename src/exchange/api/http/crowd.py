"""How many connections there are, from where, and which to let go when there are too many.

The idea: connections cost little until somebody opens all there can be. So there is a bound on all, and one on those of
an address; and when all places are taken, those that have lain idle longest make room, so that holding connections
open without using them keeps nobody out.
"""

import heapq
from collections.abc import Callable, Iterable
from typing import Final, Protocol

MAX_CONNECTIONS: Final = 20_000
"""The most connections of a gateway, WebSockets included; fewer where the system allows fewer open files."""
MAX_PER_ADDRESS: Final = 2_000
"""The most of one address, but for this machine's own and those of proxies: behind those may stand the whole world."""
HOME: Final = frozenset([None, "127.0.0.1", "::1"])
"""This machine's own addresses."""

_AT_ONCE: Final = 64


class Guest(Protocol):
    """A connection."""

    @property
    def idle(self) -> bool:
        """Whether nothing is being answered."""

    @property
    def last(self) -> float:
        """When it was used last, by the loop's clock."""

    def abort(self) -> None:
        """Close now."""


class Crowd:
    """Counts connections by address."""

    def __init__(
        self,
        most: int = MAX_CONNECTIONS,
        most_per_address: int = MAX_PER_ADDRESS,
        shared: Callable[[str | None], bool] = HOME.__contains__,
    ) -> None:
        """`shared`: whether many may stand behind an address."""
        self._shared = shared
        self._most = most
        self._most_per_address = most_per_address
        self._all = 0
        self._from: dict[str | None, int] = {}

    def __len__(self) -> int:
        """How many there are."""
        return self._all

    def enter(self, address: str | None, others: Iterable[Guest]) -> bool:
        """Count one more in, and let idle ones of `others` go if need be; False when there is no room."""
        here = self._from.get(address, 0)
        if here >= self._most_per_address and not self._shared(address):
            return False
        if self._all >= self._most:
            idle = heapq.nsmallest(_AT_ONCE, (guest for guest in others if guest.idle), key=lambda guest: guest.last)
            for guest in idle:
                guest.abort()
            if not idle or self._all >= self._most + _AT_ONCE:  # those that were let go are still on their way out
                return False
        self._all += 1
        self._from[address] = here + 1
        return True

    def leave(self, address: str | None) -> None:
        """Count one out."""
        self._all -= 1
        left = self._from[address] - 1
        if left:
            self._from[address] = left
        else:
            del self._from[address]
