"""What the gateway reads of markets: trades by number, aggregate trades, and sums of candles over any stretch.

A moment is found among the trades by the candles of seconds, which name their first and last trade: so the key of the
trades (market, number) serves pages by time too, and no index more need be kept. A stretch of time is cut into pieces
of the longest stored candles that fit (`candles.cut`), so that a year costs no more rows than its days and what sticks
out at both ends. Every read is bounded by a limit, whatever range is asked for.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from exchange.projections.timescale.reads import Reads, page
from exchange.projections.timescale.records import AggregateRow, CandleRow, TradeRow
from exchange.projections.timescale.schema import SUM_DIGITS, Amount, candles, trades

MAX_ROWS: Final = 65_536
"""The most trades that one question for aggregates looks at: more than one taker can make."""

_SECOND_MS: Final = 1000

_SUMS: Final = sa.text("""
    SELECT p.piece, c.* FROM unnest(:markets, :intervals, :froms, :untils)
        WITH ORDINALITY AS p(market, interval, since, until, piece)
    CROSS JOIN LATERAL (
        SELECT (array_agg(open ORDER BY start))[1] AS open, max(high) AS high, min(low) AS low,
            (array_agg(close ORDER BY start DESC))[1] AS close, sum(volume) AS volume,
            sum(quote_volume) AS quote_volume, sum(trades) AS trades, min(first_trade) AS first_trade,
            max(last_trade) AS last_trade, sum(taker_volume) AS taker_volume,
            sum(taker_quote_volume) AS taker_quote_volume
        FROM candles
        WHERE market = p.market AND interval = p.interval AND start >= to_timestamp(p.since / 1000)
            AND start < to_timestamp(p.until / 1000)
        HAVING count(*) > 0
    ) AS c ORDER BY p.piece
""").bindparams(
    sa.bindparam("markets", type_=sa.ARRAY(sa.Text)),
    sa.bindparam("intervals", type_=sa.ARRAY(sa.Text)),
    sa.bindparam("froms", type_=sa.ARRAY(sa.BigInteger)),
    sa.bindparam("untils", type_=sa.ARRAY(sa.BigInteger)),
)


class Piece(NamedTuple):
    """Stored candles of one interval that begin in `[since_ms, until_ms)`."""

    market: str
    interval: str
    since_ms: int
    until_ms: int


class MarketReads(Reads):
    """The reads of what everybody may see."""

    async def trades_from(self, market: str, first: int, *, limit: int) -> list[TradeRow]:
        """A market's trades from a number on, oldest first."""
        query = trades_of(market).where(trades.c.trade >= first)
        return [trade_row(row) for row in await self._rows(query.order_by(trades.c.trade).limit(page(limit)))]

    async def aggregates_from(self, market: str, first: int, *, limit: int) -> list[AggregateRow]:
        """A market's aggregate trades from a number on, oldest first."""
        before = sa.select(sa.func.max(trades.c.trade)).where(trades.c.market == market, trades.c.trade < first)
        # With the trade before, so that one in the midst of an aggregate is not taken for its beginning.
        low = sa.func.coalesce(before.scalar_subquery(), 0)
        return await self._aggregates(_rows_of(market).where(trades.c.trade >= low), first, limit, newest=False)

    async def aggregates_between(
        self, market: str, start_ms: int | None, end_ms: int | None, *, limit: int
    ) -> list[AggregateRow]:
        """A market's aggregate trades of a time, both ends included, oldest first: the first ones when there is a
        start, else the last."""
        query = _rows_of(market)
        if start_ms is not None:
            second = start_ms - start_ms % _SECOND_MS
            first = _seconds(market, candles.c.first_trade).where(candles.c.start >= second).order_by(candles.c.start)
            query = query.where(trades.c.trade >= first.limit(1).scalar_subquery(), trades.c.ts >= start_ms)
        if end_ms is not None:
            last = _seconds(market, candles.c.last_trade).where(candles.c.start <= end_ms)
            last = last.order_by(candles.c.start.desc()).limit(1)
            query = query.where(trades.c.trade <= last.scalar_subquery(), trades.c.ts <= end_ms)
        return await self._aggregates(query, 0, limit, newest=start_ms is None)

    async def _aggregates(self, query: sa.Select[Any], first: int, limit: int, *, newest: bool) -> list[AggregateRow]:
        """Those of the rows of a query that begin at `first` or later: as many rows as it takes, within bounds."""
        limit = page(limit)
        order = trades.c.trade.desc() if newest else trades.c.trade
        most = 2 * limit + 16
        while True:
            # One more for what is cut off at the last row, one for what began before `first`.
            aggregated = _aggregated(query.order_by(order).limit(most), newest=newest).limit(limit + 2)
            rows = await self._rows(aggregated)
            cut = sum(row.rows for row in rows) >= most
            found = [_aggregate(row) for row in (rows[:-1] if cut and len(rows) > 1 else rows) if row.first >= first]
            if len(found) >= limit or not cut or most >= MAX_ROWS:
                found = found[:limit]
                return found[::-1] if newest else found
            most = min(8 * most, MAX_ROWS)

    async def first_second(self, market: str) -> int | None:
        """The second (milliseconds since the epoch) of a market's first trade, if it had one."""
        query = _seconds(market, candles.c.start).order_by(candles.c.start).limit(1)
        rows = await self._rows(query)
        return rows[0].start if rows else None

    async def close_before(self, market: str, ms: int) -> int:
        """A market's last price before a second; zero when there is none."""
        query = _seconds(market, candles.c.close).where(candles.c.start < ms)
        rows = await self._rows(query.order_by(candles.c.start.desc()).limit(1))
        return rows[0].close if rows else 0

    async def sums(self, pieces: Sequence[Piece]) -> list[CandleRow | None]:
        """The stored candles of each piece put together; None where nothing traded. `start_ms` is the piece's."""
        found: list[CandleRow | None] = [None] * len(pieces)
        if not pieces:
            return found
        query = _SUMS.bindparams(
            markets=[piece.market for piece in pieces],
            intervals=[piece.interval for piece in pieces],
            froms=[piece.since_ms for piece in pieces],
            untils=[piece.until_ms for piece in pieces],
        )
        for row in await self._rows(query):
            piece = pieces[row.piece - 1]
            found[row.piece - 1] = CandleRow(
                piece.market,
                piece.interval,
                piece.since_ms,
                *map(int, row[1:]),
            )
        return found


def trades_of(market: str) -> sa.Select[Any]:
    """A market's trades, with what `trade_row` reads."""
    c = trades.c
    columns = (c.trade, c.market, c.seq, c.ts, c.price, c.quantity, c.notional, c.taker_side, c.auction, c.taker_order)
    return sa.select(*columns).where(c.market == market)


def trade_row(r: sa.Row[Any]) -> TradeRow:
    """A row of `trades_of`."""
    return TradeRow(*tuple(r))


def _rows_of(market: str) -> sa.Select[Any]:
    c = trades.c
    columns = (c.trade, c.ts, c.price, c.quantity, c.taker_side, c.taker_order)
    return sa.select(*columns).where(c.market == market)


def _seconds(market: str, column: sa.Column[Any]) -> sa.Select[Any]:
    return sa.select(column).where(candles.c.market == market, candles.c.interval == "1s")


def _aggregated(query: sa.Select[Any], *, newest: bool) -> sa.Select[Any]:
    """Trades in a row that have the taker's order, the price and the moment in common, as one; `newest` first, or
    last."""
    given = query.subquery("given")
    c = given.c
    alike = (c.taker_order, c.price, c.ts)
    fresh = sa.or_(*[sa.func.lag(column).over(order_by=c.trade).is_distinct_from(column) for column in alike])
    marked = sa.select(given, fresh.label("fresh")).subquery("marked")
    run = sa.func.count().filter(marked.c.fresh).over(order_by=marked.c.trade)
    numbered = sa.select(marked, run.label("run")).subquery("numbered")
    c = numbered.c
    first = sa.func.min(c.trade)
    return (
        sa.select(
            first.label("first"),
            sa.func.max(c.trade).label("last"),
            c.price,
            sa.func.sum(c.quantity, type_=Amount(SUM_DIGITS)).label("quantity"),
            c.taker_side,
            c.ts,
            sa.func.count().label("rows"),
        )
        .group_by(c.run, c.price, c.taker_side, c.ts)
        .order_by(first.desc() if newest else first)
    )


def _aggregate(r: sa.Row[Any]) -> AggregateRow:
    return AggregateRow(r.first, r.last, r.price, r.quantity, r.taker_side, r.ts)
