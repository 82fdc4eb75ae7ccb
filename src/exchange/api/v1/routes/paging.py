"""Pages of what has passed: how many items, and those before which one."""

from typing import Final

from exchange.api.contract.declared import Shape, Whole, optional
from exchange.api.contract.reading import Fields
from exchange.terms.amounts import MAX_COUNT

LIMIT: Final = Whole(1, 500, 100)
PAGE: Final[Shape] = {"limit": LIMIT, "before": optional(Whole(0, 2 * MAX_COUNT + 2))}
"""Of items with a number; a fill's is twice its trade's, and one more for the taker."""


def before(query: Fields) -> int | None:
    """The item that the page ends before, if one is named."""
    return query.number("before") if "before" in query else None
