"""Placing, cancelling and reducing orders: every check, then every change.

Matching is price-time: best level first, oldest order first, at the resting order's price. A taker pays out of what is
available (its funds were checked for the worst case before anything changed), a maker out of what its order has locked;
so price improvement never has to be given back, it is simply not taken. Fees are taken out of what is received and
round up. Following the edges in docs/decisions/0003.
"""

from exchange.commands.types import Amend, Cancel, Place
from exchange.engine import memory
from exchange.engine.accounts import Account, Balance
from exchange.engine.book import BookSide, Market, Order
from exchange.engine.state import State, Step
from exchange.events.types import Accepted, Amended, Canceled, Done, Duplicate, Rested, Trade
from exchange.terms.amounts import FEE_SCALE, MAX_AMOUNT, MAX_COUNT
from exchange.terms.codes import Code, Refused
from exchange.terms.stream import format_id
from exchange.terms.words import (
    BUY,
    CANCEL_ONLY,
    FEES,
    GTC,
    HALTED,
    LIMIT,
    POST_ONLY,
    SELL,
    OrderEnd,
)


def place(state: State, step: Step, command: Place) -> None:
    """Accept an order, trade what it can, and rest or end the remainder; or tell a repetition its first result."""
    account = state.user(command.account)
    if not command.client_id:
        _place(state, step, account, command)
        return
    first = memory.recall(state, account, memory.ORDER, command.client_id, step.id[0])
    if first is not None:
        step.emit(Duplicate(format_id(first.id)))
        return
    order = state.next_order
    try:
        _place(state, step, account, command)
    except Refused:
        order = 0
        raise
    finally:
        memory.remember(state, account, memory.ORDER, command.client_id, step.id, order)


def _place(state: State, step: Step, account: Account, command: Place) -> None:
    market = state.market(command.market)
    if market.status == HALTED or market.status == CANCEL_ONLY:
        raise Refused(Code.MARKET_CLOSED, "market")
    buy = command.side == BUY
    limit = command.order_type == LIMIT
    ticks = _ticks(market, command.price) if limit else 0
    lots = 0
    spend = command.quote_amount
    if spend:
        if spend < market.min_notional:
            raise Refused(Code.BELOW_MIN_NOTIONAL, "quote_amount")
    else:
        lots = _lots(market, command.quantity)
    if limit:
        notional = ticks * lots * market.unit
        if notional > MAX_AMOUNT:
            raise Refused(Code.OUT_OF_RANGE, "quantity")
        if notional < market.min_notional:
            raise Refused(Code.BELOW_MIN_NOTIONAL, "quantity")
    facing = market.side(not buy)
    if market.status == POST_ONLY and (not limit or _crosses(facing, buy, ticks)):
        raise Refused(Code.WOULD_TAKE, "price" if limit else "order_type")
    if spend:
        if account.available(market.quote) < spend:
            raise Refused(Code.INSUFFICIENT_FUNDS, "quote_amount")
    elif not buy:
        if account.available(market.base) < lots * market.lot_size:
            raise Refused(Code.INSUFFICIENT_FUNDS, "quantity")
    else:
        needed = notional if limit else _cost(market, facing, lots)
        if account.available(market.quote) < needed:
            raise Refused(Code.INSUFFICIENT_FUNDS, "quantity")

    # From here on nothing is refused.
    order = Order(
        state.next_order,
        account.id,
        market,
        buy,
        ticks,
        lots,
        lots,
        market.maker_fee,
        market.taker_fee,
        command.client_id,
        account.balance(market.base),
        account.balance(market.quote),
    )
    state.next_order += 1
    step.emit(
        Accepted(
            order.id,
            account.id,
            market.name,
            command.side,
            command.order_type,
            command.tif,
            command.price,
            command.quantity,
            spend,
            order.maker_fee,
            order.taker_fee,
            command.client_id,
        )
    )
    if spend:
        _spend(state, step, market, order, spend)
        return
    _match(state, step, market, facing, order, limit)
    if order.left == 0:
        step.emit(Done(order.id, account.id, market.name, "filled", 0))
    elif command.tif == GTC:
        _rest(state, step, market, order)
    else:
        left = order.left * market.lot_size
        step.emit(Done(order.id, account.id, market.name, "expired", left))


def _ticks(market: Market, price: int) -> int:
    if price == 0:
        raise Refused(Code.NOT_POSITIVE, "price")
    ticks, rest = divmod(price, market.tick_size)
    if rest != 0:
        raise Refused(Code.OFF_TICK, "price")
    if ticks > MAX_COUNT:
        raise Refused(Code.OUT_OF_RANGE, "price")
    return ticks


def _lots(market: Market, quantity: int) -> int:
    if quantity == 0:
        raise Refused(Code.NOT_POSITIVE, "quantity")
    lots, rest = divmod(quantity, market.lot_size)
    if rest != 0:
        raise Refused(Code.OFF_LOT, "quantity")
    if lots > MAX_COUNT:
        raise Refused(Code.OUT_OF_RANGE, "quantity")
    return lots


def _crosses(facing: BookSide, buy: bool, ticks: int) -> bool:
    best = facing.best()
    if best is None:
        return False
    return best.ticks <= ticks if buy else best.ticks >= ticks


def _cost(market: Market, facing: BookSide, lots: int) -> int:
    """What the book would charge now for up to `lots`, in quote units."""
    cost = 0
    for depth in range(len(facing.levels)):
        level = facing.levels[facing.price(depth)]
        taken = min(lots, level.lots)
        cost += taken * level.ticks * market.unit
        lots -= taken
        if lots == 0:
            break
    return cost


def _match(state: State, step: Step, market: Market, facing: BookSide, taker: Order, limit: bool) -> None:
    while taker.left > 0:
        level = facing.best()
        if level is None:
            return
        if limit and (level.ticks > taker.ticks if taker.buy else level.ticks < taker.ticks):
            return
        maker = level.oldest
        assert maker is not None
        lots = min(taker.left, maker.left)
        taker.left -= lots
        _trade(state, step, market, facing, maker, taker, lots)


def _spend(state: State, step: Step, market: Market, taker: Order, spend: int) -> None:
    """Buy for a quote amount: at each level the most lots that the rest pays for; what is less than a lot stays."""
    bought = False
    while True:
        level = market.asks.best()
        if level is None:
            break
        lots = spend // (level.ticks * market.unit)
        if lots == 0:
            break
        maker = level.oldest
        assert maker is not None
        lots = min(lots, maker.left)
        spend -= lots * level.ticks * market.unit
        _trade(state, step, market, market.asks, maker, taker, lots)
        bought = True
    dry = market.asks.best() is None and spend > 0
    end: OrderEnd = "filled" if bought and not dry else "expired"
    step.emit(Done(taker.id, taker.account, market.name, end, 0))


def _trade(state: State, step: Step, market: Market, facing: BookSide, maker: Order, taker: Order, lots: int) -> None:
    """One fill at the maker's price."""
    quantity = lots * market.lot_size
    notional = lots * maker.ticks * market.unit
    postings = step.postings
    facing.reduce(maker, lots)
    if taker.buy:
        taker_fee = _fee(quantity, taker.taker_fee)
        maker_fee = _fee(notional, maker.maker_fee)
        postings.available(taker.quote, -notional)
        postings.available(taker.base, quantity - taker_fee)
        postings.locked(maker.base, -quantity)
        postings.available(maker.quote, notional - maker_fee)
        _collect(state, step, market.base, taker_fee)
        _collect(state, step, market.quote, maker_fee)
    else:
        taker_fee = _fee(notional, taker.taker_fee)
        maker_fee = _fee(quantity, maker.maker_fee)
        postings.available(taker.base, -quantity)
        postings.available(taker.quote, notional - taker_fee)
        postings.locked(maker.quote, -notional)
        postings.available(maker.base, quantity - maker_fee)
        _collect(state, step, market.quote, taker_fee)
        _collect(state, step, market.base, maker_fee)
    step.emit(
        Trade(
            state.next_trade,
            market.name,
            market.next_seq(),
            maker.ticks * market.tick_size,
            quantity,
            notional,
            BUY if taker.buy else SELL,
            maker.id,
            taker.id,
            maker.account,
            taker.account,
            maker_fee,
            taker_fee,
            maker.left * market.lot_size,
        )
    )
    state.next_trade += 1
    if maker.left == 0:
        _closed(state, maker)


def _fee(amount: int, rate: int) -> int:
    """The fee on what is received, rounded up to the smallest unit: towards the house."""
    return -(-amount * rate // FEE_SCALE)


def _collect(state: State, step: Step, asset: str, fee: int) -> None:
    if fee:
        step.postings.available(state.accounts[FEES].balance(asset), fee)


def _locks(order: Order, lots: int) -> int:
    """What `lots` of an order bind: quote for a buy, base for a sell."""
    if order.buy:
        return lots * order.ticks * order.market.unit
    return lots * order.market.lot_size


def _locked_in(order: Order) -> Balance:
    return order.quote if order.buy else order.base


def _rest(state: State, step: Step, market: Market, order: Order) -> None:
    step.postings.lock(_locked_in(order), _locks(order, order.left))
    market.side(order.buy).add(order)
    state.orders[order.id] = order
    step.emit(
        Rested(
            order.id,
            order.account,
            market.name,
            market.next_seq(),
            BUY if order.buy else SELL,
            order.ticks * market.tick_size,
            order.left * market.lot_size,
        )
    )


def _closed(state: State, order: Order) -> None:
    del state.orders[order.id]
    memory.order_closed(state, order.account, order.client_id)


def cancel(state: State, step: Step, command: Cancel) -> None:
    """Take an open order off the book and free what it had locked."""
    account = state.user(command.account)
    order = _own_order(state, account, command.order, command.client_id)
    market = order.market
    market.side(order.buy).remove(order)
    step.postings.lock(_locked_in(order), -_locks(order, order.left))
    _closed(state, order)
    step.emit(
        Canceled(
            order.id,
            order.account,
            market.name,
            market.next_seq(),
            BUY if order.buy else SELL,
            order.ticks * market.tick_size,
            order.left * market.lot_size,
        )
    )


def amend(state: State, step: Step, command: Amend) -> None:
    """Reduce an open order in its place.

    The new quantity is the order's new total, as in Binance Spot's "order amend keep priority".
    """
    account = state.user(command.account)
    order = _own_order(state, account, command.order, "")
    market = order.market
    lots = _lots(market, command.quantity)
    if lots >= order.lots:
        raise Refused(Code.NOT_A_REDUCTION, "quantity")
    by = order.lots - lots
    if by >= order.left:
        raise Refused(Code.BELOW_FILLED, "quantity")
    order.lots = lots
    market.side(order.buy).reduce(order, by)
    step.postings.lock(_locked_in(order), -_locks(order, by))
    step.emit(
        Amended(
            order.id,
            order.account,
            market.name,
            market.next_seq(),
            BUY if order.buy else SELL,
            order.ticks * market.tick_size,
            lots * market.lot_size,
            by * market.lot_size,
        )
    )


def _own_order(state: State, account: Account, id: int, client_id: str) -> Order:
    """An open order of this account; somebody else's is as unknown as none.

    Raises:
        Refused: there is none, or its market is halted.
    """
    field = "order"
    if client_id:
        field = "client_id"
        named = account.orders.get(client_id)
        id = 0 if named is None else named.order
    order = state.orders.get(id)
    if order is None or order.account != account.id:
        raise Refused(Code.UNKNOWN_ORDER, field)
    if order.market.status == HALTED:
        raise Refused(Code.MARKET_CLOSED, field)
    return order
