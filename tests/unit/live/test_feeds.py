"""The feeds against the book: a client that follows the documented steps always has it."""

import random
from typing import Any

import orjson
import pytest

from exchange.commands.types import (
    Command,
    Limits,
    Place,
    PlaceList,
    SetFeeTiers,
    SetMarketFees,
    SetMarketLimits,
    SetMarketStatus,
    SetRules,
    SetSwitch,
    SetTradeGroup,
    Tick,
    Tier,
    Uncross,
)
from exchange.engine import queries
from exchange.projections.live import feeds, private, quote
from exchange.projections.live.auction import indicative
from exchange.projections.live.feeds import AuctionFeed, CandleFeed, Gathered, Levels, TickerFeed, parse_channel
from exchange.projections.live.view import Change
from exchange.terms.instructions import Instructions
from exchange.terms.words import SIDES, TIMES_IN_FORCE
from tests.unit.live.pipeline import DAY, MARKET, Pipeline, begun, limit, market, opened, random_command
from tests.unit.live.traffic import MARKETS


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

    def equals(self, pipeline: Pipeline, market: str = MARKET) -> bool:
        truth = orjson.loads(feeds.depth_snapshot(pipeline.view, market))["data"]
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


@pytest.mark.parametrize("seed", range(3))
def test_depth_shows_what_orders_show_whatever_happens(seed: int) -> None:
    pipeline, traffic = begun(seed)
    books = {name: Book(feeds.depth_snapshot(pipeline.view, name)) for name in MARKETS}
    for _ in range(250):
        gathered = Gathered()
        for _ in range(traffic.chance.randint(1, 4)):
            pipeline.ms += traffic.step_ms()
            gathered.add(pipeline.do(traffic.next(pipeline.machine.state, pipeline.ms)))
        for name, levels in gathered.levels.items():
            books[name].update(feeds.depth_update(pipeline.view, name, levels))
            assert books[name].equals(pipeline, name)
    for name in MARKETS:
        bids, asks = queries.depth(pipeline.machine.state, name, 10**6)
        sides = orjson.loads(feeds.depth_snapshot(pipeline.view, name))["data"]
        assert (len(sides["bids"]), len(sides["asks"])) == (len(bids), len(asks))


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


def under_new_rules() -> Pipeline:
    """The funded users of `opened`, under the second rules."""
    pipeline = opened()
    pipeline.do(SetRules(2, 1000))
    return pipeline


def said(price: int, quantity: int, side: str = "sell", **instructions: Any) -> Place:
    """A limit order of user 100 that says something."""
    tif = "gtd" if "expires_ms" in instructions else "gtc"
    given = Instructions(**instructions)
    return Place(100, MARKET, SIDES[side], "limit", TIMES_IN_FORCE[tif], price, quantity, 0, "", given)


def test_an_iceberg_tells_its_owner_alone_what_it_hides() -> None:
    pipeline = under_new_rules()
    pipeline.do(said(10_000, 1_000, display=300))
    change = pipeline.do(market(101, "buy", 300))
    (order,) = decoded(private.orders_update(pipeline.view, 100, change))
    assert (order["display"], order["hidden"], order["filled"], order["status"]) == ("0.03", "0.04", "0.03", "open")
    snapshot = orjson.loads(feeds.depth_snapshot(pipeline.view, MARKET))["data"]
    assert snapshot["asks"] == [["100", "0.03"]]
    assert change.levels[MARKET] == (2, {("sell", 10_000)})
    assert pipeline.view.markets[MARKET].seq == 3  # the trade, then the next slice


def test_what_waits_and_expires_says_for_what_and_why() -> None:
    pipeline = under_new_rules()
    first = pipeline.do(said(10_000, 300, expires_ms=pipeline.ms + 50))
    assert decoded(private.orders_update(pipeline.view, 100, first))[0]["expires_at"] == pipeline.ms + 50
    stop = Place(100, MARKET, "sell", "stop_loss", "ioc", 0, 200, 0, "", Instructions(stop_price=9_000))
    (waiting,) = decoded(private.orders_update(pipeline.view, 100, pipeline.do(stop)))
    assert (waiting["status"], waiting["stop_price"], waiting["activated_at"]) == ("waiting", "90", None)
    pipeline.ms += 60
    change = pipeline.do(Tick())
    (expired,) = decoded(private.orders_update(pipeline.view, 100, change))
    assert (expired["id"], expired["status"], expired["reason"]) == (1, "expired", "time")
    pipeline.do(limit(101, "buy", 9_000, 700))
    pipeline.do(limit(102, "sell", 9_000, 200))
    sold = pipeline.view.order(100, 2)
    assert sold is not None
    assert (sold.status, sold.activated, sold.filled) == ("filled", pipeline.ms, 200)


def test_a_list_is_told_when_it_opens_and_when_it_ends() -> None:
    pipeline = under_new_rules()
    legs = [said(11_000, 300, post_only="refuse"), said(0, 300)]
    legs[1] = Place(100, MARKET, "sell", "stop_loss", "ioc", 0, 300, 0, "", Instructions(stop_price=9_000))
    change = pipeline.do(PlaceList(100, MARKET, "oco", "mine", legs))
    (opened_list,) = decoded(private.lists_update(pipeline.view, 100, change))
    assert (opened_list["kind"], opened_list["client_list_id"], opened_list["orders"], opened_list["status"]) == (
        "oco",
        "mine",
        [1, 2],
        "open",
    )
    assert decoded(private.lists_snapshot(pipeline.view, 100, 10)) == [opened_list]
    change = pipeline.do(market(101, "buy", 300))
    assert [one["status"] for one in decoded(private.lists_update(pipeline.view, 100, change))] == ["done"]
    ends = {
        one["id"]: (one["status"], one["reason"]) for one in decoded(private.orders_update(pipeline.view, 100, change))
    }
    assert ends == {1: ("filled", None), 2: ("expired", "oco")}
    assert private.lists_update(pipeline.view, 101, change) is None
    assert decoded(private.lists_snapshot(pipeline.view, 100, 10)) == []


def test_a_prevented_match_is_told_to_both_of_a_trade_group() -> None:
    pipeline = under_new_rules()
    for user in (100, 101):
        pipeline.do(SetTradeGroup(user, 7))
    pipeline.do(limit(101, "buy", 10_000, 500))
    change = pipeline.do(said(10_000, 200, stp="decrement"))
    for user in (100, 101):
        (match,) = decoded(private.prevented_update(pipeline.view, user, change))
        assert (match["stp"], match["maker_quantity"], match["taker_quantity"]) == ("decrement", "0.02", "0.02")
        assert (match["maker_account"], match["taker_account"]) == (101, 100)
    assert private.prevented_update(pipeline.view, 102, change) is None
    (taker,) = decoded(private.orders_update(pipeline.view, 100, change))
    assert (taker["status"], taker["prevented_quantity"]) == ("expired_in_match", "0.02")
    (maker,) = decoded(private.orders_update(pipeline.view, 101, change))
    assert (maker["status"], maker["prevented_quantity"], maker["filled"]) == ("open", "0.02", "0.00")


def test_the_switch_and_other_settings_are_told() -> None:
    pipeline = under_new_rules()
    change = pipeline.do(SetSwitch(100, 500))
    row = orjson.loads(private.account_update(pipeline.view, 100, change) or b"")["data"]
    assert row == {"account": 100, "status": "open", "stp": "none", "trade_group": None, "switch_at": pipeline.ms + 500}
    assert private.account_update(pipeline.view, 101, change) is None
    pipeline.do(limit(100, "buy", 10_000, 500))
    pipeline.ms += 500
    change = pipeline.do(Tick())
    assert private.concerned(change) == {100}
    (order,) = decoded(private.orders_update(pipeline.view, 100, change))
    assert (order["status"], order["reason"]) == ("canceled", "switch")
    assert orjson.loads(private.account_update(pipeline.view, 100, change) or b"")["data"]["switch_at"] is None


def test_a_rebate_stands_with_the_makers_fill() -> None:
    pipeline = under_new_rules()
    pipeline.do(SetMarketFees(MARKET, -1000, 2000))
    pipeline.do(limit(100, "sell", 10_000, 10_000))
    change = pipeline.do(market(101, "buy", 10_000))
    (maker,) = decoded(private.fills_update(pipeline.view, 100, change))
    assert (maker["fee"], maker["fee_asset"], maker["rebate"], maker["rebate_asset"]) == (
        "0.00",
        "INR",
        "0.0010",
        "TATA",
    )
    (taker,) = decoded(private.fills_update(pipeline.view, 101, change))
    assert (taker["fee"], taker["fee_asset"], taker["rebate"], taker["rebate_asset"]) == ("0.0020", "TATA", None, None)


def test_an_auction_shows_what_it_would_come_to_and_what_it_came_to() -> None:
    pipeline = under_new_rules()
    feed = AuctionFeed(MARKET)
    pipeline.do(said(10_000, 1_000, display=200))

    def tell(command: Command) -> dict[str, Any] | None:
        gathered = Gathered()
        gathered.add(pipeline.do(command))
        feed.uncrossed = gathered.uncrossed.get(MARKET, feed.uncrossed)
        feed.touched = feed.touched or MARKET in gathered.levels or MARKET in gathered.markets
        due = feed.due(pipeline.view)
        return None if due is None else orjson.loads(due)["data"]

    assert tell(limit(101, "buy", 9_000, 700)) is None
    begun_now = tell(SetMarketStatus(MARKET, "auction"))
    assert begun_now is not None
    assert (begun_now["status"], begun_now["indicative_price"]) == ("auction", None)
    crossed = tell(limit(101, "buy", 10_500, 700))
    assert crossed is not None
    assert (crossed["indicative_price"], crossed["indicative_quantity"]) == ("100", "0.07")
    assert crossed == orjson.loads(feed.snapshot(pipeline.view))["data"]
    change = pipeline.do(Uncross(MARKET, "open"))
    assert [(trade.price, trade.quantity, trade.auction) for trade in change.trades] == [(10_000, 700, True)]
    feed.uncrossed = change.uncrossed[MARKET]
    over = orjson.loads(feed.due(pipeline.view) or b"")["data"]
    assert (over["status"], over["uncrossed_price"], over["uncrossed_quantity"]) == ("open", "100", "0.07")
    assert over["indicative_price"] is None
    assert tell(limit(101, "buy", 9_000, 700)) is None
    shown = decoded(private.fills_update(pipeline.view, 100, change))
    assert [(fill["auction"], fill["liquidity"]) for fill in shown] == [(True, "maker")]


def test_a_late_listener_takes_no_news_from_the_others() -> None:
    pipeline = under_new_rules()
    feed = AuctionFeed(MARKET)
    feed.snapshot(pipeline.view)
    for status in ("auction", "open"):
        pipeline.do(SetMarketStatus(MARKET, status))
        feed.touched = True
        feed.snapshot(pipeline.view)
        told = feed.due(pipeline.view)
        assert told is not None
        assert orjson.loads(told)["data"]["status"] == status
    pipeline.do(SetMarketStatus(MARKET, "auction"))
    change = pipeline.do(Uncross(MARKET, "open"))
    feed.uncrossed = change.uncrossed[MARKET]
    assert orjson.loads(feed.snapshot(pipeline.view))["data"]["uncrossed_quantity"] is None
    assert orjson.loads(feed.due(pipeline.view) or b"")["data"]["uncrossed_quantity"] == "0.00"
    assert feed.due(pipeline.view) is None


@pytest.mark.parametrize("seed", range(4))
def test_the_indicative_price_is_what_the_auction_then_comes_to(seed: int) -> None:
    pipeline, traffic = begun(seed)
    compared = 0
    for _ in range(800):
        pipeline.ms += traffic.step_ms()
        command = traffic.next(pipeline.machine.state, pipeline.ms)
        if isinstance(command, Uncross):
            pipeline.do(Tick())  # what is due happens before the command's own
            expected = indicative(pipeline.view.markets[command.market])
            change = pipeline.do(command)
            if command.market in change.uncrossed:
                price, quantity = change.uncrossed[command.market]
                assert (price, quantity) == expected or not quantity == expected[1] == 0
                compared += quantity > 0
        else:
            pipeline.do(command)
    assert compared


def test_a_market_is_told_anew_when_its_settings_change() -> None:
    pipeline = under_new_rules()
    gathered = Gathered()
    gathered.add(pipeline.do(SetMarketLimits(MARKET, Limits(reference=10_000, bid_up=11_000, max_fills=5))))
    gathered.add(pipeline.do(SetFeeTiers("INR", [Tier(0, 900, 1900)])))
    assert gathered.markets == {MARKET}
    shown = orjson.loads(feeds.market_message(pipeline.view, MARKET, "update"))["data"]
    assert (shown["limits"]["reference"], shown["limits"]["bid_up"], shown["limits"]["ask_up"]) == (
        "100",
        11_000,
        None,
    )
    assert (shown["tiered"], shown["limits"]["max_fills"]) == (True, 5)


def test_rates_follow_the_table_by_what_was_traded_in_thirty_days() -> None:
    pipeline = under_new_rules()
    of = pipeline.view.markets[MARKET]
    pipeline.do(SetFeeTiers("INR", [Tier(0, 900, 1900), Tier(20_000, -100, 1000)]))
    pipeline.do(limit(100, "sell", 10_000, 10_000))
    pipeline.do(market(101, "buy", 10_000))
    pipeline.do(limit(100, "sell", 10_000, 10_000))
    pipeline.do(market(100, "buy", 10_000))  # with oneself: counts for nobody
    view, ms = pipeline.view, pipeline.ms
    assert (view.volume(100, "INR", ms), view.volume(101, "INR", ms)) == (10_000, 10_000)
    assert view.rates(101, of, ms) == (900, 1900)
    pipeline.do(limit(100, "sell", 10_000, 10_000))
    pipeline.do(market(101, "buy", 10_000))
    assert view.rates(101, of, ms) == (-100, 1000)
    assert view.rates(102, of, ms) == view.rates(None, of, ms) == (900, 1900)
    assert view.rates(101, of, ms + 29 * DAY) == (-100, 1000)
    assert view.rates(101, of, ms + 30 * DAY) == (900, 1900)
    pipeline.do(SetMarketFees(MARKET, 5, 6))
    assert view.rates(101, of, ms) == (5, 6)
    pipeline.do(SetMarketFees(MARKET, 5, 6, True))
    assert view.rates(101, of, ms) == (-100, 1000)


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


LIMITED = Limits(bid_up=10_200, ask_down=9_800, slippage_bps=100, max_fills=4)


@pytest.mark.parametrize("limits", [None, Limits(), LIMITED])
@pytest.mark.parametrize("seed", range(3))
def test_a_quote_is_what_the_engine_then_does(seed: int, limits: Limits | None) -> None:
    chance = random.Random(seed)
    pipeline = opened(taker_fee=2345)
    if limits is not None:
        pipeline.do(SetRules(2, 1000))
        pipeline.do(SetMarketLimits(MARKET, limits))
    compared = 0
    incomplete = 0
    for _ in range(600):
        pipeline.do(random_command(chance, pipeline))
        if chance.random() < 0.2:
            buy = chance.random() < 0.5
            spends = chance.random() < 0.5 and (buy or limits is not None)
            spend = chance.randint(100, 10**6) if spends else 0
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
            incomplete += not quoted.complete
    assert compared > 60
    assert limits is not LIMITED or incomplete > 20
