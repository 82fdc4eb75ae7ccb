"""Amounts: integers of an asset's smallest unit inside, decimal strings outside, never floats.

On the wire of the streams an amount is a string of digits (JSON numbers lose digits in most readers beyond 2**53). At
the outside doors it is a decimal string with at most the asset's `decimals` places.
"""

import re
from typing import Final

MAX_DIGITS: Final = 30
MAX_AMOUNT: Final = 10**MAX_DIGITS - 1
"""The largest amount that a command may name, in smallest units."""

MAX_DECIMALS: Final = 18
"""The most decimal places that an asset may have."""

MAX_COUNT: Final = 10**15
"""The largest price in ticks, quantity in lots, or identifier: exact in every JSON reader (below 2**53)."""

FEE_SCALE: Final = 1_000_000
"""Fee rates are millionths: 1000 is 0.1 %."""

MAX_FEE: Final = 100_000
"""The highest fee rate, 10 %."""

POINTS: Final = 10_000
"""Trails, slippage caps and price bands are basis points: 100 is 1 %."""

_ZERO: Final = ord("0")

_DECIMAL: Final = re.compile(r"(0|[1-9][0-9]{0,29})(?:\.([0-9]{1,18}))?", re.ASCII)


class AmountError(ValueError):
    """A decimal string that is no amount of the asset.

    `reason` is one of `malformed` (not a plain decimal: sign, exponent, blanks, NaN, wrong type), `too_precise`
    (more decimal places than the asset has) and `too_large`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_digits(text: object) -> int:
    """Read an amount of the streams: 1 to 30 ASCII digits without a leading zero.

    Returns:
        The amount in smallest units, or −1 when the text is not one.
    """
    if not isinstance(text, str):
        return -1
    size = len(text)
    if size == 0 or size > MAX_DIGITS or (size > 1 and ord(text[0]) == _ZERO):
        return -1
    amount = 0
    for place in range(size):  # compiled, a third of what asking the string and `int` takes
        digit = ord(text[place]) - _ZERO
        if not 0 <= digit <= 9:
            return -1
        amount = amount * 10 + digit
    return amount


def parse_decimal(text: object, decimals: int) -> int:
    """Read a decimal string of the outside as an amount in smallest units.

    The pattern is matched before any conversion: `Decimal` and `int` also take exponents, full-width digits,
    underscores and NaN, and an exponent of a few characters can cost minutes.

    Raises:
        AmountError: see there.
    """
    if not isinstance(text, str):
        raise AmountError("malformed")
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise AmountError("malformed")
    whole: str = match.group(1)
    fraction: str = (match.group(2) or "").rstrip("0")
    if len(fraction) > decimals:
        raise AmountError("too_precise")
    amount = int(whole + fraction.ljust(decimals, "0"))
    if amount > MAX_AMOUNT:
        raise AmountError("too_large")
    return amount


def format_decimal(amount: int, decimals: int) -> str:
    """Write an amount of smallest units as a decimal string with exactly `decimals` places."""
    sign = "-" if amount < 0 else ""
    digits = str(abs(amount))
    if decimals == 0:
        return sign + digits
    digits = digits.rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"
