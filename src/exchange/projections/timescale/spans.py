"""Reading history from a key or a moment on, as well as backwards from its end.

A `Span` says which part of a sequence is wanted, and is answered in one way by the database and by what the live view
remembers, so that both can be joined: the first `limit` from where it begins, or, where no beginning is given, the
last.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from exchange.projections.timescale.order_history import OrderReads
from exchange.projections.timescale.reads import page
from exchange.projections.timescale.records import FillRow, ListRow, OrderRow
from exchange.projections.timescale.schema import order_lists, orders, prevented_matches, trades

_T = TypeVar("_T")


class Span(NamedTuple):
    """Keys from `first` on, moments from `start_ms` to `end_ms`, both included; None is no bound."""

    limit: int
    first: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None

    @property
    def forwards(self) -> bool:
        """Whether the oldest are wanted, from the beginning that is given."""
        return self.first is not None or self.start_ms is not None

    def holds(self, key: int, ms: int | None) -> bool:
        """Whether something with this key and moment lies within; what has no known moment is judged by its key."""
        if self.first is not None and key < self.first:
            return False
        if ms is None:
            return self.start_ms is None and self.end_ms is None
        return (self.start_ms is None or ms >= self.start_ms) and (self.end_ms is None or ms <= self.end_ms)

    def cut(self, found: Mapping[int, _T]) -> list[_T]:
        """What of all that was found belongs on the page, oldest first."""
        keys = sorted(found)
        keys = keys[: self.limit] if self.forwards else keys[-self.limit :]
        return [found[key] for key in keys]


class SpanReads(OrderReads):
    """Reads by span. Rows come in the order in which they are found."""

    async def orders_in(self, account: int, market: str, span: Span) -> list[OrderRow]:
        """An account's orders of a market, by number and by when they were placed."""
        query = sa.select(orders).where(orders.c.account == account, orders.c.market == market)
        return await self._orders(_within(query, orders.c.id, orders.c.created_at, span))

    async def orders_of(self, account: int, ids: list[int]) -> list[OrderRow]:
        """An account's orders of these numbers."""
        return await self._orders(sa.select(orders).where(orders.c.account == account, orders.c.id.in_(ids)))

    async def order_lists_of(self, account: int, ids: list[int]) -> list[ListRow]:
        """An account's order lists of these numbers."""
        return await self._lists(
            sa.select(order_lists).where(order_lists.c.account == account, order_lists.c.id.in_(ids))
        )

    async def order_lists_in(self, account: int, span: Span) -> list[ListRow]:
        """An account's order lists, by number and by when they were placed."""
        query = sa.select(order_lists).where(order_lists.c.account == account)
        return await self._lists(_within(query, order_lists.c.id, order_lists.c.created_at, span))

    async def fills_in(self, account: int, market: str, order: int | None, span: Span) -> list[FillRow]:
        """An account's sides of a market's trades, of one order or of all, by the trade's number and moment."""
        found: list[FillRow] = []
        for liquidity, bit in (("maker", 0), ("taker", 1)):
            query = sa.select(trades, sa.literal(bit).label("bit")).where(
                trades.c[liquidity] == account, trades.c.market == market
            )
            if order is not None:
                query = query.where(trades.c[f"{liquidity}_order"] == order)
            found += [fill_row(row) for row in await self._rows(_within(query, trades.c.trade, trades.c.ts, span))]
        return found

    async def last_matches(self, account: int, ids: list[int]) -> dict[int, int]:
        """The last prevented match of each of an account's orders that had one."""
        found: dict[int, int] = {}
        for side in ("maker", "taker"):
            order = prevented_matches.c[f"{side}_order"]
            query = sa.select(order.label("id"), sa.func.max(prevented_matches.c.prevented).label("last"))
            query = query.where(prevented_matches.c[side] == account, order.in_(ids)).group_by(order)
            for row in await self._rows(query):
                found[row.id] = max(row.last, found.get(row.id, row.last))
        return found


def fill_row(r: sa.Row[Any]) -> FillRow:
    """A row of `trades`, as the side that its `bit` names sees it."""
    taker = bool(r.bit)
    buys = (r.taker_side == "buy") == taker
    return FillRow(
        2 * r.trade + r.bit,
        r.trade,
        r.market,
        r.seq,
        r.ts,
        r.taker_order if taker else r.maker_order,
        r.taker if taker else r.maker,
        "buy" if buys else "sell",
        "taker" if taker else "maker",
        r.price,
        r.quantity,
        r.notional,
        r.taker_fee if taker else r.maker_fee,
        0 if taker else r.rebate or 0,
        r.auction,
    )


def _within(query: sa.Select[Any], key: sa.Column[int], moment: sa.Column[int], span: Span) -> sa.Select[Any]:
    if span.first is not None:
        query = query.where(key >= span.first)
    if span.start_ms is not None:
        query = query.where(moment >= span.start_ms)
    if span.end_ms is not None:
        query = query.where(moment <= span.end_ms)
    by_time = span.start_ms is not None or span.end_ms is not None
    order = (moment, key) if by_time else (key,)  # keys rise with time: what differs is the index that is used
    return query.order_by(*[column if span.forwards else column.desc() for column in order]).limit(page(span.limit))
