"""Signing in and up, counted for all gateways: too many failures, or too many new users of one address, wait a while.

Of sign-ins only failures count, so that many people (or tests) behind one address do no harm. An attempt counts as
failed from its beginning on until it turns out not to be, so that trying all at once helps nobody.

Three counts, within windows of a quarter of an hour: of the pair of address and email, of the email, of the address.
An attacker elsewhere can spend what an email has, but not lock its user out: an address from which the user has signed
in lately is held to the pair's count only. Wrong one-time codes count for the account alone, and for it everywhere:
only who knows the password can spend those.

Addresses count by the place that a customer is given (of IPv6 the first 64 bits). This machine's own, behind which a
proxy may bring everybody, have no count of their own.

The counts are in the streams' server; while it is away, or where there is none, each gateway counts for itself.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from exchange.api.http.crowd import HOME
from exchange.api.limits.by_address import place_of
from exchange.effects.ports import Count, Counters, EffectError

WINDOW_MS: Final = 15 * 60 * 1000
PER_PAIR: Final = 10
PER_EMAIL: Final = 100
PER_ADDRESS: Final = 100
CODES: Final = 20
"""Wrong one-time codes of an account."""
SIGN_UPS: Final = 100
"""How many users an address may make within a window, but for this machine's own."""
_REMEMBERED: Final = 50_000

Known = Callable[[], Awaitable[bool]]


class OwnCounts:
    """Counters of this process."""

    def __init__(self) -> None:
        self._totals: OrderedDict[str, int] = OrderedDict()

    async def add(self, counts: Sequence[Count]) -> list[int]:
        """See `Counters.add`. Names say their window, and so the oldest may be forgotten."""
        totals: list[int] = []
        for count in counts:
            total = max(count.amount if count.afresh else self._totals.get(count.name, 0) + count.amount, 0)
            if total:
                self._totals[count.name] = total
                self._totals.move_to_end(count.name)
            else:
                self._totals.pop(count.name, None)
            totals.append(total)
        while len(self._totals) > _REMEMBERED:
            self._totals.popitem(last=False)
        return totals


class _Kind(NamedTuple):
    """Something that is counted, under a name that tells nothing of whom, and how much of it is let pass."""

    name: str
    highest: int


class Attempts:
    """Counts within windows."""

    def __init__(self, shared: Counters | None = None) -> None:
        self._shared = shared
        self._own = OwnCounts()

    async def begin(self, address: str, email: str, now_ms: int, known: Known) -> int:
        """Count an attempt to sign in as failed; how many seconds to wait instead, if there were too many.

        Args:
            known: asked only when the email has had too many: whether its user has signed in from here lately.
        """
        kinds = _kinds(address, email)
        pair, of_email, of_address = await self._add(kinds, 1, now_ms)
        refused = pair > PER_PAIR or (of_address > PER_ADDRESS and address not in HOME)
        refused = refused or (of_email > PER_EMAIL and not await known())
        if not refused:
            return 0
        await self._add(kinds, -1, now_ms)
        return _wait_s(now_ms)

    async def undone(self, address: str, email: str, now_ms: int) -> None:
        """It was not tried after all, or not by its fault."""
        await self._add(_kinds(address, email), -1, now_ms)

    async def succeeded(self, address: str, email: str, now_ms: int) -> None:
        """The right password: the pair begins afresh."""
        pair, *others = _kinds(address, email)
        counts = [Count(_windowed(pair, now_ms), 0, WINDOW_MS, afresh=True)]
        await self._count([*counts, *[Count(_windowed(kind, now_ms), -1, WINDOW_MS) for kind in others]])

    async def code(self, subject: str, now_ms: int) -> int:
        """Count a one-time code as wrong; how many seconds to wait instead, if there were too many."""
        return await self._one(_kind("code", subject, CODES), now_ms)

    async def code_was_right(self, subject: str, now_ms: int) -> None:
        """It was not wrong."""
        await self._add([_kind("code", subject, CODES)], -1, now_ms)

    async def password(self, subject: str, now_ms: int) -> int:
        """Count a password, said by who is signed in already, as wrong; how many seconds to wait instead, if there were
        too many."""
        return await self._one(_kind("password", subject, PER_PAIR), now_ms)

    async def password_was_right(self, subject: str, now_ms: int) -> None:
        """It was not wrong, or not looked at."""
        await self._add([_kind("password", subject, PER_PAIR)], -1, now_ms)

    async def sign_up(self, address: str, now_ms: int) -> int:
        """Count a new user of an address in; how many seconds to wait instead, if there are too many."""
        return 0 if address in HOME else await self._one(_kind("sign up", place_of(address), SIGN_UPS), now_ms)

    async def _one(self, kind: _Kind, now_ms: int) -> int:
        (total,) = await self._add([kind], 1, now_ms)
        if total <= kind.highest:
            return 0
        await self._add([kind], -1, now_ms)
        return _wait_s(now_ms)

    async def _add(self, kinds: Sequence[_Kind], amount: int, now_ms: int) -> list[int]:
        return await self._count([Count(_windowed(kind, now_ms), amount, WINDOW_MS) for kind in kinds])

    async def _count(self, counts: Sequence[Count]) -> list[int]:
        if self._shared is not None:
            try:
                return await self._shared.add(counts)
            except EffectError:
                pass  # the streams' server is away, which others tell loudly
        return await self._own.add(counts)


def _kinds(address: str, email: str) -> list[_Kind]:
    place = place_of(address)
    return [
        _kind("pair", f"{place} {email}", PER_PAIR),
        _kind("email", email, PER_EMAIL),
        _kind("address", place, PER_ADDRESS),
    ]


def _kind(word: str, whose: str, highest: int) -> _Kind:
    return _Kind(sha256(f"{word} {whose}".encode()).hexdigest()[:32], highest)


def _windowed(kind: _Kind, now_ms: int) -> str:
    return f"attempts:{now_ms // WINDOW_MS}:{kind.name}"


def _wait_s(now_ms: int) -> int:
    return (WINDOW_MS - now_ms % WINDOW_MS) // 1000 + 1
