"""What has passed: the database's rows joined with what the view has seen since.

The database follows the log at a distance, the view is at its end but remembers only the newest. Where the two meet
(the database has come as far as the view's memory reaches back) their union leaves nothing out; where they do not, the
answer is the database's alone, which is a true state of some moments ago, and its position says of when.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Final, TypeVar

from exchange.api.errors import ApiError, GatewayCode
from exchange.api.identity import DATABASE_S
from exchange.api.seeding import candle_of
from exchange.projections.live.orders import OPEN, LiveOrder
from exchange.projections.live.records import DepositRecord, Fill, WithdrawalRecord
from exchange.projections.live.tape import Candle, TapeTrade
from exchange.projections.live.view import LiveView
from exchange.projections.timescale.candles import INTERVALS
from exchange.projections.timescale.database import DatabaseRefused, DatabaseUnavailable
from exchange.projections.timescale.history import FillRow, History, OrderRow, TransferRow
from exchange.projections.timescale.words import OrderStatus
from exchange.terms.stream import StreamId
from exchange.terms.words import BUY, SELL

_T = TypeVar("_T")
_K = TypeVar("_K", int, StreamId)

_CLOSED: Final[tuple[OrderStatus, ...]] = ("filled", "canceled", "expired")
_OPEN: Final[tuple[OrderStatus, ...]] = ("open", "partially_filled")
_WITHDRAWAL_STATUS: Final = {"reserved": "pending", "settled": "settled", "released": "released"}


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
        found = {row.id: _order(row) for row in rows}
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
            await self._must_reach(view)
            return None
        return _order(row) if row.account == account else None

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
            await self._must_reach(view)
            return None
        return _order(row)

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
        found = {row.id: _fill(row) for row in rows}
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
        found = {row.created: _deposit(row) for row in rows}
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
        found = {row.created: _withdrawal(row) for row in rows}
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

    async def _must_reach(self, view: LiveView) -> None:
        """Before saying that there is no such thing, see that the database has come as far as the view's memory."""
        reached = await _asked(self._available().position())
        if reached.id < view.closed.complete_since:
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
    known = _order(row) if isinstance(row, OrderRow) else row
    if known.filled == order.filled:
        order.paid, order.fee = known.paid, known.fee
    order.created = known.created
    order.updated = order.updated or known.updated


def _order(row: OrderRow) -> LiveOrder:
    order = LiveOrder(
        row.id,
        row.account,
        row.market,
        row.side,
        row.type,
        row.tif,
        row.price,
        row.quantity,
        row.quote_amount,
        row.client_id,
        row.created[0],
    )
    order.filled = row.filled
    order.paid = row.filled_quote
    order.fee = row.fee
    order.status = OPEN if row.status == "partially_filled" else row.status
    order.updated = row.updated[0]
    return order


def _fill(row: FillRow) -> Fill:
    taker_side = row.side if row.liquidity == "taker" else (SELL if row.side == BUY else BUY)
    trade = TapeTrade(row.trade, row.market, row.seq, row.price, row.quantity, row.notional, taker_side, row.ms)
    return Fill(trade, row.order, row.side, row.liquidity, row.fee)


def _deposit(row: TransferRow) -> DepositRecord:
    return DepositRecord(row.created, row.account, row.asset, row.amount, row.ref)


def _withdrawal(row: TransferRow) -> WithdrawalRecord:
    record = WithdrawalRecord(row.withdrawal, row.account, row.asset, row.amount, row.ref, row.created)
    record.status = _WITHDRAWAL_STATUS[row.state]
    record.updated = row.updated
    return record
