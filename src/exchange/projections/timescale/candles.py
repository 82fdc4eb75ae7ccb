"""Candles (klines): trades summed up by the intervals that charts use. Pure.

A bucket is `[start, start + interval)` in stream time, aligned to the epoch in UTC. Open and close go by trade number,
not by time: trades are folded in the order of the log, in which both only go up. There is a candle only where there was
a trade; who draws a line fills the gaps with the close before.
"""

from typing import Final

from exchange.events.types import AuctionTrade, Trade

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
