"""Fill or kill: decided before anything changes, by what the order may reach and whose it is."""

import pytest

from exchange.commands.types import Limits, SetTradeGroup
from exchange.events.types import Prevented
from exchange.terms.words import SelfTrade
from tests.unit.engine.venue import BASE, QUOTE, Venue, all_of, end_of, fills, names, one


def asks(*orders: tuple[int, int]) -> Venue:
    """A market with these asks, price and quantity, each of another account's."""
    venue = Venue()
    for price, quantity in orders:
        venue.sell(venue.rich(), price, quantity)
    return venue


def killed(venue: Venue, price: int, quantity: int, stp: SelfTrade = "none", account: int = 0) -> bool:
    """Whether a buy is killed; if so, nothing has changed but the order that came and went."""
    buyer = account or venue.rich()
    before = (venue.bids(), venue.asks(), venue.held(buyer, QUOTE), venue.held(buyer, BASE))
    events = venue.buy(buyer, price, quantity, tif="fok", stp=stp)
    if end_of(events) == ("filled", 0, ""):
        return False
    assert names(events) == ["Accepted", "Done"]
    assert end_of(events) == ("expired", quantity, "fok")
    assert before == (venue.bids(), venue.asks(), venue.held(buyer, QUOTE), venue.held(buyer, BASE))
    return True


def test_all_at_once_or_nothing_within_the_limit() -> None:
    venue = asks((10, 3), (11, 3), (12, 3))

    assert killed(venue, 11, 7)
    assert killed(venue, 12, 10)
    assert not killed(venue, 11, 6)
    assert venue.asks() == [(12, 3)]


def test_a_market_order_takes_all_of_its_quantity_or_nothing() -> None:
    venue = asks((10, 3), (500, 3))

    assert killed(venue, 0, 7)
    assert not killed(venue, 0, 6)


def test_a_sell_looks_at_the_bids() -> None:
    venue = Venue()
    venue.buy(venue.rich(), 10, 3)
    venue.buy(venue.rich(), 9, 3)
    seller = venue.rich()

    assert end_of(venue.sell(seller, 10, 4, tif="fok")) == ("expired", 4, "fok")
    assert fills(venue.sell(seller, 9, 4, tif="fok")) == [(10, 3), (9, 1)]


def test_hidden_quantity_counts() -> None:
    venue = Venue()
    venue.sell(venue.rich(), 10, 10, display=1)

    assert killed(venue, 10, 11)
    assert not killed(venue, 10, 10)


def test_the_band_and_the_slippage_cap_bound_what_it_may_reach() -> None:
    venue = asks((10, 3), (21, 3))
    venue.limits(Limits(reference=10, bid_up=20_000))
    assert killed(venue, 0, 4)

    venue = asks((100, 3), (106, 3))
    venue.limits(Limits(slippage_bps=500))
    assert killed(venue, 0, 4)
    assert not killed(venue, 106, 4)


def test_the_cost_must_be_available() -> None:
    venue = asks((10, 3))
    buyer = venue.account(base=10, quote=59)
    venue.sell(buyer, 5, 6)
    venue.sell(venue.rich(), 11, 3)

    # The book would charge 30 for its own six and pass the check; what the others' six would cost it has not got.
    assert killed(venue, 0, 6, stp="expire_maker", account=buyer)


# --- one's own orders -------------------------------------------------------------------------------------------------


def test_with_none_ones_own_orders_count_like_others() -> None:
    venue = asks((10, 3))
    owner = venue.rich()
    venue.sell(owner, 10, 3)

    assert not killed(venue, 10, 6, account=owner)


def test_with_expire_maker_ones_own_orders_count_as_absent_and_go_on_the_way() -> None:
    venue = asks((10, 3))
    owner = venue.rich()
    venue.sell(owner, 10, 3)
    venue.sell(venue.rich(), 11, 3)

    assert killed(venue, 11, 7, "expire_maker", owner)
    events = venue.buy(owner, 11, 6, tif="fok", stp="expire_maker")

    assert names(events) == ["Accepted", "Trade", "Prevented", "Trade", "Done"]
    assert fills(events) == [(10, 3), (11, 3)]
    assert one(events, Prevented).maker_left == 0
    assert end_of(events) == ("filled", 0, "")


@pytest.mark.parametrize("mode", ["expire_taker", "expire_both", "decrement"])
def test_with_the_other_modes_an_own_order_in_the_way_makes_it_infeasible(mode: SelfTrade) -> None:
    venue = asks((10, 3))
    owner = venue.rich()
    venue.sell(owner, 10, 3)
    venue.sell(venue.rich(), 10, 3)

    assert killed(venue, 10, 4, mode, owner)
    assert not killed(venue, 10, 3, mode, owner)  # covered before its own is met


def test_an_order_of_the_same_trade_group_is_ones_own() -> None:
    venue = asks((10, 3))
    owner, friend = venue.rich(), venue.rich()
    for account in (owner, friend):
        venue.do(SetTradeGroup(account, 7))
    venue.sell(friend, 10, 3)

    assert killed(venue, 10, 4, "expire_maker", owner)
    assert not killed(venue, 10, 4, "none", owner)


# --- work -------------------------------------------------------------------------------------------------------------


def test_all_slices_in_the_levels_it_reaches_into_must_not_be_too_many() -> None:
    venue = asks((10, 1), (10, 1), (10, 1), (11, 1), (12, 1))
    venue.limits(Limits(max_fills=4))

    assert killed(venue, 12, 5)  # five in three levels
    assert not killed(venue, 12, 4)  # four in two
    venue = asks((10, 1), (10, 1), (10, 1))
    venue.limits(Limits(max_fills=2))
    assert killed(venue, 10, 1)  # it needs one of them; the level it reaches into has three


def test_an_icebergs_slices_are_its_shown_one_and_the_hidden_rest_cut() -> None:
    venue = Venue()
    venue.sell(venue.rich(), 10, 9, display=3)
    venue.limits(Limits(max_fills=2))
    assert killed(venue, 10, 9)

    venue.limits(Limits(max_fills=3))
    assert not killed(venue, 10, 9)


def test_a_broken_slice_is_one_too() -> None:
    venue = Venue()
    venue.sell(venue.rich(), 10, 8, display=3)
    venue.buy(venue.rich(), 10, 2)  # 1 shown, 5 hidden: 1 + 2 slices
    venue.limits(Limits(max_fills=2))
    assert killed(venue, 10, 6)

    venue.limits(Limits(max_fills=3))
    assert not killed(venue, 10, 6)


def test_ones_own_absent_orders_are_work_too() -> None:
    venue = asks((10, 1))
    owner = venue.rich()
    venue.sell(owner, 10, 1)
    venue.sell(venue.rich(), 10, 1)
    venue.limits(Limits(max_fills=2))

    assert killed(venue, 10, 2, "expire_maker", owner)
    venue.limits(Limits(max_fills=3))
    events = venue.buy(owner, 10, 2, tif="fok", stp="expire_maker")
    assert (len(all_of(events, Prevented)), fills(events)) == (1, [(10, 1), (10, 1)])
