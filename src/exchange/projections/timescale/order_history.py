"""What the gateway reads of orders: their ends, their lists, their reductions, and the trades that were prevented."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from exchange.projections.timescale.reads import Reads, below, page
from exchange.projections.timescale.records import AmendmentRow, ListRow, OrderRow, PreventedRow
from exchange.projections.timescale.schema import amendments, order_lists, orders, prevented_matches
from exchange.projections.timescale.words import ListStatus, OrderStatus
from exchange.terms.instructions import PLAIN, Instructions


class OrderReads(Reads):
    """The reads of orders; see `history`."""

    async def order(self, order: int) -> OrderRow | None:
        """An order by its number, whoever's it is."""
        return next(iter(await self._orders(sa.select(orders).where(orders.c.id == order))), None)

    async def order_by_client_id(self, account: int, client_id: str) -> OrderRow | None:
        """An account's newest order under a client order id (after the log's window an id may come again)."""
        query = sa.select(orders).where(orders.c.account == account, orders.c.client_id == client_id)
        query = query.where(orders.c.client_id != sa.literal_column("''"))
        return next(iter(await self._orders(query.order_by(orders.c.id.desc()).limit(1))), None)

    async def orders(
        self,
        account: int,
        *,
        market: str | None = None,
        statuses: Collection[OrderStatus] | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[OrderRow]:
        """An account's orders, newest first; `before` is an order's number."""
        query = sa.select(orders).where(orders.c.account == account)
        if market is not None:
            query = query.where(orders.c.market == market)
        if statuses is not None:
            query = query.where(orders.c.status.in_(list(statuses)))
        if before is not None:
            query = query.where(orders.c.id < before)
        return await self._orders(query.order_by(orders.c.id.desc()).limit(page(limit)))

    async def order_list(self, id: int) -> ListRow | None:
        """An order list by its number, whoever's it is."""
        return next(iter(await self._lists(sa.select(order_lists).where(order_lists.c.id == id))), None)

    async def order_list_by_client_id(self, account: int, client_id: str) -> ListRow | None:
        """An account's newest order list under a client's id."""
        query = sa.select(order_lists).where(order_lists.c.account == account, order_lists.c.client_id == client_id)
        query = query.where(order_lists.c.client_id != sa.literal_column("''"))
        return next(iter(await self._lists(query.order_by(order_lists.c.id.desc()).limit(1))), None)

    async def order_lists(
        self,
        account: int,
        *,
        market: str | None = None,
        status: ListStatus | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[ListRow]:
        """An account's order lists, newest first; `before` is a list's number."""
        query = sa.select(order_lists).where(order_lists.c.account == account)
        if market is not None:
            query = query.where(order_lists.c.market == market)
        if status is not None:
            query = query.where(order_lists.c.status == status)
        if before is not None:
            query = query.where(order_lists.c.id < before)
        return await self._lists(query.order_by(order_lists.c.id.desc()).limit(page(limit)))

    async def prevented(
        self,
        account: int,
        *,
        market: str | None = None,
        order: int | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[PreventedRow]:
        """The trades with itself (or its group) that an account did not make, newest first; `order` is either one's
        number, `before` a `PreventedRow.id`."""
        sides = []
        for side in ("maker", "taker"):
            query = sa.select(prevented_matches).where(prevented_matches.c[side] == account)
            if market is not None:
                query = query.where(prevented_matches.c.market == market)
            if order is not None:
                of_it = (prevented_matches.c.maker_order == order, prevented_matches.c.taker_order == order)
                query = query.where(sa.or_(*of_it))
            if before is not None:
                query = query.where(prevented_matches.c.prevented < before)
            sides.append(query.order_by(prevented_matches.c.prevented.desc()).limit(page(limit)).subquery())
        both = sa.union(*[sa.select(side) for side in sides]).subquery()
        query = sa.select(both).order_by(both.c.prevented.desc()).limit(page(limit))
        return [_prevented(row) for row in await self._rows(query)]

    async def amendments(
        self,
        account: int,
        order: int,
        *,
        before: tuple[int, int, int] | None = None,
        limit: int = 100,
    ) -> list[AmendmentRow]:
        """The reductions of an account's order, newest first; `before` is an `AmendmentRow.key`."""
        query = sa.select(amendments).where(amendments.c.order_id == order, amendments.c.account == account)
        key = (amendments.c.ts, amendments.c.entry, amendments.c.event)
        if before is not None:
            query = query.where(below(key, before))
        rows = await self._rows(query.order_by(*[column.desc() for column in key]).limit(page(limit)))
        return [AmendmentRow((r.ts, r.entry, r.event), r.order_id, r.account, r.quantity, r.reduced_by) for r in rows]

    async def _orders(self, query: sa.Select[Any]) -> list[OrderRow]:
        return [
            OrderRow(
                r.id,
                r.account,
                r.market,
                r.side,
                r.type,
                r.tif,
                r.price,
                r.quantity,
                r.quote_amount,
                r.filled,
                r.filled_quote,
                r.fee,
                r.status,
                r.client_id,
                (r.created_at, r.created_entry),
                (r.updated_at, r.updated_entry),
                _instructions(r),
                r.order_list or 0,
                r.prevented or 0,
                r.reason or "",
                r.activated_at,
            )
            for r in await self._rows(query)
        ]

    async def _lists(self, query: sa.Select[Any]) -> list[ListRow]:
        return [
            ListRow(
                r.id,
                r.account,
                r.market,
                r.kind,
                r.client_id,
                r.orders,
                r.status,
                (r.created_at, r.created_entry),
                (r.updated_at, r.updated_entry),
            )
            for r in await self._rows(query)
        ]


def _instructions(r: sa.Row[Any]) -> Instructions:
    read = Instructions(
        r.stop_price or 0,
        r.trailing_bps or 0,
        r.trailing_amount or 0,
        r.expires_ms or 0,
        r.post_only or "",
        r.display or 0,
        r.stp,
        r.slippage_bps or 0,
    )
    return read if read.named() else PLAIN


def _prevented(r: sa.Row[Any]) -> PreventedRow:
    return PreventedRow(
        r.prevented,
        r.ts,
        r.market,
        r.seq,
        r.price,
        r.stp,
        r.taker_side,
        r.maker_order,
        r.taker_order,
        r.maker,
        r.taker,
        r.maker_quantity,
        r.taker_quantity,
        r.maker_left,
    )
