"""Candles of any interval in any time zone (Binance: rest-api.md, klines)."""

from typing import Final

from exchange.api.contract.declared import Shape, Text, Whole, Word, optional
from exchange.api.v3 import faults
from exchange.api.v3.call import Call
from exchange.api.v3.declared import Moment, endpoint
from exchange.api.v3.faults import Fault
from exchange.api.v3.routes.tickers import offset
from exchange.api.v3.shapes import market as shapes
from exchange.api.v3.shapes import schemas
from exchange.projections.live.periods import LENGTHS, Period

_PARAMS: Final[Shape] = {
    "symbol": Text(),
    "interval": Word(LENGTHS),
    "startTime": optional(Moment()),
    "endTime": optional(Moment()),
    "timeZone": optional(Text()),
    "limit": Whole(1, 1000, 500),
}
_INTERVALS: Final = {name: name for name in LENGTHS}


@endpoint(
    "A market's candles, oldest first.",
    params=_PARAMS,
    weight=2,
    answer=schemas.many(schemas.KLINE),
    method="klines",
    codes=(faults.BAD_SYMBOL, faults.BAD_INTERVAL),
)
async def klines(call: Call) -> object:
    """`GET /api/v3/klines`."""
    return await _klines(call)


@endpoint(
    "A market's candles, oldest first: the same as `klines`.",
    params=_PARAMS,
    weight=2,
    answer=schemas.many(schemas.KLINE),
    method="uiKlines",
    codes=(faults.BAD_SYMBOL, faults.BAD_INTERVAL),
)
async def ui_klines(call: Call) -> object:
    """`GET /api/v3/uiKlines`."""
    return await _klines(call)


async def _klines(call: Call) -> object:
    params = call.params
    market = call.market()
    interval = params.choice("interval", _INTERVALS, Fault(faults.BAD_INTERVAL, "Invalid interval."))
    period = Period(interval, offset(call))
    found = await call.gateway.past.klines(
        call.view,
        market.name,
        period,
        start_ms=params.moment("startTime"),
        end_ms=params.moment("endTime"),
        limit=params.whole("limit"),
        now_ms=call.now_ms,
    )
    return [shapes.kline(candle, period.end(candle.ms), market, call.unit) for candle in found]
