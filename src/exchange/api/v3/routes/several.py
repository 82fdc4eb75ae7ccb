"""Several orders at once: the open ones, all of them, and the end of all (Binance: rest-api.md)."""

from typing import Final

from exchange.api.commanding import Answer
from exchange.api.contract.declared import Text, Whole, optional
from exchange.api.parts import refusal_of
from exchange.api.v3 import canceling, faults, paging, refusing
from exchange.api.v3.call import Call
from exchange.api.v3.declared import Moment, Security, endpoint
from exchange.api.v3.ordering import LONG
from exchange.api.v3.refusing import Asked
from exchange.api.v3.shapes import order_schemas as schemas
from exchange.api.v3.shapes import orders as shapes
from exchange.api.v3.shapes.orders import Json
from exchange.api.v3.shapes.words import NEVER
from exchange.commands.types import CancelAll
from exchange.events.types import AllCanceled
from exchange.projections.live.orders import EXPIRED_IN_MATCH, LiveOrder

_ROUNDS: Final = 100
"""How often a request to cancel all asks the engine, which ends some 1,000 orders at once."""


@endpoint(
    "The open orders, of a market or of all.",
    params={"symbol": optional(Text())},
    security=Security.USER_DATA,
    weight=lambda values: 6 if "symbol" in values else 80,
    answer=schemas.many(schemas.QUERIED),
    method="openOrders.status",
    codes=(faults.BAD_SYMBOL,),
)
async def open_orders(call: Call) -> object:
    """`GET /api/v3/openOrders`."""
    account = call.account
    market = call.market().name if "symbol" in call.params else None
    found = [order for _, order in sorted(account.open.items()) if market is None or order.market == market]
    await call.gateway.past.complete(account.id, found)
    return [_shown(call, order) for order in found if order.id in account.open]


@endpoint(
    "Orders of a market, open and closed: from a number or a moment on, or the newest.",
    params={
        "symbol": Text(),
        "orderId": optional(LONG),
        "startTime": Moment(required=False),
        "endTime": Moment(required=False),
        "limit": optional(Whole(1, 1000, 500)),
    },
    security=Security.USER_DATA,
    weight=20,
    answer=schemas.many(schemas.QUERIED),
    method="allOrders",
    codes=(faults.BAD_SYMBOL, faults.MORE_THAN_HOURS),
)
async def all_orders(call: Call) -> object:
    """`GET /api/v3/allOrders`."""
    account = call.account.id
    market = call.market().name
    span = paging.span(call.params, "orderId")
    past = call.gateway.past
    found = await past.orders_in(call.view, account, market, span)
    matches: dict[int, int] = {}
    if any(order.status == EXPIRED_IN_MATCH for order in found):
        matches = await past.last_matches(
            call.view, account, [order.id for order in found if order.status == EXPIRED_IN_MATCH]
        )
    return [_shown(call, order, matches.get(order.id, NEVER)) for order in found]


@endpoint(
    "Cancel all orders of a market.",
    params={"symbol": Text()},
    security=Security.TRADE,
    answer=schemas.ALL_CANCELED,
    method="openOrders.cancelAll",
    codes=refusing.CANCELING,
)
async def cancel_all(call: Call) -> object:
    """`DELETE /api/v3/openOrders`: told is each order, and each list with its orders."""
    account = call.account.id
    command = CancelAll(account, call.market().name)
    told: list[Json] = []
    for _ in range(_ROUNDS):
        answer = await call.gateway.commands.ask(command)
        refused = refusal_of(answer.outcome)
        if refused is not None:
            raise refusing.refused(*refused, Asked.CANCELING)
        told += _canceled(call, answer, account)
        if not any(isinstance(event, AllCanceled) and event.more for event in answer.outcome.events):
            break
    if not told:
        raise canceling.unknown()
    return told


def _canceled(call: Call, answer: Answer, account: int) -> list[Json]:
    alone: list[Json] = []
    by_list: dict[int, list[LiveOrder]] = {}
    for order in canceling.ended_orders(call, answer.outcome.events, account):
        if order.order_list:
            by_list.setdefault(order.order_list, []).append(order)
        else:
            alone.append(canceling.report(call, answer, order, ""))
    for ended in by_list.values():
        order_list = canceling.list_of(call, ended[0])
        if order_list is not None:
            alone.append(canceling.list_report(call, answer, order_list, ended, ""))
    return alone


def _shown(call: Call, order: LiveOrder, match: int = NEVER) -> Json:
    market = call.view.markets[order.market]
    return shapes.queried(order, market, call.symbol(market.name), call.unit, match)
