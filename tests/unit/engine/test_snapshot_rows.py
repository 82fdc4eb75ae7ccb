"""The rows of a machine are its whole state, canonical and restorable, and damaged rows are refused with a reason."""

import contextlib
import json
from itertools import pairwise

import pytest

from exchange.engine import Machine
from exchange.engine.snapshot import FORMAT, NewerFormat, Row, SnapshotError, restore, rows
from tests.property.comparison import check_invariants
from tests.property.flows import flow
from tests.unit.engine.venue import Venue, all_of, order_of

KINDS = {"header", "asset", "account", "balance", "withdrawal", "market", "order", "remembered", "kept", "end"}


def lived() -> Machine:
    """A machine in whose rows every kind of row stands."""
    for seed in range(1000):
        machine = Machine()
        for entry in flow(seed, length=80):
            machine.step(entry)
        if {row[0] for row in rows(machine)} == KINDS:
            return machine
    raise AssertionError("no flow leaves every kind of row")


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
    for entry in flow(seed=8, length=60):
        entry.id = (entry.id[0] + ms, entry.id[1])
        machine.step(entry)

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
