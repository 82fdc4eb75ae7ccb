"""Rates at acceptance, volumes, and what a trade costs its two sides."""

from fractions import Fraction

from exchange.terms.amounts import FEE_SCALE
from exchange.terms.words import FEES
from tests.property.reference.model import Market, Order, World

DAY_MS = 24 * 60 * 60 * 1000
DAYS = 30


def rates(world: World, market: Market, account: int) -> tuple[int, int]:
    """Maker and taker rate of an order that is accepted now."""
    table = world.tiers.get(market.quote, [])
    if world.rules < 2 or market.own_fees or not table:
        return market.maker_fee, market.taker_fee
    reached = [row for row in table if volume(world, account, market.quote) >= row[0]]
    return reached[-1][1], reached[-1][2]


def volume(world: World, account: int, quote: str) -> int:
    """What an account has traded in markets of a quote asset today and on the 29 days before."""
    today = world.now // DAY_MS
    return sum(
        notional
        for who, asset, day, notional in world.volumes
        if who == account and asset == quote and today - DAYS < day <= today
    )


class Settlement:
    """A trade's money: both assets change hands, each side pays out of what it receives."""

    def __init__(self, world: World, maker: Order, taker: Order, price: int, quantity: int) -> None:
        market = taker.market
        self.notional = market.notional(price, quantity)
        buyer, seller = (taker, maker) if taker.side == "buy" else (maker, taker)
        world.transfer(seller.account, buyer.account, market.base, quantity)
        world.transfer(buyer.account, seller.account, market.quote, self.notional)
        maker_gets, maker_asset = _received(market, maker, quantity, self.notional)
        taker_gets, taker_asset = _received(market, taker, quantity, self.notional)
        self.taker_fee = _share(taker_gets, taker.taker_fee, up=True)
        self.maker_fee = _share(maker_gets, max(0, maker.maker_fee), up=True)
        self.rebate = min(self.taker_fee, _share(taker_gets, max(0, -maker.maker_fee), up=False))
        world.transfer(taker.account, FEES, taker_asset, self.taker_fee)
        world.transfer(maker.account, FEES, maker_asset, self.maker_fee)
        world.transfer(FEES, maker.account, taker_asset, self.rebate)
        if world.rules >= 2 and not world.same_owner(maker.account, taker.account):
            for order in (maker, taker):
                world.volumes.append((order.account, market.quote, world.now // DAY_MS, self.notional))


def _received(market: Market, order: Order, quantity: int, notional: int) -> tuple[int, str]:
    return (quantity, market.base) if order.side == "buy" else (notional, market.quote)


def _share(received: int, rate: int, up: bool) -> int:
    exact = Fraction(received * rate, FEE_SCALE)
    down = exact.numerator // exact.denominator
    return down + 1 if up and exact.denominator != 1 else down
