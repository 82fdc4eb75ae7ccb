"""A market's candles of any period and windows of any length: the tape's minutes joined with the database's candles.

There is one seam: before it the database tells, from it on the tape. The tape is whole from there, and the database is
asked only once it has come so far; so nothing is missing and nothing counted twice. A period in which nothing traded
has a candle too, which stays at the last price: the venue's charts have no gaps.
"""

from collections.abc import Sequence
from typing import Final

from exchange.api.past.asking import Asking, asked
from exchange.api.seeding import candle_of
from exchange.projections.live.candle import Candle, flat, merge
from exchange.projections.live.periods import MINUTE_MS, Period
from exchange.projections.live.tape import DAY_MINUTES, MarketTape
from exchange.projections.live.view import LiveView
from exchange.projections.timescale.candles import INTERVALS, cut
from exchange.projections.timescale.history import Piece

_SECONDS: Final = "1s"
_MINUTES: Final = "1m"


class PastCandles(Asking):
    """The reads of candles. Every method raises ApiError `database_unavailable` where it needs the database and cannot
    have it, and `view_behind` where the database has not come far enough yet."""

    async def klines(
        self,
        view: LiveView,
        market: str,
        period: Period,
        *,
        start_ms: int | None,
        end_ms: int | None,
        limit: int,
        now_ms: int,
    ) -> list[Candle]:
        """Candles that open from `start_ms` to `end_ms` (both inclusive, and not after now), oldest first: the first
        `limit` when a start is given, else the last; from the market's first trade on, without a gap."""
        tape = view.tape.market(market)
        last = period.start(now_ms if end_ms is None else min(end_ms, now_ms))
        if start_ms is None:
            since = period.back(last, limit - 1)
        else:
            since = period.start(start_ms)
            if since < start_ms:
                since = period.end(since)
        unit = _SECONDS if period.interval == _SECONDS else _MINUTES
        seam = tape.known_since(unit)
        live = tape.since(unit, max(since, seam))
        begun, before = await self._begins(view, market, tape, since, seam)
        if begun is None:
            return []
        starts = period.starts(max(since, period.start(begun)), last + 1, limit)
        if not starts:
            return []
        until = period.end(starts[-1])
        older: dict[int, Candle] = {}
        if starts[0] < seam:
            await self.meets(view, min(seam, until))
            older = await self._stored(market, period, starts, min(seam, until))
        return _filled(period, starts, older, live, before)

    async def _begins(
        self, view: LiveView, market: str, tape: MarketTape, since: int, seam: int
    ) -> tuple[int | None, int]:
        """When a market first traded (None: not yet), as far as that matters from `since` on, and the last price before
        `since`, zero when there is none."""
        before = tape.before(since) if since >= seam else 0
        if before:
            return since, before
        first = tape.minutes[0].ms if tape.minutes else None
        if tape.all_known:
            return first, 0
        await self.meets(view, seam)
        history = self.available()
        begun = await asked(history.first_second(market))
        if begun is None:
            return first, 0
        return begun, await asked(history.close_before(market, since)) if begun < since else 0

    async def _stored(self, market: str, period: Period, starts: list[int], seam: int) -> dict[int, Candle]:
        """What the database has of the periods before the seam, by their beginning."""
        history = self.available()
        whole = sum([period.end(start) <= seam for start in starts])
        found: dict[int, Candle] = {}
        pieces: list[Piece] = []
        owners: list[int] = []
        if INTERVALS.get(period.interval) == period.length and starts[0] % period.length == 0 and whole:
            end = period.end(starts[whole - 1])
            rows = await asked(
                history.candles(market, period.interval, start_ms=starts[0], end_ms=end, limit=len(starts))
            )
            found = {row.start_ms: candle_of(row) for row in rows}
        else:
            whole = 0
        for start in starts[whole:]:
            for interval, since, until in cut(start, min(period.end(start), seam)):
                pieces.append(Piece(market, interval, since, until))
                owners.append(start)
        for start, part in zip(owners, await self._sums(pieces), strict=True):
            if part is not None:
                _join(found, start, part)
        return found

    async def _sums(self, pieces: Sequence[Piece]) -> list[Candle | None]:
        if not pieces:
            return []
        return [None if row is None else candle_of(row) for row in await asked(self.available().sums(pieces))]

    async def base(self, view: LiveView, market: str, start_ms: int) -> tuple[Candle | None, int]:
        """What the database has of the time from `start_ms` (a whole second) to a seam, and the seam: from there on the
        tape's minutes go on, for as long as the tape remembers that one."""
        tape = view.tape.market(market)
        seam = tape.known_since(_MINUTES)
        if start_ms >= seam:
            return None, start_ms
        reached = await self.meets(view, seam)
        seam = max(seam, reached[0] - reached[0] % MINUTE_MS)
        if start_ms >= seam:
            return None, start_ms
        pieces = [Piece(market, *piece) for piece in cut(start_ms, seam)]
        return merge(start_ms, [part for part in await self._sums(pieces) if part is not None]), seam

    async def windows(
        self, view: LiveView, markets: Sequence[str], open_ms: int, now_ms: int
    ) -> dict[str, Candle | None]:
        """Each market's trades since `open_ms`, the beginning of a minute, as one candle; None without a trade."""
        minutes = (now_ms - open_ms) // MINUTE_MS
        found: dict[str, Candle | None] = {}
        live: dict[str, list[Candle]] = {}
        pieces: list[Piece] = []
        for market in markets:
            tape = view.tape.market(market)
            seam = tape.known_since(_MINUTES)
            if open_ms >= seam and minutes <= DAY_MINUTES:
                found[market] = tape.window(minutes, now_ms)
            else:
                await self.meets(view, seam)
                live[market] = tape.since(_MINUTES, seam)
                pieces += [Piece(market, *piece) for piece in cut(open_ms, seam)]
        parts: dict[str, list[Candle]] = {market: [] for market in live}
        for piece, part in zip(pieces, await self._sums(pieces), strict=True):
            if part is not None:
                parts[piece.market].append(part)
        return found | {market: merge(open_ms, parts[market] + live[market]) for market in live}


def _join(found: dict[int, Candle], start: int, part: Candle) -> None:
    """Add a part to what is there of a period."""
    known = found.get(start)
    whole = merge(start, [part] if known is None else [known, part])
    if whole is not None:
        found[start] = whole


def _filled(
    period: Period, starts: list[int], found: dict[int, Candle], live: list[Candle], before: int
) -> list[Candle]:
    """The candles of periods that follow one another, the empty ones too."""
    for part in live:
        if part.ms <= period.end(starts[-1]) - 1:
            _join(found, period.start(part.ms), part)
    candles: list[Candle] = []
    for start in starts:
        candle = found.get(start)
        if candle is None:
            candle = flat(start, before)
        before = candle.close
        candles.append(candle)
    return candles
