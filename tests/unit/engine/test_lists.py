"""Order lists: what a pair locks, who ends with whom, and what the working order's fill sets off."""

from collections.abc import Sequence

import pytest

from exchange.commands.types import Limits, Place
from exchange.events.types import (
    Accepted,
    Activated,
    Amended,
    Canceled,
    Done,
    Event,
    ListDone,
    ListOpened,
    Prevented,
    Waiting,
)
from exchange.terms.words import OrderType
from tests.unit.engine.venue import (
    BASE,
    QUOTE,
    Venue,
    activated,
    all_of,
    ended,
    fills,
    names,
    one,
    order,
    orders_of,
    refusal,
    rested,
)


def limit(account: int, price: int, quantity: int = 5) -> Place:
    return order(account, "sell", price, quantity, post_only="refuse")


def stop(account: int, trigger: int, quantity: int = 5) -> Place:
    return order(account, "sell", 0, quantity, order_type="stop_loss", stop_price=trigger)


def sell_pair(venue: Venue, account: int) -> tuple[int, int]:
    """A limit at 120 and a stop at 80; their numbers."""
    first, second = orders_of(venue.place_list("oco", limit(account, 120), stop(account, 80)))
    return first, second


def bracket(venue: Venue, account: int) -> tuple[int, int, int]:
    """Buy 5 at 100, then sell them at 120 or stop out at 80; the numbers."""
    events = venue.place_list("otoco", order(account, "buy", 100, 5), limit(account, 120), stop(account, 80))
    working, first, second = orders_of(events)
    return working, first, second


def done_with(events: Sequence[Event], number: int) -> tuple[str, str]:
    """End and reason of one of the orders that are done."""
    return next((event.end, event.reason) for event in all_of(events, Done) if event.order == number)


# --- OCO --------------------------------------------------------------------------------------------------------------


def test_an_oco_opens_with_its_orders_in_the_order_of_the_legs() -> None:
    venue = Venue()
    seller = venue.account(base=5)

    events = venue.place_list("oco", stop(seller, 80), limit(seller, 120), client_id="pair")

    assert names(events) == ["ListOpened", "Accepted", "Accepted", "Waiting", "Rested"]
    opened = one(events, ListOpened)
    assert (opened.kind, opened.client_id, opened.orders) == ("oco", "pair", orders_of(events))
    assert {accepted.order_list for accepted in all_of(events, Accepted)} == {opened.order_list}


def test_a_sell_pair_locks_its_quantity_once() -> None:
    venue = Venue()
    seller = venue.account(base=5)
    first, _ = sell_pair(venue, seller)
    assert venue.held(seller, BASE) == (0, 5)

    venue.cancel(seller, first)

    assert venue.held(seller, BASE) == (5, 0)


@pytest.mark.parametrize("stop_limit,locked", [(115, 575), (0, 550), (60, 450)])
def test_a_buy_pair_locks_the_larger_leg(stop_limit: int, locked: int) -> None:
    venue = Venue()
    venue.trade_at(100)
    buyer = venue.account(quote=575)
    kind: OrderType = "stop_loss_limit" if stop_limit else "stop_loss"

    venue.place_list(
        "oco",
        order(buyer, "buy", 90, 5, post_only="refuse"),
        order(buyer, "buy", stop_limit, 5, order_type=kind, stop_price=110),
    )

    assert venue.held(buyer, QUOTE) == (575 - locked, locked)


def test_a_pair_needs_the_funds_of_the_larger_leg() -> None:
    venue = Venue()
    venue.trade_at(100)
    buyer = venue.account(quote=574)
    legs = (
        order(buyer, "buy", 90, 5, post_only="refuse"),
        order(buyer, "buy", 115, 5, order_type="stop_loss_limit", stop_price=110),
    )

    assert refusal(venue.place_list("oco", *legs)) == ("insufficient_funds", "quantity")


def test_the_other_leg_ends_before_the_limit_leg_trades() -> None:
    venue = Venue()
    seller = venue.account(base=5)
    first, second = sell_pair(venue, seller)

    events = venue.buy(venue.rich(), 120, 2)

    assert names(events) == ["Accepted", "Done", "Trade", "Done"]
    assert ended(events)[0] == (second, "oco")
    assert done_with(events, second) == ("expired", "oco")
    assert venue.held(seller, BASE) == (0, 3)
    events = venue.buy(venue.rich(), 120, 3)
    assert names(events) == ["Accepted", "Trade", "ListDone", "Done"]
    assert activated(venue.trade_at(80)) == []
    assert first not in venue.state.orders


def test_the_limit_leg_ends_before_the_other_is_activated() -> None:
    venue = Venue()
    venue.trade_at(100)
    seller = venue.account(base=5)
    venue.buy(venue.rich(), 75, 9)
    first, second = sell_pair(venue, seller)

    events = venue.trade_at(80)

    told = [name for name in names(events) if name in {"Canceled", "Activated", "ListDone"}]
    assert told == ["Canceled", "Activated", "ListDone"]
    assert (one(events, Canceled).order, one(events, Canceled).reason) == (first, "oco")
    assert activated(events) == [second]
    assert (75, 5) in fills(events)
    assert venue.held(seller, BASE) == (0, 0)
    assert venue.held(seller, QUOTE) == (375, 0)


def test_a_larger_lock_shrinks_to_the_leg_that_remains() -> None:
    venue = Venue()
    venue.trade_at(100)
    buyer = venue.account(quote=575)
    venue.place_list(
        "oco",
        order(buyer, "buy", 90, 5, post_only="refuse"),
        order(buyer, "buy", 115, 5, order_type="stop_loss_limit", stop_price=110),
    )

    venue.sell(venue.rich(), 90, 2)

    assert venue.held(buyer, QUOTE) == (575 - 450, 270)
    assert venue.held(buyer, BASE) == (2, 0)


def test_the_other_leg_ends_too_when_the_limit_leg_is_about_to_be_prevented() -> None:
    venue = Venue()
    owner = venue.account(base=5, quote=1000)
    first, second = sell_pair(venue, owner)

    events = venue.buy(owner, 120, 2, stp="decrement")

    assert names(events) == ["Accepted", "Done", "Prevented", "Done"]
    assert ended(events)[0] == (second, "oco")
    assert one(events, Prevented).maker_order == first
    assert venue.held(owner, BASE) == (2, 3)


def test_a_maker_that_loses_nothing_keeps_its_other_leg() -> None:
    venue = Venue()
    owner = venue.account(base=5, quote=1000)
    _, second = sell_pair(venue, owner)

    events = venue.buy(owner, 120, 2, stp="expire_taker")

    assert names(events) == ["Accepted", "Prevented", "Done"]
    assert activated(venue.trade_at(80)) == [second]


@pytest.mark.parametrize("cancelled", [0, 1])
def test_cancelling_a_leg_ends_the_other(cancelled: int) -> None:
    venue = Venue()
    seller = venue.account(base=5)
    pair = sell_pair(venue, seller)

    events = venue.cancel(seller, pair[cancelled])

    assert ended(events) == [(pair[cancelled], ""), (pair[1 - cancelled], "list")]
    assert names(events)[-1] == "ListDone"
    assert venue.held(seller, BASE) == (5, 0)


def test_a_leg_that_expires_ends_the_other() -> None:
    venue = Venue()
    seller = venue.account(base=5)
    timed = order(seller, "sell", 120, 5, post_only="refuse", expires_ms=venue.now + 10)
    first, second = orders_of(venue.place_list("oco", timed, stop(seller, 80)))
    venue.wait(10)

    events = venue.tick()

    assert ended(events) == [(first, "time"), (second, "list")]
    assert done_with(events, second) == ("expired", "list")
    one(events, ListDone)


def test_a_reduction_of_one_leg_reduces_both() -> None:
    venue = Venue()
    venue.trade_at(100)
    buyer = venue.account(quote=575)
    pair = orders_of(
        venue.place_list(
            "oco",
            order(buyer, "buy", 90, 5, post_only="refuse"),
            order(buyer, "buy", 115, 5, order_type="stop_loss_limit", stop_price=110),
        )
    )

    events = venue.amend(buyer, pair[1], 3)

    assert [(event.order, event.quantity, event.seq > 0) for event in all_of(events, Amended)] == [
        (pair[1], 3, False),
        (pair[0], 3, True),
    ]
    assert venue.held(buyer, QUOTE) == (575 - 345, 345)
    assert venue.bids() == [(90, 3)]


# --- OTO --------------------------------------------------------------------------------------------------------------


def test_a_pending_leg_waits_without_a_lock() -> None:
    venue = Venue()
    buyer = venue.account(quote=500)

    events = venue.place_list("oto", order(buyer, "buy", 100, 5), limit(buyer, 120))

    assert names(events) == ["ListOpened", "Accepted", "Accepted", "Waiting", "Rested"]
    assert one(events, Waiting).on == "list"
    assert (venue.held(buyer, QUOTE), venue.held(buyer, BASE)) == ((0, 500), (0, 0))
    assert venue.asks() == []


def test_the_pending_leg_is_called_when_the_working_order_is_wholly_filled() -> None:
    venue = Venue()
    buyer = venue.account(quote=500)
    _, pending = orders_of(venue.place_list("oto", order(buyer, "buy", 100, 5), limit(buyer, 120)))
    assert activated(venue.sell(venue.rich(), 100, 4)) == []

    events = venue.sell(venue.rich(), 100, 1)

    called = one(events, Activated)
    assert (called.order, called.by) == (pending, "list")
    assert rested(events) == [(120, 5, 0)]
    assert venue.held(buyer, BASE) == (0, 5)
    assert all_of(events, ListDone) == []
    one(venue.cancel(buyer, pending), ListDone)


def test_a_working_order_that_fills_at_once_calls_its_pending_leg_in_the_same_command() -> None:
    venue = Venue()
    venue.sell(venue.rich(), 100, 5)
    buyer = venue.account(quote=500)

    events = venue.place_list("oto", order(buyer, "buy", 100, 5), limit(buyer, 120))

    assert names(events) == [
        "ListOpened",
        "Accepted",
        "Accepted",
        "Waiting",
        "Trade",
        "Done",
        "Activated",
        "Rested",
    ]


def test_a_conditional_pending_leg_waits_for_its_price_once_it_is_called() -> None:
    venue = Venue()
    buyer = venue.account(quote=500)
    _, pending = orders_of(venue.place_list("oto", order(buyer, "buy", 100, 5), stop(buyer, 80)))

    events = venue.sell(venue.rich(), 100, 5)

    assert activated(events) == [pending]
    assert one(events, Waiting).on == "price"
    assert venue.held(buyer, BASE) == (0, 5)
    assert activated(venue.trade_at(80)) == [pending]


def test_working_orders_that_end_otherwise_take_the_pending_leg_with_them() -> None:
    for tif in ("ioc", "fok"):
        venue = Venue()
        venue.sell(venue.rich(), 100, 2)
        buyer = venue.account(quote=500)
        working = order(buyer, "buy", 100, 5, tif="ioc" if tif == "ioc" else "fok")

        events = venue.place_list("oto", working, limit(buyer, 120))

        number, pending = orders_of(events)
        assert [number for number, _ in ended(events)] == [number, pending]
        assert done_with(events, pending) == ("expired", "list")
        one(events, ListDone)


def test_a_working_order_that_was_partly_prevented_is_not_wholly_filled() -> None:
    venue = Venue()
    buyer = venue.account(base=2, quote=500)
    _, pending = orders_of(venue.place_list("oto", order(buyer, "buy", 100, 5), limit(buyer, 120)))
    venue.sell(buyer, 100, 2, stp="decrement")

    events = venue.sell(venue.rich(), 100, 3)

    assert activated(events) == []
    assert done_with(events, pending) == ("expired", "list")
    one(events, ListDone)


def test_a_pending_leg_that_expires_ends_the_list() -> None:
    venue = Venue()
    buyer = venue.account(quote=500)
    timed = order(buyer, "sell", 120, 5, expires_ms=venue.now + 10)
    working, pending = orders_of(venue.place_list("oto", order(buyer, "buy", 100, 5), timed))
    venue.wait(10)

    events = venue.tick()

    assert ended(events) == [(pending, "time"), (working, "list")]
    assert venue.held(buyer, QUOTE) == (500, 0)


def test_a_reduction_of_an_oto_concerns_one_order() -> None:
    venue = Venue()
    buyer = venue.account(quote=500)
    working, pending = orders_of(venue.place_list("oto", order(buyer, "buy", 100, 5), limit(buyer, 120)))

    assert [event.order for event in all_of(venue.amend(buyer, working, 4), Amended)] == [working]
    assert [event.order for event in all_of(venue.amend(buyer, pending, 3), Amended)] == [pending]
    assert venue.held(buyer, QUOTE) == (100, 400)
    venue.sell(venue.rich(), 100, 4)
    assert venue.asks() == [(120, 3)]
    assert venue.held(buyer, BASE) == (1, 3)


@pytest.mark.parametrize(
    "pending,reason",
    [
        (("post_only", 99), "would_take"),
        (("band", 200), "outside_band"),
        (("stop", 110), "would_trigger"),
        (("funds", 120), "insufficient_funds"),
    ],
)
def test_a_pending_leg_that_would_be_refused_ends_instead(pending: tuple[str, int], reason: str) -> None:
    venue = Venue()
    buyer = venue.account(quote=500)
    what, price = pending
    leg = {
        "post_only": limit(buyer, price),
        "band": limit(buyer, price),
        "stop": stop(buyer, price),
        "funds": limit(buyer, price, quantity=6),
    }[what]
    _, number = orders_of(venue.place_list("oto", order(buyer, "buy", 100, 5), leg))
    venue.buy(venue.rich(), 99, 1)
    venue.limits(Limits(ask_up=15_000))

    events = venue.sell(venue.rich(), 100, 5)

    assert names(events)[-3:] == ["Activated", "Done", "ListDone"]
    assert done_with(events, number) == ("expired", reason)
    assert venue.held(buyer, BASE) == (5, 0)


def test_a_pending_order_can_be_cancelled_by_name() -> None:
    venue = Venue()
    buyer = venue.account(quote=500)
    venue.place_list(
        "oto", order(buyer, "buy", 100, 5, client_id="w"), order(buyer, "sell", 120, 5, client_id="p"), client_id="l"
    )

    events = venue.cancel(buyer, client_id="p")

    assert [reason for _, reason in ended(events)] == ["", "list"]
    assert venue.held(buyer, QUOTE) == (500, 0)


# --- OTOCO ------------------------------------------------------------------------------------------------------------


def test_the_pair_is_called_as_one_and_is_an_oco_then() -> None:
    venue = Venue()
    buyer = venue.account(quote=500)
    _, first, second = bracket(venue, buyer)

    events = venue.sell(venue.rich(), 100, 5)

    assert activated(events) == [first, second]
    assert rested(events) == [(120, 5, 0)]
    assert venue.held(buyer, BASE) == (0, 5)
    events = venue.buy(venue.rich(), 120, 5)
    assert ended(events)[0] == (second, "oco")
    one(events, ListDone)
    assert venue.held(buyer, QUOTE) == (600, 0)


def test_a_pair_of_which_one_would_be_refused_ends_whole() -> None:
    venue = Venue()
    buyer = venue.account(quote=500)
    _, first, second = bracket(venue, buyer)
    venue.buy(venue.rich(), 79, 1)
    venue.buy(venue.account(quote=10**6), 99, 1)

    events = venue.sell(venue.rich(), 79, 7)  # 5 at 100, 1 at 99, 1 at 79: the stop at 80 would be triggered already

    assert done_with(events, first) == ("expired", "would_trigger")
    assert done_with(events, second) == ("expired", "would_trigger")
    one(events, ListDone)
    assert venue.held(buyer, BASE) == (5, 0)


def test_cancelling_the_working_order_ends_the_pair() -> None:
    venue = Venue()
    buyer = venue.account(quote=500)
    working, first, second = bracket(venue, buyer)

    events = venue.cancel(buyer, working)

    assert ended(events) == [(working, ""), (first, "list"), (second, "list")]
    assert names(events)[-1] == "ListDone"
    assert venue.held(buyer, QUOTE) == (500, 0)


def test_a_reduction_of_a_pending_leg_reduces_the_pair() -> None:
    venue = Venue()
    buyer = venue.account(quote=500)
    _, first, second = bracket(venue, buyer)

    events = venue.amend(buyer, first, 3)

    assert [(event.order, event.quantity, event.seq) for event in all_of(events, Amended)] == [
        (first, 3, 0),
        (second, 3, 0),
    ]
    venue.sell(venue.rich(), 100, 5)
    assert venue.held(buyer, BASE) == (2, 3)
