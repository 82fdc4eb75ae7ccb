"""The call auction: everything that crosses trades at one price.

The price is that of the greatest volume, then of the least surplus, then on the side that presses, then nearest to the
reference. *Deutsche Börse: T7 Release 10.0, Market Model for the Trading Venue Xetra, 11.1.1.* `uncross_price` is plain
arithmetic, so that who shows an indicative price asks the same function.
"""

from heapq import heappush

from exchange.commands.types import Uncross
from exchange.engine import funds
from exchange.engine.book import BookSide
from exchange.engine.closing import oco
from exchange.engine.fills import after_loss
from exchange.engine.market import Market, Uncrossing
from exchange.engine.special import shown
from exchange.engine.state import State, Step
from exchange.events.setup import MarketStatusSet
from exchange.events.trades import AuctionTrade, Uncrossed
from exchange.terms.codes import Code, Refused
from exchange.terms.words import AUCTION, BUY, SELL

Levels = list[tuple[int, int]]
"""Prices in ticks with their lots, best first."""


def uncross_price(bids: Levels, asks: Levels, reference: int) -> tuple[int, int]:
    """Where an auction would trade now: ticks and lots; both zero when nothing crosses.

    Args:
        reference: the last price, or what stands in for it, in ticks; zero: none.
    """
    if not bids or not asks or bids[0][0] < asks[0][0]:
        return 0, 0
    low, high = asks[0][0], bids[0][0]
    prices = sorted({ticks for ticks, _ in bids if ticks >= low} | {ticks for ticks, _ in asks if ticks <= high})
    sold = 0
    bought = sum([lots for ticks, lots in bids if ticks >= low])
    demand = dict(bids)
    supply = dict(asks)
    best: list[tuple[int, int]] = []
    volume = 0
    for ticks in prices:
        sold += supply.get(ticks, 0)
        traded = min(bought, sold)
        if traded > volume:
            volume = traded
            best = []
        if traded == volume:
            best.append((ticks, bought - sold))
        bought -= demand.get(ticks, 0)
    least = min([abs(surplus) for _, surplus in best])
    best = [(ticks, surplus) for ticks, surplus in best if abs(surplus) == least]
    buyers = [ticks for ticks, surplus in best if surplus > 0]
    sellers = [ticks for ticks, surplus in best if surplus < 0]
    if buyers and not sellers:
        return buyers[-1], volume
    if sellers and not buyers:
        return sellers[0], volume
    if buyers:
        first, last = buyers[-1], sellers[0]
    else:
        first, last = best[0][0], best[-1][0]
    if first > last:
        first, last = last, first
    if not reference:
        return (first + last) // 2, volume
    return min(max(reference, first), last), volume


def _levels(side: BookSide) -> Levels:
    found: Levels = []
    for ticks in side.prices():
        level = side.levels[ticks]
        found.append((ticks, level.lots + level.hidden))
    return found


def uncross(state: State, step: Step, command: Uncross) -> None:
    """End the auction."""
    if step.expiring:
        raise Refused(Code.EXPIRING)
    market = state.market(command.market)
    if market.uncrossing is not None:
        raise Refused(Code.MARKET_CLOSED, "market")
    if market.status != AUCTION:
        raise Refused(Code.NOT_IN_AUCTION, "market")
    ticks, _ = uncross_price(_levels(market.bids), _levels(market.asks), market.last or market.reference)
    market.uncrossing = Uncrossing(ticks, 0, command.status, command.by)
    go_on(state, step, market)


def go_on(state: State, step: Step, market: Market) -> bool:
    """Trade at the auction's price as far as one command may; when nothing crosses any more, the auction is over.

    Returns:
        Whether it is over.
    """
    uncrossing = market.uncrossing
    assert uncrossing is not None
    ticks = uncrossing.ticks
    for _ in range(market.max_fills):
        if not _crossed(market, ticks):
            break
        uncrossing.lots += _trade(state, step, market, ticks)
    if _crossed(market, ticks):
        state.unfinished[market.name] = market
        return False
    market.uncrossing = None
    for timer in uncrossing.timers:
        heappush(state.timers, timer)
    for switch in uncrossing.switches:
        heappush(state.switches, switch)
    market.status = uncrossing.status
    state.unfinished.pop(market.name, None)
    quantity = uncrossing.lots * market.lot_size
    step.emit(Uncrossed(market.name, ticks * market.tick_size, quantity, uncrossing.by))
    step.emit(MarketStatusSet(market.name, market.status))
    if uncrossing.lots:
        market.last = ticks
    step.touch(market)
    return True


def _crossed(market: Market, ticks: int) -> bool:
    bid = market.bids.best()
    ask = market.asks.best()
    return ticks > 0 and bid is not None and ask is not None and bid.ticks >= ticks >= ask.ticks


def _trade(state: State, step: Step, market: Market, ticks: int) -> int:
    """One trade between the oldest orders of the best levels; its lots."""
    bid, ask = market.bids.best(), market.asks.best()
    assert bid is not None
    assert ask is not None
    buy, sell = bid.oldest, ask.oldest
    assert buy is not None
    assert sell is not None
    oco(state, step, buy)
    oco(state, step, sell)
    buyer, seller = buy.seat, sell.seat
    lots = min(buy.left, sell.left)
    quantity = lots * market.lot_size
    notional = lots * ticks * market.unit
    rebate = 0
    if buy.id > sell.id:
        buy_fee = funds.fee(quantity, buy.rates.taker)
        sell_fee = funds.fee(notional, max(0, sell.rates.maker))
        rebate = funds.rebate(quantity, min(0, sell.rates.maker), buy_fee)
    else:
        sell_fee = funds.fee(notional, sell.rates.taker)
        buy_fee = funds.fee(quantity, max(0, buy.rates.maker))
        rebate = funds.rebate(notional, min(0, buy.rates.maker), sell_fee)
    postings = step.postings
    postings.locked(buyer.quote, -lots * buy.ticks * market.unit)
    postings.available(buyer.quote, lots * (buy.ticks - ticks) * market.unit)
    postings.available(buyer.base, quantity - buy_fee)
    postings.locked(seller.base, -quantity)
    postings.available(seller.quote, notional - sell_fee)
    if buy.id > sell.id:
        postings.available(seller.base, rebate)
        postings.available(market.base_fees, buy_fee - rebate)
        postings.available(market.quote_fees, sell_fee)
    else:
        postings.available(buyer.quote, rebate)
        postings.available(market.base_fees, buy_fee)
        postings.available(market.quote_fees, sell_fee - rebate)
    buy_shown = min(lots, shown(buy))
    sell_shown = min(lots, shown(sell))
    buy.left -= lots
    sell.left -= lots
    buyer.buying -= lots
    step.emit(
        AuctionTrade(
            state.next_trade,
            market.name,
            market.next_seq(),
            ticks * market.tick_size,
            quantity,
            notional,
            BUY if buy.id > sell.id else SELL,
            buy.id,
            sell.id,
            buyer.account.id,
            seller.account.id,
            buy.ticks * market.tick_size,
            sell.ticks * market.tick_size,
            buy_shown * market.lot_size,
            sell_shown * market.lot_size,
            buy_fee,
            sell_fee,
            rebate,
            buy.left * market.lot_size,
            sell.left * market.lot_size,
        )
    )
    state.next_trade += 1
    funds.count_volume(step, buyer, seller, notional)
    after_loss(state, step, market, market.bids, buy, buy_shown, lots - buy_shown, True)
    after_loss(state, step, market, market.asks, sell, sell_shown, lots - sell_shown, True)
    return lots
