"""Reads by span: from a key or a moment on, oldest first, as well as the newest.

The view's memory is joined as in `asking`. A page is whole also where the database had more: it gave the first (or
last) `limit` rows, so whatever it left out lies beyond what the page keeps.
"""

from exchange.api.errors import ApiError
from exchange.api.past.asking import asked
from exchange.api.past.orders import PastOrders, learn, learn_list
from exchange.api.past.rows import fill_of, list_of, order_of
from exchange.projections.live.orders import LiveList, LiveOrder
from exchange.projections.live.records import Fill
from exchange.projections.live.view import LiveView
from exchange.projections.timescale.spans import Span


class PastSpans(PastOrders):
    """Reads by span, oldest first. Every method raises ApiError `database_unavailable` where it needs the database and
    cannot have it."""

    async def orders_in(self, view: LiveView, account: int, market: str, span: Span) -> list[LiveOrder]:
        """An account's orders of a market, open ones and others."""
        found: dict[int, LiveOrder] = {}
        reached = await self.reached(view.closed)
        if reached is not None:
            rows = await asked(self.available().orders_in(account, market, span))
            found = {row.id: order_of(row) for row in rows}
        if reached is None or reached >= view.closed.complete_since:
            for id, order in (view.closed.of(account) | view.accounts[account].open).items():
                if order.market == market and (id in found or span.holds(id, order.created)):
                    learn(order, found.get(id))
                    found[id] = order
        return span.cut(found)

    async def order_lists_in(self, view: LiveView, account: int, span: Span) -> list[LiveList]:
        """An account's order lists, open ones and others."""
        found: dict[int, LiveList] = {}
        reached = await self.reached(view.closed_lists)
        if reached is not None:
            rows = await asked(self.available().order_lists_in(account, span))
            found = {row.id: list_of(row) for row in rows}
        if reached is None or reached >= view.closed_lists.complete_since:
            for id, shown in (view.closed_lists.of(account) | view.accounts[account].lists).items():
                if id in found or span.holds(id, shown.created):
                    learn_list(shown, found.get(id))
                    found[id] = shown
        return span.cut(found)

    async def fills_in(self, view: LiveView, account: int, market: str, order: int | None, span: Span) -> list[Fill]:
        """An account's sides of a market's trades; the span's keys are the trades' numbers."""
        found: dict[int, Fill] = {}
        reached = await self.reached(view.fills)
        if reached is not None:
            rows = await asked(self.available().fills_in(account, market, order, span))
            found = {row.id: fill_of(row) for row in rows}
        if reached is None or reached >= view.fills.complete_since:
            for id, fill in view.fills.of(account).items():
                trade = fill.trade
                if trade.market == market and order in (None, fill.order) and span.holds(trade.id, trade.ms):
                    found[id] = fill
        return span.cut(found)

    async def orders_of(self, view: LiveView, account: int, ids: list[int]) -> dict[int, LiveOrder]:
        """The account's orders of these numbers, as far as view and database have them: the database's absence leaves
        out what the view has forgotten."""
        known = {id: view.order(account, id) for id in ids}
        found = {id: order for id, order in known.items() if order is not None}
        missing = [id for id in known if id not in found]
        if missing and self.history is not None:
            try:
                found |= {row.id: order_of(row) for row in await asked(self.history.orders_of(account, missing))}
            except ApiError:
                pass  # what they are called is left out of the answer, not the answer
        return found

    async def last_matches(self, view: LiveView, account: int, orders: list[int]) -> dict[int, int]:
        """The last prevented match of each of the account's orders that had one, by the order's number."""
        found: dict[int, int] = {}
        reached = await self.reached(view.prevented)
        if reached is not None:
            found = await asked(self.available().last_matches(account, orders))
        if reached is None or reached >= view.prevented.complete_since:
            wanted = set(orders)
            for id, match in view.prevented.of(account).items():
                for order in wanted & {match.event.maker_order, match.event.taker_order}:
                    found[order] = max(id, found.get(order, id))
        return found
