"""Whether an order may enter: every check of a new order, in the order that docs/rules.md gives them.

A draft is an `Order` that stands nowhere yet. It is made from a command, checked, and then either accepted (numbered,
told, registered) or dropped without a trace.
"""

from typing import Final

from exchange.commands.types import Place
from exchange.engine import funds, matching
from exchange.engine.accounts import Remembered
from exchange.engine.book import Order, Seat
from exchange.engine.closing import rises
from exchange.engine.market import Market
from exchange.engine.special import Special
from exchange.engine.state import State, Step
from exchange.events.orders import Accepted
from exchange.terms.amounts import MAX_AMOUNT, MAX_COUNT, POINTS
from exchange.terms.codes import Code, Refused
from exchange.terms.instructions import PLAIN, Instructions
from exchange.terms.words import (
    AUCTION,
    BUY,
    CANCEL_ONLY,
    CONDITIONAL,
    GTC,
    GTD,
    HALTED,
    LIMIT,
    MARKET,
    NONE,
    OPEN,
    POST_ONLY,
    PRICED,
    REPRICE,
    SELF_TRADES,
    OrderType,
    SelfTrade,
)

MAX_TRAILING: Final = 1_000
"""How many trailing orders may wait in one market: each is looked at whenever the last price moves."""

_STP_ALONE: Final[dict[SelfTrade, Instructions]] = {mode: Instructions(stp=mode) for mode in SELF_TRADES.values()}


def admit(market: Market, command: Place) -> None:
    """Step 6: whether the market's status lets such an order in.

    Raises:
        Refused.
    """
    status = market.status
    if status == OPEN and market.uncrossing is None:
        return
    if market.uncrossing is not None or status in (HALTED, CANCEL_ONLY):
        raise Refused(Code.MARKET_CLOSED, "market")
    if status == AUCTION and command.order_type not in CONDITIONAL:
        instructions = command.instructions
        resting = command.tif == GTC or command.tif == GTD
        if command.order_type == MARKET or not resting or instructions.post_only or instructions.display:
            raise Refused(Code.MARKET_CLOSED, "market")


def draft(step: Step, seat: Seat, command: Place, name: Remembered | None) -> Order:
    """Steps 7 to 11: time, prices, quantities, notional. The draft of an order by quote amount has no lots.

    Raises:
        Refused.
    """
    market = seat.market
    instructions = command.instructions
    order_type = command.order_type
    plain = instructions is PLAIN
    if not plain and instructions.expires_ms and instructions.expires_ms <= step.ms:
        raise Refused(Code.ALREADY_EXPIRED, "expires_ms")
    priced = order_type == LIMIT or order_type in PRICED
    ticks = _ticks(market, command.price, "price") if priced else 0
    if seat.account.stp != NONE or not plain:
        instructions = _in_force(instructions, seat.account.stp)
        plain = instructions is PLAIN
    special: Special | None = None
    if not plain:
        special = Special(order_type, command.tif, instructions)
        if instructions.stop_price:
            special.stop = _ticks(market, instructions.stop_price, "stop_price")
        if instructions.trailing_amount:
            special.trail = _ticks(market, instructions.trailing_amount, "trailing_amount")
        special.conditional = order_type in CONDITIONAL
    lots = 0
    if command.quote_amount:
        if command.quote_amount < market.min_notional:
            raise Refused(Code.BELOW_MIN_NOTIONAL, "quote_amount")
    else:
        lots = lots_of(market, command.quantity, "quantity")
        if special is not None and instructions.display:
            special.display = lots_of(market, instructions.display, "display")
            if special.display >= lots:
                raise Refused(Code.INVALID_FIELD, "display")
        if priced:
            notional = ticks * lots * market.unit
            if notional > MAX_AMOUNT:
                raise Refused(Code.OUT_OF_RANGE, "quantity")
            if notional < market.min_notional:
                raise Refused(Code.BELOW_MIN_NOTIONAL, "quantity")
    return Order(0, seat, command.side == BUY, ticks, lots, lots, market.rates, name, special)


def _in_force(instructions: Instructions, default: SelfTrade) -> Instructions:
    """The instructions with the self-trade prevention that holds, left out when there is none."""
    mode = instructions.stp
    if mode is None:
        mode = default
        if mode == NONE:
            return instructions
    elif mode != NONE:
        return instructions
    if instructions is PLAIN:
        return _STP_ALONE[mode]
    found = Instructions(
        instructions.stop_price,
        instructions.trailing_bps,
        instructions.trailing_amount,
        instructions.expires_ms,
        instructions.post_only,
        instructions.display,
        None if mode == NONE else mode,
        instructions.slippage_bps,
    )
    return found if found.named() else PLAIN


def _ticks(market: Market, price: int, field: str) -> int:
    if price == 0:
        raise Refused(Code.NOT_POSITIVE, field)
    ticks = price // market.tick_size  # not `divmod`, which is a call
    if ticks * market.tick_size != price:
        raise Refused(Code.OFF_TICK, field)
    if ticks > MAX_COUNT:
        raise Refused(Code.OUT_OF_RANGE, field)
    return ticks


def lots_of(market: Market, quantity: int, field: str) -> int:
    """A quantity of base units in lots.

    Raises:
        Refused: it is zero, not a multiple of the lot, or too large.
    """
    if quantity == 0:
        raise Refused(Code.NOT_POSITIVE, field)
    lots = quantity // market.lot_size
    if lots * market.lot_size != quantity:
        raise Refused(Code.OFF_LOT, field)
    if lots > MAX_COUNT:
        raise Refused(Code.OUT_OF_RANGE, field)
    return lots


def crosses(market: Market, buy: bool, ticks: int) -> bool:
    """Whether a limit would trade at once."""
    best = market.side(not buy).best()
    if best is None:
        return False
    return best.ticks <= ticks if buy else best.ticks >= ticks


def post_only(order: Order, order_type: OrderType) -> None:
    """Step 12: an order that must not take is refused, or moved off the opposite side.

    Raises:
        Refused.
    """
    market = order.seat.market
    special = order.special
    wish = "" if special is None else special.instructions.post_only
    if not wish and market.status != POST_ONLY:
        return
    if order_type in CONDITIONAL or market.status == AUCTION:
        return
    if order_type == MARKET:
        raise Refused(Code.WOULD_TAKE, "order_type")
    if not crosses(market, order.buy, order.ticks):
        return
    best = market.side(not order.buy).best()
    assert best is not None
    moved = best.ticks - 1 if order.buy else best.ticks + 1
    if wish != REPRICE or moved <= 0 or moved > MAX_COUNT:
        raise Refused(Code.WOULD_TAKE, "price")
    order.ticks = moved
    if moved * order.lots * market.unit < market.min_notional:
        raise Refused(Code.BELOW_MIN_NOTIONAL, "price")
    if moved * order.lots * market.unit > MAX_AMOUNT:
        raise Refused(Code.OUT_OF_RANGE, "quantity")


def band(order: Order) -> None:
    """Step 13: whether the order's price is near enough to the reference; a conditional order is judged in its taking.

    Raises:
        Refused.
    """
    market = order.seat.market
    reference = market.last or market.reference
    if not order.ticks or not reference or (order.special is not None and order.special.conditional):
        return
    limits = market.limits
    up = limits.bid_up if order.buy else limits.ask_up
    down = limits.bid_down if order.buy else limits.ask_down
    scaled = order.ticks * POINTS
    if (up and scaled > reference * up) or (down and scaled < reference * down):
        raise Refused(Code.OUTSIDE_BAND, "price")


def counts(order: Order, command: Place, before: int, conditional_before: int, buying_before: int) -> None:
    """Steps 14 to 16: slices, open orders, position; counting so many more orders, conditional ones and lots as if
    open.

    Raises:
        Refused.
    """
    seat = order.seat
    market = seat.market
    limits = market.limits
    special = order.special
    parts = -(-order.lots // special.display) if special is not None and special.display else 0
    if limits.max_parts and parts > limits.max_parts:
        raise Refused(Code.TOO_MANY_PARTS, "display")
    if limits.max_orders and seat.count + before >= limits.max_orders:
        raise Refused(Code.TOO_MANY_ORDERS)
    waiting = seat.conditional + conditional_before
    if limits.max_conditional and special is not None and special.conditional and waiting >= limits.max_conditional:
        raise Refused(Code.TOO_MANY_ORDERS, "order_type")
    if limits.max_position and order.buy:
        held = seat.base.available + seat.base.locked
        lots = order.lots or matching.lots_for(market, market.asks, command.quote_amount)
        buying = (seat.buying + buying_before + lots) * market.lot_size
        if held + buying > limits.max_position:
            raise Refused(Code.POSITION_LIMIT, "quote_amount" if command.quote_amount else "quantity")


def trigger(order: Order) -> None:
    """Steps 17 and 18: whether a conditional order would wait, and for what; sets what a buy without a price is funded
    at.

    Raises:
        Refused.
    """
    special = order.special
    if special is None or not special.conditional:
        return
    market = order.seat.market
    last = market.last
    bps = special.instructions.trailing_bps
    if not special.trailing():
        if last and (last >= special.stop if rises(order, special) else last <= special.stop):
            raise Refused(Code.WOULD_TRIGGER, "stop_price")
        special.funding = special.stop
        return
    field = "trailing_bps" if bps else "trailing_amount"
    if len(market.trailing) >= MAX_TRAILING:
        raise Refused(Code.TOO_MANY_ORDERS, field)
    start = special.stop or last
    if order.buy and not order.ticks and not start:
        raise Refused(Code.NO_REFERENCE, field)
    special.funding = start + special.trail if not bps else -(-start * (POINTS + bps) // POINTS)


def afford(order: Order, command: Place) -> None:
    """Step 19: whether the account can pay for it.

    Raises:
        Refused.
    """
    seat = order.seat
    market = seat.market
    amount = command.quote_amount
    if amount:
        if order.buy:
            enough = seat.quote.available >= amount
        else:
            enough = seat.base.available >= matching.lots_for(market, market.bids, amount) * market.lot_size
        if not enough:
            raise Refused(Code.INSUFFICIENT_FUNDS, "quote_amount")
        return
    if command.order_type == MARKET and order.buy:
        needed = matching.cost(market, market.asks, order.lots)
    else:
        needed = funds.locks(order, order.lots)
    if funds.purse(order).available < needed:
        raise Refused(Code.INSUFFICIENT_FUNDS, "quantity")


def accept(state: State, step: Step, order: Order, command: Place, order_list: int) -> None:
    """Number the order and tell it. From here on nothing is refused."""
    if state.tiers:
        order.rates = funds.rates(state, step, order.seat)
    order.id = state.next_order
    state.next_order += 1
    if order.name is not None:
        order.name.order = order.id
    special = order.special
    step.emit(
        Accepted(
            order.id,
            order.seat.account.id,
            order.seat.market.name,
            command.side,
            command.order_type,
            command.tif,
            command.price,
            command.quantity,
            command.quote_amount,
            order.rates.maker,
            order.rates.taker,
            command.client_id,
            PLAIN if special is None else special.instructions,
            order_list,
        )
    )


def register(state: State, order: Order) -> None:
    """The order is open: it can be found, counted and cancelled."""
    state.orders[order.id] = order
    order.seat.enter(order)
    special = order.special
    if special is not None:
        if special.conditional:
            order.seat.conditional += 1
        if special.instructions.expires_ms:
            state.expire_at(special.instructions.expires_ms, order.id)
