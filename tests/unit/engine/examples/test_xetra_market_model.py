"""Deutsche Börse, "Market Model for the Trading Venue Xetra": price determination in auctions.

The rule is that of T7 Release 10.0, section 11.1.1; the order books and prices are the examples that the market model
gives for it, and those of the exchange's own description of the auction (the second group). Quantities are shares,
prices euros. An auction here takes limit orders only, so the examples with market orders are left out; without a
reference price, which the model does not know, the middle of the range is taken.
"""

from collections.abc import Sequence

import pytest

from exchange.commands.types import Limits
from exchange.events.types import AuctionTrade, MarketStatusSet, Uncrossed
from tests.unit.engine.venue import Venue, all_of, names, one

Side = Sequence[tuple[int, int]]
"""Limit and quantity of each order."""


def auction(bids: Side, asks: Side, reference: int = 0) -> tuple[int, int, Venue]:
    """Price and volume of an auction over these orders, and the venue after it."""
    venue = Venue()
    if reference:
        venue.limits(Limits(reference=reference))
    venue.status("auction")
    for price, quantity in bids:
        venue.buy(venue.rich(), price, quantity)
    for price, quantity in asks:
        venue.sell(venue.rich(), price, quantity)
    events = venue.uncross()
    uncrossed = one(events, Uncrossed)
    trades = all_of(events, AuctionTrade)
    assert sum(trade.quantity for trade in trades) == uncrossed.quantity
    assert {trade.price for trade in trades} <= {uncrossed.price}
    assert names(events)[-2:] == ["Uncrossed", "MarketStatusSet"]
    assert one(events, MarketStatusSet).status == "open"
    return uncrossed.price, uncrossed.quantity, venue


def test_example_1_exactly_one_limit_has_the_highest_volume_and_the_lowest_surplus() -> None:
    price, volume, venue = auction(
        bids=((202, 200), (201, 200), (200, 300)),
        asks=((200, 100), (198, 200), (197, 400)),
    )

    assert (price, volume) == (200, 700)
    assert (venue.bids(), venue.asks()) == ([], [])


def test_example_2_several_limits_and_a_surplus_on_the_bid_the_highest_limit() -> None:
    price, volume, venue = auction(
        bids=((202, 400), (201, 200)),
        asks=((199, 300), (198, 200)),
    )

    assert (price, volume) == (201, 500)
    assert venue.bids() == [(201, 100)]


def test_example_3_several_limits_and_a_surplus_on_the_ask_the_lowest_limit() -> None:
    price, volume, venue = auction(
        bids=((202, 300), (201, 200)),
        asks=((199, 400), (198, 200)),
    )

    assert (price, volume) == (199, 500)
    assert venue.asks() == [(199, 100)]


@pytest.mark.parametrize(
    "reference,expected",
    [
        (202, 201),  # above the highest limit: that limit
        (198, 199),  # below the lowest limit: that limit
        (200, 200),  # between them: the reference price
    ],
)
def test_example_5_several_limits_and_no_surplus_the_reference_price(reference: int, expected: int) -> None:
    price, volume, _ = auction(
        bids=((202, 300), (201, 200)),
        asks=((198, 200), (199, 300)),
        reference=reference,
    )

    assert (price, volume) == (expected, 500)


def test_description_example_1_the_price_with_the_highest_turnover() -> None:
    price, volume, venue = auction(
        bids=((200, 300), (199, 200), (198, 300), (196, 100)),
        asks=((197, 400), (198, 300), (200, 100)),
    )

    assert (price, volume) == (198, 700)
    assert venue.bids() == [(198, 100), (196, 100)]  # a surplus of 100


def test_description_example_2_a_surplus_of_demand() -> None:
    price, volume, venue = auction(
        bids=((200, 600), (197, 200)),
        asks=((197, 300), (198, 100), (199, 100), (201, 400)),
    )

    assert (price, volume) == (200, 500)
    assert venue.bids()[0] == (200, 100)


def test_description_example_3_a_surplus_of_supply() -> None:
    price, volume, venue = auction(
        bids=((202, 300), (201, 100), (199, 100), (197, 400)),
        asks=((198, 600), (201, 200)),
    )

    assert (price, volume) == (198, 500)
    assert venue.asks()[0] == (198, 100)


def test_description_example_4_no_surplus() -> None:
    price, volume, venue = auction(
        bids=((202, 300), (201, 200), (197, 100)),
        asks=((198, 200), (199, 300), (203, 100)),
    )

    assert (price, volume) == (200, 500)  # between 199 and 201
    assert (venue.bids(), venue.asks()) == ([(197, 100)], [(203, 100)])


def test_description_example_5_orders_that_are_not_executable_against_one_another_give_no_price() -> None:
    price, volume, venue = auction(
        bids=((200, 100), (199, 400)),
        asks=((201, 200), (202, 300)),
    )

    assert (price, volume) == (0, 0)
    assert venue.bids() == [(200, 100), (199, 400)]
    assert venue.asks() == [(201, 200), (202, 300)]


@pytest.mark.parametrize("reference,expected", [(0, 200), (200, 200), (150, 199), (250, 201)])
def test_description_example_9_a_surplus_of_demand_for_one_part_and_of_supply_for_another(
    reference: int, expected: int
) -> None:
    price, volume, _ = auction(
        bids=((202, 100), (199, 100), (198, 1000)),
        asks=((198, 100), (201, 100), (202, 1000)),
        reference=reference,
    )

    assert (price, volume) == (expected, 100)


@pytest.mark.parametrize("reference,expected", [(99, 98), (94, 97)])
def test_with_surpluses_on_both_sides_only_the_two_limits_between_them_count(reference: int, expected: int) -> None:
    """Section 11.1.1: the lowest limit with an ask surplus and the highest with a bid surplus, here 98 and 97."""
    price, volume, _ = auction(
        bids=((100, 25), (97, 25)),
        asks=((98, 25), (95, 25)),
        reference=reference,
    )

    assert (price, volume) == (expected, 25)
