"""Where a taker stops: limit, band, slippage, work, funds, in this order, and what becomes of its rest."""

import pytest

from exchange.commands.types import Limits
from exchange.events.types import Accepted, Done, Rested
from tests.unit.engine.venue import (
    BASE,
    QUOTE,
    Venue,
    activated,
    end_of,
    fills,
    names,
    one,
    order_of,
    refusal,
    rested,
)


def asks(*prices: int, limits: Limits | None = None) -> Venue:
    """A market in which one lot stands at each price, each of another account's."""
    venue = Venue()
    for price in prices:
        venue.sell(venue.account(base=1), price, 1)
    if limits is not None:
        venue.limits(limits)
    return venue


def bids(*prices: int, limits: Limits | None = None) -> Venue:
    venue = Venue()
    for price in prices:
        venue.buy(venue.account(quote=price), price, 1)
    if limits is not None:
        venue.limits(limits)
    return venue


# --- slippage ---------------------------------------------------------------------------------------------------------


def test_the_slippage_cap_lets_a_buy_go_so_far_above_the_best_price_at_its_start() -> None:
    venue = asks(100, 104, 105, 106)

    events = venue.buy(venue.rich(), 0, 4, slippage_bps=500)

    assert fills(events) == [(100, 1), (104, 1), (105, 1)]
    assert end_of(events) == ("expired", 1, "slippage")


def test_the_slippage_cap_lets_a_sell_go_so_far_below_the_best_price_at_its_start() -> None:
    venue = bids(100, 96, 95, 94)

    events = venue.sell(venue.rich(), 0, 4, slippage_bps=500)

    assert fills(events) == [(100, 1), (96, 1), (95, 1)]
    assert end_of(events) == ("expired", 1, "slippage")


def test_the_markets_cap_holds_for_orders_that_name_none() -> None:
    venue = asks(100, 105, 110, limits=Limits(slippage_bps=500))

    assert fills(venue.buy(venue.rich(), 0, 3)) == [(100, 1), (105, 1)]
    venue = asks(100, 105, 110, limits=Limits(slippage_bps=500))
    assert fills(venue.buy(venue.rich(), 0, 3, slippage_bps=1000)) == [(100, 1), (105, 1), (110, 1)]
    venue = asks(100, 105, 110, limits=Limits(slippage_bps=500))
    assert fills(venue.buy(venue.rich(), 0, 3, slippage_bps=1)) == [(100, 1)]


def test_amounts_are_capped_too() -> None:
    venue = asks(100, 106, limits=Limits(slippage_bps=500))
    events = venue.spend(venue.rich(), 1000)
    assert (fills(events), end_of(events)) == ([(100, 1)], ("expired", 0, "slippage"))

    venue = bids(100, 94, limits=Limits(slippage_bps=500))
    events = venue.receive(venue.rich(), 1000)
    assert (fills(events), end_of(events)) == ([(100, 1)], ("expired", 0, "slippage"))


def test_an_order_with_a_price_has_its_limit_and_no_cap() -> None:
    venue = asks(100, 200, limits=Limits(slippage_bps=500))

    assert fills(venue.buy(venue.rich(), 200, 2)) == [(100, 1), (200, 1)]


def test_a_triggered_order_is_capped_by_the_best_price_when_it_starts() -> None:
    venue = asks(100, 105, 106, limits=Limits(slippage_bps=500))
    venue.buy(venue.rich(), 0, 3, order_type="stop_loss", stop_price=50)

    events = venue.trade_at(50)

    assert fills(events) == [(50, 1), (100, 1), (105, 1)]
    assert end_of([event for event in events if isinstance(event, Done) and event.end == "expired"])[2] == "slippage"


# --- work -------------------------------------------------------------------------------------------------------------


def test_a_taker_makes_so_many_trades_and_its_rest_expires() -> None:
    venue = asks(10, 11, 12, limits=Limits(max_fills=2))

    events = venue.buy(venue.rich(), 12, 3)

    assert fills(events) == [(10, 1), (11, 1)]
    assert end_of(events) == ("expired", 1, "work")
    assert venue.bids() == []


def test_so_many_trades_are_not_too_many() -> None:
    venue = asks(10, 11, 12, limits=Limits(max_fills=2))
    assert end_of(venue.buy(venue.rich(), 12, 2)) == ("filled", 0, "")

    venue = asks(10, 11, limits=Limits(max_fills=2))
    assert rested(venue.buy(venue.rich(), 12, 3)) == [(12, 1, 0)]

    venue = asks(10, 11, 12, limits=Limits(max_fills=2))
    events = venue.buy(venue.rich(), 11, 3)
    assert (fills(events), rested(events)) == ([(10, 1), (11, 1)], [(11, 1, 0)])


def test_prevented_matches_are_work_too() -> None:
    venue = Venue()
    owner = venue.rich()
    venue.sell(owner, 10, 1)
    for price in (11, 12):
        venue.sell(venue.rich(), price, 1)
    venue.limits(Limits(max_fills=2))

    events = venue.buy(owner, 12, 2, stp="expire_maker")

    assert names(events) == ["Accepted", "Prevented", "Trade", "Done"]
    assert end_of(events) == ("expired", 1, "work")


def test_each_slice_of_an_iceberg_is_work() -> None:
    venue = Venue()
    venue.sell(venue.rich(), 10, 10, display=1)
    venue.limits(Limits(max_fills=3))

    assert end_of(venue.buy(venue.rich(), 10, 5)) == ("expired", 2, "work")
    assert venue.asks() == [(10, 1)]


def test_ten_thousand_trades_when_the_market_names_no_number() -> None:
    venue = Venue()
    venue.sell(venue.rich(), 10, 10_002, display=1)
    buyer = venue.rich()
    with venue.crowd():
        events = venue.buy(buyer, 10, 10_001)

    assert end_of(events) == ("expired", 1, "work")
    assert len(fills(events)) == 10_000


# --- the order of the reasons -----------------------------------------------------------------------------------------


def test_what_is_wanted_no_more_is_asked_first() -> None:
    venue = asks(10, 100, limits=Limits(reference=10, bid_up=20_000, max_fills=1, slippage_bps=1))

    assert end_of(venue.buy(venue.rich(), 0, 1)) == ("filled", 0, "")


def test_an_empty_book_is_no_reason() -> None:
    venue = asks(10, limits=Limits(reference=10, bid_up=20_000, max_fills=1, slippage_bps=1))

    assert end_of(venue.buy(venue.rich(), 0, 2)) == ("expired", 1, "")


def test_the_limit_comes_before_the_band() -> None:
    venue = asks(10, 100, limits=Limits(reference=10, bid_up=20_000))

    assert rested(venue.buy(venue.rich(), 20, 2)) == [(20, 1, 0)]
    venue = asks(10, 100, limits=Limits(reference=10, bid_up=20_000))
    assert end_of(venue.buy(venue.rich(), 20, 2, tif="ioc")) == ("expired", 1, "")


def test_the_band_comes_before_slippage_and_slippage_before_work() -> None:
    venue = asks(10, 100, limits=Limits(reference=10, bid_up=20_000, slippage_bps=1, max_fills=1))
    assert end_of(venue.buy(venue.rich(), 0, 2))[2] == "band"

    venue = asks(10, 100, limits=Limits(slippage_bps=1, max_fills=1))
    assert end_of(venue.buy(venue.rich(), 0, 2))[2] == "slippage"

    venue = asks(10, 100, limits=Limits(max_fills=1))
    assert end_of(venue.buy(venue.rich(), 0, 2))[2] == "work"


def test_work_comes_before_self_trade_prevention() -> None:
    venue = asks(10, limits=Limits(max_fills=1))
    owner = venue.rich()
    venue.sell(owner, 11, 1)

    events = venue.buy(owner, 11, 2, stp="expire_both")

    assert names(events) == ["Accepted", "Trade", "Done"]
    assert end_of(events)[2] == "work"


# --- funds ------------------------------------------------------------------------------------------------------------


def test_a_triggered_market_buy_takes_what_it_can_still_pay_for() -> None:
    venue = asks(12, 13, 14)
    buyer = venue.account(quote=30)
    stop = order_of(venue.buy(buyer, 0, 3, order_type="stop_loss", stop_price=10))
    assert venue.held(buyer, QUOTE) == (0, 30)

    events = venue.trade_at(10)

    assert activated(events) == [stop]
    assert fills(events) == [(10, 1), (12, 1), (13, 1)]
    done = [event for event in events if isinstance(event, Done) and event.order == stop]
    assert [(event.end, event.left, event.reason) for event in done] == [("expired", 1, "funds")]
    assert venue.held(buyer, QUOTE) == (5, 0)
    assert venue.held(buyer, BASE) == (2, 0)


def test_a_triggered_market_buy_uses_all_that_is_available_and_not_only_what_was_locked() -> None:
    venue = asks(12, 13, 14)
    buyer = venue.account(quote=39)
    venue.buy(buyer, 0, 3, order_type="stop_loss", stop_price=10)

    assert fills(venue.trade_at(10)) == [(10, 1), (12, 1), (13, 1), (14, 1)]
    assert venue.held(buyer, QUOTE) == (0, 0)


def test_a_buyer_whose_own_cheap_orders_went_away_takes_what_it_can_still_pay_for() -> None:
    venue = Venue()
    buyer = venue.account(base=3, quote=130)
    venue.sell(buyer, 10, 3)
    venue.sell(venue.rich(), 100, 3)

    events = venue.buy(buyer, 0, 3, stp="expire_maker")  # the book would charge 30 now

    assert (fills(events), end_of(events)) == ([(100, 1)], ("expired", 2, "funds"))
    assert venue.held(buyer, QUOTE) == (30, 0)


def test_a_seller_whose_own_dear_bids_went_away_sells_what_it_still_has() -> None:
    venue = Venue()
    seller = venue.account(base=3, quote=300)
    venue.buy(seller, 100, 3)
    venue.buy(venue.rich(), 10, 100)

    events = venue.sell(seller, quote_amount=300, stp="expire_maker")  # the book would take 3 for it now

    assert (fills(events), end_of(events)) == ([(10, 3)], ("expired", 0, "funds"))
    assert venue.held(seller, BASE) == (0, 0)
    assert venue.held(seller, QUOTE) == (330, 0)


# --- selling to receive -----------------------------------------------------------------------------------------------


def test_receiving_an_amount_sells_the_most_lots_that_do_not_bring_more() -> None:
    venue = Venue()
    venue.buy(venue.rich(), 40, 2)
    venue.buy(venue.rich(), 30, 9)
    seller = venue.account(base=10)

    events = venue.receive(seller, 175)  # 2 at 40, then 95 are wanted: 3 at 30, and 5 less than a lot

    assert fills(events) == [(40, 2), (30, 3)]
    assert end_of(events) == ("filled", 0, "")
    assert one(events, Accepted).quote_amount == 175
    assert venue.held(seller, QUOTE) == (170, 0)
    assert venue.held(seller, BASE) == (5, 0)


def test_receiving_needs_the_base_that_the_book_would_take_for_it_now() -> None:
    venue = Venue()
    venue.buy(venue.rich(), 40, 2)
    venue.buy(venue.rich(), 30, 9, display=1)
    seller = venue.account(base=4)

    assert refusal(venue.receive(seller, 175)) == ("insufficient_funds", "quote_amount")
    assert fills(venue.receive(seller, 140)) == [(40, 2), (30, 1), (30, 1)]
    assert venue.held(seller, BASE) == (0, 0)


def test_receiving_more_than_the_book_has_expires() -> None:
    venue = Venue()
    venue.buy(venue.rich(), 40, 2)

    events = venue.receive(venue.rich(), 1000)

    assert (fills(events), end_of(events)) == ([(40, 2)], ("expired", 0, ""))
    assert end_of(venue.receive(venue.rich(), 1000)) == ("expired", 0, "")


def test_receiving_less_than_a_lot_brings_sells_nothing() -> None:
    venue = Venue()
    venue.buy(venue.rich(), 40, 2)
    seller = venue.account(base=10)

    events = venue.receive(seller, 39)

    assert (fills(events), end_of(events)) == ([], ("expired", 0, ""))
    assert venue.held(seller, BASE) == (10, 0)


def test_who_receives_an_amount_needs_no_more_than_the_book_would_take() -> None:
    venue = Venue()
    buyer = venue.account(quote=1_000)
    seller = venue.account(base=2)
    venue.buy(buyer, price=25, quantity=3)
    venue.buy(buyer, price=10, quantity=2)
    # Two at 25 leave 24, less than one more is worth at 25: what stands at 10 is not sold to.
    events = venue.receive(seller, 74)
    assert fills(events) == [(25, 2)]
    assert one(events, Done).end == "filled"


def test_the_fee_is_not_part_of_the_amount_to_receive() -> None:
    venue = Venue(taker_fee=100_000)
    venue.buy(venue.rich(), 10, 10)
    seller = venue.account(base=10)

    assert fills(venue.receive(seller, 100)) == [(10, 10)]
    assert venue.held(seller, QUOTE) == (90, 0)


# --- a price the taker may rest at ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tif", ["gtc", "gtd"])
def test_what_has_met_its_limit_rests_when_it_may(tif: str) -> None:
    venue = asks(10, 12)
    buyer = venue.rich()
    events = venue.buy(buyer, 11, 3, expires_ms=venue.now + 10 if tif == "gtd" else 0)

    assert names(events) == ["Accepted", "Trade", "Rested"]
    assert one(events, Rested).price == 11
