"""What is due at a command, before it: unfinished auctions, orders whose time is up, switches, queued activations."""

from exchange.events.types import SwitchFired
from tests.property.reference import auction
from tests.property.reference.conditional import look, note_last_prices, settle
from tests.property.reference.ends import end_open
from tests.property.reference.model import DUE_AT_ONCE, Order, World


def do_what_is_due(world: World) -> None:
    """Step 3; it leaves behind what remains of the bound, and whether order ends are left over."""
    world.budget = DUE_AT_ONCE
    for market in world.by_name():
        if market.uncrossing is not None:
            auction.go_on(world, market)
            note_last_prices(world)
            look(world, market)
    _end_by_time(world)
    _fire_switches(world)
    world.expiring = bool(_out_of_time(world)) or any(_endable(world, account) for account in _switches(world))
    if not world.expiring:
        for market in world.by_name():
            settle(world, market)


def _end_by_time(world: World) -> None:
    for order in _out_of_time(world):
        if order.open and world.budget > 0:
            _end(world, order, "time")


def _fire_switches(world: World) -> None:
    if _out_of_time(world):
        return
    for account in _switches(world):
        for order in _endable(world, account):
            if order.open and world.budget > 0:
                _end(world, order, "switch")
        if not world.open_orders(account):
            world.accounts[account].switch_ms = 0
            world.tell(SwitchFired(account))
        elif _endable(world, account):
            return


def _end(world: World, order: Order, reason: str) -> None:
    end_open(world, order, reason)
    world.budget -= 1


def _out_of_time(world: World) -> list[Order]:
    found = [
        order
        for order in world.open_orders()
        if order.tif == "gtd" and order.given.expires_ms <= world.now and order.market.uncrossing is None
    ]
    return sorted(found, key=lambda order: (order.given.expires_ms, order.id))


def _switches(world: World) -> list[int]:
    """The accounts whose switch is due."""
    found = [account for account, holder in world.accounts.items() if 0 < holder.switch_ms <= world.now]
    return sorted(found, key=lambda account: (world.accounts[account].switch_ms, account))


def _endable(world: World, account: int) -> list[Order]:
    return [order for order in world.open_orders(account) if order.market.uncrossing is None]
