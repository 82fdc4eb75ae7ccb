"""Candles (klines): trades summed up by the intervals that charts use. Pure.

A bucket is `[start, start + interval)` in stream time, aligned to the epoch in UTC. Open and close go by trade number,
not by time: trades are folded in the order of the log, in which both only go up. There is a candle only where there was
a trade; who draws a line fills the gaps with the close before.
"""

from typing import Final

from exchange.events.types import AuctionTrade, Trade
from exchange.terms.words import BUY

INTERVALS: Final[dict[str, int]] = {
    "1s": 1_000,
    "1m": 60_000,
    "5m": 300_000,
    "15m": 900_000,
    "1h": 3_600_000,
    "4h": 14_400_000,
    "1d": 86_400_000,
}
"""Each interval's length in milliseconds, by name."""


_LONGEST_FIRST: Final = sorted(INTERVALS.items(), key=lambda interval: -interval[1])


def cut(since_ms: int, until_ms: int) -> list[tuple[str, int, int]]:
    """A stretch of time as runs of whole stored candles, oldest first: interval, beginning, end; the longest that fit,
    so there are few. Each interval is a whole multiple of the one below, and both ends are whole seconds."""
    pieces: list[tuple[str, int, int]] = []
    while since_ms < until_ms:
        above = 0
        for interval, length in _LONGEST_FIRST:
            if since_ms % length == 0 and since_ms + length <= until_ms:
                end = until_ms - (until_ms - since_ms) % length
                if above:
                    begins = -(-since_ms // above) * above
                    if begins + above <= until_ms:
                        end = begins
                pieces.append((interval, since_ms, end))
                since_ms = end
                break
            above = length
        else:
            raise ValueError(f"{since_ms} to {until_ms} are no whole seconds")
    return pieces


def bucket(interval: str, ms: int) -> int:
    """The start (milliseconds since the epoch) of the bucket that a moment falls into.

    Raises:
        KeyError: there is no such interval.
    """
    return ms - ms % INTERVALS[interval]


class Candle:
    """One bucket so far.

    `start` is in milliseconds since the epoch; prices are quote units for one whole base unit, `volume` base units,
    `quote_volume` quote units; `trades` counts, `first_trade` and `last_trade` are the numbers that set open and close.
    `taker_volume` and `taker_quote_volume` are the part of the volumes in which the taker bought.
    """

    __slots__ = (
        "close",
        "first_trade",
        "high",
        "interval",
        "last_trade",
        "low",
        "market",
        "open",
        "quote_volume",
        "start",
        "taker_quote_volume",
        "taker_volume",
        "trades",
        "volume",
    )

    def __init__(self, interval: str, start: int, trade: Trade | AuctionTrade) -> None:
        self.market = trade.market
        self.interval = interval
        self.start = start
        self.open = self.high = self.low = self.close = trade.price
        self.volume = trade.quantity
        self.quote_volume = trade.notional
        self.trades = 1
        self.first_trade = self.last_trade = trade.trade
        bought = trade.taker_side == BUY
        self.taker_volume = trade.quantity if bought else 0
        self.taker_quote_volume = trade.notional if bought else 0

    def add(self, trade: Trade | AuctionTrade) -> None:
        """Count the next trade in."""
        price = trade.price
        if price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        self.close = price
        self.volume += trade.quantity
        self.quote_volume += trade.notional
        self.trades += 1
        self.last_trade = trade.trade
        if trade.taker_side == BUY:
            self.taker_volume += trade.quantity
            self.taker_quote_volume += trade.notional


class Candles:
    """The candles that a run of trades makes or changes, newest state each.

    Only the newest bucket of each market and interval can still change, so one look per interval finds it.
    """

    def __init__(self) -> None:
        self.all: list[Candle] = []
        self._current: dict[str, list[Candle]] = {}

    def add(self, ms: int, trade: Trade | AuctionTrade) -> None:
        """Count a trade in at a moment not before the last one's."""
        current = self._current.get(trade.market)
        if current is None:
            fresh = [Candle(interval, ms - ms % length, trade) for interval, length in INTERVALS.items()]
            self._current[trade.market] = fresh
            self.all += fresh
            return
        for place, (interval, length) in enumerate(INTERVALS.items()):
            start = ms - ms % length
            candle = current[place]
            if candle.start == start:
                candle.add(trade)
            else:
                candle = current[place] = Candle(interval, start, trade)
                self.all.append(candle)
