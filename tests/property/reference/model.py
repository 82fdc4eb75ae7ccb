"""What there is, and what can be asked about it, worked out anew each time it is asked.

A balance is the sum of every transfer ever made less what the open orders and pending withdrawals lock; a book is the
open orders that rest in a market, sorted; an account's volume is the sum over its trades. Prices and quantities stay in
smallest units, and a notional is an exact fraction.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from exchange.commands.types import Limits, Place
from exchange.events.types import Event
from exchange.terms.codes import Code, Refused
from exchange.terms.instructions import Instructions
from exchange.terms.stream import StreamId
from exchange.terms.words import (
    CONDITIONAL,
    FEES,
    FIRST_USER,
    OUTSIDE,
    AccountStatus,
    ListKind,
    MarketStatus,
    OrderType,
    SelfTrade,
    Side,
    TimeInForce,
)

Holding = tuple[int, str]
"""Whose balance, in which asset."""

Standing = Literal["acting", "resting", "waiting", "pending", "triggered", "called", "ended"]
"""Where an accepted order is: matching just now; on the book; waiting for a price; waiting for its list; in the
market's queue of activations, by its price or by its list; nowhere any more. The first and the last are not open."""

DUE_AT_ONCE = 1_000
"""The most order ends and activations of one command."""


@dataclass
class Account:
    ref: str
    status: AccountStatus = "open"
    stp: SelfTrade = "none"
    group: int = 0
    switch_ms: int = 0


@dataclass
class Uncrossing:
    """A call auction that has its price and is being traded out."""

    price: int
    status: MarketStatus
    by: str
    traded: int = 0


@dataclass
class Market:
    name: str
    base: str
    quote: str
    base_decimals: int
    tick_size: int
    lot_size: int
    min_notional: int
    maker_fee: int
    taker_fee: int
    status: MarketStatus = "open"
    seq: int = 0
    own_fees: bool = False
    limits: Limits = field(default_factory=Limits)
    last: int = 0
    """The last price; 0: none yet."""
    traded_at: int = 0
    """The price of the last trade of the command or activation that is going on; 0: none."""
    looked_at: bool = True
    """Whether the conditional orders have seen the last price."""
    queue: list[list["Order"]] = field(default_factory=list)
    uncrossing: Uncrossing | None = None

    def notional(self, price: int, quantity: int) -> int:
        """What `quantity` costs at `price`, in quote units; it must come out even."""
        exact = Fraction(price * quantity, 10**self.base_decimals)
        assert exact.denominator == 1, "a market was let in whose notionals are not exact"
        return exact.numerator

    def lots_for(self, price: int, amount: int) -> int:
        """The most base, in whole lots, that costs no more than `amount` at `price`."""
        return amount // self.notional(price, self.lot_size) * self.lot_size

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq

    @property
    def reference(self) -> int:
        """What bands are multiples of; 0: nothing."""
        return self.last or self.limits.reference


@dataclass(eq=False)
class Order:
    id: int
    account: int
    market: Market
    side: Side
    type: OrderType
    tif: TimeInForce
    price: int
    quantity: int
    amount: int
    client_id: str
    given: Instructions
    stp: SelfTrade
    maker_fee: int
    taker_fee: int
    left: int
    prevented: int = 0
    standing: Standing = "acting"
    shown: int = 0
    turn: int = 0
    """When it joined its level: smaller is earlier."""
    activated: bool = False
    """Whether its price has come and it acts as the type it turned into."""
    trigger_price: int = 0
    """What a buy without a price expects to pay when it is triggered: it is locked by that."""
    tracking: bool = False
    tracked: int = 0
    """The lowest (buy) or highest (sell) price since tracking began; 0: none yet."""
    list: "OrderList | None" = None

    @property
    def place(self) -> Place:
        """The command that would place what is left of it."""
        return Place(
            self.account,
            self.market.name,
            self.side,
            self.type,
            self.tif,
            self.price,
            self.left,
            self.amount,
            self.client_id,
            self.given,
        )

    @property
    def hidden(self) -> int:
        return self.left - self.shown

    @property
    def open(self) -> bool:
        return self.standing not in ("acting", "ended")

    @property
    def given_by_amount(self) -> bool:
        return self.quantity == 0

    @property
    def conditional(self) -> bool:
        """Whether it has still to be triggered."""
        return self.type in CONDITIONAL and not self.activated

    @property
    def trailing(self) -> bool:
        return bool(self.given.trailing_bps or self.given.trailing_amount)


@dataclass(eq=False)
class OrderList:
    id: int
    account: int
    market: Market
    kind: ListKind
    client_id: str
    members: list[Order]

    @property
    def working(self) -> Order | None:
        """The order whose filling calls the others."""
        return None if self.kind == "oco" else self.members[0]

    def mate(self, order: Order) -> Order | None:
        """The other of a one-cancels-the-other pair, if it has not ended."""
        pair = self.members if self.kind == "oco" else self.members[1:] if self.kind == "otoco" else []
        if order not in pair:
            return None
        other = pair[1 - pair.index(order)]
        return None if other.standing == "ended" else other


@dataclass
class Withdrawal:
    id: int
    account: int
    asset: str
    amount: int
    pending: bool = True


@dataclass
class Result:
    """A command's first result, named so that a repetition is known. `fresh`: neither window nor number has passed."""

    kind: str
    account: int
    name: str
    id: StreamId
    opened: Order | OrderList | None = None
    fresh: bool = True


@dataclass
class World:
    """Everything, and the command that is being worked on: its id, the events so far, what is left of its bound."""

    log_id: str = ""
    rules: int = 0
    dedup_window_ms: int = 0
    dedup_names: int = 0
    assets: dict[str, int] = field(default_factory=dict)
    markets: dict[str, Market] = field(default_factory=dict)
    tiers: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)
    accounts: dict[int, Account] = field(
        default_factory=lambda: {OUTSIDE: Account("outside"), FEES: Account("fees")},
    )
    orders: list[Order] = field(default_factory=list)
    lists: list[OrderList] = field(default_factory=list)
    withdrawals: list[Withdrawal] = field(default_factory=list)
    totals: dict[Holding, int] = field(default_factory=dict)
    volumes: list[tuple[int, str, int, int]] = field(default_factory=list)
    """Account, quote asset, day, notional of each trade that counts."""
    results: list[Result] = field(default_factory=list)
    orders_accepted: int = 0
    lists_opened: int = 0
    trades_made: int = 0
    matches_prevented: int = 0
    turns: int = 0

    told: dict[Holding, tuple[int, int]] = field(default_factory=dict)
    """The balances after the last command."""

    id: StreamId = (0, 0)
    events: list[Event] = field(default_factory=list)
    budget: int = 0
    """How many order ends and activations the command may still make."""
    ended: int = 0
    """How many open orders have been ended in this command by anything but trading."""
    expiring: bool = False

    # --- what can be asked -------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return self.id[0]

    def user(self, account: int) -> Account:
        if account not in self.accounts:
            raise Refused(Code.UNKNOWN_ACCOUNT, "account")
        if account < FIRST_USER:
            raise Refused(Code.HOUSE_ACCOUNT, "account")
        return self.accounts[account]

    def market(self, name: str) -> Market:
        if name not in self.markets:
            raise Refused(Code.UNKNOWN_MARKET, "market")
        return self.markets[name]

    def by_name(self) -> list[Market]:
        return [self.markets[name] for name in sorted(self.markets)]

    def open_orders(self, account: int | None = None, market: Market | None = None) -> list[Order]:
        """Oldest id first."""
        found = [
            order
            for order in self.orders
            if (account is None or order.account == account) and (market is None or order.market is market)
        ]
        return sorted(found, key=lambda order: order.id)

    def book(self, market: Market, side: Side) -> list[Order]:
        """The resting orders of a side, first to trade first: best price, then longest there."""
        sign = -1 if side == "buy" else 1
        orders = [o for o in self.orders if o.standing == "resting" and o.market is market and o.side == side]
        return sorted(orders, key=lambda order: (sign * order.price, order.turn))

    def crossed(self, market: Market) -> bool:
        bids, asks = self.book(market, "buy"), self.book(market, "sell")
        return bool(bids and asks) and bids[0].price >= asks[0].price

    def same_owner(self, one: int, other: int) -> bool:
        """Whether two accounts' orders count as one's own to each other."""
        group = self.accounts[one].group
        return one == other or (group != 0 and group == self.accounts[other].group)

    def total(self, account: int, asset: str) -> int:
        return self.totals.get((account, asset), 0)

    def available(self, account: int, asset: str) -> int:
        return self.total(account, asset) - self.locks(account).get((account, asset), 0)

    def locks(self, account: int | None = None) -> dict[Holding, int]:
        """What is locked, of one account or of all. Of a pair it is the larger of the two."""
        locks: dict[Holding, int] = {}
        for order in self.orders:
            if account is not None and order.account != account:
                continue
            asset, amount = lock(order)
            mate = order.list.mate(order) if order.list else None
            if mate is not None:
                other = lock(mate)[1]
                if other > amount or (other == amount and mate.id < order.id):
                    continue
            locks[order.account, asset] = locks.get((order.account, asset), 0) + amount
        for withdrawal in self.withdrawals:
            if withdrawal.pending and account in (None, withdrawal.account):
                holding = (withdrawal.account, withdrawal.asset)
                locks[holding] = locks.get(holding, 0) + withdrawal.amount
        return {holding: amount for holding, amount in locks.items() if amount}

    def balances(self) -> dict[Holding, tuple[int, int]]:
        """Available and locked of every account and asset that is not all zero."""
        locks = self.locks()
        found = {
            holding: (self.totals.get(holding, 0) - locks.get(holding, 0), locks.get(holding, 0))
            for holding in self.totals.keys() | locks.keys()
        }
        return {holding: parts for holding, parts in found.items() if parts != (0, 0)}

    # --- what everything else is made of -----------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        self.events.append(event)

    def transfer(self, payer: int, payee: int, asset: str, amount: int) -> None:
        self.totals[payer, asset] = self.total(payer, asset) - amount
        self.totals[payee, asset] = self.total(payee, asset) + amount

    def join_level(self, order: Order) -> None:
        """The order, or its next slice, takes the last place of its level."""
        self.turns += 1
        order.turn = self.turns

    def leave(self, order: Order, standing: Standing) -> None:
        """The order is no longer where it stood: on the book, waiting or in a queue."""
        if order in self.orders:
            self.orders.remove(order)
        queue = order.market.queue
        order.market.queue = [rest for item in queue if (rest := [member for member in item if member is not order])]
        order.standing = standing

    def stand(self, order: Order, standing: Standing) -> None:
        order.standing = standing
        if order not in self.orders:
            self.orders.append(order)


def other(side: Side) -> Side:
    return "sell" if side == "buy" else "buy"


def reaches(side: Side, price: int, resting_price: int) -> bool:
    """Whether an order of this side and limit may trade at a resting order's price."""
    return resting_price <= price if side == "buy" else resting_price >= price


def lock(order: Order) -> tuple[str, int]:
    """What an order locks, the other of a pair apart. One that waits for its list, or was called by it, locks
    nothing."""
    market = order.market
    asset = market.quote if order.side == "buy" else market.base
    if order.standing in ("pending", "called"):
        return asset, 0
    if order.side == "sell":
        return asset, order.left
    return asset, market.notional(order.price or order.trigger_price, order.left)
