"""Accounts, balances, and the postings of the command at hand.

The one idea: balances change only through `Postings`, which remembers each balance's value before the command, so that
the entry's balance changes are what really happened rather than a second telling of it.
"""

from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

from exchange.engine.volumes import Volume
from exchange.events.base import Posting
from exchange.terms.words import NONE, OPEN, AccountStatus, SelfTrade

if TYPE_CHECKING:
    from exchange.engine.book import Seat


@mypyc_attr(acyclic=True)
class Balance:
    """What one account holds of one asset, in smallest units: free (`available`) and bound (`locked`).

    `locked` is always the sum of what the account's open orders, order lists and pending withdrawals bind.
    """

    def __init__(self, account: int, asset: str) -> None:
        self.account = account
        self.asset = asset
        self.available = 0
        self.locked = 0
        self.available_before = 0
        self.locked_before = 0
        self.touched = False


ORDER: Final = 0
LIST: Final = 1
DEPOSIT: Final = 2
WITHDRAWAL: Final = 3
TRANSFER: Final = 4
_KINDS: Final = 5


@mypyc_attr(acyclic=True)
class Remembered:
    """A command's first result, kept so that its repetition finds it.

    There are as many as there are open orders and more, so it is small: `owner` is the account's number and the kind in
    one, and nothing in it points back. `name` is the client order id or transfer reference, `ms` and `seq` the first
    command's id, `order` the order it opened (or, of a list, the negative of its number), or zero. `swept` means that
    it would be forgotten but for the open order that keeps it.
    """

    def __init__(self, account: int, kind: int, name: str, ms: int, seq: int) -> None:
        self.owner = account * _KINDS + kind
        self.name = name
        self.ms = ms
        self.seq = seq
        self.order = 0
        self.swept = False

    def account(self) -> int:
        """Whose it is."""
        return self.owner // _KINDS

    def kind(self) -> int:
        """What was named: ORDER, LIST, DEPOSIT, WITHDRAWAL or TRANSFER."""
        return self.owner % _KINDS


class Account:
    """A holder of balances.

    `orders`, `lists`, `deposits`, `withdrawals` and `transfers` hold the remembered first results by the client's own
    id; `seats` what the account has in each market, `volumes` what it traded in markets of each quote asset. `group` is
    its trade group, `switch_ms` when its dead man's switch fires; zero is none.
    """

    def __init__(self, id: int, ref: str) -> None:
        self.id = id
        self.ref = ref
        self.status: AccountStatus = OPEN
        self.stp: SelfTrade = NONE
        self.group = 0
        self.switch_ms = 0
        self.balances: dict[str, Balance] = {}
        self.seats: dict[str, Seat] = {}
        self.volumes: dict[str, Volume] = {}
        self.orders: dict[str, Remembered] = {}
        self.lists: dict[str, Remembered] = {}
        self.deposits: dict[str, Remembered] = {}
        self.withdrawals: dict[str, Remembered] = {}
        self.transfers: dict[str, Remembered] = {}

    def names(self, kind: int) -> dict[str, Remembered]:
        """The remembered results of one kind, by name."""
        if kind == ORDER:
            return self.orders
        if kind == LIST:
            return self.lists
        if kind == DEPOSIT:
            return self.deposits
        return self.withdrawals if kind == WITHDRAWAL else self.transfers

    def balance(self, asset: str) -> Balance:
        """The balance of an asset, made when there is none yet."""
        found = self.balances.get(asset)
        if found is None:
            found = Balance(self.id, asset)
            self.balances[asset] = found
        return found

    def volume(self, asset: str) -> Volume:
        """What was traded in markets quoted in an asset, made when there is none yet."""
        found = self.volumes.get(asset)
        if found is None:
            found = Volume()
            self.volumes[asset] = found
        return found

    def available(self, asset: str) -> int:
        """What is free of an asset."""
        found = self.balances.get(asset)
        return 0 if found is None else found.available

    def total(self, asset: str) -> int:
        """What is held of an asset, free or bound."""
        found = self.balances.get(asset)
        return 0 if found is None else found.available + found.locked


class Postings:
    """The balance changes of one command."""

    def __init__(self) -> None:
        self._touched: list[Balance] = []

    def _touch(self, balance: Balance) -> None:
        balance.touched = True
        balance.available_before = balance.available
        balance.locked_before = balance.locked
        self._touched.append(balance)

    def available(self, balance: Balance, change: int) -> None:
        """Change what is free."""
        if not balance.touched:
            self._touch(balance)
        balance.available += change

    def locked(self, balance: Balance, change: int) -> None:
        """Change what is bound."""
        if not balance.touched:
            self._touch(balance)
        balance.locked += change

    def lock(self, balance: Balance, amount: int) -> None:
        """Bind what was free (or, with a negative amount, free what was bound)."""
        if not balance.touched:
            self._touch(balance)
        balance.available -= amount
        balance.locked += amount

    def touched(self) -> int:
        """How many balances have been touched."""
        return len(self._touched)

    def take(self) -> list[Posting]:
        """The net changes in order of first touch, those without a change left out; the next command starts afresh."""
        postings: list[Posting] = []
        for balance in self._touched:
            balance.touched = False
            available = balance.available - balance.available_before
            locked = balance.locked - balance.locked_before
            if available != 0 or locked != 0:
                postings.append(Posting(balance.account, balance.asset, available, locked))
        self._touched.clear()
        return postings
