"""Reading requests strictly: what is not understood is refused, with the field's name.

`Fields` stands for a JSON body, a query string or a WebSocket request alike. Amounts are matched as text before any
conversion (`terms.amounts`); JSON numbers are never taken for amounts, because most writers lose digits in them.
"""

import json
from collections.abc import Iterator, Mapping
from typing import TypeVar

import orjson

from exchange.api.contract.declared import MAX_TEXT, Kind, Text, Texts, Whole, Word
from exchange.api.errors import ApiError, GatewayCode
from exchange.projections.timescale.schema import LAST_MS
from exchange.terms.amounts import MAX_COUNT, AmountError, parse_decimal
from exchange.terms.codes import Code
from exchange.terms.stream import StreamId, parse_id

_Choice = TypeVar("_Choice")

_AMOUNT_CODES: dict[str, GatewayCode | Code] = {
    "malformed": GatewayCode.MALFORMED_AMOUNT,
    "too_precise": GatewayCode.TOO_PRECISE,
    "too_large": Code.OUT_OF_RANGE,
}


class Fields:
    """A request's fields by name, every one of which the route has declared."""

    def __init__(self, values: Mapping[str, object], known: Mapping[str, Kind]) -> None:
        """Raises ApiError for a field that is not `known`."""
        for name in values:
            if name not in known:
                shown = name if name.isascii() and name.isprintable() else "?"
                raise ApiError(Code.UNKNOWN_FIELD, shown[:64], detail=f"Known here are: {', '.join(known) or 'none'}.")
        self._values = values
        self._known = known

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        """The names of what is given; what is null is not."""
        return iter([name for name, value in self._values.items() if value is not None])

    def text(self, name: str) -> str:
        """A required text.

        Raises:
            ApiError: it is missing, or no text.
        """
        value = self._values.get(name)
        if value is None:
            raise ApiError(Code.MISSING_FIELD, name)
        if not isinstance(value, str) or (len(value) > MAX_TEXT and len(value) > _longest(self._known[name])):
            raise ApiError(Code.INVALID_FIELD, name)
        return value

    def texts(self, name: str) -> list[str]:
        """A required list of different texts, each of the declared kind.

        Raises:
            ApiError: it is missing, no such list, or too long.
        """
        value = self._values.get(name)
        if value is None:
            raise ApiError(Code.MISSING_FIELD, name)
        kind = self._known[name]
        if not isinstance(kind, Texts):
            raise TypeError(f"{name} is not declared as a list of texts")
        if not isinstance(value, list) or len(value) > kind.most:
            raise ApiError(Code.INVALID_FIELD, name, detail=f"This is a list of at most {kind.most} texts.")
        for one in value:
            fields = Fields({name: one}, {name: kind.each})
            if isinstance(kind.each, Word):
                fields.choice(name, kind.each.choices)
            else:
                fields.matched(name)
        if len(set(value)) != len(value):
            raise ApiError(Code.INVALID_FIELD, name, detail="A text stands twice in this list.")
        return value

    def matched(self, name: str) -> str:
        """A required text of the declared pattern.

        Raises:
            ApiError: it is missing, or does not match.
        """
        text = self.text(name)
        kind = self._known[name]
        if not isinstance(kind, Text) or kind.pattern is None:
            raise TypeError(f"{name} is not declared with a pattern")
        if kind.pattern.fullmatch(text) is None:
            raise ApiError(Code.INVALID_FIELD, name, detail=kind.detail)
        return text

    def choice(self, name: str, choices: Mapping[str, _Choice]) -> _Choice:
        """A required word out of a closed set.

        Raises:
            ApiError: it is missing, or not one of them.
        """
        found = choices.get(self.text(name))
        if found is None:
            raise ApiError(Code.INVALID_FIELD, name, detail=f"It must be one of: {', '.join(choices)}.")
        return found

    def amount(self, name: str, decimals: int) -> int:
        """A required decimal string, in smallest units; zero passes.

        Raises:
            ApiError: it is missing, no string, negative, malformed, too precise or too large.
        """
        value = self._values.get(name)
        if value is None:
            raise ApiError(Code.MISSING_FIELD, name)
        if not isinstance(value, str):
            raise ApiError(GatewayCode.NOT_A_STRING, name)
        try:
            return parse_decimal(value, decimals)
        except AmountError as error:
            if _negative(value, decimals):
                raise ApiError(Code.NOT_POSITIVE, name) from None
            raise _unreadable(error, name, decimals) from None

    def signed(self, name: str, decimals: int) -> int:
        """A required decimal string that may be negative, in smallest units.

        Raises:
            ApiError: as `amount`, but for the sign.
        """
        value = self._values.get(name)
        if isinstance(value, str) and value.startswith("-"):
            try:
                return -parse_decimal(value[1:], decimals)
            except AmountError as error:
                raise _unreadable(error, name, decimals) from None
        return self.amount(name, decimals)

    def number(self, name: str) -> int:
        """A whole number within its declared bounds, a JSON number or (in a query) digits; if it is left out, its
        declared default.

        Raises:
            ApiError: it is missing, no whole number, or out of range.
        """
        kind = self._known[name]
        if not isinstance(kind, Whole):
            raise TypeError(f"{name} is not declared as a number")
        value = self._values.get(name)
        if value is None:
            if kind.default is None:
                raise ApiError(Code.MISSING_FIELD, name)
            return kind.default
        if isinstance(value, str):
            value = digits(value)
        if not isinstance(value, int) or isinstance(value, bool) or not kind.low <= value <= kind.high:
            detail = f"It must be a whole number from {kind.low} to {kind.high}."
            raise ApiError(Code.INVALID_FIELD, name, detail=detail)
        return value

    def flag(self, name: str) -> bool:
        """A required `true` or `false`.

        Raises:
            ApiError: it is missing, or neither.
        """
        value = self._values.get(name)
        if value is None:
            raise ApiError(Code.MISSING_FIELD, name)
        if not isinstance(value, bool):
            raise ApiError(Code.INVALID_FIELD, name, detail="It must be true or false.")
        return value

    def objects(self, name: str) -> list[Mapping[str, object]]:
        """A required list of JSON objects.

        Raises:
            ApiError: it is missing, or not that.
        """
        value = self._values.get(name)
        if value is None:
            raise ApiError(Code.MISSING_FIELD, name)
        if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
            raise ApiError(Code.INVALID_FIELD, name, detail="It must be a list of JSON objects.")
        return value

    def position(self, name: str) -> StreamId | None:
        """A position, `ms-seq`, if it is given.

        Raises:
            ApiError: it is no position.
        """
        if name not in self:
            return None
        try:
            position = parse_id(self.text(name))
        except ValueError:
            position = (LAST_MS, 0)
        if position[0] >= LAST_MS or position[1] > MAX_COUNT:
            raise ApiError(Code.INVALID_FIELD, name, detail="A position is written ms-seq.")
        return position


def json_object(raw: bytes) -> Mapping[str, object]:
    """Read a JSON object.

    A name may stand only once in an object: of two the reader keeps the last, and somebody before us may have looked at
    the first. There is a colon after each name, so an object with as many colons as names has no name twice.

    Raises:
        ApiError: it is not one.
    """
    try:
        value: object = orjson.loads(raw)
        again = isinstance(value, dict) and raw.count(b":") != len(value) and _a_name_twice(raw, value)
    except (orjson.JSONDecodeError, RecursionError):
        raise ApiError(GatewayCode.MALFORMED_REQUEST, detail="The body is not readable JSON.") from None
    if not isinstance(value, dict):
        raise ApiError(GatewayCode.MALFORMED_REQUEST, detail="The body must be a JSON object.")
    if again:
        raise ApiError(GatewayCode.MALFORMED_REQUEST, detail="A name stands twice in an object of the body.")
    return value


def _a_name_twice(raw: bytes, read: object) -> bool:
    """Whether something that was written is not in what was read: then it was under a name that came again."""
    if b"\\" not in raw:
        return raw.count(b":") != _colons(read)
    twice = False

    def see(pairs: list[tuple[str, object]]) -> None:
        nonlocal twice
        twice = twice or len({name for name, _ in pairs}) != len(pairs)

    try:
        json.loads(raw, object_pairs_hook=see, parse_int=str, parse_float=str)
    except ValueError:
        return True  # what two readers do not read alike is not taken
    return twice


def _colons(value: object) -> int:
    """How many colons it takes to write a value without escapes."""
    if isinstance(value, str):
        return value.count(":")
    if isinstance(value, dict):
        return sum([1 + name.count(":") + _colons(inner) for name, inner in value.items()])
    if isinstance(value, list):
        return sum([_colons(inner) for inner in value])
    return 0


def _longest(kind: Kind) -> int:
    return kind.most if isinstance(kind, Text) else MAX_TEXT


def digits(text: str) -> int | None:
    """A whole number of at most 19 ASCII digits, or None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else None


def _unreadable(error: AmountError, name: str, decimals: int) -> ApiError:
    detail = f"At most {decimals} decimals are possible here." if error.reason == "too_precise" else ""
    return ApiError(_AMOUNT_CODES[error.reason], name, detail=detail)


def _negative(text: str, decimals: int) -> bool:
    """Whether the text would be an amount but for a minus."""
    if not text.startswith("-"):
        return False
    try:
        parse_decimal(text[1:], decimals)
    except AmountError:
        return False
    return True
