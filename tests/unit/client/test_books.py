"""A local book is the exchange's book, or says that it is not."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.client import Gap, LocalBook, Unreadable
from exchange.client.models import Level

Changes = list[tuple[str, int, int]]


def levels(side: dict[int, int]) -> list[list[str]]:
    return [[str(price), str(quantity)] for price, quantity in side.items()]


def snapshot(seq: int, bids: dict[int, int], asks: dict[int, int]) -> dict[str, object]:
    return {"type": "snapshot", "data": {"seq": seq, "bids": levels(bids), "asks": levels(asks), "complete": True}}


def update(first: int, last: int, bids: dict[int, int], asks: dict[int, int]) -> dict[str, object]:
    data = {"first_seq": first, "last_seq": last, "bids": levels(bids), "asks": levels(asks)}
    return {"type": "update", "data": data}


def pairs(side: list[Level]) -> list[tuple[int, int]]:
    return [(int(level.price), int(level.quantity)) for level in side]


def test_a_book_begins_with_a_snapshot_and_goes_on_with_updates() -> None:
    book = LocalBook("A-B")
    book.take(snapshot(7, {10: 1, 9: 2}, {12: 3}))
    book.take(update(8, 9, {10: 0, 8: 5}, {11: 4}))
    assert (book.seq, pairs(book.bids()), pairs(book.asks(1))) == (9, [(9, 2), (8, 5)], [(11, 4)])


@pytest.mark.parametrize("first", [7, 9, 100])
def test_an_update_that_does_not_follow_is_a_gap_and_changes_nothing(first: int) -> None:
    book = LocalBook("A-B")
    book.take(snapshot(7, {10: 1}, {}))
    with pytest.raises(Gap):
        book.take(update(first, first, {10: 0}, {}))
    assert (book.seq, pairs(book.bids())) == (7, [(10, 1)])


def test_an_update_before_any_snapshot_is_a_gap() -> None:
    with pytest.raises(Gap):
        LocalBook("A-B").take(update(5, 5, {}, {}))


@pytest.mark.parametrize("message", [None, {"type": "update"}, {"type": "update", "data": {"first_seq": 0}}])
def test_what_is_no_message_is_called_so(message: object) -> None:
    with pytest.raises(Unreadable):
        LocalBook("A-B").take(message)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 30), st.integers(0, 3)), max_size=60), st.integers(1, 5))
def test_a_book_kept_by_updates_is_the_one_a_snapshot_shows(changes: list[tuple[bool, int, int]], step: int) -> None:
    kept, truth = LocalBook("A-B"), ({}, {})  # type: ignore[var-annotated]
    kept.take(snapshot(0, {}, {}))
    for begin in range(0, len(changes), step):
        part = changes[begin : begin + step]
        told: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for asks, price, quantity in part:
            told[asks][price] = truth[asks][price] = quantity
        kept.take(update(begin + 1, begin + len(part), *told))
    shown = [{price: quantity for price, quantity in side.items() if quantity} for side in truth]
    assert pairs(kept.bids()) == sorted(shown[0].items(), reverse=True)
    assert pairs(kept.asks()) == sorted(shown[1].items())
    assert all(isinstance(level.price, Decimal) for level in kept.bids())
