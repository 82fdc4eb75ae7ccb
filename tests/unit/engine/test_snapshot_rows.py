"""The rows of a machine are its whole state, canonical and restorable, and damaged rows are refused with a reason."""

import contextlib
import json
from itertools import pairwise

import pytest

from exchange.commands.types import (
    Amend,
    CancelAll,
    CancelList,
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    Limits,
    SetFeeTiers,
    SetMarketLimits,
    SetMarketStatus,
    SetStp,
    SetSwitch,
    SettleWithdrawal,
    SetTradeGroup,
    Tick,
    Tier,
    Uncross,
    Withdraw,
)
from exchange.engine import Machine
from exchange.engine.snapshot import FORMAT, NewerFormat, Row, SnapshotError, restore, rows
from exchange.terms.words import OrderType
from tests.property.comparison import check_invariants
from tests.property.flows import entry, flow
from tests.unit.engine.venue import OTHER, QUOTE, Venue, all_of, order, order_of

KINDS = {
    *("header", "asset", "tiers", "account", "balance", "volume", "withdrawal", "list", "market", "order", "queue"),
    *("remembered", "kept", "end"),
}


def lived() -> Machine:
    """A machine in whose rows every kind of row stands: see `full`."""
    return full().machine


def full() -> Venue:
    """A venue in the middle of everything.

    TATA-INR: a broken iceberg, a maker that lost a part by decrement, lists of each kind, waiting and tracking orders,
    orders with a time. INR-TATA: closed with a queue. BIG-INR: an unfinished uncrossing.
    """
    venue = Venue(maker_fee=10, taker_fee=20, window_ms=1_000, names=7)
    venue.second_market()
    venue.do(CreateAsset("BIG", 0))
    venue.do(CreateMarket("BIG-INR", 1, 1, 0, 0, 0))
    venue.do(SetFeeTiers(QUOTE, [Tier(0, -5, 10), Tier(50, -6, 9)]))
    trader, other, third = (venue.account(base=10_000, quote=10_000) for _ in range(3))
    venue.do(Deposit(third, "BIG", 100, "big"))
    venue.do(SetStp(other, "decrement"))
    venue.do(SetTradeGroup(third, 3))
    venue.limits(Limits(reference=50, bid_up=90_000, slippage_bps=5_000, max_parts=50, max_position=10**20))
    venue.trade_at(50)
    venue.sell(trader, 60, 10, display=4, client_id="ice")
    venue.buy(other, 60, 5)  # 3 shown, 2 hidden
    venue.sell(other, 70, 9)
    venue.buy(other, 70, 8)  # 5 of the iceberg, 3 of its own prevented
    venue.buy(trader, 40, 3, expires_ms=venue.now + 700)
    venue.sell(trader, 0, 2, order_type="stop_loss", trailing_bps=500)
    venue.buy(trader, 45, 2, order_type="stop_loss_limit", stop_price=80, trailing_amount=6)
    venue.place_list(
        "oco",
        order(trader, "sell", 90, 3, post_only="refuse"),
        order(trader, "sell", 20, 3, order_type="stop_loss_limit", stop_price=30),
        client_id="oco",
    )
    venue.place_list("oto", order(other, "buy", 41, 2), order(other, "sell", 95, 2), client_id="oto")
    venue.place_list(
        "otoco",
        order(third, "buy", 42, 2),
        order(third, "sell", 96, 2, post_only="refuse"),
        order(third, "sell", 0, 2, order_type="stop_loss", stop_price=30),
    )
    venue.do(SetSwitch(third, 900))
    venue.do(Withdraw(trader, QUOTE, 5, "out"))
    _queue(venue, trader, other)
    _unfinished(venue, third)
    for _ in range(9):
        venue.buy(other, 1, 1, tif="ioc", client_id=f"n{venue.state.next_order}")
    return venue


def _queue(venue: Venue, trader: int, other: int) -> None:
    kinds: list[tuple[OrderType, int]] = [("stop_loss", 0), ("stop_loss_limit", 9)]
    for kind, price in kinds:
        venue.sell(trader, price, 100, order_type=kind, stop_price=9, market=OTHER)
    venue.status("auction", OTHER)
    venue.buy(other, 9, 100, market=OTHER)
    venue.sell(trader, 9, 100, market=OTHER)
    venue.do(Uncross(OTHER, "post_only"))


def _unfinished(venue: Venue, third: int) -> None:
    venue.do(SetMarketLimits("BIG-INR", Limits(max_fills=1)))
    venue.status("auction", "BIG-INR")
    for _ in range(40):
        venue.buy(third, 5, 1, market="BIG-INR")
        venue.sell(third, 4, 1, market="BIG-INR")
    venue.do(Uncross("BIG-INR", "open"))


def test_every_kind_of_row_is_there() -> None:
    venue = full()
    taken = list(rows(venue.machine))

    assert {row[0] for row in taken} == KINDS
    assert any(row[0] == "market" and row[1] == "BIG-INR" and row[-1] is not None for row in taken)
    assert {str(row[5]) for row in taken if row[0] == "list"} == {"True", "False"}


def test_what_is_restored_goes_on_as_the_original_would() -> None:
    venue = full()
    restored = restore(rows(venue.machine))
    trader, other = 100, 101
    followers: list[tuple[int, Command]] = [
        (0, order(other, "buy", 61, 4)),
        (0, order(trader, "sell", 60, 1, client_id="ice")),
        (1, order(trader, "sell", 39, 9, tif="ioc", client_id="again")),
        (0, Amend(trader, 3, 9)),
        (0, CancelList(trader, 0, "oco")),
        (500, SetMarketStatus(OTHER, "open")),
        (1, order(other, "buy", 5, 100, market=OTHER)),
        (250, Tick()),
        (200, order(other, "buy", 100, 20)),
        (0, CancelAll(trader, "")),
        (100, SettleWithdrawal(1)),
        (2_000, order(trader, "sell", 99, 1, client_id="ice")),
        (0, CancelAll(other, "")),
        (31 * 24 * 3600 * 1000, order(other, "buy", 1, 1)),
    ]
    ms, seq = venue.machine.head.id
    for wait, command in followers:
        ms, seq = (ms + wait, 0) if wait else (ms, seq + 1)
        made = entry(ms, seq, command)
        original, other_one = venue.machine.step(made), restored.step(made)
        assert original.payload == other_one.payload
        check_invariants(restored.state)
        assert list(rows(restored)) == list(rows(venue.machine))


def test_an_empty_machine_can_be_taken_down_and_restored() -> None:
    taken = list(rows(Machine()))

    assert list(rows(restore(taken))) == taken


def test_rows_survive_being_written_as_json() -> None:
    taken = list(rows(lived()))

    read: list[Row] = [json.loads(json.dumps(row)) for row in taken]

    assert read == taken
    restored = restore(read)
    check_invariants(restored.state)
    assert list(rows(restored)) == taken


def test_what_is_restored_shares_nothing_with_what_was_taken_down() -> None:
    machine = lived()
    taken = list(rows(machine))
    restored = restore(taken)
    ms = machine.head.id[0]
    for later in flow(seed=8, length=60):
        later.id = (later.id[0] + ms, later.id[1])
        machine.step(later)

    assert list(rows(restored)) == taken


def test_the_order_within_a_level_is_part_of_the_state() -> None:
    venue = Venue()
    sellers = [venue.account(base=5), venue.account(base=5)]
    orders = [order_of(venue.sell(seller, price=10, quantity=5)) for seller in sellers]
    told = [row for row in rows(venue.machine) if row[0] == "order"]
    assert [row[1] for row in told] == orders

    swapped = list(rows(venue.machine))
    places = [number for number, row in enumerate(swapped) if row[0] == "order"]
    swapped[places[0]], swapped[places[1]] = swapped[places[1]], swapped[places[0]]

    assert list(rows(restore(swapped))) != list(rows(venue.machine))


def test_rows_do_not_depend_on_the_order_in_which_things_were_made() -> None:
    taken = list(rows(lived()))
    keys = [(str(row[0]), int(str(row[1]))) for row in taken if row[0] == "account"]

    assert all(before < after for before, after in pairwise(keys))


def test_a_newer_format_is_told_apart() -> None:
    taken = list(rows(lived()))
    taken[0][1] = FORMAT + 1

    with pytest.raises(NewerFormat, match="newer version"):
        restore(taken)


def test_rows_cut_short_are_refused_wherever_they_are_cut() -> None:
    taken = list(rows(lived()))

    for end in range(len(taken)):
        with pytest.raises(SnapshotError):
            restore(taken[:end])


def test_rows_after_the_last_are_refused() -> None:
    taken = list(rows(lived()))

    with pytest.raises(SnapshotError):
        restore([*taken, ["end"]])


def test_rows_of_other_shapes_are_refused_and_raise_nothing_else() -> None:
    taken = list(rows(lived()))
    wrong: list[object] = [None, -0.5, "x", [], {}, True]
    for number, row in enumerate(taken):
        for column in range(len(row)):
            for value in wrong:
                damaged = [list(kept) for kept in taken]
                damaged[number][column] = value
                _restored_or_refused(damaged)
        without = [*taken[:number], row[:-1], *taken[number + 1 :]]
        _restored_or_refused(without)


def _restored_or_refused(damaged: list[Row]) -> None:
    with contextlib.suppress(SnapshotError):
        restore(damaged)


def test_trades_after_a_restore_go_on_with_the_counters() -> None:
    venue = Venue()
    seller, buyer = venue.account(base=10), venue.account(quote=1000)
    venue.sell(seller, price=10, quantity=5)
    venue.buy(buyer, price=10, quantity=5)

    venue.machine = restore(rows(venue.machine))
    venue.state = venue.machine.state

    assert order_of(venue.sell(seller, price=10, quantity=1)) == 3
    assert venue.account() == buyer + 1
    assert all_of(venue.machine.outcome.events, type(venue.machine.outcome.events[0]))
