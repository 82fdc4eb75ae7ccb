"""Placing, cancelling and reducing orders, one command each: every check, then every change."""

from typing import Final

from exchange.commands.types import Amend, Cancel, CancelAll, Place
from exchange.engine import funds, memory, placing
from exchange.engine.accounts import ORDER, Account, Remembered
from exchange.engine.book import Order
from exchange.engine.closing import end
from exchange.engine.entry import accept, admit, afford, band, counts, draft, lots_of, post_only, trigger
from exchange.engine.market import Market
from exchange.engine.special import BOOK, shown
from exchange.engine.state import State, Step
from exchange.events.base import Duplicate, Rejected
from exchange.events.orders import AllCanceled, Amended
from exchange.terms.codes import Code, Refused
from exchange.terms.words import BUY, FROZEN, HALTED, SELL

_UNKNOWN_ORDER: Final = Code.UNKNOWN_ORDER.value

CANCELS: Final = 1_000
"""How many orders one `cancel_all` ends at most."""


def trader(state: State, step: Step, id: int) -> Account:
    """The account of who wants to trade.

    Raises:
        Refused: there is none, or more is due than may happen at one command.
    """
    account = state.user(id)
    if step.expiring:
        raise Refused(Code.EXPIRING)
    return account


def place(state: State, step: Step, command: Place) -> None:
    """Accept an order, trade what it can, and rest or end the remainder; or tell a repetition its first result."""
    account = trader(state, step, command.account)
    if not command.client_id:
        place_new(state, step, account, command, None)
        return
    name = Remembered(account.id, ORDER, command.client_id, step.ms, step.seq)
    first = memory.claim(state, step, account, name)
    if first is name:
        place_new(state, step, account, command, name)
    else:
        step.emit(Duplicate(f"{first.ms}-{first.seq}"))


def place_new(state: State, step: Step, account: Account, command: Place, name: Remembered | None) -> None:
    """Place an order that repeats none; `name` is where its result is remembered.

    Raises:
        Refused.
    """
    if account.status == FROZEN:
        raise Refused(Code.ACCOUNT_FROZEN, "account")
    market = state.market(command.market)
    admit(market, command)
    order = draft(step, state.seat(account, market), command, name)
    post_only(order, command.order_type)
    if market.guarded:
        band(order)
        counts(order, command, 0, 0, 0)
    if order.special is not None:
        trigger(order)
    afford(order, command)
    accept(state, step, order, command, 0)
    if command.quote_amount:
        placing.spend(state, step, order, command.quote_amount)
    else:
        placing.begin(state, step, order, command.tif)


def cancel(state: State, step: Step, command: Cancel) -> None:
    """End an open order and free what it had locked."""
    account = state.user(command.account)
    order = own_order(state, step, account, command.order, command.client_id)
    if order is not None:
        end(state, step, order, "")


def cancel_all(state: State, step: Step, command: CancelAll) -> None:
    """End an account's open orders, oldest first, in one market or in all."""
    account = state.user(command.account)
    markets: list[Market] = []
    if command.market:
        market = state.market(command.market)
        if market.status == HALTED or market.uncrossing is not None:
            raise Refused(Code.MARKET_CLOSED, "market")
        markets.append(market)
    else:
        for name in account.seats:
            market = state.markets[name]
            if market.status != HALTED and market.uncrossing is None:
                markets.append(market)
    before = len(state.orders)
    for id in oldest(account, markets, CANCELS):
        order = state.orders.get(id)
        if order is not None and before - len(state.orders) < CANCELS:
            end(state, step, order, "")
    count = before - len(state.orders)
    step.emit(AllCanceled(account.id, count, bool(oldest(account, markets, 1))))


def oldest(account: Account, markets: list[Market], most: int) -> list[int]:
    """The ids of the account's oldest open orders in these markets."""
    ids: list[int] = []
    for market in markets:
        seat = account.seats.get(market.name)
        order = None if seat is None else seat.first
        taken = 0
        while order is not None and taken < most:
            ids.append(order.id)
            taken += 1
            order = order.following
    ids.sort()
    return ids[:most]


def amend(state: State, step: Step, command: Amend) -> None:
    """Reduce an open order in its place.

    The new quantity is the order's new total, as in Binance Spot's "order amend keep priority".
    """
    account = state.user(command.account)
    if account.status == FROZEN:
        raise Refused(Code.ACCOUNT_FROZEN, "account")
    order = own_order(state, step, account, command.order, "")
    if order is None:
        return
    lots = lots_of(order.seat.market, command.quantity, "quantity")
    if lots >= order.lots:
        raise Refused(Code.NOT_A_REDUCTION, "quantity")
    by = order.lots - lots
    if by >= order.left:
        raise Refused(Code.BELOW_FILLED, "quantity")
    special = order.special
    order_list = None if special is None else special.order_list
    other = None if order_list is None else order_list.partner(order)
    funds.free(step, order, by)
    _reduce(step, order, by)
    if order_list is not None and other is not None:
        _reduce(step, other, by)
        if order_list.pair:
            funds.rebind_pair(step, order_list, order, other)


def _reduce(step: Step, order: Order, by: int) -> None:
    """Take lots off an order, hidden ones first; what it binds is the caller's."""
    seat = order.seat
    market = seat.market
    special = order.special
    seen = 0
    hidden = 0
    seq = 0
    if special is None or special.place == BOOK:
        hidden = min(by, order.left - shown(order))
        seen = by - hidden
        market.side(order.buy).reduce(order, seen, hidden)
        if special is not None and special.display:
            special.shown -= seen
        if seen:
            seq = market.next_seq()
    order.lots -= by
    order.left -= by
    if order.buy:
        seat.buying -= by
    step.emit(
        Amended(
            order.id,
            seat.account.id,
            market.name,
            seq,
            BUY if order.buy else SELL,
            order.ticks * market.tick_size,
            order.lots * market.lot_size,
            (by if seq == 0 and hidden == 0 else seen) * market.lot_size,
            hidden * market.lot_size,
        )
    )


def own_order(
    state: State, step: Step, account: Account, id: int, client_id: str, market: Market | None = None
) -> Order | None:
    """An open order of this account, in this market if one is given; any other is as unknown as none.

    None means that the command has been refused. That is told rather than raised: in a busy market every tenth cancel
    comes too late, and an exception costs as much as three trades.

    Raises:
        Refused: its market is halted.
    """
    field = "order"
    if client_id:
        field = "client_id"
        named = account.orders.get(client_id)
        id = 0 if named is None else named.order
    order = state.orders.get(id)
    if order is None or order.seat.account is not account or (market is not None and order.seat.market is not market):
        step.emit(Rejected(_UNKNOWN_ORDER, field))
        return None
    market = order.seat.market
    if market.status == HALTED or market.uncrossing is not None:
        raise Refused(Code.MARKET_CLOSED, field)
    return order
