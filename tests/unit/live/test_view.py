"""The live view against the engine that it reads: always the same books, orders and balances."""

import random

import pytest

from exchange.commands.types import Cancel, OpenAccount, SetMarketFees, SetMarketStatus
from exchange.engine import Machine, queries
from exchange.engine.market import Market
from exchange.engine.snapshot import restore, rows
from exchange.engine.special import BOOK, PENDING, TRIGGER, shown
from exchange.engine.state import State
from exchange.events import codec
from exchange.events.types import EVENT_NAMES, Event, Outcome, Rested, RulesSet
from exchange.projections.live.load import view_of
from exchange.projections.live.view import BrokenView, LiveView
from exchange.terms.instructions import PLAIN
from tests.property.flows import flow
from tests.unit.live.pipeline import MARKET, USERS, Pipeline, begun, limit, market, opened, random_command

LIMITS = (
    *("reference", "bid_up", "bid_down", "ask_up", "ask_down", "slippage_bps"),
    *("max_orders", "max_conditional", "max_parts", "max_position", "max_fills"),
)


def assert_equal(view: LiveView, machine: Machine, *, begun_later: bool = False) -> None:
    """Everything that both hold is the same; a view begun later does not know which members of a list have ended."""
    state = machine.state
    assert view.position == machine.head.id
    assert (view.log_id, view.rules) == (state.log_id, state.rules)
    assert view.assets == {asset.name: asset.decimals for asset in state.assets.values()}
    assert view.refs == state.refs
    tiers = {asset: [(t.volume, t.maker_fee, t.taker_fee) for t in found] for asset, found in state.tiers.items()}
    assert {asset: found for asset, found in view.fee_tiers.items() if found} == tiers
    assert not view.fresh
    for name, its in state.markets.items():
        assert_market(view, machine, name, its)
    assert_orders(view, state)
    for id, order_list in state.lists.items():
        mine = view.lists[id]
        live = [order.id for order in order_list.live()]
        known = live if begun_later else [order for order in mine.orders if order in state.orders]
        assert known == live
        assert (mine.account, mine.kind, mine.client_id) == (
            order_list.account,
            order_list.kind,
            order_list.client_id,
        )
    assert view.lists.keys() == state.lists.keys()
    assert {id: (w.account, w.asset, w.amount) for id, w in view.pending.items()} == {
        id: (w.account, w.asset, w.amount) for id, w in state.withdrawals.items()
    }
    for id in state.accounts:
        assert_account(view, machine, id)


def assert_market(view: LiveView, machine: Machine, name: str, its: Market) -> None:
    mine = view.markets[name]
    assert (mine.seq, mine.status, mine.maker_fee, mine.taker_fee, mine.tiered, mine.last) == (
        its.seq,
        its.status,
        its.rates.maker,
        its.rates.taker,
        not its.pinned,
        its.last * its.tick_size,
    )
    assert [getattr(mine.limits, name) for name in LIMITS] == [getattr(its.limits, name) for name in LIMITS]
    bids, asks = queries.depth(machine.state, name, 10**6)
    assert [(level.price, level.quantity) for level in mine.bids.best_first()] == bids
    assert [(level.price, level.quantity) for level in mine.asks.best_first()] == asks
    for side, theirs in ((mine.bids, its.bids), (mine.asks, its.asks)):
        for ticks in theirs.prices():
            queue = []
            order = theirs.levels[ticks].oldest
            while order is not None:
                queue.append((order.id, shown(order) * its.lot_size, (order.left - shown(order)) * its.lot_size))
                order = order.newer
            level = side.levels[ticks * its.tick_size]
            assert [(order.id, order.shown, order.hidden) for order in level.orders.values()] == queue
            assert level.hidden == theirs.levels[ticks].hidden * its.lot_size


def assert_orders(view: LiveView, state: State) -> None:
    assert view.orders.keys() == state.orders.keys()
    for id, its in state.orders.items():
        mine = view.orders[id]
        lot = its.market.lot_size
        special = its.special
        prevented = 0 if special is None else special.prevented
        order_list = None if special is None else special.order_list
        assert (mine.account, mine.market, mine.kind == "buy", mine.price, mine.client_id, mine.order_list) == (
            its.account,
            its.market.name,
            its.buy,
            its.ticks * its.market.tick_size,
            its.client_id,
            0 if order_list is None else order_list.id,
        )
        assert (mine.quantity, mine.left, mine.prevented) == (its.lots * lot, its.left * lot, prevented * lot)
        assert (mine.status == "open") == (special is None or special.place == BOOK)
        if special is not None:
            assert (mine.type, mine.tif) == (special.order_type, special.tif) or special.instructions is PLAIN
            assert mine.instructions.named() == special.instructions.named()
            assert special.place != TRIGGER or mine.status == "waiting"
            assert special.place != PENDING or mine.status == "pending"


def assert_account(view: LiveView, machine: Machine, id: int) -> None:
    state = machine.state
    its, mine = state.accounts[id], view.accounts[id]
    assert (mine.ref, mine.status, mine.stp, mine.group, mine.switch_ms) == (
        its.ref,
        its.status,
        its.stp,
        its.group,
        its.switch_ms,
    )
    held = {asset: (b.available, b.locked) for asset, b in mine.balances.items()}
    for asset, amounts in queries.balances(state, id).items():
        assert held.pop(asset, (0, 0)) == amounts
    assert not held
    owned = [order.id for order in queries.open_orders(state, id)]
    assert sorted(mine.open) == owned
    named = {state.orders[order].client_id: order for order in owned if state.orders[order].client_id}
    assert {name: order.id for name, order in mine.open_by_client_id.items()} == named
    assert sorted(mine.lists) == sorted(number for number, one in state.lists.items() if one.account == id)
    ms = view.position[0]
    for asset in state.assets:
        volume = its.volumes.get(asset)
        assert view.volume(id, asset, ms) == (0 if volume is None else volume.total(ms // 86_400_000))


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


@pytest.mark.parametrize("seed", range(6))
def test_the_view_equals_the_engine_after_every_entry_of_everything(seed: int) -> None:
    pipeline, traffic = begun(seed)
    for _ in range(700):
        pipeline.ms += traffic.step_ms()
        pipeline.do(traffic.next(pipeline.machine.state, pipeline.ms))
        assert_equal(pipeline.view, pipeline.machine)


@pytest.mark.parametrize("seed", range(10, 13))
def test_a_view_begun_from_any_snapshot_goes_on_like_one_that_saw_everything(seed: int) -> None:
    pipeline, traffic = begun(seed)
    later: list[LiveView] = []
    for step in range(600):
        pipeline.ms += traffic.step_ms()
        pipeline.do(traffic.next(pipeline.machine.state, pipeline.ms))
        for view in later:
            view.apply(*pipeline.outcomes[-1])
        if step % 60 == 30:
            later.append(view_of(restore(rows(pipeline.machine))))
            assert_equal(later[-1], pipeline.machine, begun_later=True)
    for view in later:
        assert_equal(view, pipeline.machine, begun_later=True)
        for id, order in pipeline.view.orders.items():
            assert (view.orders[id].status, view.orders[id].filled) == (order.status, order.filled)


def test_the_traffic_leaves_no_event_out() -> None:
    seen: set[type[Event]] = set()
    for seed in range(6):
        pipeline, traffic = begun(seed)
        for _ in range(700):
            pipeline.ms += traffic.step_ms()
            pipeline.do(traffic.next(pipeline.machine.state, pipeline.ms))
        seen.update(type(event) for _, outcome in pipeline.outcomes for event in outcome.events)
    assert set(EVENT_NAMES) - seen <= {RulesSet}


@pytest.mark.parametrize("seed", range(150))
def test_the_view_equals_the_engine_in_flows_under_either_rules_and_over_from_one_to_the_other(seed: int) -> None:
    machine, view = Machine(), LiveView()
    begun_later: LiveView | None = None
    commands = flow(seed)
    for number, command in enumerate(commands):
        entry = machine.step(command)
        outcome = codec.decode(entry.payload)
        view.apply(entry.id, outcome)
        assert_equal(view, machine)
        if begun_later is not None:
            begun_later.apply(entry.id, outcome)
        elif number == len(commands) // 2:
            begun_later = view_of(restore(rows(machine)))
    assert begun_later is not None
    assert_equal(begun_later, machine, begun_later=True)
