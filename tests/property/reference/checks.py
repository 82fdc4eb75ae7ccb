"""What a new order is refused for, in the order in which docs/rules.md numbers it; nothing is changed here."""

from collections.abc import Sequence

from exchange.commands.types import Place
from exchange.terms.amounts import MAX_AMOUNT, MAX_COUNT, POINTS
from exchange.terms.codes import Code, Refused
from exchange.terms.words import CONDITIONAL, PRICED, Side
from tests.property.reference.model import Market, Order, World, other, reaches

MOST_TRAILING = 1_000


def frozen(world: World, account: int) -> None:
    """Step 4."""
    if world.accounts[account].status == "frozen":
        raise Refused(Code.ACCOUNT_FROZEN, "account")


def status(market: Market, places: Sequence[Place]) -> None:
    """Step 6."""
    if market.status in ("halted", "cancel_only") or market.uncrossing is not None:
        raise Refused(Code.MARKET_CLOSED, "market")
    if market.status != "auction":
        return
    for place in places:
        gathers = place.order_type == "limit" and place.tif in ("gtc", "gtd")
        if place.order_type not in CONDITIONAL and (
            not gathers or place.instructions.post_only or place.instructions.display
        ):
            raise Refused(Code.MARKET_CLOSED, "market")


def amounts(world: World, market: Market, place: Place) -> None:
    """Steps 7 to 11."""
    given = place.instructions
    if place.tif == "gtd" and given.expires_ms <= world.now:
        raise Refused(Code.ALREADY_EXPIRED, "expires_ms")
    if place.order_type in PRICED:
        on_grid("price", place.price, market.tick_size, Code.OFF_TICK)
    if given.stop_price:
        on_grid("stop_price", given.stop_price, market.tick_size, Code.OFF_TICK)
    if given.trailing_amount:
        on_grid("trailing_amount", given.trailing_amount, market.tick_size, Code.OFF_TICK)
    if place.quote_amount:
        if place.quote_amount < market.min_notional:
            raise Refused(Code.BELOW_MIN_NOTIONAL, "quote_amount")
        return
    on_grid("quantity", place.quantity, market.lot_size, Code.OFF_LOT)
    if given.display:
        on_grid("display", given.display, market.lot_size, Code.OFF_LOT)
        if given.display >= place.quantity:
            raise Refused(Code.INVALID_FIELD, "display")
    if place.order_type in PRICED:
        notional = market.notional(place.price, place.quantity)
        if notional > MAX_AMOUNT:
            raise Refused(Code.OUT_OF_RANGE, "quantity")
        if notional < market.min_notional:
            raise Refused(Code.BELOW_MIN_NOTIONAL, "quantity")


def on_grid(name: str, amount: int, step: int, off: Code) -> None:
    if amount == 0:
        raise Refused(Code.NOT_POSITIVE, name)
    if amount % step:
        raise Refused(off, name)
    if amount > MAX_COUNT * step:
        raise Refused(Code.OUT_OF_RANGE, name)


def resting_price(world: World, market: Market, place: Place) -> int:
    """Step 12: the price at which the order may rest; zero for one that has none."""
    if place.order_type in CONDITIONAL:
        return place.price
    post_only = place.instructions.post_only or ("refuse" if market.status == "post_only" else "")
    if not post_only:
        return place.price
    if place.order_type == "market":
        raise Refused(Code.WOULD_TAKE, "order_type")
    facing = world.book(market, other(place.side))
    if not facing or not reaches(place.side, place.price, facing[0].price):
        return place.price
    if post_only == "refuse":
        raise Refused(Code.WOULD_TAKE, "price")
    price = facing[0].price + (market.tick_size if place.side == "sell" else -market.tick_size)
    if price <= 0:
        raise Refused(Code.WOULD_TAKE, "price")
    if market.notional(price, place.quantity) < market.min_notional:
        raise Refused(Code.BELOW_MIN_NOTIONAL, "price")
    return price


def within_band(market: Market, reference: int, side: Side, price: int) -> bool:
    """Whether the market's band around a reference (0: nothing) lets a side trade at a price."""
    limits = market.limits
    up, down = (limits.bid_up, limits.bid_down) if side == "buy" else (limits.ask_up, limits.ask_down)
    if reference == 0:
        return True
    too_high = up and price * POINTS > reference * up
    too_low = down and price * POINTS < reference * down
    return not too_high and not too_low


def band(market: Market, place: Place, price: int) -> None:
    """Step 13, at the price at which the order would rest."""
    if place.order_type == "limit" and not within_band(market, market.reference, place.side, price):
        raise Refused(Code.OUTSIDE_BAND, "price")


def caps(world: World, market: Market, place: Place, before: Sequence[Place] = ()) -> None:
    """Steps 14 to 16; `before` are the legs that count as open already."""
    limits = market.limits
    display = place.instructions.display
    if display and limits.max_parts and -(-place.quantity // display) > limits.max_parts:
        raise Refused(Code.TOO_MANY_PARTS, "display")
    mine = world.open_orders(place.account, market)
    if limits.max_orders and len(mine) + len(before) >= limits.max_orders:
        raise Refused(Code.TOO_MANY_ORDERS, "")
    if place.order_type in CONDITIONAL and limits.max_conditional:
        waiting = [order for order in mine if order.conditional]
        waiting_before = [leg for leg in before if leg.order_type in CONDITIONAL]
        if len(waiting) + len(waiting_before) >= limits.max_conditional:
            raise Refused(Code.TOO_MANY_ORDERS, "order_type")
    if place.side == "buy" and limits.max_position:
        held = world.total(place.account, market.base)
        coming = sum(order.left for order in mine if order.side == "buy")
        coming += sum(leg.quantity for leg in before if leg.side == "buy")
        buying = place.quantity or sum(lots for _, lots in bought_for(world, market, place.quote_amount))
        if held + coming + buying > limits.max_position:
            raise Refused(Code.POSITION_LIMIT, "quantity" if place.quantity else "quote_amount")


def trigger(world: World, market: Market, place: Place) -> None:
    """Steps 17 and 18."""
    given = place.instructions
    if place.order_type not in CONDITIONAL:
        return
    if not given.trailing_bps and not given.trailing_amount:
        if market.last and met(place.side, rises(place), given.stop_price, market.last):
            raise Refused(Code.WOULD_TRIGGER, "stop_price")
        return
    name = "trailing_bps" if given.trailing_bps else "trailing_amount"
    waiting = [o for o in world.open_orders(market=market) if o.standing == "waiting" and o.trailing]
    if len(waiting) >= MOST_TRAILING:
        raise Refused(Code.TOO_MANY_ORDERS, name)
    if place.side == "buy" and not place.price and not given.stop_price and not market.last:
        raise Refused(Code.NO_REFERENCE, name)


def rises(order: Place | Order) -> bool:
    """Whether the order's stop price is met by a price at or above it, rather than at or below."""
    kind = order.order_type if isinstance(order, Place) else order.type
    return (order.side == "buy") == (kind in ("stop_loss", "stop_loss_limit"))


def met(side: Side, rising: bool, stop_price: int, price: int) -> bool:
    return price >= stop_price if rising else price <= stop_price


def expected_price(market: Market, place: Place) -> int:
    """What a conditional buy without a price is expected to pay; 0 when nobody knows."""
    given = place.instructions
    start = given.stop_price or market.last
    ticks = -(-start * (POINTS + given.trailing_bps) // (POINTS * market.tick_size))
    return ticks * market.tick_size + given.trailing_amount


def needed(world: World, market: Market, place: Place, price: int) -> tuple[str, int]:
    """The asset and how much of it an order needs, that would rest at `price` or take."""
    if place.side == "sell":
        if place.quote_amount:
            return market.base, sum(lots for _, lots in bought_for(world, market, place.quote_amount, "buy"))
        return market.base, place.quantity
    if place.quote_amount:
        return market.quote, place.quote_amount
    if price:
        return market.quote, market.notional(price, place.quantity)
    if place.order_type in CONDITIONAL:
        return market.quote, market.notional(expected_price(market, place), place.quantity)
    cost, left = 0, place.quantity
    for maker in world.book(market, "sell"):
        cost += market.notional(maker.price, min(left, maker.left))
        left -= min(left, maker.left)
    return market.quote, cost


def bought_for(world: World, market: Market, amount: int, side: Side = "sell") -> list[tuple[int, int]]:
    """Price and base of what the resting orders of `side` would trade for an amount, everybody's orders counted."""
    found = []
    for maker in world.book(market, side):
        lots = min(maker.left, market.lots_for(maker.price, amount))
        amount -= market.notional(maker.price, lots)
        found.append((maker.price, lots))
        if lots < maker.left:  # what is left is worth less than a lot at the next price, which is this one still
            break
    return found


def funds(world: World, market: Market, places: Sequence[Place], prices: Sequence[int]) -> None:
    """Step 19, of one order, or of a pair that locks the larger of the two."""
    wanted = [needed(world, market, place, price) for place, price in zip(places, prices, strict=True)]
    asset, amount = max(wanted)
    if world.available(places[0].account, asset) < amount:
        raise Refused(Code.INSUFFICIENT_FUNDS, "quote_amount" if places[0].quote_amount else "quantity")
