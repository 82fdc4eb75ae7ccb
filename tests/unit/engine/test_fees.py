"""Fees: millionths of what is received, rounded up, at the rates of the order's acceptance."""

import pytest

from exchange.commands.types import SetMarketFees
from exchange.events.types import Accepted, Trade
from exchange.terms.words import FEES
from tests.unit.engine.venue import BASE, MARKET, QUOTE, Venue, one

pytestmark = pytest.mark.usefixtures("either_rules")


def test_each_side_pays_in_the_asset_that_it_receives() -> None:
    venue = Venue(maker_fee=1_000, taker_fee=2_000)
    seller = venue.account(base=10_000)
    buyer = venue.account(quote=10_000_000)
    venue.sell(seller, price=100, quantity=10_000)

    trade = one(venue.buy(buyer, price=100, quantity=10_000), Trade)

    assert (trade.maker_fee, trade.taker_fee) == (1000, 20)  # 0.1 % of 1,000,000 quote; 0.2 % of 10,000 base
    assert venue.held(buyer, BASE) == (9_980, 0)
    assert venue.held(buyer, QUOTE) == (9_000_000, 0)
    assert venue.held(seller, QUOTE) == (999_000, 0)
    assert venue.held(FEES, BASE) == (20, 0)
    assert venue.held(FEES, QUOTE) == (1000, 0)


def test_a_selling_taker_pays_the_taker_rate_in_quote() -> None:
    venue = Venue(maker_fee=1_000, taker_fee=2_000)
    buyer = venue.account(quote=1_000_000)
    seller = venue.account(base=10_000)
    venue.buy(buyer, price=100, quantity=10_000)

    trade = one(venue.market_sell(seller, quantity=10_000), Trade)

    assert (trade.maker_fee, trade.taker_fee) == (10, 2000)
    assert venue.held(buyer, BASE) == (9_990, 0)
    assert venue.held(seller, QUOTE) == (998_000, 0)


@pytest.mark.parametrize(
    "rate,received,fee",
    [(0, 1, 0), (1, 1, 1), (1, 1_000_000, 1), (1, 1_000_001, 2), (1_000, 999, 1), (1_000, 1001, 2), (100_000, 11, 2)],
)
def test_a_fee_is_rounded_up_to_the_smallest_unit(rate: int, received: int, fee: int) -> None:
    venue = Venue(taker_fee=rate)
    seller = venue.account(base=received)
    buyer = venue.account(quote=received)
    venue.sell(seller, price=1, quantity=received)

    assert one(venue.buy(buyer, price=1, quantity=received), Trade).taker_fee == fee

    assert venue.held(buyer, BASE) == (received - fee, 0)


def test_a_fee_takes_at_most_what_was_received() -> None:
    venue = Venue(maker_fee=100_000, taker_fee=100_000)
    seller = venue.account(base=1)
    buyer = venue.account(quote=1)
    venue.sell(seller, price=1, quantity=1)

    venue.buy(buyer, price=1, quantity=1)

    assert venue.held(buyer, BASE) == (0, 0)
    assert venue.held(seller, QUOTE) == (0, 0)
    assert venue.held(FEES, BASE) == (1, 0)
    assert venue.held(FEES, QUOTE) == (1, 0)


def test_a_resting_order_keeps_the_rates_of_its_acceptance() -> None:
    venue = Venue(maker_fee=1_000, taker_fee=2_000)
    seller = venue.account(base=1_000_000)
    buyer = venue.account(quote=1_000_000)
    accepted = one(venue.sell(seller, price=1, quantity=1_000_000), Accepted)
    venue.do(SetMarketFees(MARKET, 50_000, 60_000))

    trade = one(venue.buy(buyer, price=1, quantity=1_000_000), Trade)

    assert (accepted.maker_fee, accepted.taker_fee) == (1_000, 2_000)
    assert (trade.maker_fee, trade.taker_fee) == (1_000, 60_000)


def test_a_fee_is_rounded_for_each_fill_and_not_for_the_order() -> None:
    venue = Venue(taker_fee=1_000)
    seller = venue.account(base=20)
    buyer = venue.account(quote=20)
    venue.sell(seller, price=1, quantity=10)
    venue.sell(seller, price=1, quantity=10)

    venue.buy(buyer, price=1, quantity=20)

    assert venue.held(buyer, BASE) == (18, 0)


def test_money_to_pay_the_fee_is_not_needed_beforehand() -> None:
    venue = Venue(maker_fee=100_000, taker_fee=100_000)
    seller = venue.account(base=10)
    buyer = venue.account(quote=100)

    venue.sell(seller, price=10, quantity=10)

    one(venue.buy(buyer, price=10, quantity=10), Trade)
    assert venue.held(buyer, QUOTE) == (0, 0)
