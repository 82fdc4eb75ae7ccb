"""Self-trade prevention beyond the venue's own examples: whose orders are one's own, what an amount loses, what is
told."""

import pytest

from exchange.commands.types import SetStp, SetTradeGroup
from exchange.events.types import Accepted, Prevented, StpSet, Trade, TradeGroupSet
from exchange.terms.words import SelfTrade
from tests.unit.engine.venue import BASE, QUOTE, Venue, all_of, end_of, fills, names, one, order_of, rested


def test_prevented_matches_are_numbered_over_the_log() -> None:
    venue = Venue()
    for expected in (1, 2, 3):
        owner = venue.rich()
        venue.sell(owner, 10, 1)
        assert one(venue.buy(owner, 10, 1, stp="expire_both"), Prevented).prevented == expected


def test_a_trade_with_others_goes_on_before_and_after_a_prevented_match() -> None:
    venue = Venue()
    owner = venue.account(base=5, quote=1000)
    first = order_of(venue.sell(venue.rich(), 10, 2))
    own = order_of(venue.sell(owner, 10, 5))
    last = order_of(venue.sell(venue.rich(), 11, 2))

    events = venue.buy(owner, 11, 5, stp="expire_maker")

    assert names(events) == ["Accepted", "Trade", "Prevented", "Trade", "Rested"]
    assert [trade.maker_order for trade in all_of(events, Trade)] == [first, last]
    assert one(events, Prevented).maker_order == own
    assert rested(events) == [(11, 1, 0)]


def test_expire_taker_ends_the_rest_of_an_order_that_has_traded() -> None:
    venue = Venue()
    owner = venue.account(base=5, quote=1000)
    venue.sell(venue.rich(), 10, 2)
    venue.sell(owner, 10, 5)

    events = venue.buy(owner, 11, 5, stp="expire_taker")

    assert (fills(events), one(events, Prevented).taker_quantity) == ([(10, 2)], 3)
    assert end_of(events) == ("expired_in_match", 0, "")
    assert venue.asks() == [(10, 5)]


def test_expire_both_stops_at_the_first() -> None:
    venue = Venue()
    owner = venue.account(base=5, quote=1000)
    venue.sell(owner, 10, 2)
    venue.sell(owner, 10, 3)

    events = venue.buy(owner, 10, 5, stp="expire_both")

    assert len(all_of(events, Prevented)) == 1
    assert venue.asks() == [(10, 3)]
    assert venue.held(owner, BASE) == (2, 3)


def test_decrement_goes_on_with_what_is_left() -> None:
    venue = Venue()
    owner = venue.account(base=5, quote=1000)
    venue.sell(owner, 10, 2)
    venue.sell(venue.rich(), 10, 2)

    events = venue.buy(owner, 10, 5, stp="decrement")

    assert names(events) == ["Accepted", "Prevented", "Trade", "Rested"]
    assert (fills(events), rested(events)) == ([(10, 2)], [(10, 1, 0)])
    assert venue.held(owner, QUOTE) == (1000 - 20 - 10, 10)


@pytest.mark.parametrize(
    "mode,end",
    [
        ("expire_taker", ("expired_in_match", 0, "")),
        ("expire_both", ("expired_in_match", 0, "")),
        ("expire_maker", ("expired", 0, "")),
        ("decrement", ("expired", 0, "")),
    ],
)
def test_for_an_amount_left_counts_as_zero_in_the_event(mode: SelfTrade, end: tuple[str, int, str]) -> None:
    venue = Venue()
    owner = venue.account(base=2, quote=100)
    venue.sell(owner, 10, 2)

    events = venue.buy(owner, quote_amount=50, stp=mode)

    prevented = one(events, Prevented)
    assert prevented.taker_quantity == (2 if mode == "decrement" else 0)
    assert end_of(events) == end


def test_decrement_takes_the_notional_off_an_amount() -> None:
    venue = Venue()
    owner = venue.account(base=2, quote=100)
    venue.sell(owner, 10, 2)
    venue.sell(venue.rich(), 10, 9)

    events = venue.buy(owner, quote_amount=50, stp="decrement")

    assert fills(events) == [(10, 3)]
    assert end_of(events) == ("filled", 0, "")
    assert venue.held(owner, QUOTE) == (70, 0)


def test_decrement_takes_no_more_off_a_maker_than_an_amount_pays_for() -> None:
    venue = Venue()
    owner = venue.account(base=9, quote=100)
    venue.sell(owner, 10, 9)

    prevented = one(venue.buy(owner, quote_amount=39, stp="decrement"), Prevented)

    assert (prevented.taker_quantity, prevented.maker_quantity, prevented.maker_left) == (3, 3, 6)
    assert venue.asks() == [(10, 6)]
    assert end_of(venue.buy(owner, quote_amount=30, stp="decrement")) == ("expired_in_match", 0, "")


def test_the_mode_in_force_is_told_and_none_is_not() -> None:
    venue = Venue()
    owner = venue.rich()
    assert one(venue.do(SetStp(owner, "decrement")), StpSet).stp == "decrement"

    assert one(venue.buy(owner, 1, 1), Accepted).instructions.stp == "decrement"
    assert one(venue.buy(owner, 1, 1, stp="expire_maker"), Accepted).instructions.stp == "expire_maker"
    assert '"stp"' not in one(venue.buy(owner, 1, 1, stp="none"), Accepted).json()


def test_an_order_keeps_the_default_of_its_acceptance() -> None:
    venue = Venue()
    owner = venue.account(base=10, quote=1000)
    venue.do(SetStp(owner, "expire_maker"))
    venue.buy(owner, 0, 1, order_type="stop_loss", stop_price=20)
    venue.do(SetStp(owner, "none"))
    venue.sell(owner, 30, 1)

    assert one(venue.trade_at(20), Prevented).stp == "expire_maker"


def test_members_of_a_group_are_compared_when_they_meet() -> None:
    venue = Venue()
    one_of_them, other = venue.rich(), venue.rich()
    venue.sell(one_of_them, 10, 1)
    assert one(venue.do(SetTradeGroup(one_of_them, 3)), TradeGroupSet).group == 3
    venue.do(SetTradeGroup(other, 3))

    assert len(all_of(venue.buy(other, 10, 1, stp="expire_taker"), Prevented)) == 1
    venue.do(SetTradeGroup(other, 4))
    assert fills(venue.buy(other, 10, 1, stp="expire_taker")) == [(10, 1)]


def test_no_group_is_no_group() -> None:
    venue = Venue()
    first, second = venue.rich(), venue.rich()
    for account in (first, second):
        venue.do(SetTradeGroup(account, 9))
        venue.do(SetTradeGroup(account, 0))
    venue.sell(first, 10, 1)

    assert fills(venue.buy(second, 10, 1, stp="expire_both")) == [(10, 1)]


def test_a_prevented_maker_is_open_no_more() -> None:
    venue = Venue()
    owner = venue.account(base=2, quote=100)
    number = order_of(venue.sell(owner, 10, 2, client_id="a"))
    venue.buy(owner, 10, 1, tif="ioc", stp="expire_both")

    assert venue.held(owner, BASE) == (2, 0)
    rejected = venue.cancel(owner, number)[0].json()
    assert '"unknown_order"' in rejected


def test_what_was_prevented_counts_as_gone_in_a_reduction() -> None:
    venue = Venue()
    owner = venue.account(base=9, quote=100)
    number = order_of(venue.sell(owner, 10, 9))
    venue.buy(owner, 10, 4, stp="decrement")  # 5 left

    assert '"below_filled"' in venue.amend(owner, number, 4)[0].json()
    venue.amend(owner, number, 6)
    assert venue.asks() == [(10, 2)]
    assert venue.held(owner, BASE) == (7, 2)
