"""What becomes of an accepted order: it trades, rests, waits or ends."""

from exchange.engine import funds, matching
from exchange.engine.book import Order
from exchange.engine.closing import closed, rises
from exchange.engine.entry import crosses, register
from exchange.engine.matching import PREVENTED, Amount, Taking
from exchange.engine.special import BOOK, TRIGGER, Special
from exchange.engine.state import State, Step
from exchange.events.orders import Done, Rested, Waiting
from exchange.terms.words import AUCTION, BUY, FOK, GTC, GTD, NONE, SELL, OrderEnd, TimeInForce


def begin(state: State, step: Step, order: Order, tif: TimeInForce) -> None:
    """A newly accepted or called order takes up its work: a conditional one waits, any other is executed."""
    special = order.special
    if special is not None and special.conditional:
        _wait(state, step, order, special)
    else:
        execute(state, step, order, tif)


def _wait(state: State, step: Step, order: Order, special: Special) -> None:
    market = order.seat.market
    if order.id not in state.orders:
        register(state, order)
    if special.order_list is None or not special.order_list.pair:
        funds.bind(step, order)
    special.place = TRIGGER
    if special.trailing():
        last = market.last
        if last and (not special.stop or (last >= special.stop if rises(order, special) else last <= special.stop)):
            special.extreme = last
        market.trailing[order.id] = order
    elif rises(order, special):
        market.rising.add(special.stop, order)
    else:
        market.falling.add(special.stop, order)
    step.emit(Waiting(order.id, order.seat.account.id, market.name, "price"))


def execute(state: State, step: Step, order: Order, tif: TimeInForce) -> None:
    """Trade what can be traded at once, then rest or end the rest. Nothing of the order is locked."""
    market = order.seat.market
    special = order.special
    before = order.left
    reason = ""
    rests = order.ticks != 0 and (tif == GTC or tif == GTD)  # noqa: SIM109 (compiled, `in` builds a tuple)
    if market.status != AUCTION and not (rests and not crosses(market, order.buy, order.ticks)):
        bounds = _taking(state, order, special)
        if tif == FOK and not matching.feasible(market, order, bounds):
            _finish(state, step, order, "expired", "fok")
            return
        reason = matching.match(state, step, market, order, bounds, order.buy and order.ticks == 0)
    if special is not None and order.buy and order.id in state.orders:
        order.seat.buying -= before - order.left
    if reason == PREVENTED:
        _finish(state, step, order, "expired_in_match", "")
    elif order.left == 0:
        _finish(state, step, order, "filled", "")
    elif reason or not rests:
        _finish(state, step, order, "expired", reason)
    else:
        rest(state, step, order)


def _taking(state: State, order: Order, special: Special | None) -> Taking:
    stp = NONE if special is None else special.stp()
    slippage = 0 if special is None else special.instructions.slippage_bps
    return matching.taking(state, order.seat.market, order.buy, order.ticks != 0, stp, slippage)


def spend(state: State, step: Step, order: Order, quote_amount: int) -> None:
    """Execute a market order by quote amount."""
    amount = Amount(quote_amount)
    bounds = _taking(state, order, order.special)
    reason = matching.match_amount(state, step, order.seat.market, order, bounds, amount)
    end: OrderEnd = "filled" if amount.traded and not amount.dry and not reason else "expired"
    if reason == PREVENTED:
        end = "expired_in_match"
        reason = ""
    step.emit(Done(order.id, order.seat.account.id, order.seat.market.name, end, 0, reason))


def _finish(state: State, step: Step, order: Order, end: OrderEnd, reason: str) -> None:
    market = order.seat.market
    step.emit(Done(order.id, order.seat.account.id, market.name, end, order.left * market.lot_size, reason))
    if order.special is not None and order.id in state.orders:
        closed(state, step, order, end == "filled")


def rest(state: State, step: Step, order: Order) -> None:
    """Join the book."""
    seat = order.seat
    market = seat.market
    special = order.special
    shown = order.left
    if special is None:
        register(state, order)
        funds.bind(step, order)
    else:
        if order.id not in state.orders:
            register(state, order)
        if special.order_list is None or not special.order_list.pair:
            funds.bind(step, order)
        special.place = BOOK
        if special.display:
            shown = min(special.display, order.left)
            special.shown = shown
    hidden = order.left - shown
    market.side(order.buy).add(order, shown, hidden)
    step.emit(
        Rested(
            order.id,
            seat.account.id,
            market.name,
            market.next_seq(),
            BUY if order.buy else SELL,
            order.ticks * market.tick_size,
            shown * market.lot_size,
            hidden * market.lot_size,
        )
    )
