"""Amounts as the outside reads them: decimal strings with a fixed number of places, never floats.

Prices have the places of the market's tick, quantities those of its lot, everything else those of its asset.
"""

from exchange.terms.amounts import FEE_SCALE, format_decimal

FEE_DECIMALS = len(str(FEE_SCALE)) - 1


class MarketFormat:
    """How one market's prices and quantities are written; all amounts are smallest units."""

    def __init__(self, base_decimals: int, quote_decimals: int, tick_size: int, lot_size: int) -> None:
        self.base_decimals = base_decimals
        self.quote_decimals = quote_decimals
        self.price_decimals, self._price_unit = _places(tick_size, quote_decimals)
        self.quantity_decimals, self._quantity_unit = _places(lot_size, base_decimals)

    def price(self, price: int) -> str:
        """A price on the tick."""
        return format_decimal(price // self._price_unit, self.price_decimals)

    def quantity(self, quantity: int) -> str:
        """A quantity on the lot."""
        return format_decimal(quantity // self._quantity_unit, self.quantity_decimals)

    def ticks(self, price: int) -> int:
        """A price on the tick, in units of its last place."""
        return price // self._price_unit

    def lots(self, quantity: int) -> int:
        """A quantity on the lot, in units of its last place."""
        return quantity // self._quantity_unit

    def base(self, amount: int) -> str:
        """Any amount of the base asset."""
        return format_decimal(amount, self.base_decimals)

    def quote(self, amount: int) -> str:
        """Any amount of the quote asset."""
        return format_decimal(amount, self.quote_decimals)

    def average(self, paid: int, quantity: int) -> str:
        """The average price of a quantity that cost `paid`, rounded to the nearest unit of the quote asset."""
        return self.quote((2 * paid * 10**self.base_decimals + quantity) // (2 * quantity))


def rate(millionths: int) -> str:
    """A fee rate as a fraction: 1000 is `0.001000`."""
    return format_decimal(millionths, FEE_DECIMALS)


def percent(part: int, whole: int) -> str:
    """`part` in hundredths of `whole`, with two decimals, rounded towards zero."""
    hundredths = abs(part) * 10_000 // whole
    return format_decimal(-hundredths if part < 0 else hundredths, 2)


def _places(step: int, decimals: int) -> tuple[int, int]:
    """The places that multiples of `step` need, and the smallest units that the last place counts."""
    unit = 1
    while decimals > 0 and step % (unit * 10) == 0:
        unit *= 10
        decimals -= 1
    return decimals, unit
