"""The intervals of charts at any offset from UTC: where each begins and ends (Binance: rest-api.md, klines).

A period begins on a whole multiple of its length in local time, counted from the epoch; weeks begin on Monday, months
by the calendar. Times that come in and go out are UTC milliseconds since the epoch all the same.
"""

import re
from datetime import UTC, datetime
from typing import Final

SECOND_MS: Final = 1000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
WEEK_MS: Final = 7 * DAY_MS

_MONDAY_MS: Final = 4 * DAY_MS
"""The epoch was a Thursday; the first Monday came four days later."""

MONTH: Final = "1M"

LENGTHS: Final[dict[str, int]] = {
    "1s": SECOND_MS,
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": WEEK_MS,
    MONTH: 31 * DAY_MS,
}
"""Each interval's length by name; a month's is that of the longest."""

_OFFSET: Final = re.compile(r"([+-]?)([0-9]{1,2})(?::([0-9]{2}))?", re.ASCII)
_WEST: Final = -12 * 60
_EAST: Final = 14 * 60


def offset_of(time_zone: str) -> int | None:
    """Minutes east of UTC of an offset such as `8`, `-1:00` or `05:45`; None when it is none, or not from -12:00 to
    +14:00."""
    found = _OFFSET.fullmatch(time_zone)
    if found is None:
        return None
    sign, hours, minutes = found.group(1), int(found.group(2)), int(found.group(3) or 0)
    if minutes > 59:
        return None
    offset = hours * 60 + minutes
    if sign == "-":
        offset = -offset
    return offset if _WEST <= offset <= _EAST else None


class Period:
    """One kind of interval, `offset` minutes east of UTC.

    Raises:
        KeyError: there is no such interval.
    """

    def __init__(self, interval: str, offset: int = 0) -> None:
        self.interval = interval
        self.length = LENGTHS[interval]
        self.offset = offset
        self._shift = offset * MINUTE_MS - (_MONDAY_MS if interval == "1w" else 0)

    def start(self, ms: int) -> int:
        """The beginning of the period that a moment falls into."""
        if self.interval != MONTH:
            return ms - (ms + self._shift) % self.length
        year, month = self._month(ms)
        return self._first_of(year, month)

    def end(self, start: int) -> int:
        """The beginning of the next one, after the one that begins at `start`."""
        if self.interval != MONTH:
            return start + self.length
        year, month = self._month(start)
        return self._first_of(year, month + 1) if month < 12 else self._first_of(year + 1, 1)

    def back(self, start: int, count: int) -> int:
        """The beginning of the period `count` before the one that begins at `start`."""
        if self.interval != MONTH:
            return start - count * self.length
        year, month = self._month(start)
        months = year * 12 + month - 1 - count
        return self._first_of(max(months // 12, 1), months % 12 + 1)

    def starts(self, since: int, until: int, limit: int) -> list[int]:
        """The beginnings of the periods from the one that begins at `since`, as long as they are before `until`; at
        most `limit`."""
        found: list[int] = []
        while since < until and len(found) < limit:
            found.append(since)
            since = self.end(since)
        return found

    def _month(self, ms: int) -> tuple[int, int]:
        local = datetime.fromtimestamp((ms + self._shift) // 1000, UTC)
        return local.year, local.month

    def _first_of(self, year: int, month: int) -> int:
        return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000 - self._shift
