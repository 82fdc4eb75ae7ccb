"""Binance Spot, `faqs/order_amend_keep_priority.md`: the queue before and after, both ways, and the notes on icebergs
and order lists.

The published order numbers are 10, 15, 20, 21 and (new) 22; here the orders have the numbers that the log gives them,
in the same order.
"""

from exchange.events.types import Amended, Canceled, Rested, Trade
from tests.unit.engine.examples.reports import amount
from tests.unit.engine.venue import MARKET, Venue, all_of, makers, one, order, order_of, orders_of, refusal

DECIMALS = 2


def units(text: str) -> int:
    return amount(text, DECIMALS)


class Book:
    """The published order book: user A, you, user B, user C."""

    def __init__(self) -> None:
        self.venue = Venue(tick=units("1"), lot=1, decimals=DECIMALS)
        self.you = self.venue.rich()
        a, b, c = self.venue.rich(), self.venue.rich(), self.venue.rich()
        self.a = order_of(self.venue.buy(a, units("87,000"), units("1.00")))
        self.yours = order_of(self.venue.buy(self.you, units("87,000"), units("5.50")))
        self.b = order_of(self.venue.buy(b, units("87,000"), units("4.00")))
        self.c = order_of(self.venue.buy(c, units("86,999"), units("2.00")))

    def queue(self) -> list[tuple[int, int]]:
        """Orders and quantities as they would trade, told by selling to all of them."""
        return makers(self.venue.sell(self.venue.rich(), units("86,999"), units("100"), tif="ioc"))


def test_cancel_replace_gives_a_new_order_at_the_end_of_the_queue() -> None:
    book = Book()

    events = book.venue.replace(book.you, book.yours, order(book.you, "buy", units("87,000"), units("5.00")))

    assert one(events, Canceled).order == book.yours
    new = one(events, Rested).order
    assert new not in {book.a, book.yours, book.b, book.c}
    assert book.queue() == [
        (book.a, units("1.00")),
        (book.b, units("4.00")),
        (new, units("5.00")),
        (book.c, units("2.00")),
    ]


def test_amend_keeps_the_order_and_its_place_in_the_queue() -> None:
    book = Book()

    amended = one(book.venue.amend(book.you, book.yours, units("5.00")), Amended)

    assert (amended.order, amended.quantity, amended.by) == (book.yours, units("5.00"), units("0.50"))
    assert book.queue() == [
        (book.a, units("1.00")),
        (book.yours, units("5.00")),
        (book.b, units("4.00")),
        (book.c, units("2.00")),
    ]


def test_an_amend_that_fails_leaves_the_order_unchanged() -> None:
    book = Book()

    assert refusal(book.venue.amend(book.you, book.yours, units("6.00"))) == ("not_a_reduction", "quantity")

    assert book.queue()[1] == (book.yours, units("5.50"))


def test_an_icebergs_visible_quantity_changes_only_below_it() -> None:
    venue = Venue(tick=units("1"), lot=1, decimals=DECIMALS)
    you = venue.rich()
    iceberg = order_of(venue.buy(you, units("87,000"), units("5.50"), display=units("2.00")))

    above = one(venue.amend(you, iceberg, units("3.00")), Amended)

    assert (above.seq, above.by, above.hidden) == (0, 0, units("2.50"))
    assert venue.bids() == [(units("87,000"), units("2.00"))]

    below = one(venue.amend(you, iceberg, units("1.50")), Amended)

    assert below.seq > 0
    assert (below.by, below.hidden) == (units("0.50"), units("1.00"))
    assert venue.bids() == [(units("87,000"), units("1.50"))]


def test_amending_either_order_of_an_oco_affects_both() -> None:
    for amended in (0, 1):
        venue = Venue(tick=units("1"), lot=1, decimals=DECIMALS)
        you = venue.account(base=units("5.50"))
        pair = orders_of(
            venue.place_list(
                "oco",
                order(you, "sell", units("87,000"), units("5.50"), post_only="refuse"),
                order(you, "sell", 0, units("5.50"), order_type="stop_loss", stop_price=units("80,000")),
            )
        )

        events = venue.amend(you, pair[amended], units("5.00"))

        assert {(event.order, event.quantity) for event in all_of(events, Amended)} == {
            (pair[0], units("5.00")),
            (pair[1], units("5.00")),
        }
        assert venue.asks() == [(units("87,000"), units("5.00"))]
        assert venue.held(you, "TATA") == (units("0.50"), units("5.00"))


def test_the_orders_of_an_oto_can_be_amended_individually() -> None:
    venue = Venue(tick=units("1"), lot=1, decimals=DECIMALS)
    you = venue.rich()
    working, pending = orders_of(
        venue.place_list(
            "oto",
            order(you, "buy", units("87,000"), units("5.50")),
            order(you, "sell", units("88,000"), units("5.50")),
        )
    )

    assert [event.order for event in all_of(venue.amend(you, working, units("5.00")), Amended)] == [working]
    amended = one(venue.amend(you, pending, units("4.00")), Amended)
    assert (amended.order, amended.quantity, amended.seq) == (pending, units("4.00"), 0)

    venue.sell(venue.rich(), units("87,000"), units("5.00"))

    assert venue.asks() == [(units("88,000"), units("4.00"))]
    assert venue.bids() == []


def test_a_reduced_order_trades_its_new_total_and_no_more() -> None:
    book = Book()
    book.venue.amend(book.you, book.yours, units("5.00"))

    trades = all_of(book.venue.sell(book.venue.rich(), units("87,000"), units("10.50"), tif="ioc"), Trade)

    assert sum(trade.quantity for trade in trades if trade.maker_order == book.yours) == units("5.00")
    assert trades[0].market == MARKET
