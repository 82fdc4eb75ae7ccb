"""Tickers: what happened in a window, the last price, the best prices (Binance: rest-api.md, "Market Data endpoints").

Windows begin on a minute, that of 24 hours too. Up to a day comes from memory, the rest of a longer window out of the
database.
"""

from collections.abc import Mapping
from typing import Final

from exchange.api.contract.declared import Shape, Text, Word, optional
from exchange.api.v3 import faults
from exchange.api.v3.call import Call
from exchange.api.v3.declared import endpoint
from exchange.api.v3.routes import symbols
from exchange.api.v3.shapes import market as shapes
from exchange.api.v3.shapes import schemas
from exchange.projections.live.periods import DAY_MS, MINUTE_MS, Period, offset_of

KINDS: Final = {"FULL": True, "MINI": False}
_KIND: Final[Shape] = {"type": optional(Word(KINDS))}

WINDOWS: Final[Mapping[str, int]] = {
    **{f"{count}m": count for count in range(1, 60)},
    **{f"{count}h": 60 * count for count in range(1, 24)},
    **{f"{count}d": 24 * 60 * count for count in range(1, 8)},
}
"""Minutes by the name of a rolling window."""

_CODES: Final = (faults.BAD_SYMBOL, faults.BAD_COMBINATION, faults.INVALID_SYMBOL_STATUS, faults.STATUS_MISMATCH)


def _full(call: Call) -> bool:
    return call.params.choice("type", KINDS) if "type" in call.params else True


def _day_weight(values: Mapping[str, str]) -> int:
    count = symbols.named(values)
    if not count or count > 100:
        return 80
    return 2 if count <= 20 else 40


@endpoint(
    "The last 24 hours of one market, several, or all.",
    params={**symbols.SYMBOL, **_KIND},
    weight=_day_weight,
    answer=schemas.one_or_many(schemas.DAY_TICKER),
    method="ticker.24hr",
    codes=_CODES,
)
async def day(call: Call) -> object:
    """`GET /api/v3/ticker/24hr`."""
    full, tape, now_ms = _full(call), call.view.tape, call.now_ms
    return symbols.answered(
        *symbols.chosen(call),
        lambda symbol, of: shapes.day_ticker(symbol, of, tape.market(of.name), now_ms, full=full, unit=call.unit),
    )


def _counted_weight(values: Mapping[str, str]) -> int:
    return min(200, 4 * max(1, symbols.named(values)))


@endpoint(
    "The trading day of one market or several: from midnight to midnight, in a time zone.",
    params={**symbols.COUNTED, "timeZone": optional(Text()), **_KIND},
    weight=_counted_weight,
    answer=schemas.one_or_many(schemas.WINDOW_TICKER),
    method="ticker.tradingDay",
    codes=_CODES,
)
async def trading_day(call: Call) -> object:
    """`GET /api/v3/ticker/tradingDay`."""
    period = Period("1d", offset(call))
    open_ms = period.start(call.now_ms)
    return await _windows(call, open_ms, period.end(open_ms) * call.unit - 1)


@endpoint(
    "A rolling window of one market or several.",
    params={**symbols.COUNTED, "windowSize": optional(Word(WINDOWS)), **_KIND},
    weight=_counted_weight,
    answer=schemas.one_or_many(schemas.WINDOW_TICKER),
    method="ticker",
    codes=_CODES,
)
async def rolling(call: Call) -> object:
    """`GET /api/v3/ticker`."""
    minutes = call.params.choice("windowSize", WINDOWS) if "windowSize" in call.params else DAY_MS // MINUTE_MS
    open_ms = call.now_ms - call.now_ms % MINUTE_MS - minutes * MINUTE_MS
    return await _windows(call, open_ms, call.now_ms * call.unit)


async def _windows(call: Call, open_ms: int, close_time: int) -> object:
    full = _full(call)
    found, single = symbols.chosen(call, required=True)
    view = call.view
    windows = await call.gateway.past.windows(view, [of.name for _, of in found], open_ms, call.now_ms)
    return symbols.answered(
        found,
        single,
        lambda symbol, of: shapes.window_ticker(
            symbol,
            shapes.Statistics(windows[of.name], view.tape.market(of.name).last or of.last, of.format),
            open_ms * call.unit,
            close_time,
            full=full,
        ),
    )


def _price_weight(values: Mapping[str, str]) -> int:
    return 2 if "symbol" in values else 4


@endpoint(
    "The last price of one market, several, or all.",
    params=symbols.SYMBOL,
    weight=_price_weight,
    answer=schemas.one_or_many(schemas.PRICE_TICKER),
    method="ticker.price",
    codes=_CODES,
)
async def price(call: Call) -> object:
    """`GET /api/v3/ticker/price`."""
    tape = call.view.tape
    return symbols.answered(
        *symbols.chosen(call),
        lambda symbol, of: {"symbol": symbol, "price": shapes.last_price(of, tape.market(of.name))},
    )


@endpoint(
    "The best prices of one market, several, or all.",
    params=symbols.SYMBOL,
    weight=_price_weight,
    answer=schemas.one_or_many(schemas.BOOK_TICKER),
    method="ticker.book",
    codes=_CODES,
)
async def book(call: Call) -> object:
    """`GET /api/v3/ticker/bookTicker`."""
    return symbols.answered(*symbols.chosen(call), shapes.book_ticker)


def offset(call: Call) -> int:
    """The time zone that is asked for, in minutes east of UTC.

    Raises:
        Fault: it is none.
    """
    if "timeZone" not in call.params:
        return 0
    found = offset_of(call.params.text("timeZone"))
    if found is None:
        raise faults.invalid("timeZone")
    return found
