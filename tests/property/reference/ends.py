"""How open orders end before they are filled, and what the end of one member of a list does to the others."""

from exchange.events.types import Canceled, Done, ListDone
from exchange.terms.words import OrderEnd
from tests.property.reference.model import Order, World


def end_open(world: World, order: Order, reason: str) -> None:
    """End an open order: by its owner (no reason), a `switch`, its `time`, or its list (`oco`, `list`)."""
    assert order.open
    market = order.market
    resting = order.standing == "resting"
    world.leave(order, "ended")
    world.ended += 1
    if resting:
        shown, hidden = order.shown, order.hidden
        seq = market.next_seq()
        world.tell(
            Canceled(order.id, order.account, market.name, seq, order.side, order.price, shown, hidden, reason),
        )
    else:
        how: OrderEnd = "canceled" if reason in ("", "switch") else "expired"
        world.tell(Done(order.id, order.account, market.name, how, order.left, reason))
    member_ended(world, order, filled=False, reason=reason)


def end_mate(world: World, order: Order) -> None:
    """An order of a one-cancels-the-other pair is about to act: the other one ends first."""
    mate = order.list.mate(order) if order.list else None
    if mate is not None:
        end_open(world, mate, "oco")


def member_ended(world: World, order: Order, filled: bool, reason: str = "") -> None:
    """An order has ended and its event is told: call the pending ones, or end the others, or close an empty list."""
    found = order.list
    if found is None:
        return
    others = [member for member in found.members if member.standing != "ended"]
    if filled and order is found.working and order.prevented == 0:
        for member in others:
            member.standing = "called"
        order.market.queue.append(others)
    elif others and reason != "oco":
        end_open(world, others[0], "list")
    elif not others:
        world.lists.remove(found)
        world.tell(ListDone(found.id, found.account, found.market.name))
