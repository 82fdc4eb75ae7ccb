"""Money in and out, and amounts at the edge of what may be named."""

import pytest

from exchange.commands.types import Deposit, ReleaseWithdrawal, SettleWithdrawal, Withdraw
from exchange.events.types import (
    Deposited,
    Rested,
    Trade,
    WithdrawalReleased,
    WithdrawalReserved,
    WithdrawalSettled,
)
from exchange.terms.amounts import MAX_AMOUNT, MAX_COUNT
from exchange.terms.words import OUTSIDE
from tests.unit.engine.venue import BASE, QUOTE, Venue, one, order_of, refusal

pytestmark = pytest.mark.usefixtures("either_rules")


def test_what_the_outside_owes_is_what_the_users_deposited() -> None:
    venue = Venue()
    account = venue.account()

    one(venue.do(Deposit(account, QUOTE, 100, "in")), Deposited)

    assert venue.held(account, QUOTE) == (100, 0)
    assert venue.held(OUTSIDE, QUOTE) == (-100, 0)


def test_a_withdrawal_is_locked_until_it_is_settled() -> None:
    venue = Venue()
    account = venue.account(quote=100)

    reserved = one(venue.do(Withdraw(account, QUOTE, 60, "out")), WithdrawalReserved)
    assert venue.held(account, QUOTE) == (40, 60)
    assert refusal(venue.do(Withdraw(account, QUOTE, 41, "more"))) == ("insufficient_funds", "amount")
    assert refusal(venue.buy(account, price=41, quantity=1)) == ("insufficient_funds", "quantity")

    one(venue.do(SettleWithdrawal(reserved.withdrawal)), WithdrawalSettled)
    assert venue.held(account, QUOTE) == (40, 0)
    assert venue.held(OUTSIDE, QUOTE) == (-40, 0)


def test_a_released_withdrawal_gives_the_money_back() -> None:
    venue = Venue()
    account = venue.account(quote=100)
    reserved = one(venue.do(Withdraw(account, QUOTE, 60, "out")), WithdrawalReserved)

    one(venue.do(ReleaseWithdrawal(reserved.withdrawal)), WithdrawalReleased)

    assert venue.held(account, QUOTE) == (100, 0)


def test_a_withdrawal_ends_once() -> None:
    venue = Venue()
    account = venue.account(quote=100)
    venue.do(Withdraw(account, QUOTE, 60, "out"))
    venue.do(SettleWithdrawal(1))

    assert refusal(venue.do(SettleWithdrawal(1))) == ("unknown_withdrawal", "withdrawal")
    assert refusal(venue.do(ReleaseWithdrawal(1))) == ("unknown_withdrawal", "withdrawal")
    assert refusal(venue.do(ReleaseWithdrawal(2))) == ("unknown_withdrawal", "withdrawal")


def test_money_that_an_order_binds_cannot_leave() -> None:
    venue = Venue()
    account = venue.account(base=10)
    order = order_of(venue.sell(account, price=1, quantity=10))
    assert refusal(venue.do(Withdraw(account, BASE, 1, "a"))) == ("insufficient_funds", "amount")
    venue.cancel(account, order)

    one(venue.do(Withdraw(account, BASE, 10, "b")), WithdrawalReserved)


def test_transfers_of_nothing_and_of_unknown_assets_are_refused() -> None:
    venue = Venue()
    account = venue.account()

    assert refusal(venue.do(Deposit(account, QUOTE, 0, "a"))) == ("not_positive", "amount")
    assert refusal(venue.do(Withdraw(account, QUOTE, 0, "b"))) == ("not_positive", "amount")
    assert refusal(venue.do(Deposit(account, "NONE", 0, "c"))) == ("unknown_asset", "asset")
    assert refusal(venue.do(Withdraw(account, "NONE", 0, "d"))) == ("unknown_asset", "asset")


def test_a_balance_may_reach_the_largest_amount_by_deposits_and_no_more() -> None:
    venue = Venue()
    account = venue.account()
    one(venue.do(Deposit(account, QUOTE, MAX_AMOUNT, "a")), Deposited)
    assert refusal(venue.do(Deposit(account, QUOTE, 1, "b"))) == ("balance_limit", "amount")

    venue.buy(account, price=1, quantity=1000)  # what is locked counts too

    assert refusal(venue.do(Deposit(account, QUOTE, 1, "c"))) == ("balance_limit", "amount")
    venue.do(Withdraw(account, QUOTE, 5, "d"))
    assert refusal(venue.do(Deposit(account, QUOTE, 5, "e"))) == ("balance_limit", "amount")
    venue.do(SettleWithdrawal(1))
    one(venue.do(Deposit(account, QUOTE, 5, "f")), Deposited)
    assert venue.held(account, QUOTE) == (MAX_AMOUNT - 1000, 1000)


def test_the_largest_order_there_can_be_trades_exactly() -> None:
    venue = Venue(decimals=18, tick=10**14, lot=10**4, maker_fee=99_999, taker_fee=1)
    seller = venue.account(base=10**19)
    buyer = venue.account(quote=MAX_AMOUNT)
    price, quantity = 10**14 * (MAX_COUNT - 1), 10**4 * MAX_COUNT

    one(venue.sell(seller, price, quantity), Rested)
    trade = one(venue.buy(buyer, price, quantity), Trade)

    notional = (MAX_COUNT - 1) * MAX_COUNT
    assert trade.notional == notional == price * quantity // 10**18
    assert trade.taker_fee == 10**13
    assert trade.maker_fee == -(-notional * 99_999 // 10**6)
    assert venue.held(buyer, QUOTE) == (MAX_AMOUNT - notional, 0)
    assert venue.held(seller, QUOTE) == (notional - trade.maker_fee, 0)


def test_the_smallest_trade_of_an_asset_with_18_decimals_is_exact() -> None:
    venue = Venue(decimals=18, tick=10**18, lot=1)
    seller = venue.account(base=3)
    buyer = venue.account(quote=3)
    venue.sell(seller, price=10**18, quantity=3)

    assert one(venue.market_buy(buyer, quantity=1), Trade).notional == 1

    assert venue.held(buyer, BASE) == (1, 0)
    assert venue.held(seller, BASE) == (0, 2)


def test_trades_may_carry_a_balance_beyond_what_one_command_may_name() -> None:
    venue = Venue()
    rich = venue.account(quote=MAX_AMOUNT, base=10)
    buyer = venue.account(quote=100)
    venue.sell(rich, price=10, quantity=10)

    venue.buy(buyer, price=10, quantity=10)

    assert venue.held(rich, QUOTE) == (MAX_AMOUNT + 100, 0)
    one(venue.do(Withdraw(rich, QUOTE, MAX_AMOUNT, "a")), WithdrawalReserved)
    one(venue.do(Withdraw(rich, QUOTE, 100, "b")), WithdrawalReserved)
