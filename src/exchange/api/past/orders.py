"""What has become of orders: those that ended, their lists, their reductions, the trades that were prevented."""

from collections.abc import Awaitable, Callable
from typing import Final

from exchange.api.errors import ApiError
from exchange.api.past.asking import Asking, Page, asked, newest
from exchange.api.past.rows import amendment_of, list_of, order_of, prevented_of
from exchange.projections.live.orders import LiveList, LiveOrder
from exchange.projections.live.records import Amendment, AmendmentKey, PreventedMatch
from exchange.projections.live.view import LiveView
from exchange.projections.timescale.history import AmendmentRow, History, ListRow, OrderRow, PreventedRow
from exchange.projections.timescale.words import OrderStatus

_CLOSED: Final[tuple[OrderStatus, ...]] = ("filled", "canceled", "expired", "expired_in_match")


class PastOrders(Asking):
    """Reads of orders and of what belongs to them."""

    async def orders(
        self, view: LiveView, account: int, *, closed: bool, market: str | None, before: int | None, limit: int
    ) -> Page[LiveOrder]:
        """An account's orders, closed only or all, newest first."""
        history = self.available()
        reached = await asked(history.position())
        rows = await asked(
            history.orders(account, market=market, statuses=_CLOSED if closed else None, before=before, limit=limit)
        )
        found = {row.id: order_of(row) for row in rows}
        if reached.id < view.closed.complete_since:
            return Page(list(found.values()), reached.id)
        live = dict(view.closed.of(account))
        if not closed:
            live |= view.accounts[account].open
        for id, order in live.items():
            if (market is None or order.market == market) and (before is None or id < before):
                learn(order, found.get(id))
                found[id] = order
        return Page(newest(found, limit), view.position)

    async def order(self, view: LiveView, account: int, id: int) -> LiveOrder | None:
        """An account's order by its number, with all that is known of it."""
        order = view.order(account, id)
        if order is not None and not _incomplete(order):
            return order
        try:
            row = await asked(self.available().order(id))
        except ApiError:
            if order is None:
                raise
            return order
        if order is not None:
            learn(order, row)
            return order
        if row is None:
            await self.must_reach(view.closed)
            return None
        return order_of(row) if row.account == account else None

    async def order_by_client_id(self, view: LiveView, account: int, client_id: str) -> LiveOrder | None:
        """An account's newest order under a client order id."""
        order = view.accounts[account].open_by_client_id.get(client_id)
        if order is None:
            for recent in reversed(view.closed.of(account).values()):
                if recent.client_id == client_id and (order is None or recent.id > order.id):
                    order = recent
        if order is not None and not _incomplete(order):
            return order
        try:
            row = await asked(self.available().order_by_client_id(account, client_id))
        except ApiError:
            if order is None:
                raise
            return order
        if order is not None:
            learn(order, row)
            return order
        if row is None:
            await self.must_reach(view.closed)
            return None
        return order_of(row)

    async def complete(self, account: int, orders: list[LiveOrder]) -> None:
        """Fill in what the view does not know of open orders, as far as the database can tell."""
        missing = [order for order in orders if _incomplete(order)]
        if not missing or self.history is None:
            return
        try:
            rows = await asked(self.history.orders_of(account, [order.id for order in missing]))
        except ApiError:
            return  # what is missing shows as null
        known = {row.id: row for row in rows}
        for order in missing:
            learn(order, known.get(order.id))

    async def order_lists(
        self, view: LiveView, account: int, *, market: str | None, before: int | None, limit: int
    ) -> Page[LiveList]:
        """An account's order lists, open ones and others, newest first."""
        rows: list[ListRow] = []
        reached = await self.reached(view.closed_lists)
        if reached is not None:
            history = self.available()
            rows = await asked(history.order_lists(account, market=market, before=before, limit=limit))
        found = {row.id: list_of(row) for row in rows}
        if reached is not None and reached < view.closed_lists.complete_since:
            return Page(list(found.values()), reached)
        for id, shown in (view.closed_lists.of(account) | view.accounts[account].lists).items():
            if (market is None or shown.market == market) and (before is None or id < before):
                learn_list(shown, found.get(id))
                found[id] = shown
        return Page(newest(found, limit), view.position)

    async def order_list(self, view: LiveView, account: int, id: int) -> LiveList | None:
        """An account's order list by its number, with all that is known of it."""
        shown = view.accounts[account].lists.get(id) or view.closed_lists.get(account, id)
        return await self._list(view, account, shown, lambda history: history.order_list(id))

    async def order_list_by_client_id(self, view: LiveView, account: int, client_id: str) -> LiveList | None:
        """An account's newest order list under a client's id."""
        shown = view.accounts[account].lists_by_client_id.get(client_id)
        if shown is None:
            named = [one for one in view.closed_lists.of(account).values() if one.client_id == client_id]
            shown = max(named, key=lambda one: one.id, default=None)
        return await self._list(
            view, account, shown, lambda history: history.order_list_by_client_id(account, client_id)
        )

    async def _list(
        self,
        view: LiveView,
        account: int,
        shown: LiveList | None,
        ask: Callable[[History], Awaitable[ListRow | None]],
    ) -> LiveList | None:
        """What the view has of a list, completed by the database, or what the database has."""
        if shown is not None and shown.created is not None:
            return shown
        try:
            if await self.reached(view.closed_lists) is None:
                return shown
            row = await asked(ask(self.available()))
        except ApiError:
            if shown is None:
                raise
            return shown
        known = None if row is None or row.account != account else list_of(row)
        if shown is None:
            if row is None:
                await self.must_reach(view.closed_lists)
            return known
        learn_list(shown, known)
        return shown

    async def complete_lists(self, account: int, lists: list[LiveList]) -> None:
        """Fill in what the view does not know of open lists, as far as the database can tell."""
        missing = [one for one in lists if one.created is None]
        if not missing or self.history is None:
            return
        try:
            rows = await asked(self.history.order_lists_of(account, [one.id for one in missing]))
        except ApiError:
            return
        known = {row.id: list_of(row) for row in rows}
        for one in missing:
            learn_list(one, known.get(one.id))

    async def prevented(
        self,
        view: LiveView,
        account: int,
        *,
        market: str | None,
        order: int | None,
        before: int | None,
        limit: int,
    ) -> Page[PreventedMatch]:
        """An account's prevented matches, newest first; `order` is either one's number."""
        rows: list[PreventedRow] = []
        reached = await self.reached(view.prevented)
        if reached is not None:
            history = self.available()
            rows = await asked(history.prevented(account, market=market, order=order, before=before, limit=limit))
        found = {row.id: prevented_of(row) for row in rows}
        if reached is not None and reached < view.prevented.complete_since:
            return Page(list(found.values()), reached)
        found |= {
            id: match
            for id, match in view.prevented.of(account).items()
            if (market is None or match.event.market == market)
            and (order is None or order in (match.event.maker_order, match.event.taker_order))
            and (before is None or id < before)
        }
        return Page(newest(found, limit), view.position)

    async def amendments(
        self, view: LiveView, account: int, order: int, *, before: AmendmentKey | None, limit: int
    ) -> Page[Amendment]:
        """The reductions of an account's order, newest first."""
        rows: list[AmendmentRow] = []
        reached = await self.reached(view.amendments)
        if reached is not None:
            rows = await asked(self.available().amendments(account, order, before=before, limit=limit))
        found = {row.key: amendment_of(row) for row in rows}
        if reached is not None and reached < view.amendments.complete_since:
            return Page(list(found.values()), reached)
        found |= {
            key: amendment
            for key, amendment in view.amendments.of(account).items()
            if amendment.order == order and (before is None or key < before)
        }
        return Page(newest(found, limit), view.position)


def _incomplete(order: LiveOrder) -> bool:
    return order.paid is None or order.created is None


def learn(order: LiveOrder, row: OrderRow | LiveOrder | None) -> None:
    """Complete an order that is older than the view; sums are taken over only where they are of the same fills."""
    if row is None or not _incomplete(order):
        return
    known = order_of(row) if isinstance(row, OrderRow) else row
    if known.filled == order.filled:
        order.paid, order.fee = known.paid, known.fee
    order.created = known.created
    order.updated = order.updated or known.updated
    order.activated = order.activated or known.activated


def learn_list(shown: LiveList, known: LiveList | None) -> None:
    """Complete a list that is older than the view."""
    if known is None or shown.created is not None:
        return
    shown.orders, shown.created = known.orders, known.created
    shown.updated = shown.updated or known.updated
