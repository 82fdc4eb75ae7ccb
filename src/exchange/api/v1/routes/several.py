"""Several orders with one request: cancel all, replace one, a batch."""

from collections.abc import Mapping
from typing import Final

from exchange.api.contract.declared import Amount, Flag, Kind, Objects, Shape, Text, Whole, Word, endpoint, optional
from exchange.api.contract.reading import Fields
from exchange.api.errors import ApiError
from exchange.api.v1 import order_replies, schemas
from exchange.api.v1.call import Call, Reply
from exchange.api.v1.limiting import placing
from exchange.api.v1.ordering import CLIENT_ID, ORDER, read_order
from exchange.api.v1.refusals import AMENDING, CANCELING, PLACING
from exchange.api.v1.routes.orders import amendment, cancel_by_client_id
from exchange.commands.read_orders import MAX_ITEMS
from exchange.commands.types import Amend, Batch, Cancel, CancelAll, CancelReplace, Command, Place
from exchange.projections.live.shapes import Json
from exchange.terms.amounts import MAX_COUNT
from exchange.terms.codes import Code

_ROUNDS: Final = 100
"""How often a request to cancel all asks the engine, which ends some 1,000 orders at once."""

_ACTIONS: Final = {name: name for name in ("place", "cancel", "amend")}

_ACTION: Final[Kind] = Word(_ACTIONS)
_ID: Final = Whole(1, MAX_COUNT)
_PLACE: Final[Shape] = {"action": Word({"place": "place"}), "market": Text(), **ORDER}
_AMEND: Final[Shape] = {"action": Word({"amend": "amend"}), "id": _ID, "quantity": Amount()}
_CANCEL: Final[Shape] = {
    "action": Word({"cancel": "cancel"}),
    "id": optional(_ID),
    "client_order_id": optional(CLIENT_ID),
}

_REPLACEMENT: Final[Shape] = {"stop_on_failure": optional(Flag()), "market": Text(), **ORDER}
_REPLACED: Final = schemas.thing(
    canceled=schemas.maybe(schemas.either(schemas.ORDER_ENDED, schemas.ERROR)),
    placed=schemas.maybe(schemas.either(schemas.ORDER_PLACED, schemas.ERROR)),
)


@endpoint(
    "Cancel one order by the client's id, or all orders, or all of a market.",
    query={"client_order_id": optional(CLIENT_ID), "market": optional(Text())},
    answer=schemas.either(schemas.ORDER_ENDED, schemas.thing(canceled=schemas.COUNT, more=schemas.FLAG)),
    codes=CANCELING | {Code.UNKNOWN_MARKET},
)
async def cancel(call: Call) -> Reply:
    """`DELETE orders`: one by its client's id, or all."""
    account = call.account.id
    query = call.query()
    if "client_order_id" in query:
        if "market" in query:
            detail = "Name one order by client_order_id, or cancel all of a market."
            raise ApiError(Code.INVALID_FIELD, "market", detail=detail)
        return await cancel_by_client_id(call, query.matched("client_order_id"))
    gateway = call.gateway
    command = CancelAll(account, gateway.market(query.text("market")).name if "market" in query else "")
    total = 0
    for _ in range(_ROUNDS):
        answer = await gateway.commands.carry_out(command)
        count, more = order_replies.all_canceled(answer.outcome)
        total += count
        if not more:
            break
    return Reply({"canceled": total, "more": more}, answer.id)


@endpoint(
    "Cancel an order and place another.",
    body=_REPLACEMENT,
    answer=_REPLACED,
    codes=PLACING | CANCELING,
)
async def replace(call: Call) -> Reply:
    """`POST order/{id}/replace`."""
    account = call.account.id
    return await _replace(call, Cancel(account, call.path_number("id", Code.UNKNOWN_ORDER), ""))


@endpoint(
    "Cancel an order by the client's id and place another.",
    query={"client_order_id": CLIENT_ID},
    body=_REPLACEMENT,
    answer=_REPLACED,
    codes=PLACING | CANCELING,
)
async def replace_by_client_id(call: Call) -> Reply:
    """`POST orders/replace?client_order_id=…`."""
    account = call.account.id
    return await _replace(call, Cancel(account, 0, call.query().matched("client_order_id")))


async def _replace(call: Call, ended: Cancel) -> Reply:
    body = await call.body()
    gateway = call.gateway
    placed = read_order(body, ended.account, gateway.market(body.text("market")))
    stop_on_failure = "stop_on_failure" not in body or body.flag("stop_on_failure")
    command = CancelReplace(ended, placed, stop_on_failure)
    with placing(call, 1):
        answer = await gateway.commands.carry_out(command)
    return Reply(order_replies.replaced(gateway.view, answer, command), answer.id)


@endpoint(
    "Do several things one after the other.",
    body={"items": Objects((_PLACE, _CANCEL, _AMEND), 1, MAX_ITEMS)},
    answer=schemas.thing(
        results=schemas.many(
            schemas.either(schemas.ORDER_PLACED, schemas.ORDER_ENDED, schemas.ORDER_AMENDED, schemas.ERROR)
        )
    ),
    codes=PLACING | AMENDING,
    weight=5,
)
async def batch(call: Call) -> Reply:
    """`POST batch`: each item is answered as it would be alone, also where this gateway refuses it."""
    account = call.account.id
    body = await call.body()
    given = body.objects("items")
    if not 1 <= len(given) <= MAX_ITEMS:
        raise ApiError(Code.INVALID_FIELD, "items", detail=f"It must have 1 to {MAX_ITEMS} items.")
    read = [await _item(call, item) for item in given]
    command = Batch(account, [item for item in read if not isinstance(item, ApiError)])
    if not command.items:
        refused = [item.body() for item in read if isinstance(item, ApiError)]
        return Reply({"results": refused}, call.gateway.view.position)
    with placing(call, sum(isinstance(item, Place) for item in command.items)):
        answer = await call.gateway.commands.carry_out(command)
    told = iter(order_replies.batch(call.gateway.view, answer, command))
    results: list[Json] = [item.body() if isinstance(item, ApiError) else next(told) for item in read]
    return Reply({"results": results}, answer.id)


async def _item(call: Call, item: Mapping[str, object]) -> Command | ApiError:
    try:
        return await _read_item(call, item)
    except ApiError as error:
        return error


async def _read_item(call: Call, item: Mapping[str, object]) -> Place | Cancel | Amend:
    account = call.account.id
    action = Fields(item, dict.fromkeys(item, _ACTION)).choice("action", _ACTIONS)
    if action == "place":
        order = Fields(item, _PLACE)
        return read_order(order, account, call.gateway.market(order.text("market")))
    if action == "amend":
        reduced = Fields(item, _AMEND)
        return await amendment(call, reduced.number("id"), reduced)
    ended = Fields(item, _CANCEL)
    if "client_order_id" not in ended:
        return Cancel(account, ended.number("id"), "")
    if "id" in ended:
        raise ApiError(Code.INVALID_FIELD, "id", detail="Give id or client_order_id, not both.")
    return Cancel(account, 0, ended.matched("client_order_id"))
