"""Orders: place, look at, cancel, reduce, list, quote."""

from exchange.api import replies
from exchange.api.call import Call, Reply
from exchange.api.errors import ApiError
from exchange.api.reading import Fields
from exchange.commands.types import Amend, Cancel, Place
from exchange.projections.live import quote, shapes
from exchange.projections.live.orders import LiveOrder
from exchange.projections.live.records import LiveMarket
from exchange.terms.amounts import MAX_COUNT
from exchange.terms.codes import Code
from exchange.terms.words import (
    BUY,
    CLIENT_ID_PATTERN,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    ORDER_TYPES,
    SIDES,
    TIMES_IN_FORCE,
    Side,
)

MAX_PAGE = 500
DEFAULT_PAGE = 100


async def place(call: Call) -> Reply:
    """`POST order`."""
    body = await call.body(
        "type", "kind", "market", "price", "quantity", "quote_amount", "time_in_force", "client_order_id"
    )
    gateway = call.gateway
    account = call.account
    order_type = body.choice("type", ORDER_TYPES)
    kind = body.choice("kind", SIDES)
    market = gateway.market(body.text("market"))
    price = 0
    if order_type == LIMIT:
        tif = body.choice("time_in_force", TIMES_IN_FORCE) if "time_in_force" in body else GTC
        price = _positive("price", body.amount("price", market.quote_decimals))
        if "quote_amount" in body:
            raise ApiError(Code.INVALID_FIELD, "quote_amount", detail="A limit order has a quantity.")
        quantity, quote_amount = _positive("quantity", body.amount("quantity", market.base_decimals)), 0
    else:
        tif = IOC
        if "time_in_force" in body and body.choice("time_in_force", TIMES_IN_FORCE) != IOC:
            raise ApiError(Code.INVALID_FIELD, "time_in_force", detail="A market order is always ioc.")
        if "price" in body:
            raise ApiError(Code.INVALID_FIELD, "price", detail="A market order has no price.")
        quantity, quote_amount = _size(body, kind, market)
    client_id = _client_id(body) if "client_order_id" in body else ""
    command = Place(account.id, market.name, kind, order_type, tif, price, quantity, quote_amount, client_id)
    answer = await gateway.commands.carry_out(command)
    return Reply(replies.placed(gateway.view, answer.id, answer.outcome), answer.id, status=201)


async def show(call: Call) -> Reply:
    """`GET order/{id}`."""
    id = call.path_number("id", Code.UNKNOWN_ORDER)
    call.query()
    view = call.gateway.view
    order = await call.gateway.past.order(view, call.account.id, id)
    if order is None:
        raise ApiError(Code.UNKNOWN_ORDER, "id", detail="There is no such order.")
    return Reply(shapes.order(order, call.gateway.market(order.market)), view.position)


async def cancel(call: Call) -> Reply:
    """`DELETE order/{id}`."""
    call.query()
    await call.no_body()
    id = call.path_number("id", Code.UNKNOWN_ORDER)
    return await _cancel(call, Cancel(call.account.id, _order_number(id), ""))


async def cancel_by_client_id(call: Call) -> Reply:
    """`DELETE orders?client_order_id=…`."""
    client_id = _client_id(call.query("client_order_id"))
    await call.no_body()
    return await _cancel(call, Cancel(call.account.id, 0, client_id))


async def amend(call: Call) -> Reply:
    """`PATCH order/{id}`."""
    call.query()
    body = await call.body("quantity")
    id = _order_number(call.path_number("id", Code.UNKNOWN_ORDER))
    gateway = call.gateway
    order = gateway.view.order(call.account.id, id)
    if order is None:
        await gateway.catch_up()
        order = gateway.view.order(call.account.id, id)
    if order is None:
        raise ApiError(Code.UNKNOWN_ORDER, "id")
    market = gateway.market(order.market)
    quantity = _positive("quantity", body.amount("quantity", market.base_decimals))
    answer = await gateway.commands.carry_out(Amend(call.account.id, id, quantity))
    return Reply(replies.amended(gateway.view, answer.outcome), answer.id)


async def listing(call: Call) -> Reply:
    """`GET orders`."""
    query = call.query("status", "market", "limit", "before", "client_order_id")
    gateway = call.gateway
    account = call.account
    view = gateway.view
    if "client_order_id" in query:
        found = await gateway.past.order_by_client_id(view, account.id, _client_id(query))
        return _orders(call, [] if found is None else [found])
    status = query.choice("status", {name: name for name in ("open", "closed", "all")}) if "status" in query else "open"
    market = gateway.market(query.text("market")).name if "market" in query else None
    limit = query.limit(DEFAULT_PAGE, MAX_PAGE)
    before = query.before()
    if status == "open":
        newest = sorted(account.open.values(), key=lambda order: -order.id)
        matching = [
            order
            for order in newest
            if (market is None or order.market == market) and (before is None or order.id < before)
        ][:limit]
        await gateway.past.complete(account.id, matching)
        return _orders(call, [order for order in matching if order.id in account.open])
    page = await gateway.past.orders(
        view, account.id, closed=status == "closed", market=market, before=before, limit=limit
    )
    shown = _orders(call, page)
    shown.position = page.position
    return shown


async def quoted(call: Call) -> Reply:
    """`POST order/quote`."""
    body = await call.body("market", "kind", "quantity", "quote_amount")
    market = call.gateway.market(body.text("market"))
    kind = body.choice("kind", SIDES)
    quantity, quote_amount = _size(body, kind, market)
    if quantity % market.lot_size:
        raise ApiError(Code.OFF_LOT, "quantity")
    if quantity > market.lot_size * MAX_COUNT:
        raise ApiError(Code.OUT_OF_RANGE, "quantity")
    found = quote.walk(market, kind, quantity, quote_amount)
    return Reply(quote.shape(market, kind, quantity, quote_amount, found), call.gateway.view.position)


async def _cancel(call: Call, command: Cancel) -> Reply:
    answer = await call.gateway.commands.carry_out(command)
    return Reply(replies.canceled(call.gateway.view, answer.outcome), answer.id)


def _orders(call: Call, orders: list[LiveOrder]) -> Reply:
    gateway = call.gateway
    return Reply(
        {"orders": [shapes.order(order, gateway.market(order.market)) for order in orders]}, gateway.view.position
    )


def _size(body: Fields, kind: Side, market: LiveMarket) -> tuple[int, int]:
    """The quantity or the quote amount of a market order; the other is zero."""
    if "quote_amount" not in body:
        return _positive("quantity", body.amount("quantity", market.base_decimals)), 0
    if "quantity" in body:
        raise ApiError(Code.INVALID_FIELD, "quote_amount", detail="Give quantity or quote_amount, not both.")
    if kind != BUY:
        raise ApiError(Code.INVALID_FIELD, "quote_amount", detail=f"Only a {BUY} of type {MARKET} may spend an amount.")
    return 0, _positive("quote_amount", body.amount("quote_amount", market.quote_decimals))


def _positive(name: str, amount: int) -> int:
    if amount == 0:
        raise ApiError(Code.NOT_POSITIVE, name)
    return amount


def _client_id(fields: Fields) -> str:
    text = fields.text("client_order_id")
    if CLIENT_ID_PATTERN.fullmatch(text) is None:
        detail = "A client order id is 1 to 36 of A-Z a-z 0-9 _ . : / -"
        raise ApiError(Code.INVALID_FIELD, "client_order_id", detail=detail)
    return text


def _order_number(id: int) -> int:
    """An order's number as a command can carry it; none other can exist."""
    if not 1 <= id <= MAX_COUNT:
        raise ApiError(Code.UNKNOWN_ORDER, "id")
    return id
