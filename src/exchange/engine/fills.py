"""What two orders do to each other: a trade, or, with oneself, its prevention.

One fill at a time: who pays what to whom, what the house gets, and what becomes of the resting order: it is used up,
shows its next slice, or has less. Whether and how much is the taker's business (`matching`).
"""

from exchange.engine import funds
from exchange.engine.book import BookSide, Order
from exchange.engine.closing import closed, oco
from exchange.engine.market import Market
from exchange.engine.special import BOOK, Special, shown
from exchange.engine.state import State, Step
from exchange.events.orders import Replenished
from exchange.events.trades import Prevented, Trade
from exchange.terms.instructions import PLAIN
from exchange.terms.words import BUY, DECREMENT, EXPIRE_BOTH, EXPIRE_MAKER, EXPIRE_TAKER, GTC, LIMIT, SELL, SelfTrade


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
    mode: SelfTrade,
    lots: int,
    by_amount: bool,
) -> None:
    """Instead of a trade with oneself: what the mode takes off the two. `lots` is what would have been traded."""
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
