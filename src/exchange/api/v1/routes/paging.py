"""Pages of what has passed: how many items, and those before which one."""

import re
from typing import Final

from exchange.api.contract.declared import Shape, Whole, optional
from exchange.api.contract.reading import Fields, digits
from exchange.api.errors import ApiError
from exchange.projections.timescale.schema import LAST_MS
from exchange.terms.amounts import MAX_COUNT
from exchange.terms.codes import Code

LIMIT: Final = Whole(1, 500, 100)
PAGE: Final[Shape] = {"limit": LIMIT, "before": optional(Whole(0, 2 * MAX_COUNT + 2))}
"""Of items with a number; a fill's is twice its trade's, and one more for the taker."""


KEY: Final = re.compile(r"[0-9]{1,19}-[0-9]{1,19}-[0-9]{1,19}", re.ASCII)
"""The id of an event: its entry's, and its place there."""

_LAST_PLACE: Final = 2**31 - 1
"""No event stands further back in an entry."""


def before(query: Fields) -> int | None:
    """The item that the page ends before, if one is named."""
    return query.number("before") if "before" in query else None


def key(query: Fields, detail: str) -> tuple[int, int, int]:
    """The event that the page ends before: milliseconds, sequence, place.

    Raises:
        ApiError: it is no event's id; `detail` says what it should be.
    """
    ms, seq, place = (digits(part) for part in query.matched("before").split("-"))
    if ms is None or seq is None or place is None or ms >= LAST_MS or max(seq, place) > MAX_COUNT:
        raise ApiError(Code.INVALID_FIELD, "before", detail=detail)
    return ms, seq, min(place, _LAST_PLACE)
