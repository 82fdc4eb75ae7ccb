"""Reading commands under version 1 of the rules, where version 2 reads otherwise.

What version 1 could not read it refused, and a log of that time must go on getting the same code and field for it
(docs/decisions/0009-versioned-rules.md). So this room is closed: nothing here may ever change.
"""

from typing import Final

from exchange.commands import fields
from exchange.commands.fields import Object
from exchange.commands.types import Command, CreateMarket, Place, SetMarketFees, SetMarketStatus
from exchange.terms.amounts import MAX_FEE
from exchange.terms.words import (
    BUY,
    CANCEL_ONLY,
    GTC,
    HALTED,
    IOC,
    LIMIT,
    MARKET,
    OPEN,
    POST_ONLY,
    SELL,
    MarketStatus,
    OrderType,
    Side,
    TimeInForce,
)

_SIDES: Final[dict[str, Side]] = {"buy": BUY, "sell": SELL}
_ORDER_TYPES: Final[dict[str, OrderType]] = {"limit": LIMIT, "market": MARKET}
_TIMES_IN_FORCE: Final[dict[str, TimeInForce]] = {"gtc": GTC, "ioc": IOC}
_STATUSES: Final[dict[str, MarketStatus]] = {
    "open": OPEN,
    "post_only": POST_ONLY,
    "cancel_only": CANCEL_ONLY,
    "halted": HALTED,
}

_PLACE: Final = frozenset(
    ["account", "market", "side", "order_type", "tif", "price", "quantity", "quote_amount", "client_id"]
)


def place(body: Object) -> Command:
    """Limit orders, and market orders that buy for an amount or trade a quantity."""
    account = fields.account(body)
    market = fields.text(body, "market")
    side = _SIDES.get(fields.text(body, "side"))
    if side is None:
        raise fields.invalid("side")
    order_type = _ORDER_TYPES.get(fields.text(body, "order_type"))
    if order_type is None:
        raise fields.invalid("order_type")
    tif = _TIMES_IN_FORCE.get(fields.text(body, "tif"))
    if tif is None:
        raise fields.invalid("tif")
    known = 5
    price = 0
    quantity = 0
    quote_amount = 0
    client_id = ""
    if order_type == LIMIT:
        price = fields.amount(body, "price")
        quantity = fields.amount(body, "quantity")
        known += 2
    else:
        if tif == GTC:
            raise fields.invalid("tif")
        if "quote_amount" in body:
            if side == SELL:
                raise fields.invalid("quote_amount")
            quote_amount = fields.positive(body, "quote_amount")
        else:
            quantity = fields.amount(body, "quantity")
        known += 1
    if "client_id" in body:
        client_id = fields.client_id(body)
        known += 1
    fields.only(body, known, _PLACE)
    return Place(account, market, side, order_type, tif, price, quantity, quote_amount, client_id)


def set_market_status(body: Object) -> Command:
    """Four statuses: there was no auction."""
    market = fields.market(body)
    status = _STATUSES.get(fields.text(body, "status"))
    if status is None:
        raise fields.invalid("status")
    fields.only(body, 2, frozenset(["market", "status"]))
    return SetMarketStatus(market, status)


def set_market_fees(body: Object) -> Command:
    """No rebates, no tiers."""
    command = SetMarketFees(
        fields.market(body),
        fields.integer(body, "maker_fee", 0, MAX_FEE),
        fields.integer(body, "taker_fee", 0, MAX_FEE),
    )
    fields.only(body, 3, frozenset(["market", "maker_fee", "taker_fee"]))
    return command


def create_market(body: Object) -> Command:
    """No rebates."""
    command = CreateMarket(
        fields.market(body),
        fields.amount(body, "tick_size"),
        fields.amount(body, "lot_size"),
        fields.amount(body, "min_notional"),
        fields.integer(body, "maker_fee", 0, MAX_FEE),
        fields.integer(body, "taker_fee", 0, MAX_FEE),
    )
    fields.only(body, 6, frozenset(["market", "tick_size", "lot_size", "min_notional", "maker_fee", "taker_fee"]))
    return command
