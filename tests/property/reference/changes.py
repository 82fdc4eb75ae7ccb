"""Cancelling, reducing, replacing, and doing several things in one command."""

from collections.abc import Callable

from exchange.commands.types import Amend, Batch, Cancel, CancelAll, CancelList, CancelReplace, Place
from exchange.events.types import AllCanceled, Amended, Item
from exchange.terms.codes import Code, Refused
from exchange.terms.stream import format_id
from tests.property.reference import checks, orders
from tests.property.reference.conditional import note_last_prices
from tests.property.reference.ends import end_open
from tests.property.reference.memory import Repeated, claim
from tests.property.reference.model import DUE_AT_ONCE, Market, Order, World


def cancel(world: World, command: Cancel) -> None:
    end_open(world, _cancellable(world, command), "")


def _cancellable(world: World, command: Cancel, market: str = "") -> Order:
    world.user(command.account)
    return _open_order(world, command.account, command.order, command.client_id, market)


def _open_order(world: World, account: int, id: int, client_id: str = "", market: str = "") -> Order:
    name = "client_id" if client_id else "order"
    for order in world.open_orders(account):
        if (order.client_id == client_id if client_id else order.id == id) and market in ("", order.market.name):
            _not_closed(order.market, name)
            return order
    raise Refused(Code.UNKNOWN_ORDER, name)


def _not_closed(market: Market, name: str) -> None:
    if not _lets_cancel(market):
        raise Refused(Code.MARKET_CLOSED, name)


def _lets_cancel(market: Market) -> bool:
    return market.status != "halted" and market.uncrossing is None


def cancel_list(world: World, command: CancelList) -> None:
    world.user(command.account)
    name = "client_id" if command.client_id else "order_list"
    for found in world.lists:
        named = found.client_id == command.client_id if command.client_id else found.id == command.order_list
        if named and found.account == command.account:
            _not_closed(found.market, name)
            end_open(world, next(member for member in found.members if member.open), "")
            return
    raise Refused(Code.UNKNOWN_LIST, name)


def cancel_all(world: World, command: CancelAll) -> None:
    """Oldest first, at most a thousand."""
    world.user(command.account)
    only = world.market(command.market) if command.market else None
    if only is not None:
        _not_closed(only, "market")
    before = world.ended
    found = [order for order in world.open_orders(command.account, only) if _lets_cancel(order.market)]
    for order in found:
        if order.open and world.ended - before < DUE_AT_ONCE:
            end_open(world, order, "")
    world.tell(AllCanceled(command.account, world.ended - before, any(order.open for order in found)))


def amend(world: World, command: Amend) -> None:
    """Reduce an order, and the other of its pair with it."""
    world.user(command.account)
    checks.frozen(world, command.account)
    order = _open_order(world, command.account, command.order)
    checks.on_grid("quantity", command.quantity, order.market.lot_size, Code.OFF_LOT)
    if command.quantity >= order.quantity:
        raise Refused(Code.NOT_A_REDUCTION, "quantity")
    if command.quantity <= order.quantity - order.left:
        raise Refused(Code.BELOW_FILLED, "quantity")
    _reduce(world, order, order.quantity - command.quantity)
    mate = order.list.mate(order) if order.list else None
    if mate is not None:
        _reduce(world, mate, mate.quantity - command.quantity)


def _reduce(world: World, order: Order, by: int) -> None:
    market = order.market
    hidden = min(by, order.hidden) if order.standing == "resting" else 0
    order.quantity -= by
    order.left -= by
    if order.standing == "resting":
        order.shown -= by - hidden
    seq = market.next_seq() if order.standing == "resting" and by > hidden else 0
    world.tell(
        Amended(
            order.id,
            order.account,
            market.name,
            seq,
            order.side,
            order.price,
            order.quantity,
            by - hidden,
            hidden,
        ),
    )


# --- several things in one command -----------------------------------------------------------------------------------


def cancel_replace(world: World, command: CancelReplace) -> None:
    place = command.place
    world.user(place.account)
    orders.not_expiring(world)
    result = claim(world, "order", place.account, place.client_id)
    orders.check_form(world, place)
    canceled = _item(world, 0, lambda: end_open(world, _cancellable(world, command.cancel, place.market), ""))
    if canceled or not command.stop_on_failure:
        _item(world, 1, lambda: orders.place_checked(world, place, result))


def batch(world: World, command: Batch) -> None:
    world.user(command.account)
    orders.not_expiring(world)
    for index, item in enumerate(command.items):
        _item(world, index, lambda item=item: _one(world, item))  # type: ignore[misc]
        note_last_prices(world)


def _one(world: World, item: object) -> None:
    if isinstance(item, Place):
        orders.place(world, item)
    elif isinstance(item, Cancel):
        cancel(world, item)
    else:
        assert isinstance(item, Amend)
        amend(world, item)


def _item(world: World, index: int, part: Callable[[], None]) -> bool:
    """Do a part of a command, its `item` event first; whether it was done."""
    at = len(world.events)
    try:
        part()
    except Refused as refused:
        world.events.insert(at, Item(index, refused.code, refused.field))
    except Repeated as repeated:
        world.events.insert(at, Item(index, first=format_id(repeated.first)))
    else:
        world.events.insert(at, Item(index))
        return True
    assert len(world.events) == at + 1, "a part that was refused has told something"
    return False
