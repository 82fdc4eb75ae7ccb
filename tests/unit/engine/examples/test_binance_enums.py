"""Binance Spot, `enums.md`: every order status is reached, in the way its description names, and every time in force.

`PENDING_CANCEL` is "currently unused" there; `REJECTED` is a refused command here, which makes no order.
"""

from exchange.events.types import ListDone, ListOpened, Prevented
from tests.unit.engine.examples.reports import report
from tests.unit.engine.venue import Venue, end_of, one, order, order_of, orders_of, refusal


def test_new_the_order_has_been_accepted_by_the_engine() -> None:
    venue = Venue()

    assert report(venue, order_of(venue.buy(venue.rich(), 10, 5))).status == "NEW"


def test_new_a_conditional_order_that_waits() -> None:
    venue = Venue()

    events = venue.buy(venue.rich(), 0, 5, order_type="stop_loss", stop_price=10)

    assert report(venue, order_of(events)).status == "NEW"


def test_pending_new_until_the_working_order_of_the_list_has_been_fully_filled() -> None:
    venue = Venue()
    owner = venue.rich()
    working, pending = orders_of(venue.place_list("oto", order(owner, "buy", 10, 5), order(owner, "sell", 20, 5)))
    assert [report(venue, number).status for number in (working, pending)] == ["NEW", "PENDING_NEW"]

    venue.sell(venue.rich(), 10, 4)
    assert [report(venue, number).status for number in (working, pending)] == ["PARTIALLY_FILLED", "PENDING_NEW"]

    venue.sell(venue.rich(), 10, 1)
    assert [report(venue, number).status for number in (working, pending)] == ["FILLED", "NEW"]


def test_partially_filled_and_filled() -> None:
    venue = Venue()
    resting = order_of(venue.sell(venue.rich(), 10, 5))

    taker = order_of(venue.buy(venue.rich(), 10, 3))
    assert [report(venue, number).status for number in (resting, taker)] == ["PARTIALLY_FILLED", "FILLED"]

    taker = order_of(venue.buy(venue.rich(), 10, 3))
    assert [report(venue, number).status for number in (resting, taker)] == ["FILLED", "PARTIALLY_FILLED"]


def test_canceled_by_the_user() -> None:
    venue = Venue()
    owner = venue.rich()
    resting = order_of(venue.buy(owner, 10, 5))
    waiting = order_of(venue.sell(owner, 0, 5, order_type="stop_loss", stop_price=5))

    venue.cancel(owner, resting)
    venue.cancel(owner, waiting)

    assert [report(venue, number).status for number in (resting, waiting)] == ["CANCELED", "CANCELED"]


def test_rejected_the_order_was_not_accepted_and_not_processed() -> None:
    venue = Venue()
    owner = venue.account()
    before = venue.state.next_order

    assert refusal(venue.buy(owner, 10, 5)) == ("insufficient_funds", "quantity")

    assert venue.state.next_order == before


def test_expired_a_fok_order_with_no_fill() -> None:
    venue = Venue()
    venue.sell(venue.rich(), 10, 4)

    events = venue.buy(venue.rich(), 10, 5, tif="fok")

    assert report(venue, order_of(events)).status == "EXPIRED"
    assert report(venue, order_of(events)).executed == 0


def test_expired_ioc_and_market_orders_that_partially_fill() -> None:
    venue = Venue()
    for price in (10, 0):
        venue.sell(venue.rich(), 10, 4)
        events = venue.buy(venue.rich(), price, 5, tif="ioc")
        assert report(venue, order_of(events)).status == "EXPIRED"
        assert report(venue, order_of(events)).executed == 4
        assert end_of(events) == ("expired", 1, "")


def test_expired_in_match_due_to_stp() -> None:
    venue = Venue()
    owner = venue.rich()
    venue.sell(owner, 10, 4)

    events = venue.buy(owner, 10, 5, stp="expire_taker")

    one(events, Prevented)
    assert report(venue, order_of(events)).status == "EXPIRED_IN_MATCH"


def test_time_in_force_gtc_stays_until_cancelled() -> None:
    venue = Venue()
    resting = order_of(venue.buy(venue.rich(), 10, 5, tif="gtc"))
    venue.wait(10**9)
    venue.tick()

    assert report(venue, resting).status == "NEW"


def test_time_in_force_ioc_fills_as_much_as_it_can() -> None:
    venue = Venue()
    venue.sell(venue.rich(), 10, 4)

    assert end_of(venue.buy(venue.rich(), 10, 4, tif="ioc")) == ("filled", 0, "")
    assert end_of(venue.buy(venue.rich(), 10, 4, tif="ioc")) == ("expired", 4, "")


def test_time_in_force_fok_fills_fully_or_not_at_all() -> None:
    venue = Venue()
    venue.sell(venue.rich(), 10, 4)

    assert end_of(venue.buy(venue.rich(), 10, 5, tif="fok")) == ("expired", 5, "fok")
    assert end_of(venue.buy(venue.rich(), 10, 4, tif="fok")) == ("filled", 0, "")


def test_order_list_status_executing_then_all_done() -> None:
    venue = Venue()
    owner = venue.rich()

    opened = one(venue.place_list("oto", order(owner, "buy", 10, 5), order(owner, "sell", 20, 5)), ListOpened)
    assert len(opened.orders) == 2
    venue.sell(venue.rich(), 10, 5)

    done = one(venue.buy(venue.rich(), 20, 5), ListDone)
    assert done.order_list == opened.order_list
