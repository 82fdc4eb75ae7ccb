"""Moments of the log on the command line: how they are written, and how far a replay towards one has come."""

import argparse
import sys
import time
from datetime import UTC, datetime, timedelta

from exchange.terms.stream import StreamId, format_id, parse_id

_LAST_OF_MS = 2**64 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PROGRESS_SECONDS = 0.5


def moment(text: str) -> StreamId:
    """An id, or a time: then the last id that it can have.

    Raises:
        ArgumentTypeError: it is neither.
    """
    if "-" in text and not text.isdigit():
        try:
            return parse_id(text)
        except ValueError:
            pass
    return time_ms(text), _LAST_OF_MS


def time_ms(text: str) -> int:
    """A time: ISO 8601, UTC unless it says otherwise, or milliseconds since the epoch.

    Raises:
        ArgumentTypeError: it is neither.
    """
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"neither an id (ms-seq) nor a time: {text!r}") from None
    since = (read if read.tzinfo else read.replace(tzinfo=UTC)) - _EPOCH
    if since < timedelta(0):
        raise argparse.ArgumentTypeError(f"times begin with 1970: {text!r}")
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def iso(ms: int) -> str:
    """A time for people, in UTC; what no calendar has stays a number."""
    try:
        return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds")
    except OverflowError:
        return f"{ms} ms"


class Progress:
    """Rate and time left, on standard error; how far it is is judged by the entries' times."""

    def __init__(self, start: StreamId, end: StreamId) -> None:
        self._first_ms = start[0]
        self._last_ms = end[0]
        self._began = time.monotonic()
        self._told = self._began
        self._ended: float | None = None
        self._shown = False

    def __call__(self, position: StreamId, commands: int) -> None:
        now = time.monotonic()
        self._first_ms = self._first_ms or position[0]
        if now - self._told < _PROGRESS_SECONDS:
            return
        self._told = now
        share = (position[0] - self._first_ms) / max(self._last_ms - self._first_ms, 1)
        left = f"{(now - self._began) * (1 - share) / share:.0f} s left" if share > 0 else "…"
        rate = commands / (now - self._began)
        self._show(f"{format_id(position)}  {commands:,} commands  {rate:,.0f}/s  {share:.0%}  {left}")

    def done(self) -> None:
        """The work is over, however it ended."""
        self._ended = time.monotonic()
        if self._shown:
            print(file=sys.stderr)

    def seconds(self) -> float:
        """How long it took."""
        return (self._ended or time.monotonic()) - self._began

    def _show(self, text: str) -> None:
        self._shown = sys.stderr.isatty()
        print(f"\r{text:<100}" if self._shown else text, end="" if self._shown else "\n", file=sys.stderr, flush=True)
