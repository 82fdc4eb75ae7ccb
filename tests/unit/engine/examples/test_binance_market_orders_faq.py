"""Binance Spot, `faqs/market_orders_faq.md`: the sample answer of a market order that ran out of liquidity.

The published commission of 0.001 for 2 (500 millionths) is paid in BNB there, in the received asset here.
"""

from exchange.events.types import Accepted, Done, Trade
from tests.unit.engine.examples.reports import Report, amount, report
from tests.unit.engine.venue import QUOTE, Venue, all_of, one, order_of, refusal

DECIMALS = 8


def units(text: str) -> int:
    return amount(text, DECIMALS)


def test_sample_market_buy_of_6_with_4_in_the_book_expires_with_4_executed() -> None:
    venue = Venue(tick=units("0.01"), lot=units("0.01"), decimals=DECIMALS, taker_fee=500)
    first, second, buyer = venue.rich(), venue.rich(), venue.rich()
    venue.sell(first, units("1"), units("2"))
    venue.sell(second, units("1"), units("2"))

    events = venue.market_buy(buyer, units("6.00000000"))

    assert report(venue, order_of(events)) == Report(
        "EXPIRED", units("6.00000000"), executed=units("4.00000000"), paid=units("4.00000000")
    )
    assert [(trade.price, trade.quantity, trade.taker_fee) for trade in all_of(events, Trade)] == [
        (units("1.00000000"), units("2.00000000"), units("0.00100000")),
        (units("1.00000000"), units("2.00000000"), units("0.00100000")),
    ]
    assert [trade.trade for trade in all_of(events, Trade)] == [1, 2]
    assert (one(events, Accepted).price, one(events, Done).left) == (0, units("2"))


def test_a_market_order_that_the_balance_does_not_cover_is_rejected() -> None:
    venue = Venue(tick=units("0.01"), lot=units("0.01"), decimals=DECIMALS)
    seller, buyer = venue.rich(), venue.account(quote=units("3.99999999"))
    venue.sell(seller, units("1"), units("4"))

    assert refusal(venue.market_buy(buyer, units("6"))) == ("insufficient_funds", "quantity")

    assert venue.held(buyer, QUOTE) == (units("3.99999999"), 0)
