"""Several orders with one request: cancel all, replace one, a batch."""

from collections.abc import Mapping
from typing import Final

from exchange.api import order_replies
from exchange.api.call import Call, Reply
from exchange.api.errors import ApiError
from exchange.api.ordering import ORDER, client_id, read_order
from exchange.api.reading import Fields
from exchange.api.routes.orders import amendment, cancel_by_client_id
from exchange.commands.read_orders import MAX_ITEMS
from exchange.commands.types import Amend, Batch, Cancel, CancelAll, CancelReplace, Command, Place
from exchange.projections.live.shapes import Json
from exchange.terms.amounts import MAX_COUNT
from exchange.terms.codes import Code

_ROUNDS: Final = 100
"""How often a request to cancel all asks the engine, which ends some 1,000 orders at once."""

_ACTIONS: Final = {name: name for name in ("place", "cancel", "amend")}


async def cancel(call: Call) -> Reply:
    """`DELETE orders`: one by its client's id, or all."""
    account = call.account.id
    query = call.query("client_order_id", "market")
    await call.no_body()
    if "client_order_id" in query:
        if "market" in query:
            detail = "Name one order by client_order_id, or cancel all of a market."
            raise ApiError(Code.INVALID_FIELD, "market", detail=detail)
        return await cancel_by_client_id(call, client_id(query))
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


async def replace(call: Call) -> Reply:
    """`POST order/{id}/replace`."""
    account = call.account.id
    call.query()
    return await _replace(call, Cancel(account, call.path_number("id", Code.UNKNOWN_ORDER), ""))


async def replace_by_client_id(call: Call) -> Reply:
    """`POST orders/replace?client_order_id=…`."""
    account = call.account.id
    return await _replace(call, Cancel(account, 0, client_id(call.query("client_order_id"))))


async def _replace(call: Call, ended: Cancel) -> Reply:
    body = await call.body("stop_on_failure", "market", *ORDER)
    gateway = call.gateway
    placed = read_order(body, ended.account, gateway.market(body.text("market")))
    stop_on_failure = "stop_on_failure" not in body or body.flag("stop_on_failure")
    command = CancelReplace(ended, placed, stop_on_failure)
    answer = await gateway.commands.carry_out(command)
    return Reply(order_replies.replaced(gateway.view, answer, command), answer.id)


async def batch(call: Call) -> Reply:
    """`POST batch`: each item is answered as it would be alone, also where this gateway refuses it."""
    account = call.account.id
    body = await call.body("items")
    given = body.objects("items")
    if not 1 <= len(given) <= MAX_ITEMS:
        raise ApiError(Code.INVALID_FIELD, "items", detail=f"It must have 1 to {MAX_ITEMS} items.")
    read = [await _item(call, item) for item in given]
    command = Batch(account, [item for item in read if not isinstance(item, ApiError)])
    if not command.items:
        return Reply({"results": [item.body() for item in read if isinstance(item, ApiError)]})
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
    action = Fields(item, tuple(item)).choice("action", _ACTIONS)
    if action == "place":
        order = Fields(item, ("action", "market", *ORDER))
        return read_order(order, account, call.gateway.market(order.text("market")))
    if action == "amend":
        reduced = Fields(item, ("action", "id", "quantity"))
        return await amendment(call, reduced.number("id", 1, MAX_COUNT), reduced)
    ended = Fields(item, ("action", "id", "client_order_id"))
    if "client_order_id" not in ended:
        return Cancel(account, ended.number("id", 1, MAX_COUNT), "")
    if "id" in ended:
        raise ApiError(Code.INVALID_FIELD, "id", detail="Give id or client_order_id, not both.")
    return Cancel(account, 0, client_id(ended))
