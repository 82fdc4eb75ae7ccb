"""One's own history as CSV: fills, orders, deposits, withdrawals, and every change of the balances.

What is in the database is told, newest first, and the position says how far it has come. One answer holds so much; the
header `X-Exchange-Next` then gives what to send as `before` for the rest. A page may be short or empty and have a next
one: it was looking for the time that was asked for.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from exchange.api.contract.declared import Endpoint, Shape, Text, Whole, endpoint, optional
from exchange.api.contract.reading import Fields, digits
from exchange.api.errors import ApiError
from exchange.api.past.asking import asked
from exchange.api.past.rows import fill_of, order_of, withdrawal_of
from exchange.api.v1 import csv_text, schemas
from exchange.api.v1.call import Call, CsvReply, Reply
from exchange.api.v1.refusals import PAST
from exchange.projections.live import shapes
from exchange.projections.live.view import LiveView
from exchange.projections.timescale.history import History
from exchange.projections.timescale.schema import LAST_MS
from exchange.terms.amounts import MAX_COUNT, format_decimal
from exchange.terms.codes import Code

PAGES: Final = 10
"""How often one request asks the database…"""
ROWS: Final = 1_000
"""… for so many rows."""
WEIGHT: Final = 50

_MOMENT: Final = optional(Whole(0, LAST_MS))
QUERY: Final[Shape] = {"from": _MOMENT, "to": _MOMENT, "before": optional(Text())}

Key = tuple[int, ...]
Row = Sequence[csv_text.Cell]


class _Found(NamedTuple):
    """A row with its key, by which it is paged, and its time."""

    key: Key
    ms: int
    row: Row


class _Kind(NamedTuple):
    """A kind of history: how many numbers a key has (the first is a time unless it is alone), its columns, and its
    reader, which gives up to `ROWS` of an account's rows below a key, newest first."""

    parts: int
    columns: Sequence[str]
    read: Callable[[History, LiveView, int, Key | None], Awaitable[list[_Found]]]


async def _fills(history: History, view: LiveView, account: int, before: Key | None) -> list[_Found]:
    rows = await asked(history.fills(account, before=before[0] if before else None, limit=ROWS))
    found = []
    for fill in map(fill_of, rows):
        shown = shapes.fill(fill, view.markets[fill.trade.market])
        found.append(_Found((fill.id,), fill.trade.ms, _row(shown, _FILL, "time")))
    return found


async def _orders(history: History, view: LiveView, account: int, before: Key | None) -> list[_Found]:
    rows = await asked(history.orders(account, before=before[0] if before else None, limit=ROWS))
    found = []
    for order in map(order_of, rows):
        shown = shapes.order(order, view.markets[order.market])
        shown["client_order_id"] = csv_text.text(order.client_id)
        found.append(_Found((order.id,), order.created or 0, _row(shown, _ORDER, "created_at", "updated_at")))
    return found


async def _deposits(history: History, view: LiveView, account: int, before: Key | None) -> list[_Found]:
    rows = await asked(history.transfers(account, kind="deposit", before=_pair(before), limit=ROWS))
    return [
        _Found(
            row.created,
            row.created[0],
            (
                _id(row.created),
                row.asset,
                format_decimal(row.amount, view.assets[row.asset]),
                csv_text.text(row.ref),
                csv_text.moment(row.created[0]),
            ),
        )
        for row in rows
    ]


async def _withdrawals(history: History, view: LiveView, account: int, before: Key | None) -> list[_Found]:
    rows = await asked(history.transfers(account, kind="withdrawal", before=_pair(before), limit=ROWS))
    return [
        _Found(
            row.created,
            row.created[0],
            (
                row.withdrawal,
                row.asset,
                format_decimal(row.amount, view.assets[row.asset]),
                csv_text.text(row.ref),
                withdrawal_of(row).status,
                csv_text.moment(row.created[0]),
                csv_text.moment(row.updated[0]),
            ),
        )
        for row in rows
    ]


async def _ledger(history: History, view: LiveView, account: int, before: Key | None) -> list[_Found]:
    key = (before[0], before[1], before[2]) if before else None
    rows = await asked(history.ledger(account, before=key, limit=ROWS))
    found = []
    for row in rows:
        decimals = view.assets[row.asset]
        amounts = (_signed(row.available, decimals), _signed(row.locked, decimals))
        cells = (_id(row.key), row.asset, *amounts, row.reason, csv_text.moment(row.key[0]))
        found.append(_Found(row.key, row.key[0], cells))
    return found


_FILL: Final = (
    *("id", "trade", "order", "market", "kind", "price", "quantity", "total", "fee", "fee_asset"),
    *("rebate", "rebate_asset", "liquidity", "auction", "time"),
)
_ORDER: Final = (
    *("id", "client_order_id", "market", "type", "kind", "time_in_force", "price", "quantity", "quote_amount"),
    *("filled", "filled_quote", "average_price", "fee", "fee_asset", "status", "reason", "created_at", "updated_at"),
)

KINDS: Final[dict[str, _Kind]] = {
    "fills": _Kind(1, _FILL, _fills),
    "orders": _Kind(1, _ORDER, _orders),
    "deposits": _Kind(2, ("id", "asset", "amount", "ref", "time"), _deposits),
    "withdrawals": _Kind(2, ("id", "asset", "amount", "ref", "status", "created_at", "updated_at"), _withdrawals),
    "ledger": _Kind(3, ("id", "asset", "available", "locked", "reason", "time"), _ledger),
}
"""By name; columns are added at the end only, and never change their meaning."""


def _exporting(name: str) -> Endpoint:
    kind = KINDS[name]

    @endpoint(f"Your {name} as CSV, newest first.", query=QUERY, answer=schemas.CSV, codes=PAST, weight=WEIGHT)
    async def export(call: Call) -> Reply:
        """`GET export/….csv`."""
        query = call.query()
        since = query.number("from") if "from" in query else 0
        until = query.number("to") if "to" in query else LAST_MS
        if since > until:
            raise ApiError(Code.INVALID_FIELD, "to", detail="It is before from.")
        account = call.account.id
        history = call.gateway.past.available()
        reached = await asked(history.position())
        before = _before(query, kind.parts)
        if kind.parts > 1 and (before is None or before[0] >= until):
            before = (until, *[0] * (kind.parts - 1))
        rows: list[Row] = []
        for _ in range(PAGES):
            page = await kind.read(history, call.gateway.view, account, before)
            rows += [found.row for found in page if since <= found.ms < until]
            if len(page) < ROWS or page[-1].ms < since:
                return CsvReply(csv_text.table(kind.columns, rows), reached.id)
            before = page[-1].key
        following = None if before is None else _id(before)
        return CsvReply(csv_text.table(kind.columns, rows), reached.id, following=following)

    return export


fills, orders, deposits, withdrawals, ledger = (_exporting(name) for name in KINDS)


def _before(query: Fields, parts: int) -> Key | None:
    if "before" not in query:
        return None
    numbers = [digits(part) for part in query.text("before").split("-")]
    key = tuple(number for number in numbers if number is not None and number <= MAX_COUNT)
    if len(key) != len(numbers) or len(key) != parts or (parts > 1 and key[0] > LAST_MS):
        raise ApiError(Code.INVALID_FIELD, "before", detail="Send what X-Exchange-Next said.")
    return (*key[:2], min(key[2], _LAST_PLACE)) if parts > 2 else key


_LAST_PLACE: Final = 2**31 - 1


def _pair(key: Key | None) -> tuple[int, int] | None:
    return None if key is None else (key[0], key[1])


def _id(key: Key) -> str:
    return "-".join(map(str, key))


def _signed(amount: int, decimals: int) -> str:
    shown = format_decimal(abs(amount), decimals)
    return f"-{shown}" if amount < 0 else shown


def _row(shown: shapes.Json, columns: Sequence[str], *times: str) -> Row:
    """The columns of a shape, as cells; those named in `times` are moments."""
    cells: list[csv_text.Cell] = []
    for name in columns:
        value = shown[name]
        if name in times:
            cells.append(csv_text.moment(value if isinstance(value, int) else None))
        elif value is None or isinstance(value, str | int):
            cells.append(value)
        else:
            raise TypeError(f"{name} is no cell: {value!r}")
    return cells
