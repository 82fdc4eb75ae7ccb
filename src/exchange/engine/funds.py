"""What open orders bind, and fees.

A buy binds quote at its own price, a sell binds base. Of an OCO pair only the larger is bound, and the list holds the
lock. Fees are taken out of what is received and round up, towards the house; a rebate is paid out of the taker's fee
and rounds down.
"""

from exchange.engine.accounts import Balance
from exchange.engine.book import Order, Rates, Seat
from exchange.engine.market import Market
from exchange.engine.special import OrderList
from exchange.engine.state import State, Step
from exchange.terms.amounts import FEE_SCALE


def locks(order: Order, lots: int) -> int:
    """What `lots` of an order bind: quote for a buy, base for a sell."""
    market = order.seat.market
    if not order.buy:
        return lots * market.lot_size
    special = order.special
    if special is None or order.ticks:
        return lots * order.ticks * market.unit
    return lots * special.funding * market.unit


def purse(order: Order) -> Balance:
    """The balance that an order is paid from."""
    return order.seat.quote if order.buy else order.seat.base


def bind(step: Step, order: Order) -> None:
    """Lock what is left of an order."""
    special = order.special
    if special is not None:
        special.bound = True
    step.postings.lock(purse(order), locks(order, order.left))


def free(step: Step, order: Order, lots: int) -> None:
    """Free what so many lots of an order bind, if they do."""
    special = order.special
    if special is None or special.bound:
        step.postings.lock(purse(order), -locks(order, lots))


def pair_locks(a: Order, b: Order) -> int:
    """What a pair binds: the larger."""
    return max(locks(a, a.left), locks(b, b.left))


def bind_pair(step: Step, order_list: OrderList, a: Order, b: Order) -> None:
    """Lock for two orders of which only one can be executed."""
    order_list.pair = True
    order_list.locked = pair_locks(a, b)
    step.postings.lock(purse(a), order_list.locked)


def rebind_pair(step: Step, order_list: OrderList, a: Order, b: Order) -> None:
    """A pair was reduced: free what is too much."""
    locked = pair_locks(a, b)
    step.postings.lock(purse(a), locked - order_list.locked)
    order_list.locked = locked


def unpair(step: Step, order_list: OrderList, survivor: Order | None) -> None:
    """A pair is one no more: what the survivor does not need is freed, or all of it when neither survives."""
    orders = [order for order in order_list.orders[-2:] if order is not None]
    kept = 0
    if survivor is not None:
        kept = locks(survivor, survivor.left)
        special = survivor.special
        assert special is not None
        special.bound = True
    step.postings.lock(purse(orders[0]), kept - order_list.locked)
    order_list.pair = False
    order_list.locked = 0


def fee(amount: int, rate: int) -> int:
    """The fee on what is received, rounded up to the smallest unit: towards the house."""
    return -(-amount * rate // FEE_SCALE)


def rebate(amount: int, rate: int, taker_fee: int) -> int:
    """What a maker with a negative rate gets out of the taker's fee on `amount`: rounded down, never more than it."""
    return min(amount * -rate // FEE_SCALE, taker_fee)


def rates(state: State, step: Step, seat: Seat) -> Rates:
    """The rates for an order that is accepted now."""
    market: Market = seat.market
    if market.pinned or not state.tiers:
        return market.rates
    tiers = state.tiers.get(market.quote)
    if tiers is None:
        return market.rates
    volume = seat.volume.total(step.day)
    found = tiers[0]
    for tier in tiers:
        if tier.volume <= volume:
            found = tier
    return Rates(found.maker_fee, found.taker_fee)


def count_volume(step: Step, a: Seat, b: Seat, notional: int) -> None:
    """A trade counts for both, unless they are one or of one group."""
    if a is b or (a.account.group and a.account.group == b.account.group):
        return
    a.volume.add(step.day, notional)
    b.volume.add(step.day, notional)
