"""Binance Spot, `rest-api.md` (Cancel an Existing Order and Send a New Order): the table of results.

Of the table the rows "within limits" apply; the rest is about request rates. Each row is `cancelReplaceMode`,
`cancelResult`, `newOrderResult`; a failing cancel names an order that is not there, a failing new order costs more than
there is.
"""

from collections.abc import Sequence

import pytest

from exchange.commands.types import Cancel, CancelReplace
from exchange.events.types import Accepted, Canceled, Event, Item, ListDone
from tests.unit.engine.venue import OTHER, Venue, all_of, ended, one, order, order_of, orders_of, refusal

STOP_ON_FAILURE = True
ALLOW_FAILURE = False


def result(events: Sequence[Event], index: int) -> str:
    """What the table calls the outcome of a part."""
    found = [item for item in all_of(events, Item) if item.index == index]
    if not found:
        return "NOT_ATTEMPTED"
    return "FAILURE" if found[0].code else "SUCCESS"


@pytest.mark.parametrize(
    "mode,cancels,places,cancel_result,new_order_result",
    [
        (STOP_ON_FAILURE, True, True, "SUCCESS", "SUCCESS"),
        (STOP_ON_FAILURE, False, True, "FAILURE", "NOT_ATTEMPTED"),
        (STOP_ON_FAILURE, True, False, "SUCCESS", "FAILURE"),
        (ALLOW_FAILURE, True, True, "SUCCESS", "SUCCESS"),
        (ALLOW_FAILURE, False, False, "FAILURE", "FAILURE"),
        (ALLOW_FAILURE, False, True, "FAILURE", "SUCCESS"),
        (ALLOW_FAILURE, True, False, "SUCCESS", "FAILURE"),
    ],
)
def test_table_of_results(mode: bool, cancels: bool, places: bool, cancel_result: str, new_order_result: str) -> None:
    venue = Venue()
    owner = venue.account(quote=100)
    old = order_of(venue.buy(owner, 10, 5))

    events = venue.replace(owner, old if cancels else old + 99, order(owner, "buy", 5, 1 if places else 999), mode)

    assert (result(events, 0), result(events, 1)) == (cancel_result, new_order_result)
    assert len(all_of(events, Canceled)) == (cancel_result == "SUCCESS")
    assert len(all_of(events, Accepted)) == (new_order_result == "SUCCESS")
    locked = (0 if cancels else 50) + (5 if new_order_result == "SUCCESS" else 0)
    assert venue.held(owner, "INR") == (100 - locked, locked)


def test_the_cancelled_orders_funds_pay_for_the_new_one() -> None:
    venue = Venue()
    owner = venue.account(quote=50)
    old = order_of(venue.buy(owner, 10, 5))

    one(venue.replace(owner, old, order(owner, "buy", 25, 2)), Accepted)

    assert venue.bids() == [(25, 2)]


@pytest.mark.parametrize("mode", [STOP_ON_FAILURE, ALLOW_FAILURE])
def test_filters_are_evaluated_before_the_cancellation(mode: bool) -> None:
    venue = Venue(tick=5, min_notional=20)
    owner = venue.account(quote=100)
    old = order_of(venue.buy(owner, 10, 5))

    assert refusal(venue.replace(owner, old, order(owner, "buy", 7, 5), mode)) == ("off_tick", "price")
    assert refusal(venue.replace(owner, old, order(owner, "buy", 5, 3), mode)) == ("below_min_notional", "quantity")

    assert venue.bids() == [(10, 5)]


def test_cancelling_an_order_of_a_list_is_cancelling_the_whole_list() -> None:
    venue = Venue()
    owner = venue.account(base=10, quote=100)
    limit, stop = orders_of(
        venue.place_list(
            "oco",
            order(owner, "sell", 20, 5, post_only="refuse"),
            order(owner, "sell", 0, 5, order_type="stop_loss", stop_price=10),
        )
    )

    events = venue.replace(owner, stop, order(owner, "sell", 30, 10))

    assert ended(events) == [(stop, ""), (limit, "list")]
    one(events, ListDone)
    assert venue.asks() == [(30, 10)]


def test_the_new_order_is_on_the_same_symbol() -> None:
    venue = Venue()
    venue.second_market()
    owner = venue.account(base=1000, quote=1000)
    old = order_of(venue.buy(owner, 10, 5))

    events = venue.replace(owner, old, order(owner, "sell", 100, 100, market=OTHER))

    assert (result(events, 0), result(events, 1)) == ("FAILURE", "NOT_ATTEMPTED")
    assert one(events, Item).code == "unknown_order"
    assert venue.bids() == [(10, 5)]


def test_the_cancelled_order_may_be_named_by_its_client_order_id() -> None:
    venue = Venue()
    owner = venue.account(quote=100)
    venue.buy(owner, 10, 5, client_id="old")

    events = venue.do(CancelReplace(Cancel(owner, 0, "old"), order(owner, "buy", 9, 5), STOP_ON_FAILURE))

    assert (result(events, 0), result(events, 1)) == ("SUCCESS", "SUCCESS")
    assert venue.bids() == [(9, 5)]
