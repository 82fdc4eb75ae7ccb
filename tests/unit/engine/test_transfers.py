"""Money between accounts of one trade group, and the names of those who administer: the third version of the rules."""

import pytest

from exchange.commands.types import (
    CreateAsset,
    Deposit,
    Limits,
    Record,
    SetAccountStatus,
    SetMarketStatus,
    SetRules,
    SetTradeGroup,
    Transfer,
    Uncross,
    Withdraw,
)
from exchange.engine.snapshot import FORMAT, restore, rows
from exchange.events.types import AssetCreated, Deposited, Duplicate, MarketStatusSet, Recorded, Transferred, Uncrossed
from exchange.terms.amounts import MAX_AMOUNT, MAX_COUNT
from exchange.terms.words import FEES, OUTSIDE
from tests.unit.engine.venue import BASE, QUOTE, Venue, all_of, one, refusal

ANNA = "a" * 32


def pair(venue: Venue, quote: int = 100) -> tuple[int, int]:
    """Two accounts of a group, of which the first has money."""
    accounts = venue.account(quote=quote), venue.account()
    for account in accounts:
        venue.do(SetTradeGroup(account, 7))
    return accounts


def test_a_transfer_moves_what_is_available_and_nothing_else() -> None:
    venue = Venue()
    sender, receiver = pair(venue)
    owed = venue.held(OUTSIDE, QUOTE)

    moved = one(venue.do(Transfer(sender, receiver, QUOTE, 60, "t")), Transferred)

    assert (moved.account, moved.to, moved.asset, moved.amount, moved.ref) == (sender, receiver, QUOTE, 60, "t")
    assert venue.held(sender, QUOTE) == (40, 0)
    assert venue.held(receiver, QUOTE) == (60, 0)
    assert venue.held(OUTSIDE, QUOTE) == owed


def test_what_orders_and_withdrawals_bind_cannot_be_moved() -> None:
    venue = Venue()
    sender, receiver = pair(venue)
    venue.buy(sender, price=30, quantity=1)
    venue.do(Withdraw(sender, QUOTE, 20, "w"))

    assert refusal(venue.do(Transfer(sender, receiver, QUOTE, 51, "a"))) == ("insufficient_funds", "amount")
    one(venue.do(Transfer(sender, receiver, QUOTE, 50, "b")), Transferred)
    assert venue.held(sender, QUOTE) == (0, 50)


@pytest.mark.parametrize(
    "to, expected",
    [
        (MAX_COUNT, ("unknown_account", "to")),
        (OUTSIDE, ("house_account", "to")),
        (FEES, ("house_account", "to")),
    ],
)
def test_money_goes_to_no_account_that_is_not_there_and_to_none_of_the_house(
    to: int, expected: tuple[str, str]
) -> None:
    venue = Venue()
    sender, _ = pair(venue)
    assert refusal(venue.do(Transfer(sender, to, QUOTE, 1, "t"))) == expected
    assert refusal(venue.do(Transfer(FEES, sender, QUOTE, 1, "u"))) == ("house_account", "account")
    assert refusal(venue.do(Transfer(MAX_COUNT, sender, QUOTE, 1, "v"))) == ("unknown_account", "account")


def test_money_stays_within_a_trade_group() -> None:
    venue = Venue()
    sender, receiver = pair(venue)
    stranger = venue.account()

    def to(account: int, ref: str) -> tuple[str, str]:
        return refusal(venue.do(Transfer(sender, account, QUOTE, 1, ref)))

    assert to(sender, "a") == ("same_account", "to")
    assert to(stranger, "b") == ("not_same_group", "to")
    venue.do(SetTradeGroup(stranger, 8))
    assert to(stranger, "c") == ("not_same_group", "to")
    for account in (sender, receiver):
        venue.do(SetTradeGroup(account, 0))
    assert to(receiver, "d") == ("not_same_group", "to")


def test_a_frozen_account_neither_sends_nor_receives() -> None:
    venue = Venue()
    sender, receiver = pair(venue)
    venue.do(SetAccountStatus(receiver, "frozen"))
    assert refusal(venue.do(Transfer(sender, receiver, QUOTE, 1, "a"))) == ("account_frozen", "to")
    venue.do(SetAccountStatus(sender, "frozen"))
    assert refusal(venue.do(Transfer(sender, receiver, QUOTE, 1, "b"))) == ("account_frozen", "account")


def test_amounts_are_known_assets_above_zero_and_within_what_can_be_held() -> None:
    venue = Venue()
    sender, receiver = pair(venue, MAX_AMOUNT)
    venue.do(Deposit(receiver, QUOTE, 5, "d"))
    assert refusal(venue.do(Transfer(sender, receiver, "NONE", 1, "a"))) == ("unknown_asset", "asset")
    assert refusal(venue.do(Transfer(sender, receiver, BASE, 0, "b"))) == ("not_positive", "amount")
    assert refusal(venue.do(Transfer(sender, receiver, QUOTE, MAX_AMOUNT - 4, "c"))) == ("balance_limit", "amount")
    one(venue.do(Transfer(sender, receiver, QUOTE, MAX_AMOUNT - 5, "d")), Transferred)


def test_a_ref_names_the_senders_first_result_apart_from_deposits_and_withdrawals() -> None:
    venue = Venue()
    sender, receiver = pair(venue)
    venue.do(Deposit(sender, QUOTE, 5, "same"))
    venue.do(Withdraw(sender, QUOTE, 5, "same"))
    one(venue.do(Transfer(sender, receiver, QUOTE, 10, "same")), Transferred)

    one(venue.do(Transfer(sender, receiver, QUOTE, 10, "same")), Duplicate)
    one(venue.do(Transfer(receiver, sender, QUOTE, 3, "same")), Transferred)

    assert venue.held(receiver, QUOTE) == (7, 0)
    venue.machine = restore(list(rows(venue.machine)))
    one(venue.do(Transfer(sender, receiver, QUOTE, 10, "same")), Duplicate)


def test_an_administrator_is_told_with_what_they_did_and_nobody_where_nobody_was_named() -> None:
    venue = Venue()
    account = venue.account()
    assert one(venue.do(CreateAsset("NEW", 2, ANNA)), AssetCreated).by == ANNA
    assert one(venue.do(CreateAsset("NEWER", 2)), AssetCreated).by == ""
    assert one(venue.do(Deposit(account, QUOTE, 5, "gift", "operator")), Deposited).by == "operator"
    assert one(venue.do(SetMarketStatus(f"{BASE}-{QUOTE}", "auction", ANNA)), MarketStatusSet).by == ANNA
    told = one(venue.do(Record(ANNA, "role.granted", "b" * 32)), Recorded)
    assert (told.by, told.act, told.subject) == (ANNA, "role.granted", "b" * 32)


def test_who_ended_an_auction_is_told_when_it_is_over_even_after_a_restart() -> None:
    venue = Venue()
    trader, other = venue.rich(), venue.rich()
    venue.status("auction")
    venue.limits(Limits(max_fills=1))
    for _ in range(2):
        venue.buy(trader, 5, 1)
        venue.sell(other, 5, 1)
    begun = venue.do(Uncross(f"{BASE}-{QUOTE}", "open", ANNA))
    assert all_of(begun, Uncrossed) == []

    venue.machine = restore(list(rows(venue.machine)))
    events = venue.tick()

    assert one(events, Uncrossed).by == ANNA
    assert one(events, MarketStatusSet).by == ""


@pytest.mark.parametrize("rules", [1, 2])
def test_earlier_rules_know_neither_transfers_nor_names(rules: int) -> None:
    venue = Venue(rules=rules)
    account = venue.account(quote=5)
    assert refusal(venue.do(Transfer(account, account + 1, QUOTE, 1, "t"))) == ("unknown_type", "type")
    assert refusal(venue.do(Record(ANNA, "a", "b"))) == ("unknown_type", "type")
    assert refusal(venue.do(CreateAsset("NEW", 2, ANNA))) == ("unknown_field", "by")
    assert refusal(venue.do(Deposit(account, QUOTE, 1, "x", ANNA))) == ("unknown_field", "by")
    assert refusal(venue.do(SetRules(3, 0, ANNA))) == ("unknown_field", "by")
    header = next(iter(rows(venue.machine)))
    assert header[1] == FORMAT - 1, "engines of those rules can read it"

    venue.do(SetRules(3, 0))

    assert one(venue.do(CreateAsset("NEW", 2, ANNA)), AssetCreated).by == ANNA
    assert next(iter(rows(venue.machine)))[1] == FORMAT


@pytest.mark.parametrize("rules", [1, 2])
def test_who_asked_for_the_third_rules_before_they_were_known_stays_refused(rules: int) -> None:
    venue = Venue(rules=rules)
    early = b'{"v":1,"type":"set_rules","rules":3,"dedup_names":0}'
    beyond = b'{"v":1,"type":"set_rules","rules":4,"dedup_names":0,"known":3}'

    assert refusal(venue.do(early)) == ("unknown_rules", "rules")
    assert refusal(venue.do(beyond)) == ("unknown_rules", "rules")

    assert venue.machine.state.rules == rules
