"""Candles: buckets, what sets open and close, and what a run of trades changes."""

import random

import pytest

from exchange.events.types import Trade
from exchange.projections.timescale.candles import INTERVALS, Candles, bucket, cut


def trade(number: int, price: int, quantity: int = 1, market: str = "A-B") -> Trade:
    return Trade(number, market, number, price, quantity, price * quantity, "buy", 1, 2, 100, 101, 0, 0, 0)


def test_buckets_are_aligned_to_the_epoch() -> None:
    assert bucket("1m", 0) == 0
    assert bucket("1m", 59_999) == 0
    assert bucket("1m", 60_000) == 60_000
    assert bucket("1d", 1_760_000_000_000) % 86_400_000 == 0
    with pytest.raises(KeyError):
        bucket("2m", 0)


def test_intervals_are_what_their_names_say() -> None:
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    assert {name: int(name[:-1]) * seconds[name[-1]] * 1000 for name in INTERVALS} == INTERVALS


def test_open_and_close_go_by_trade_number_within_one_moment() -> None:
    candles = Candles()
    for number, price in enumerate((5, 9, 3, 7), 1):
        candles.add(1000, trade(number, price, quantity=number))
    assert len(candles.all) == len(INTERVALS)
    for candle in candles.all:
        assert (candle.open, candle.high, candle.low, candle.close) == (5, 9, 3, 7)
        assert (candle.volume, candle.quote_volume, candle.trades) == (10, 5 + 18 + 9 + 28, 4)
        assert (candle.first_trade, candle.last_trade) == (1, 4)


def test_a_bucket_without_a_trade_has_no_candle() -> None:
    candles = Candles()
    candles.add(0, trade(1, 5))
    candles.add(3 * 60_000, trade(2, 6))
    assert [candle.start for candle in candles.all if candle.interval == "1m"] == [0, 180_000]
    assert [candle.close for candle in candles.all if candle.interval == "5m"] == [6]


def test_markets_are_kept_apart() -> None:
    candles = Candles()
    candles.add(0, trade(1, 5))
    candles.add(0, trade(2, 8, market="C-D"))
    candles.add(0, trade(3, 4))
    assert {(c.market, c.open, c.close) for c in candles.all} == {("A-B", 5, 4), ("C-D", 8, 8)}


@pytest.mark.parametrize(
    "since, until, pieces",
    [
        (0, 86_400_000, [("1d", 0, 86_400_000)]),
        (0, 3 * 86_400_000, [("1d", 0, 3 * 86_400_000)]),
        (60_000, 180_000, [("1m", 60_000, 180_000)]),
        (59_000, 61_000, [("1s", 59_000, 61_000)]),
        (5, 5, []),
    ],
)
def test_a_stretch_is_cut_into_the_longest_candles(since: int, until: int, pieces: list[tuple[str, int, int]]) -> None:
    assert cut(since, until) == pieces


def test_pieces_are_few_whole_and_without_gap() -> None:
    dice = random.Random(3)
    for _ in range(300):
        since = dice.randint(0, 10**9) * 1000
        until = since + dice.choice([1, 61, 4_000, 90_000, 10**6, 10**8]) * 1000
        pieces = cut(since, until)
        ends = [since, *[end for _, _, end in pieces]]
        assert ends[-1] == until
        assert [start for _, start, _ in pieces] == ends[:-1]
        assert all(start % INTERVALS[name] == end % INTERVALS[name] == 0 for name, start, end in pieces)
        assert sum((end - start) // INTERVALS[name] for name, start, end in pieces if name != "1d") <= 2 * 150
        assert len(pieces) <= 13
    with pytest.raises(ValueError, match="whole seconds"):
        cut(0, 1500)
