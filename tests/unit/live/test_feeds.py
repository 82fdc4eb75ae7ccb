"""The feeds against the book: a client that follows the documented steps always has it."""

import random
from typing import Any

import orjson
import pytest

from exchange.projections.live import feeds, private, quote
from exchange.projections.live.feeds import CandleFeed, Gathered, Levels, TickerFeed, parse_channel
from exchange.projections.live.view import Change
from tests.unit.live.pipeline import MARKET, Pipeline, limit, market, opened, random_command


class Book:
    """A client's book, kept as `docs/api.md` says."""

    def __init__(self, snapshot: bytes) -> None:
        data = orjson.loads(snapshot)["data"]
        assert data["complete"]
        self.seq = data["seq"]
        self.sides = {"bids": dict(data["bids"]), "asks": dict(data["asks"])}

    def update(self, message: bytes) -> None:
        data = orjson.loads(message)["data"]
        assert data["first_seq"] == self.seq + 1
        for side, levels in self.sides.items():
            for price, quantity in data[side]:
                if float(quantity) == 0:
                    assert levels.pop(price, None) is not None or data["last_seq"] > data["first_seq"]
                else:
                    levels[price] = quantity
        self.seq = data["last_seq"]

    def equals(self, pipeline: Pipeline) -> bool:
        truth = orjson.loads(feeds.depth_snapshot(pipeline.view, MARKET))["data"]
        return self.seq == truth["seq"] and self.sides == {
            "bids": dict(truth["bids"]),
            "asks": dict(truth["asks"]),
        }


@pytest.mark.parametrize("seed", range(4))
def test_snapshot_and_updates_are_the_book_however_they_are_put_together(seed: int) -> None:
    chance = random.Random(seed)
    pipeline = opened()
    book = Book(feeds.depth_snapshot(pipeline.view, MARKET))
    behind: Levels | None = None
    updates = 0
    for _ in range(300):
        gathered = Gathered()
        for _ in range(chance.randint(1, 8)):
            gathered.add(pipeline.do(random_command(chance, pipeline)))
        levels = gathered.levels.get(MARKET)
        if levels is not None:
            if behind is None:
                behind = levels
            else:
                behind.touched |= levels.touched
        if behind is not None and chance.random() < 0.6:
            book.update(feeds.depth_update(pipeline.view, MARKET, behind))
            behind = None
            updates += 1
            assert book.equals(pipeline)
    assert updates > 50


def decoded(message: bytes | None) -> list[dict[str, Any]]:
    """A message's rows, without position and time."""
    if message is None:
        return []
    rows: list[dict[str, Any]] = orjson.loads(message)["data"]
    return rows


def test_everybody_hears_of_their_own_orders_fills_and_balances_only() -> None:
    pipeline = opened()
    pipeline.do(limit(100, "sell", 10_000, 300))
    change = pipeline.do(market(101, "buy", 200))
    view = pipeline.view
    maker = decoded(private.orders_update(view, 100, change))
    taker = decoded(private.orders_update(view, 101, change))
    assert [(order["id"], order["filled"], order["status"]) for order in maker] == [(1, "0.02", "open")]
    assert [(order["id"], order["status"]) for order in taker] == [(2, "filled")]
    assert [fill["liquidity"] for fill in decoded(private.fills_update(view, 100, change))] == ["maker"]
    assert [fill["liquidity"] for fill in decoded(private.fills_update(view, 101, change))] == ["taker"]
    assert sorted(row["asset"] for row in decoded(private.balances_update(view, 101, change))) == ["INR", "TATA"]
    for made in (private.orders_update, private.fills_update, private.balances_update):
        assert made(view, 102, change) is None


def test_trading_with_oneself_gives_both_fills() -> None:
    pipeline = opened()
    pipeline.do(limit(100, "sell", 10_000, 300))
    change = pipeline.do(market(100, "buy", 300))
    fills = decoded(private.fills_update(pipeline.view, 100, change))
    assert [(fill["liquidity"], fill["kind"]) for fill in fills] == [("maker", "sell"), ("taker", "buy")]
    assert len({fill["id"] for fill in fills}) == 2


def test_gathered_trades_stand_in_order() -> None:
    pipeline = opened()
    gathered = Gathered()
    for price in (10_000, 10_500, 9_500):
        gathered.add(pipeline.do(limit(100, "sell", price, 200)))
        gathered.add(pipeline.do(market(101, "buy", 200)))
    shown = decoded(feeds.trades_update(pipeline.view, MARKET, gathered.trades[MARKET]))
    assert [(trade["trade"], trade["price"]) for trade in shown] == [(1, "100"), (2, "105"), (3, "95")]


def trade_at(pipeline: Pipeline, ms: int) -> Change:
    pipeline.ms = ms
    pipeline.do(limit(100, "sell", 10_000, 100))
    return pipeline.do(market(101, "buy", 100))


def test_a_candle_is_sent_while_it_changes_and_once_when_it_is_over() -> None:
    pipeline = opened()
    start = pipeline.ms - pipeline.ms % 60_000 + 60_000
    channel = parse_channel(f"kline@{MARKET}_1m")
    assert channel is not None
    feed = CandleFeed(channel, start)
    assert feed.snapshot(pipeline.view, start) is None

    def due(now_ms: int) -> list[tuple[int, int, bool]]:
        rows = [orjson.loads(message)["data"] for message in feed.due(pipeline.view, now_ms)]
        return [(row["time"], row["trades"], row["closed"]) for row in rows]

    assert due(start) == []
    trade_at(pipeline, start + 5)
    feed.touched = True
    assert due(start + 10) == [(start, 1, False)]
    assert due(start + 20) == []
    trade_at(pipeline, start + 30)
    trade_at(pipeline, start + 61_000)
    feed.touched = True
    assert due(start + 61_001) == [(start, 2, True), (start + 60_000, 1, False)]
    assert due(start + 90_000) == []
    assert due(start + 120_000) == [(start + 60_000, 1, True)]
    assert due(start + 180_000) == []


def test_a_ticker_is_sent_when_touched_and_when_the_minute_moves_its_window() -> None:
    pipeline = opened()
    trade_at(pipeline, pipeline.ms)
    feed = TickerFeed(MARKET)
    now = pipeline.ms - pipeline.ms % 60_000
    assert feed.due(pipeline.view, now) is not None
    assert feed.due(pipeline.view, now + 1000) is None
    feed.touched = True
    assert feed.due(pipeline.view, now + 2000) is not None
    assert feed.due(pipeline.view, now + 3000) is None
    assert feed.due(pipeline.view, now + 60_000) is not None


@pytest.mark.parametrize(
    "name",
    ["", "trades", "trades@", "depth", "kline@", f"kline@{MARKET}", f"kline@{MARKET}_2m", "kline@_1m", "order", "x@y"],
)
def test_what_is_no_channel(name: str) -> None:
    assert parse_channel(name) is None


@pytest.mark.parametrize("seed", range(3))
def test_a_quote_is_what_the_engine_then_does(seed: int) -> None:
    chance = random.Random(seed)
    pipeline = opened(taker_fee=2345)
    compared = 0
    for _ in range(600):
        pipeline.do(random_command(chance, pipeline))
        if chance.random() < 0.2:
            buy = chance.random() < 0.5
            spend = chance.randint(100, 10**6) if buy and chance.random() < 0.5 else 0
            quantity = 0 if spend else 100 * chance.randint(1, 300)
            quoted = quote.walk(
                pipeline.view.markets[MARKET],
                "buy" if buy else "sell",
                quantity,
                spend,
                pipeline.view.markets[MARKET].taker_fee,
            )
            change = pipeline.do(market(102, "buy" if buy else "sell", quantity, quote_amount=spend))
            (order,) = [order for order in change.orders.values() if order.type == "market"]
            assert (quoted.fillable, quoted.total, quoted.fee) == (order.filled, order.paid, order.fee)
            prices = [trade.price for trade in change.trades]
            assert quoted.worst == (prices[-1] if prices else None)
            if not (spend and not order.filled):
                assert quoted.complete == (order.status == "filled")
            compared += 1
    assert compared > 60
