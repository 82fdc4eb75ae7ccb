"""Signing in and up, counted: too many failures, or too many new users of one address, wait for a while.

Of sign-ins only failures count, so that many people (or tests) behind one address do no harm, and they are counted for
the pair of address and email first: an attacker elsewhere cannot lock a user out with a few tries. An attempt counts as
failed from its beginning on until it turns out not to be, so that trying all at once helps nobody.
"""

from collections import OrderedDict
from typing import Final

from exchange.api.http.crowd import HOME

WINDOW_MS: Final = 15 * 60 * 1000
PER_PAIR: Final = 10
PER_EMAIL: Final = 100
PER_ADDRESS: Final = 100
SIGN_UPS: Final = 100
"""How many users an address may make within a window, but for this machine's own."""
_REMEMBERED: Final = 50_000

_Key = tuple[str, str]


class Attempts:
    """Counts within windows of a quarter of an hour, in this process."""

    def __init__(self) -> None:
        self._counts: OrderedDict[_Key, tuple[int, int]] = OrderedDict()

    def wait_s(self, address: str, email: str, now_ms: int) -> int:
        """How many seconds to wait before the next attempt; zero when there is none to wait."""
        return max(self._wait_s(key, highest, now_ms) for key, highest in _keys(address, email))

    def begun(self, address: str, email: str, now_ms: int) -> None:
        """Count an attempt as failed."""
        for key, _ in _keys(address, email):
            self._count(key, now_ms)

    def undone(self, address: str, email: str) -> None:
        """It was not tried after all, or not by its fault."""
        for key, _ in _keys(address, email):
            since, count = self._counts.get(key, (0, 0))
            if count > 1:
                self._counts[key] = (since, count - 1)
            else:
                self._counts.pop(key, None)

    def succeeded(self, address: str, email: str) -> None:
        """The right password: the pair begins afresh."""
        self.undone(address, email)
        self._counts.pop((address, email), None)

    def sign_up(self, address: str, now_ms: int) -> int:
        """Count a new user of an address in; how many seconds to wait instead, if there are too many."""
        if address in HOME:
            return 0
        key = (address, "sign up")  # no email has a blank
        wait_s = self._wait_s(key, SIGN_UPS, now_ms)
        if not wait_s:
            self._count(key, now_ms)
        return wait_s

    def _wait_s(self, key: _Key, highest: int, now_ms: int) -> int:
        since, count = self._counts.get(key, (0, 0))
        if count < highest or now_ms - since >= WINDOW_MS:
            return 0
        return (since + WINDOW_MS - now_ms) // 1000 + 1

    def _count(self, key: _Key, now_ms: int) -> None:
        since, count = self._counts.pop(key, (now_ms, 0))
        if now_ms - since >= WINDOW_MS:
            since, count = now_ms, 0
        self._counts[key] = (since, count + 1)
        while len(self._counts) > _REMEMBERED:
            self._counts.popitem(last=False)


def _keys(address: str, email: str) -> list[tuple[_Key, int]]:
    return [((address, email), PER_PAIR), (("", email), PER_EMAIL), ((address, ""), PER_ADDRESS)]
