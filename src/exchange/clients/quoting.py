"""What a market maker wants to have in the book, and how to get there from what it has. Pure, integers only.

The reference price walks at random and is drawn back to an anchor, so that a chart moves and never runs away. Around it
stand some levels a side, wider outside. The more base the maker holds beyond its target, the lower all its prices, and
at the bound it only sells (and the other way round): its inventory comes back by itself and never passes the bound.
"""

import random
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from exchange.terms.amounts import format_decimal, parse_decimal

BASIS: Final = 10_000
"""Basis points in a whole."""

_STEP: Final = 6
_REVERSION: Final = 2_000
_HALF_SPREAD: Final = 4
_LEVEL_GAP: Final = 5
_SKEW: Final = 20


class Terms(NamedTuple):
    """A market's assets, sizes in smallest units, and how ticks and lots become the API's decimal strings."""

    name: str
    base: str
    quote: str
    base_decimals: int
    quote_decimals: int
    tick_size: int
    lot_size: int
    min_notional: int

    def price(self, ticks: int) -> str:
        """A price as the API takes it."""
        return format_decimal(ticks * self.tick_size, self.quote_decimals)

    def quantity(self, lots: int) -> str:
        """A quantity as the API takes it."""
        return format_decimal(lots * self.lot_size, self.base_decimals)

    def ticks(self, price: str) -> int:
        """A price from the API, rounded down to a tick."""
        return parse_decimal(price, self.quote_decimals) // self.tick_size

    def lots(self, quantity: str) -> int:
        """A quantity from the API, rounded down to a lot."""
        return parse_decimal(quantity, self.base_decimals) // self.lot_size

    def lots_for(self, quote_amount: int, ticks: int) -> int:
        """How many lots an amount of the quote asset's units pays for, at least one and at least the smallest order."""
        lot = ticks * self.tick_size * self.lot_size // int(10**self.base_decimals)
        return max(1, -(-self.min_notional // max(lot, 1)), quote_amount // max(lot, 1))


class Quote(NamedTuple):
    """An order that should stand in the book."""

    buy: bool
    ticks: int
    lots: int


class OpenOrder(NamedTuple):
    """An order that does; `lots` is what is left of it."""

    id: int
    buy: bool
    ticks: int
    lots: int


class Reference:
    """A seeded random walk in ticks with reversion to its anchor; never below `floor`."""

    def __init__(self, ticks: int, anchor: int, seed: str, floor: int) -> None:
        self.ticks = max(ticks, floor)
        self._anchor = anchor
        self._floor = floor
        self._rng = random.Random(seed)  # noqa: S311  a market's noise, not a secret

    def move(self) -> int:
        """One step: up to `_STEP` basis points either way, and a part of the way back."""
        most = max(1, self.ticks * _STEP // BASIS)
        strayed = self.ticks - self._anchor
        back = strayed // _REVERSION if strayed > 0 else -(-strayed // _REVERSION)
        self.ticks = max(self._floor, self.ticks + self._rng.randint(-most, most) - back)
        return self.ticks


class Limits(NamedTuple):
    """How much is quoted: `levels` a side of `lots` each, and how far (in lots) the inventory may stray."""

    levels: int
    lots: int
    bound: int


def desired(reference: int, limits: Limits, inventory: int, rng: random.Random) -> list[Quote]:
    """The quotes around a reference, nearest first on each side; `inventory` is lots above the target."""
    skew = reference * _SKEW * inventory // (BASIS * max(limits.bound, 1))
    middle = max(reference - skew, 1)
    half = max(1, middle * _HALF_SPREAD // BASIS)
    gap = max(1, middle * _LEVEL_GAP // BASIS)
    quotes: list[Quote] = []
    for buy in (True, False):
        room = limits.bound - inventory if buy else limits.bound + inventory
        for level in range(limits.levels):
            away = half + gap * level
            ticks = middle - away if buy else middle + away
            lots = min(room, max(1, limits.lots * rng.randint(70, 130) // 100))
            room -= lots
            if ticks > 0 and lots > 0:
                quotes.append(Quote(buy, ticks, lots))
    return quotes


def changes(
    wanted: Sequence[Quote], standing: Iterable[OpenOrder], tolerance: int
) -> tuple[list[OpenOrder], list[Quote]]:
    """What to cancel, and then what to place. An order stays while it is within `tolerance` ticks of a wanted one on
    its side and has at least half of its size."""
    missing = list(wanted)
    stale: list[OpenOrder] = []
    for order in standing:
        for quote in missing:
            near = quote.buy == order.buy and abs(quote.ticks - order.ticks) <= tolerance
            if near and order.lots <= 2 * quote.lots and quote.lots <= 2 * order.lots:
                missing.remove(quote)
                break
        else:
            stale.append(order)
    return stale, missing
