"""The order flow that engines are measured with: made up, seeded, and written down here.

Of the new orders 15 % are immediate-or-cancel and 85 % limit orders that may rest. A limit order stands away from the
middle by a number of ticks with a power law (half at the top, some far out, up to 2,000), sizes follow a power law too;
an immediate order is small, and three in five come too late: they stop short of the other side. Each limit order has a
life of its own, exponential in new orders, at the end of which it is cancelled, and a fifth of them are reduced soon
after they were placed. So there are about as many cancels as limit orders, in all about two messages for each new
order, and the number of open orders stays near `prefill`.

The middle moves in four ways, since what is cheap in a still book is not when it runs:

| regime   | the middle, in ticks                                               |
|----------|--------------------------------------------------------------------|
| still    | stays                                                              |
| trending | rises one every 20 new orders                                      |
| swinging | runs 500 up and 500 down, once in 20,000 new orders                |
| crashing | stays for a third, falls one every second new order, stays         |

Where the middle comes over them, 98 % of the orders are pulled: cancelled at once, as whoever quotes does. The others
are left to be met, and the next orders trade through them. Nobody waits for the engine's answers: some of those that
are cancelled or reduced have traded, and are refused. What becomes of the orders is therefore measured and not set:
about 95 % of the limit orders end cancelled (`python -m benchmarks.engine shares <regime> <orders>`).
"""

import random
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

Kind = Literal["limit", "ioc", "cancel", "reduce"]

REGIMES: Final = ("still", "trending", "swinging", "crashing")
START: Final = 1_000_000
"""The middle at the beginning, in ticks."""

PREFILL: Final = 5_000
"""Limit orders that stand before the clock starts."""

IMMEDIATE: Final = 0.15
REDUCED: Final = 0.20
LATE: Final = 0.60
PULLED: Final = 0.98

_SOON: Final = 10
"""New orders within which an order is reduced that is to be."""

_REACH: Final = 2_000
_LARGEST: Final = 1_000


class Message(NamedTuple):
    """One message; `order` counts placed orders from 1: its own number, or that of the order it is about.

    `price` in ticks; `quantity` in lots, of a reduction the new total.
    """

    kind: Kind
    order: int
    buy: bool
    price: int
    quantity: int


def messages(regime: str, count: int, prefill: int = PREFILL, seed: int = 1) -> Iterator[Message]:
    """`prefill` limit orders around the start, one message each, then the messages of `count` new orders."""
    making = _Making(random.Random(f"{regime}:{seed}"), prefill / (1 - IMMEDIATE))
    for _ in range(prefill):
        yield making.limit(START, 0)
    for number in range(1, count + 1):
        middle = START + _moved(regime, number, count)
        yield from making.pulled(middle)
        yield from making.due(number)
        yield making.new(middle, number)


def _moved(regime: str, number: int, count: int) -> int:
    if regime == "still":
        return 0
    if regime == "trending":
        return number // 20
    if regime == "swinging":
        phase = number % 20_000
        return (phase if phase < 10_000 else 20_000 - phase) // 20
    third = count // 3
    return -min(max(number - third, 0), third) // 2


class _Making:
    """What the senders know: the orders that they believe open, where these stand, and when their time is over."""

    def __init__(self, rng: random.Random, life: float) -> None:
        self._rng = rng
        self._life = life
        self._placed = 0
        self._middle = START
        self._open: dict[int, int] = {}
        """Order and quantity."""
        self._standing: dict[bool, dict[int, list[int]]] = {True: {}, False: {}}
        """Orders by price, of buyers and of sellers; those that are open no more are passed over."""
        self._due: dict[int, list[int]] = {}
        """What ends (the order) or is reduced (less than zero) before the new order of that number."""

    def new(self, middle: int, number: int) -> Message:
        """The next new order, around `middle`."""
        if self._rng.random() >= IMMEDIATE:
            return self.limit(middle, number)
        rng = self._rng
        self._placed += 1
        beyond = -1 if rng.random() < LATE else _power(rng, 1.5, 50)
        buy = rng.random() < 0.5
        return Message(
            "ioc", self._placed, buy, middle + beyond if buy else middle - beyond, _power(rng, 3.0, _LARGEST)
        )

    def limit(self, middle: int, number: int) -> Message:
        """A limit order that may rest, with its life before it."""
        rng = self._rng
        self._placed += 1
        order = self._placed
        buy = rng.random() < 0.5
        quantity = _power(rng, 1.5, _LARGEST)
        away = _power(rng, 1.1, _REACH)
        price = middle - away if buy else middle + away
        life = 1 + int(rng.expovariate(1.0) * self._life)
        if rng.random() < REDUCED:
            quantity += 1
            self._due.setdefault(number + 1 + int(rng.random() * min(life, _SOON)), []).append(-order)
        self._due.setdefault(number + 1 + life, []).append(order)
        self._open[order] = quantity
        standing = self._standing[buy]
        if price in standing:
            standing[price].append(order)
        else:
            standing[price] = [order]
        return Message("limit", order, buy, price, quantity)

    def due(self, number: int) -> Iterator[Message]:
        """Whose time has come."""
        for what in self._due.pop(number, ()):
            if what > 0:
                if self._open.pop(what, 0):
                    yield Message("cancel", what, False, 0, 0)
            elif self._open.get(-what, 0) > 1:
                left = 1 + int(self._rng.random() * (self._open[-what] - 1))
                self._open[-what] = left
                yield Message("reduce", -what, False, 0, left)

    def pulled(self, middle: int) -> Iterator[Message]:
        """Whom the middle has come over since the last time."""
        while self._middle != middle:
            falling = middle < self._middle
            self._middle += -1 if falling else 1
            # It comes over the buyers at its own price when it falls, over the sellers when it rises.
            for order in self._standing[falling].pop(self._middle, ()):
                if self._open.pop(order, 0) and self._rng.random() < PULLED:
                    yield Message("cancel", order, False, 0, 0)


def _power(rng: random.Random, exponent: float, most: int) -> int:
    """A whole number from 1 with probability falling as its power."""
    return min(most, int((1.0 - rng.random()) ** (-1.0 / exponent)))
