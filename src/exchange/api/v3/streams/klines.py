"""Candles as streams: the current one at its pace when it changed, and each once more when it is over.

The idea: the tape has the minutes of a day, so a candle that began within it is put together anew whenever it is told,
and nothing is kept but what was told last. Of longer candles the part that the tape has forgotten comes from the
database, once, and again before the tape forgets where that part ends.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import structlog

from exchange.api.errors import ApiError
from exchange.api.v3.shapes import market as shown
from exchange.api.v3.streams.feeds import Feed, Touched
from exchange.api.v3.streams.listener import Message
from exchange.api.v3.streams.names import Stream
from exchange.api.v3.streams.shapes import Json
from exchange.projections.live.candle import Candle, flat, merge
from exchange.projections.live.periods import DAY_MS, HOUR_MS, MINUTE_MS, Period
from exchange.projections.live.records import LiveMarket
from exchange.projections.live.trade import TapeTrade
from exchange.projections.live.view import LiveView

GRACE_MS: Final = 200
"""How long after its end a candle is told as closed: its last trades may still be on their way here."""
_AGAIN_MS: Final = 6 * HOUR_MS
_RETRY_MS: Final = MINUTE_MS
_MOST: Final = 120
"""The most candles that are told as closed at once, after a pause."""

Base = Callable[[LiveView, str, int], Awaitable[tuple[Candle | None, int]]]
"""What the database has of a market since a moment, and up to when it has everything.

Raises:
    ApiError: it is away.
"""

_logger = structlog.get_logger(__name__)


class Klines(Feed):
    """The candles of one interval of one market. Their pace is their own: `due` is to be called ten times a second."""

    def __init__(self, stream: Stream, symbol: str, market: str, base: Base, view: LiveView, now_ms: int) -> None:
        super().__init__(stream, symbol, market)
        self._period = Period(stream.interval, stream.offset)
        self._base = base
        self._long = self._period.length > DAY_MS
        self._part: Candle | None = None
        self._seam_ms = 0
        self._ask_ms = 0
        self._start = self._period.start(now_ms)
        tape = view.tape.market(market)
        self._before = tape.before(self._start - self._start % MINUTE_MS) or tape.last or view.markets[market].last
        self._next_ms = 0
        self._changed = True

    def entry(self, trades: list[TapeTrade], touched: Touched | None) -> None:
        """See whether there was a trade."""
        self._changed = self._changed or bool(trades)

    def asks(self, now_ms: int) -> bool:
        """Whether it is time to ask the database for what the tape does not have."""
        return self._long and now_ms >= self._ask_ms

    async def ask(self, view: LiveView, now_ms: int) -> None:
        """Ask the database for what the tape does not have."""
        self._ask_ms = now_ms + _RETRY_MS
        start = self._start
        try:
            part, seam_ms = await self._base(view, self.market, start)
        except ApiError as error:
            _logger.warning("a stream of long candles waits for the database", reason=error.message)
            return
        if start == self._start:
            self._part, self._seam_ms = part, seam_ms
            self._ask_ms = now_ms + _AGAIN_MS
            self._changed = True

    def due(self, view: LiveView, now_ms: int) -> None:
        """Tell what is over, and at the stream's pace what changed."""
        if now_ms >= self._period.end(self._start) + GRACE_MS:
            for _ in range(_MOST):
                end = self._period.end(self._start)
                if now_ms < end + GRACE_MS:
                    break
                self._over(view, now_ms, end)
            else:
                self._start = self._period.start(now_ms)
            self._changed = True
        if not self._changed or now_ms < self._next_ms or not self.whole:
            return
        self._changed = False
        self._next_ms = now_ms - now_ms % self.stream.every_ms + self.stream.every_ms
        self.first(view, now_ms).put_latest(self.listeners)

    def first(self, view: LiveView, now_ms: int) -> Message:
        """The current candle."""
        return self._message(view, self._candle(view), now_ms, closed=False)

    @property
    def whole(self) -> bool:
        """Whether everything in the candle is known."""
        return not self._long or self._seam_ms >= self._start

    def _over(self, view: LiveView, now_ms: int, end: int) -> None:
        candle = self._candle(view)
        if self.whole:
            self._message(view, candle, now_ms, closed=True).put_last(self.listeners)
        self._before = candle.close
        self._start = end
        self._part, self._seam_ms = None, end
        self._ask_ms = now_ms + _AGAIN_MS

    def _candle(self, view: LiveView) -> Candle:
        start = self._start
        end = self._period.end(start)
        tape = view.tape.market(self.market)
        parts = tape.since(self.stream.interval, max(start, self._seam_ms))
        within = [part for part in parts if part.ms < end]
        whole = merge(start, within if self._part is None else [self._part, *within])
        return flat(start, self._before) if whole is None else whole

    def _message(self, view: LiveView, candle: Candle, now_ms: int, *, closed: bool) -> Message:
        of = view.markets[self.market]
        return Message(self.stream.name, partial(self._write, candle, of, now_ms, closed))

    def _write(self, candle: Candle, of: LiveMarket, now_ms: int, closed: bool, unit: int) -> Json:
        end = self._period.end(candle.ms)
        told = shown.streamed_kline(candle, end, self.symbol, self.stream.interval, of, closed=closed, unit=unit)
        return {"e": "kline", "E": now_ms * unit, "s": self.symbol, "k": told}
