"""The tape: recent trades of each market, the last 24 hours by the minute, and what follows from them.

The idea: one bucket for each minute that had a trade. The rolling ticker adds up the buckets of 24 hours, and the
candles of any interval within them are the buckets put together, so nothing else need be kept. A tape has its own
position: it can be begun from the database at one position and joined exactly to a view that stands at another, because
it passes over entries that it has already.
"""

from collections import deque
from collections.abc import Iterable
from itertools import groupby
from typing import Final

from exchange.events.types import AuctionTrade, Outcome, Trade
from exchange.projections.live.candle import Candle, first, merge
from exchange.projections.live.trade import TapeTrade, tape_trade
from exchange.projections.timescale.candles import INTERVALS
from exchange.terms.stream import START, StreamId

__all__ = ["DAY_MS", "MINUTE_MS", "RECENT_TRADES", "Candle", "MarketTape", "Tape", "TapeTrade", "merge", "tape_trade"]

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
DAY_MINUTES: Final = 24 * 60

RECENT_TRADES = 1000

_KEPT: Final = (60, 4 * 60, DAY_MINUTES)
"""The windows (minutes) that are asked for all the time."""


class MarketTape:
    """One market's trades and minutes, oldest first. `last` is the last price known, or None.

    `since_ms`: every trade at or after this moment has been seen.
    """

    def __init__(self, since_ms: int = 0) -> None:
        self.since_ms = since_ms
        self.trades: deque[TapeTrade] = deque(maxlen=RECENT_TRADES)
        self.minutes: deque[Candle] = deque()
        self.last: int | None = None
        self.trades_since_ms = since_ms
        """The same of `trades`, which are fewer."""
        self._older = 0
        """The last price before the first minute; zero where it is not known."""
        self._first = since_ms == 0
        """Whether there is no minute before the first but those that were taken off."""
        self._windows: dict[int, tuple[int, int, Candle | None]] = {}
        """By length in minutes: since when, up to which minute, and the sum of all minutes between."""

    def seed(
        self, minutes: Iterable[Candle], trades: Iterable[TapeTrade], older: int = 0, *, whole: bool = False
    ) -> None:
        """Begin with what is known from elsewhere, oldest first; those that `add` will bring again do no harm. `older`
        is the last price before the first minute, or zero. `whole`: the trades are the last `RECENT_TRADES`, or all
        that there are, and there is no older minute where `older` is zero."""
        self.minutes.extend(minutes)
        self.trades.extend(trades)
        self._older = older
        if self.trades:
            self.last = self.trades[-1].price
        if whole:
            self._first = True
            self.trades_since_ms = self.trades[0].ms + 1 if len(self.trades) == RECENT_TRADES else 0

    def add(self, trade: TapeTrade) -> None:
        """A trade happened."""
        while self.trades and self.trades[-1].id >= trade.id:
            self.trades.pop()
        if len(self.trades) == RECENT_TRADES:
            self.trades_since_ms = self.trades[0].ms + 1
        self.trades.append(trade)
        self.last = trade.price
        start = trade.ms - trade.ms % MINUTE_MS
        if self.minutes and self.minutes[-1].ms == start:
            self.minutes[-1].add(trade)
            return
        self.minutes.append(first(start, trade))
        while self.minutes[0].ms < start - DAY_MS:
            self._older = self.minutes.popleft().close

    def day(self, now_ms: int) -> Candle | None:
        """The last 24 hours up to now, to the minute."""
        return self.window(DAY_MINUTES, now_ms)

    def window(self, minutes: int, now_ms: int) -> Candle | None:
        """The last `minutes` (up to 24 hours) up to now, and as much more as there is since the minute began in which
        they begin (Binance: rest-api.md, rolling window); None without a trade."""
        since = now_ms - now_ms % MINUTE_MS - minutes * MINUTE_MS
        if not self.minutes or self.minutes[-1].ms < since:
            return None
        last = self.minutes[-1]
        kept = self._windows.get(minutes)
        if kept is None or kept[0] != since or kept[1] != last.ms:
            kept = (since, last.ms, merge(since, self._between(since, last.ms)))
            if minutes in _KEPT:
                self._windows[minutes] = kept
        closed = kept[2]
        return merge(since, [last] if closed is None else [closed, last])

    def _between(self, since_ms: int, until_ms: int) -> list[Candle]:
        """The minutes that begin in `[since_ms, until_ms)`."""
        found: list[Candle] = []
        for minute in reversed(self.minutes):
            if minute.ms < since_ms:
                break
            if minute.ms < until_ms:
                found.append(minute)
        found.reverse()
        return found

    def before(self, ms: int) -> int:
        """The last price before the minute `ms`; zero where it is not known."""
        for minute in reversed(self.minutes):
            if minute.ms < ms:
                return minute.close
        return self._older

    @property
    def all_known(self) -> bool:
        """Whether the minutes go back to the market's first trade."""
        return self._first and self._older == 0

    def since(self, interval: str, ms: int) -> list[Candle]:
        """What there was since `ms`, oldest first, in the pieces that candles are put together from: minutes, or for
        seconds (`1s`) single trades. Whole when `ms` is not before `known_since`."""
        parts: list[Candle] = []
        if interval == "1s":
            for trade in reversed(self.trades):
                if trade.ms < ms:
                    break
                parts.append(first(trade.ms, trade))
        else:
            for minute in reversed(self.minutes):
                if minute.ms < ms:
                    break
                parts.append(minute)
        parts.reverse()
        return parts

    def candle(self, interval: str, at_ms: int) -> Candle | None:
        """The candle of an interval that holds the moment `at_ms`, if it had a trade."""
        start = at_ms - at_ms % INTERVALS[interval]
        found = self.candles(interval, start)
        return found[0] if found and found[0].ms == start else None

    def candles(self, interval: str, since_ms: int) -> list[Candle]:
        """The candles of an interval that begin at `since_ms` (the beginning of one) or later, oldest first.

        They are whole when `since_ms` is not before `known_since`.
        """
        length = INTERVALS[interval]
        parts = self.since(interval, since_ms)
        merged = [merge(start, group) for start, group in groupby(parts, lambda part: part.ms - part.ms % length)]
        return [candle for candle in merged if candle is not None]

    def known_since(self, interval: str) -> int:
        """The beginning of the first candle of a stored interval that this tape can give whole."""
        length = INTERVALS[interval]
        since = self.since_ms
        if length < MINUTE_MS:
            since = self.trades_since_ms
        elif self.minutes:
            since = max(since, self.minutes[-1].ms - DAY_MS)
        return -(-since // length) * length


class Tape:
    """The tapes of all markets, up to and including `position`; complete from `since_ms` on."""

    def __init__(self, position: StreamId = START, since_ms: int = 0) -> None:
        self.position = position
        self.since_ms = since_ms
        self._markets: dict[str, MarketTape] = {}

    def market(self, name: str) -> MarketTape:
        """A market's tape, empty when nothing has traded."""
        found = self._markets.get(name)
        if found is None:
            found = self._markets[name] = MarketTape(self.since_ms)
        return found

    def apply(self, id: StreamId, outcome: Outcome) -> None:
        """Take in an entry; one that is in already is passed over."""
        if id <= self.position:
            return
        self.position = id
        for event in outcome.events:
            if isinstance(event, (Trade, AuctionTrade)):
                self.market(event.market).add(tape_trade(id, event))
