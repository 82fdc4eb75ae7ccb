"""The tape: minutes, candles, 24 hours, and the join with what another source knew."""

import random

import pytest

from exchange.commands.types import Deposit
from exchange.projections.live import shapes
from exchange.projections.live.formatting import MarketFormat, percent, rate
from exchange.projections.live.tape import DAY_MS, MINUTE_MS, Candle, Tape, TapeTrade
from exchange.projections.timescale.candles import INTERVALS
from tests.unit.live.pipeline import MARKET, Pipeline, limit, market, opened


def traded(*, seed: int, steps: int, gap_ms: int) -> Pipeline:
    """A pipeline in which trades happen, some time apart."""
    chance = random.Random(seed)
    pipeline = opened()
    for _ in range(steps):
        pipeline.ms += chance.randint(0, gap_ms)
        pipeline.do(limit(100, "sell", 500 * chance.randint(190, 210), 100 * chance.randint(1, 9)))
        pipeline.do(market(101, "buy", 100 * chance.randint(1, 9)))
    return pipeline


def all_trades(pipeline: Pipeline) -> list[TapeTrade]:
    """Every trade, oldest first, by another way than the tape's own."""
    whole = Tape()
    found: list[TapeTrade] = []
    for id, outcome in pipeline.outcomes:
        whole.apply(id, outcome)
        trades = whole.market(MARKET).trades
        while trades:
            found.append(trades.popleft())
    return found


def summed(trades: list[TapeTrade], start: int, end: int) -> tuple[int, ...] | None:
    """The candle of `[start, end)` from the definition."""
    inside = [trade for trade in trades if start <= trade.ms < end]
    if not inside:
        return None
    prices = [trade.price for trade in inside]
    volume = sum(trade.quantity for trade in inside)
    quote = sum(trade.notional for trade in inside)
    return (start, prices[0], max(prices), min(prices), prices[-1], volume, quote, len(inside))


def plain(candle: Candle | None) -> tuple[int, ...] | None:
    if candle is None:
        return None
    return (
        candle.ms,
        candle.open,
        candle.high,
        candle.low,
        candle.close,
        candle.volume,
        candle.quote_volume,
        candle.trades,
    )


@pytest.mark.parametrize("interval", list(INTERVALS))
def test_candles_are_what_the_trades_say(interval: str) -> None:
    pipeline = traded(seed=1, steps=400, gap_ms=400_000)
    tape = pipeline.view.tape.market(MARKET)
    trades = all_trades(pipeline)
    length = INTERVALS[interval]
    known = tape.known_since(interval)
    assert known > 0 or interval == "1s", "the run is longer than the tape's memory"
    shown = tape.candles(interval, known)
    starts = sorted({trade.ms - trade.ms % length for trade in trades if trade.ms - trade.ms % length >= known})
    assert [plain(candle) for candle in shown] == [summed(trades, start, start + length) for start in starts]
    assert len(shown) > 1 or interval == "1d"
    now = trades[-1].ms
    assert plain(tape.candle(interval, now)) == summed(trades, now - now % length, now + 1)


def test_the_day_is_the_last_24_hours_to_the_minute() -> None:
    pipeline = traded(seed=2, steps=600, gap_ms=400_000)
    trades = all_trades(pipeline)
    now = trades[-1].ms + 90_000
    since = now - now % MINUTE_MS - DAY_MS
    assert trades[0].ms < since
    assert plain(pipeline.view.tape.market(MARKET).day(now)) == summed(trades, since, now)
    assert pipeline.view.tape.market(MARKET).day(now + 2 * DAY_MS) is None


def test_a_tape_begun_elsewhere_joins_exactly() -> None:
    """The other source stands at any entry; the stream brings everything after it, and some of its trades again."""
    pipeline = traded(seed=3, steps=120, gap_ms=60_000)
    reference = pipeline.view.tape.market(MARKET)
    for cut in range(0, len(pipeline.outcomes), 17):
        until = Tape()
        for id, outcome in pipeline.outcomes[:cut]:
            until.apply(id, outcome)
        ahead = Tape()
        for id, outcome in pipeline.outcomes[: cut + 9]:
            ahead.apply(id, outcome)
        joined = Tape(until.position)
        joined.market(MARKET).seed(until.market(MARKET).minutes, ahead.market(MARKET).trades)
        for id, outcome in pipeline.outcomes:
            joined.apply(id, outcome)
        mine = joined.market(MARKET)
        assert [trade.id for trade in mine.trades] == [trade.id for trade in reference.trades]
        assert [plain(minute) for minute in mine.minutes] == [plain(minute) for minute in reference.minutes]
        assert mine.last == reference.last


def test_a_ticker_without_trades_says_null() -> None:
    pipeline = opened()
    pipeline.do(limit(100, "buy", 10_000, 300))
    view = pipeline.view
    ticker = shapes.ticker(view.markets[MARKET], view.tape.market(MARKET), pipeline.ms)
    assert (ticker["last"], ticker["open"], ticker["volume"]) == (None, None, "0.00")
    assert (ticker["bid"], ticker["bid_quantity"], ticker["ask"]) == ("100", "0.03", None)


def test_a_ticker_shows_the_change_over_the_day() -> None:
    pipeline = opened()
    for price in (10_000, 9_000):
        pipeline.do(limit(100, "sell", price, 200))
        pipeline.do(market(101, "buy", 200))
    view = pipeline.view
    ticker = shapes.ticker(view.markets[MARKET], view.tape.market(MARKET), pipeline.ms)
    assert (ticker["last"], ticker["open"], ticker["high"], ticker["low"]) == ("90", "100", "100", "90")
    assert (ticker["change"], ticker["change_percent"], ticker["trades"]) == ("-10", "-10.00", 2)


def test_entries_without_trades_move_the_position() -> None:
    pipeline = opened()
    pipeline.do(Deposit(100, "INR", 1, "again"))
    assert pipeline.view.tape.position == pipeline.view.position


@pytest.mark.parametrize(
    "decimals,tick,lot,price,quantity",
    [
        ((4, 2), 5, 10_000, "1.05", "3"),
        ((4, 2), 500, 100, "105", "0.03"),
        ((0, 0), 1, 1, "105", "30000"),
        ((8, 8), 1, 1, "0.00000105", "0.00030000"),
    ],
)
def test_prices_have_the_ticks_places_and_quantities_the_lots(
    decimals: tuple[int, int], tick: int, lot: int, price: str, quantity: str
) -> None:
    form = MarketFormat(*decimals, tick, lot)
    assert form.price(105 if tick != 500 else 10_500) == price
    assert form.quantity(30_000 if lot != 100 else 300) == quantity


def test_averages_rates_and_percents_are_rounded_as_told() -> None:
    form = MarketFormat(2, 2, 1, 1)
    assert form.average(1000, 300) == "3.33"
    assert form.average(2000, 300) == "6.67"
    assert form.average(1005, 200) == "5.03"
    assert rate(2345) == "0.002345"
    assert percent(-1, 3) == "-33.33"
    assert percent(2, 3) == "66.66"
