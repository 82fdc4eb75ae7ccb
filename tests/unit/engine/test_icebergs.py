"""Icebergs: what shows, what the next slice costs in priority, and what happens to the part that does not show."""

import pytest

from exchange.events.types import Amended, Canceled, Prevented, Replenished, Rested, Trade
from tests.unit.engine.venue import (
    BASE,
    QUOTE,
    Venue,
    all_of,
    end_of,
    fills,
    makers,
    names,
    one,
    order_of,
    refusal,
    rested,
)


def test_only_a_slice_shows_and_all_of_it_is_locked() -> None:
    venue = Venue()
    seller = venue.account(base=10)

    events = venue.sell(seller, 10, 10, display=3)

    assert rested(events) == [(10, 3, 7)]
    assert venue.asks() == [(10, 3)]
    assert venue.held(seller, BASE) == (0, 10)


def test_it_takes_like_any_order_and_shows_a_slice_of_what_is_left() -> None:
    venue = Venue()
    venue.sell(venue.rich(), 10, 6)
    buyer = venue.account(quote=100)

    events = venue.buy(buyer, 10, 10, display=3)

    assert fills(events) == [(10, 6)]
    assert rested(events) == [(10, 3, 1)]
    assert venue.held(buyer, QUOTE) == (0, 40)
    assert venue.held(buyer, BASE) == (6, 0)


def test_what_is_left_below_a_slice_shows_whole() -> None:
    venue = Venue()
    venue.sell(venue.rich(), 10, 8)

    assert rested(venue.buy(venue.rich(), 10, 10, display=3)) == [(10, 2, 0)]


def test_the_next_slice_joins_the_end_of_the_queue_at_once() -> None:
    venue = Venue()
    iceberg = order_of(venue.sell(venue.rich(), 10, 7, display=3))
    plain = order_of(venue.sell(venue.rich(), 10, 5))
    buyer = venue.rich()

    events = venue.buy(buyer, 10, 4)

    assert names(events) == ["Accepted", "Trade", "Replenished", "Trade", "Done"]
    assert makers(events) == [(iceberg, 3), (plain, 1)]
    replenished = one(events, Replenished)
    assert (replenished.order, replenished.price, replenished.quantity, replenished.hidden) == (iceberg, 10, 3, 1)
    assert venue.asks() == [(10, 7)]
    assert makers(venue.buy(buyer, 10, 20)) == [(plain, 4), (iceberg, 3), (iceberg, 1)]


def test_a_slice_that_is_only_touched_keeps_its_place() -> None:
    venue = Venue()
    iceberg = order_of(venue.sell(venue.rich(), 10, 7, display=3))
    plain = order_of(venue.sell(venue.rich(), 10, 5))
    buyer = venue.rich()

    assert names(venue.buy(buyer, 10, 2)) == ["Accepted", "Trade", "Done"]
    assert makers(venue.buy(buyer, 10, 2)) == [(iceberg, 1), (plain, 1)]


def test_a_taker_goes_through_all_slices() -> None:
    venue = Venue()
    seller = venue.account(base=7)
    venue.sell(seller, 10, 7, display=3)

    events = venue.buy(venue.rich(), 10, 7)

    assert [(trade.quantity, trade.maker_left) for trade in all_of(events, Trade)] == [(3, 4), (3, 1), (1, 0)]
    assert [(event.quantity, event.hidden) for event in all_of(events, Replenished)] == [(3, 1), (1, 0)]
    assert venue.asks() == []
    assert venue.held(seller, QUOTE) == (70, 0)


def test_cancelling_takes_the_hidden_part_too() -> None:
    venue = Venue()
    buyer = venue.account(quote=100)
    number = order_of(venue.buy(buyer, 10, 10, display=4))
    venue.sell(venue.rich(), 10, 1)

    canceled = one(venue.cancel(buyer, number), Canceled)

    assert (canceled.quantity, canceled.hidden) == (3, 6)
    assert venue.held(buyer, QUOTE) == (90, 0)
    assert venue.bids() == []


def test_a_reduction_takes_the_hidden_part_first() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    number = order_of(venue.sell(seller, 10, 10, display=4))
    venue.buy(venue.rich(), 10, 1)  # 3 shown, 6 hidden

    amended = one(venue.amend(seller, number, 6), Amended)
    assert (amended.quantity, amended.by, amended.hidden, amended.seq) == (6, 0, 4, 0)
    amended = one(venue.amend(seller, number, 2), Amended)
    assert (amended.quantity, amended.by, amended.hidden) == (2, 2, 2)
    assert amended.seq > 0

    assert refusal(venue.amend(seller, number, 1)) == ("below_filled", "quantity")
    assert venue.asks() == [(10, 1)]
    assert venue.held(seller, BASE) == (8, 1)


def test_a_reduced_iceberg_goes_on_showing_its_slices() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    number = order_of(venue.sell(seller, 10, 10, display=4))
    venue.amend(seller, number, 6)

    events = venue.buy(venue.rich(), 10, 5)

    assert [(event.quantity, event.hidden) for event in all_of(events, Replenished)] == [(2, 0)]
    assert venue.asks() == [(10, 1)]


def test_self_trade_prevention_takes_the_hidden_part_of_a_maker_too() -> None:
    venue = Venue()
    owner = venue.account(base=10, quote=100)
    venue.sell(owner, 10, 10, display=4)

    events = venue.buy(owner, 10, 1, stp="expire_maker")

    prevented = one(events, Prevented)
    assert (prevented.maker_quantity, prevented.shown, prevented.maker_left) == (10, 4, 0)
    assert venue.asks() == []
    assert venue.held(owner, BASE) == (10, 0)


def test_decrement_takes_slice_after_slice() -> None:
    venue = Venue()
    owner = venue.account(base=10, quote=100)
    other = order_of(venue.sell(owner, 10, 10, display=4))
    plain = order_of(venue.sell(venue.rich(), 10, 1))

    events = venue.buy(owner, 10, 6, stp="decrement")

    assert names(events) == ["Accepted", "Prevented", "Replenished", "Trade", "Prevented", "Done"]
    assert makers(events) == [(plain, 1)]
    first, second = all_of(events, Prevented)
    assert (first.maker_order, first.maker_quantity, first.taker_quantity, first.maker_left) == (other, 4, 4, 6)
    assert (second.maker_quantity, second.taker_quantity, second.maker_left) == (1, 1, 5)
    assert end_of(events)[0] == "expired_in_match"
    assert venue.asks() == [(10, 3)]
    assert venue.held(owner, BASE) == (6, 5)


def test_a_conditional_iceberg_shows_its_slice_once_it_is_activated() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    venue.sell(seller, 9, 10, order_type="stop_loss_limit", stop_price=9, display=4)

    events = venue.trade_at(9)

    assert rested(events) == [(9, 4, 6)]
    assert one(events, Rested).seq > 0


@pytest.mark.parametrize("display", [10, 11])
def test_a_slice_must_be_less_than_the_whole(display: int) -> None:
    venue = Venue()

    assert refusal(venue.sell(venue.rich(), 10, 10, display=display)) == ("invalid_field", "display")
