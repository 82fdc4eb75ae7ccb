"""Aggregates out of what the engine does, auctions included; and the windows of the tape."""

from exchange.commands.types import RULES, SetMarketStatus, SetRules, Uncross
from exchange.projections.live.aggregates import aggregates
from exchange.projections.live.candle import flat, merge
from exchange.projections.live.tape import DAY_MS, MINUTE_MS
from tests.unit.live.pipeline import MARKET, limit, market, opened
from tests.unit.live.test_tape import all_trades, plain, summed, traded


def test_one_takers_trades_at_one_price_are_one() -> None:
    pipeline = opened()
    for price, quantity in ((100_000, 100), (100_000, 200), (100_500, 300)):
        pipeline.do(limit(100, "sell", price, quantity))
    pipeline.do(market(101, "buy", 400))
    pipeline.do(market(101, "buy", 100))
    trades = all_trades(pipeline)
    assert [(trade.price, trade.quantity) for trade in trades] == [
        *[(100_000, 100), (100_000, 200), (100_500, 100), (100_500, 100)]
    ]
    shown = aggregates(trades)
    assert [(one.first, one.last, one.price, one.quantity) for one in shown] == [
        (trades[0].id, trades[1].id, 100_000, 300),
        (trades[2].id, trades[2].id, 100_500, 100),
        (trades[3].id, trades[3].id, 100_500, 100),  # another taker, at the same price
    ]
    assert {one.taker_side for one in shown} == {"buy"}


def test_an_auctions_trades_are_by_the_newer_order() -> None:
    pipeline = opened()
    pipeline.do(SetRules(RULES, 1000))
    pipeline.do(SetMarketStatus(MARKET, "auction"))
    for kind, price, quantity in (("sell", 100_000, 100), ("sell", 100_000, 200), ("buy", 100_000, 300)):
        pipeline.do(limit(100 if kind == "sell" else 101, kind, price, quantity))
    pipeline.do(Uncross(MARKET, "open"))
    trades = all_trades(pipeline)
    assert [trade.quantity for trade in trades] == [100, 200]
    assert len({trade.taker_order for trade in trades}) == 1
    (one,) = aggregates(trades)
    assert (one.first, one.last, one.quantity, one.taker_side) == (trades[0].id, trades[1].id, 300, "buy")


def test_windows_are_what_the_trades_say_minute_after_minute() -> None:
    pipeline = traded(seed=7, steps=300, gap_ms=400_000)
    trades = all_trades(pipeline)
    tape = pipeline.view.tape.market(MARKET)
    now = trades[-1].ms
    for later in (0, 100, MINUTE_MS, MINUTE_MS + 1, 3_600_000, DAY_MS - 1, DAY_MS + 2 * MINUTE_MS):
        for minutes in (5, 60, 240, 1440):
            since = (now + later) // MINUTE_MS * MINUTE_MS - minutes * MINUTE_MS
            for _ in range(2):  # the second time from what was kept
                assert plain(tape.window(minutes, now + later)) == summed(trades, since, now + 1)
            before = [trade.price for trade in trades if trade.ms < since]
            assert tape.before(since) == (before[-1] if before else 0)


def test_a_window_grows_with_the_trades_of_its_last_minute() -> None:
    pipeline = opened()
    tape = pipeline.view.tape.market(MARKET)
    assert tape.window(60, pipeline.ms) is None
    assert tape.all_known
    for count in range(1, 5):
        pipeline.do(limit(100, "sell", 100_000, 100))
        pipeline.do(market(101, "buy", 100))
        window = tape.window(60, pipeline.ms)
        assert window is not None
        assert (window.trades, window.volume, window.taker_volume) == (count, 100 * count, 100 * count)


def test_takers_that_buy_are_counted_apart() -> None:
    pipeline = opened()
    pipeline.do(limit(100, "sell", 100_000, 300))
    pipeline.do(market(101, "buy", 300))
    pipeline.do(limit(100, "buy", 99_500, 200))
    pipeline.do(market(101, "sell", 200))
    (minute,) = pipeline.view.tape.market(MARKET).minutes
    bought, sold = all_trades(pipeline)
    assert (minute.taker_volume, minute.taker_quote_volume) == (300, bought.notional)
    assert (minute.volume, minute.quote_volume) == (500, bought.notional + sold.notional)
    assert (minute.first_trade, minute.last_trade) == (bought.id, sold.id)


def test_an_empty_interval_stays_where_the_one_before_closed() -> None:
    candle = flat(5, 7)
    assert plain(candle) == (5, 7, 7, 7, 7, 0, 0, 0)
    assert merge(1, []) is None
