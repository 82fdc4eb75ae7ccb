"""Placing orders and lists: checked whole, accepted whole, then begun."""

from collections.abc import Sequence
from itertools import pairwise

from exchange.commands.types import Place, PlaceList
from exchange.events.types import Accepted, ListOpened, Waiting
from exchange.terms.codes import Code, Refused
from exchange.terms.instructions import Instructions
from tests.property.reference import checks, conditional, fees
from tests.property.reference.memory import claim, recalled
from tests.property.reference.model import Market, Order, OrderList, Result, World


def place(world: World, command: Place) -> None:
    """One order: `expiring` and the account first, then its name, then everything else."""
    world.user(command.account)
    not_expiring(world)
    result = claim(world, "order", command.account, command.client_id)
    check_form(world, command)
    place_checked(world, command, result)


def not_expiring(world: World) -> None:
    """Step 2."""
    if world.expiring:
        raise Refused(Code.EXPIRING)


def check_form(world: World, command: Place) -> None:
    """Steps 4 to 11."""
    checks.frozen(world, command.account)
    market = world.market(command.market)
    checks.status(market, [command])
    checks.amounts(world, market, command)


def place_checked(world: World, command: Place, result: Result) -> None:
    """Steps 12 to 19, and what comes of the order."""
    market = world.market(command.market)
    price = checks.resting_price(world, market, command)
    checks.band(market, command, price)
    checks.caps(world, market, command)
    checks.trigger(world, market, command)
    checks.funds(world, market, [command], [price])
    order = _accept(world, market, command, result)
    order.price = price
    conditional.begin(world, order)


def _accept(world: World, market: Market, command: Place, result: Result, order_list: OrderList | None = None) -> Order:
    world.orders_accepted += 1
    given = command.instructions
    stp = given.stp or world.accounts[command.account].stp
    maker_fee, taker_fee = fees.rates(world, market, command.account)
    order = Order(
        world.orders_accepted,
        command.account,
        market,
        command.side,
        command.order_type,
        command.tif,
        command.price,
        command.quantity,
        command.quote_amount,
        command.client_id,
        given,
        stp,
        maker_fee,
        taker_fee,
        command.quantity,
        trigger_price=checks.expected_price(market, command),
        list=order_list,
    )
    result.opened = order
    in_force = Instructions(
        given.stop_price,
        given.trailing_bps,
        given.trailing_amount,
        given.expires_ms,
        given.post_only,
        given.display,
        None if stp == "none" else stp,
        given.slippage_bps,
    )
    world.tell(
        Accepted(
            order.id,
            order.account,
            market.name,
            order.side,
            order.type,
            order.tif,
            order.price,
            order.quantity,
            order.amount,
            maker_fee,
            taker_fee,
            order.client_id,
            in_force,
            order_list.id if order_list else 0,
        ),
    )
    return order


# --- lists -----------------------------------------------------------------------------------------------------------


def place_list(world: World, command: PlaceList) -> None:
    """All legs or none."""
    world.user(command.account)
    not_expiring(world)
    result = claim(world, "list", command.account, command.client_id)
    checks.frozen(world, command.account)
    market = world.market(command.market)
    now, later = (command.legs, []) if command.kind == "oco" else (command.legs[:1], command.legs[1:])
    checks.status(market, now)
    prices = _check_legs(world, market, command, now)
    _check_shape(market, command)
    for leg in now:
        checks.trigger(world, market, leg)
    checks.funds(world, market, now, prices)

    world.lists_opened += 1
    found = OrderList(world.lists_opened, command.account, market, command.kind, command.client_id, [])
    world.lists.append(found)
    result.opened = found
    numbers = [world.orders_accepted + 1 + place for place in range(len(command.legs))]
    world.tell(ListOpened(found.id, found.account, market.name, found.kind, found.client_id, numbers))
    for leg in command.legs:
        named = claim(world, "order", leg.account, leg.client_id)
        found.members.append(_accept(world, market, leg, named, found))
    for order in found.members[len(now) :]:
        world.stand(order, "pending")
        world.tell(Waiting(order.id, order.account, market.name, "list"))
    assert len(later) == len(found.members) - len(now)
    for order, price in zip(found.members[: len(now)], prices, strict=True):
        order.price = price
        conditional.begin(world, order)


def _check_legs(world: World, market: Market, command: PlaceList, now: Sequence[Place]) -> list[int]:
    """The name and steps 7 to 16 of each leg; at what price those that are placed now may rest."""
    prices = []
    for number, leg in enumerate(command.legs):
        before = command.legs[:number]
        if leg.client_id and (
            recalled(world, "order", leg.account, leg.client_id) or leg.client_id in [one.client_id for one in before]
        ):
            raise Refused(Code.CLIENT_ID_USED, "client_id")
        checks.amounts(world, market, leg)
        if leg in now:
            price = checks.resting_price(world, market, leg)
            checks.band(market, leg, price)
            prices.append(price)
        checks.caps(world, market, leg, before)
    return prices


def _check_shape(market: Market, command: PlaceList) -> None:
    legs = command.legs
    wrong = Refused(Code.LEG_PRICES, "legs")
    if command.kind == "oco":
        if not _is_pair(legs, market.last):
            raise wrong
        return
    if legs[0].order_type != "limit":
        raise wrong
    if command.kind == "oto" and legs[1].quote_amount:
        raise wrong
    if command.kind == "otoco" and not _is_pair(legs[1:], 0):
        raise wrong


def _is_pair(legs: Sequence[Place], last: int) -> bool:
    """Whether two legs may be a one-cancels-the-other pair around a last price (0: none to compare with)."""
    for taking, stopping in ((legs[0], legs[1]), (legs[1], legs[0])):
        limit = taking.order_type == "limit" and taking.instructions.post_only == "refuse"
        if not limit and taking.order_type not in ("take_profit", "take_profit_limit"):
            continue
        if stopping.order_type not in ("stop_loss", "stop_loss_limit"):
            continue
        if taking.side != stopping.side or taking.quantity != stopping.quantity:
            continue
        trails = not limit and not taking.instructions.stop_price
        far = 0 if trails else taking.price or taking.instructions.stop_price
        line = [price for price in (far, last, stopping.instructions.stop_price) if price]
        if taking.side == "buy":
            line.reverse()
        if all(higher > lower for higher, lower in pairwise(line)):
            return True
    return False
