"""What has passed: the database's rows joined with what the view has seen since.

The database follows the log at a distance, the view is at its end but remembers only the newest. Where the two meet
(the database has come as far as the view's memory reaches back) their union leaves nothing out; where they do not, the
answer is the database's alone, which is a true state of some moments ago, and its position says of when.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from exchange.api.errors import ApiError, GatewayCode
from exchange.api.identity import DATABASE_S
from exchange.api.past_rows import (
    amendment_of,
    deposit_of,
    fill_of,
    list_of,
    order_of,
    prevented_of,
    withdrawal_of,
)
from exchange.api.seeding import candle_of
from exchange.projections.live.orders import LiveList, LiveOrder
from exchange.projections.live.recent import Item, Key, Recent
from exchange.projections.live.records import (
    Amendment,
    AmendmentKey,
    DepositRecord,
    Fill,
    PreventedMatch,
    WithdrawalRecord,
)
from exchange.projections.live.tape import Candle
from exchange.projections.live.view import LiveView
from exchange.projections.timescale.candles import INTERVALS
from exchange.projections.timescale.database import DatabaseRefused, DatabaseUnavailable
from exchange.projections.timescale.history import AmendmentRow, History, ListRow, OrderRow, PreventedRow
from exchange.projections.timescale.words import OrderStatus
from exchange.terms.stream import START, StreamId

_T = TypeVar("_T")
_K = TypeVar("_K", int, StreamId, AmendmentKey)

_CLOSED: Final[tuple[OrderStatus, ...]] = ("filled", "canceled", "expired", "expired_in_match")
_OPEN: Final[tuple[OrderStatus, ...]] = ("open", "partially_filled", "waiting", "pending")


class Page(list[_T]):
    """A page of items, newest first; `position` is the state of the log that it shows."""

    def __init__(self, items: list[_T], position: StreamId) -> None:
        super().__init__(items)
        self.position = position


class Past:
    """Reads of history. Every method raises ApiError `database_unavailable` where it needs the database and cannot
    have it."""

    def __init__(self, history: History | None) -> None:
        self._history = history

    async def orders(
        self, view: LiveView, account: int, *, closed: bool, market: str | None, before: int | None, limit: int
    ) -> Page[LiveOrder]:
        """An account's orders, closed only or all, newest first."""
        history = self._available()
        reached = await _asked(history.position())
        rows = await _asked(
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
                _learn(order, found.get(id))
                found[id] = order
        return Page(_newest(found, limit), view.position)

    async def order(self, view: LiveView, account: int, id: int) -> LiveOrder | None:
        """An account's order by its number, with all that is known of it."""
        order = view.order(account, id)
        if order is not None and not _incomplete(order):
            return order
        try:
            row = await _asked(self._available().order(id))
        except ApiError:
            if order is None:
                raise
            return order
        if order is not None:
            _learn(order, row)
            return order
        if row is None:
            await self._must_reach(view.closed)
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
            row = await _asked(self._available().order_by_client_id(account, client_id))
        except ApiError:
            if order is None:
                raise
            return order
        if order is not None:
            _learn(order, row)
            return order
        if row is None:
            await self._must_reach(view.closed)
            return None
        return order_of(row)

    async def complete(self, account: int, orders: list[LiveOrder]) -> None:
        """Fill in what the view does not know of open orders, as far as the database can tell."""
        missing = [order for order in orders if _incomplete(order)]
        if not missing or self._history is None:
            return
        newest = max(order.id for order in missing)
        try:
            rows = await _asked(self._history.orders(account, statuses=_OPEN, before=newest + 1, limit=len(orders)))
        except ApiError:
            return  # what is missing shows as null
        known = {row.id: row for row in rows}
        for order in missing:
            _learn(order, known.get(order.id))

    async def fills(
        self,
        view: LiveView,
        account: int,
        *,
        market: str | None,
        order: int | None,
        before: int | None,
        limit: int,
    ) -> Page[Fill]:
        """An account's fills, newest first."""
        history = self._available()
        reached = await _asked(history.position())
        rows = await _asked(history.fills(account, market=market, order=order, before=before, limit=limit))
        found = {row.id: fill_of(row) for row in rows}
        if reached.id < view.fills.complete_since:
            return Page(list(found.values()), reached.id)
        found |= {
            id: fill
            for id, fill in view.fills.of(account).items()
            if (market is None or fill.trade.market == market)
            and (order is None or fill.order == order)
            and (before is None or id < before)
        }
        return Page(_newest(found, limit), view.position)

    async def deposits(
        self, view: LiveView, account: int, *, before: StreamId | None, limit: int
    ) -> Page[DepositRecord]:
        """An account's deposits, newest first."""
        history = self._available()
        reached = await _asked(history.position())
        rows = await _asked(history.transfers(account, kind="deposit", before=before, limit=limit))
        found = {row.created: deposit_of(row) for row in rows}
        if reached.id < view.deposits.complete_since:
            return Page(list(found.values()), reached.id)
        live = view.deposits.of(account)
        found |= {position: deposit for position, deposit in live.items() if before is None or position < before}
        return Page(_newest(found, limit), view.position)

    async def withdrawals(
        self, view: LiveView, account: int, *, before: StreamId | None, limit: int
    ) -> Page[WithdrawalRecord]:
        """An account's withdrawals, newest first."""
        history = self._available()
        reached = await _asked(history.position())
        rows = await _asked(history.transfers(account, kind="withdrawal", before=before, limit=limit))
        found = {row.created: withdrawal_of(row) for row in rows}
        if reached.id < view.withdrawals.complete_since:
            return Page(list(found.values()), reached.id)
        created = {record.id: position for position, record in found.items()}
        for id, record in view.withdrawals.of(account).items():
            position = record.created or created.get(id)
            if position is None or (before is not None and position >= before):
                continue
            if record.created is None:
                record.created, record.ref = position, found[position].ref
            found[position] = record
        return Page(_newest(found, limit), view.position)

    async def order_lists(
        self, view: LiveView, account: int, *, market: str | None, before: int | None, limit: int
    ) -> Page[LiveList]:
        """An account's order lists, open ones and others, newest first."""
        rows: list[ListRow] = []
        reached = await self._reached(view.closed_lists)
        if reached is not None:
            history = self._available()
            rows = await _asked(history.order_lists(account, market=market, before=before, limit=limit))
        found = {row.id: list_of(row) for row in rows}
        if reached is not None and reached < view.closed_lists.complete_since:
            return Page(list(found.values()), reached)
        for id, shown in (view.closed_lists.of(account) | view.accounts[account].lists).items():
            if (market is None or shown.market == market) and (before is None or id < before):
                _learn_list(shown, found.get(id))
                found[id] = shown
        return Page(_newest(found, limit), view.position)

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
            if await self._reached(view.closed_lists) is None:
                return shown
            row = await _asked(ask(self._available()))
        except ApiError:
            if shown is None:
                raise
            return shown
        known = None if row is None or row.account != account else list_of(row)
        if shown is None:
            if row is None:
                await self._must_reach(view.closed_lists)
            return known
        _learn_list(shown, known)
        return shown

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
        reached = await self._reached(view.prevented)
        if reached is not None:
            history = self._available()
            rows = await _asked(history.prevented(account, market=market, order=order, before=before, limit=limit))
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
        return Page(_newest(found, limit), view.position)

    async def amendments(
        self, view: LiveView, account: int, order: int, *, before: AmendmentKey | None, limit: int
    ) -> Page[Amendment]:
        """The reductions of an account's order, newest first."""
        rows: list[AmendmentRow] = []
        reached = await self._reached(view.amendments)
        if reached is not None:
            rows = await _asked(self._available().amendments(account, order, before=before, limit=limit))
        found = {row.key: amendment_of(row) for row in rows}
        if reached is not None and reached < view.amendments.complete_since:
            return Page(list(found.values()), reached)
        found |= {
            key: amendment
            for key, amendment in view.amendments.of(account).items()
            if amendment.order == order and (before is None or key < before)
        }
        return Page(_newest(found, limit), view.position)

    async def candles(
        self,
        view: LiveView,
        market: str,
        interval: str,
        *,
        start_ms: int | None,
        end_ms: int | None,
        limit: int,
    ) -> tuple[list[Candle], bool]:
        """Candles that open from `start_ms` to `end_ms`, oldest first, and whether none is missing for want of the
        database: the first `limit` when a start is given, else the last."""
        tape = view.tape.market(market)
        known = tape.known_since(interval)
        live = [
            candle
            for candle in tape.candles(interval, max(known, _opening(start_ms or 0, interval)))
            if end_ms is None or candle.ms <= end_ms
        ]
        enough = start_ms >= known if start_ms is not None else known == 0 or len(live) >= limit
        older: list[Candle] = []
        complete = True
        if not enough and self._history is not None:
            end = known if end_ms is None else min(known, end_ms + 1)
            wanted = limit if start_ms is not None else limit - len(live)
            try:
                rows = await _asked(
                    self._history.candles(market, interval, start_ms=start_ms, end_ms=end, limit=wanted)
                )
                older = [candle_of(row) for row in rows]
            except ApiError:
                complete = False
        elif not enough:
            complete = False
        if not complete and not live:
            raise ApiError(GatewayCode.DATABASE_UNAVAILABLE)
        both = older + live
        return (both[:limit] if start_ms is not None else both[-limit:]), complete

    def _available(self) -> History:
        if self._history is None:
            raise ApiError(GatewayCode.DATABASE_UNAVAILABLE)
        return self._history

    async def _reached(self, recent: Recent[Key, Item]) -> StreamId | None:
        """How far the database has come; None when it is away and the view, which saw the log begin, needs it not."""
        try:
            return (await _asked(self._available().position())).id
        except ApiError:
            if recent.complete_since == START:
                return None
            raise

    async def _must_reach(self, recent: Recent[Key, Item]) -> None:
        """Before saying that there is no such thing, see that the database has come as far as the view's memory."""
        reached = await _asked(self._available().position())
        if reached.id < recent.complete_since:
            raise ApiError(GatewayCode.VIEW_BEHIND, detail="The database is still catching up with the log; try again.")


async def _asked(question: Awaitable[_T]) -> _T:
    try:
        async with asyncio.timeout(DATABASE_S):
            return await question
    except (DatabaseUnavailable, DatabaseRefused, TimeoutError):
        raise ApiError(GatewayCode.DATABASE_UNAVAILABLE) from None


def _newest(found: Mapping[_K, _T], limit: int) -> list[_T]:
    return [found[key] for key in sorted(found, reverse=True)[:limit]]


def _opening(ms: int, interval: str) -> int:
    """The first opening time of an interval at or after a moment."""
    length = INTERVALS[interval]
    return -(-ms // length) * length


def _incomplete(order: LiveOrder) -> bool:
    return order.paid is None or order.created is None


def _learn(order: LiveOrder, row: OrderRow | LiveOrder | None) -> None:
    """Complete an order that is older than the view; sums are taken over only where they are of the same fills."""
    if row is None or not _incomplete(order):
        return
    known = order_of(row) if isinstance(row, OrderRow) else row
    if known.filled == order.filled:
        order.paid, order.fee = known.paid, known.fee
    order.created = known.created
    order.updated = order.updated or known.updated
    order.activated = order.activated or known.activated


def _learn_list(shown: LiveList, known: LiveList | None) -> None:
    """Complete a list that is older than the view."""
    if known is None or shown.created is not None:
        return
    shown.orders, shown.created = known.orders, known.created
    shown.updated = shown.updated or known.updated
