"""The whole state: everything that a snapshot holds, and nothing else.

`Step` is not state: it is the outcome that the command at hand is building.
"""

from collections import deque

from exchange.engine.accounts import Account, Postings, Remembered
from exchange.engine.book import Market, Order
from exchange.events.types import Event
from exchange.terms.codes import Code, Refused
from exchange.terms.stream import START, StreamId
from exchange.terms.words import FEES, FIRST_USER, OUTSIDE


class Asset:
    """An asset; its smallest unit is `10**-decimals` of a whole one."""

    def __init__(self, name: str, decimals: int) -> None:
        self.name = name
        self.decimals = decimals


class Withdrawal:
    """Money that is reserved to leave."""

    def __init__(self, id: int, account: int, asset: str, amount: int) -> None:
        self.id = id
        self.account = account
        self.asset = asset
        self.amount = amount


class State:
    """Assets, markets, accounts, open orders, pending withdrawals, counters, and what is remembered of results.

    `remembered` holds the first results in the order of their time, for the sweep; the accounts hold the same by name.
    """

    def __init__(self) -> None:
        self.log_id = ""
        self.rules = 0
        self.dedup_window_ms = 0
        self.assets: dict[str, Asset] = {}
        self.markets: dict[str, Market] = {}
        self.accounts: dict[int, Account] = {
            OUTSIDE: Account(OUTSIDE, "outside"),
            FEES: Account(FEES, "fees"),
        }
        self.refs: dict[str, int] = {"outside": OUTSIDE, "fees": FEES}
        self.orders: dict[int, Order] = {}
        self.withdrawals: dict[int, Withdrawal] = {}
        self.remembered: deque[Remembered] = deque()
        self.next_account = FIRST_USER
        self.next_order = 1
        self.next_trade = 1
        self.next_withdrawal = 1

    def user(self, id: int) -> Account:
        """A user's account.

        Raises:
            Refused: there is none, or it is the house's.
        """
        account = self.accounts.get(id)
        if account is None:
            raise Refused(Code.UNKNOWN_ACCOUNT, "account")
        if id < FIRST_USER:
            raise Refused(Code.HOUSE_ACCOUNT, "account")
        return account

    def market(self, name: str) -> Market:
        """A market.

        Raises:
            Refused: there is none of that name.
        """
        market = self.markets.get(name)
        if market is None:
            raise Refused(Code.UNKNOWN_MARKET, "market")
        return market


class Step:
    """What the command at hand has brought about so far."""

    def __init__(self) -> None:
        self.id: StreamId = START
        self.events: list[Event] = []
        self.postings = Postings()

    def begin(self, id: StreamId) -> None:
        """Start on the next command."""
        self.id = id
        self.events = []

    def emit(self, event: Event) -> None:
        """Something happened."""
        self.events.append(event)

    def untouched(self) -> bool:
        """Whether a refusal would still leave everything as it was."""
        return not self.events and self.postings.empty()
