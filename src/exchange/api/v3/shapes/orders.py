"""Orders and order lists as the venue shows them (Binance: rest-api.md, "Trading endpoints").

Prices and quantities have all the decimals of their assets. Every time is milliseconds times `unit`. Fields that the
venue shows on conditions only are under `_sometimes`.
"""

from collections.abc import Iterable

from exchange.api.v3.shapes.words import (
    NEVER,
    client_id_of,
    contingency_of,
    expiry_of,
    list_client_id_of,
    list_status_of,
    side_of,
    status_of,
    stp_of,
    tif_of,
    trailing_ms,
    type_of,
    working_ms,
)
from exchange.projections.live.orders import EXPIRED_IN_MATCH, LiveList, LiveOrder
from exchange.projections.live.records import LiveMarket
from exchange.terms.words import CONDITIONAL

Json = dict[str, object]


def at(ms: int | None, unit: int) -> int:
    """A time as it is answered; one that is not known, or has not come, as −1."""
    return NEVER if ms is None or ms < 0 else ms * unit


def acknowledged(order: LiveOrder, symbol: str, ms: int, unit: int = 1) -> Json:
    """An order's acceptance, without what became of it."""
    return {
        "symbol": symbol,
        "orderId": order.id,
        "orderListId": order.order_list or NEVER,
        "clientOrderId": client_id_of(order),
        "transactTime": ms * unit,
    }


def reported(order: LiveOrder, market: LiveMarket, symbol: str, ms: int, unit: int = 1) -> Json:
    """An order as it stands after the command of the moment `ms`."""
    told = acknowledged(order, symbol, ms, unit)
    _standing(told, order, market)
    told["workingTime"] = at(working_ms(order), unit)
    told["selfTradePreventionMode"] = stp_of(order)
    _sometimes(told, order, market, unit)
    return told


def canceled(order: LiveOrder, market: LiveMarket, symbol: str, name: str, ms: int, unit: int = 1) -> Json:
    """An order that was cancelled by a request of that name."""
    told: Json = {
        "symbol": symbol,
        "origClientOrderId": client_id_of(order),
        "orderId": order.id,
        "orderListId": order.order_list or NEVER,
        "clientOrderId": name,
        "transactTime": ms * unit,
    }
    _standing(told, order, market)
    told["selfTradePreventionMode"] = stp_of(order)
    _sometimes(told, order, market, unit)
    return told


def queried(order: LiveOrder, market: LiveMarket, symbol: str, unit: int = 1, prevented_match: int = NEVER) -> Json:
    """An order that is looked at; `prevented_match` is the last that it ended by."""
    form = market.format
    working = working_ms(order)
    told: Json = {
        "symbol": symbol,
        "orderId": order.id,
        "orderListId": order.order_list or NEVER,
        "clientOrderId": client_id_of(order),
        "price": form.quote(order.price),
        "origQty": form.base(_size(order)),
        "executedQty": form.base(order.filled),
        "cummulativeQuoteQty": _paid(order, market),
        "status": status_of(order),
        "timeInForce": tif_of(order),
        "type": type_of(order),
        "side": side_of(order.kind),
        "stopPrice": form.quote(order.instructions.stop_price),
        "icebergQty": form.base(order.instructions.display),
        "time": at(order.created, unit),
        "updateTime": at(order.updated, unit),
        "isWorking": working != NEVER,
        "workingTime": at(working, unit),
        "origQuoteOrderQty": form.quote(order.quote_amount),
        "selfTradePreventionMode": stp_of(order),
    }
    if order.instructions.trailing_bps:
        told["trailingDelta"] = order.instructions.trailing_bps
        told["trailingTime"] = at(trailing_ms(order), unit)
    if order.status == EXPIRED_IN_MATCH:
        if prevented_match != NEVER:
            told["preventedMatchId"] = prevented_match
        told["preventedQuantity"] = form.base(order.prevented)
    expiry = expiry_of(order)
    if expiry:
        told["expiryReason"] = expiry
    return told


def amended(order: LiveOrder, market: LiveMarket, symbol: str, unit: int = 1) -> Json:
    """An order that was reduced."""
    form = market.format
    told: Json = {
        "symbol": symbol,
        "orderId": order.id,
        "orderListId": order.order_list or NEVER,
        "origClientOrderId": client_id_of(order),
        "clientOrderId": client_id_of(order),
        "price": form.quote(order.price),
        "qty": form.base(_size(order)),
        "executedQty": form.base(order.filled),
        "preventedQty": form.base(order.prevented),
        "quoteOrderQty": form.quote(order.quote_amount),
        "cumulativeQuoteQty": _paid(order, market),
        "status": status_of(order),
        "timeInForce": tif_of(order),
        "type": type_of(order),
        "side": side_of(order.kind),
    }
    working = working_ms(order)
    if working != NEVER:
        told["workingTime"] = at(working, unit)
    told["selfTradePreventionMode"] = stp_of(order)
    _conditions(told, order, market, unit)
    return told


def listed(order_list: LiveList, symbol: str, names: Iterable[tuple[int, str]], unit: int = 1) -> Json:
    """An order list; `names` are the numbers and client's ids of its members."""
    kind, status = list_status_of(order_list)
    return {
        "orderListId": order_list.id,
        "contingencyType": contingency_of(order_list),
        "listStatusType": kind,
        "listOrderStatus": status,
        "listClientOrderId": list_client_id_of(order_list),
        "transactionTime": at(order_list.updated, unit),
        "symbol": symbol,
        "orders": [{"symbol": symbol, "orderId": id, "clientOrderId": name} for id, name in names],
    }


def _standing(told: Json, order: LiveOrder, market: LiveMarket) -> None:
    form = market.format
    told["price"] = form.quote(order.price)
    told["origQty"] = form.base(_size(order))
    told["executedQty"] = form.base(order.filled)
    told["origQuoteOrderQty"] = form.quote(order.quote_amount)
    told["cummulativeQuoteQty"] = _paid(order, market)
    told["status"] = status_of(order)
    told["timeInForce"] = tif_of(order)
    told["type"] = type_of(order)
    told["side"] = side_of(order.kind)


def _sometimes(told: Json, order: LiveOrder, market: LiveMarket, unit: int) -> None:
    _conditions(told, order, market, unit)
    if order.status == EXPIRED_IN_MATCH:
        told["preventedQuantity"] = market.format.base(order.prevented)
    expiry = expiry_of(order)
    if expiry:
        told["expiryReason"] = expiry


def _conditions(told: Json, order: LiveOrder, market: LiveMarket, unit: int) -> None:
    instructions = order.instructions
    if instructions.display:
        told["icebergQty"] = market.format.base(instructions.display)
    if order.type in CONDITIONAL:
        told["stopPrice"] = market.format.quote(instructions.stop_price)
        if instructions.trailing_bps:
            told["trailingDelta"] = instructions.trailing_bps
            told["trailingTime"] = at(trailing_ms(order), unit)


def _size(order: LiveOrder) -> int:
    """The quantity that was asked for; of an order by quote amount what it came to."""
    return order.quantity or order.filled


def _paid(order: LiveOrder, market: LiveMarket) -> str:
    """What it has traded for; below zero where that is not known (Binance: rest-api.md, Query order)."""
    return market.format.quote(NEVER if order.paid is None else order.paid)
