"""Whether the money adds up: told of one entry in no time, and of a whole state in a look at everything in it.

The rules keep money by construction; this looks at what came out, and shares with them only what an order binds. So a
rule that is wrong, a state that was changed under it, or memory that forgets shows here as an account, an asset and two
amounts that should be equal.

It must never change anything, nor raise: what it finds it says.
"""

from exchange.engine import funds
from exchange.engine.accounts import Account
from exchange.engine.book import Order
from exchange.engine.special import NOWHERE, PENDING, QUEUED, OrderList
from exchange.engine.state import State
from exchange.events.types import Outcome
from exchange.terms.words import FEES, FIRST_USER, OUTSIDE

Holding = tuple[int, str]
"""An account's number and an asset."""


def unbalanced(outcome: Outcome) -> str:
    """The first asset, in words, of which one command made or destroyed some; empty when its postings, those of the
    house and of the outside world included, sum to zero for each asset."""
    sums: dict[str, int] = {}
    for posting in outcome.postings:
        sums[posting.asset] = sums.get(posting.asset, 0) + posting.available + posting.locked
    for asset, total in sums.items():
        if total != 0:
            return f"the postings of one entry sum to {total} {asset}, not to 0"
    return ""


def unsound(state: State) -> str:
    """The first breach in words, with account, asset and amounts in smallest units; empty when the state is sound.

    Sound: for each asset all balances, fees and the outside world included, sum to zero; nobody but the outside world
    is below zero, and the house has nothing locked; and what a user has locked is what their open orders, order lists
    (of a pair the larger) and pending withdrawals bind.
    """
    sums: dict[str, int] = {}
    for account in state.accounts.values():
        for asset, balance in account.balances.items():
            sums[asset] = sums.get(asset, 0) + balance.available + balance.locked
            if account.id != OUTSIDE and (balance.available < 0 or balance.locked < 0):
                return f"{_named(account)} holds {balance.available} + {balance.locked} locked {asset}: below zero"
            if account.id < FIRST_USER and balance.locked != 0:
                return f"{_named(account)} has {balance.locked} {asset} locked, and binds nothing"
    for asset, total in sums.items():
        if total != 0:
            return f"all balances of {asset} sum to {total}, not to 0"
    bound: dict[Holding, int] = {}
    for order in state.orders.values():
        breach = _bind(bound, order)
        if breach:
            return breach
    for order_list in state.lists.values():
        breach = _bind_pair(bound, order_list)
        if breach:
            return breach
    for withdrawal in state.withdrawals.values():
        if withdrawal.amount <= 0:
            return f"withdrawal {withdrawal.id} is of {withdrawal.amount} {withdrawal.asset}"
        _add(bound, withdrawal.account, withdrawal.asset, withdrawal.amount)
    return _compare(state, bound)


def _bind(bound: dict[Holding, int], order: Order) -> str:
    """Add what an order binds by itself: nothing while it is pending, called by its list, or one of a pair."""
    if order.left <= 0:
        return f"order {order.id} is open with {order.left} lots left"
    special = order.special
    if special is not None:
        if special.place == NOWHERE:
            return f"order {order.id} is open and stands nowhere"
        if special.order_list is not None and special.order_list.pair:
            if special.order_list.partner(order) is not None:
                return ""
            return f"order {order.id} is a pair of one"
        if special.place == PENDING or (special.place == QUEUED and not special.bound):
            return ""
    market = order.seat.market
    _add(bound, order.seat.account.id, market.quote if order.buy else market.base, funds.locks(order, order.left))
    return ""


def _bind_pair(bound: dict[Holding, int], order_list: OrderList) -> str:
    """Add what a list's pair binds."""
    if not order_list.pair:
        if order_list.locked != 0:
            return f"list {order_list.id} binds {order_list.locked} for a pair that it has not"
        return ""
    pair = [order for order in order_list.orders[-2:] if order is not None]
    if len(pair) != 2:
        return f"list {order_list.id} has a pair of {len(pair)}"
    first = pair[0]
    market = first.seat.market
    asset = market.quote if first.buy else market.base
    amount = funds.pair_locks(first, pair[1])
    if amount != order_list.locked:
        return f"list {order_list.id} of account {order_list.account} binds {order_list.locked} {asset}, not {amount}"
    _add(bound, order_list.account, asset, amount)
    return ""


def _add(bound: dict[Holding, int], account: int, asset: str, amount: int) -> None:
    holding = (account, asset)
    bound[holding] = bound.get(holding, 0) + amount


def _compare(state: State, bound: dict[Holding, int]) -> str:
    """What is locked is what is bound, both ways."""
    for account in state.accounts.values():
        if account.id < FIRST_USER:
            continue
        for asset, balance in account.balances.items():
            amount = bound.pop((account.id, asset), 0)
            if amount != balance.locked:
                return (
                    f"{_named(account)} has {balance.locked} {asset} locked; "
                    f"its orders, lists and withdrawals bind {amount}"
                )
    for (id, asset), amount in bound.items():
        if amount != 0:
            return f"account {id} binds {amount} {asset}, and has none of it"
    return ""


def _named(account: Account) -> str:
    if account.id == FEES:
        return "the house's fee account"
    return f"account {account.id}"
