"""A market's trades, one by one and as aggregates, oldest first: the tape's joined with the database's.

The tape has the newest of each market without a gap. What it has not is the database's to tell, and the two are put
together only when they meet: when the database has come at least to where the tape begins.
"""

from exchange.api.past.asking import Asking, asked
from exchange.api.seeding import trade_of
from exchange.projections.live.aggregates import Aggregate, aggregates
from exchange.projections.live.tape import MarketTape
from exchange.projections.live.trade import TapeTrade
from exchange.projections.live.view import LiveView
from exchange.projections.timescale.history import AggregateRow


class PastTrades(Asking):
    """The reads of trades. Every method raises ApiError `database_unavailable` where it needs the database and cannot
    have it, and `view_behind` where the database has not come far enough yet."""

    async def trades(self, view: LiveView, market: str, *, from_id: int | None, limit: int) -> list[TapeTrade]:
        """A market's trades from a number on, or else the latest."""
        tape = view.tape.market(market)
        live = [trade for trade in tape.trades if from_id is None or trade.id >= from_id]
        if from_id is None:
            if len(live) >= limit or tape.trades_since_ms == 0:
                return live[-limit:]
            await self.meets(view, tape.trades_since_ms)
            rows = await asked(self.available().trades(market, limit=limit))
        else:
            if tape.trades_since_ms == 0 or (tape.trades and from_id >= tape.trades[0].id):
                return live[:limit]
            await self.meets(view, tape.trades_since_ms)
            rows = await asked(self.available().trades_from(market, from_id, limit=limit))
        found = {row.trade: trade_of(row) for row in rows}
        if from_id is None or len(found) < limit:
            found |= {trade.id: trade for trade in live}
        both = [found[id] for id in sorted(found)]
        return both[-limit:] if from_id is None else both[:limit]

    async def aggregates(
        self,
        view: LiveView,
        market: str,
        *,
        from_id: int | None,
        start_ms: int | None,
        end_ms: int | None,
        limit: int,
    ) -> list[Aggregate]:
        """A market's aggregate trades: the first ones from a number or a moment on, else the last ones, up to
        `end_ms`. Both ends are inclusive."""
        tape = view.tape.market(market)
        live = [
            one
            for one in _whole(tape)
            if (from_id is None or one.first >= from_id)
            and (start_ms is None or one.ms >= start_ms)
            and (end_ms is None or one.ms <= end_ms)
        ]
        newest = from_id is None and start_ms is None
        if tape.trades_since_ms == 0 or _enough(tape, live, from_id, start_ms, limit, newest=newest):
            return live[-limit:] if newest else live[:limit]
        await self.meets(view, tape.trades_since_ms)
        history = self.available()
        if from_id is None:
            rows = await asked(history.aggregates_between(market, start_ms, end_ms, limit=limit))
        else:
            rows = await asked(history.aggregates_from(market, from_id, limit=limit))
        found = {row.first: _aggregate(row) for row in rows}
        if newest or len(found) < limit:
            found |= {one.first: one for one in live}
        both = [found[first] for first in sorted(found)]
        return both[-limit:] if newest else both[:limit]


def _whole(tape: MarketTape) -> list[Aggregate]:
    """The tape's aggregates, but for those that began before it."""
    return aggregates([trade for trade in tape.trades if trade.ms >= tape.trades_since_ms])


def _enough(
    tape: MarketTape, live: list[Aggregate], from_id: int | None, start_ms: int | None, limit: int, *, newest: bool
) -> bool:
    """Whether the tape alone can answer."""
    if newest:
        return len(live) >= limit
    if start_ms is not None:
        return start_ms >= tape.trades_since_ms
    known = next((trade.id for trade in tape.trades if trade.ms >= tape.trades_since_ms), None)
    return known is not None and from_id is not None and from_id >= known


def _aggregate(row: AggregateRow) -> Aggregate:
    return Aggregate(row.first, row.last, row.price, row.quantity, row.taker_side, row.ms)
