"""Reading parameters: texts by name, as REST sends them; those of the WebSocket API are brought into the same form.

What is not declared, given twice, empty or malformed is refused with the venue's codes. Amounts are matched as text
before any conversion.
"""

from collections.abc import Mapping
from typing import Final, TypeVar
from urllib.parse import unquote_plus

import orjson

from exchange.api.contract.declared import MAX_TEXT, Kind, Text, Whole
from exchange.api.contract.reading import digits
from exchange.api.v3 import faults
from exchange.api.v3.declared import Names
from exchange.api.v3.faults import Fault
from exchange.terms.amounts import MAX_COUNT, AmountError, parse_decimal

_Choice = TypeVar("_Choice")

_MICROSECONDS: Final = 10**14
"""Times from here on are microseconds: in milliseconds that would be the year 5138."""

NUMBER: Final = "^([0-9]{1,20})(\\.[0-9]{1,20})?$"
DIGITS: Final = "^[0-9]{1,20}$"


def pairs(text: str) -> dict[str, str]:
    """The parameters of a query string or a form.

    Raises:
        Fault: a name stands twice.
    """
    found: dict[str, str] = {}
    if not text:
        return found
    plain = "%" not in text and "+" not in text
    for part in text.split("&"):
        name, _, value = part.partition("=")
        if not plain:
            name, value = unquote_plus(name), unquote_plus(value)
        if name in found:
            raise Fault(faults.TOO_MANY_PARAMETERS, "Duplicate values for a parameter detected.")
        found[name] = value
    return found


class Params:
    """A request's parameters, every one of which is declared; one that is optional may be left out."""

    __slots__ = ("_known", "_values")

    def __init__(self, values: Mapping[str, str], known: Mapping[str, Kind]) -> None:
        """Raises Fault for a parameter that is not `known`, and for one that is empty."""
        read = 0
        for name, value in values.items():
            if name in known:
                read += 1
                if not value:
                    raise Fault(faults.EMPTY, f"Parameter '{name}' was empty.")
        if read < len(values):
            msg = f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(values)}'."
            raise Fault(faults.UNREAD, msg)
        self._values = values
        self._known = known

    def with_words(self, words: Mapping[str, str]) -> "Params":
        """These parameters, and words that go without saying."""
        return Params({**self._values, **words}, {**self._known, **dict.fromkeys(words, Text())})

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str:
        """A required text, of its declared pattern if it has one.

        Raises:
            Fault: it is missing, too long, or does not match.
        """
        value = self._values.get(name)
        if value is None:
            raise faults.mandatory(name)
        kind = self._known[name]
        pattern = kind.pattern if isinstance(kind, Text) else None
        if pattern is not None:
            if pattern.fullmatch(value) is None:
                raise faults.illegal(name, f"^{pattern.pattern}$")
        elif len(value) > MAX_TEXT or "\0" in value:  # which no database takes
            raise faults.invalid(name)
        return value

    def choice(self, name: str, choices: Mapping[str, _Choice], fault: Fault | None = None) -> _Choice:
        """A required word out of a closed set.

        Raises:
            Fault: it is missing; or it is none of them: `fault`, if that is given.
        """
        value = self._values.get(name)
        if value is None:
            raise faults.mandatory(name)
        found = choices.get(value)
        if found is None:
            raise fault or faults.invalid(name)
        return found

    def decimal(self, name: str, decimals: int) -> int:
        """A required decimal number, in smallest units; zero passes, and so do zeros behind the last decimal.

        Raises:
            Fault: it is missing, malformed, too precise or too large.
        """
        value = self._values.get(name)
        if value is None:
            raise faults.mandatory(name)
        try:
            return parse_decimal(value, decimals)
        except AmountError:
            return _loose(name, value, decimals)

    def whole(self, name: str) -> int:
        """A whole number within its declared bounds; if it is left out, its declared default. Above its bounds, where
        it has a default (as `limit`), it is brought down to them, as the venue does.

        Raises:
            Fault: it is missing, malformed, or out of bounds.
        """
        kind = self._known[name]
        if not isinstance(kind, Whole):
            raise TypeError(f"{name} is not declared as a whole number")
        value = self._values.get(name)
        if value is None:
            if kind.default is None:
                raise faults.mandatory(name)
            return kind.default
        number = digits(value)
        if number is None:
            raise faults.illegal(name, DIGITS)
        if number > kind.high and kind.default is not None:
            return kind.high
        if not kind.low <= number <= kind.high:
            raise faults.invalid(name)
        return number

    def moment(self, name: str) -> int | None:
        """A time, in milliseconds since the epoch, if it is given.

        Raises:
            Fault: it is malformed.
        """
        value = self._values.get(name)
        if value is None:
            return None
        number = digits(value)
        ms = number // 1000 if number is not None and number >= _MICROSECONDS else number
        if ms is None or ms > MAX_COUNT:
            raise faults.illegal(name, DIGITS)
        return ms

    def flag(self, name: str, *, default: bool) -> bool:
        """`true` or `false`, in any case.

        Raises:
            Fault: it is neither.
        """
        value = self._values.get(name)
        if value is None:
            return default
        lower = value.lower()
        if lower not in ("true", "false"):
            raise faults.illegal(name, "true|false")
        return lower == "true"

    def names(self, name: str) -> list[str] | None:
        """Several names, if they are given.

        Raises:
            Fault: it is no JSON list of texts, empty, too long, or names something twice.
        """
        kind = self._known[name]
        if not isinstance(kind, Names):
            raise TypeError(f"{name} is not declared as names")
        value = self._values.get(name)
        if value is None:
            return None
        try:
            found: object = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise faults.illegal(name, kind.pattern) from None
        if not isinstance(found, list) or not found or not all(isinstance(one, str) for one in found):
            raise faults.illegal(name, kind.pattern)
        if len(found) > kind.most:
            raise Fault(faults.TOO_MANY_PARAMETERS, f"Too many values for '{name}'; at most {kind.most} are possible.")
        if len(set(found)) != len(found):
            raise Fault(faults.DUPLICATE_SYMBOLS, "Symbol is present multiple times in the list.")
        return found


def _loose(name: str, value: str, decimals: int) -> int:
    """A number as clients write it that is no amount of ours: leading zeros, or zeros beyond the decimals."""
    whole, point, rest = value.partition(".")
    if not (whole.isascii() and whole.isdigit()) or (point and not (rest.isascii() and rest.isdigit())):
        raise faults.illegal(name, NUMBER)
    if len(value) > MAX_TEXT:
        raise Fault(faults.OVERFLOW, f"Parameter '{name}' overflowed.")
    kept = rest.rstrip("0")
    if len(kept) > decimals:
        raise Fault(faults.BAD_PRECISION, f"Parameter '{name}' has too much precision.")
    text = whole.lstrip("0") or "0"
    try:
        return parse_decimal(f"{text}.{kept}" if kept else text, decimals)
    except AmountError:
        raise Fault(faults.OVERFLOW, f"Parameter '{name}' overflowed.") from None
