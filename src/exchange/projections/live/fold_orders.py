"""Orders, lists and trades folded into a live view.

An entry may tell of many orders: those that were due, the command's own, and what they set off. Each accepted order
is `fresh` until the entry says what becomes of it; one that waited is open already when it is activated. So the taker
of a trade is found in either place.
"""

from exchange.events.types import (
    Accepted,
    Activated,
    Amended,
    AuctionTrade,
    Canceled,
    Done,
    Event,
    ListDone,
    ListOpened,
    Prevented,
    Replenished,
    Rested,
    Trade,
    Waiting,
)
from exchange.projections.live.orders import DONE, EXPIRED_IN_MATCH, FILLED, LiveList, LiveOrder, ended_as
from exchange.projections.live.records import Amendment, Fill, LiveMarket, PreventedMatch
from exchange.projections.live.state import BrokenView, Change, LiveState
from exchange.projections.live.tape import tape_trade
from exchange.terms.stream import StreamId
from exchange.terms.words import BUY, SELL


def fold(state: LiveState, id: StreamId, index: int, event: Event, change: Change) -> bool:
    """Take in the entry's event number `index`, if it is of this kind.

    Raises:
        BrokenView, KeyError, ValueError: it does not fit.
    """
    if isinstance(event, Trade):
        _trade(state, id, event, change)
    elif isinstance(event, Accepted):
        state.fresh[event.order] = LiveOrder.of(event, id[0])
    elif isinstance(event, Rested):
        order = _in_hand(state, event.order)
        order.rest(event)
        state.touch(event.market, event.seq, event.side, event.price, change).side(order.kind).add(order)
        _stays(state, order, change)
    elif isinstance(event, Done):
        order = _in_hand(state, event.order)
        order.end(event.end, event.reason, id[0])
        change.orders[order.id] = order
        if state.fresh.pop(order.id, None) is None:
            state.close(order, id)
        else:
            state.closed.add(order.account, order.id, order, id)
    elif isinstance(event, Canceled):
        _canceled(state, id, event, change)
    elif isinstance(event, Amended):
        _amended(state, id, index, event, change)
    else:
        return _rarer(state, id, event, change)
    return True


def _rarer(state: LiveState, id: StreamId, event: Event, change: Change) -> bool:
    if isinstance(event, Waiting):
        order = _in_hand(state, event.order)
        order.wait(event, id[0])
        _stays(state, order, change)
    elif isinstance(event, Activated):
        order = state.orders[event.order]
        order.activate(id[0])
        change.orders[order.id] = order
    elif isinstance(event, Replenished):
        order = state.orders[event.order]
        market = state.touch(event.market, event.seq, event.side, event.price, change)
        market.side(order.kind).replenish(order, event.quantity, event.hidden)
        change.orders[order.id] = order
    elif isinstance(event, Prevented):
        _prevented(state, id, event, change)
    elif isinstance(event, AuctionTrade):
        _auction_trade(state, id, event, change)
    elif isinstance(event, ListOpened):
        opened = LiveList(
            event.order_list, event.account, event.market, event.kind, event.client_id, event.orders, id[0]
        )
        state.open_list(opened)
        change.lists[opened.id] = opened
    elif isinstance(event, ListDone):
        _list_done(state, id, event, change)
    else:
        return False
    return True


def _in_hand(state: LiveState, order: int) -> LiveOrder:
    """An order that was accepted or activated and is not on the book."""
    found = state.fresh.get(order) or state.orders.get(order)
    if found is None:
        raise BrokenView(f"order {order} goes on without having been accepted")
    return found


def _stays(state: LiveState, order: LiveOrder, change: Change) -> None:
    """An order in hand rests or waits."""
    change.orders[order.id] = order
    if state.fresh.pop(order.id, None) is not None:
        state.open(order)


def _trade(state: LiveState, id: StreamId, event: Trade, change: Change) -> None:
    taker = _in_hand(state, event.taker_order)
    maker = state.orders[event.maker_order]
    market = state.touch(event.market, event.seq, maker.kind, event.price, change)
    maker.trade(event.quantity, event.notional, event.maker_fee, id[0])
    taker.trade(event.quantity, event.notional, event.taker_fee, id[0])
    market.side(maker.kind).take(maker, event.quantity, 0, event.maker_left == 0)
    change.orders[maker.id] = maker
    if event.maker_left == 0:
        maker.end(FILLED, "", id[0])
        state.close(maker, id)
    if state.rules >= 2:
        market.last = event.price
    _tell(state, id, event, change, market, (maker, event.maker_fee), (taker, event.taker_fee))


def _auction_trade(state: LiveState, id: StreamId, event: AuctionTrade, change: Change) -> None:
    buy, sell = state.orders[event.buy_order], state.orders[event.sell_order]
    market = state.touch(event.market, event.seq, BUY, event.buy_price, change)
    if event.seq:
        change.levels[event.market][1].add((SELL, event.sell_price))
    for order, fee, shown, left in (
        (buy, event.buy_fee, event.buy_shown, event.buy_left),
        (sell, event.sell_fee, event.sell_shown, event.sell_left),
    ):
        order.trade(event.quantity, event.notional, fee, id[0])
        market.side(order.kind).take(order, shown, event.quantity - shown, left == 0)
        change.orders[order.id] = order
        if left == 0:
            order.end(FILLED, "", id[0])
            state.close(order, id)
    sides = ((sell, event.sell_fee), (buy, event.buy_fee))
    maker, taker = sides if event.taker_side == BUY else sides[::-1]
    _tell(state, id, event, change, market, maker, taker)


def _tell(
    state: LiveState,
    id: StreamId,
    event: Trade | AuctionTrade,
    change: Change,
    market: LiveMarket,
    maker: tuple[LiveOrder, int],
    taker: tuple[LiveOrder, int],
) -> None:
    """What a trade means beside the book: both fills with their fees, both volumes."""
    trade = tape_trade(id, event)
    change.trades.append(trade)
    makers = Fill(trade, maker[0].id, maker[0].kind, "maker", maker[1], event.rebate)
    takers = Fill(trade, taker[0].id, taker[0].kind, "taker", taker[1])
    for order, fill in ((maker[0], makers), (taker[0], takers)):
        state.fills.add(order.account, fill.id, fill, id)
        change.fills.append((order.account, fill))
    if state.rules >= 2:
        mine, theirs = state.accounts[maker[0].account], state.accounts[taker[0].account]
        if not mine.is_own(theirs):
            mine.volume(market.quote).add(id[0], event.notional)
            theirs.volume(market.quote).add(id[0], event.notional)


def _prevented(state: LiveState, id: StreamId, event: Prevented, change: Change) -> None:
    maker = state.orders[event.maker_order]
    taker = _in_hand(state, event.taker_order)
    market = state.touch(event.market, event.seq, maker.kind, event.price, change)
    gone = event.maker_left == 0 and event.maker_quantity > 0
    maker.prevent(event.maker_quantity, id[0])
    taker.prevent(event.taker_quantity, id[0])
    market.side(maker.kind).take(maker, event.shown, event.maker_quantity - event.shown, gone)
    change.orders[maker.id] = maker
    if gone:
        maker.end(EXPIRED_IN_MATCH, "", id[0])
        state.close(maker, id)
    match = PreventedMatch(event, id[0])
    for account in dict.fromkeys((event.maker, event.taker)):
        state.prevented.add(account, event.prevented, match, id)
        change.prevented.append((account, match))


def _canceled(state: LiveState, id: StreamId, event: Canceled, change: Change) -> None:
    order = state.orders[event.order]
    market = state.touch(event.market, event.seq, event.side, event.price, change)
    market.side(order.kind).take(order, event.quantity, event.hidden, True)
    order.end(ended_as(event.reason), event.reason, id[0])
    state.close(order, id)
    change.orders[order.id] = order


def _amended(state: LiveState, id: StreamId, index: int, event: Amended, change: Change) -> None:
    order = state.orders[event.order]
    market = state.touch(event.market, event.seq, event.side, event.price, change)
    key = (*id, index)
    amendment = Amendment(key, order.id, event.quantity, order.quantity - event.quantity)
    order.amend(event, id[0])
    if order.shown:
        market.side(order.kind).take(order, event.by if event.seq else 0, event.hidden, False)
    change.orders[order.id] = order
    state.amendments.add(order.account, key, amendment, id)


def _list_done(state: LiveState, id: StreamId, event: ListDone, change: Change) -> None:
    done = state.lists.pop(event.order_list)
    account = state.accounts[done.account]
    del account.lists[done.id]
    if done.client_id:
        del account.lists_by_client_id[done.client_id]
    done.status = DONE
    done.updated = id[0]
    state.closed_lists.add(done.account, done.id, done, id)
    change.lists[done.id] = done
