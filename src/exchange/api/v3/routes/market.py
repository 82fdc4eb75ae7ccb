"""A market's book and trades (Binance: rest-api.md, "Market Data endpoints").

Pages of trades follow their numbers or their times; what has just traded is among them, whether the database has it
already or not.
"""

from collections.abc import Mapping
from typing import Final

from exchange.api.contract.declared import Shape, Text, Whole, optional
from exchange.api.v3 import faults
from exchange.api.v3.call import Call, Told
from exchange.api.v3.declared import Moment, endpoint
from exchange.api.v3.faults import Fault
from exchange.api.v3.routes import symbols
from exchange.api.v3.shapes import market as shapes
from exchange.api.v3.shapes import schemas
from exchange.terms.amounts import MAX_COUNT

MOST_LEVELS: Final = 5000
_DEPTH_WEIGHTS: Final = ((100, 5), (500, 25), (1000, 50))

_SYMBOL: Final[Shape] = {"symbol": Text()}
_LIMIT: Final[Shape] = {"limit": Whole(1, 1000, 500)}
_FROM: Final = Whole(0, MAX_COUNT)


def _depth_weight(values: Mapping[str, str]) -> int:
    text = values.get("limit", "100")
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else MOST_LEVELS
    return next((weight for most, weight in _DEPTH_WEIGHTS if limit <= most), 250)


@endpoint(
    "A market's book, best first.",
    params={**_SYMBOL, "limit": Whole(1, MOST_LEVELS, 100), **symbols.STATUS},
    weight=_depth_weight,
    answer=schemas.DEPTH,
    method="depth",
    codes=(faults.BAD_SYMBOL, faults.INVALID_SYMBOL_STATUS, faults.STATUS_MISMATCH),
)
async def depth(call: Call) -> object:
    """`GET /api/v3/depth`."""
    limit = call.params.whole("limit")
    return Told(call.gateway.depths.depth(symbols.one(call), limit))


@endpoint(
    "A market's latest trades, oldest first.",
    params={**_SYMBOL, **_LIMIT},
    weight=25,
    answer=schemas.many(schemas.TRADE),
    method="trades.recent",
    codes=(faults.BAD_SYMBOL,),
)
async def trades(call: Call) -> object:
    """`GET /api/v3/trades`."""
    return await _trades(call, None)


@endpoint(
    "A market's trades from a number on, or the latest, oldest first.",
    params={**_SYMBOL, **_LIMIT, "fromId": optional(_FROM)},
    weight=25,
    answer=schemas.many(schemas.TRADE),
    method="trades.historical",
    codes=(faults.BAD_SYMBOL,),
)
async def historical_trades(call: Call) -> object:
    """`GET /api/v3/historicalTrades`."""
    return await _trades(call, call.params.whole("fromId") if "fromId" in call.params else None)


async def _trades(call: Call, from_id: int | None) -> object:
    market = call.market()
    limit = call.params.whole("limit")
    found = await call.gateway.past.trades(call.view, market.name, from_id=from_id, limit=limit)
    return [shapes.trade(trade, market, call.unit) for trade in found]


@endpoint(
    "A market's block trades: there are none here.",
    params={**_SYMBOL, **_LIMIT, "fromId": _FROM},
    weight=25,
    answer=schemas.many(schemas.BLOCK_TRADE),
    method="blockTrades.historical",
    codes=(faults.BAD_SYMBOL,),
)
async def block_trades(call: Call) -> object:
    """`GET /api/v3/historicalBlockTrades`."""
    call.market()
    call.params.whole("fromId")
    call.params.whole("limit")
    return []


@endpoint(
    "A market's aggregate trades, oldest first.",
    params={
        **_SYMBOL,
        "fromId": optional(_FROM),
        "startTime": optional(Moment()),
        "endTime": optional(Moment()),
        **_LIMIT,
    },
    weight=4,
    answer=schemas.many(schemas.AGGREGATE),
    method="trades.aggregate",
    codes=(faults.BAD_SYMBOL, faults.BAD_COMBINATION),
)
async def aggregate_trades(call: Call) -> object:
    """`GET /api/v3/aggTrades`."""
    params = call.params
    market = call.market()
    start_ms, end_ms = params.moment("startTime"), params.moment("endTime")
    from_id = params.whole("fromId") if "fromId" in params else None
    if from_id is not None and (start_ms is not None or end_ms is not None):
        raise faults.combination()
    found = await call.gateway.past.aggregates(
        call.view, market.name, from_id=from_id, start_ms=start_ms, end_ms=end_ms, limit=params.whole("limit")
    )
    return [shapes.aggregate(one, market, call.unit) for one in found]


@endpoint(
    "A market's average price of the last minutes.",
    params=_SYMBOL,
    weight=2,
    answer=schemas.AVERAGE_PRICE,
    method="avgPrice",
    codes=(faults.BAD_SYMBOL,),
)
async def average_price(call: Call) -> object:
    """`GET /api/v3/avgPrice`."""
    market = call.market()
    price, last_ms = shapes.average_price(market, call.view.tape.market(market.name), call.now_ms)
    return {"mins": shapes.AVERAGE_MINUTES, "price": price, "closeTime": last_ms * call.unit}


@endpoint(
    "A market's reference price: the last price is the reference here, and there is no other.",
    params=_SYMBOL,
    weight=2,
    answer={"type": "object"},
    method="referencePrice",
    codes=(faults.BAD_SYMBOL, faults.NO_REFERENCE_PRICE),
)
async def reference_price(call: Call) -> object:
    """`GET /api/v3/referencePrice`."""
    call.market()
    raise _no_reference()


@endpoint(
    "How a market's reference price is made: there is none.",
    params={**_SYMBOL, **symbols.STATUS},
    weight=2,
    answer={"type": "object"},
    method="referencePrice.calculation",
    codes=(faults.BAD_SYMBOL, faults.INVALID_SYMBOL_STATUS, faults.STATUS_MISMATCH, faults.NO_REFERENCE_PRICE),
)
async def reference_calculation(call: Call) -> object:
    """`GET /api/v3/referencePrice/calculation`."""
    symbols.one(call)
    raise _no_reference()


def _no_reference() -> Fault:
    return Fault(faults.NO_REFERENCE_PRICE, "This symbol doesn't have a reference price.")
