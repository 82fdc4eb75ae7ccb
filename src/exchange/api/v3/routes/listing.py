"""Placing order lists (Binance: rest-api.md, "Order lists"); `lists` looks at them and cancels them.

The legs of an OCO are sent to the engine with the stop-loss leg first, which is the order in which the venue shows
them.
"""

from typing import Final

from exchange.api.commanding import Answer
from exchange.api.contract.declared import Amount, Kind, Text, Word, optional
from exchange.api.parts import refusal_of
from exchange.api.v3 import faults, ordering, refusing
from exchange.api.v3.call import Call
from exchange.api.v3.declared import Asks, Security, Shape, asking, endpoint
from exchange.api.v3.faults import Fault
from exchange.api.v3.ordering import CLIENT_ID, LONG, Naming
from exchange.api.v3.params import Params
from exchange.api.v3.refusing import Asked
from exchange.api.v3.shapes import order_schemas as schemas
from exchange.api.v3.shapes import orders as shapes
from exchange.api.v3.shapes import placed
from exchange.commands.types import Place, PlaceList
from exchange.projections.live.records import LiveMarket
from exchange.terms.words import (
    LIMIT,
    OCO,
    OTO,
    OTOCO,
    STOP_LOSS,
    STOP_LOSS_LIMIT,
    ListKind,
)

ABOVE: Final = Naming("above", side="side", quantity="quantity")
BELOW: Final = Naming("below", side="side", quantity="quantity")
WORKING: Final = Naming("working")
PENDING: Final = Naming("pending")
PENDING_ABOVE: Final = Naming("pendingAbove", side="pendingSide", quantity="pendingQuantity")
PENDING_BELOW: Final = Naming("pendingBelow", side="pendingSide", quantity="pendingQuantity")

_STOPS: Final = (STOP_LOSS, STOP_LOSS_LIMIT)
_WHOLE: Final[Shape] = {
    "symbol": Text(),
    "listClientOrderId": optional(CLIENT_ID),
    **ordering.STP,
    **ordering.RESPONSE,
}
_SIDED: Final[Shape] = {"side": Word(ordering.SIDES), "quantity": Amount()}
_PENDING: Final[Shape] = {"pendingSide": Word(ordering.SIDES), "pendingQuantity": Amount()}
OCO_SHAPE: Final[Shape] = {
    **_WHOLE,
    **_SIDED,
    **ABOVE.shape(sided=False, sized=False),
    **BELOW.shape(sided=False, sized=False),
}
OTO_SHAPE: Final[Shape] = {**_WHOLE, **WORKING.shape(), **PENDING.shape()}
OTOCO_SHAPE: Final[Shape] = {
    **_WHOLE,
    **WORKING.shape(),
    **_PENDING,
    **PENDING_ABOVE.shape(sided=False, sized=False),
    **PENDING_BELOW.shape(sided=False, sized=False),
}
_CODES: Final = refusing.PLACING | {faults.OCO_TYPE_REJECTED, faults.OCO_ICEBERG_TIF, *faults.OCO_SIDES}


@asking(
    "Place two orders of which one cancels the other.",
    params=OCO_SHAPE,
    orders=2,
    answer=schemas.LIST_PLACED,
    method="orderList.place.oco",
    codes=_CODES,
)
def place_oco(call: Call) -> Asks:
    """`POST /api/v3/orderList/oco`."""
    account, market = call.account.id, call.market()
    return _place(call, market, OCO, _pair(call.params, account, market, ABOVE, BELOW))


@asking(
    "Place an order that places another once it is filled.",
    params=OTO_SHAPE,
    orders=2,
    answer=schemas.LIST_PLACED,
    method="orderList.place.oto",
    codes=_CODES,
)
def place_oto(call: Call) -> Asks:
    """`POST /api/v3/orderList/oto`."""
    account, market = call.account.id, call.market()
    working = _working(call, account, market)
    return _place(call, market, OTO, [working, ordering.read_order(call.params, account, market, PENDING)])


@asking(
    "Place an order that places a pair, of which one cancels the other, once it is filled.",
    params=OTOCO_SHAPE,
    orders=3,
    answer=schemas.LIST_PLACED,
    method="orderList.place.otoco",
    codes=_CODES,
)
def place_otoco(call: Call) -> Asks:
    """`POST /api/v3/orderList/otoco`."""
    account, market = call.account.id, call.market()
    working = _working(call, account, market)
    return _place(call, market, OTOCO, [working, *_pair(call.params, account, market, PENDING_ABOVE, PENDING_BELOW)])


def _working(call: Call, account: int, market: LiveMarket) -> Place:
    order = ordering.read_order(call.params, account, market, WORKING)
    if order.order_type != LIMIT:
        raise Fault(faults.INVALID_TYPE, "Invalid orderType.")
    return order


def _pair(params: Params, account: int, market: LiveMarket, above: Naming, below: Naming) -> list[Place]:
    """Two legs of which one cancels the other, the stop-loss first (Binance: errors.md, -1158 to -1199)."""
    for names in (above, below):
        if params.text(names.type) in ("LIMIT", "MARKET"):
            raise Fault(faults.OCO_TYPE_REJECTED, "Order type not supported in OCO.")
        if names.iceberg in params and names.tif in params and params.text(names.tif) != "GTC":
            msg = f"Parameter '{names.iceberg}' is not supported if '{names.tif}' is not GTC."
            raise Fault(faults.OCO_ICEBERG_TIF, msg)
    high = ordering.read_order(params, account, market, above)
    low = ordering.read_order(params, account, market, below)
    _see_sides(high, low)
    return [low, high] if low.order_type in _STOPS else [high, low]


def _see_sides(high: Place, low: Place) -> None:
    """Which of the two must lie above, which below."""
    buys = high.side == "buy"
    if high.order_type == LIMIT and low.order_type == LIMIT:
        raise Fault(faults.BOTH_LIMIT, "At least one OCO order must be contingent.")
    stop, profit = (high, low) if buys else (low, high)
    if profit.order_type in _STOPS:
        code = faults.BUY_STOP_ABOVE if buys else faults.SELL_STOP_BELOW
        where = "buy OCO must be above" if buys else "sell OCO must be below"
        raise Fault(code, f"A stop loss order in a {where}.")
    if stop.order_type == LIMIT:
        code = faults.BUY_LIMIT_BELOW if buys else faults.SELL_LIMIT_ABOVE
        where = "buy OCO must be below" if buys else "sell OCO must be above"
        raise Fault(code, f"A limit order in a {where}.")
    if stop.order_type not in _STOPS:
        code = faults.BUY_PROFIT_BELOW if buys else faults.SELL_PROFIT_ABOVE
        where = "buy OCO must be below" if buys else "sell OCO must be above"
        raise Fault(code, f"A take profit order in a {where}.")


def _place(call: Call, market: LiveMarket, kind: ListKind, legs: list[Place]) -> Asks:
    params = call.params
    name = params.text("listClientOrderId") if "listClientOrderId" in params else ""
    how = ordering.response(params, "RESULT")
    account = call.account.id

    def show(answer: Answer) -> object:
        refused = refusal_of(answer.outcome, answer.part)
        if refused is not None:
            raise refusing.refused(*refused, Asked.PLACING)
        made, accepted = placed.list_placed(answer)
        symbol = call.symbol(market.name)
        names = [(event.order, event.client_id or f"o-{event.order}") for event in accepted]
        told = shapes.listed(made, symbol, names, call.unit)
        told["orderReports"] = [
            placed.order_told(call.view, answer, event, symbol, how, call.unit) for event in accepted
        ]
        return told

    return Asks(PlaceList(account, market.name, kind, name, legs), show)


_DEPRECATED: Final[dict[str, Kind]] = {
    **_WHOLE,
    **_SIDED,
    "price": Amount(),
    "stopPrice": Amount(),
    "stopLimitPrice": optional(Amount()),
    "stopLimitTimeInForce": optional(Word(ordering.TIMES)),
    "trailingDelta": optional(LONG),
    **dict.fromkeys(("limitClientOrderId", "stopClientOrderId"), optional(CLIENT_ID)),
    **dict.fromkeys(("limitIcebergQty", "stopIcebergQty"), optional(Amount())),
    **dict.fromkeys(("limitStrategyId", "limitStrategyType", "stopStrategyId", "stopStrategyType"), optional(LONG)),
}
_LIMIT: Final = Naming("limit", side="side", quantity="quantity", price="price")
_STOP: Final = Naming(
    "stop",
    side="side",
    quantity="quantity",
    price="stopLimitPrice",
    tif="stopLimitTimeInForce",
    stop="stopPrice",
    trailing="trailingDelta",
)
"""The older names of the legs' parameters; their types are not sent."""


@asking(
    "Place two orders of which one cancels the other (by the older names of the parameters).",
    params=_DEPRECATED,
    orders=2,
    answer=schemas.LIST_PLACED,
    method="orderList.place",
    codes=_CODES,
)
def place_older_oco(call: Call) -> Asks:
    """`POST /api/v3/order/oco`: read as `orderList/oco` is."""
    params = call.params
    side = params.choice("side", ordering.SIDES, Fault(faults.INVALID_SIDE, "Invalid side."))
    for name in ("price", "stopPrice"):
        if name not in params:
            raise faults.mandatory(name)
    kind = "STOP_LOSS_LIMIT" if "stopLimitPrice" in params else "STOP_LOSS"
    legs = params.with_words({_LIMIT.type: "LIMIT_MAKER", _STOP.type: kind})
    above, below = (_STOP, _LIMIT) if side == "buy" else (_LIMIT, _STOP)
    account, market = call.account.id, call.market()
    return _place(call, market, OCO, _pair(legs, account, market, above, below))


@endpoint(
    "One-pays-for-the-other lists are not offered here.",
    params={**OTO_SHAPE, **dict.fromkeys(["pendingQuantity"], optional(Amount()))},
    security=Security.TRADE,
    answer=schemas.EMPTY,
    method="orderList.place.opo",
    codes=(faults.NEW_ORDER_REJECTED,),
)
async def place_opo(call: Call) -> object:
    """`POST /api/v3/orderList/opo`."""
    return _refuse_opo(call)


@endpoint(
    "One-pays-for-the-other lists are not offered here.",
    params={**OTOCO_SHAPE, **dict.fromkeys(["pendingQuantity"], optional(Amount()))},
    security=Security.TRADE,
    answer=schemas.EMPTY,
    method="orderList.place.opoco",
    codes=(faults.NEW_ORDER_REJECTED,),
)
async def place_opoco(call: Call) -> object:
    """`POST /api/v3/orderList/opoco`."""
    return _refuse_opo(call)


def _refuse_opo(call: Call) -> object:
    call.market()
    raise Fault(faults.NEW_ORDER_REJECTED, "OPO orders are not supported for this symbol.")
