"""Which part of a history a request asks for (Binance: rest-api.md, General API Information).

From a number or a moment on the oldest come first in line for the page, else the newest; both are shown oldest first.
"""

from typing import Final

from exchange.api.v3 import faults
from exchange.api.v3.faults import Fault
from exchange.api.v3.params import Params
from exchange.projections.timescale.schema import LAST_MS
from exchange.projections.timescale.spans import Span

HOURS: Final = 24
_LONGEST_MS: Final = HOURS * 60 * 60 * 1000


def span(params: Params, first_name: str) -> Span:
    """The part between `first_name` (a number), `startTime` and `endTime`, at most `limit`.

    Raises:
        Fault: a parameter is malformed, or the times are further apart than may be asked for.
    """
    first = params.whole(first_name) if first_name in params else None
    start, end = params.moment("startTime"), params.moment("endTime")
    if start is not None and end is not None:
        if start > end:
            raise faults.combination()
        if end - start > _LONGEST_MS:
            raise Fault(faults.MORE_THAN_HOURS, f"More than {HOURS} hours between startTime and endTime.")
    return Span(params.whole("limit"), first, _bounded(start), _bounded(end))


def _bounded(ms: int | None) -> int | None:
    return None if ms is None else min(ms, LAST_MS)
