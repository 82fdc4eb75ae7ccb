"""How orders end, and what the end of one means for the others of its list.

`end` takes an order from wherever it is; `closed` is for those that matching has emptied already. What follows from a
list's rules (docs/rules.md, "Order lists") is all here.
"""

from exchange.engine import funds, memory
from exchange.engine.book import Order
from exchange.engine.special import BOOK, NOWHERE, QUEUED, TRIGGER, OrderList, Special, shown
from exchange.engine.state import State, Step
from exchange.events.orders import Canceled, Done, ListDone
from exchange.terms.words import BUY, OCO, SELL, OrderEnd


def end(state: State, step: Step, order: Order, reason: str) -> None:
    """End an open order: for its owner or the switch as cancelled, for any other reason as expired."""
    special = order.special
    order_list = None if special is None else special.order_list
    if order_list is not None and order_list.pair and order_list.partner(order) is not None:
        funds.unpair(step, order_list, None)
    _tell(step, order, reason)
    funds.free(step, order, order.left)
    closed(state, step, order, False)


def _tell(step: Step, order: Order, reason: str) -> None:
    """Take an order from where it is, and say that it ended."""
    market = order.seat.market
    special = order.special
    if special is None or special.place == BOOK:
        seen = shown(order)
        hidden = order.left - seen
        market.side(order.buy).remove(order, seen, hidden)
        step.emit(
            Canceled(
                order.id,
                order.seat.account.id,
                market.name,
                market.next_seq(),
                BUY if order.buy else SELL,
                order.ticks * market.tick_size,
                seen * market.lot_size,
                hidden * market.lot_size,
                reason,
            )
        )
        return
    leave_waiting(order, special)
    how: OrderEnd = "canceled" if reason in ("", "switch") else "expired"
    step.emit(Done(order.id, order.seat.account.id, market.name, how, order.left * market.lot_size, reason))


def leave_waiting(order: Order, special: Special) -> None:
    """Take a waiting or queued order from where it waits."""
    market = order.seat.market
    if special.place == TRIGGER:
        if special.trailing():
            del market.trailing[order.id]
        elif rises(order, special):
            market.rising.remove(special.stop, order)
        else:
            market.falling.remove(special.stop, order)
    elif special.place == QUEUED and order in market.queue:
        market.queue.remove(order)
    special.place = NOWHERE


def rises(order: Order, special: Special) -> bool:
    """Whether the stop price is reached from below: a stop-loss buy, a take-profit sell."""
    return special.order_type.startswith("stop_loss") == order.buy


def oco(state: State, step: Step, order: Order) -> None:
    """One of a pair is about to be executed: the other ends first."""
    special = order.special
    if special is None:
        return
    order_list = special.order_list
    if order_list is None or not order_list.pair:
        return
    other = order_list.partner(order)
    if other is None:
        return
    funds.unpair(step, order_list, order)
    _tell(step, other, "oco")
    _forget(state, other)
    _leave_list(order_list, other)


def closed(state: State, step: Step, order: Order, filled: bool) -> None:
    """An open order has ended, `filled` or otherwise, and stands nowhere any more: the others of its list follow."""
    _forget(state, order)
    special = order.special
    if special is None:
        return
    order_list = special.order_list
    if order_list is None:
        return
    place = _leave_list(order_list, order)
    live = order_list.live()
    if not live:
        _list_done(state, step, order_list, order)
    elif place == 0 and order_list.kind != OCO and filled and special.prevented == 0:
        for pending in live:
            waiting = pending.special
            assert waiting is not None
            waiting.place = QUEUED
        order.seat.market.queue.append(live[0])
    else:
        end_all(state, step, order_list, "list")


def end_all(state: State, step: Step, order_list: OrderList, reason: str) -> None:
    """End all that is left of a list, whose pair is none any more."""
    assert not order_list.pair
    live = order_list.live()
    for order in live:
        _tell(step, order, reason)
        funds.free(step, order, order.left)
        _forget(state, order)
        _leave_list(order_list, order)
    _list_done(state, step, order_list, live[-1])


def _list_done(state: State, step: Step, order_list: OrderList, last: Order) -> None:
    del state.lists[order_list.id]
    account = last.seat.account
    if order_list.client_id:
        memory.closed(account.lists, order_list.client_id)
    step.emit(ListDone(order_list.id, account.id, last.seat.market.name))


def _leave_list(order_list: OrderList, order: Order) -> int:
    """Which leg the order was."""
    place = order_list.orders.index(order)
    order_list.orders[place] = None
    return place


def _forget(state: State, order: Order) -> None:
    seat = order.seat
    del state.orders[order.id]
    seat.leave(order)
    special = order.special
    if special is not None and special.conditional:
        special.conditional = False
        seat.conditional -= 1
    name = order.name
    if name is not None and name.swept:
        del seat.account.orders[name.name]
