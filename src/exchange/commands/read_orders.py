"""Reading the commands about orders: under version 2 of the rules, and cancel and amend under both.

A plain limit order is what nearly all commands are, and is read without a detour: instructions are looked for only when
the object has more fields than such an order has. The form of each order type stands in docs/rules.md.
"""

from typing import Final

from exchange.commands import fields
from exchange.commands.fields import Object
from exchange.commands.types import (
    Amend,
    Batch,
    Cancel,
    CancelAll,
    CancelList,
    CancelReplace,
    Command,
    Place,
    PlaceList,
)
from exchange.terms.amounts import MAX_COUNT, POINTS
from exchange.terms.codes import Code, Refused
from exchange.terms.instructions import Instructions
from exchange.terms.words import (
    BUY,
    CONDITIONAL,
    FOK,
    GTC,
    GTD,
    IOC,
    LIMIT,
    LIST_KINDS,
    MARKET,
    ORDER_TYPES,
    OTOCO,
    POST_ONLIES,
    PRICED,
    SELF_TRADES,
    SELL,
    TIMES_IN_FORCE,
    OrderType,
    PostOnly,
    SelfTrade,
    Side,
    TimeInForce,
)

MAX_ITEMS: Final = 20
"""The most parts of a batch."""

_NAMES: Final = frozenset(
    [
        "side", "order_type", "tif", "price", "quantity", "quote_amount", "client_id", "stop_price", "trailing_bps",
        "trailing_amount", "expires_ms", "post_only", "display", "stp", "slippage_bps",
    ]
)  # fmt: skip
_PLACE: Final = frozenset(["v", "type", "account", "market"])


def place(body: Object) -> Command:
    """A new order."""
    return _order(body, fields.account(body), fields.text(body, "market"), 4, _PLACE)


def _order(body: Object, account: int, market: str, others: int, other_names: frozenset[str]) -> Place:
    """The order in an object that has `others` more fields, its account and market perhaps among them."""
    side = _side(body)
    order_type = _order_type(body)
    tif = _tif(body)
    price = 0
    quantity = 0
    quote_amount = 0
    client_id = ""
    known = others + 5
    if order_type == LIMIT or order_type in PRICED:
        price = fields.amount(body, "price")
        quantity = fields.amount(body, "quantity")
    else:
        known -= 1
        if "price" in body:
            raise fields.invalid("price")
        spends = order_type == MARKET and "quote_amount" in body
        if tif != IOC and (tif != FOK or order_type != MARKET or spends):
            raise fields.invalid("tif")
        if spends:
            quote_amount = fields.positive(body, "quote_amount")
        else:
            quantity = fields.amount(body, "quantity")
    if len(body) != known and "client_id" in body:
        client_id = fields.client_id(body)
        known += 1
    if len(body) == known and tif != GTD and order_type not in CONDITIONAL:
        return Place(account, market, side, order_type, tif, price, quantity, quote_amount, client_id)
    if "quote_amount" in body and (not quote_amount or "quantity" in body):
        raise fields.invalid("quote_amount")
    instructions = _instructions(body, order_type, tif)
    if len(body) != known + len(instructions.named()):
        raise fields.surplus(body, _NAMES | other_names)
    return Place(account, market, side, order_type, tif, price, quantity, quote_amount, client_id, instructions)


def _side(body: Object) -> Side:
    word = fields.text(body, "side")
    if word == BUY:
        return BUY
    if word == SELL:
        return SELL
    raise fields.invalid("side")


def _order_type(body: Object) -> OrderType:
    word = fields.text(body, "order_type")
    if word == LIMIT:
        return LIMIT
    found = ORDER_TYPES.get(word)
    if found is None:
        raise fields.invalid("order_type")
    return found


def _tif(body: Object) -> TimeInForce:
    word = fields.text(body, "tif")
    if word == GTC:
        return GTC
    found = TIMES_IN_FORCE.get(word)
    if found is None:
        raise fields.invalid("tif")
    return found


def _instructions(body: Object, order_type: OrderType, tif: TimeInForce) -> Instructions:
    """What an order says beyond the plain ones; each refused where the type or time in force has no use for it."""
    stop_price = fields.positive(body, "stop_price") if "stop_price" in body else 0
    trailing_bps = fields.integer(body, "trailing_bps", 1, POINTS - 1) if "trailing_bps" in body else 0
    trailing_amount = fields.positive(body, "trailing_amount") if "trailing_amount" in body else 0
    if order_type in CONDITIONAL:
        if trailing_bps and trailing_amount:
            raise fields.invalid("trailing_amount")
        if not (stop_price or trailing_bps or trailing_amount):
            raise Refused(Code.MISSING_FIELD, "stop_price")
    else:
        for name in ("stop_price", "trailing_bps", "trailing_amount"):
            if name in body:
                raise fields.invalid(name)
    expires_ms = 0
    if tif == GTD:
        expires_ms = fields.integer(body, "expires_ms", 1, MAX_COUNT)
    elif "expires_ms" in body:
        raise fields.invalid("expires_ms")
    rests = tif != IOC and tif != FOK
    post_only: PostOnly = ""
    if "post_only" in body:
        post_only = POST_ONLIES.get(fields.text(body, "post_only"), "")
        if not post_only or order_type != LIMIT or not rests:
            raise fields.invalid("post_only")
    display = 0
    if "display" in body:
        display = fields.positive(body, "display")
        if order_type not in PRICED or not rests:
            raise fields.invalid("display")
    stp = self_trade(body) if "stp" in body else None
    slippage_bps = 0
    if "slippage_bps" in body:
        slippage_bps = fields.integer(body, "slippage_bps", 1, POINTS - 1)
        if order_type in PRICED:
            raise fields.invalid("slippage_bps")
    return Instructions(stop_price, trailing_bps, trailing_amount, expires_ms, post_only, display, stp, slippage_bps)


def self_trade(body: Object) -> SelfTrade:
    """A mode of self-trade prevention."""
    found = SELF_TRADES.get(fields.text(body, "stp"))
    if found is None:
        raise fields.invalid("stp")
    return found


_CANCEL: Final = frozenset(["v", "type", "account", "order", "client_id"])


def cancel(body: Object) -> Command:
    """The end of an order."""
    command = _cancel(body, fields.account(body))
    if len(body) != 4:
        raise fields.surplus(body, _CANCEL)
    return command


def _cancel(body: Object, account: int) -> Cancel:
    if "client_id" in body:
        return Cancel(account, 0, fields.client_id(body))
    return Cancel(account, fields.integer(body, "order", 1, MAX_COUNT), "")


_AMEND: Final = frozenset(["v", "type", "account", "order", "quantity"])


def amend(body: Object) -> Command:
    """The reduction of an order."""
    command = _amend(body, fields.account(body))
    if len(body) != 5:
        raise fields.surplus(body, _AMEND)
    return command


def _amend(body: Object, account: int) -> Amend:
    return Amend(account, fields.integer(body, "order", 1, MAX_COUNT), fields.amount(body, "quantity"))


def cancel_all(body: Object) -> Command:
    """The end of all orders."""
    account = fields.account(body)
    market = ""
    if "market" in body:
        market = fields.market(body)
        fields.only(body, 2, frozenset(["account", "market"]))
    else:
        fields.only(body, 1, frozenset(["account"]))
    return CancelAll(account, market)


def place_list(body: Object) -> Command:
    """Orders that depend on each other; whether they fit together is the engine's to say."""
    account = fields.account(body)
    market = fields.text(body, "market")
    kind = LIST_KINDS.get(fields.text(body, "kind"))
    if kind is None:
        raise fields.invalid("kind")
    client_id = fields.client_id(body) if "client_id" in body else ""
    parts = fields.objects(body, "legs")
    if len(parts) != (3 if kind == OTOCO else 2):
        raise fields.invalid("legs")
    legs = [_order(part, account, market, 0, frozenset()) for part in parts]
    fields.only(body, 5 if client_id else 4, frozenset(["account", "market", "kind", "client_id", "legs"]))
    return PlaceList(account, market, kind, client_id, legs)


def cancel_list(body: Object) -> Command:
    """The end of an order list."""
    account = fields.account(body)
    if "client_id" in body:
        command = CancelList(account, 0, fields.client_id(body))
    else:
        command = CancelList(account, fields.integer(body, "order_list", 1, MAX_COUNT), "")
    fields.only(body, 2, frozenset(["account", "order_list", "client_id"]))
    return command


def cancel_replace(body: Object) -> Command:
    """One order for another."""
    account = fields.account(body)
    ended = _cancel(body, account)
    stop_on_failure = fields.flag(body, "stop_on_failure")
    part = body.get("place")
    if not isinstance(part, dict):
        raise fields.refusal(body, "place")
    order: Object = part
    placed = _order(order, account, fields.text(order, "market"), 1, frozenset(["market"]))
    fields.only(body, 4, frozenset(["account", "order", "client_id", "stop_on_failure", "place"]))
    return CancelReplace(ended, placed, stop_on_failure)


_ITEM: Final = frozenset(["type", "market"])


def batch(body: Object) -> Command:
    """Commands of one account, each as it would stand alone but without `v` and `account`."""
    account = fields.account(body)
    parts = fields.objects(body, "items")
    if not 1 <= len(parts) <= MAX_ITEMS:
        raise fields.invalid("items")
    items = [_item(part, account) for part in parts]
    fields.only(body, 2, frozenset(["account", "items"]))
    return Batch(account, items)


def _item(part: Object, account: int) -> Command:
    kind = part.get("type")
    if kind == "place":
        return _order(part, account, fields.text(part, "market"), 2, _ITEM)
    if kind == "cancel":
        cancel = _cancel(part, account)
        if len(part) != 2:
            raise fields.surplus(part, frozenset(["type", "order", "client_id"]))
        return cancel
    if kind == "amend":
        amend = _amend(part, account)
        if len(part) != 3:
            raise fields.surplus(part, frozenset(["type", "order", "quantity"]))
        return amend
    raise Refused(Code.UNKNOWN_TYPE, "type")
