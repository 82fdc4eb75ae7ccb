"""A market's terms and limits as the venue's symbols and filters (Binance: rest-api.md, exchangeInfo; filters.md).

What is not limited stands with the widest value there can be, so that a client that reads a filter by name finds it.
Prices are always held against the last price (`avgPriceMins` 0), or the reference price before there is one.
"""

from collections.abc import Mapping
from typing import Final

from exchange.api.limits.limiter import Limit
from exchange.api.v3.shapes.words import LIMIT_MAKER, MODES, TYPES
from exchange.commands.read_setup import MAX_LIMIT
from exchange.projections.live.records import LiveMarket
from exchange.terms.amounts import MAX_AMOUNT, MAX_COUNT, POINTS, format_decimal
from exchange.terms.words import MarketStatus

Json = dict[str, object]

STATUSES: Final[Mapping[MarketStatus, str]] = {
    "open": "TRADING",
    "post_only": "BREAK",
    "auction": "BREAK",
    "cancel_only": "CANCEL_ONLY",
    "halted": "HALT",
}
"""A market's status; `BREAK` is whenever orders may rest without trading at once (Binance: enums.md)."""

PERMISSION: Final = "SPOT"

_ORDER_TYPES: Final = sorted([*TYPES.values(), LIMIT_MAKER])
_MODES: Final = list(MODES.values())
_NO_BAND: Final = (1_000_000 * POINTS, 0)


def rate_limit(shown: Limit) -> Json:
    """A limit in force."""
    return {
        "rateLimitType": shown.kind,
        "interval": shown.unit,
        "intervalNum": shown.number,
        "limit": shown.limit,
    }


def symbol(name: str, of: LiveMarket, *, permission_sets: bool) -> Json:
    """A market."""
    return {
        "symbol": name,
        "status": STATUSES[of.status],
        "baseAsset": of.base,
        "baseAssetPrecision": of.base_decimals,
        "quoteAsset": of.quote,
        "quotePrecision": of.quote_decimals,
        "quoteAssetPrecision": of.quote_decimals,
        "baseCommissionPrecision": of.base_decimals,
        "quoteCommissionPrecision": of.quote_decimals,
        "orderTypes": _ORDER_TYPES,
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters(of),
        "permissions": [],
        "permissionSets": [[PERMISSION]] if permission_sets else [],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": _MODES,
    }


def filters(of: LiveMarket) -> list[Json]:
    """A market's filters."""
    form = of.format
    limits = of.limits
    lot = form.base(of.lot_size)
    most = form.base(min(of.lot_size * MAX_COUNT, MAX_AMOUNT))
    lots: Json = {"minQty": lot, "maxQty": most, "stepSize": lot}
    least_notional = form.quote(of.min_notional)
    bid_up, bid_down, ask_up, ask_down = band(of)
    shown: list[Json] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": form.quote(of.tick_size),
            "maxPrice": form.quote(min(of.tick_size * MAX_COUNT, MAX_AMOUNT)),
            "tickSize": form.quote(of.tick_size),
        },
        {"filterType": "LOT_SIZE", **lots},
        {"filterType": "ICEBERG_PARTS", "limit": limits.max_parts or MAX_LIMIT},
        {"filterType": "MARKET_LOT_SIZE", **lots},
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": 1,
            "maxTrailingAboveDelta": POINTS - 1,
            "minTrailingBelowDelta": 1,
            "maxTrailingBelowDelta": POINTS - 1,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": bid_up,
            "bidMultiplierDown": bid_down,
            "askMultiplierUp": ask_up,
            "askMultiplierDown": ask_down,
            "avgPriceMins": 0,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": least_notional,
            "applyMinToMarket": False,
            "maxNotional": form.quote(MAX_AMOUNT),
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
        {
            "filterType": "MIN_NOTIONAL",
            "minNotional": least_notional,
            "applyToMarket": False,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": limits.max_orders or MAX_LIMIT},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": limits.max_conditional or MAX_LIMIT},
    ]
    if limits.max_position:
        shown.append({"filterType": "MAX_POSITION", "maxPosition": form.base(limits.max_position)})
    return shown


def rules(name: str, of: LiveMarket) -> Json:
    """What stops an order while it trades: the price band, where there is one."""
    limits = of.limits
    shown: list[Json] = []
    if limits.bid_up or limits.bid_down or limits.ask_up or limits.ask_down:
        names = ("bidLimitMultUp", "bidLimitMultDown", "askLimitMultUp", "askLimitMultDown")
        shown.append({"ruleType": "PRICE_RANGE", **dict(zip(names, band(of), strict=True))})
    return {"symbol": name, "rules": shown}


def band(of: LiveMarket) -> tuple[str, str, str, str]:
    """How far from the reference a price may be, as multiples of it: bids up and down, asks up and down."""
    limits = of.limits
    up, down = _NO_BAND
    return (
        _multiple(limits.bid_up or up),
        _multiple(limits.bid_down or down),
        _multiple(limits.ask_up or up),
        _multiple(limits.ask_down or down),
    )


def _multiple(points: int) -> str:
    return format_decimal(points, len(str(POINTS)) - 1)
