"""The whole state: everything that a snapshot holds, and nothing else.

`Step` is not state: it is the outcome that the command at hand is building.
"""

from collections import deque
from heapq import heapify, heappush
from typing import Final

from exchange.commands.types import Tier
from exchange.engine.accounts import Account, Postings, Remembered
from exchange.engine.book import Order, Seat
from exchange.engine.market import Market
from exchange.engine.special import OrderList
from exchange.engine.volumes import DAY_MS
from exchange.events.base import Event
from exchange.terms.codes import Code, Refused
from exchange.terms.words import FEES, FIRST_USER, OPEN, OUTSIDE

BUDGET: Final = 1_000
"""How many orders end by themselves or are activated at one command."""

_TIDY: Final = 1_000
"""The heap of timers is tidied when it is longer than this and mostly about orders that are gone."""


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
    """Assets, markets, accounts, open orders and lists, pending withdrawals, counters, and what is remembered of
    results.

    `remembered` holds the first results in the order of their time, for the sweep; the accounts hold the same by name.
    `timers` and `switches` are heaps of what is due when: `(ms, order)` and `(ms, account)`; entries that an order or
    account has no more are passed over. `unfinished` are the markets with activations or an uncrossing left to do.
    """

    def __init__(self) -> None:
        self.log_id = ""
        self.rules = 0
        self.dedup_window_ms = 0
        self.dedup_names = 0
        self.assets: dict[str, Asset] = {}
        self.markets: dict[str, Market] = {}
        self.accounts: dict[int, Account] = {
            OUTSIDE: Account(OUTSIDE, "outside"),
            FEES: Account(FEES, "fees"),
        }
        self.refs: dict[str, int] = {"outside": OUTSIDE, "fees": FEES}
        self.tiers: dict[str, list[Tier]] = {}
        self.orders: dict[int, Order] = {}
        self.lists: dict[int, OrderList] = {}
        self.withdrawals: dict[int, Withdrawal] = {}
        self.remembered: deque[Remembered] = deque()
        self.timers: list[tuple[int, int]] = []
        self.switches: list[tuple[int, int]] = []
        self.unfinished: dict[str, Market] = {}
        self.next_account = FIRST_USER
        self.next_order = 1
        self.next_trade = 1
        self.next_withdrawal = 1
        self.next_list = 1
        self.next_prevented = 1

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

    def seat(self, account: Account, market: Market) -> Seat:
        """An account's seat in a market, made when there is none yet."""
        seat = account.seats.get(market.name)
        if seat is None:
            seat = Seat(account, market)
            account.seats[market.name] = seat
        return seat

    def expire_at(self, ms: int, order: int) -> None:
        """Note when an order expires."""
        timers = self.timers
        if len(timers) > _TIDY and len(timers) > 2 * len(self.orders):
            timers[:] = [timer for timer in timers if timer[1] in self.orders]
            heapify(timers)
        heappush(timers, (ms, order))

    def due_ms(self) -> int:
        """When the next thing is due, in milliseconds of stream time: zero when work is left to do, −1 for never.

        It may be early, when the order that was due has gone meanwhile.
        """
        for market in self.unfinished.values():
            if market.uncrossing is not None or market.status == OPEN:
                return 0
        due = -1
        if self.timers:
            due = self.timers[0][0]
        if self.switches and (due < 0 or self.switches[0][0] < due):
            due = self.switches[0][0]
        return due


class Step:
    """What the command at hand has brought about so far.

    `budget` is how much may still happen by itself, `expiring` that more is due than that, `markets` where it traded or
    queued something.
    """

    def __init__(self) -> None:
        self.ms = 0
        self.seq = 0
        self.day = 0
        self.events: list[Event] = []
        self.postings = Postings()
        self.budget = BUDGET
        self.expiring = False
        self.markets: list[Market] = []

    def begin(self, ms: int, seq: int) -> None:
        """Start on the next command."""
        self.ms = ms
        self.seq = seq
        self.day = ms // DAY_MS
        self.events = []
        self.budget = BUDGET
        self.expiring = False
        if self.markets:
            self.markets = []

    def emit(self, event: Event) -> None:
        """Something happened."""
        self.events.append(event)

    def touch(self, market: Market) -> None:
        """Something was traded or queued in a market: look at it again when the command is done."""
        if not market.traded:
            market.traded = True
            self.markets.append(market)
