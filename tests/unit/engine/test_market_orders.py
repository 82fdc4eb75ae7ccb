"""Market orders and their edges, as docs/decisions/0003 has them."""

import pytest

from exchange.events.types import Accepted, Done, Trade
from tests.unit.engine.venue import BASE, QUOTE, Venue, all_of, fills, one, refusal

pytestmark = pytest.mark.usefixtures("either_rules")


def test_a_market_order_without_liquidity_is_accepted_and_expires() -> None:
    venue = Venue()
    account = venue.account(base=10, quote=1000)

    for events, left in (
        (venue.market_buy(account, quantity=5), 5),
        (venue.market_sell(account, quantity=5), 5),
        (venue.spend(account, 100), 0),
    ):
        assert [type(event) for event in events] == [Accepted, Done]
        assert (one(events, Done).end, one(events, Done).left) == ("expired", left)

    assert venue.held(account, BASE) == (10, 0)
    assert venue.held(account, QUOTE) == (1000, 0)


def test_what_a_market_order_finds_it_takes_and_the_rest_expires() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    buyer = venue.account(quote=1000)
    venue.sell(seller, price=10, quantity=3)
    venue.sell(seller, price=99, quantity=2)

    events = venue.market_buy(buyer, quantity=8)

    assert fills(events) == [(10, 3), (99, 2)]
    assert (one(events, Done).end, one(events, Done).left) == ("expired", 3)
    assert venue.held(buyer, QUOTE) == (1000 - 30 - 198, 0)


def test_a_market_sell_needs_its_whole_quantity() -> None:
    venue = Venue()
    buyer = venue.account(quote=1000)
    seller = venue.account(base=5)
    venue.buy(buyer, price=10, quantity=2)

    assert refusal(venue.market_sell(seller, quantity=6)) == ("insufficient_funds", "quantity")
    assert fills(venue.market_sell(seller, quantity=5)) == [(10, 2)]


def test_a_market_buy_is_refused_whole_when_the_book_would_charge_more_than_there_is() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    buyer = venue.account(quote=50)
    venue.sell(seller, price=10, quantity=3)
    venue.sell(seller, price=11, quantity=2)

    assert refusal(venue.market_buy(buyer, quantity=5)) == ("insufficient_funds", "quantity")
    assert venue.asks() == [(10, 3), (11, 2)]
    assert fills(venue.market_buy(buyer, quantity=4)) == [(10, 3), (11, 1)]
    assert venue.held(buyer, QUOTE) == (9, 0)


def test_a_market_buy_is_charged_only_for_what_is_there() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    buyer = venue.account(quote=30)
    venue.sell(seller, price=10, quantity=3)

    assert fills(venue.market_buy(buyer, quantity=1000)) == [(10, 3)]


def test_spending_buys_whole_lots_at_each_level_and_leaves_the_dust() -> None:
    venue = Venue(lot=10, tick=1)
    seller = venue.account(base=100)
    buyer = venue.account(quote=1000)
    venue.sell(seller, price=3, quantity=20)  # 30 a lot
    venue.sell(seller, price=4, quantity=30)  # 40 a lot

    events = venue.spend(buyer, 175)

    assert fills(events) == [(3, 20), (4, 20)]
    assert (one(events, Done).end, one(events, Done).left) == ("filled", 0)
    assert venue.held(buyer, QUOTE) == (1000 - 140, 0)
    assert one(events, Accepted).quote_amount == 175


def test_spending_too_little_for_a_lot_buys_nothing() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    buyer = venue.account(quote=1000)
    venue.sell(seller, price=50, quantity=10)

    events = venue.spend(buyer, 49)

    assert fills(events) == []
    assert one(events, Done).end == "expired"
    assert venue.held(buyer, QUOTE) == (1000, 0)


def test_spending_more_than_the_book_has_expires_and_to_the_last_unit_fills() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    buyer = venue.account(quote=1000)
    venue.sell(seller, price=50, quantity=2)
    assert one(venue.spend(buyer, 101), Done).end == "expired"
    venue.sell(seller, price=50, quantity=2)
    assert one(venue.spend(buyer, 100), Done).end == "filled"


def test_spending_needs_the_whole_amount_whatever_the_book_would_take() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    buyer = venue.account(quote=99)
    venue.sell(seller, price=1, quantity=1)

    assert refusal(venue.spend(buyer, 100)) == ("insufficient_funds", "quote_amount")
    assert fills(venue.spend(buyer, 99)) == [(1, 1)]


def test_the_smallest_notional_holds_for_an_amount_to_spend_and_not_for_a_quantity() -> None:
    venue = Venue(min_notional=100)
    seller = venue.account(base=100)
    buyer = venue.account(quote=1000)
    venue.sell(seller, price=10, quantity=50)

    assert refusal(venue.spend(buyer, 99)) == ("below_min_notional", "quote_amount")
    assert fills(venue.spend(buyer, 100)) == [(10, 10)]
    assert fills(venue.market_buy(buyer, quantity=1)) == [(10, 1)]


def test_spending_meets_orders_of_its_own_account_too() -> None:
    venue = Venue()
    account = venue.account(base=10, quote=100)
    venue.sell(account, price=10, quantity=10)

    trades = all_of(venue.spend(account, 100), Trade)

    assert [(trade.maker, trade.taker) for trade in trades] == [(account, account)]
    assert venue.held(account, BASE) == (10, 0)
    assert venue.held(account, QUOTE) == (100, 0)


def test_fees_do_not_change_how_much_an_amount_buys() -> None:
    venue = Venue(taker_fee=100_000)
    seller = venue.account(base=100)
    buyer = venue.account(quote=100)
    venue.sell(seller, price=1, quantity=100)

    assert fills(venue.spend(buyer, 100)) == [(1, 100)]

    assert venue.held(buyer, BASE) == (90, 0)
