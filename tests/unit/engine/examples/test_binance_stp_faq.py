"""Binance Spot, `faqs/stp_faq.md`: scenarios A to G, each with its orders and the reports published for them.

BTCUSDT with six decimals, as in the published reports. All orders are of one account unless a trade group is the
point. Scenario H shows the mode `TRANSFER`, which is not offered.
"""

import pytest

from exchange.commands.types import SetStp, SetTradeGroup
from exchange.events.types import Done, Prevented, Rested, Trade
from exchange.terms.words import SelfTrade
from tests.unit.engine.examples.reports import Report, amount, report
from tests.unit.engine.venue import Venue, all_of, names, one, order_of

DECIMALS = 6


def units(text: str) -> int:
    return amount(text, DECIMALS)


class Scenario:
    """The market and the account of a scenario."""

    def __init__(self) -> None:
        self.venue = Venue(tick=units("0.1"), lot=units("0.1"), decimals=DECIMALS)
        self.account = self.venue.account(base=units("1000"), quote=units("1000"))

    def maker(self, quantity: str, price: str, stp: SelfTrade = "none") -> int:
        """A limit order to buy that comes to rest."""
        return order_of(self.venue.buy(self.account, units(price), units(quantity), stp=stp))

    def report(self, order: int) -> Report:
        return report(self.venue, order)


def unfilled(status: str, quantity: str, prevented: str = "0") -> Report:
    """A published report with an `executedQty` of zero."""
    return Report(status, units(quantity), 0, 0, units(prevented))


def test_scenario_a_none_lets_the_orders_trade() -> None:
    it = Scenario()
    maker = it.maker("1", "1")

    events = it.venue.sell(it.account, units("1"), units("1"), stp="none")

    filled = Report("FILLED", units("1.000000"), units("1.000000"), units("1.000000"), 0)
    assert it.report(maker) == filled
    assert it.report(order_of(events)) == filled
    trade = one(events, Trade)
    assert (trade.trade, trade.price, trade.quantity, trade.taker_fee) == (1, units("1.000000"), units("1.000000"), 0)
    assert not all_of(events, Prevented)


def test_scenario_b_expire_maker_takes_the_makers_away_and_the_taker_rests() -> None:
    it = Scenario()
    first, second, third = it.maker("1.2", "1.2"), it.maker("1.3", "1.1"), it.maker("8.1", "1")

    events = it.venue.sell(it.account, units("1"), units("3"), stp="expire_maker")

    assert it.report(first) == unfilled("EXPIRED_IN_MATCH", "1.200000", "1.200000")
    assert it.report(second) == unfilled("EXPIRED_IN_MATCH", "1.300000", "1.300000")
    assert it.report(third) == unfilled("EXPIRED_IN_MATCH", "8.100000", "8.100000")
    assert it.report(order_of(events)) == unfilled("NEW", "3.000000")
    assert [(match.maker_order, match.price, match.maker_quantity) for match in all_of(events, Prevented)] == [
        (first, units("1.200000"), units("1.200000")),
        (second, units("1.100000"), units("1.300000")),
        (third, units("1.000000"), units("8.100000")),
    ]
    assert [match.taker_quantity for match in all_of(events, Prevented)] == [0, 0, 0]
    assert one(events, Rested).quantity == units("3.000000")
    assert it.venue.bids() == []
    assert it.venue.held(it.account, "INR") == (units("1000"), 0)


def test_scenario_c_expire_taker_leaves_the_makers_and_ends_the_taker() -> None:
    it = Scenario()
    first, second, third = it.maker("1.2", "1.2"), it.maker("1.3", "1.1"), it.maker("8.1", "1")

    events = it.venue.sell(it.account, units("1"), units("3"), stp="expire_taker")

    assert it.report(first) == unfilled("NEW", "1.200000")
    assert it.report(second) == unfilled("NEW", "1.300000")
    assert it.report(third) == unfilled("NEW", "8.100000")
    assert it.report(order_of(events)) == unfilled("EXPIRED_IN_MATCH", "3.000000", "3.000000")
    prevented = one(events, Prevented)
    assert (prevented.maker_quantity, prevented.seq) == (0, 0)
    assert it.venue.bids() == [
        (units(price), units(left)) for price, left in (("1.2", "1.2"), ("1.1", "1.3"), ("1", "8.1"))
    ]


def test_scenario_d_expire_both_ends_both() -> None:
    it = Scenario()
    maker = it.maker("1", "1")

    events = it.venue.sell(it.account, units("1"), units("3"), stp="expire_both")

    assert it.report(maker) == unfilled("EXPIRED_IN_MATCH", "1.000000", "1.000000")
    assert it.report(order_of(events)) == unfilled("EXPIRED_IN_MATCH", "3.000000", "3.000000")
    prevented = one(events, Prevented)
    assert (prevented.taker_quantity, prevented.maker_quantity) == (units("3.000000"), units("1.000000"))
    assert prevented.price == units("1.000000")
    assert (it.venue.bids(), it.venue.asks()) == ([], [])


def test_scenario_e_the_takers_mode_is_the_one_that_counts() -> None:
    it = Scenario()
    maker = it.maker("1", "1", stp="expire_maker")

    events = it.venue.sell(it.account, units("1"), units("1"), stp="expire_taker")

    assert it.report(maker) == unfilled("NEW", "1.000000")
    assert it.report(order_of(events)) == unfilled("EXPIRED_IN_MATCH", "1.000000", "1.000000")
    assert one(events, Prevented).taker_quantity == units("1.000000")


def test_scenario_f_a_market_order_whose_makers_expire_finds_nothing_left() -> None:
    it = Scenario()
    maker = it.maker("1", "1")

    events = it.venue.sell(it.account, 0, units("1"), stp="expire_maker")

    assert it.report(maker) == unfilled("EXPIRED_IN_MATCH", "1.000000", "1.000000")
    assert it.report(order_of(events)) == unfilled("EXPIRED", "1.000000")
    assert one(events, Prevented).maker_quantity == units("1.000000")
    assert (one(events, Done).left, one(events, Done).reason) == (units("1.000000"), "")


def test_scenario_g_decrement_takes_the_lesser_quantity_off_both() -> None:
    it = Scenario()
    maker = it.maker("6", "2")

    events = it.venue.sell(it.account, units("2"), units("2"), stp="decrement")

    assert it.report(maker) == unfilled("NEW", "6.000000", "2.000000")
    assert it.report(order_of(events)) == unfilled("EXPIRED_IN_MATCH", "2.000000", "2.000000")
    prevented = one(events, Prevented)
    assert (prevented.taker_quantity, prevented.maker_quantity) == (units("2.000000"), units("2.000000"))
    # original quantity - executed - prevented = available for further execution
    assert it.venue.bids() == [(units("2"), units("6") - units("2"))]
    assert prevented.maker_left == units("4")
    assert it.venue.held(it.account, "INR")[1] == units("8")


def test_decrement_of_equal_quantities_ends_both() -> None:
    it = Scenario()
    maker = it.maker("2", "2")

    events = it.venue.sell(it.account, units("2"), units("2"), stp="decrement")

    assert it.report(maker).status == it.report(order_of(events)).status == "EXPIRED_IN_MATCH"


@pytest.mark.parametrize("mode", ["expire_taker", "expire_maker", "expire_both", "decrement"])
def test_accounts_of_one_trade_group_are_kept_from_trading_with_each_other(mode: SelfTrade) -> None:
    it = Scenario()
    other = it.venue.account(base=units("10"))
    it.maker("1", "1")
    for account in (it.account, other):
        it.venue.do(SetTradeGroup(account, 1))

    events = it.venue.sell(other, units("1"), units("1"), stp=mode)

    assert not all_of(events, Trade)
    prevented = one(events, Prevented)
    assert (prevented.stp, prevented.maker, prevented.taker) == (mode, it.account, other)


def test_accounts_without_a_trade_group_are_compared_by_account_only() -> None:
    it = Scenario()
    other = it.venue.account(base=units("10"))
    it.maker("1", "1")

    assert names(it.venue.sell(other, units("1"), units("1"), stp="expire_both")) == ["Accepted", "Trade", "Done"]


def test_an_order_that_gives_no_mode_uses_the_default() -> None:
    it = Scenario()
    it.maker("1", "1")
    it.venue.do(SetStp(it.account, "expire_both"))

    assert one(it.venue.sell(it.account, units("1"), units("1")), Prevented).stp == "expire_both"
    it.maker("1", "1")
    assert names(it.venue.sell(it.account, units("1"), units("1"), stp="none")) == ["Accepted", "Trade", "Done"]
