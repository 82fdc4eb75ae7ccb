"""Conditional orders: what they wait for, what is locked meanwhile, and what they turn into."""

import pytest

from exchange.commands.types import Limits, SetMarketFees
from exchange.events.types import Accepted, Activated, Amended, Done, Rested, Trade, Waiting
from exchange.terms.words import OrderType, Side
from tests.unit.engine.venue import (
    BASE,
    MARKET,
    QUOTE,
    More,
    Venue,
    activated,
    all_of,
    end_of,
    fills,
    names,
    one,
    order_of,
    refusal,
    rested,
)

RISING: list[tuple[OrderType, Side]] = [
    ("stop_loss", "buy"),
    ("stop_loss_limit", "buy"),
    ("take_profit", "sell"),
    ("take_profit_limit", "sell"),
]
FALLING: list[tuple[OrderType, Side]] = [
    ("stop_loss", "sell"),
    ("stop_loss_limit", "sell"),
    ("take_profit", "buy"),
    ("take_profit_limit", "buy"),
]


def waiting(venue: Venue, account: int, kind: OrderType, side: Side, stop: int, quantity: int = 1) -> int:
    """A conditional order, with its stop price for a price where it needs one; its number."""
    place = venue.buy if side == "buy" else venue.sell
    price = stop if kind.endswith("limit") else 0
    events = place(account, price, quantity, order_type=kind, stop_price=stop)
    assert names(events) == ["Accepted", "Waiting"]
    assert one(events, Waiting).on == "price"
    return order_of(events)


@pytest.mark.parametrize("kind,side", RISING)
def test_a_rising_kind_is_triggered_at_or_above_its_stop_price(kind: OrderType, side: Side) -> None:
    for price in (100, 107):
        venue = Venue()
        venue.trade_at(90)
        number = waiting(venue, venue.rich(), kind, side, 100)
        assert activated(venue.trade_at(99)) == []
        assert activated(venue.trade_at(price)) == [number]


@pytest.mark.parametrize("kind,side", FALLING)
def test_a_falling_kind_is_triggered_at_or_below_its_stop_price(kind: OrderType, side: Side) -> None:
    for price in (100, 93):
        venue = Venue()
        venue.trade_at(110)
        number = waiting(venue, venue.rich(), kind, side, 100)
        assert activated(venue.trade_at(101)) == []
        assert activated(venue.trade_at(price)) == [number]


@pytest.mark.parametrize("kind,side", RISING + FALLING)
def test_an_order_whose_condition_is_true_already_is_refused(kind: OrderType, side: Side) -> None:
    venue = Venue()
    venue.trade_at(100)
    trader = venue.rich()
    place = venue.buy if side == "buy" else venue.sell
    price = 50 if kind.endswith("limit") else 0
    beyond = -1 if (kind, side) in RISING else 1

    for stop in (100, 100 + beyond):
        events = place(trader, price, 1, order_type=kind, stop_price=stop)
        assert refusal(events) == ("would_trigger", "stop_price")
    assert names(place(trader, price, 1, order_type=kind, stop_price=100 - beyond)) == ["Accepted", "Waiting"]


def test_without_a_last_price_nothing_is_true_already() -> None:
    venue = Venue()
    number = waiting(venue, venue.rich(), "stop_loss", "sell", 100)

    assert activated(venue.trade_at(100)) == [number]


def test_it_is_no_part_of_the_book_while_it_waits() -> None:
    venue = Venue()
    seller = venue.rich()
    waiting(venue, seller, "stop_loss_limit", "sell", 100)

    assert venue.asks() == []
    assert fills(venue.market_buy(venue.rich(), 1)) == []


@pytest.mark.parametrize(
    "side,more,locked",
    [
        ("buy", More(order_type="stop_loss_limit", stop_price=100), 55),
        ("buy", More(order_type="stop_loss", stop_price=100), 500),
        ("sell", More(order_type="stop_loss", stop_price=5), 5),
        ("sell", More(order_type="take_profit_limit", stop_price=100), 5),
    ],
)
def test_its_funds_are_locked_and_freed_by_its_owner(side: Side, more: More, locked: int) -> None:
    venue = Venue()
    venue.trade_at(50)
    trader = venue.account(base=5, quote=500)
    asset = QUOTE if side == "buy" else BASE
    whole = venue.held(trader, asset)[0]
    price = 11 if more["order_type"].endswith("limit") else 0
    number = order_of((venue.buy if side == "buy" else venue.sell)(trader, price, 5, **more))
    assert venue.held(trader, asset) == (whole - locked, locked)

    assert end_of(venue.cancel(trader, number)) == ("canceled", 5, "")

    assert venue.held(trader, asset) == (whole, 0)
    assert activated(venue.trade_at(100)) == []


def test_a_waiting_order_can_be_reduced() -> None:
    venue = Venue()
    buyer = venue.account(quote=500)
    number = waiting(venue, buyer, "stop_loss", "buy", 100, quantity=5)

    amended = one(venue.amend(buyer, number, 2), Amended)

    assert (amended.seq, amended.price, amended.quantity, amended.by, amended.hidden) == (0, 0, 2, 3, 0)
    assert venue.held(buyer, QUOTE) == (300, 200)
    assert refusal(venue.amend(buyer, number, 2)) == ("not_a_reduction", "quantity")
    venue.sell(venue.rich(), 101, 9)
    assert fills(venue.trade_at(100)) == [(100, 1), (101, 2)]
    assert venue.held(buyer, BASE) == (2, 0)


# --- what it turns into -----------------------------------------------------------------------------------------------


def test_a_stop_without_a_price_trades_at_any_price() -> None:
    venue = Venue()
    seller = venue.account(base=3)
    venue.buy(venue.rich(), 5, 2)
    number = waiting(venue, seller, "stop_loss", "sell", 10, quantity=3)

    events = venue.trade_at(10)

    assert one(events, Activated).by == "price"
    assert fills(events) == [(10, 1), (5, 2)]
    done = all_of(events, Done)[-1]
    assert (done.order, done.end, done.left, done.reason) == (number, "expired", 1, "")
    assert venue.held(seller, BASE) == (1, 0)
    assert venue.held(seller, QUOTE) == (10, 0)


def test_a_stop_with_a_price_trades_up_to_it_and_rests_there() -> None:
    venue = Venue()
    buyer = venue.account(quote=1000)
    venue.sell(venue.rich(), 105, 2)
    venue.sell(venue.rich(), 120, 2)
    number = order_of(venue.buy(buyer, 110, 5, order_type="stop_loss_limit", stop_price=100))

    events = venue.trade_at(100)

    assert fills(events) == [(100, 1), (105, 2)]
    assert rested(events) == [(110, 3, 0)]
    assert one(events, Rested).order == number
    assert venue.held(buyer, QUOTE) == (1000 - 210 - 330, 330)
    assert refusal(venue.cancel(venue.rich(), number)) == ("unknown_order", "order")
    venue.cancel(buyer, number)
    assert venue.held(buyer, QUOTE) == (790, 0)


@pytest.mark.parametrize("tif,end", [("ioc", ("expired", 3, "")), ("fok", ("expired", 5, "fok"))])
def test_its_time_in_force_holds_once_it_is_activated(tif: str, end: tuple[str, int, str]) -> None:
    venue = Venue()
    venue.sell(venue.rich(), 105, 2)
    more = More(order_type="stop_loss_limit", stop_price=100)
    more["tif"] = "ioc" if tif == "ioc" else "fok"
    number = order_of(venue.buy(venue.account(quote=1000), 110, 5, **more))

    events = venue.trade_at(100)

    done = [event for event in all_of(events, Done) if event.order == number]
    assert [(event.end, event.left, event.reason) for event in done] == [end]


def test_it_keeps_the_rates_of_its_acceptance() -> None:
    venue = Venue(maker_fee=1000, taker_fee=2000)
    seller = venue.account(base=10_000)
    venue.buy(venue.rich(), 9, 10_000)
    accepted = one(venue.sell(seller, 0, 10_000, order_type="stop_loss", stop_price=10), Accepted)
    venue.do(SetMarketFees(MARKET, 0, 90_000))
    assert (accepted.maker_fee, accepted.taker_fee) == (1000, 2000)

    trade = [event for event in all_of(venue.trade_at(10), Trade) if event.taker == seller]

    assert [event.taker_fee for event in trade] == [180]  # 0.2 % of 90,000


def test_it_keeps_its_name() -> None:
    venue = Venue()
    seller = venue.account(base=5)
    venue.sell(seller, 12, 5, order_type="take_profit_limit", stop_price=10, client_id="mine")
    venue.trade_at(10)
    assert venue.asks() == [(12, 5)]

    venue.cancel(seller, client_id="mine")

    assert venue.asks() == []


def test_it_is_not_checked_against_counts_or_position_again() -> None:
    venue = Venue()
    buyer = venue.account(quote=1000)
    waiting(venue, buyer, "stop_loss", "buy", 10, quantity=5)
    venue.sell(venue.rich(), 12, 5)
    venue.buy(buyer, 1, 1)
    venue.sell(venue.rich(), 10, 1)
    venue.limits(Limits(max_orders=1, max_position=1, max_conditional=1))

    assert fills(venue.buy(venue.account(quote=10), 10, 1)) == [(10, 1), (12, 5)]


def test_a_band_that_it_has_left_ends_it() -> None:
    venue = Venue()
    buyer = venue.account(quote=10_000)
    venue.sell(venue.rich(), 30, 5)
    number = waiting(venue, buyer, "stop_loss", "buy", 10, quantity=5)
    venue.limits(Limits(bid_up=20_000))

    done = [event for event in all_of(venue.trade_at(10), Done) if event.order == number]

    assert [(event.end, event.reason) for event in done] == [("expired", "band")]
    assert venue.held(buyer, QUOTE) == (10_000, 0)


def test_the_last_price_is_that_of_a_finished_command() -> None:
    venue = Venue()
    seller, taker = venue.account(base=1), venue.rich()
    for price in (100, 95, 90):
        venue.buy(venue.rich(), price, 1)
    number = waiting(venue, seller, "stop_loss", "sell", 95)
    venue.buy(venue.rich(), 80, 5)

    events = venue.sell(taker, 90, 3, tif="ioc")

    # The taker has all three levels; the order that 95 would trigger comes after it.
    assert fills(events) == [(100, 1), (95, 1), (90, 1), (80, 1)]
    assert names(events) == ["Accepted", "Trade", "Trade", "Trade", "Done", "Activated", "Trade", "Done"]
    assert activated(events) == [number]


def test_a_price_that_was_only_passed_triggers_nothing() -> None:
    venue = Venue()
    venue.trade_at(100)
    seller = venue.account(base=1)
    number = order_of(venue.sell(seller, 0, 1, order_type="take_profit", stop_price=110))
    for price in (105, 110):
        venue.sell(venue.rich(), price, 1)
    venue.buy(venue.rich(), 107, 1, tif="ioc")

    assert activated(venue.tick()) == []
    assert activated(venue.buy(venue.rich(), 110, 1)) == [number]


def test_other_markets_prices_do_not_trigger() -> None:
    venue = Venue()
    venue.second_market()
    seller = venue.account(base=10**6, quote=10**6)
    waiting(venue, seller, "stop_loss", "sell", 100)
    other = More(market="INR-TATA")
    venue.sell(seller, 50, 100, **other)

    events = venue.buy(seller, 50, 100, **other)

    assert (fills(events), activated(events)) == ([(50, 100)], [])
