"""Binance Spot, `faqs/price_range_execution_rules.md`: BAZUSD with all multipliers 2.0000 and 0.5000 around 10.00.

Here the same multipliers also bound what may be placed (`filters.md`, PERCENT_PRICE_BY_SIDE), and the reference is the
last price, the market's own `reference` only until there is one. So the orders to run into stand before the limits do.
"""

from exchange.commands.types import Limits
from tests.unit.engine.examples.reports import amount, report
from tests.unit.engine.venue import Venue, activated, end_of, fills, order_of, refusal

DECIMALS = 2


def units(text: str) -> int:
    return amount(text, DECIMALS)


RANGE = Limits(reference=units("10.00"), bid_up=20_000, bid_down=5_000, ask_up=20_000, ask_down=5_000)


def with_asks(*prices: str) -> Venue:
    venue = Venue(lot=100, decimals=DECIMALS)
    maker = venue.rich()
    for price in prices:
        venue.sell(maker, units(price), units("1"))
    return venue


def with_bids(*prices: str) -> Venue:
    venue = Venue(lot=100, decimals=DECIMALS)
    maker = venue.rich()
    for price in prices:
        venue.buy(maker, units(price), units("1"))
    return venue


def test_a_buy_may_not_execute_at_more_than_twice_the_reference_price() -> None:
    venue = with_asks("20.00", "20.01")
    venue.limits(RANGE)

    events = venue.market_buy(venue.rich(), units("2"))

    assert fills(events) == [(units("20.00"), units("1"))]
    assert report(venue, order_of(events)).status == "EXPIRED"
    assert end_of(events) == ("expired", units("1"), "band")


def test_a_buy_may_not_execute_at_less_than_half_the_reference_price() -> None:
    venue = with_asks("4.99")
    venue.limits(RANGE)

    assert end_of(venue.market_buy(venue.rich(), units("1"))) == ("expired", units("1"), "band")


def test_a_sell_may_not_execute_at_more_than_twice_the_reference_price() -> None:
    venue = with_bids("20.01")
    venue.limits(RANGE)

    assert end_of(venue.market_sell(venue.rich(), units("1"))) == ("expired", units("1"), "band")


def test_a_sell_may_not_execute_at_less_than_half_the_reference_price() -> None:
    venue = with_bids("5.00", "4.99")
    venue.limits(RANGE)

    events = venue.market_sell(venue.rich(), units("2"))

    assert fills(events) == [(units("5.00"), units("1"))]
    assert end_of(events) == ("expired", units("1"), "band")


def test_the_limits_are_set_when_the_taker_begins_and_hold_for_all_its_trades() -> None:
    venue = with_asks("12.00", "20.00", "20.01")
    venue.limits(RANGE)

    # The first trade, at 12.00, makes the last price 12.00 only when the order is finished.
    events = venue.market_buy(venue.rich(), units("3"))

    assert fills(events) == [(units("12.00"), units("1")), (units("20.00"), units("1"))]
    assert end_of(events)[2] == "band"
    # The next taker's range lies around 20.00.
    assert fills(venue.market_buy(venue.rich(), units("1"))) == [(units("20.01"), units("1"))]


def test_a_limit_order_expires_like_any_other() -> None:
    venue = with_asks("4.99", "10.00")
    venue.limits(RANGE)

    events = venue.buy(venue.rich(), units("10.00"), units("1"))

    assert (fills(events), end_of(events)) == ([], ("expired", units("1"), "band"))


def test_without_a_rule_the_range_is_not_enforced() -> None:
    venue = with_asks("1000.00")
    venue.limits(Limits(reference=units("10.00")))

    assert fills(venue.market_buy(venue.rich(), units("1"))) == [(units("1000.00"), units("1"))]


def test_without_a_reference_price_the_range_is_not_enforced() -> None:
    venue = with_asks("1000.00")
    venue.limits(Limits(bid_up=20_000, bid_down=5_000, ask_up=20_000, ask_down=5_000))

    assert fills(venue.market_buy(venue.rich(), units("1"))) == [(units("1000.00"), units("1"))]


def test_a_multiplier_that_is_not_set_leaves_its_side_and_direction_free() -> None:
    venue = with_asks("0.01", "20.01")
    venue.limits(Limits(reference=units("10.00"), bid_up=20_000, ask_up=20_000, ask_down=5_000))

    events = venue.market_buy(venue.rich(), units("2"))

    # "an order to BUY could execute at any price at or below twice the reference price"
    assert fills(events) == [(units("0.01"), units("1"))]
    assert end_of(events)[2] == "band"


def test_an_activated_order_is_measured_by_the_price_at_which_it_begins_to_take() -> None:
    venue = Venue(lot=100, decimals=DECIMALS)
    maker, owner = venue.rich(), venue.rich()
    venue.sell(maker, units("30.00"), units("1"))
    venue.limits(RANGE)
    stop = order_of(venue.buy(owner, 0, units("1"), order_type="stop_loss", stop_price=units("15.00")))

    # Placed around 10.00, where 30.00 is out of reach; activated at 15.00, where it is the upper end.
    events = venue.trade_at(units("15.00"))

    assert activated(events) == [stop]
    assert fills(events) == [(units("15.00"), units("1")), (units("30.00"), units("1"))]


def test_what_could_never_execute_is_not_taken_at_all() -> None:
    venue = Venue(lot=100, decimals=DECIMALS)
    venue.limits(RANGE)

    assert refusal(venue.buy(venue.rich(), units("20.01"), units("1"))) == ("outside_band", "price")
