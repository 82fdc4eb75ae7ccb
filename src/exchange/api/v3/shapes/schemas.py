"""JSON Schemas of market data, for the description (`declared.Endpoint.answer`): the counterpart of `market` and
`info`."""

from collections.abc import Mapping
from typing import Final

Json = dict[str, object]

AMOUNT: Final[Json] = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
TEXT: Final[Json] = {"type": "string"}
WHOLE: Final[Json] = {"type": "integer"}
FLAG: Final[Json] = {"type": "boolean"}


def thing(fields: Mapping[str, Json]) -> Json:
    """An object with exactly these fields."""
    return {
        "type": "object",
        "properties": dict(fields),
        "required": list(fields),
        "additionalProperties": False,
    }


def many(items: Json) -> Json:
    """A list."""
    return {"type": "array", "items": items}


def one_or_many(item: Json) -> Json:
    """One for a symbol, a list for several."""
    return {"anyOf": [item, many(item)]}


def _named(kind: Json, *names: str) -> dict[str, Json]:
    return dict.fromkeys(names, kind)


LEVELS: Final = many({"type": "array", "items": AMOUNT, "minItems": 2, "maxItems": 2})
DEPTH: Final = thing({"lastUpdateId": WHOLE, "bids": LEVELS, "asks": LEVELS})

_TRADE: Final[dict[str, Json]] = {
    "id": WHOLE,
    **_named(AMOUNT, "price", "qty", "quoteQty"),
    "time": WHOLE,
    "isBuyerMaker": FLAG,
}
TRADE: Final = thing({**_TRADE, "isBestMatch": FLAG})
BLOCK_TRADE: Final = thing(_TRADE)
AGGREGATE: Final = thing({**_named(WHOLE, "a", "f", "l", "T"), **_named(AMOUNT, "p", "q"), **_named(FLAG, "m", "M")})

_KLINE: Final = (WHOLE, AMOUNT, AMOUNT, AMOUNT, AMOUNT, AMOUNT, WHOLE, AMOUNT, WHOLE, AMOUNT, AMOUNT, AMOUNT)
KLINE: Final[Json] = {"type": "array", "prefixItems": list(_KLINE), "minItems": len(_KLINE), "maxItems": len(_KLINE)}

_MINI: Final[dict[str, Json]] = {
    "symbol": TEXT,
    **_named(AMOUNT, "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume"),
    **_named(WHOLE, "openTime", "closeTime", "firstId", "lastId", "count"),
}
_WINDOW: Final = {**_MINI, **_named(AMOUNT, "priceChange", "priceChangePercent", "weightedAvgPrice")}
_DAY: Final = {
    **_WINDOW,
    **_named(AMOUNT, "prevClosePrice", "lastQty", "bidPrice", "bidQty", "askPrice", "askQty"),
}
WINDOW_TICKER: Final[Json] = {"anyOf": [thing(_WINDOW), thing(_MINI)]}
DAY_TICKER: Final[Json] = {"anyOf": [thing(_DAY), thing(_MINI)]}
PRICE_TICKER: Final = thing({"symbol": TEXT, "price": AMOUNT})
BOOK_TICKER: Final = thing({"symbol": TEXT, **_named(AMOUNT, "bidPrice", "bidQty", "askPrice", "askQty")})
AVERAGE_PRICE: Final = thing({"mins": WHOLE, "price": AMOUNT, "closeTime": WHOLE})

RATE_LIMIT: Final = thing({"rateLimitType": TEXT, "interval": TEXT, "intervalNum": WHOLE, "limit": WHOLE})
FILTER: Final[Json] = {"type": "object", "properties": {"filterType": TEXT}, "required": ["filterType"]}
SYMBOL: Final = thing(
    {
        **_named(TEXT, "symbol", "status", "baseAsset", "quoteAsset", "defaultSelfTradePreventionMode"),
        **_named(WHOLE, "baseAssetPrecision", "quotePrecision", "quoteAssetPrecision"),
        **_named(WHOLE, "baseCommissionPrecision", "quoteCommissionPrecision"),
        "orderTypes": many(TEXT),
        **_named(FLAG, "icebergAllowed", "ocoAllowed", "otoAllowed", "opoAllowed", "quoteOrderQtyMarketAllowed"),
        **_named(FLAG, "allowTrailingStop", "cancelReplaceAllowed", "amendAllowed", "pegInstructionsAllowed"),
        **_named(FLAG, "isSpotTradingAllowed", "isMarginTradingAllowed"),
        "filters": many(FILTER),
        "permissions": many(TEXT),
        "permissionSets": many(many(TEXT)),
        "allowedSelfTradePreventionModes": many(TEXT),
    }
)
EXCHANGE_INFO: Final = thing(
    {
        "timezone": TEXT,
        "serverTime": WHOLE,
        "rateLimits": many(RATE_LIMIT),
        "exchangeFilters": many(FILTER),
        "symbols": many(SYMBOL),
    }
)
RULES: Final = thing(
    {
        "symbolRules": many(
            thing(
                {
                    "symbol": TEXT,
                    "rules": many(
                        thing(
                            _named(TEXT, "ruleType")
                            | _named(AMOUNT, "bidLimitMultUp", "bidLimitMultDown", "askLimitMultUp", "askLimitMultDown")
                        )
                    ),
                }
            )
        )
    }
)
