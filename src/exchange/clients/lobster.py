"""Reading recorded order flow in the LOBSTER format: the messages, and the files that stand beside them.

A message file has one event a line: `seconds after midnight, type, order id, size, price in dollars × 10,000, side`.
Beside `x_messages.csv` may stand `x_levels….csv` (the book after each of the first events: ask price, ask size, bid
price, bid size, repeated from the best outwards) and `x_best_quotes….csv` (the distinct best quotes of the session:
ask, ask size, bid, bid size). Each may be gzipped. Prices stay in the file's unit, times become whole nanoseconds.

Format: LOBSTER, "What is LOBSTER's output structure?", https://lobsterdata.com/info/DataStructure.php
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

PRICE_DECIMALS: Final = 4
"""A price in a file is dollars × 10**PRICE_DECIMALS."""

NEW: Final = 1
REDUCE: Final = 2
DELETE: Final = 3
EXECUTE: Final = 4
HIDDEN: Final = 5
AUCTION: Final = 6
HALT: Final = 7

_NO_LEVEL: Final = 9_999_999_999

Level = tuple[int, int]
"""`(price, size)`."""


class LobsterError(Exception):
    """A file that cannot be used; the message names file and line."""


class Message(NamedTuple):
    """One recorded event; `number` counts from 1, `buy` is the side of the *resting* order."""

    number: int
    time_ns: int
    kind: int
    order: int
    size: int
    price: int
    buy: bool


class BookRow(NamedTuple):
    """The levels of a book, best first on each side; no more than the best `depth` of each were recorded."""

    asks: list[Level]
    bids: list[Level]
    depth: int


class Quote(NamedTuple):
    """The best of both sides."""

    ask: int
    ask_size: int
    bid: int
    bid_size: int


class Companions(NamedTuple):
    """The files beside a message file, where they are."""

    levels: Path | None
    quotes: Path | None


def read_messages(path: Path, limit: int = 0) -> list[Message]:
    """The recorded events in order; only the first `limit` when that is not 0.

    Raises:
        LobsterError: the file cannot be read, or a line is not an event.
    """
    found: list[Message] = []
    for number, values in _rows(path):
        if limit and number > limit:
            break
        try:
            time, kind, order, size, price, side = values
            message = Message(number, _nanoseconds(time), int(kind), int(order), int(size), int(price), side == "1")
        except ValueError:
            raise LobsterError(f"{path}, line {number}: not an event: {','.join(values)[:80]!r}") from None
        if not NEW <= message.kind <= HALT or side not in ("1", "-1"):
            raise LobsterError(f"{path}, line {number}: unknown event type {kind} or side {side}")
        found.append(message)
    if not found:
        raise LobsterError(f"{path}: there are no events in it")
    return found


def read_levels(path: Path) -> list[BookRow]:
    """The book after event 1, 2, 3….

    Raises:
        LobsterError: the file cannot be read, or a line is not a book.
    """
    rows = []
    for number, values in _rows(path):
        numbers = _numbers(path, number, values, 4)
        asks = [(numbers[i], numbers[i + 1]) for i in range(0, len(numbers), 4)]
        bids = [(numbers[i], numbers[i + 1]) for i in range(2, len(numbers), 4)]
        rows.append(BookRow(_present(asks), _present(bids), len(asks)))
    return rows


def read_quotes(path: Path) -> list[Quote]:
    """The distinct best quotes in order.

    Raises:
        LobsterError: the file cannot be read, or a line is not a quote.
    """
    rows = []
    for number, values in _rows(path):
        numbers = _numbers(path, number, values, 4)
        if len(numbers) != 4:
            raise LobsterError(f"{path}, line {number}: a quote has 4 numbers, not {len(numbers)}")
        rows.append(Quote(*numbers))
    return rows


def companions(path: Path) -> Companions:
    """Look beside a message file for the book and quote files that share the name up to `message`."""
    prefix, found, _ = path.name.partition("message")
    if not found:
        return Companions(None, None)
    return Companions(_beside(path, f"{prefix}levels"), _beside(path, f"{prefix}best_quotes"))


def opening_levels(first: Message, after: BookRow) -> list[tuple[bool, int, int]]:
    """The book *before* the first event, from the book after it: `(buy, price, size)`, best first, bids then asks."""
    if first.kind == NEW:
        undo = -first.size
    elif first.kind in (REDUCE, DELETE, EXECUTE):
        undo = first.size
    else:
        undo = 0
    found: list[tuple[bool, int, int]] = []
    for buy, levels in ((True, after.bids), (False, after.asks)):
        sizes = dict(levels)
        if buy == first.buy and undo:
            sizes[first.price] = sizes.get(first.price, 0) + undo
        found += [(buy, price, sizes[price]) for price in sorted(sizes, reverse=buy) if sizes[price] > 0]
    return found


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            for number, line in enumerate(lines, 1):
                yield number, line.strip().split(",")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise LobsterError(f"{path} cannot be read: {error}") from error


def _numbers(path: Path, number: int, values: list[str], group: int) -> list[int]:
    try:
        numbers = [int(value) for value in values]
    except ValueError:
        raise LobsterError(f"{path}, line {number}: not whole numbers: {','.join(values)[:80]!r}") from None
    if len(numbers) % group:
        raise LobsterError(f"{path}, line {number}: the count of numbers is not a multiple of {group}")
    return numbers


def _nanoseconds(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole) * 1_000_000_000 + int(fraction[:9].ljust(9, "0"))


def _present(levels: list[Level]) -> list[Level]:
    return [level for level in levels if abs(level[0]) < _NO_LEVEL and level[1] > 0]


def _beside(path: Path, start: str) -> Path | None:
    found = sorted(p for p in path.parent.glob(f"{start}*") if p.name.endswith((".csv", ".csv.gz")))
    return found[0] if found else None
