"""Periods: where they begin, in any time zone, and how time zones are written."""

import random
from datetime import UTC, datetime

import pytest

from exchange.projections.live.periods import DAY_MS, HOUR_MS, LENGTHS, MINUTE_MS, Period, offset_of


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    "text, minutes",
    [
        *[("0", 0), ("8", 480), ("+8", 480), ("-1:00", -60), ("05:45", 345), ("5:45", 345), ("-12:00", -720)],
        *[("14:00", 840), ("14", 840), ("-12", -720), ("+08:00", 480), ("-0:30", -30)],
        *[("14:01", None), ("-12:01", None), ("15", None), ("", None), ("5:4", None), ("5:60", None), ("x", None)],
        *[("٥", None), ("1:000", None), ("100", None), (" 1", None), ("1:", None)],
    ],
)
def test_offsets_are_read_as_they_are_published(text: str, minutes: int | None) -> None:
    assert offset_of(text) == minutes


@pytest.mark.parametrize(
    "interval, offset, moment, start, end",
    [
        ("1s", 0, "2026-11-23T22:01:02.999", "2026-11-23T22:01:02", "2026-11-23T22:01:03"),
        ("3m", 0, "2026-11-23T22:01:02", "2026-11-23T22:00", "2026-11-23T22:03"),
        ("8h", 480, "2026-11-23T22:01:02", "2026-11-23T16:00", "2026-11-24T00:00"),
        ("1d", 345, "2026-11-23T18:14:59", "2026-11-22T18:15", "2026-11-23T18:15"),
        ("3d", 0, "1970-01-04T00:00", "1970-01-04T00:00", "1970-01-07T00:00"),
        ("1w", 0, "2026-11-22T23:59", "2026-11-16T00:00", "2026-11-23T00:00"),  # a Sunday; Monday to Monday
        ("1w", -60, "2026-11-23T00:30", "2026-11-16T01:00", "2026-11-23T01:00"),
        ("1M", 0, "2024-02-29T12:00", "2024-02-01T00:00", "2024-03-01T00:00"),
        ("1M", 840, "2026-12-31T10:00", "2026-12-31T10:00", "2027-01-31T10:00"),
    ],
)
def test_a_period_begins_and_ends_in_its_time_zone(
    interval: str, offset: int, moment: str, start: str, end: str
) -> None:
    period = Period(interval, offset)
    assert period.start(ms(moment)) == ms(start)
    assert period.end(ms(start)) == ms(end)


@pytest.mark.parametrize("interval", LENGTHS)
def test_periods_follow_one_another_without_gap_or_overlap(interval: str) -> None:
    dice = random.Random(interval)
    for _ in range(50):
        period = Period(interval, dice.randint(-720, 840))
        start = period.start(dice.randint(0, ms("2100-01-01")))
        end = period.end(start)
        assert start < end <= start + LENGTHS[interval]
        assert period.start(start) == period.start(end - 1) == start
        assert period.start(end) == end
        assert period.start(start - 1) == period.back(start, 1) < start
        count = dice.randint(0, 40)
        back = period.back(start, count)
        assert period.starts(back, end, 100) == [*period.starts(back, start, 100), start]
        assert len(period.starts(back, end, 100)) == count + 1
        assert period.starts(back, end, 3) == period.starts(back, end, 100)[:3]


def test_an_unknown_interval_is_none() -> None:
    with pytest.raises(KeyError):
        Period("2m")
    assert (MINUTE_MS, HOUR_MS, DAY_MS) == (60_000, 3_600_000, 86_400_000)
