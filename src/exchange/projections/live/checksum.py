"""The checksum of a book's top, by which a client sees that its own copy is right.

The rule is Kraken's published one (its guide "Book Checksum"): the ten best asks from the lowest, then the ten best
bids from the highest; of each level its price and then its quantity, as they are written, without the point and without
leading zeros; the CRC-32 of all that as one text. Written with a fixed number of places, an amount without its point
and leading zeros is the whole number of its last place: so nothing need be written and cut again.
"""

from binascii import crc32
from typing import Final

from exchange.projections.live.records import LiveMarket

LEVELS: Final = 10


def checksum(of: LiveMarket) -> int:
    """The checksum of a market's book as it is now, an unsigned 32-bit number; 0 for an empty book."""
    form = of.format
    parts = []
    for side in (of.asks, of.bids):
        for level, _ in zip(side.best_first(), range(LEVELS), strict=False):
            parts.append(f"{form.ticks(level.price)}{form.lots(level.quantity)}")
    return crc32("".join(parts).encode())
