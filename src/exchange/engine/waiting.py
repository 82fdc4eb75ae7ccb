"""Orders that wait: for the last price, or for their list; and what happens when their turn comes.

When a command is done, each market where it traded is looked at: orders whose trigger the last price has reached join
the market's queue, and the queue is worked off one activation at a time, looking again after each, until it is empty or
the command's budget is spent. *Binance: faqs/trailing-stop-faq.md*; the order of activations is ours (docs/rules.md).
"""

from exchange.engine import entry, funds, matching, placing
from exchange.engine.book import Order
from exchange.engine.closing import end_all, leave_waiting, oco, rises
from exchange.engine.market import Market
from exchange.engine.special import NOWHERE, QUEUED, OrderList, Special
from exchange.engine.state import State, Step
from exchange.events.orders import Activated
from exchange.terms.amounts import POINTS
from exchange.terms.codes import Code, Refused
from exchange.terms.words import (
    MARKET,
    OPEN,
    OTOCO,
)


def settle(state: State, step: Step) -> None:
    """After a command: look at the markets where it traded, and activate what is due."""
    markets = step.markets
    step.markets = []
    if len(markets) > 1:
        markets.sort(key=_name)
    for market in markets:
        market.traded = False
        look(market)
        work_off(state, step, market)


def _name(market: Market) -> str:
    return market.name


def work_off(state: State, step: Step, market: Market) -> None:
    """Activate what is queued, as far as the budget goes; the market stays noted while something is left."""
    queue = market.queue
    while queue and market.status == OPEN and step.budget > 0:
        step.budget -= 1
        _activate(state, step, market, queue.popleft())
        market.traded = False
        look(market)
    if queue:
        state.unfinished[market.name] = market
    elif market.uncrossing is None:
        state.unfinished.pop(market.name, None)


def look(market: Market) -> None:
    """Queue all whose trigger the last price has reached."""
    last = market.last
    if not last:
        return
    order = market.rising.take(last)
    while order is not None:
        _queue(market, order)
        order = market.rising.take(last)
    order = market.falling.take(last)
    while order is not None:
        _queue(market, order)
        order = market.falling.take(last)
    if market.trailing:
        reached = [id for id, waiting in market.trailing.items() if _tracked(waiting, last)]
        for id in sorted(reached):
            _queue(market, market.trailing.pop(id))


def _queue(market: Market, order: Order) -> None:
    _special(order).place = QUEUED
    market.queue.append(order)


def _tracked(order: Order, last: int) -> bool:
    """Move a trail to a new last price; whether it is reached."""
    special = _special(order)
    if special.extreme == 0:
        if special.stop and not (last >= special.stop if rises(order, special) else last <= special.stop):
            return False
        special.extreme = last
        return False
    bps = special.instructions.trailing_bps
    if order.buy:
        if last < special.extreme:
            special.extreme = last
            return False
        if bps:
            return last * POINTS >= special.extreme * (POINTS + bps)
        return last >= special.extreme + special.trail
    if last > special.extreme:
        special.extreme = last
        return False
    if bps:
        return last * POINTS <= special.extreme * (POINTS - bps)
    return last <= special.extreme - special.trail


def _activate(state: State, step: Step, market: Market, order: Order) -> None:
    special = _special(order)
    order_list = special.order_list
    if order_list is not None and special.bound is False and not order_list.pair:
        _call(state, step, market, order_list, order)
        return
    oco(state, step, order)
    leave_waiting(order, special)
    special.conditional = False
    order.seat.conditional -= 1
    step.emit(Activated(order.id, order.account, market.name, "price"))
    funds.free(step, order, order.left)
    special.bound = False
    placing.execute(state, step, order, special.tif)


def _call(state: State, step: Step, market: Market, order_list: OrderList, first: Order) -> None:
    """The working order of a list is filled: its pending leg, or pair, is treated as new."""
    legs = order_list.live() if order_list.kind == OTOCO else [first]
    for leg in legs:
        _special(leg).place = NOWHERE
        step.emit(Activated(leg.id, leg.account, market.name, "list"))
    try:
        for leg in legs:
            entry.post_only(leg, _special(leg).order_type)
            entry.band(leg)
        for leg in legs:
            entry.trigger(leg)
        if not _funded(legs):
            raise Refused(Code.INSUFFICIENT_FUNDS)
    except Refused as refusal:
        end_all(state, step, order_list, refusal.code.value)
        return
    if len(legs) == 2:
        funds.bind_pair(step, order_list, legs[0], legs[1])
    for leg in legs:
        placing.begin(state, step, leg, _special(leg).tif)


def _special(leg: Order) -> Special:
    special = leg.special
    assert special is not None
    return special


def _funded(legs: list[Order]) -> bool:
    leg = legs[0]
    market = leg.seat.market
    if _special(leg).order_type == MARKET and leg.buy:
        needed = matching.cost(market, market.asks, leg.left)
    elif len(legs) == 2:
        needed = funds.pair_locks(legs[0], legs[1])
    else:
        needed = funds.locks(leg, leg.left)
    return funds.purse(leg).available >= needed
