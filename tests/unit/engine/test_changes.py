"""Changing several orders at once: batches, cancel-replace, cancel-all."""

from collections.abc import Sequence

import pytest

from exchange.commands.types import Amend, Cancel, Place, SetAccountStatus
from exchange.events.types import Accepted, AllCanceled, Amended, Canceled, Duplicate, Event, Item, ListDone
from tests.unit.engine.venue import (
    BASE,
    OTHER,
    QUOTE,
    Venue,
    activated,
    all_of,
    ended,
    fills,
    items,
    names,
    one,
    order,
    order_of,
    orders_of,
    refusal,
)

BOUND = 1_000


def told(events: Sequence[Event]) -> tuple[int, bool]:
    """What `all_canceled` says."""
    event = one(events, AllCanceled)
    return event.count, event.more


# --- cancel all -------------------------------------------------------------------------------------------------------


def test_cancel_all_ends_everything_of_the_account_oldest_first() -> None:
    venue = Venue()
    venue.second_market()
    owner, other = venue.account(base=1000, quote=1000), venue.rich()
    orders = [
        order_of(venue.buy(owner, 10, 1)),
        order_of(venue.sell(owner, 50, 100, market=OTHER)),
        order_of(venue.sell(owner, 0, 1, order_type="stop_loss", stop_price=5)),
        order_of(venue.sell(owner, 20, 1)),
    ]
    venue.buy(other, 10, 1)

    events = venue.cancel_all(owner)

    assert ended(events) == [(number, "") for number in orders]
    assert names(events)[-1] == "AllCanceled"
    assert told(events) == (4, False)
    assert (venue.held(owner, BASE), venue.held(owner, QUOTE)) == ((1000, 0), (1000, 0))
    assert venue.bids() == [(10, 1)]
    assert told(venue.cancel_all(owner)) == (0, False)


def test_cancel_all_in_one_market() -> None:
    venue = Venue()
    venue.second_market()
    owner = venue.account(base=1000, quote=1000)
    here = order_of(venue.buy(owner, 10, 1))
    there = order_of(venue.sell(owner, 50, 100, market=OTHER))

    assert ended(venue.cancel_all(owner, "TATA-INR")) == [(here, "")]
    assert ended(venue.cancel_all(owner, OTHER)) == [(there, "")]
    assert refusal(venue.cancel_all(owner, "NO-NE")) == ("unknown_market", "market")


def test_cancel_all_passes_halted_markets_over_or_is_refused_when_one_is_named() -> None:
    venue = Venue()
    venue.second_market()
    owner = venue.account(base=1000, quote=1000)
    here = order_of(venue.buy(owner, 10, 1))
    venue.sell(owner, 50, 100, market=OTHER)
    venue.status("halted", OTHER)

    events = venue.cancel_all(owner)

    assert ended(events) == [(here, "")]
    assert told(events) == (1, False)
    assert refusal(venue.cancel_all(owner, OTHER)) == ("market_closed", "market")


def test_cancel_all_takes_a_thousand_and_says_that_there_are_more() -> None:
    venue = Venue()
    owner = venue.rich()
    with venue.crowd():
        for _ in range(BOUND + 1):
            venue.buy(owner, 1, 1)

    assert told(venue.cancel_all(owner)) == (BOUND, True)
    assert venue.bids() == [(1, 1)]
    assert told(venue.cancel_all(owner)) == (1, False)


def test_cancel_all_counts_the_mates_of_a_list() -> None:
    venue = Venue()
    owner = venue.rich()
    orders = orders_of(venue.place_list("oto", order(owner, "buy", 5, 1), order(owner, "sell", 9, 1)))

    events = venue.cancel_all(owner)

    assert [number for number, _ in ended(events)] == orders
    assert told(events) == (2, False)
    one(events, ListDone)


def test_cancel_all_stops_when_mates_have_made_it_a_thousand() -> None:
    venue = Venue()
    owner = venue.rich()
    with venue.crowd():
        for _ in range(BOUND - 2):
            venue.buy(owner, 1, 1)
        venue.place_list("oto", order(owner, "buy", 1, 1), order(owner, "sell", 9, 1))
    last = order_of(venue.buy(owner, 2, 1))

    assert told(venue.cancel_all(owner)) == (BOUND, True)
    assert ended(venue.cancel_all(owner)) == [(last, "")]


def test_cancel_all_of_accounts_that_are_not_there() -> None:
    venue = Venue()

    assert refusal(venue.cancel_all(10**6)) == ("unknown_account", "account")
    assert refusal(venue.cancel_all(1)) == ("house_account", "account")


# --- batches ----------------------------------------------------------------------------------------------------------


def test_each_part_has_its_result_after_its_number() -> None:
    venue = Venue()
    owner = venue.account(quote=100)
    old = order_of(venue.buy(owner, 10, 5))

    events = venue.batch(
        owner,
        order(owner, "buy", 9, 1),
        Cancel(owner, 99, ""),
        Amend(owner, old, 3),
        order(owner, "buy", 1000, 1),
        Cancel(owner, old, ""),
        order(owner, "buy", 8, 1, market="NO-NE"),
    )

    assert items(events) == [
        (0, "", ""),
        (1, "unknown_order", "order"),
        (2, "", ""),
        (3, "insufficient_funds", "quantity"),
        (4, "", ""),
        (5, "unknown_market", "market"),
    ]
    assert names(events) == [
        "Item",
        "Accepted",
        "Rested",
        "Item",
        "Item",
        "Amended",
        "Item",
        "Item",
        "Canceled",
        "Item",
    ]
    assert venue.bids() == [(9, 1)]
    assert venue.held(owner, QUOTE) == (91, 9)


def test_a_part_meets_what_the_parts_before_it_did() -> None:
    venue = Venue()
    owner = venue.account(base=5, quote=50)

    events = venue.batch(owner, order(owner, "sell", 10, 5), order(owner, "buy", 10, 5))

    assert fills(events) == [(10, 5)]
    assert items(events) == [(0, "", ""), (1, "", "")]


def test_activations_come_after_the_last_part() -> None:
    venue = Venue()
    owner = venue.rich()
    stop = order_of(venue.sell(venue.rich(), 0, 1, order_type="stop_loss", stop_price=10))

    events = venue.batch(
        owner, order(owner, "sell", 10, 1), order(owner, "buy", 10, 1), order(owner, "buy", 7, 1), Cancel(owner, 99, "")
    )

    assert names(events) == [
        *("Item", "Accepted", "Rested"),
        *("Item", "Accepted", "Trade", "Done"),
        *("Item", "Accepted", "Rested"),
        "Item",
        *("Activated", "Trade", "Done"),
    ]
    assert activated(events) == [stop]
    assert fills(events) == [(10, 1), (7, 1)]


def test_a_repeated_part_names_its_first_result_and_has_no_events() -> None:
    venue = Venue()
    owner = venue.account(quote=100)
    venue.buy(owner, 10, 1, client_id="a")
    ms, seq = venue.machine.head.id

    events = venue.batch(owner, order(owner, "buy", 9, 1, client_id="a"), order(owner, "buy", 8, 1, client_id="b"))

    first, second = all_of(events, Item)
    assert (first.first, first.code, second.first) == (f"{ms}-{seq}", "", "")
    assert names(events) == ["Item", "Item", "Accepted", "Rested"]
    assert isinstance(venue.buy(owner, 8, 1, client_id="b")[0], Duplicate)


def test_a_name_given_twice_in_a_batch_is_a_repetition_of_the_batch_itself() -> None:
    venue = Venue()
    owner = venue.account(quote=100)

    events = venue.batch(owner, order(owner, "buy", 9, 1, client_id="a"), order(owner, "buy", 8, 1, client_id="a"))

    ms, seq = venue.machine.head.id
    assert all_of(events, Item)[1].first == f"{ms}-{seq}"
    assert venue.bids() == [(9, 1)]


def test_a_refused_part_is_remembered_like_a_refused_order() -> None:
    venue = Venue()
    owner = venue.account(quote=100)
    venue.batch(owner, order(owner, "buy", 1000, 1, client_id="a"))

    assert isinstance(venue.buy(owner, 1, 1, client_id="a")[0], Duplicate)


def test_a_batch_of_an_account_that_is_not_there_is_refused_whole() -> None:
    venue = Venue()

    assert refusal(venue.batch(10**6, Cancel(10**6, 1, ""))) == ("unknown_account", "account")
    assert refusal(venue.batch(1, Cancel(1, 1, ""))) == ("house_account", "account")


def test_a_frozen_accounts_parts_are_refused_one_by_one() -> None:
    venue = Venue()
    owner = venue.account(quote=100)
    old = order_of(venue.buy(owner, 10, 5))
    venue.do(SetAccountStatus(owner, "frozen"))

    events = venue.batch(owner, order(owner, "buy", 1, 1), Amend(owner, old, 3), Cancel(owner, old, ""))

    assert [code for _, code, _ in items(events)] == ["account_frozen", "account_frozen", ""]
    one(events, Canceled)


# --- cancel-replace ---------------------------------------------------------------------------------------------------


def replacement(account: int, **more: str) -> Place:
    return order(account, "buy", 9, 1, client_id=more.get("client_id", ""))


def test_the_cancel_comes_first_and_the_new_order_second() -> None:
    venue = Venue()
    owner = venue.account(quote=100)
    old = order_of(venue.buy(owner, 10, 5))

    events = venue.replace(owner, old, replacement(owner))

    assert names(events) == ["Item", "Canceled", "Item", "Accepted", "Rested"]
    assert items(events) == [(0, "", ""), (1, "", "")]


@pytest.mark.parametrize("stop_on_failure", [True, False])
def test_a_new_order_that_repeats_a_name_makes_the_whole_a_repetition(stop_on_failure: bool) -> None:
    venue = Venue()
    owner = venue.account(quote=100)
    old = order_of(venue.buy(owner, 10, 5))
    venue.buy(owner, 1, 1, client_id="a")

    events = venue.replace(owner, old, replacement(owner, client_id="a"), stop_on_failure)

    assert names(events) == ["Duplicate"]
    assert venue.bids() == [(10, 5), (1, 1)]


def test_the_new_orders_name_names_the_result() -> None:
    venue = Venue()
    owner = venue.account(quote=100)
    old = order_of(venue.buy(owner, 10, 5))
    one(venue.replace(owner, old, replacement(owner, client_id="a")), Accepted)

    assert names(venue.replace(owner, old, replacement(owner, client_id="a"))) == ["Duplicate"]
    assert names(venue.buy(owner, 1, 1, client_id="a")) == ["Duplicate"]


def test_a_frozen_account_replaces_nothing() -> None:
    venue = Venue()
    owner = venue.account(quote=100)
    old = order_of(venue.buy(owner, 10, 5))
    venue.do(SetAccountStatus(owner, "frozen"))

    assert refusal(venue.replace(owner, old, replacement(owner))) == ("account_frozen", "account")
    assert venue.bids() == [(10, 5)]


def test_a_market_that_takes_no_orders_replaces_none() -> None:
    venue = Venue()
    owner = venue.account(quote=100)
    old = order_of(venue.buy(owner, 10, 5))
    venue.status("cancel_only")

    assert refusal(venue.replace(owner, old, replacement(owner))) == ("market_closed", "market")
    assert venue.bids() == [(10, 5)]


def test_what_the_book_is_judges_the_new_order_after_the_cancel() -> None:
    venue = Venue()
    owner = venue.account(base=5, quote=100)
    old = order_of(venue.sell(owner, 9, 5))

    # Its own sell would have been in the way of a post-only buy; it is gone by then.
    events = venue.replace(owner, old, order(owner, "buy", 9, 1, post_only="refuse"))

    assert items(events) == [(0, "", ""), (1, "", "")]
    assert venue.bids() == [(9, 1)]
    events = venue.replace(owner, orders_of(events)[0], order(owner, "buy", 9, 99))
    assert items(events) == [(0, "", ""), (1, "insufficient_funds", "quantity")]
    assert venue.bids() == []


def test_what_the_new_order_trades_sets_off_activations_at_the_end() -> None:
    venue = Venue()
    owner = venue.account(quote=100)
    old = order_of(venue.buy(owner, 8, 5))
    venue.sell(venue.rich(), 9, 1)
    stop = order_of(venue.sell(venue.rich(), 0, 1, order_type="stop_loss", stop_price=9))

    events = venue.replace(owner, old, replacement(owner))

    assert activated(events) == [stop]
    assert names(events)[-2:] == ["Activated", "Done"]


def test_an_order_may_not_replace_itself_twice() -> None:
    venue = Venue()
    owner = venue.account(quote=100)
    old = order_of(venue.buy(owner, 10, 5))
    venue.replace(owner, old, replacement(owner))

    events = venue.replace(owner, old, replacement(owner))

    assert items(events) == [(0, "unknown_order", "order")]
    assert all_of(events, Amended) == []
