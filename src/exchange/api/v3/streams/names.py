"""Names of streams (Binance: web-socket-streams.md, "Detailed Stream information").

Symbols are lowercase in them, and nothing is forgiven: two spellings of one stream would be written twice.
"""

import re
from typing import Final, Literal

from exchange.projections.live.periods import LENGTHS

Kind = Literal[
    "trade", "aggTrade", "bookTicker", "depth", "partial", "miniTicker", "ticker", "window", "avgPrice", "kline"
]

WINDOWS: Final = {"1h": 60, "4h": 240, "1d": 1440}
"""Rolling windows of tickers, in minutes."""
FAST_MS: Final = 100
SLOW_MS: Final = 1000
EAST_MINUTES: Final = 480
"""The one offset from UTC that candles are streamed in besides none."""

_ONE: Final = re.compile(r"([a-z0-9-]{1,40})@([A-Za-z0-9_@:+]{1,40})", re.ASCII)
_PARTIAL: Final = re.compile(r"depth(5|10|20)", re.ASCII)
_PLAIN: Final[dict[str, Kind]] = {
    "trade": "trade",
    "aggTrade": "aggTrade",
    "bookTicker": "bookTicker",
    "miniTicker": "miniTicker",
    "ticker": "ticker",
    "avgPrice": "avgPrice",
}


class Stream:
    """What a name asks for. `symbol` is in capitals, empty for all markets; `every_ms` is the pace of what has one;
    `levels` are those of a partial book, `interval` and `offset` (minutes east) a candle's, `window` a ticker's."""

    __slots__ = ("every_ms", "interval", "kind", "levels", "name", "offset", "symbol", "window")

    def __init__(
        self,
        name: str,
        symbol: str,
        kind: Kind,
        *,
        every_ms: int = SLOW_MS,
        levels: int = 0,
        interval: str = "",
        offset: int = 0,
        window: str = "",
    ) -> None:
        self.name = name
        self.symbol = symbol
        self.kind: Kind = kind
        self.every_ms = every_ms
        self.levels = levels
        self.interval = interval
        self.offset = offset
        self.window = window


def parse(name: str) -> Stream | None:
    """What a name asks for; None when it is no stream's. Whether there is such a symbol is not looked at."""
    if name.startswith("!"):
        return _of_all(name)
    found = _ONE.fullmatch(name)
    if found is None:
        return None
    symbol, kind = found.group(1).upper(), found.group(2)
    plain = _PLAIN.get(kind)
    if plain is not None:
        return Stream(name, symbol, plain)
    if kind.startswith("depth"):
        return _depth(name, symbol, kind)
    word, _, rest = kind.partition("_")
    if word == "ticker" and rest in WINDOWS:
        return Stream(name, symbol, "window", window=rest)
    if word != "kline":
        return None
    interval, at, offset = rest.partition("@")
    if interval not in LENGTHS or (at and offset != "+08:00"):
        return None
    every_ms = SLOW_MS if interval == "1s" else 2 * SLOW_MS
    return Stream(name, symbol, "kline", every_ms=every_ms, interval=interval, offset=EAST_MINUTES if at else 0)


def _of_all(name: str) -> Stream | None:
    if name == "!miniTicker@arr":
        return Stream(name, "", "miniTicker")
    if name == "!ticker@arr":
        return Stream(name, "", "ticker")
    window = name.removeprefix("!ticker_").removesuffix("@arr")
    if window in WINDOWS and name == f"!ticker_{window}@arr":
        return Stream(name, "", "window", window=window)
    return None


def _depth(name: str, symbol: str, kind: str) -> Stream | None:
    kind, at, pace = kind.partition("@")
    if at and pace not in ("100ms", "1000ms"):
        return None
    every_ms = FAST_MS if pace == "100ms" else SLOW_MS
    if kind == "depth":
        return Stream(name, symbol, "depth", every_ms=every_ms)
    partial = _PARTIAL.fullmatch(kind)
    return None if partial is None else Stream(name, symbol, "partial", every_ms=every_ms, levels=int(partial.group(1)))
