"""Orders that wait for the last price, the market's queue of activations, and what comes out of it."""

from collections.abc import Sequence

from exchange.events.types import Activated, Done, Waiting
from exchange.terms.amounts import POINTS
from exchange.terms.codes import Refused
from tests.property.reference import checks, matching
from tests.property.reference.ends import end_mate, member_ended
from tests.property.reference.model import Market, Order, World


def begin(world: World, order: Order) -> None:
    """What becomes of an order that was accepted, or called by its list: it waits for its price, or acts."""
    if order.conditional:
        _wait(world, order)
    else:
        matching.act(world, order)


def _wait(world: World, order: Order) -> None:
    market = order.market
    world.stand(order, "waiting")
    if order.trailing:
        order.tracking = not order.given.stop_price or (market.last != 0 and _stop_met(order, market.last))
        order.tracked = market.last if order.tracking else 0
    world.tell(Waiting(order.id, order.account, market.name, "price"))


def _stop_met(order: Order, price: int) -> bool:
    return checks.met(order.side, checks.rises(order), order.given.stop_price, price)


# --- the last price --------------------------------------------------------------------------------------------------


def note_last_prices(world: World) -> None:
    """A command, an item of one, or an activation is finished: its last trades give the last prices."""
    for market in world.markets.values():
        if market.traded_at:
            if world.rules >= 2:
                market.last = market.traded_at
                market.looked_at = False
            market.traded_at = 0


def look(world: World, market: Market) -> None:
    """All that a new last price triggers join the queue."""
    if market.looked_at:
        return
    market.looked_at = True
    waiting = [order for order in world.open_orders(market=market) if order.standing == "waiting"]
    fixed = [order for order in waiting if not order.trailing and _stop_met(order, market.last)]
    rising = [order for order in fixed if checks.rises(order)]
    falling = [order for order in fixed if not checks.rises(order)]
    rising.sort(key=lambda order: (order.given.stop_price, order.id))
    falling.sort(key=lambda order: (-order.given.stop_price, order.id))
    trailing = [order for order in waiting if order.trailing and _follow(order, market.last)]
    for order in [*rising, *falling, *trailing]:
        order.standing = "triggered"
        market.queue.append([order])


def _follow(order: Order, price: int) -> bool:
    """Track a price; whether it has come back by the trail."""
    if not order.tracking:
        order.tracking = _stop_met(order, price)
        order.tracked = price if order.tracking else 0
        return False
    if order.tracked == 0:
        order.tracked = price
        return False
    bps, amount = order.given.trailing_bps, order.given.trailing_amount
    if order.side == "buy":
        order.tracked = min(order.tracked, price)
        if amount:
            return price >= order.tracked + amount
        return price * POINTS >= order.tracked * (POINTS + bps)
    order.tracked = max(order.tracked, price)
    if amount:
        return price <= order.tracked - amount
    return price * POINTS <= order.tracked * (POINTS - bps)


# --- activations -----------------------------------------------------------------------------------------------------


def settle(world: World, market: Market) -> None:
    """Look at the last price; then, while the market is open and the bound allows it, activate what is queued, one
    after the other, looking at the last price after each."""
    look(world, market)
    while market.queue and market.status == "open" and world.budget > 0:
        world.budget -= 1
        item = market.queue.pop(0)
        if item[0].standing == "triggered":
            _triggered(world, item[0])
        else:
            _called(world, item)
        note_last_prices(world)
        look(world, market)


def _triggered(world: World, order: Order) -> None:
    end_mate(world, order)
    world.leave(order, "acting")
    order.activated = True
    world.tell(Activated(order.id, order.account, order.market.name, "price"))
    matching.act(world, order)


def _called(world: World, item: Sequence[Order]) -> None:
    market = item[0].market
    for order in item:
        world.leave(order, "acting")
        world.tell(Activated(order.id, order.account, market.name, "list"))
    try:
        prices = _checked(world, item)
    except Refused as refused:
        for order in item:
            order.standing = "ended"
            world.tell(Done(order.id, order.account, market.name, "expired", order.left, refused.code))
        member_ended(world, item[0], filled=False)
        return
    for order, price in zip(item, prices, strict=True):
        order.price = price
        begin(world, order)


def _checked(world: World, item: Sequence[Order]) -> list[int]:
    """Steps 12, 13, and 17 to 19 for orders that a list calls; the prices at which they may rest."""
    market = item[0].market
    places = [order.place for order in item]
    prices = []
    for place in places:
        price = checks.resting_price(world, market, place)
        checks.band(market, place, price)
        prices.append(price)
    for place in places:
        checks.trigger(world, market, place)
    checks.funds(world, market, places, prices)
    for order, place in zip(item, places, strict=True):
        order.trigger_price = checks.expected_price(market, place)
    return prices
