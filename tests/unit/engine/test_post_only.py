"""Post-only: an order that would trade at once is refused, or rests one tick off."""

import pytest

from exchange.commands.types import Limits
from exchange.events.types import Accepted, Rested
from tests.unit.engine.venue import BASE, QUOTE, Venue, names, one, order_of, refusal, rested


def crossed() -> tuple[Venue, int]:
    """A book of 90 and 100 on a tick of 5, and somebody who wants to join it."""
    venue = Venue(tick=5)
    venue.buy(venue.rich(), 90, 10)
    venue.sell(venue.rich(), 100, 10)
    return venue, venue.account(base=1000, quote=1000)


@pytest.mark.parametrize("price", [100, 105])
def test_a_buy_that_would_take_is_refused(price: int) -> None:
    venue, trader = crossed()

    assert refusal(venue.buy(trader, price, 1, post_only="refuse")) == ("would_take", "price")
    one(venue.buy(trader, 95, 1, post_only="refuse"), Rested)


@pytest.mark.parametrize("price", [90, 85])
def test_a_sell_that_would_take_is_refused(price: int) -> None:
    venue, trader = crossed()

    assert refusal(venue.sell(trader, price, 1, post_only="refuse")) == ("would_take", "price")
    one(venue.sell(trader, 95, 1, post_only="refuse"), Rested)


def test_a_repriced_buy_rests_one_tick_below_the_best_ask() -> None:
    venue, trader = crossed()

    events = venue.buy(trader, 120, 2, post_only="reprice")

    assert names(events) == ["Accepted", "Rested"]
    assert (one(events, Accepted).price, rested(events)) == (120, [(95, 2, 0)])
    assert venue.bids() == [(95, 2), (90, 10)]
    assert venue.held(trader, QUOTE) == (1000 - 190, 190)
    venue.cancel(trader, order_of(events))
    assert venue.held(trader, QUOTE) == (1000, 0)


def test_a_repriced_sell_rests_one_tick_above_the_best_bid() -> None:
    venue, trader = crossed()

    assert rested(venue.sell(trader, 5, 2, post_only="reprice")) == [(95, 2, 0)]
    assert venue.held(trader, BASE) == (998, 2)


def test_an_order_that_would_not_take_keeps_its_price() -> None:
    venue, trader = crossed()

    assert rested(venue.buy(trader, 85, 2, post_only="reprice")) == [(85, 2, 0)]
    assert rested(venue.sell(trader, 110, 2, post_only="reprice")) == [(110, 2, 0)]


def test_without_a_price_above_zero_it_is_refused() -> None:
    venue = Venue(tick=5)
    venue.sell(venue.rich(), 5, 1)

    assert refusal(venue.buy(venue.rich(), 5, 1, post_only="reprice")) == ("would_take", "price")


def test_the_smallest_notional_is_judged_again_at_the_new_price() -> None:
    venue = Venue(tick=5, min_notional=100)
    venue.sell(venue.rich(), 50, 2)
    trader = venue.rich()

    assert refusal(venue.buy(trader, 50, 2, post_only="reprice")) == ("below_min_notional", "price")
    assert rested(venue.buy(trader, 50, 3, post_only="reprice")) == [(45, 3, 0)]


def test_the_band_is_judged_at_the_new_price() -> None:
    venue, trader = crossed()
    venue.limits(Limits(reference=100, bid_up=9_500, ask_down=9_900))

    assert refusal(venue.sell(trader, 5, 1, post_only="reprice")) == ("outside_band", "price")  # would rest at 95
    assert rested(venue.buy(trader, 120, 1, post_only="reprice")) == [(95, 1, 0)]


def test_a_market_that_takes_only_resting_orders_reprices_who_asks_for_it() -> None:
    venue, trader = crossed()
    venue.status("post_only")

    assert refusal(venue.buy(trader, 100, 1)) == ("would_take", "price")
    assert refusal(venue.buy(trader, 100, 1, post_only="refuse")) == ("would_take", "price")
    assert refusal(venue.market_buy(trader, 1)) == ("would_take", "order_type")
    assert rested(venue.buy(trader, 100, 1, post_only="reprice")) == [(95, 1, 0)]


def test_an_order_of_ones_own_is_in_the_way_too() -> None:
    venue, trader = crossed()
    venue.sell(trader, 95, 1)

    assert refusal(venue.buy(trader, 95, 1, post_only="refuse", stp="expire_maker")) == ("would_take", "price")


def test_an_order_with_a_time_may_be_post_only() -> None:
    venue, trader = crossed()

    assert refusal(venue.buy(trader, 100, 1, post_only="refuse", expires_ms=venue.now + 5)) == ("would_take", "price")
    one(venue.buy(trader, 95, 1, post_only="refuse", expires_ms=venue.now + 5), Rested)
