"""The look at the money finds nothing in any state that the rules make, and every fault that is planted in one."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from exchange.engine import Machine
from exchange.engine.accounts import Account, Balance
from exchange.engine.book import Order
from exchange.engine.solvency import unbalanced, unsound
from exchange.engine.special import NOWHERE, PENDING, QUEUED, TRIGGER, OrderList
from exchange.engine.state import State
from exchange.events.base import Posting
from exchange.events.types import Outcome
from exchange.terms.words import FEES, FIRST_USER
from tests.property.flows import flow
from tests.property.invariants import check_invariants

SOUND = 200
"""Flows whose every state is looked at."""

WANTED = 20
"""In so many states each fault has to be planted."""


def planted(fault: Callable[[State], bool], seeds: range) -> Iterator[State]:
    """The state of each flow, somewhere on its way, in which there was a place for the fault."""
    for seed in seeds:
        machine = Machine()
        for number, entry in enumerate(flow(seed)):
            machine.step(entry)
            if number >= seed % 40:
                assert unsound(machine.state) == ""
                if fault(machine.state):
                    yield machine.state
                    break


def test_no_state_that_the_rules_make_is_unsound_and_no_entry_unbalanced() -> None:
    looked = 0
    for seed in range(SOUND):
        machine = Machine()
        for entry in flow(seed):
            machine.step(entry)
            assert (unbalanced(machine.outcome), unsound(machine.state)) == ("", ""), f"seed {seed}"
            looked += 1
    assert looked > 50 * SOUND
    print(f"{looked} states")


# --- faults, each planted where there is a place for it --------------------------------------------------------------


def users(state: State) -> list[Account]:
    return [account for account in state.accounts.values() if account.id >= FIRST_USER]


def balances(state: State) -> list[Balance]:
    return [balance for account in users(state) for balance in account.balances.values()]


def bound_orders(state: State) -> list[Order]:
    """Those with a lock of their own."""
    return [
        order
        for order in state.orders.values()
        if order.special is None or (order.special.place != PENDING and order.special.bound)
    ]


def pairs(state: State) -> list[OrderList]:
    return [order_list for order_list in state.lists.values() if order_list.pair]


def money_from_nowhere(state: State) -> bool:
    for balance in balances(state):
        balance.available += 1
        return True
    return False


def money_gone_from_the_house(state: State) -> bool:
    for balance in state.accounts[FEES].balances.values():
        if balance.available > 0:
            balance.available -= 1
            return True
    return False


def a_debt(state: State) -> bool:
    """Somebody is below zero, and the sum is right."""
    for asset in state.assets:
        held = [account.balances[asset] for account in users(state) if asset in account.balances]
        if len(held) > 1:
            amount = held[0].available + 1
            held[0].available -= amount
            held[1].available += amount
            return True
    return False


def a_negative_lock(state: State) -> bool:
    for balance in balances(state):
        balance.available += balance.locked + 1
        balance.locked = -1
        return True
    return False


def a_lock_of_the_houses(state: State) -> bool:
    for balance in state.accounts[FEES].balances.values():
        if balance.available > 0:
            balance.available -= 1
            balance.locked += 1
            return True
    return False


def a_lock_without_an_order(state: State) -> bool:
    for balance in balances(state):
        if balance.available > 0:
            balance.available -= 1
            balance.locked += 1
            return True
    return False


def an_order_without_its_lock(state: State) -> bool:
    for balance in balances(state):
        if balance.locked > 0:
            balance.available += 1
            balance.locked -= 1
            return True
    return False


def an_order_forgotten(state: State) -> bool:
    for order in bound_orders(state):
        if order.special is None or order.special.order_list is None:
            del state.orders[order.id]
            return True
    return False


def an_order_of_more_than_was_locked(state: State) -> bool:
    for order in bound_orders(state):
        order.left += 1
        return True
    return False


def an_order_of_nothing(state: State) -> bool:
    for order in state.orders.values():
        order.left = 0
        return True
    return False


def an_order_at_another_price(state: State) -> bool:
    for order in bound_orders(state):
        if order.buy and order.ticks:
            order.ticks += 1
            return True
    return False


def an_order_nowhere(state: State) -> bool:
    for order in state.orders.values():
        if order.special is not None:
            order.special.place = NOWHERE
            return True
    return False


def a_lock_taken_for_pending(state: State) -> bool:
    for order in state.orders.values():
        special = order.special
        if special is not None and special.bound and special.place == TRIGGER and special.order_list is None:
            special.place = PENDING
            return True
    return False


def a_queued_order_taken_for_unbound(state: State) -> bool:
    for order in state.orders.values():
        if order.special is not None and order.special.place == QUEUED and order.special.bound:
            order.special.bound = False
            return True
    return False


def a_pair_that_binds_less(state: State) -> bool:
    for order_list in pairs(state):
        order_list.locked -= 1
        return True
    return False


def a_pair_taken_for_none(state: State) -> bool:
    for order_list in pairs(state):
        order_list.pair = False
        return True
    return False


def a_pair_of_one(state: State) -> bool:
    for order_list in pairs(state):
        order_list.orders[-1] = None
        return True
    return False


def a_withdrawal_forgotten(state: State) -> bool:
    for id in state.withdrawals:
        del state.withdrawals[id]
        return True
    return False


def a_withdrawal_of_more(state: State) -> bool:
    for withdrawal in state.withdrawals.values():
        withdrawal.amount += 1
        return True
    return False


def a_withdrawal_of_less_than_nothing(state: State) -> bool:
    for withdrawal in state.withdrawals.values():
        withdrawal.amount = -withdrawal.amount
        return True
    return False


def an_account_forgotten(state: State) -> bool:
    for account in users(state):
        if any(balance.locked for balance in account.balances.values()):
            del state.accounts[account.id]
            return True
    return False


def a_balance_forgotten(state: State) -> bool:
    for account in users(state):
        for asset, balance in account.balances.items():
            if balance.available + balance.locked:
                del account.balances[asset]
                return True
    return False


FAULTS: dict[Callable[[State], bool], str] = {
    money_from_nowhere: "sum to 1, not to 0",
    money_gone_from_the_house: "sum to -1, not to 0",
    a_debt: "below zero",
    a_negative_lock: "below zero",
    a_lock_of_the_houses: "binds nothing",
    a_lock_without_an_order: "locked; its orders, lists and withdrawals bind",
    an_order_without_its_lock: "locked; its orders, lists and withdrawals bind",
    an_order_forgotten: "locked; its orders, lists and withdrawals bind",
    an_order_of_more_than_was_locked: "locked; its orders, lists and withdrawals bind",
    an_order_of_nothing: "is open with 0 lots left",
    an_order_at_another_price: "locked; its orders, lists and withdrawals bind",
    an_order_nowhere: "stands nowhere",
    a_lock_taken_for_pending: "locked; its orders, lists and withdrawals bind",
    a_queued_order_taken_for_unbound: "locked; its orders, lists and withdrawals bind",
    a_pair_that_binds_less: "not ",
    a_pair_taken_for_none: "that it has not",
    a_pair_of_one: "pair of",
    a_withdrawal_forgotten: "locked; its orders, lists and withdrawals bind",
    a_withdrawal_of_more: "locked; its orders, lists and withdrawals bind",
    a_withdrawal_of_less_than_nothing: "is of -",
    an_account_forgotten: "not to 0",
    a_balance_forgotten: "not to 0",
}

SELDOM: dict[Callable[[State], bool], int] = {a_queued_order_taken_for_unbound: 2}
"""An order that waited for its price is queued for no longer than activations are more than a command's budget."""


@pytest.mark.parametrize("fault", list(FAULTS), ids=lambda fault: fault.__name__)
def test_a_fault_planted_in_a_state_is_found_and_told_with_amounts(fault: Callable[[State], bool]) -> None:
    wanted = SELDOM.get(fault, WANTED)
    told: Counter[str] = Counter()
    for state in planted(fault, range(400)):
        found = unsound(state)
        assert found, "the fault was not found"
        told[found] += 1
        if told.total() == wanted:
            break
    assert told.total() == wanted, f"planted only {told.total()} times"
    fitting = sum(count for text, count in told.items() if FAULTS[fault] in text)
    assert fitting > wanted // 2, told.most_common(3)
    assert all(any(letter.isdigit() for letter in text) for text in told if "nowhere" not in text)


def test_what_is_found_unsound_has_broken_the_tests_own_invariants_too() -> None:
    """Two tellings of one rule: where the one finds a fault in the money, so does the other."""
    for fault in (money_from_nowhere, a_debt, a_lock_without_an_order, a_withdrawal_forgotten):
        for state in planted(fault, range(20)):
            with pytest.raises(AssertionError):
                check_invariants(state)


@pytest.mark.parametrize("change", [-1, 1])
def test_an_entry_that_makes_or_destroys_money_is_told(change: int) -> None:
    changed = 0
    for seed in range(10):
        machine = Machine()
        for entry in flow(seed):
            machine.step(entry)
            postings = machine.outcome.postings
            for place, posting in enumerate(postings):
                other = Posting(posting.account, posting.asset, posting.available + change, posting.locked)
                faulty = Outcome(machine.outcome.events, [*postings[:place], other, *postings[place + 1 :]])
                assert unbalanced(faulty) == f"the postings of one entry sum to {change} {posting.asset}, not to 0"
                without = Outcome(machine.outcome.events, [*postings[:place], *postings[place + 1 :]])
                assert bool(unbalanced(without)) is (posting.available + posting.locked != 0)
                changed += 1
    assert changed > 500
