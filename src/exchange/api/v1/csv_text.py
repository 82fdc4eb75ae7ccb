"""Rows written as CSV (RFC 4180), safe to open in a spreadsheet.

A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a return for a formula, whatever its quotes.
Clients choose their ids and refs, so such a text gets an apostrophe in front, by which spreadsheets know text. Amounts
and numbers are this exchange's own and stay as they are, signs included.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

Cell = str | int | bool | None

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_QUOTED: Final = frozenset('",\r\n')


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """A header and rows. Cells that clients wrote must have gone through `text`."""
    lines = [",".join(columns), *(",".join([_cell(cell) for cell in row]) for row in rows)]
    return "".join([f"{line}\r\n" for line in lines]).encode()


def text(value: object) -> str:
    """A text that a client chose; empty for None."""
    if value is None:
        return ""
    shown = str(value)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def moment(ms: int | None) -> str:
    """A time in UTC with milliseconds, as ISO 8601 has it; empty for None."""
    if ms is None:
        return ""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{ms % 1000:03}Z"


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    shown = str(value)
    if _QUOTED.isdisjoint(shown):
        return shown
    return '"' + shown.replace('"', '""') + '"'
