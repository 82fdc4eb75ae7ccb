"""The status of a market and of an account: the table of docs/rules.md, line by line."""

import pytest

from exchange.commands.types import (
    Limits,
    SetAccountStatus,
    SetMarketLimits,
    SetMarketStatus,
    SetStp,
    SetSwitch,
    SetTradeGroup,
    Withdraw,
)
from exchange.events.types import (
    Accepted,
    AccountStatusSet,
    Amended,
    Canceled,
    ListOpened,
    MarketLimitsSet,
    MarketStatusSet,
    Rested,
    Waiting,
    WithdrawalReserved,
)
from exchange.terms.amounts import MAX_COUNT
from tests.unit.engine.venue import BASE, MARKET, QUOTE, Venue, ended, fills, names, one, order, order_of, refusal

CLOSED = ("market_closed", "market")


def test_open_takes_all() -> None:
    venue = Venue()
    trader = venue.rich()

    one(venue.buy(trader, 10, 1), Rested)
    assert fills(venue.market_sell(trader, 1)) == [(10, 1)]
    one(venue.sell(trader, 0, 1, order_type="stop_loss", stop_price=5), Waiting)


def test_post_only_takes_what_does_not_take_and_conditional_orders() -> None:
    venue = Venue()
    trader = venue.rich()
    venue.sell(trader, 20, 1)
    venue.status("post_only")

    one(venue.buy(trader, 10, 1), Rested)
    one(venue.buy(trader, 10, 2, display=1), Rested)
    one(venue.sell(trader, 0, 1, order_type="stop_loss", stop_price=5), Waiting)
    assert refusal(venue.buy(trader, 20, 1)) == ("would_take", "price")
    assert refusal(venue.market_buy(trader, 1)) == ("would_take", "order_type")


def test_auction_takes_plain_limit_orders_that_rest_though_they_cross_and_conditional_ones() -> None:
    venue = Venue()
    trader = venue.rich()
    venue.status("auction")

    one(venue.sell(trader, 10, 1), Rested)
    assert names(venue.buy(trader, 20, 1)) == ["Accepted", "Rested"]
    one(venue.buy(trader, 20, 1, expires_ms=venue.now + 5), Rested)
    one(venue.sell(trader, 0, 1, order_type="stop_loss", stop_price=5), Waiting)
    assert (venue.bids(), venue.asks()) == ([(20, 2)], [(10, 1)])
    assert refusal(venue.market_buy(trader, 1)) == CLOSED
    assert refusal(venue.spend(trader, 10)) == CLOSED
    assert refusal(venue.buy(trader, 20, 1, tif="ioc")) == CLOSED
    assert refusal(venue.buy(trader, 20, 1, tif="fok")) == CLOSED
    assert refusal(venue.buy(trader, 1, 1, post_only="refuse")) == CLOSED
    assert refusal(venue.buy(trader, 20, 2, display=1)) == CLOSED


@pytest.mark.parametrize("status", ["cancel_only", "halted"])
def test_cancel_only_and_halted_take_no_orders(status: str) -> None:
    venue = Venue()
    trader = venue.rich()
    venue.status(status)

    assert refusal(venue.buy(trader, 10, 1)) == CLOSED
    assert refusal(venue.sell(trader, 0, 1, order_type="stop_loss", stop_price=5)) == CLOSED
    assert refusal(venue.place_list("oto", order(trader, "buy", 1, 1), order(trader, "buy", 1, 1))) == CLOSED


@pytest.mark.parametrize("status", ["open", "post_only", "auction", "cancel_only"])
def test_cancels_and_reductions_go_on_unless_the_market_is_halted(status: str) -> None:
    venue = Venue()
    trader = venue.rich()
    resting = order_of(venue.buy(trader, 10, 5))
    waiting = order_of(venue.sell(trader, 0, 5, order_type="stop_loss", stop_price=5))
    venue.status(status)

    for number in (resting, waiting):
        one(venue.amend(trader, number, 3), Amended)
    one(venue.cancel(trader, resting), Canceled)
    assert ended(venue.cancel(trader, waiting)) == [(waiting, "")]


def test_a_halted_market_lets_nothing_be_changed() -> None:
    venue = Venue()
    trader = venue.rich()
    waiting = order_of(venue.sell(trader, 0, 5, order_type="stop_loss", stop_price=5, client_id="a"))
    venue.status("halted")

    assert refusal(venue.cancel(trader, waiting)) == ("market_closed", "order")
    assert refusal(venue.cancel(trader, client_id="a")) == ("market_closed", "client_id")
    assert refusal(venue.amend(trader, waiting, 3)) == ("market_closed", "order")


@pytest.mark.parametrize("status", ["open", "post_only"])
def test_a_crossed_book_keeps_its_market_from_opening(status: str) -> None:
    venue = Venue()
    trader = venue.rich()
    venue.status("auction")
    venue.sell(trader, 10, 1)
    crossing = order_of(venue.buy(trader, 10, 1))

    assert refusal(venue.status(status)) == ("book_crossed", "status")
    one(venue.status("cancel_only"), MarketStatusSet)
    assert refusal(venue.status(status)) == ("book_crossed", "status")
    venue.cancel(trader, crossing)
    assert one(venue.status(status), MarketStatusSet).status == status


def test_a_status_of_a_market_that_is_not_there() -> None:
    venue = Venue()

    assert refusal(venue.do(SetMarketStatus("NO-NE", "open"))) == ("unknown_market", "market")


# --- limits -----------------------------------------------------------------------------------------------------------


def test_limits_replace_each_other_whole() -> None:
    venue = Venue()
    trader = venue.rich()
    venue.limits(Limits(max_orders=1, bid_up=10_000, reference=10))
    assert refusal(venue.buy(trader, 11, 1)) == ("outside_band", "price")
    venue.limits(Limits(max_orders=1))
    one(venue.buy(trader, 11, 1), Rested)
    assert refusal(venue.buy(trader, 11, 1)) == ("too_many_orders", "")

    venue.limits(Limits())

    told = one(venue.told[-1:], MarketLimitsSet)
    assert (told.market, told.max_orders, told.bid_up, told.max_position) == (MARKET, 0, 0, 0)
    one(venue.buy(trader, 11, 1), Rested)


def test_a_band_of_exactly_once_lets_the_reference_price_through() -> None:
    venue = Venue()
    trader = venue.rich()
    venue.limits(Limits(reference=10, bid_up=10_000, bid_down=10_000))

    one(venue.buy(trader, 10, 1), Rested)
    for price in (9, 11):
        assert refusal(venue.buy(trader, price, 1)) == ("outside_band", "price")


def test_the_last_price_stands_before_the_markets_reference() -> None:
    venue = Venue()
    trader = venue.rich()
    venue.limits(Limits(reference=10, bid_up=20_000))
    one(venue.buy(trader, 20, 1), Rested)
    venue.cancel_all(trader)
    venue.trade_at(4)

    assert refusal(venue.buy(trader, 9, 1)) == ("outside_band", "price")
    one(venue.buy(trader, 8, 1), Rested)


def test_a_conditional_orders_price_is_judged_when_it_takes_and_not_before() -> None:
    venue = Venue()
    venue.limits(Limits(reference=10, bid_up=20_000))

    one(venue.buy(venue.rich(), 50, 1, order_type="stop_loss_limit", stop_price=40), Waiting)


def test_a_position_counts_what_a_spending_buy_would_get() -> None:
    venue = Venue()
    venue.sell(venue.rich(), 10, 100)
    buyer = venue.account(base=5, quote=1000)
    venue.limits(Limits(max_position=10))

    assert refusal(venue.spend(buyer, 60)) == ("position_limit", "quote_amount")
    assert fills(venue.spend(buyer, 59)) == [(10, 5)]


def test_a_position_counts_waiting_buys_by_what_is_left_of_them() -> None:
    venue = Venue()
    buyer = venue.account(quote=1000)
    venue.limits(Limits(max_position=10))
    number = order_of(venue.buy(buyer, 0, 8, order_type="stop_loss", stop_price=10))

    assert refusal(venue.buy(buyer, 5, 3)) == ("position_limit", "quantity")
    venue.amend(buyer, number, 6)
    one(venue.buy(buyer, 5, 4), Rested)
    assert refusal(venue.buy(buyer, 5, 1)) == ("position_limit", "quantity")
    venue.cancel(buyer, number)
    one(venue.buy(buyer, 5, 6), Rested)


def test_a_position_is_the_same_when_an_open_buy_has_traded() -> None:
    venue = Venue()
    buyer = venue.account(quote=1000)
    venue.limits(Limits(max_position=10))
    venue.buy(buyer, 5, 8)
    venue.sell(venue.rich(), 5, 3)

    assert refusal(venue.buy(buyer, 5, 3)) == ("position_limit", "quantity")
    one(venue.buy(buyer, 5, 2), Rested)


@pytest.mark.parametrize("reference,code", [(7, "off_tick"), (5 * (MAX_COUNT + 1), "out_of_range")])
def test_a_markets_reference_is_a_price(reference: int, code: str) -> None:
    venue = Venue(tick=5)

    assert refusal(venue.do(SetMarketLimits(MARKET, Limits(reference=reference)))) == (code, "reference")
    assert refusal(venue.do(SetMarketLimits("NO-NE", Limits()))) == ("unknown_market", "market")


def test_an_order_lists_number_and_an_orders_are_counted_apart() -> None:
    venue = Venue()
    owner = venue.rich()
    venue.buy(owner, 1, 1)

    opened = one(venue.place_list("oto", order(owner, "buy", 1, 1), order(owner, "buy", 1, 1)), ListOpened)

    assert (opened.order_list, opened.orders) == (1, [2, 3])


# --- accounts ---------------------------------------------------------------------------------------------------------


def test_a_frozen_account_cancels_and_does_nothing_else() -> None:
    venue = Venue()
    owner = venue.account(base=10, quote=100)
    number = order_of(venue.buy(owner, 10, 5))
    assert one(venue.do(SetAccountStatus(owner, "frozen")), AccountStatusSet).status == "frozen"
    frozen = ("account_frozen", "account")

    assert refusal(venue.buy(owner, 1, 1)) == frozen
    assert refusal(venue.place_list("oto", order(owner, "buy", 1, 1), order(owner, "buy", 1, 1))) == frozen
    assert refusal(venue.amend(owner, number, 3)) == frozen
    assert refusal(venue.do(Withdraw(owner, BASE, 1, "w"))) == frozen
    one(venue.cancel(owner, number), Canceled)
    venue.do(SetAccountStatus(owner, "open"))
    one(venue.buy(owner, 1, 1), Accepted)
    one(venue.do(Withdraw(owner, BASE, 1, "x")), WithdrawalReserved)


def test_a_frozen_accounts_orders_go_on_trading() -> None:
    venue = Venue()
    owner = venue.account(quote=100)
    venue.buy(owner, 10, 5)
    venue.do(SetAccountStatus(owner, "frozen"))

    assert fills(venue.sell(venue.rich(), 10, 5)) == [(10, 5)]
    assert venue.held(owner, QUOTE) == (50, 0)


@pytest.mark.parametrize("account,code", [(1, "house_account"), (10**6, "unknown_account")])
def test_settings_are_of_accounts_that_trade(account: int, code: str) -> None:
    venue = Venue()

    for command in (
        SetAccountStatus(account, "frozen"),
        SetStp(account, "decrement"),
        SetTradeGroup(account, 1),
        SetSwitch(account, 1),
    ):
        assert refusal(venue.do(command)) == (code, "account")
