"""Limit orders: priority, locks, price improvement, refusals, reductions, market statuses."""

import pytest

from exchange.events.types import Accepted, Amended, Canceled, Done, Rested, Trade
from exchange.terms.amounts import MAX_AMOUNT, MAX_COUNT
from tests.unit.engine.venue import BASE, QUOTE, Venue, all_of, fills, one, order_of, refusal

pytestmark = pytest.mark.usefixtures("either_rules")


def test_an_order_that_meets_nobody_rests_and_locks_what_it_may_cost() -> None:
    venue = Venue(tick=5)
    buyer = venue.account(quote=1000)

    events = venue.buy(buyer, price=15, quantity=20)

    assert [type(event) for event in events] == [Accepted, Rested]
    rested = one(events, Rested)
    assert (rested.order, rested.seq, rested.side, rested.price, rested.quantity) == (1, 1, "buy", 15, 20)
    assert venue.held(buyer, QUOTE) == (700, 300)


def test_the_older_order_at_a_price_trades_first() -> None:
    venue = Venue()
    first, second = venue.account(base=5), venue.account(base=5)
    buyer = venue.account(quote=100)
    venue.sell(first, price=10, quantity=5)
    venue.sell(second, price=10, quantity=5)

    trades = all_of(venue.buy(buyer, price=10, quantity=6), Trade)

    assert [(trade.maker, trade.quantity) for trade in trades] == [(first, 5), (second, 1)]


def test_a_taker_goes_through_the_levels_up_to_its_limit_and_rests_there() -> None:
    venue = Venue()
    seller = venue.account(base=100)
    buyer = venue.account(quote=10_000)
    for price in (12, 10, 13, 11):
        venue.sell(seller, price=price, quantity=10)

    events = venue.buy(buyer, price=12, quantity=35)

    assert fills(events) == [(10, 10), (11, 10), (12, 10)]
    assert venue.bids() == [(12, 5)]
    assert venue.asks() == [(13, 10)]
    assert venue.held(buyer, QUOTE) == (10_000 - 330 - 60, 60)


def test_events_come_in_the_order_accepted_trades_end_and_sequences_have_no_gap() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    buyer = venue.account(quote=1000)
    venue.sell(seller, price=10, quantity=1)
    venue.sell(seller, price=10, quantity=1)

    events = venue.buy(buyer, price=10, quantity=3)

    assert [type(event) for event in events] == [Accepted, Trade, Trade, Rested]
    assert [trade.seq for trade in all_of(events, Trade)] == [3, 4]
    assert [trade.trade for trade in all_of(events, Trade)] == [1, 2]
    assert one(events, Rested).seq == 5


def test_a_resting_buyer_is_paid_for_out_of_what_it_locked() -> None:
    venue = Venue()
    buyer = venue.account(quote=100)
    seller = venue.account(base=10)
    venue.buy(buyer, price=10, quantity=10)

    assert fills(venue.sell(seller, price=8, quantity=4)) == [(10, 4)]

    assert venue.held(buyer, QUOTE) == (0, 60)
    assert venue.held(seller, QUOTE) == (40, 0)


def test_an_order_must_be_covered_at_its_own_price_even_when_it_would_trade_for_less() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    buyer = venue.account(quote=109)
    venue.sell(seller, price=10, quantity=10)

    assert refusal(venue.buy(buyer, price=11, quantity=10)) == ("insufficient_funds", "quantity")
    assert refusal(venue.sell(seller, price=11, quantity=1)) == ("insufficient_funds", "quantity")
    assert refusal(venue.sell(buyer, price=11, quantity=1)) == ("insufficient_funds", "quantity")


def test_immediate_or_cancel_takes_what_is_there_and_locks_nothing() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    buyer = venue.account(quote=1000)
    venue.sell(seller, price=10, quantity=4)
    venue.sell(seller, price=12, quantity=6)

    events = venue.buy(buyer, price=11, quantity=10, tif="ioc")

    assert fills(events) == [(10, 4)]
    assert (one(events, Done).end, one(events, Done).left) == ("expired", 6)
    assert venue.held(buyer, QUOTE) == (960, 0)
    assert one(venue.buy(buyer, price=12, quantity=6, tif="ioc"), Done).end == "filled"


def test_the_same_account_may_stand_on_both_sides() -> None:
    venue = Venue(maker_fee=10_000, taker_fee=10_000)
    account = venue.account(base=100, quote=1000)
    venue.sell(account, price=10, quantity=100)

    trade = one(venue.buy(account, price=10, quantity=100), Trade)

    assert trade.maker == trade.taker == account
    assert venue.held(account, BASE) == (99, 0)
    assert venue.held(account, QUOTE) == (990, 0)


@pytest.mark.parametrize(
    "price,quantity,expected",
    [
        (7, 10, ("off_tick", "price")),
        (5, 15, ("off_lot", "quantity")),
        (5, 0, ("not_positive", "quantity")),
        (5 * (MAX_COUNT + 1), 10, ("out_of_range", "price")),
        (5, 10 * (MAX_COUNT + 1), ("out_of_range", "quantity")),
        (5 * MAX_COUNT, 10 * MAX_COUNT, ("out_of_range", "quantity")),
        (MAX_AMOUNT, 10, ("off_tick", "price")),
        (5, 10, ("below_min_notional", "quantity")),
        (5 * MAX_COUNT, 10, ("insufficient_funds", "quantity")),
        (5, 10 * MAX_COUNT, ("insufficient_funds", "quantity")),
    ],
)
def test_amounts_off_the_grid_or_out_of_range_are_refused(price: int, quantity: int, expected: tuple[str, str]) -> None:
    venue = Venue(tick=5, lot=10, min_notional=51)
    account = venue.account(base=1000, quote=1000)

    assert refusal(venue.buy(account, price, quantity)) == expected

    assert venue.held(account, QUOTE) == (1000, 0)


def test_the_price_is_found_wrong_before_the_quantity_and_both_before_the_funds() -> None:
    venue = Venue(tick=5, lot=10, min_notional=10**6)
    account = venue.account()

    assert refusal(venue.buy(account, 7, 15)) == ("off_tick", "price")
    assert refusal(venue.buy(account, 5, 15)) == ("off_lot", "quantity")
    assert refusal(venue.buy(account, 5, 10)) == ("below_min_notional", "quantity")
    assert refusal(venue.buy(account, 500, 10**5)) == ("insufficient_funds", "quantity")


# --- reductions ------------------------------------------------------------------------------------------------------


def test_a_reduced_order_keeps_its_place_in_the_queue() -> None:
    venue = Venue()
    first, second = venue.account(base=10), venue.account(base=10)
    buyer = venue.account(quote=1000)
    order = order_of(venue.sell(first, price=10, quantity=10))
    venue.sell(second, price=10, quantity=10)

    amended = one(venue.amend(first, order, quantity=4), Amended)
    trades = all_of(venue.buy(buyer, price=10, quantity=6), Trade)

    assert (amended.quantity, amended.by, amended.seq) == (4, 6, 3)
    assert [(trade.maker, trade.quantity) for trade in trades] == [(first, 4), (second, 2)]
    assert venue.held(first, BASE) == (6, 0)


def test_a_reduction_counts_what_is_filled_already() -> None:
    venue = Venue()
    buyer = venue.account(quote=1000)
    seller = venue.account(base=4)
    order = order_of(venue.buy(buyer, price=10, quantity=10))
    venue.sell(seller, price=10, quantity=4)

    assert refusal(venue.amend(buyer, order, quantity=4)) == ("below_filled", "quantity")
    assert refusal(venue.amend(buyer, order, quantity=3)) == ("below_filled", "quantity")
    assert one(venue.amend(buyer, order, quantity=5), Amended).by == 5

    assert venue.bids() == [(10, 1)]
    assert venue.held(buyer, QUOTE) == (1000 - 40 - 10, 10)


@pytest.mark.parametrize(
    "quantity,code",
    [(0, "not_positive"), (15, "off_lot"), (100, "not_a_reduction"), (110, "not_a_reduction")],
)
def test_only_a_smaller_quantity_on_the_grid_is_a_reduction(quantity: int, code: str) -> None:
    venue = Venue(lot=10)
    seller = venue.account(base=100)
    order = order_of(venue.sell(seller, price=10, quantity=100))

    assert refusal(venue.amend(seller, order, quantity)) == (code, "quantity")

    assert venue.asks() == [(10, 100)]


def test_a_second_reduction_is_measured_against_the_first() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    order = order_of(venue.sell(seller, price=10, quantity=10))
    venue.amend(seller, order, quantity=6)

    assert refusal(venue.amend(seller, order, quantity=8)) == ("not_a_reduction", "quantity")
    assert one(venue.cancel(seller, order), Canceled).quantity == 6


# --- cancels ---------------------------------------------------------------------------------------------------------


def test_an_order_can_be_cancelled_by_its_number_or_its_owners_name_for_it_and_once() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    order = order_of(venue.sell(seller, price=10, quantity=5, client_id="a"))
    named = order_of(venue.sell(seller, price=10, quantity=5, client_id="b"))

    assert one(venue.cancel(seller, order), Canceled).order == order
    assert one(venue.cancel(seller, client_id="b"), Canceled).order == named
    assert refusal(venue.cancel(seller, order)) == ("unknown_order", "order")
    assert refusal(venue.cancel(seller, client_id="b")) == ("unknown_order", "client_id")
    assert venue.held(seller, BASE) == (10, 0)


def test_a_name_whose_order_was_refused_names_no_order() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    order_of(venue.sell(seller, price=10, quantity=5))
    assert refusal(venue.sell(seller, price=10, quantity=50, client_id="a")) == ("insufficient_funds", "quantity")

    assert refusal(venue.cancel(seller, client_id="a")) == ("unknown_order", "client_id")
    assert venue.asks() == [(10, 5)]


def test_a_cancel_from_the_middle_of_a_queue_leaves_the_others_in_order() -> None:
    venue = Venue()
    sellers = [venue.account(base=1) for _ in range(3)]
    orders = [order_of(venue.sell(seller, price=10, quantity=1)) for seller in sellers]
    buyer = venue.account(quote=100)
    venue.cancel(sellers[1], orders[1])

    trades = all_of(venue.buy(buyer, price=10, quantity=3), Trade)

    assert [trade.maker for trade in trades] == [sellers[0], sellers[2]]


# --- statuses --------------------------------------------------------------------------------------------------------


def test_a_post_only_market_refuses_whatever_would_trade_at_once() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    buyer = venue.account(quote=1000)
    venue.sell(seller, price=10, quantity=5)
    venue.status("post_only")

    assert refusal(venue.buy(buyer, price=10, quantity=1)) == ("would_take", "price")
    assert refusal(venue.market_buy(buyer, quantity=1)) == ("would_take", "order_type")
    assert refusal(venue.spend(buyer, 10)) == ("would_take", "order_type")
    one(venue.buy(buyer, price=9, quantity=1), Rested)
    assert refusal(venue.sell(seller, price=9, quantity=1)) == ("would_take", "price")


def test_a_cancel_only_market_takes_cancels_and_reductions_and_no_orders() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    order = order_of(venue.sell(seller, price=10, quantity=5))
    venue.status("cancel_only")

    assert refusal(venue.sell(seller, price=10, quantity=5)) == ("market_closed", "market")
    assert refusal(venue.market_sell(seller, quantity=5)) == ("market_closed", "market")
    one(venue.amend(seller, order, quantity=3), Amended)
    one(venue.cancel(seller, order), Canceled)


def test_a_halted_market_takes_nothing_and_forgets_nothing() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    order = order_of(venue.sell(seller, price=10, quantity=5, client_id="a"))
    venue.status("halted")

    assert refusal(venue.sell(seller, price=10, quantity=5)) == ("market_closed", "market")
    assert refusal(venue.amend(seller, order, quantity=3)) == ("market_closed", "order")
    assert refusal(venue.cancel(seller, order)) == ("market_closed", "order")
    assert refusal(venue.cancel(seller, client_id="a")) == ("market_closed", "client_id")
    venue.status("open")
    assert one(venue.cancel(seller, order), Canceled).quantity == 5
