"""What the market maker wants in the book, and how it gets there."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.clients.quoting import Limits, OpenOrder, Quote, Reference, Terms, changes, desired

TATA = Terms("TATA-INR", "TATA", "INR", 4, 2, 5, 10_000, 1_000)


def test_ticks_and_lots_are_written_as_the_api_takes_them_and_read_back() -> None:
    assert (TATA.price(20_001), TATA.quantity(7)) == ("1000.05", "7.0000")
    assert (TATA.ticks("1000.05"), TATA.lots("7")) == (20_001, 7)


def test_an_amount_pays_for_whole_lots_and_never_less_than_the_smallest_order() -> None:
    assert TATA.lots_for(2_000_000, 20_000) == 20
    assert TATA.lots_for(0, 20_000) == 1
    assert TATA.lots_for(0, 20) == 10  # 1.00 each: 10 lots make the smallest notional of 10.00


def test_the_reference_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    first, again, other = (Reference(20_000, 20_000, seed, 100) for seed in ("1", "1", "2"))
    moves = [first.move() for _ in range(200)]
    assert moves == [again.move() for _ in range(200)]
    assert moves != [other.move() for _ in range(200)]
    assert len(set(moves)) > 50


@pytest.mark.parametrize("start", [10_000, 40_000])
def test_the_reference_comes_back_to_its_anchor_from_either_side(start: int) -> None:
    reference = Reference(start, 20_000, "1", 100)
    for _ in range(20_000):
        reference.move()
    assert 15_000 < reference.ticks < 25_000


def test_the_reference_never_falls_below_its_floor() -> None:
    reference = Reference(100, 100, "1", 100)
    assert min(reference.move() for _ in range(1_000)) >= 100


@given(
    reference=st.integers(100, 10**9),
    levels=st.integers(1, 20),
    lots=st.integers(1, 10**6),
    inventory=st.integers(-(10**8), 10**8),
    seed=st.integers(0, 99),
)
def test_quotes_never_cross_and_never_carry_the_inventory_past_its_bound(
    reference: int, levels: int, lots: int, inventory: int, seed: int
) -> None:
    bound = 20 * lots
    quotes = desired(reference, Limits(levels, lots, bound), inventory, random.Random(seed))
    bids = [q for q in quotes if q.buy]
    asks = [q for q in quotes if not q.buy]
    assert all(q.ticks > 0 and q.lots > 0 for q in quotes)
    assert max((q.ticks for q in bids), default=0) < min((q.ticks for q in asks), default=10**12)
    assert sum(q.lots for q in bids) <= max(bound - inventory, 0)
    assert sum(q.lots for q in asks) <= max(bound + inventory, 0)


def test_at_its_bound_it_only_sells_and_asks_less() -> None:
    limits = Limits(5, 100, 2_000)
    even = desired(20_000, limits, 0, random.Random(1))
    full = desired(20_000, limits, 2_000, random.Random(1))
    assert {q.buy for q in even} == {True, False}
    assert {q.buy for q in full} == {False}
    assert min(q.ticks for q in full) < min(q.ticks for q in even if not q.buy)


def test_orders_that_are_near_enough_stay_and_the_rest_is_replaced() -> None:
    wanted = [Quote(True, 100, 10), Quote(True, 90, 10), Quote(False, 110, 10)]
    standing = [
        OpenOrder(1, True, 101, 8),  # near
        OpenOrder(2, True, 95, 10),  # too far
        OpenOrder(3, False, 110, 3),  # too small by now
        OpenOrder(4, True, 100, 10),  # one too many
    ]
    stale, missing = changes(wanted, standing, tolerance=2)
    assert [order.id for order in stale] == [2, 3, 4]
    assert missing == [Quote(True, 90, 10), Quote(False, 110, 10)]


def test_nothing_wanted_takes_everything_back() -> None:
    standing = [OpenOrder(1, True, 101, 8), OpenOrder(2, False, 105, 8)]
    assert changes([], standing, 2) == (standing, [])
