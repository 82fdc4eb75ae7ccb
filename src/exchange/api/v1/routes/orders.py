"""Orders: place, look at, cancel, reduce, list, quote."""

from typing import Final

from exchange.api.contract.declared import Amount, Shape, Text, Word, endpoint, optional
from exchange.api.contract.reading import Fields
from exchange.api.errors import ApiError
from exchange.api.v1 import order_replies, schemas
from exchange.api.v1.call import Call, Reply
from exchange.api.v1.limiting import placing
from exchange.api.v1.ordering import CLIENT_ID, ORDER, positive, read_order
from exchange.api.v1.refusals import AMENDING, CANCELING, PAST, PLACING
from exchange.api.v1.routes.paging import KEY, LIMIT, PAGE, before, key
from exchange.commands.types import Amend, Cancel
from exchange.projections.live import quote, shapes
from exchange.projections.live.orders import LiveOrder
from exchange.projections.live.records import LiveMarket
from exchange.terms.amounts import MAX_COUNT
from exchange.terms.codes import Code
from exchange.terms.words import SIDES

STATES: Final = {name: name for name in ("open", "closed", "all")}
REDUCTION: Final[Shape] = {"quantity": Amount()}

_AMENDMENT: Final = "It is the id of an amendment."


@endpoint("Place an order.", body={"market": Text(), **ORDER}, answer=schemas.ORDER_PLACED, status=201, codes=PLACING)
async def place(call: Call) -> Reply:
    """`POST order`."""
    body = await call.body()
    gateway = call.gateway
    command = read_order(body, call.account.id, gateway.market(body.text("market")))
    with placing(call, 1):
        answer = await gateway.commands.carry_out(command)
    return Reply(order_replies.placed(gateway.view, answer), answer.id, status=201)


@endpoint("One order, open or closed.", answer=schemas.ORDER, codes=(Code.UNKNOWN_ORDER, *PAST))
async def show(call: Call) -> Reply:
    """`GET order/{id}`."""
    id = call.path_number("id", Code.UNKNOWN_ORDER)
    view = call.gateway.view
    order = await call.gateway.past.order(view, call.account.id, id)
    if order is None:
        raise ApiError(Code.UNKNOWN_ORDER, "id", detail="There is no such order.")
    return Reply(shapes.order(order, call.gateway.market(order.market)), view.position)


@endpoint("Cancel an order.", answer=schemas.ORDER_ENDED, codes=CANCELING)
async def cancel(call: Call) -> Reply:
    """`DELETE order/{id}`."""
    id = call.path_number("id", Code.UNKNOWN_ORDER)
    return await _cancel(call, Cancel(call.account.id, id, ""))


async def cancel_by_client_id(call: Call, client_id: str) -> Reply:
    """`DELETE orders?client_order_id=…`."""
    return await _cancel(call, Cancel(call.account.id, 0, client_id))


@endpoint("Reduce an order; it keeps its place.", body=REDUCTION, answer=schemas.ORDER_AMENDED, codes=AMENDING)
async def amend(call: Call) -> Reply:
    """`PATCH order/{id}`."""
    body = await call.body()
    id = call.path_number("id", Code.UNKNOWN_ORDER)
    command = await amendment(call, id, body)
    answer = await call.gateway.commands.carry_out(command)
    return Reply(order_replies.amended(call.gateway.view, answer.outcome, id), answer.id)


async def amendment(call: Call, id: int, body: Fields) -> Amend:
    """The reduction of an order to the `quantity` that a request gives.

    Raises:
        ApiError: the quantity is wrong, or there is no such order whose market would say how it is written.
    """
    gateway = call.gateway
    order = gateway.view.order(call.account.id, id)
    if order is None:
        await gateway.catch_up()
        order = gateway.view.order(call.account.id, id)
    if order is None:
        raise ApiError(Code.UNKNOWN_ORDER, "id")
    return Amend(call.account.id, id, positive(body, "quantity", gateway.market(order.market).base_decimals))


@endpoint(
    "The reductions of an order, newest first.",
    query={"limit": LIMIT, "before": optional(Text(KEY, _AMENDMENT))},
    answer=schemas.thing(amendments=schemas.many(schemas.AMENDMENT)),
    codes=(Code.UNKNOWN_ORDER, *PAST),
    weight=5,
)
async def amendments(call: Call) -> Reply:
    """`GET order/{id}/amendments`."""
    id = call.path_number("id", Code.UNKNOWN_ORDER)
    query = call.query()
    gateway = call.gateway
    account = call.account.id
    until = key(query, _AMENDMENT) if "before" in query else None
    order = await gateway.past.order(gateway.view, account, id)
    if order is None:
        raise ApiError(Code.UNKNOWN_ORDER, "id", detail="There is no such order.")
    page = await gateway.past.amendments(gateway.view, account, id, before=until, limit=query.number("limit"))
    market = gateway.market(order.market)
    return Reply({"amendments": [shapes.amendment(amendment, market) for amendment in page]}, page.position)


@endpoint(
    "Orders, newest first.",
    query={
        "status": optional(Word(STATES)),
        "market": optional(Text()),
        "client_order_id": optional(CLIENT_ID),
        **PAGE,
    },
    answer=schemas.thing(orders=schemas.many(schemas.ORDER)),
    codes=PAST,
    weight=5,
)
async def listing(call: Call) -> Reply:
    """`GET orders`."""
    query = call.query()
    gateway = call.gateway
    account = call.account
    view = gateway.view
    if "client_order_id" in query:
        found = await gateway.past.order_by_client_id(view, account.id, query.matched("client_order_id"))
        return _orders(call, [] if found is None else [found])
    status = query.choice("status", STATES) if "status" in query else "open"
    market = gateway.market(query.text("market")).name if "market" in query else None
    limit = query.number("limit")
    until = before(query)
    if status == "open":
        newest = sorted(account.open.values(), key=lambda order: -order.id)
        matching = [
            order
            for order in newest
            if (market is None or order.market == market) and (until is None or order.id < until)
        ][:limit]
        await gateway.past.complete(account.id, matching)
        return _orders(call, [order for order in matching if order.id in account.open])
    page = await gateway.past.orders(
        view, account.id, closed=status == "closed", market=market, before=until, limit=limit
    )
    shown = _orders(call, page)
    shown.position = page.position
    return shown


@endpoint(
    "What a market order would get now.",
    body={"market": Text(), "kind": Word(SIDES), "quantity": optional(Amount()), "quote_amount": optional(Amount())},
    answer=schemas.QUOTE,
    codes=(Code.UNKNOWN_MARKET, Code.OFF_LOT, Code.MISSING_FIELD),
)
async def quoted(call: Call) -> Reply:
    """`POST order/quote`."""
    body = await call.body()
    market = call.gateway.market(body.text("market"))
    kind = body.choice("kind", SIDES)
    quantity, quote_amount = _size(body, market)
    if quantity % market.lot_size:
        raise ApiError(Code.OFF_LOT, "quantity")
    if quantity > market.lot_size * MAX_COUNT:
        raise ApiError(Code.OUT_OF_RANGE, "quantity")
    gateway = call.gateway
    _, taker_fee = gateway.view.rates(None, market, gateway.time.now_ms())
    found = quote.walk(market, kind, quantity, quote_amount, taker_fee)
    return Reply(quote.shape(market, kind, quantity, quote_amount, found), call.gateway.view.position)


async def _cancel(call: Call, command: Cancel) -> Reply:
    answer = await call.gateway.commands.carry_out(command)
    return Reply(order_replies.canceled(call.gateway.view, answer.outcome), answer.id)


def _orders(call: Call, orders: list[LiveOrder]) -> Reply:
    gateway = call.gateway
    return Reply(
        {"orders": [shapes.order(order, gateway.market(order.market)) for order in orders]}, gateway.view.position
    )


def _size(body: Fields, market: LiveMarket) -> tuple[int, int]:
    """The quantity or the quote amount of a market order; the other is zero."""
    if "quote_amount" not in body:
        return positive(body, "quantity", market.base_decimals), 0
    if "quantity" in body:
        raise ApiError(Code.INVALID_FIELD, "quote_amount", detail="Give quantity or quote_amount, not both.")
    return 0, positive(body, "quote_amount", market.quote_decimals)
