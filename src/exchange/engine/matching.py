"""Taking: an incoming order meets the book.

Matching is price-time: best level first, oldest order first, at the resting order's price. A taker pays out of what is
available, a maker out of what its order has locked; so price improvement never has to be given back, it is simply not
taken. Whether an order may enter at all is decided before (`entry`), and whether a fill-or-kill can be filled by
`feasible`, which changes nothing.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from exchange.engine.book import BookSide, Level, Order, Seat
from exchange.engine.fills import prevent, trade
from exchange.engine.market import Market
from exchange.engine.special import shown
from exchange.engine.state import State, Step
from exchange.terms.amounts import POINTS
from exchange.terms.words import DECREMENT, EXPIRE_BOTH, EXPIRE_MAKER, EXPIRE_TAKER, NONE, SelfTrade

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
            bounds.made += 1
            prevent(state, step, market, facing, maker, taker, bounds.stp, lots, False)
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
            bounds.made += 1
            prevent(state, step, market, facing, maker, taker, bounds.stp, lots, True)
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
        total += taken
        amount -= taken * each
        if taken < level.lots + level.hidden:
            break  # what is left is worth less than a lot here, and taking ends with that
    return total
