"""The order flow that engines are measured with: made up, seeded, and written down here.

Of 100 messages 45 are limit orders that may rest, 15 immediate-or-cancel orders, 35 cancels and 5 reductions (cancels,
when the order has a single lot). A limit order stands away from the middle by a number of ticks with a power law (most
at the top, some far out, up to 2,000); an immediate order reaches beyond the middle by one with a shorter tail. Sizes
follow a power law too. A cancel or a reduction picks any order that the sender may believe open; some of those have
traded, and are refused.

The middle moves in four ways, since what is cheap in a still book is not when it runs:

| regime   | the middle, in ticks                                                   |
|----------|------------------------------------------------------------------------|
| still    | stays                                                                  |
| trending | rises one every 20 messages                                            |
| swinging | runs 500 up and 500 down, once in 20,000 messages                      |
| crashing | stays for a third, falls one every second message for a third, stays   |

Orders that the middle has run over are still there, and a limit order that comes to rest on the other side of them
trades through all of them.
"""

import random
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

Kind = Literal["limit", "ioc", "cancel", "reduce"]

REGIMES: Final = ("still", "trending", "swinging", "crashing")
START: Final = 100_000
"""The middle at the beginning, in ticks."""

PREFILL: Final = 5_000
"""Limit orders that stand before the clock starts."""

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
    """`prefill` limit orders around the start, then `count` messages of the mix."""
    rng = random.Random(f"{regime}:{seed}")
    placed = 0
    believed_open: list[tuple[int, int]] = []
    for number in range(-prefill, count):
        middle = START + _moved(regime, number, count)
        pick = 0 if number < 0 else rng.randrange(100)
        if pick < 60 or not believed_open:
            placed += 1
            buy = rng.random() < 0.5
            quantity = _power(rng, 1.5, _LARGEST)
            if pick < 45:
                away = _power(rng, 1.1, _REACH)
                believed_open.append((placed, quantity))
                yield Message("limit", placed, buy, middle - away if buy else middle + away, quantity)
            else:
                beyond = _power(rng, 1.5, 50)
                yield Message("ioc", placed, buy, middle + beyond if buy else middle - beyond, quantity)
            continue
        place = rng.randrange(len(believed_open))
        order, quantity = believed_open[place]
        if pick < 95 or quantity == 1:
            believed_open[place] = believed_open[-1]
            believed_open.pop()
            yield Message("cancel", order, False, 0, 0)
        else:
            left = rng.randrange(1, quantity)
            believed_open[place] = (order, left)
            yield Message("reduce", order, False, 0, left)


def _moved(regime: str, number: int, count: int) -> int:
    if number <= 0 or regime == "still":
        return 0
    if regime == "trending":
        return number // 20
    if regime == "swinging":
        phase = number % 20_000
        return (phase if phase < 10_000 else 20_000 - phase) // 20
    third = count // 3
    return -min(max(number - third, 0), third) // 2


def _power(rng: random.Random, exponent: float, most: int) -> int:
    """A whole number from 1 with probability falling as its power."""
    return min(most, int((1.0 - rng.random()) ** (-1.0 / exponent)))
