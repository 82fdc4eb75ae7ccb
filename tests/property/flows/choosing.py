"""How a flow chooses: dice from a seed, and a reference that knows what there is to choose from."""

import random
from collections.abc import Sequence
from typing import Final, TypeVar

from exchange.terms.amounts import MAX_COUNT
from exchange.terms.words import FEES, FIRST_USER, OUTSIDE
from tests.property.reference import Market, Order, Reference

LOG_ID: Final = "0123456789abcdef0123456789abcdef"
DECIMALS: Final = {"AA": 0, "BB": 3, "QQ": 2, "WEI": 18}
GRIDS: Final = {"AA-QQ": (5, 1), "BB-QQ": (100, 10), "BB-AA": (1000, 1), "WEI-QQ": (10**10, 10**9)}
"""Tick and lot size of each market."""

PEOPLE: Final = ("operator", "0123456789abcdef" * 2, "f" * 32)
"""Who administers."""

WORLD: Final = 4
"""How many accounts are opened at first."""

THEMES: Final = ("", "", "", "selves", "auction", "auction", "stops", "lists", "bounds", "amounts", "poor", "markets")
"""What a flow has more of than others: trades with oneself, auctions, conditional orders, lists, limits, amounts, want
of money, things that happen in several markets at once."""

_T = TypeVar("_T")


class Choice:
    """The dice and the shadow: a reference that hears every command, so that most of what is chosen makes sense."""

    def __init__(self, dice: random.Random, begun: int) -> None:
        self.dice = dice
        self.begun = begun
        self.shadow = Reference()
        self.now = 1000
        self.theme = self.one(THEMES)

    @property
    def rules(self) -> int:
        """The rules that hold, or will once the log is open."""
        return self.shadow.rules or self.begun

    def one(self, choices: Sequence[_T]) -> _T:
        return choices[int(self.dice.random() * len(choices))]

    def often(self, share: float) -> bool:
        return self.dice.random() < share

    def account(self) -> int:
        if self.often(0.015):
            return self.one((OUTSIDE, FEES, 2, FIRST_USER - 1, FIRST_USER + WORLD, MAX_COUNT))
        return FIRST_USER + int(self.dice.random() * (2 if self.theme == "selves" else WORLD))

    def market_name(self) -> str:
        if self.often(0.01):
            return self.one(("AA-BB", "NO-NE", "nonsense"))
        return self.one(tuple(self.shadow.markets) or tuple(GRIDS))

    def market(self) -> Market | None:
        return self.shadow.markets.get(self.market_name())

    def name(self, share: float) -> str:
        return self.one(("a", "b", "c-3", "D.4", "e/5", "f:6")) if self.often(share) else ""

    def open_order(self) -> Order | None:
        return self.one(self.shadow.orders) if self.shadow.orders else None

    def ticks_around(self, market: Market) -> int:
        """A price near which it is worth trading."""
        return market.last // market.tick_size or 5
