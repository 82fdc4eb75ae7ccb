"""JSON Schemas of orders, lists and accounts, for the description: the counterpart of `orders` and `placed`.

Answers are closed: tests hold recorded ones to these.
"""

from collections.abc import Mapping
from typing import Final

Json = dict[str, object]

AMOUNT: Final[Json] = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
TEXT: Final[Json] = {"type": "string"}
WHOLE: Final[Json] = {"type": "integer"}
FLAG: Final[Json] = {"type": "boolean"}


def shape(fields: Mapping[str, Json], sometimes: Mapping[str, Json] | None = None) -> Json:
    """An object with these fields, and `sometimes` some of those."""
    return {
        "type": "object",
        "properties": {**fields, **(sometimes or {})},
        "required": list(fields),
        "additionalProperties": False,
    }


def many(items: Json) -> Json:
    """A list."""
    return {"type": "array", "items": items}


def _each(kind: Json, names: str) -> dict[str, Json]:
    return dict.fromkeys(names.split(), kind)


_HEAD: Final = {**_each(TEXT, "symbol clientOrderId"), **_each(WHOLE, "orderId orderListId")}
_STANDING: Final = {
    **_each(AMOUNT, "price origQty executedQty origQuoteOrderQty cummulativeQuoteQty"),
    **_each(TEXT, "status timeInForce type side selfTradePreventionMode"),
}
_CONDITIONS: Final = {**_each(AMOUNT, "icebergQty stopPrice"), **_each(WHOLE, "trailingDelta trailingTime")}
_SOMETIMES: Final = {**_CONDITIONS, "preventedQuantity": AMOUNT, "expiryReason": TEXT}

ACK: Final = shape({**_HEAD, "transactTime": WHOLE})
FILL: Final = shape({**_each(AMOUNT, "price qty commission"), "commissionAsset": TEXT, "tradeId": WHOLE})
MATCH: Final = shape(
    {**_each(WHOLE, "preventedMatchId makerOrderId"), "price": AMOUNT},
    _each(AMOUNT, "takerPreventedQuantity makerPreventedQuantity"),
)
PLACED: Final = shape(
    {**_HEAD, "transactTime": WHOLE, **_STANDING, "workingTime": WHOLE},
    {**_SOMETIMES, "fills": many(FILL), "preventedMatches": many(MATCH), "tradeGroupId": WHOLE},
)
NEW_ORDER: Final[Json] = {"anyOf": [ACK, PLACED]}
CANCELED: Final = shape({**_HEAD, "origClientOrderId": TEXT, "transactTime": WHOLE, **_STANDING}, _SOMETIMES)
QUERIED: Final = shape(
    {
        **_HEAD,
        **_STANDING,
        **_each(AMOUNT, "stopPrice icebergQty"),
        **_each(WHOLE, "time updateTime workingTime"),
        "isWorking": FLAG,
    },
    {
        **_each(WHOLE, "trailingDelta trailingTime preventedMatchId"),
        "preventedQuantity": AMOUNT,
        "expiryReason": TEXT,
    },
)
_MEMBER: Final = shape({"symbol": TEXT, "orderId": WHOLE, "clientOrderId": TEXT})
_LIST: Final = {
    **_each(WHOLE, "orderListId transactionTime"),
    **_each(TEXT, "contingencyType listStatusType listOrderStatus listClientOrderId symbol"),
    "orders": many(_MEMBER),
}
LIST: Final = shape(_LIST)
LIST_PLACED: Final = shape({**_LIST, "orderReports": many(NEW_ORDER)})
LIST_CANCELED: Final = shape({**_LIST, "orderReports": many(CANCELED)})
ALL_CANCELED: Final = many({"anyOf": [CANCELED, LIST_CANCELED]})

FAILED: Final = shape({"code": WHOLE, "msg": TEXT})
REPLACED: Final = shape(
    {
        **_each(TEXT, "cancelResult newOrderResult"),
        "cancelResponse": {"anyOf": [CANCELED, FAILED]},
        "newOrderResponse": {"anyOf": [NEW_ORDER, FAILED, {"type": "null"}]},
    }
)
"""Also what stands in `data` where one of the two failed."""

_AMENDED: Final = shape(
    {
        **_HEAD,
        "origClientOrderId": TEXT,
        **_each(AMOUNT, "price qty executedQty preventedQty quoteOrderQty cumulativeQuoteQty"),
        **_each(TEXT, "status timeInForce type side selfTradePreventionMode"),
    },
    {**_CONDITIONS, "workingTime": WHOLE},
)
_LIST_STATUS: Final = shape(
    {
        "orderListId": WHOLE,
        **_each(TEXT, "contingencyType listOrderStatus listClientOrderId symbol"),
        "orders": many(_MEMBER),
    }
)
AMENDED: Final = shape(
    {**_each(WHOLE, "transactTime executionId"), "amendedOrder": _AMENDED}, {"listStatus": _LIST_STATUS}
)
AMENDMENT: Final = shape(
    {
        **_each(TEXT, "symbol origClientOrderId newClientOrderId"),
        **_each(WHOLE, "orderId executionId time"),
        **_each(AMOUNT, "origQty newQty"),
    }
)
EMPTY: Final = shape({})
_RATES: Final = shape(_each(AMOUNT, "maker taker"))
_DISCOUNT: Final = shape(
    {
        **_each(FLAG, "enabledForAccount enabledForSymbol"),
        "discountAsset": {"anyOf": [TEXT, {"type": "null"}]},
        "discount": AMOUNT,
    }
)
COMMISSION_FOR_ORDER: Final = shape(
    {
        **_each(_RATES, "standardCommissionForOrder specialCommissionForOrder taxCommissionForOrder"),
        "discount": _DISCOUNT,
    }
)
_ALL_RATES: Final = shape(_each(AMOUNT, "maker taker buyer seller"))
COMMISSION: Final = shape(
    {
        "symbol": TEXT,
        **_each(_ALL_RATES, "standardCommission specialCommission taxCommission"),
        "discount": _DISCOUNT,
    }
)
ACCOUNT: Final = shape(
    {
        **_each(WHOLE, "makerCommission takerCommission buyerCommission sellerCommission updateTime uid"),
        "commissionRates": _ALL_RATES,
        **_each(FLAG, "canTrade canWithdraw canDeposit brokered requireSelfTradePrevention preventSor"),
        "accountType": TEXT,
        "balances": many(shape({"asset": TEXT, **_each(AMOUNT, "free locked")})),
        "permissions": many(TEXT),
    },
    {"tradeGroupId": WHOLE},
)
TRADE: Final = shape(
    {
        **_each(TEXT, "symbol commissionAsset"),
        **_each(WHOLE, "id orderId orderListId time"),
        **_each(AMOUNT, "price qty quoteQty commission"),
        **_each(FLAG, "isBuyer isMaker isBestMatch"),
    }
)
PREVENTED: Final = shape(
    {
        **_each(TEXT, "symbol makerSymbol selfTradePreventionMode"),
        **_each(WHOLE, "preventedMatchId takerOrderId makerOrderId tradeGroupId transactTime"),
        "price": AMOUNT,
    },
    _each(AMOUNT, "takerPreventedQuantity makerPreventedQuantity"),
)
COUNT: Final = shape({**_each(TEXT, "rateLimitType interval"), **_each(WHOLE, "intervalNum limit count")})
_FILTER: Final[Json] = {"type": "object", "properties": {"filterType": TEXT}, "required": ["filterType"]}
FILTERS: Final = shape(
    {"exchangeFilters": many(_FILTER), "symbolFilters": many(_FILTER), "assetFilters": many(_FILTER)}
)
