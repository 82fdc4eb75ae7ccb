"""Which order a request means to cancel, whether it may, and what is told once it has ended.

An order that the view knows is judged by the view; any other is the engine's to find, so that an order which another
gateway has just placed can be cancelled here. Nothing waits.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from exchange.api.commanding import Answer
from exchange.api.v3 import faults, finding
from exchange.api.v3.call import Call
from exchange.api.v3.faults import Fault
from exchange.api.v3.shapes import orders as shapes
from exchange.api.v3.shapes.orders import Json
from exchange.api.v3.shapes.placed import ended_by_hand
from exchange.api.v3.shapes.words import client_id_of, status_of
from exchange.commands.types import Cancel
from exchange.events.types import Event
from exchange.projections.live.orders import LiveList, LiveOrder
from exchange.terms.words import CLIENT_ID_PATTERN

RESTRICTIONS: Final[Mapping[str, str]] = {"ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}
"""The status that an order must have."""


def unknown() -> Fault:
    """There is no such open order."""
    return Fault(faults.CANCEL_REJECTED, "Unknown order sent.")


def restriction(call: Call) -> str:
    """The status that an order must have to be cancelled, or the empty text.

    Raises:
        Fault: there is no such restriction.
    """
    if "cancelRestrictions" not in call.params:
        return ""
    fault = Fault(faults.BAD_RESTRICTIONS, "Invalid cancelRestrictions")
    return call.params.choice("cancelRestrictions", RESTRICTIONS, fault)


def to_cancel(call: Call, market: str, id_name: str, client_name: str, status: str) -> Cancel:
    """What ends the order that two parameters name, one of them or both.

    Raises:
        Fault: neither is given, there is no such order, or it has not the `status` that was asked for.
    """
    account = call.account
    id, name = finding.named(call.params, id_name, client_name)
    if id is None and name not in account.open_by_client_id:
        id = finding.number_in(name)
        name = "" if id is not None else name
    order = account.open_by_client_id.get(name) if id is None else account.open.get(id)
    if order is None:
        if status or (id is not None and (name or call.view.closed.get(account.id, id) is not None)):
            raise unknown()  # over, or not known well enough to be compared with what was sent
        if not id and CLIENT_ID_PATTERN.fullmatch(name) is None:
            raise unknown()
        return Cancel(account.id, id or 0, name)
    if order.market != market or (name and not finding.is_named(order, name)):
        raise unknown()
    if status and status_of(order) != status:
        raise Fault(faults.CANCEL_REJECTED, "Order was not canceled due to cancel restrictions.")
    return Cancel(account.id, order.id, "")


def canceled(call: Call, answer: Answer, account: int, name: str, events: Sequence[Event] | None = None) -> Json:
    """What a cancelled order is answered with: itself, or the list that it belonged to and that has ended with it;
    `events` are those of the part that cancelled, where the command has others."""
    ended = ended_orders(call, answer.outcome.events if events is None else events, account)
    order_list = list_of(call, ended[0])
    if order_list is None:
        return report(call, answer, ended[0], name)
    return list_report(call, answer, order_list, ended, name)


def ended_orders(call: Call, events: Sequence[Event], account: int) -> list[LiveOrder]:
    """The orders that a cancelling command has just ended."""
    found = [call.view.order(account, id) for id in ended_by_hand(events, account)]
    return [order for order in found if order is not None]


def list_of(call: Call, order: LiveOrder) -> LiveList | None:
    """The list that an order belongs to."""
    if not order.order_list:
        return None
    view = call.view
    return view.lists.get(order.order_list) or view.closed_lists.get(order.account, order.order_list)


def report(call: Call, answer: Answer, order: LiveOrder, name: str) -> Json:
    """A cancelled order."""
    market = call.view.markets[order.market]
    name = name or cancel_name(answer)
    return shapes.canceled(order, market, call.symbol(market.name), name, answer.id[0], call.unit)


def list_report(call: Call, answer: Answer, order_list: LiveList, ended: list[LiveOrder], name: str) -> Json:
    """A cancelled order list, with those of its orders that ended by it."""
    told = shapes.listed(order_list, call.symbol(order_list.market), members(call, order_list), call.unit)
    told["orderReports"] = [
        report(call, answer, order, name)
        for order in sorted(ended, key=lambda order: order_list.orders.index(order.id))
    ]
    return told


def members(call: Call, order_list: LiveList) -> list[tuple[int, str]]:
    """A list's orders by number and client's id, as far as the view remembers them."""
    known = [(id, call.view.order(order_list.account, id)) for id in order_list.orders]
    return [(id, f"o-{id}" if order is None else client_id_of(order)) for id, order in known]


def cancel_name(answer: Answer) -> str:
    """What a cancelling request that gave itself no name is called: after its entry."""
    return f"c-{answer.id[0]}-{answer.id[1]}"
