"""What the gateway reads from the database: everything that has passed.

The database follows the log at a distance: `position` says how far it has come, and what must be exact to the last
entry is joined with a live tail by whoever asks (`day`). Pages go backwards by key, newest first, with `before` the key
of the last row of the page before; keys never change, so no page overlaps or skips. Amounts are integers of smallest
units, moments milliseconds since the epoch.

Every method raises `DatabaseUnavailable` when the database is away and `DatabaseRefused` when it has no such tables.
"""

from typing import Any

import sqlalchemy as sa

from exchange.projections.timescale.market_history import MarketReads, Piece, trade_row, trades_of
from exchange.projections.timescale.order_counts import OrderCountReads
from exchange.projections.timescale.reads import below, page, reached
from exchange.projections.timescale.records import (
    ActKey,
    ActRow,
    AggregateRow,
    AmendmentRow,
    CandleRow,
    Day,
    FillRow,
    LedgerKey,
    LedgerRow,
    ListRow,
    OrderRow,
    PreventedRow,
    TradeRow,
    TransferRow,
)
from exchange.projections.timescale.schema import acts, candles, ledger, markets, trades, transfers
from exchange.projections.timescale.spans import SpanReads, fill_row
from exchange.projections.timescale.words import TransferKind
from exchange.terms.stream import StreamId

__all__ = [
    "ActKey",
    "ActRow",
    "AggregateRow",
    "AmendmentRow",
    "CandleRow",
    "Day",
    "FillRow",
    "History",
    "LedgerKey",
    "LedgerRow",
    "ListRow",
    "OrderRow",
    "Piece",
    "PreventedRow",
    "TradeRow",
    "TransferRow",
]


class History(SpanReads, OrderCountReads, MarketReads):
    """All the reads, over a pool of connections."""

    async def fills(
        self,
        account: int,
        *,
        market: str | None = None,
        order: int | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[FillRow]:
        """An account's sides of trades, newest first; `before` is a `FillRow.id`."""
        sides = []
        for liquidity, bit in (("maker", 0), ("taker", 1)):
            query = sa.select(trades, sa.literal(bit).label("bit")).where(trades.c[liquidity] == account)
            if market is not None:
                query = query.where(trades.c.market == market)
            if order is not None:
                query = query.where(trades.c[f"{liquidity}_order"] == order)
            if before is not None:
                query = query.where(trades.c.trade < (before + 1 - bit) // 2)
            sides.append(query.order_by(trades.c.trade.desc()).limit(page(limit)).subquery())
        both = sa.union_all(*[sa.select(side) for side in sides]).subquery()
        query = sa.select(both).order_by(both.c.trade.desc(), both.c.bit.desc()).limit(page(limit))
        return [fill_row(row) for row in await self._rows(query)]

    async def trades(self, market: str, *, before: int | None = None, limit: int = 100) -> list[TradeRow]:
        """A market's trades, newest first; `before` is a trade's number."""
        query = trades_of(market)
        if before is not None:
            query = query.where(trades.c.trade < before)
        rows = await self._rows(query.order_by(trades.c.trade.desc()).limit(page(limit)))
        return [trade_row(row) for row in rows]

    async def candles(
        self,
        market: str,
        interval: str,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[CandleRow]:
        """Candles that start in `[start_ms, end_ms)`, oldest first: the first ones from `start_ms` on when it is given,
        else the last ones. Buckets without a trade have none; `candles.INTERVALS` names the intervals, and an unknown
        one has no candles."""
        query = sa.select(candles).where(candles.c.market == market, candles.c.interval == interval)
        if start_ms is not None:
            query = query.where(candles.c.start >= start_ms)
        if end_ms is not None:
            query = query.where(candles.c.start < end_ms)
        newest_first = start_ms is None
        query = query.order_by(candles.c.start.desc() if newest_first else candles.c.start).limit(page(limit))
        found = [_candle(row) for row in await self._rows(query)]
        return found[::-1] if newest_first else found

    async def transfers(
        self,
        account: int,
        *,
        kind: TransferKind | None = None,
        before: StreamId | None = None,
        limit: int = 100,
    ) -> list[TransferRow]:
        """An account's deposits, withdrawals, and transfers from and to it, newest first; `before` is a
        `TransferRow.created`."""
        mine = transfers.c.account == account
        if kind is None or kind == "transfer":
            mine |= transfers.c.to_account == account
        query = sa.select(transfers).where(mine)
        if kind is not None:
            query = query.where(transfers.c.kind == kind)
        key = (transfers.c.created_at, transfers.c.created_entry)
        if before is not None:
            query = query.where(below(key, before))
        rows = await self._rows(query.order_by(*[column.desc() for column in key]).limit(page(limit)))
        return [
            TransferRow(
                r.kind,
                r.withdrawal or 0,
                r.account,
                r.asset,
                r.amount,
                r.ref,
                r.state,
                (r.created_at, r.created_entry),
                (r.updated_at, r.updated_entry),
                r.to_account or 0,
            )
            for r in rows
        ]

    async def acts(
        self,
        *,
        by: str | None = None,
        act: str | None = None,
        before: ActKey | None = None,
        limit: int = 100,
    ) -> list[ActRow]:
        """What administrators did, newest first; `before` is an `ActRow.key`."""
        query = sa.select(acts)
        if by is not None:
            query = query.where(acts.c.by == by)
        if act is not None:
            query = query.where(acts.c.act == act)
        key = (acts.c.ts, acts.c.entry, acts.c.event)
        if before is not None:
            query = query.where(below(key, before))
        rows = await self._rows(query.order_by(*[column.desc() for column in key]).limit(page(limit)))
        return [ActRow((r.ts, r.entry, r.event), r.by, r.act, r.subject, r.details) for r in rows]

    async def ledger(
        self,
        account: int,
        *,
        asset: str | None = None,
        before: LedgerKey | None = None,
        limit: int = 100,
    ) -> list[LedgerRow]:
        """An account's balance changes, newest first; `before` is a `LedgerRow.key`."""
        query = sa.select(ledger).where(ledger.c.account == account)
        if asset is not None:
            query = query.where(ledger.c.asset == asset)
        key = (ledger.c.ts, ledger.c.entry, ledger.c.posting)
        if before is not None:
            query = query.where(below(key, before))
        rows = await self._rows(query.order_by(*[column.desc() for column in key]).limit(page(limit)))
        return [
            LedgerRow((r.ts, r.entry, r.posting), r.account, r.asset, r.available, r.locked, r.reason) for r in rows
        ]

    async def day(self, start_ms: int, *, market: str | None = None) -> Day:
        """Minute candles that start at `start_ms` or later, by market and time, and each market's last price before
        them, with the position they are exactly as of: whoever counts in the entries above that position misses none
        and counts none twice."""
        query = sa.select(candles).where(candles.c.interval == "1m", candles.c.start >= start_ms)
        if market is not None:
            query = query.where(candles.c.market == market)
        query = query.order_by(candles.c.market, candles.c.start)
        older = sa.select(candles.c.close).where(
            candles.c.market == markets.c.market, candles.c.interval == "1m", candles.c.start < start_ms
        )
        older = older.order_by(candles.c.start.desc()).limit(1)
        closes = sa.select(markets.c.market, older.scalar_subquery().label("close"))
        async with self._connection(isolation_level="REPEATABLE READ") as connection, connection.begin():
            position = await reached(connection)
            rows = [_candle(row) for row in await connection.execute(query)]
            return Day(position, rows, {row.market: row.close or 0 for row in await connection.execute(closes)})


def _candle(r: sa.Row[Any]) -> CandleRow:
    return CandleRow(*tuple(r))  # the table's columns in their order: by name, a page takes twice as long
