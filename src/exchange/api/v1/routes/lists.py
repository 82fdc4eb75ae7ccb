"""Order lists: place, look at, cancel."""

from typing import Final

from exchange.api.contract.declared import Objects, Text, Word, endpoint, optional
from exchange.api.contract.reading import Fields
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.v1 import order_replies, schemas
from exchange.api.v1.call import Call, Reply
from exchange.api.v1.limiting import placing
from exchange.api.v1.ordering import CLIENT_ID, ORDER, read_order
from exchange.api.v1.refusals import CANCELING, PAST, PLACING
from exchange.api.v1.routes.paging import PAGE, before
from exchange.commands.types import CancelList, PlaceList
from exchange.projections.live import shapes
from exchange.projections.live.orders import LiveList
from exchange.projections.live.shapes import Json
from exchange.terms.codes import Code
from exchange.terms.words import LIST_KINDS, OTOCO

STATES: Final = {name: name for name in ("open", "all")}

_CANCELING: Final = CANCELING | {Code.UNKNOWN_LIST}


@endpoint(
    "Place an order list; all legs are accepted or none.",
    body={
        "kind": Word(LIST_KINDS),
        "market": Text(),
        "client_list_id": optional(CLIENT_ID),
        "legs": Objects((ORDER,), 2, 3),
    },
    answer=schemas.LIST_PLACED,
    status=201,
    codes=PLACING | {Code.CLIENT_ID_USED, Code.LEG_PRICES, GatewayCode.CLIENT_LIST_ID_REUSED},
)
async def place(call: Call) -> Reply:
    """`POST order-lists`."""
    account = call.account.id
    body = await call.body()
    gateway = call.gateway
    kind = body.choice("kind", LIST_KINDS)
    market = gateway.market(body.text("market"))
    name = body.matched("client_list_id") if "client_list_id" in body else ""
    legs = body.objects("legs")
    wanted = 3 if kind == OTOCO else 2
    if len(legs) != wanted:
        raise ApiError(Code.INVALID_FIELD, "legs", detail=f"A list of kind {kind} has {wanted} legs.")
    orders = [read_order(Fields(leg, ORDER), account, market) for leg in legs]
    with placing(call, len(orders)):
        answer = await gateway.commands.carry_out(PlaceList(account, market.name, kind, name, orders))
    return Reply(order_replies.list_placed(gateway.view, answer), answer.id, status=201)


@endpoint("One order list.", answer=schemas.ORDER_LIST, codes=(Code.UNKNOWN_LIST, *PAST))
async def show(call: Call) -> Reply:
    """`GET order-lists/{id}`."""
    account = call.account.id
    view = call.gateway.view
    found = await call.gateway.past.order_list(view, account, call.path_number("id", Code.UNKNOWN_LIST))
    if found is None:
        raise ApiError(Code.UNKNOWN_LIST, "id", detail="There is no such order list.")
    return Reply(_shown(call, found), view.position)


@endpoint(
    "Order lists, newest first.",
    query={
        "status": optional(Word(STATES)),
        "market": optional(Text()),
        "client_list_id": optional(CLIENT_ID),
        **PAGE,
    },
    answer=schemas.thing(order_lists=schemas.many(schemas.ORDER_LIST)),
    codes=PAST,
    weight=5,
)
async def listing(call: Call) -> Reply:
    """`GET order-lists`."""
    account = call.account
    query = call.query()
    gateway = call.gateway
    view = gateway.view
    if "client_list_id" in query:
        found = await gateway.past.order_list_by_client_id(view, account.id, query.matched("client_list_id"))
        return Reply({"order_lists": [] if found is None else [_shown(call, found)]}, view.position)
    status = query.choice("status", STATES) if "status" in query else "open"
    market = gateway.market(query.text("market")).name if "market" in query else None
    limit = query.number("limit")
    until = before(query)
    if status == "open":
        lists = [
            shown
            for id, shown in sorted(account.lists.items(), reverse=True)
            if (market is None or shown.market == market) and (until is None or id < until)
        ][:limit]
        await gateway.past.complete_lists(account.id, lists)
        still = [_shown(call, shown) for shown in lists if shown.id in account.lists]
        return Reply({"order_lists": still}, view.position)
    page = await gateway.past.order_lists(view, account.id, market=market, before=until, limit=limit)
    return Reply({"order_lists": [_shown(call, shown) for shown in page]}, page.position)


@endpoint("Cancel an order list.", answer=schemas.LIST_ENDED, codes=_CANCELING)
async def cancel(call: Call) -> Reply:
    """`DELETE order-lists/{id}`."""
    account = call.account.id
    return await _cancel(call, CancelList(account, call.path_number("id", Code.UNKNOWN_LIST), ""))


@endpoint(
    "Cancel an order list by the client's id.",
    query={"client_list_id": CLIENT_ID},
    answer=schemas.LIST_ENDED,
    codes=_CANCELING,
)
async def cancel_by_client_id(call: Call) -> Reply:
    """`DELETE order-lists?client_list_id=…`."""
    account = call.account.id
    name = call.query().matched("client_list_id")
    return await _cancel(call, CancelList(account, 0, name))


async def _cancel(call: Call, command: CancelList) -> Reply:
    answer = await call.gateway.commands.carry_out(command)
    return Reply(order_replies.list_canceled(call.gateway.view, answer.outcome), answer.id)


def _shown(call: Call, found: LiveList) -> Json:
    """A list, with its orders as far as this gateway remembers them."""
    gateway = call.gateway
    view = gateway.view
    market = gateway.market(found.market)
    orders = [view.order(found.account, id) for id in found.orders]
    legs = [shapes.order(order, market) for order in orders if order is not None]
    return {**shapes.order_list(found), "legs": legs}
