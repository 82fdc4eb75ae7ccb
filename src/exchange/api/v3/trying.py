"""Whether an order would be accepted now, by the view alone: nothing is sent.

The checks and their order are the engine's (docs/rules.md), made against what this gateway has read. It is a forecast:
the engine decides over the order that is placed, at its own place in the log.
"""

from exchange.api.v3 import refusing
from exchange.api.v3.faults import Fault
from exchange.api.v3.refusing import Asked
from exchange.commands.types import Place
from exchange.projections.live import quote
from exchange.projections.live.orders import LiveOrder
from exchange.projections.live.records import LiveAccount, LiveMarket
from exchange.terms.amounts import MAX_AMOUNT, MAX_COUNT, POINTS
from exchange.terms.codes import Code
from exchange.terms.words import (
    AUCTION,
    BUY,
    CANCEL_ONLY,
    CONDITIONAL,
    FOK,
    FROZEN,
    HALTED,
    IOC,
    LIMIT,
    MARKET,
    POST_ONLY,
)


def see_acceptable(account: LiveAccount, market: LiveMarket, place: Place) -> None:
    """See that an order would be let in.

    Raises:
        Fault: it would not, and why.
    """
    if account.status == FROZEN:
        raise _refused(Code.ACCOUNT_FROZEN)
    _see_status(market, place)
    _see_sizes(market, place)
    _see_post_only(market, place)
    _see_band(market, place)
    _see_counts(account, market, place)
    _see_trigger(market, place)
    _see_funds(account, market, place)


def _refused(code: Code, field: str = "") -> Fault:
    return refusing.refused(code.value, field, Asked.PLACING)


def _see_status(market: LiveMarket, place: Place) -> None:
    if market.status in (HALTED, CANCEL_ONLY):
        raise _refused(Code.MARKET_CLOSED)
    if market.status == AUCTION and place.order_type not in CONDITIONAL:
        instructions = place.instructions
        rests = place.tif not in (IOC, FOK)
        if place.order_type == MARKET or not rests or instructions.post_only or instructions.display:
            raise _refused(Code.MARKET_CLOSED)


def _see_sizes(market: LiveMarket, place: Place) -> None:
    for field, amount in (("price", place.price), ("stop_price", place.instructions.stop_price)):
        if amount % market.tick_size:
            raise _refused(Code.OFF_TICK, field)
        if amount // market.tick_size > MAX_COUNT:
            raise _refused(Code.OUT_OF_RANGE, field)
    if place.quote_amount:
        if place.quote_amount < market.min_notional:
            raise _refused(Code.BELOW_MIN_NOTIONAL)
        return
    for field, amount in (("quantity", place.quantity), ("display", place.instructions.display)):
        if amount % market.lot_size:
            raise _refused(Code.OFF_LOT, field)
        if amount // market.lot_size > MAX_COUNT:
            raise _refused(Code.OUT_OF_RANGE, field)
    if place.instructions.display >= place.quantity:
        raise _refused(Code.INVALID_FIELD, "display")
    if place.price:
        notional = _notional(market, place.price, place.quantity)
        if notional > MAX_AMOUNT:
            raise _refused(Code.OUT_OF_RANGE, "quantity")
        if notional < market.min_notional:
            raise _refused(Code.BELOW_MIN_NOTIONAL)


def _notional(market: LiveMarket, price: int, quantity: int) -> int:
    whole: int = price * quantity // 10**market.base_decimals
    return whole


def _crosses(market: LiveMarket, place: Place) -> bool:
    best = (market.asks if place.side == BUY else market.bids).best()
    if best is None:
        return False
    return best.price <= place.price if place.side == BUY else best.price >= place.price


def _see_post_only(market: LiveMarket, place: Place) -> None:
    if place.order_type in CONDITIONAL or market.status == AUCTION:
        return
    if not place.instructions.post_only and market.status != POST_ONLY:
        return
    if place.order_type == MARKET or _crosses(market, place):
        raise _refused(Code.WOULD_TAKE)


def _see_band(market: LiveMarket, place: Place) -> None:
    limits = market.limits
    reference = market.last or limits.reference
    if not place.price or not reference or place.order_type in CONDITIONAL:
        return
    up, down = (limits.bid_up, limits.bid_down) if place.side == BUY else (limits.ask_up, limits.ask_down)
    scaled = place.price * POINTS
    if (up and scaled > reference * up) or (down and scaled < reference * down):
        raise _refused(Code.OUTSIDE_BAND)


def _see_counts(account: LiveAccount, market: LiveMarket, place: Place) -> None:
    limits = market.limits
    display = place.instructions.display
    if limits.max_parts and display and -(-place.quantity // display) > limits.max_parts:
        raise _refused(Code.TOO_MANY_PARTS)
    if not (limits.max_orders or limits.max_conditional or limits.max_position):
        return
    here = [order for order in account.open.values() if order.market == market.name]
    if limits.max_orders and len(here) >= limits.max_orders:
        raise _refused(Code.TOO_MANY_ORDERS)
    waits = limits.max_conditional and place.order_type in CONDITIONAL
    if waits and sum(map(_waits_for_price, here)) >= limits.max_conditional:
        raise _refused(Code.TOO_MANY_ORDERS, "order_type")
    if limits.max_position and place.side == BUY:
        held = account.balance(market.base)
        buying = sum(order.left for order in here if order.kind == BUY) + place.quantity
        if held.available + held.locked + buying > limits.max_position:
            raise _refused(Code.POSITION_LIMIT)


def _waits_for_price(order: LiveOrder) -> bool:
    return order.type in CONDITIONAL and (order.status in ("waiting", "pending"))


def _see_trigger(market: LiveMarket, place: Place) -> None:
    if place.order_type not in CONDITIONAL:
        return
    stop, last = place.instructions.stop_price, market.last
    if place.instructions.trailing_bps:
        if place.side == BUY and not place.price and not (stop or last):
            raise _refused(Code.NO_REFERENCE)
        return
    rises = place.order_type.startswith("stop_loss") == (place.side == BUY)
    if last and (last >= stop if rises else last <= stop):
        raise _refused(Code.WOULD_TRIGGER)


def _see_funds(account: LiveAccount, market: LiveMarket, place: Place) -> None:
    buys = place.side == BUY
    held = account.balances.get(market.quote if buys else market.base)
    available = 0 if held is None else held.available
    if available < _needed(market, place):
        raise _refused(Code.INSUFFICIENT_FUNDS)


def _needed(market: LiveMarket, place: Place) -> int:
    """What the order would bind, or spend at once."""
    buys = place.side == BUY
    if place.quote_amount:
        if buys:
            return place.quote_amount
        return quote.walk(market, place.side, 0, place.quote_amount, 0).fillable
    if not buys:
        return place.quantity
    if place.order_type == MARKET:
        return quote.walk(market, place.side, place.quantity, 0, 0).total
    if place.order_type == LIMIT or place.price:
        return _notional(market, place.price, place.quantity)
    instructions = place.instructions
    start = instructions.stop_price or market.last
    bound = start if not instructions.trailing_bps else -(-start * (POINTS + instructions.trailing_bps) // POINTS)
    ticks = -(-bound // market.tick_size) * market.tick_size
    return _notional(market, ticks, place.quantity)
