"""Call auctions: one price for all that crosses, found by trying every price."""

from exchange.commands.types import Uncross
from exchange.events.types import AuctionTrade, MarketStatusSet, Uncrossed
from exchange.terms.codes import Code, Refused
from tests.property.reference.ends import end_mate
from tests.property.reference.fees import Settlement
from tests.property.reference.matching import after_loss, most_fills
from tests.property.reference.model import Market, Order, Uncrossing, World
from tests.property.reference.orders import not_expiring


def uncross(world: World, command: Uncross) -> None:
    not_expiring(world)
    market = world.market(command.market)
    if market.uncrossing is not None:
        raise Refused(Code.MARKET_CLOSED, "market")
    if market.status != "auction":
        raise Refused(Code.NOT_IN_AUCTION, "market")
    market.uncrossing = Uncrossing(auction_price(world, market), command.status, command.by)
    go_on(world, market)


def auction_price(world: World, market: Market) -> int:
    """The price of greatest volume; 0 when nothing crosses."""
    bids, asks = world.book(market, "buy"), world.book(market, "sell")
    volumes: dict[int, int] = {}
    surpluses: dict[int, int] = {}
    for price in sorted({order.price for order in [*bids, *asks]}):
        buying = sum(order.left for order in bids if order.price >= price)
        selling = sum(order.left for order in asks if order.price <= price)
        volumes[price] = min(buying, selling)
        surpluses[price] = buying - selling
    most = max(volumes.values(), default=0)
    if most == 0:
        return 0
    prices = [price for price in volumes if volumes[price] == most]
    least = min(abs(surpluses[price]) for price in prices)
    prices = [price for price in prices if abs(surpluses[price]) == least]
    with_buyers = [price for price in prices if surpluses[price] > 0]
    with_sellers = [price for price in prices if surpluses[price] < 0]
    if with_buyers and with_sellers:
        ends = [max(with_buyers), min(with_sellers)]
    elif with_buyers:
        return max(with_buyers)
    elif with_sellers:
        return min(with_sellers)
    else:
        ends = prices
    low, high = min(ends), max(ends)
    if market.reference:
        return min(max(market.reference, low), high)
    return (low + high) // 2 // market.tick_size * market.tick_size


def go_on(world: World, market: Market) -> None:
    """Trade what crosses at the price, as much as one command may; when nothing is left, the auction is over."""
    auction = market.uncrossing
    assert auction is not None
    most = most_fills(world, market)
    made = 0
    while True:
        bids = [order for order in world.book(market, "buy") if order.price >= auction.price > 0]
        asks = [order for order in world.book(market, "sell") if order.price <= auction.price]
        if not bids or not asks:
            break
        if made == most:
            return
        auction.traded += _trade(world, bids[0], asks[0], auction.price)
        made += 1
    market.uncrossing = None
    market.traded_at = auction.price
    market.status = auction.status
    world.tell(Uncrossed(market.name, auction.price, auction.traded, auction.by))
    world.tell(MarketStatusSet(market.name, market.status))


def _trade(world: World, buy: Order, sell: Order, price: int) -> int:
    market = buy.market
    for order in (buy, sell):
        end_mate(world, order)
    quantity = min(buy.left, sell.left)
    maker, taker = (buy, sell) if buy.id < sell.id else (sell, buy)
    settled = Settlement(world, maker, taker, price, quantity)
    shown = {}
    for order in (buy, sell):
        shown[order.id] = min(quantity, order.shown)
        order.shown -= shown[order.id]
        order.left -= quantity
        if order.left == 0:
            world.leave(order, "ended")
    world.trades_made += 1
    world.tell(
        AuctionTrade(
            world.trades_made,
            market.name,
            market.next_seq(),
            price,
            quantity,
            settled.notional,
            taker.side,
            buy.id,
            sell.id,
            buy.account,
            sell.account,
            buy.price,
            sell.price,
            shown[buy.id],
            shown[sell.id],
            settled.taker_fee if taker is buy else settled.maker_fee,
            settled.taker_fee if taker is sell else settled.maker_fee,
            settled.rebate,
            buy.left,
            sell.left,
        ),
    )
    for order in (buy, sell):
        after_loss(world, order, filled=True)
    return quantity
