"""The live view against the engine that it reads: always the same books, orders and balances."""

import random

import pytest

from exchange.commands.types import Cancel, OpenAccount, SetMarketFees, SetMarketStatus
from exchange.engine import Machine, queries
from exchange.engine.snapshot import restore, rows
from exchange.events.types import Outcome, Rested
from exchange.projections.live.load import view_of
from exchange.projections.live.view import BrokenView, LiveView
from tests.unit.live.pipeline import MARKET, USERS, Pipeline, limit, market, opened, random_command


def assert_equal(view: LiveView, machine: Machine) -> None:
    """Everything that both hold is the same."""
    state = machine.state
    assert view.position == machine.head.id
    assert view.log_id == state.log_id
    assert view.assets == {asset.name: asset.decimals for asset in state.assets.values()}
    assert view.refs == state.refs
    for name, its in state.markets.items():
        mine = view.markets[name]
        assert (mine.seq, mine.status, mine.maker_fee, mine.taker_fee) == (
            its.seq,
            its.status,
            its.maker_fee,
            its.taker_fee,
        )
        bids, asks = queries.depth(state, name, 10**6)
        assert [(level.price, level.quantity) for level in mine.bids.best_first()] == bids
        assert [(level.price, level.quantity) for level in mine.asks.best_first()] == asks
        for side, theirs in ((mine.bids, its.bids), (mine.asks, its.asks)):
            for ticks in theirs.prices():
                queue = []
                order = theirs.levels[ticks].oldest
                while order is not None:
                    queue.append((order.id, order.left * its.lot_size))
                    order = order.newer
                level = side.levels[ticks * its.tick_size]
                assert [(order.id, order.left) for order in level.orders.values()] == queue
    assert sorted(view.orders) == sorted(state.orders)
    assert {id: (w.account, w.asset, w.amount) for id, w in view.pending.items()} == {
        id: (w.account, w.asset, w.amount) for id, w in state.withdrawals.items()
    }
    for id, account in state.accounts.items():
        held = {asset: (b.available, b.locked) for asset, b in view.accounts[id].balances.items()}
        for asset, amounts in queries.balances(state, id).items():
            assert held.pop(asset, (0, 0)) == amounts
        assert not held
        assert sorted(view.accounts[id].open) == [order.id for order in queries.open_orders(state, id)]
        assert account.ref == view.accounts[id].ref


@pytest.mark.parametrize("seed", range(5))
def test_the_view_equals_the_engine_after_every_run_of_random_commands(seed: int) -> None:
    chance = random.Random(seed)
    pipeline = opened()
    for step in range(1200):
        pipeline.do(random_command(chance, pipeline))
        if step % 50 == 0:
            assert_equal(pipeline.view, pipeline.machine)
    assert_equal(pipeline.view, pipeline.machine)


def test_a_view_begun_from_a_snapshot_goes_on_like_one_that_saw_everything() -> None:
    chance = random.Random(7)
    pipeline = opened()
    for _ in range(600):
        pipeline.do(random_command(chance, pipeline))
    later = view_of(restore(rows(pipeline.machine)))
    assert_equal(later, pipeline.machine)
    seen = len(pipeline.outcomes)
    for _ in range(600):
        pipeline.do(random_command(chance, pipeline))
    for id, outcome in pipeline.outcomes[seen:]:
        later.apply(id, outcome)
    assert_equal(later, pipeline.machine)


def test_an_order_tells_what_it_paid_and_how_it_ended() -> None:
    pipeline = opened()
    pipeline.do(limit(100, "sell", 10_000, 300))
    pipeline.do(limit(101, "sell", 10_500, 300))
    pipeline.ms += 5
    change = pipeline.do(limit(102, "buy", 10_500, 700, client_id="mine"))
    order = pipeline.view.order(102, 3)
    assert order is not None
    assert (order.filled, order.left, order.status) == (600, 100, "open")
    assert order.paid == (300 * 10_000 + 300 * 10_500) // 10**4
    assert order.fee == 2  # two trades of 0.03, at 0.2 % each rounded up to one unit
    assert order.created == pipeline.ms
    assert [trade.id for trade in change.trades] == [1, 2]
    assert sorted(change.orders) == [1, 2, 3]
    closed = pipeline.view.order(100, 1)
    assert closed is not None
    assert (closed.status, closed.filled) == ("filled", 300)
    pipeline.do(Cancel(102, 0, "mine"))
    assert order.status == "canceled"
    assert pipeline.view.accounts[102].open_by_client_id == {}


def test_another_accounts_order_is_not_found() -> None:
    pipeline = opened()
    pipeline.do(limit(100, "sell", 10_000, 300))
    assert pipeline.view.order(101, 1) is None
    pipeline.do(Cancel(100, 1, ""))
    assert pipeline.view.order(101, 1) is None
    assert pipeline.view.order(100, 1) is not None


def test_a_market_order_that_meets_nothing_has_expired() -> None:
    pipeline = opened()
    pipeline.do(market(100, "buy", 500))
    order = pipeline.view.order(100, 1)
    assert order is not None
    assert (order.status, order.filled) == ("expired", 0)


def test_status_and_fees_follow_the_log() -> None:
    pipeline = opened()
    pipeline.do(SetMarketStatus(MARKET, "halted"))
    pipeline.do(SetMarketFees(MARKET, 5, 6))
    assert_equal(pipeline.view, pipeline.machine)


def test_a_missing_entry_is_noticed() -> None:
    pipeline = opened()
    broken = Pipeline()
    for id, outcome in pipeline.outcomes:
        broken.view.apply(id, outcome)
    id = (pipeline.ms + 1, 0)
    skipped = Outcome([Rested(9, USERS[0], MARKET, 2, "buy", 10_000, 100)], [])
    with pytest.raises(BrokenView):
        broken.view.apply(id, skipped)


def test_an_entry_is_never_taken_twice() -> None:
    pipeline = opened()
    pipeline.do(OpenAccount("again"))
    with pytest.raises(BrokenView, match="does not come after"):
        pipeline.view.apply(*pipeline.outcomes[-1])
