"""Order lists that are there: looked at and cancelled (Binance: rest-api.md, "Order lists"); `listing` places them."""

from typing import Final

from exchange.api.commanding import Answer
from exchange.api.contract.declared import Text, Whole, optional
from exchange.api.parts import refusal_of
from exchange.api.v3 import canceling, faults, finding, paging, refusing
from exchange.api.v3.call import Call
from exchange.api.v3.declared import Asks, Moment, Security, Shape, asking, endpoint
from exchange.api.v3.faults import Fault
from exchange.api.v3.ordering import CLIENT_ID, LONG
from exchange.api.v3.refusing import Asked
from exchange.api.v3.shapes import order_schemas as schemas
from exchange.api.v3.shapes import orders as shapes
from exchange.api.v3.shapes.orders import Json
from exchange.api.v3.shapes.words import client_id_of
from exchange.commands.types import CancelList
from exchange.projections.live.orders import LiveList, LiveOrder
from exchange.terms.words import CLIENT_ID_PATTERN

_NAMED: Final[Shape] = {"orderListId": optional(LONG)}


@endpoint(
    "One order list.",
    params={**_NAMED, "origClientOrderId": optional(Text())},
    security=Security.USER_DATA,
    weight=4,
    answer=schemas.LIST,
    method="orderList.status",
    codes=(faults.NO_SUCH_ORDER,),
)
async def show(call: Call) -> object:
    """`GET /api/v3/orderList`."""
    account = call.account.id
    found = await finding.order_list(call, account)
    if found is None:
        raise Fault(faults.NO_SUCH_ORDER, "Order does not exist.")
    return (await _shown(call, account, [found]))[0]


@endpoint(
    "Order lists, open and closed: from a number or a moment on, or the newest.",
    params={
        "fromId": optional(LONG),
        "startTime": Moment(required=False),
        "endTime": Moment(required=False),
        "limit": optional(Whole(1, 1000, 500)),
    },
    security=Security.USER_DATA,
    weight=20,
    answer=schemas.many(schemas.LIST),
    method="allOrderLists",
    codes=(faults.BAD_COMBINATION, faults.MORE_THAN_HOURS),
)
async def all_lists(call: Call) -> object:
    """`GET /api/v3/allOrderList`."""
    account = call.account.id
    span = paging.span(call.params, "fromId")
    if span.first is not None and (span.start_ms is not None or span.end_ms is not None):
        raise faults.combination()
    return await _shown(call, account, await call.gateway.past.order_lists_in(call.view, account, span))


@endpoint(
    "The open order lists.",
    security=Security.USER_DATA,
    weight=6,
    answer=schemas.many(schemas.LIST),
    method="openOrderLists.status",
)
async def open_lists(call: Call) -> object:
    """`GET /api/v3/openOrderList`."""
    account = call.account
    lists = [found for _, found in sorted(account.lists.items())]
    await call.gateway.past.complete_lists(account.id, lists)
    return await _shown(call, account.id, [found for found in lists if found.id in account.lists])


@asking(
    "Cancel an order list.",
    params={
        "symbol": Text(),
        **_NAMED,
        "listClientOrderId": optional(Text()),
        "newClientOrderId": optional(CLIENT_ID),
    },
    answer=schemas.LIST_CANCELED,
    method="orderList.cancel",
    codes=refusing.CANCELING,
)
def cancel(call: Call) -> Asks:
    """`DELETE /api/v3/orderList`."""
    params = call.params
    account, market = call.account, call.market()
    name = params.text("newClientOrderId") if "newClientOrderId" in params else ""
    id, client_id = finding.named(params, "orderListId", "listClientOrderId")
    if id is None and client_id not in account.lists_by_client_id:
        id = finding.number_in(client_id, "l-")
        client_id = "" if id is not None else client_id
    found = account.lists_by_client_id.get(client_id) if id is None else account.lists.get(id)
    if found is not None and (found.market != market.name or (client_id and not finding.is_list(found, client_id))):
        raise canceling.unknown()
    if found is None and (client_id and (id is not None or CLIENT_ID_PATTERN.fullmatch(client_id) is None)):
        raise canceling.unknown()
    number = id if found is None else found.id
    if not number and not client_id:
        raise canceling.unknown()

    def show(answer: Answer) -> object:
        refused = refusal_of(answer.outcome)
        if refused is not None:
            raise refusing.refused(*refused, Asked.CANCELING)
        return canceling.canceled(call, answer, account.id, name)

    return Asks(CancelList(account.id, number or 0, "" if number else client_id), show)


async def _shown(call: Call, account: int, lists: list[LiveList]) -> list[Json]:
    """Lists with the names of their orders."""
    ids = [id for found in lists for id in found.orders]
    orders: dict[int, LiveOrder] = await call.gateway.past.orders_of(call.view, account, ids)
    return [
        shapes.listed(
            found,
            call.symbol(found.market),
            [(id, client_id_of(orders[id]) if id in orders else f"o-{id}") for id in found.orders],
            call.unit,
        )
        for found in lists
    ]
