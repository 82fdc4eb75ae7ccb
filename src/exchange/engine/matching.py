"""Taking: an incoming order meets the book.

Matching is price-time: best level first, oldest order first, at the resting order's price. A taker pays out of what is
available, a maker out of what its order has locked; so price improvement never has to be given back, it is simply not
taken. Every function here changes things; whether an order may enter at all is decided before (`entry`), and whether a
fill-or-kill can be filled by `feasible`, which changes nothing.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from exchange.engine import funds
from exchange.engine.book import BookSide, Level, Order, Seat
from exchange.engine.closing import closed, oco
from exchange.engine.market import Market
from exchange.engine.special import BOOK, Special, shown
from exchange.engine.state import State, Step
from exchange.events.orders import Replenished
from exchange.events.trades import Prevented, Trade
from exchange.terms.amounts import POINTS
from exchange.terms.instructions import PLAIN
from exchange.terms.words import (
    BUY,
    DECREMENT,
    EXPIRE_BOTH,
    EXPIRE_MAKER,
    EXPIRE_TAKER,
    GTC,
    LIMIT,
    NONE,
    SELL,
    SelfTrade,
)

# Why a taker stopped; the first two are no reasons that anybody is told.
WENT_ON: Final = ""
PREVENTED: Final = "prevented"
BAND: Final = "band"
SLIPPAGE: Final = "slippage"
WORK: Final = "work"
FUNDS: Final = "funds"

_FAR: Final = 1 << 60
_NO_BOUND: Final = 1 << 61


@mypyc_attr(acyclic=True, free_list_len=1)
class Taking:
    """How far a taker may go: the ticks between which it may trade, and the worst it takes; what it has made so far."""

    def __init__(self, stp: SelfTrade, low: int, high: int, worst: int, most: int) -> None:
        self.stp = stp
        self.low = low
        self.high = high
        self.worst = worst
        self.most = most
        self.made = 0


def taking(state: State, market: Market, buy: bool, priced: bool, stp: SelfTrade, slippage_bps: int) -> Taking:
    """The bounds of a taker that begins now."""
    low = 0
    high = _FAR
    worst = 0
    if market.guarded:
        reference = market.last or market.reference
        if reference:
            limits = market.limits
            up = limits.bid_up if buy else limits.ask_up
            down = limits.bid_down if buy else limits.ask_down
            if up:
                high = reference * up // POINTS
            if down:
                low = -(-reference * down // POINTS)
    if not priced:
        bps = slippage_bps or market.limits.slippage_bps
        best = market.side(not buy).best()
        if bps and best is not None:
            worst = best.ticks * (POINTS + bps) // POINTS if buy else -(-best.ticks * (POINTS - bps) // POINTS)
    return Taking(stp, low, high, worst, market.max_fills if state.rules > 1 else _NO_BOUND)


def _stops(taker: Order, bounds: Taking, level: Level) -> str:
    """Why the taker may not go on to this level, if it may not."""
    ticks = level.ticks
    if ticks < bounds.low or ticks > bounds.high:
        return BAND
    if bounds.worst and (ticks > bounds.worst if taker.buy else ticks < bounds.worst):
        return SLIPPAGE
    if bounds.made >= bounds.most:
        return WORK
    return WENT_ON


def own(a: Seat, b: Seat) -> bool:
    """Whether two orders would trade with themselves: one account, or one trade group."""
    return a is b or (a.account.group != 0 and a.account.group == b.account.group)


def match(state: State, step: Step, market: Market, taker: Order, bounds: Taking, guarded: bool) -> str:
    """Trade what the taker's price (if it has one) and bounds allow, and say why it stopped.

    Args:
        guarded: it buys without a price, and must not spend more than there is.
    """
    facing = market.side(not taker.buy)
    ticks = taker.ticks
    buy = taker.buy
    while taker.left > 0:
        level = facing.best()
        if level is None:
            return WENT_ON
        if ticks and (level.ticks > ticks if buy else level.ticks < ticks):
            return WENT_ON
        stop = _stops(taker, bounds, level)
        if stop:
            return stop
        maker = level.oldest
        assert maker is not None
        lots = min(taker.left, shown(maker))
        if bounds.stp != NONE and own(taker.seat, maker.seat):
            prevent(state, step, market, facing, maker, taker, bounds, lots, False)
            if bounds.stp == EXPIRE_TAKER or bounds.stp == EXPIRE_BOTH or taker.left == 0:
                return PREVENTED
            continue
        if guarded:
            lots = min(lots, taker.seat.quote.available // (level.ticks * market.unit))
            if lots <= 0:
                return FUNDS
        taker.left -= lots
        trade(state, step, market, facing, maker, taker, lots)
        bounds.made += 1
    return WENT_ON


class Amount:
    """A taker by quote amount: `left` to spend or to receive, `traded` whether anything was, `dry` that the book
    ended."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.traded = False
        self.dry = False


def match_amount(state: State, step: Step, market: Market, taker: Order, bounds: Taking, amount: Amount) -> str:
    """Spend or receive a quote amount: at each level the most lots that what is left stands for."""
    facing = market.side(not taker.buy)
    while True:
        level = facing.best()
        if level is None:
            amount.dry = amount.left > 0
            return WENT_ON
        each = level.ticks * market.unit
        lots = amount.left // each
        if lots == 0:
            return WENT_ON
        stop = _stops(taker, bounds, level)
        if stop:
            return stop
        maker = level.oldest
        assert maker is not None
        lots = min(lots, shown(maker))
        if bounds.stp != NONE and own(taker.seat, maker.seat):
            prevent(state, step, market, facing, maker, taker, bounds, lots, True)
            if bounds.stp == EXPIRE_TAKER or bounds.stp == EXPIRE_BOTH:
                return PREVENTED
            if bounds.stp == DECREMENT:
                amount.left -= lots * each
                if amount.left == 0:
                    return PREVENTED
            continue
        if not taker.buy:
            lots = min(lots, taker.seat.base.available // market.lot_size)
            if lots <= 0:
                return FUNDS
        amount.left -= lots * each
        trade(state, step, market, facing, maker, taker, lots)
        amount.traded = True
        bounds.made += 1


def trade(state: State, step: Step, market: Market, facing: BookSide, maker: Order, taker: Order, lots: int) -> None:
    """One fill at the maker's price."""
    if maker.special is not None:
        oco(state, step, maker)
    quantity = lots * market.lot_size
    notional = lots * maker.ticks * market.unit
    postings = step.postings
    maker.left -= lots
    taken = maker.seat
    taking = taker.seat
    if maker.buy:
        taken.buying -= lots
    rebate = 0
    if taker.buy:
        taker_fee = funds.fee(quantity, taker.rates.taker)
        if maker.rates.maker < 0:
            maker_fee = 0
            rebate = funds.rebate(quantity, maker.rates.maker, taker_fee)
        else:
            maker_fee = funds.fee(notional, maker.rates.maker)
        postings.available(taking.quote, -notional)
        postings.available(taking.base, quantity - taker_fee)
        postings.locked(taken.base, -quantity)
        postings.available(taken.quote, notional - maker_fee)
        if rebate:
            postings.available(taken.base, rebate)
        if taker_fee != rebate:
            postings.available(market.base_fees, taker_fee - rebate)
        if maker_fee:
            postings.available(market.quote_fees, maker_fee)
    else:
        taker_fee = funds.fee(notional, taker.rates.taker)
        if maker.rates.maker < 0:
            maker_fee = 0
            rebate = funds.rebate(notional, maker.rates.maker, taker_fee)
        else:
            maker_fee = funds.fee(quantity, maker.rates.maker)
        postings.available(taking.base, -quantity)
        postings.available(taking.quote, notional - taker_fee)
        postings.locked(taken.quote, -notional)
        postings.available(taken.base, quantity - maker_fee)
        if rebate:
            postings.available(taken.quote, rebate)
        if taker_fee != rebate:
            postings.available(market.quote_fees, taker_fee - rebate)
        if maker_fee:
            postings.available(market.base_fees, maker_fee)
    ticks = maker.ticks
    step.emit(
        Trade(
            state.next_trade,
            market.name,
            market.next_seq(),
            ticks * market.tick_size,
            quantity,
            notional,
            BUY if taker.buy else SELL,
            maker.id,
            taker.id,
            taken.account.id,
            taking.account.id,
            maker_fee,
            taker_fee,
            maker.left * market.lot_size,
            rebate,
        )
    )
    state.next_trade += 1
    if state.rules > 1:
        market.last = ticks
        step.touch(market)
        funds.count_volume(step, taken, taking, notional)
    after_loss(state, step, market, facing, maker, lots, 0, True)


def after_loss(
    state: State, step: Step, market: Market, facing: BookSide, maker: Order, seen: int, hidden: int, filled: bool
) -> None:
    """A resting order has lost lots that it showed or hid: now it is gone, or shows its next slice, or less."""
    if maker.left == 0:
        facing.remove(maker, seen, hidden)
        closed(state, step, maker, filled)
        return
    facing.reduce(maker, seen, hidden)
    special = maker.special
    if special is not None and special.display:
        special.shown -= seen
        if special.shown == 0:
            _replenish(step, market, facing, maker)


def _replenish(step: Step, market: Market, facing: BookSide, maker: Order) -> None:
    special = maker.special
    assert special is not None
    special.shown = min(special.display, maker.left)
    facing.requeue(maker, special.shown)
    step.emit(
        Replenished(
            maker.id,
            maker.seat.account.id,
            market.name,
            market.next_seq(),
            BUY if maker.buy else SELL,
            maker.ticks * market.tick_size,
            special.shown * market.lot_size,
            (maker.left - special.shown) * market.lot_size,
        )
    )


def prevent(
    state: State,
    step: Step,
    market: Market,
    facing: BookSide,
    maker: Order,
    taker: Order,
    bounds: Taking,
    lots: int,
    by_amount: bool,
) -> None:
    """Instead of a trade with oneself: what the mode takes off the two. `lots` is what would have been traded."""
    mode = bounds.stp
    bounds.made += 1
    maker_lots = 0
    taker_lots = 0
    if mode == DECREMENT:
        maker_lots = lots
        taker_lots = lots
    else:
        if mode in (EXPIRE_MAKER, EXPIRE_BOTH):
            maker_lots = maker.left
        if mode in (EXPIRE_TAKER, EXPIRE_BOTH) and not by_amount:
            taker_lots = taker.left
    if maker_lots:
        oco(state, step, maker)
    seen = min(maker_lots, shown(maker))
    hidden = maker_lots - seen
    if maker_lots:
        funds.free(step, maker, maker_lots)
        maker.left -= maker_lots
        if maker.buy:
            maker.seat.buying -= maker_lots
        if maker.special is not None:
            maker.special.prevented += maker_lots
        elif maker.left:
            maker.special = _marked(maker_lots)
    if not by_amount:
        taker.left -= taker_lots
        if taker.special is not None:
            taker.special.prevented += taker_lots
    step.emit(
        Prevented(
            state.next_prevented,
            market.name,
            market.next_seq() if seen else 0,
            maker.ticks * market.tick_size,
            mode,
            BUY if taker.buy else SELL,
            maker.id,
            taker.id,
            maker.seat.account.id,
            taker.seat.account.id,
            maker_lots * market.lot_size,
            taker_lots * market.lot_size,
            seen * market.lot_size,
            maker.left * market.lot_size,
        )
    )
    state.next_prevented += 1
    if maker_lots:
        after_loss(state, step, market, facing, maker, seen, hidden, False)


def _marked(lots: int) -> Special:
    """What a plain order becomes that stays although it lost lots to self-trade prevention."""
    special = Special(LIMIT, GTC, PLAIN)
    special.place = BOOK
    special.bound = True
    special.prevented = lots
    return special


def feasible(market: Market, taker: Order, bounds: Taking) -> bool:
    """Whether a fill-or-kill would be filled: others' quantity as far as it may go covers it, in few enough trades,
    and a buyer without a price can pay for it."""
    facing = market.side(not taker.buy)
    wanted = taker.left
    slices = 0
    cost = 0
    for depth in range(len(facing.levels)):
        level = facing.levels[facing.price(depth)]
        if taker.ticks and (level.ticks > taker.ticks if taker.buy else level.ticks < taker.ticks):
            return False
        if _stops(taker, bounds, level):
            return False
        before = wanted
        hidden = 0
        order = level.oldest
        while order is not None:
            seen = shown(order)
            slices += 1
            if order.special is not None and order.left > seen:
                slices += -(-(order.left - seen) // order.special.display)
            if slices > bounds.most:
                return False
            if wanted and bounds.stp != NONE and own(taker.seat, order.seat):
                if bounds.stp != EXPIRE_MAKER:
                    return False
            elif wanted:
                wanted -= min(wanted, seen)
                hidden += order.left - seen
            order = order.newer
        wanted -= min(wanted, hidden)
        cost += (before - wanted) * level.ticks * market.unit
        if wanted == 0:
            return taker.ticks > 0 or not taker.buy or cost <= taker.seat.quote.available
    return False


def cost(market: Market, facing: BookSide, lots: int) -> int:
    """What the book would charge now for up to `lots`, in quote units."""
    total = 0
    for depth in range(len(facing.levels)):
        level = facing.levels[facing.price(depth)]
        taken = min(lots, level.lots + level.hidden)
        total += taken * level.ticks * market.unit
        lots -= taken
        if lots == 0:
            break
    return total


def lots_for(market: Market, facing: BookSide, amount: int) -> int:
    """How many lots the book would take now to pay an amount of quote."""
    total = 0
    for depth in range(len(facing.levels)):
        level = facing.levels[facing.price(depth)]
        each = level.ticks * market.unit
        taken = min(amount // each, level.lots + level.hidden)
        if taken == 0:
            break
        total += taken
        amount -= taken * each
    return total
