"""New orders of accounts, counted from what the engine says. The examples are the venue's published ones."""

import pytest

from exchange.api.limits.by_account import ByAccount
from exchange.api.limits.limiter import LimitReached
from exchange.commands.types import Cancel, Command, Place, SetRules
from exchange.events.types import EVENT_NAMES
from exchange.projections.live.orders import LiveOrder
from exchange.terms.words import FOK, LIMIT, SIDES
from tests.unit.live.pipeline import DAY, MARKET, USERS, Pipeline, limit, market, opened

ME, OTHER, _ = USERS
BID, MID, ASK = 500 * 199, 500 * 200, 500 * 201
SECOND = 1000


class Counted:
    """An engine, its view, and the counts of it."""

    def __init__(self, in_ten_seconds: int = 100, in_a_day: int = 200_000) -> None:
        self.pipeline: Pipeline = opened()
        self.pipeline.do(SetRules(2, 1000))
        self.began: list[int] = []
        self.orders = ByAccount(in_ten_seconds, in_a_day, lambda: self.began.append(1))
        self.orders.begun(self.pipeline.view)
        self.start_ms = self.pipeline.ms

    def at(self, seconds: float) -> None:
        self.pipeline.ms = self.start_ms + int(seconds * SECOND)

    def do(self, command: Command) -> None:
        change = self.pipeline.do(command)
        self.outcome = self.pipeline.outcomes[-1][1]
        self.orders.entry(self.pipeline.view, change, self.outcome)

    def told(self) -> list[str]:
        return [EVENT_NAMES[type(event)] for event in self.outcome.events]

    def open(self) -> list[LiveOrder]:
        return list(self.pipeline.view.accounts[ME].open.values())

    def mine(self, account: int = ME) -> list[int]:
        return [count for _, count in self.orders.placed(account, self.pipeline.ms)]

    def ten(self) -> int:
        return self.mine()[0]


def fok(side: str, price: int, quantity: int) -> Place:
    return Place(ME, MARKET, SIDES[side], LIMIT, FOK, price, quantity, 0, "")


def test_an_order_that_trades_as_taker_does_not_count() -> None:
    world = Counted()
    world.do(limit(OTHER, "sell", ASK, 500))
    world.at(1)
    world.do(limit(ME, "buy", BID, 100))
    assert world.ten() == 1
    world.at(2)
    world.do(limit(ME, "buy", ASK, 900))  # 500 at once, 400 stay
    assert world.ten() == 1
    world.at(3)
    world.do(limit(ME, "buy", BID, 100))
    assert world.ten() == 2
    world.at(4)
    world.do(limit(OTHER, "sell", ASK, 100))
    assert world.ten() == 2
    world.do(limit(OTHER, "sell", ASK, 300))
    assert world.ten() == 2
    world.at(5)
    world.do(market(ME, "sell", 0))
    world.do(limit(OTHER, "sell", ASK, 100))
    world.do(market(ME, "buy", 100))
    assert world.ten() == 2


def test_an_order_that_waited_for_its_trade_gives_room_for_more() -> None:
    world = Counted()
    world.at(1)
    for price in (ASK, ASK + 500, ASK + 1000, ASK + 1500, ASK + 2000):
        world.do(limit(ME, "sell", price, 300))
    assert world.ten() == 5
    world.at(3)
    world.do(limit(OTHER, "buy", ASK, 100))
    assert world.ten() == 0
    world.at(4)
    for _ in range(2):
        world.do(limit(ME, "buy", BID, 100))
    assert world.ten() == 2
    world.at(5)
    world.do(limit(OTHER, "buy", ASK, 100))
    assert world.ten() == 2
    world.do(limit(OTHER, "buy", ASK, 100))
    assert world.ten() == 2
    world.do(limit(OTHER, "buy", ASK + 500, 100))
    assert world.ten() == 0
    world.at(6)
    world.do(limit(ME, "buy", BID, 100))
    assert world.ten() == 1


def test_cancelled_and_expired_orders_stay_counted() -> None:
    world = Counted()
    world.do(limit(OTHER, "sell", ASK, 100))
    world.at(1)
    world.do(limit(ME, "buy", BID, 100))
    world.at(2)
    world.do(Cancel(ME, world.open()[0].id, ""))
    assert world.ten() == 1
    world.do(limit(ME, "buy", BID, 100))
    assert world.ten() == 2
    world.at(3)
    world.do(fok("buy", ASK, 100))
    assert (world.told(), world.ten()) == (["accepted", "trade", "done"], 2)
    world.at(5)
    world.do(limit(ME, "buy", BID, 100))
    assert world.ten() == 3
    world.at(6)
    world.do(fok("buy", ASK, 100))
    assert (world.told(), world.ten()) == (["accepted", "done"], 4)
    world.at(7)
    world.do(Cancel(ME, world.open()[0].id, ""))
    assert world.ten() == 4
    world.do(limit(ME, "buy", BID, 100))
    assert world.ten() == 5


def test_a_fill_counts_in_the_window_that_is_running_then() -> None:
    """The published example takes five makers' fills off five by one each; with the credit the first is enough."""
    world = Counted()
    world.at(9 * 3600)
    for _ in range(5):
        world.do(limit(ME, "sell", ASK, 100))
    assert world.mine()[1] == 5
    world.at(24 * 3600)
    assert world.mine() == [0, 0]
    world.at(33 * 3600)
    for _ in range(10):
        world.do(limit(ME, "sell", ASK, 100))
    assert world.mine()[1] == 10
    world.at(36 * 3600)
    world.do(limit(OTHER, "buy", ASK, 100))
    assert world.mine()[1] == 5
    for _ in range(3):
        world.do(limit(OTHER, "buy", ASK, 100))
    assert world.mine()[1] == 0, "there is no credit below zero"
    world.do(limit(ME, "sell", ASK, 100))
    assert world.mine()[1] == 1


def test_an_order_that_fills_several_at_once_counts_once() -> None:
    world = Counted()
    for price in (ASK, ASK + 500):
        world.do(limit(OTHER, "sell", price, 100))
    for _ in range(3):
        world.do(limit(ME, "buy", BID, 100))
    world.do(limit(ME, "buy", ASK + 500, 200))
    assert world.ten() == 3
    assert world.mine(OTHER)[0] == 0


def test_refused_orders_do_not_count() -> None:
    world = Counted()
    world.do(limit(ME, "buy", 10**9, 10**9))
    assert world.told() == ["rejected"]
    world.do(limit(ME, "buy", BID + 1, 100))
    assert (world.told(), world.mine()) == (["rejected"], [0, 0])


def test_windows_are_of_ten_seconds_and_of_a_day() -> None:
    world = Counted(3, 5)
    for _ in range(3):
        world.do(limit(ME, "buy", BID, 100))
    world.at(1.5)
    with pytest.raises(LimitReached) as ten:
        world.orders.place(ME, 1, world.pipeline.ms)
    assert (ten.value.limit.short, ten.value.retry_after) == ("10S", 9)
    world.orders.place(OTHER, 1, world.pipeline.ms)
    world.at(10)
    world.orders.place(ME, 2, world.pipeline.ms)
    with pytest.raises(LimitReached) as day:
        world.orders.place(ME, 1, world.pipeline.ms)
    assert (day.value.limit.short, day.value.retry_after) == ("1D", DAY // 1000 - 10)
    assert [limit.limit for limit in world.orders.limits] == [3, 5]
    assert [limit.short for limit in Counted(0, 5).orders.limits] == ["1D"]


def test_orders_under_way_count_until_they_are_answered() -> None:
    world = Counted(3)
    now = world.pipeline.ms
    world.orders.place(ME, 3, now)
    assert world.ten() == 0, "what is shown is what was placed"
    with pytest.raises(LimitReached):
        world.orders.place(ME, 1, now)
    world.orders.forget(ME, 1)  # refused
    world.do(limit(ME, "buy", BID, 100))
    world.do(limit(ME, "buy", BID, 100))
    world.orders.forget(ME, 2)
    world.orders.place(ME, 1, now)
    with pytest.raises(LimitReached):
        world.orders.place(ME, 1, now)
    world.orders.forget(ME, 1)
    world.orders.forget(12345, 1)


def test_a_view_that_begins_again_counts_again_and_keeps_what_is_under_way() -> None:
    world = Counted(3)
    world.do(limit(ME, "buy", BID, 100))
    world.orders.place(ME, 1, world.pipeline.ms)
    world.orders.begun(world.pipeline.view)
    assert (world.mine(), len(world.began)) == ([0, 0], 2)
    world.orders.place(ME, 2, world.pipeline.ms)
    with pytest.raises(LimitReached):
        world.orders.place(ME, 1, world.pipeline.ms)


def test_the_day_is_seeded_with_what_was_placed_before_and_only_once_for_a_beginning() -> None:
    world = Counted()
    world.do(limit(ME, "buy", BID, 100))
    begun_at = world.orders.begun_at
    world.orders.seed(begun_at, world.start_ms, {ME: 7, OTHER: 2})
    assert (world.mine(), world.mine(OTHER)) == ([1, 8], [0, 2])
    world.orders.seed((1, 1), world.start_ms, {ME: 100})
    world.orders.seed(begun_at, world.start_ms - DAY, {ME: 100})
    assert world.mine() == [1, 8]
    world.at(24 * 3600)
    assert world.mine() == [0, 0]


def test_who_placed_nothing_today_takes_no_memory() -> None:
    orders = ByAccount(100, 1000, lambda: None)
    for account in range(1000):
        orders.placed(account, 5 * DAY)
    orders.place(3, 1, 5 * DAY)
    orders.placed(2000, 6 * DAY)
    assert sorted(orders._accounts) == [3, 2000]
