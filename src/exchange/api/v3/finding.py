"""Finding orders and lists by number or by the client's id, among the open ones and in what has passed.

An order without a client's id goes by `o-<number>`, a list by `l-<number>`. What is somebody else's is as unknown as
what never was.
"""

from typing import Final

from exchange.api.contract.reading import digits
from exchange.api.v3 import faults
from exchange.api.v3.call import Call
from exchange.api.v3.params import Params
from exchange.api.v3.shapes.words import NEVER, client_id_of, list_client_id_of
from exchange.projections.live.orders import EXPIRED_IN_MATCH, LiveList, LiveOrder
from exchange.terms.amounts import MAX_COUNT

_ORDER: Final = "o-"
_LIST: Final = "l-"


def named(params: Params, id_name: str, client_name: str) -> tuple[int | None, str]:
    """Number and client's id that a request names something by.

    Raises:
        Fault: it has neither.
    """
    id = params.whole(id_name) if id_name in params else None
    name = params.text(client_name) if client_name in params else ""
    if id is None and not name:
        raise faults.either(client_name, id_name)
    return id, name


def number_in(name: str, prefix: str = _ORDER) -> int | None:
    """The number in a made-up client's id."""
    if not name.startswith(prefix):
        return None
    number = digits(name[len(prefix) :])
    return None if number is None or number > MAX_COUNT else number


def is_named(order: LiveOrder, name: str) -> bool:
    """Whether an order is known under a client's id."""
    return name == client_id_of(order) or number_in(name) == order.id


def is_list(found: LiveList, name: str) -> bool:
    """Whether a list is known under a client's id."""
    return name == list_client_id_of(found) or number_in(name, _LIST) == found.id


async def order(call: Call, account: int) -> LiveOrder | None:
    """The account's order that `orderId` and `origClientOrderId` name; with both, both must.

    Raises:
        Fault: neither is given, or only one fits.
        ApiError: the database is needed and away.
    """
    id, name = named(call.params, "orderId", "origClientOrderId")
    found = await _order(call, account, id, name)
    if found is None:
        await call.gateway.catch_up()  # another gateway may have just placed it
        found = await _order(call, account, id, name)
    if found is not None and name and not is_named(found, name):
        raise faults.Fault(faults.WRONG_CLIENT_ID, "Client order ID is not correct for this order ID.")
    return found


async def _order(call: Call, account: int, id: int | None, name: str) -> LiveOrder | None:
    past, view = call.gateway.past, call.view
    if id is not None:
        return await past.order(view, account, id)
    found = await past.order_by_client_id(view, account, name)
    number = number_in(name)
    if found is None and number is not None:
        found = await past.order(view, account, number)
    return found


async def order_list(call: Call, account: int) -> LiveList | None:
    """The account's list that `orderListId` or `origClientOrderId` names; with both, both must.

    Raises:
        Fault: neither is given.
        ApiError: the database is needed and away.
    """
    id, name = named(call.params, "orderListId", "origClientOrderId")
    past, view = call.gateway.past, call.view
    if id is None:
        found = await past.order_list_by_client_id(view, account, name)
        id = number_in(name, _LIST)
        if found is not None or id is None:
            return found
        return await past.order_list(view, account, id)
    found = await past.order_list(view, account, id)
    return found if found is None or not name or is_list(found, name) else None


async def last_match(call: Call, order: LiveOrder) -> int:
    """The number of the match by whose prevention an order ended; −1 for every other order.

    Raises:
        ApiError: the database is needed and away.
    """
    if order.status != EXPIRED_IN_MATCH:
        return NEVER
    matches = await call.gateway.past.prevented(
        call.view, order.account, market=order.market, order=order.id, before=None, limit=1
    )
    return matches[0].event.prevented if matches else NEVER
