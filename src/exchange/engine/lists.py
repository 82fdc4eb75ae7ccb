"""Order lists: accepted whole or not at all. What the end of one member means for the others stands in `closing`, how
pending legs are called in `waiting`.

*Binance: rest-api.md, "Order lists".*
"""

from typing import Final

from exchange.commands.types import CancelList, Place, PlaceList
from exchange.engine import funds, memory, placing
from exchange.engine.accounts import LIST, ORDER, Account
from exchange.engine.book import Order
from exchange.engine.closing import end
from exchange.engine.entry import accept, admit, afford, band, counts, draft, post_only, register, trigger
from exchange.engine.market import Market
from exchange.engine.orders import trader
from exchange.engine.special import PENDING, OrderList, Special
from exchange.engine.state import State, Step
from exchange.events.base import Duplicate
from exchange.events.orders import ListOpened, Waiting
from exchange.terms.codes import Code, Refused
from exchange.terms.instructions import PLAIN
from exchange.terms.words import (
    FROZEN,
    HALTED,
    LIMIT,
    OCO,
    OTO,
    REFUSE,
    STOP_LOSS,
    STOP_LOSS_LIMIT,
    TAKE_PROFIT,
    TAKE_PROFIT_LIMIT,
)

LEGS: Final = {"oco": 2, "oto": 2, "otoco": 3}


def place_list(state: State, step: Step, command: PlaceList) -> None:
    """Open a list; or tell a repetition its first result."""
    account = trader(state, step, command.account)
    name = command.client_id
    if not name:
        _place(state, step, account, command)
        return
    first = memory.recall(state, step, account, LIST, name)
    if first is not None:
        step.emit(Duplicate(f"{first.ms}-{first.seq}"))
        return
    try:
        _place(state, step, account, command)
    except Refused:
        memory.remember(state, step, account, LIST, name)
        raise


def _place(state: State, step: Step, account: Account, command: PlaceList) -> None:
    if account.status == FROZEN:
        raise Refused(Code.ACCOUNT_FROZEN, "account")
    market = state.market(command.market)
    placed = 2 if command.kind == OCO else 1
    for leg in command.legs[:placed]:
        admit(market, leg)
    seat = state.seat(account, market)
    orders: list[Order] = []
    names: set[str] = set()
    conditional = 0
    buying = 0
    for place, leg in enumerate(command.legs):
        if leg.client_id:
            if leg.client_id in names or memory.recall(state, step, account, ORDER, leg.client_id) is not None:
                raise Refused(Code.CLIENT_ID_USED, "client_id")
            names.add(leg.client_id)
        order = draft(step, seat, leg, None)
        if order.special is None:
            order.special = Special(leg.order_type, leg.tif, PLAIN)
        if place < placed:
            post_only(order, leg.order_type)
            if market.guarded:
                band(order)
        if market.guarded:
            counts(order, leg, place, conditional, buying)
        if order.special.conditional:
            conditional += 1
        if order.buy:
            buying += order.lots
        orders.append(order)
    _see_shape(market, command, orders)
    for order in orders[:placed]:
        trigger(order)
    if command.kind == OCO:
        if funds.purse(orders[0]).available < funds.pair_locks(orders[0], orders[1]):
            raise Refused(Code.INSUFFICIENT_FUNDS, "quantity")
    else:
        afford(orders[0], command.legs[0])
    _open(state, step, account, market, command, orders)


def _see_shape(market: Market, command: PlaceList, orders: list[Order]) -> None:
    """Whether the legs are what the kind of list asks for, and lie on the right sides of the last price."""
    legs = command.legs
    if len(legs) != LEGS[command.kind]:
        raise Refused(Code.LEG_PRICES, "legs")
    if command.kind != OCO and legs[0].order_type != LIMIT:
        raise Refused(Code.LEG_PRICES, "legs")
    if command.kind == OTO:
        if legs[1].quote_amount:
            raise Refused(Code.LEG_PRICES, "legs")
        return
    a, b = orders[-2], orders[-1]
    if _is_stop(legs[-2]):
        profit, stop = b, a
        taken, stopped = legs[-1], legs[-2]
    else:
        profit, stop = a, b
        taken, stopped = legs[-2], legs[-1]
    fits = (
        _is_stop(stopped)
        and (
            taken.order_type in (TAKE_PROFIT, TAKE_PROFIT_LIMIT)
            or (taken.order_type == LIMIT and taken.instructions.post_only == REFUSE)
        )
        and a.buy == b.buy
        and a.lots == b.lots
    )
    if not fits:
        raise Refused(Code.LEG_PRICES, "legs")
    far = profit.ticks if taken.order_type != TAKE_PROFIT else _stop(profit)
    if profit.special is not None and profit.special.trailing() and not profit.special.stop:
        far = 0
    near = _stop(stop)
    last = market.last if command.kind == OCO else 0
    for high, low in ((far, last), (last, near), (far, near)):
        if high and low and (low >= high if not a.buy else low <= high):
            raise Refused(Code.LEG_PRICES, "legs")


def _is_stop(leg: Place) -> bool:
    return leg.order_type in (STOP_LOSS, STOP_LOSS_LIMIT)


def _stop(order: Order) -> int:
    special = order.special
    return 0 if special is None else special.stop


def _open(state: State, step: Step, account: Account, market: Market, command: PlaceList, orders: list[Order]) -> None:
    order_list = OrderList(state.next_list, account.id, command.kind, command.client_id)
    state.next_list += 1
    state.lists[order_list.id] = order_list
    if command.client_id:
        memory.remember(state, step, account, LIST, command.client_id).order = -order_list.id
    first = state.next_order
    numbers = [first + place for place in range(len(orders))]
    step.emit(ListOpened(order_list.id, account.id, market.name, command.kind, command.client_id, numbers))
    for order, leg in zip(orders, command.legs, strict=True):
        if leg.client_id:
            order.name = memory.remember(state, step, account, ORDER, leg.client_id)
        accept(state, step, order, leg, order_list.id)
        order_list.ids.append(order.id)
        order_list.orders.append(order)
        special = order.special
        assert special is not None
        special.order_list = order_list
        special.place = PENDING
        register(state, order)
    if command.kind == OCO:
        funds.bind_pair(step, order_list, orders[0], orders[1])
        for order, leg in zip(orders, command.legs, strict=True):
            placing.begin(state, step, order, leg.tif)
        return
    for order in orders[1:]:
        step.emit(Waiting(order.id, account.id, market.name, "list"))
    placing.begin(state, step, orders[0], command.legs[0].tif)


def cancel_list(state: State, step: Step, command: CancelList) -> None:
    """End a list: its first open member, and so the others."""
    account = state.user(command.account)
    field = "order_list"
    id = command.order_list
    if command.client_id:
        field = "client_id"
        named = account.lists.get(command.client_id)
        id = 0 if named is None else -named.order
    order_list = state.lists.get(id)
    if order_list is None or order_list.account != account.id:
        raise Refused(Code.UNKNOWN_LIST, field)
    order = order_list.live()[0]
    market = order.seat.market
    if market.status == HALTED or market.uncrossing is not None:
        raise Refused(Code.MARKET_CLOSED, field)
    end(state, step, order, "")
