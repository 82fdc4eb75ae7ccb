"""The last 24 hours' tape, begun where the database stands and brought to where the view stands.

A view that begins from a snapshot has seen no trade. The database has the minutes up to a position of its own, exactly;
the entries after that are still in the stream, because nothing is trimmed that the database has not got. So a second
tape is built aside, from the one and then the other, and takes the first one's place once it has caught up. Without a
database it is built from the stream alone, as far as that reaches back.
"""

import structlog

from exchange.effects.ports import Clock, EffectError, Log
from exchange.events import codec
from exchange.projections.live.candle import Candle
from exchange.projections.live.tape import DAY_MS, MINUTE_MS, RECENT_TRADES, Tape
from exchange.projections.live.trade import TapeTrade
from exchange.projections.live.view import LiveView
from exchange.projections.timescale.database import DatabaseRefused, DatabaseUnavailable
from exchange.projections.timescale.history import CandleRow, History, TradeRow
from exchange.terms.stream import format_id

_logger = structlog.get_logger(__name__)

_BATCH = 500


async def seeded_tape(view: LiveView, log: Log, history: History | None, clock: Clock) -> Tape | None:
    """The tape at the view's position, knowing the day before; None when the view knows it already, or when the log
    went away meanwhile."""
    if view.tape.since_ms == 0:
        return None
    now_ms = clock.now_ms()
    since_ms = now_ms - now_ms % MINUTE_MS - DAY_MS
    try:
        tape = await _begun(view, log, history, since_ms)
        while tape.position < view.position:
            entries = await log.events(tape.position, _BATCH)
            if not entries:
                break
            for entry in entries:
                tape.apply(entry.id, codec.decode(entry.payload))
    except (EffectError, codec.UnreadableEvent) as error:
        _logger.warning("ticker begins with what the view has seen", reason=str(error))
        return None
    _logger.info("ticker knows its day", position=format_id(tape.position))
    return tape


async def _begun(view: LiveView, log: Log, history: History | None, since_ms: int) -> Tape:
    if history is not None:
        try:
            return await from_history(view, history, since_ms)
        except (DatabaseUnavailable, DatabaseRefused) as error:
            _logger.warning("ticker begins without the database", reason=str(error))
    first = await log.events((since_ms, 0), 1)
    return Tape((since_ms, 0), first[0].id[0] if first else since_ms)


async def from_history(view: LiveView, history: History, since_ms: int) -> Tape:
    """The tape exactly as of the database's position.

    Raises:
        DatabaseUnavailable, DatabaseRefused.
    """
    day = await history.day(since_ms)
    position = max(day.position.id, (since_ms, 0))
    tape = Tape(position, since_ms)
    minutes: dict[str, list[Candle]] = {}
    for row in day.candles:
        minutes.setdefault(row.market, []).append(candle_of(row))
    # What came between the database's last entry and the day is in neither: then there is nothing to go on from.
    meets = day.position.id >= min((since_ms, 0), view.position)
    for market in view.markets:
        trades = await history.trades(market, limit=RECENT_TRADES) if meets else []
        tape.market(market).seed(
            minutes.get(market, []),
            [trade_of(row) for row in reversed(trades)],
            day.before.get(market, 0) if meets else 0,
            whole=meets,
        )
    return tape


def candle_of(row: CandleRow) -> Candle:
    """A candle as the database has it."""
    return Candle(
        row.start_ms,
        row.open,
        row.high,
        row.low,
        row.close,
        row.volume,
        row.quote_volume,
        row.trades,
        row.first_trade,
        row.last_trade,
        row.taker_volume,
        row.taker_quote_volume,
    )


def trade_of(row: TradeRow) -> TapeTrade:
    """A trade as the database has it."""
    return TapeTrade(
        row.trade,
        row.market,
        row.seq,
        row.price,
        row.quantity,
        row.notional,
        row.taker_side,
        row.ms,
        row.auction,
        row.taker_order,
    )
