"""What an order does when it meets the book: it takes what it may and wants, then rests or ends.

The book is sorted anew before every trade, and a fill-or-kill order is tried out on a copy of what it would meet.
"""

from dataclasses import dataclass

from exchange.events.types import Done, Prevented, Replenished, Rested, Trade
from exchange.terms.amounts import POINTS
from exchange.terms.words import OrderEnd
from tests.property.reference.checks import within_band
from tests.property.reference.ends import end_mate, member_ended
from tests.property.reference.fees import Settlement
from tests.property.reference.model import Market, Order, World, other, reaches

USUAL_MAX_FILLS = 10_000


def act(world: World, order: Order) -> None:
    """An order that waits for nothing trades, rests, ends."""
    if order.market.status == "auction":  # they gather
        rest(world, order)
    elif order.tif == "fok" and world.rules >= 2 and not feasible(world, order):
        end(world, order, "expired", "fok")
    else:
        take(world, order)


def rest(world: World, order: Order) -> None:
    """What is left of the order joins the end of its level."""
    market = order.market
    order.shown = _slice(order, order.left)
    world.join_level(order)
    world.stand(order, "resting")
    seq = market.next_seq()
    world.tell(
        Rested(order.id, order.account, market.name, seq, order.side, order.price, order.shown, order.hidden),
    )


def end(world: World, order: Order, how: OrderEnd, reason: str = "") -> None:
    """An order that is not on the book ends."""
    world.leave(order, "ended")
    left = 0 if order.given_by_amount else order.left
    world.tell(Done(order.id, order.account, order.market.name, how, left, reason))
    member_ended(world, order, filled=how == "filled")


def most_fills(world: World, market: Market) -> int | None:
    """How many trades and prevented matches a taker may make; `None`: any number."""
    return None if world.rules < 2 else market.limits.max_fills or USUAL_MAX_FILLS


class Bounds:
    """How far from where it starts a taker may go: by its limit, the market's band, its slippage cap."""

    def __init__(self, world: World, taker: Order) -> None:
        self._taker = taker
        self._market = taker.market
        self._reference = taker.market.reference
        facing = world.book(taker.market, other(taker.side))
        self._best = facing[0].price if facing else 0
        self._slippage = taker.given.slippage_bps or taker.market.limits.slippage_bps

    def by_limit(self, price: int) -> bool:
        return self._taker.price == 0 or reaches(self._taker.side, self._taker.price, price)

    def by_band(self, price: int) -> bool:
        return within_band(self._market, self._reference, self._taker.side, price)

    def by_slippage(self, price: int) -> bool:
        if self._taker.price or not self._slippage:
            return True
        if self._taker.side == "buy":
            return price * POINTS <= self._best * (POINTS + self._slippage)
        return price * POINTS >= self._best * (POINTS - self._slippage)

    def allow(self, price: int) -> bool:
        return self.by_limit(price) and self.by_band(price) and self.by_slippage(price)


def take(world: World, taker: Order) -> None:
    """Trade with the best facing order, again and again, until something says stop."""
    market = taker.market
    bounds = Bounds(world, taker)
    most = most_fills(world, market)
    made = 0
    traded = False
    while True:
        facing = world.book(market, other(taker.side))
        if taker.given_by_amount:
            spent = taker.amount == 0
            too_little = bool(facing) and market.lots_for(facing[0].price, taker.amount) == 0
            if spent or too_little:
                return end(world, taker, "filled" if traded else "expired")
        elif taker.left == 0:
            return end(world, taker, "filled")
        if not facing or not bounds.by_limit(facing[0].price):
            if taker.price and taker.tif in ("gtc", "gtd"):
                return rest(world, taker)
            return end(world, taker, "expired")
        maker = facing[0]
        if not bounds.by_band(maker.price):
            return end(world, taker, "expired", "band")
        if not bounds.by_slippage(maker.price):
            return end(world, taker, "expired", "slippage")
        if made == most:
            return end(world, taker, "expired", "work")
        quantity = min(maker.shown, wanted(taker, maker.price))
        if _own(world, taker, maker):
            if prevent(world, taker, maker, quantity):
                return end(world, taker, "expired_in_match")
        else:
            quantity = min(quantity, paid_for(world, taker, maker.price))
            if quantity == 0:
                return end(world, taker, "expired", "funds")
            trade(world, taker, maker, quantity)
            traded = True
        made += 1


def wanted(taker: Order, price: int) -> int:
    return taker.market.lots_for(price, taker.amount) if taker.given_by_amount else taker.left


def paid_for(world: World, taker: Order, price: int) -> int:
    """The most base that the taker has the means to trade."""
    market = taker.market
    if taker.side == "buy" and not taker.price and not taker.given_by_amount:
        return market.lots_for(price, world.available(taker.account, market.quote))
    if taker.side == "sell" and taker.given_by_amount:
        return world.available(taker.account, market.base) // market.lot_size * market.lot_size
    return wanted(taker, price)


def trade(world: World, taker: Order, maker: Order, quantity: int) -> None:
    """Both sides change hands at the maker's price."""
    market = taker.market
    end_mate(world, maker)
    maker.left -= quantity
    maker.shown -= quantity
    if maker.left == 0:
        world.leave(maker, "ended")
    settled = Settlement(world, maker, taker, maker.price, quantity)
    if taker.given_by_amount:
        taker.amount -= settled.notional
    else:
        taker.left -= quantity
    world.trades_made += 1
    market.traded_at = maker.price
    world.tell(
        Trade(
            world.trades_made,
            market.name,
            market.next_seq(),
            maker.price,
            quantity,
            settled.notional,
            taker.side,
            maker.id,
            taker.id,
            maker.account,
            taker.account,
            settled.maker_fee,
            settled.taker_fee,
            maker.left,
            settled.rebate,
        ),
    )
    after_loss(world, maker, filled=True)


def prevent(world: World, taker: Order, maker: Order, quantity: int) -> bool:
    """Instead of a trade with oneself of `quantity`; whether the taker has lost all that was left of it."""
    market = taker.market
    mode = taker.stp
    maker_loses = taker_loses = 0
    if mode in ("expire_maker", "expire_both"):
        maker_loses = maker.left
    if mode in ("expire_taker", "expire_both"):
        taker_loses = 0 if taker.given_by_amount else taker.left
    if mode == "decrement":
        maker_loses = taker_loses = quantity
    if maker_loses:
        end_mate(world, maker)
    off_book = min(maker_loses, maker.shown)
    maker.left -= maker_loses
    maker.prevented += maker_loses
    maker.shown -= off_book
    if maker.left == 0:
        world.leave(maker, "ended")
    if taker.given_by_amount:
        taker.amount -= market.notional(maker.price, taker_loses)
    else:
        taker.left -= taker_loses
    taker.prevented += taker_loses
    world.matches_prevented += 1
    world.tell(
        Prevented(
            world.matches_prevented,
            market.name,
            market.next_seq() if off_book else 0,
            maker.price,
            mode,
            taker.side,
            maker.id,
            taker.id,
            maker.account,
            taker.account,
            maker_loses,
            taker_loses,
            off_book,
            maker.left,
        ),
    )
    after_loss(world, maker, filled=False)
    return mode in ("expire_taker", "expire_both") or (taker.amount if taker.given_by_amount else taker.left) == 0


def after_loss(world: World, order: Order, filled: bool) -> None:
    """A resting order has less: it has ended, or shows its next slice, or neither."""
    if order.left == 0:
        member_ended(world, order, filled)
    elif order.shown == 0:
        market = order.market
        order.shown = _slice(order, order.left)
        world.join_level(order)
        seq = market.next_seq()
        world.tell(
            Replenished(order.id, order.account, market.name, seq, order.side, order.price, order.shown, order.hidden)
        )


def _slice(order: Order, left: int) -> int:
    return min(left, order.given.display) if order.given.display else left


@dataclass
class _Met:
    """A facing slice in the trial of a fill-or-kill order."""

    price: int
    own: bool
    shown: int
    hidden: int
    display: int


def feasible(world: World, taker: Order) -> bool:
    """Whether a fill-or-kill order would be filled: tried on a copy, slice by slice."""
    market = taker.market
    bounds = Bounds(world, taker)
    facing = world.book(market, other(taker.side))
    trial = [
        _Met(maker.price, _own(world, taker, maker), maker.shown, maker.hidden, maker.given.display) for maker in facing
    ]
    left, cost = taker.left, 0
    reached: set[int] = set()
    while left:
        if not trial or not bounds.allow(trial[0].price):
            return False
        met = trial.pop(0)
        reached.add(met.price)
        if met.own:
            if taker.stp != "expire_maker":
                return False
            continue
        quantity = min(left, met.shown)
        left -= quantity
        cost += market.notional(met.price, quantity)
        if quantity == met.shown and met.hidden:
            size = min(met.hidden, met.display)
            behind = len([one for one in trial if one.price == met.price])
            trial.insert(behind, _Met(met.price, met.own, size, met.hidden - size, met.display))
    slices = sum(1 + (-(-o.hidden // o.given.display) if o.hidden else 0) for o in facing if o.price in reached)
    most = most_fills(world, market)
    assert most is not None
    if slices > most:
        return False
    unpriced_buy = taker.side == "buy" and not taker.price
    return not unpriced_buy or cost <= world.available(taker.account, market.quote)


def _own(world: World, taker: Order, maker: Order) -> bool:
    return taker.stp != "none" and world.same_owner(taker.account, maker.account)
