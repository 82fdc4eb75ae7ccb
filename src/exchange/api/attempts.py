"""Failed sign-ins, counted: too many lock out for a while.

Only failures count, so that many people (or tests) behind one address do no harm, and they are counted for the pair of
address and email first: an attacker elsewhere cannot lock a user out with a few tries.
"""

from collections import OrderedDict
from typing import Final

WINDOW_MS: Final = 15 * 60 * 1000
PER_PAIR: Final = 10
PER_EMAIL: Final = 100
PER_ADDRESS: Final = 100
_REMEMBERED: Final = 50_000


class Attempts:
    """Counts within windows of a quarter of an hour, in this process."""

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()

    def wait_s(self, address: str, email: str, now_ms: int) -> int:
        """How many seconds to wait before the next attempt; zero when there is none to wait."""
        waits = [0]
        for key, highest in _keys(address, email):
            since, count = self._counts.get(key, (0, 0))
            if count >= highest and now_ms - since < WINDOW_MS:
                waits.append((since + WINDOW_MS - now_ms) // 1000 + 1)
        return max(waits)

    def failed(self, address: str, email: str, now_ms: int) -> None:
        """Count a failure."""
        for key, _ in _keys(address, email):
            since, count = self._counts.pop(key, (now_ms, 0))
            if now_ms - since >= WINDOW_MS:
                since, count = now_ms, 0
            self._counts[key] = (since, count + 1)
        while len(self._counts) > _REMEMBERED:
            self._counts.popitem(last=False)

    def succeeded(self, address: str, email: str) -> None:
        """The right password: the pair begins afresh."""
        self._counts.pop((address, email), None)


def _keys(address: str, email: str) -> list[tuple[tuple[str, str], int]]:
    return [((address, email), PER_PAIR), (("", email), PER_EMAIL), ((address, ""), PER_ADDRESS)]
