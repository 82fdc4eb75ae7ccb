"""A command repeated takes effect once: the first result is remembered, rejections included, for the log's window."""

from collections.abc import Sequence

import pytest

from exchange.commands.types import Deposit, OpenAccount, Place, SettleWithdrawal, Withdraw
from exchange.events.types import Accepted, Deposited, Duplicate, Event, WithdrawalReserved
from exchange.terms.stream import format_id
from tests.unit.engine.venue import BASE, MARKET, QUOTE, Venue, one, order_of, refusal

pytestmark = pytest.mark.usefixtures("either_rules")


def first_of(events: Sequence[Event]) -> str:
    assert len(events) == 1
    return one(events, Duplicate).first


def test_the_same_client_order_id_gives_the_first_result_and_places_nothing() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    venue.sell(seller, price=10, quantity=5, client_id="a")
    first = format_id(venue.machine.head.id)

    assert first_of(venue.sell(seller, price=10, quantity=5, client_id="a")) == first
    assert first_of(venue.sell(seller, price=11, quantity=1, client_id="a")) == first  # whatever it says now

    assert venue.asks() == [(10, 5)]
    assert venue.machine.outcome.postings == []


def test_a_refusal_is_remembered_even_when_the_repetition_would_be_taken() -> None:
    venue = Venue()
    seller = venue.account()
    assert refusal(venue.sell(seller, price=10, quantity=5, client_id="a")) == ("insufficient_funds", "quantity")
    first = format_id(venue.machine.head.id)
    venue.do(Deposit(seller, BASE, 5, "later"))

    assert first_of(venue.sell(seller, price=10, quantity=5, client_id="a")) == first


@pytest.mark.parametrize("status", ["cancel_only", "halted"])
def test_a_repetition_is_known_before_the_market_is_looked_at(status: str) -> None:
    venue = Venue()
    seller = venue.account(base=5)
    venue.sell(seller, price=10, quantity=5, client_id="a")
    first = format_id(venue.machine.head.id)
    venue.status(status)

    assert first_of(venue.sell(seller, price=10, quantity=5, client_id="a")) == first


def test_a_refusal_for_an_unknown_market_is_remembered_too() -> None:
    venue = Venue()
    account = venue.account()
    order = Place(account, "NO-NE", "sell", "limit", "gtc", 1, 1, 0, "a")
    assert refusal(venue.do(order)) == ("unknown_market", "market")

    assert isinstance(venue.do(order)[0], Duplicate)


def test_a_name_belongs_to_its_account() -> None:
    venue = Venue()
    for account in (venue.account(base=1), venue.account(base=1)):
        one(venue.sell(account, price=10, quantity=1, client_id="a"), Accepted)

    assert venue.asks() == [(10, 2)]


def test_orders_without_a_name_are_never_repetitions() -> None:
    venue = Venue()
    seller = venue.account(base=2)

    assert order_of(venue.sell(seller, 10, 1)) != order_of(venue.sell(seller, 10, 1))


def test_the_window_ends_in_stream_time_to_the_millisecond() -> None:
    venue = Venue(window_ms=1000)
    buyer = venue.account(quote=100)
    venue.buy(buyer, price=1, quantity=1, tif="ioc", client_id="a")
    venue.wait(1000)
    assert isinstance(venue.buy(buyer, price=1, quantity=1, tif="ioc", client_id="a")[0], Duplicate)
    venue.wait(1)

    assert isinstance(venue.buy(buyer, price=1, quantity=1, tif="ioc", client_id="a")[0], Accepted)


def test_a_repetition_does_not_prolong_the_window() -> None:
    venue = Venue(window_ms=1000)
    buyer = venue.account(quote=100)
    venue.buy(buyer, price=1, quantity=1, tif="ioc", client_id="a")
    venue.wait(900)
    assert isinstance(venue.buy(buyer, price=1, quantity=1, tif="ioc", client_id="a")[0], Duplicate)
    venue.wait(900)

    assert isinstance(venue.buy(buyer, price=1, quantity=1, tif="ioc", client_id="a")[0], Accepted)


def test_the_name_of_an_open_order_is_kept_beyond_the_window_and_goes_with_the_order() -> None:
    venue = Venue(window_ms=1000)
    seller = venue.account(base=10)
    order = order_of(venue.sell(seller, price=10, quantity=1, client_id="a"))
    first = format_id(venue.machine.head.id)
    venue.wait(5000)
    assert first_of(venue.sell(seller, price=10, quantity=1, client_id="a")) == first

    venue.cancel(seller, client_id="a")

    again = order_of(venue.sell(seller, price=10, quantity=1, client_id="a"))
    assert again != order
    assert first_of(venue.sell(seller, price=10, quantity=1, client_id="a")) == format_id((5001, 3))


def test_the_name_of_an_order_that_closed_within_the_window_is_kept_to_its_end() -> None:
    venue = Venue(window_ms=1000)
    seller = venue.account(base=10)
    venue.sell(seller, price=10, quantity=1, client_id="a")
    venue.cancel(seller, client_id="a")

    assert isinstance(venue.sell(seller, price=10, quantity=1, client_id="a")[0], Duplicate)


def test_more_results_than_one_command_may_sweep_are_all_forgotten_in_time() -> None:
    venue = Venue(window_ms=10)
    buyer = venue.account(quote=100)
    for number in range(100):
        venue.buy(buyer, price=1, quantity=1, tif="ioc", client_id=f"n{number}")
    venue.wait(11)

    assert isinstance(venue.buy(buyer, price=1, quantity=1, tif="ioc", client_id="n99")[0], Accepted)
    for _ in range(50):
        venue.buy(buyer, price=1, quantity=1, tif="ioc")

    assert list(venue.state.accounts[buyer].orders) == ["n99"]
    assert len(venue.state.remembered) == 1


def test_a_deposit_is_credited_once() -> None:
    venue = Venue()
    account = venue.account()
    one(venue.do(Deposit(account, QUOTE, 100, "tx-1")), Deposited)
    first = format_id(venue.machine.head.id)

    assert first_of(venue.do(Deposit(account, QUOTE, 100, "tx-1"))) == first

    assert venue.held(account, QUOTE) == (100, 0)


def test_a_withdrawal_is_reserved_once_and_its_reference_is_another_than_a_deposits() -> None:
    venue = Venue()
    account = venue.account()
    venue.do(Deposit(account, QUOTE, 100, "tx-1"))
    one(venue.do(Withdraw(account, QUOTE, 30, "tx-1")), WithdrawalReserved)
    first = format_id(venue.machine.head.id)
    venue.do(SettleWithdrawal(1))

    assert first_of(venue.do(Withdraw(account, QUOTE, 30, "tx-1"))) == first

    assert venue.held(account, QUOTE) == (70, 0)


def test_a_refused_transfer_is_remembered_with_its_refusal() -> None:
    venue = Venue()
    account = venue.account()
    assert refusal(venue.do(Withdraw(account, QUOTE, 1, "out"))) == ("insufficient_funds", "amount")
    assert refusal(venue.do(Deposit(account, "NONE", 1, "in"))) == ("unknown_asset", "asset")
    venue.do(Deposit(account, QUOTE, 1, "funds"))

    assert isinstance(venue.do(Withdraw(account, QUOTE, 1, "out"))[0], Duplicate)
    assert isinstance(venue.do(Deposit(account, QUOTE, 1, "in"))[0], Duplicate)


def test_a_command_for_an_account_that_is_not_there_is_not_remembered() -> None:
    venue = Venue()
    coming = venue.state.next_account
    order = Place(coming, MARKET, "buy", "limit", "ioc", 1, 1, 0, "a")
    assert refusal(venue.do(order)) == ("unknown_account", "account")
    venue.account(quote=1)

    one(venue.do(order), Accepted)


def test_an_account_can_be_opened_once_for_ever() -> None:
    venue = Venue(window_ms=0)
    venue.do(OpenAccount("somebody"))
    venue.wait(10**9)

    assert refusal(venue.do(OpenAccount("somebody"))) == ("account_exists", "ref")
