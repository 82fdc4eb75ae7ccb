"""The reference: what the exchange must answer, worked out in the slowest and plainest way.

It is written from the documents and the two vocabularies and shares no idea with the engine: nothing is kept that can
be worked out again. A balance is the sum of every transfer ever made less what the open orders and pending withdrawals
lock; the best counter-order is found by sorting the whole book; an entry's postings are the difference between the
balances after and before it. Prices and quantities stay in smallest units, and a notional is an exact fraction.

It must never import the engine: where the two differ, one of them is wrong, and a person decides which. Where the
documents leave something open, it says what has been decided: accounts below 100 that were never made are unknown, not
the house's; the references `outside` and `fees` are taken; a reduction to more lots than any order may have is out of
range before it is no reduction; in a halted market the field at fault is the one that named the order; of an order that
would take in a post-only market it is the price, or the order type when it has none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from exchange.commands.types import (
    RULES,
    Amend,
    Cancel,
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    OpenAccount,
    OpenLog,
    Place,
    ReleaseWithdrawal,
    SetMarketFees,
    SetMarketStatus,
    SettleWithdrawal,
    Withdraw,
)
from exchange.events.types import (
    Accepted,
    AccountOpened,
    Amended,
    AssetCreated,
    Canceled,
    Deposited,
    Done,
    Duplicate,
    Event,
    LogOpened,
    MarketCreated,
    MarketFeesSet,
    MarketStatusSet,
    Outcome,
    Posting,
    Rejected,
    Rested,
    Trade,
    WithdrawalReleased,
    WithdrawalReserved,
    WithdrawalSettled,
)
from exchange.terms.amounts import FEE_SCALE, MAX_AMOUNT, MAX_COUNT
from exchange.terms.codes import Code, Refused
from exchange.terms.stream import StreamId, format_id
from exchange.terms.words import FEES, FIRST_USER, OUTSIDE, MarketStatus, Side

Holding = tuple[int, str]
"""Whose balance, in which asset."""

Key = tuple[str, int, str]
"""What a retry is recognised by: the kind of command, the account, its client order id or transfer reference."""


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

    def notional(self, price: int, quantity: int) -> int:
        """What `quantity` costs at `price`, in quote units; it must come out even."""
        exact = Fraction(price * quantity, 10**self.base_decimals)
        assert exact.denominator == 1, "a market was let in whose notionals are not exact"
        return exact.numerator

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq


@dataclass
class Order:
    id: int
    account: int
    market: Market
    side: Side
    price: int
    quantity: int
    left: int
    client_id: str
    maker_fee: int


@dataclass
class Withdrawal:
    id: int
    account: int
    asset: str
    amount: int
    pending: bool = True


@dataclass
class Reference:
    """The whole exchange, from an unopened log; `apply` takes one command after the other, in stream order."""

    opened: OpenLog | None = None
    assets: dict[str, int] = field(default_factory=dict)
    markets: dict[str, Market] = field(default_factory=dict)
    accounts: dict[int, str] = field(default_factory=lambda: {OUTSIDE: "outside", FEES: "fees"})
    resting: list[Order] = field(default_factory=list)
    withdrawals: list[Withdrawal] = field(default_factory=list)
    transfers: list[tuple[int, str, int]] = field(default_factory=list)
    results: list[tuple[Key, StreamId]] = field(default_factory=list)
    orders_accepted: int = 0
    trades_made: int = 0

    # --- what can be asked -------------------------------------------------------------------------------------------

    def balances(self) -> dict[Holding, tuple[int, int]]:
        """Available and locked of every account and asset that is not all zero."""
        totals: dict[Holding, int] = {}
        for account, asset, amount in self.transfers:
            totals[account, asset] = totals.get((account, asset), 0) + amount
        locks: dict[Holding, int] = {}
        for order in self.resting:
            asset, amount = _lock(order.market, order.side, order.price, order.left)
            locks[order.account, asset] = locks.get((order.account, asset), 0) + amount
        for withdrawal in self.withdrawals:
            if withdrawal.pending:
                holding = (withdrawal.account, withdrawal.asset)
                locks[holding] = locks.get(holding, 0) + withdrawal.amount
        found = {
            holding: (totals.get(holding, 0) - locks.get(holding, 0), locks.get(holding, 0))
            for holding in totals.keys() | locks.keys()
        }
        return {holding: parts for holding, parts in found.items() if parts != (0, 0)}

    def book(self, market: str, side: Side) -> list[Order]:
        """The resting orders of a side, first to trade first: best price, then oldest."""
        sign = -1 if side == "buy" else 1
        orders = [order for order in self.resting if order.market.name == market and order.side == side]
        return sorted(orders, key=lambda order: (sign * order.price, order.id))

    # --- one command -------------------------------------------------------------------------------------------------

    def apply(self, id: StreamId, command: Command | Refused) -> Outcome:
        """The outcome of the command at `id`; a `Refused` stands for an entry that could not be read."""
        before = self.balances()
        try:
            events = self._events(id, command)
        except Refused as refused:
            events = [Rejected(refused.code, refused.field)]
        after = self.balances()
        postings = []
        for account, asset in sorted(before.keys() | after.keys()):
            was = before.get((account, asset), (0, 0))
            now = after.get((account, asset), (0, 0))
            if was != now:
                postings.append(Posting(account, asset, now[0] - was[0], now[1] - was[1]))
        return Outcome(events, postings)

    def _events(self, id: StreamId, command: Command | Refused) -> list[Event]:
        if isinstance(command, Refused):
            raise command
        if isinstance(command, OpenLog):
            return self._open_log(command)
        if self.opened is None:
            raise Refused(Code.LOG_NOT_OPEN)
        if isinstance(command, Place):
            return self._once(id, ("order", command.account, command.client_id), lambda: self._place(command))
        if isinstance(command, Deposit):
            return self._once(id, ("deposit", command.account, command.ref), lambda: self._deposit(command))
        if isinstance(command, Withdraw):
            return self._once(id, ("withdraw", command.account, command.ref), lambda: self._withdraw(command))
        if isinstance(command, Cancel):
            return self._cancel(command)
        if isinstance(command, Amend):
            return self._amend(command)
        if isinstance(command, (SettleWithdrawal, ReleaseWithdrawal)):
            return self._finish_withdrawal(command)
        if isinstance(command, OpenAccount):
            return self._open_account(command)
        if isinstance(command, CreateAsset):
            return self._create_asset(command)
        if isinstance(command, CreateMarket):
            return self._create_market(command)
        if isinstance(command, SetMarketStatus):
            self._market(command.market).status = command.status
            return [MarketStatusSet(command.market, command.status)]
        assert isinstance(command, SetMarketFees)
        market = self._market(command.market)
        market.maker_fee, market.taker_fee = command.maker_fee, command.taker_fee
        return [MarketFeesSet(command.market, command.maker_fee, command.taker_fee)]

    def _once(self, id: StreamId, key: Key, result: Callable[[], list[Event]]) -> list[Event]:
        """Give the result, and remember where it stands; or point to the one that is remembered."""
        self._user(key[1])
        if key[2] == "":
            return result()
        assert self.opened is not None
        open_ids = [("order", order.account, order.client_id) for order in self.resting]
        for remembered, first in reversed(self.results):
            if remembered == key and (id[0] - first[0] <= self.opened.dedup_window_ms or key in open_ids):
                return [Duplicate(format_id(first))]
        self.results.append((key, id))
        return result()

    # --- the log, assets, markets, accounts --------------------------------------------------------------------------

    def _open_log(self, command: OpenLog) -> list[Event]:
        if self.opened is not None:
            raise Refused(Code.LOG_ALREADY_OPEN)
        if command.rules != RULES:
            raise Refused(Code.UNKNOWN_RULES, "rules")
        self.opened = command
        return [LogOpened(command.log_id, command.rules, command.dedup_window_ms)]

    def _create_asset(self, command: CreateAsset) -> list[Event]:
        if command.asset in self.assets:
            raise Refused(Code.ASSET_EXISTS, "asset")
        self.assets[command.asset] = command.decimals
        return [AssetCreated(command.asset, command.decimals)]

    def _create_market(self, command: CreateMarket) -> list[Event]:
        if command.market in self.markets:
            raise Refused(Code.MARKET_EXISTS, "market")
        base, quote = command.market.split("-")
        if base not in self.assets or quote not in self.assets:
            raise Refused(Code.UNKNOWN_ASSET, "market")
        if base == quote:
            raise Refused(Code.INVALID_FIELD, "market")
        if command.tick_size == 0:
            raise Refused(Code.NOT_POSITIVE, "tick_size")
        if command.lot_size == 0:
            raise Refused(Code.NOT_POSITIVE, "lot_size")
        if Fraction(command.tick_size * command.lot_size, 10 ** self.assets[base]).denominator != 1:
            raise Refused(Code.INEXACT_MARKET, "tick_size")
        self.markets[command.market] = Market(
            command.market,
            base,
            quote,
            self.assets[base],
            command.tick_size,
            command.lot_size,
            command.min_notional,
            command.maker_fee,
            command.taker_fee,
        )
        return [
            MarketCreated(
                command.market,
                command.tick_size,
                command.lot_size,
                command.min_notional,
                command.maker_fee,
                command.taker_fee,
            )
        ]

    def _open_account(self, command: OpenAccount) -> list[Event]:
        if command.ref in self.accounts.values():
            raise Refused(Code.ACCOUNT_EXISTS, "ref")
        account = max([FIRST_USER - 1, *self.accounts]) + 1
        self.accounts[account] = command.ref
        return [AccountOpened(account, command.ref)]

    def _user(self, account: int) -> None:
        if account not in self.accounts:
            raise Refused(Code.UNKNOWN_ACCOUNT, "account")
        if account < FIRST_USER:
            raise Refused(Code.HOUSE_ACCOUNT, "account")

    def _market(self, name: str) -> Market:
        if name not in self.markets:
            raise Refused(Code.UNKNOWN_MARKET, "market")
        return self.markets[name]

    # --- money in and out --------------------------------------------------------------------------------------------

    def _deposit(self, command: Deposit) -> list[Event]:
        self._check_transfer(command.asset, command.amount)
        available, locked = self.balances().get((command.account, command.asset), (0, 0))
        if available + locked + command.amount > MAX_AMOUNT:
            raise Refused(Code.BALANCE_LIMIT, "amount")
        self._transfer(OUTSIDE, command.account, command.asset, command.amount)
        return [Deposited(command.account, command.asset, command.amount, command.ref)]

    def _withdraw(self, command: Withdraw) -> list[Event]:
        self._check_transfer(command.asset, command.amount)
        if self._available(command.account, command.asset) < command.amount:
            raise Refused(Code.INSUFFICIENT_FUNDS, "amount")
        withdrawal = Withdrawal(len(self.withdrawals) + 1, command.account, command.asset, command.amount)
        self.withdrawals.append(withdrawal)
        return [WithdrawalReserved(withdrawal.id, command.account, command.asset, command.amount, command.ref)]

    def _finish_withdrawal(self, command: SettleWithdrawal | ReleaseWithdrawal) -> list[Event]:
        for w in self.withdrawals:
            if w.id == command.withdrawal and w.pending:
                w.pending = False
                if isinstance(command, ReleaseWithdrawal):
                    return [WithdrawalReleased(w.id, w.account, w.asset, w.amount)]
                self._transfer(w.account, OUTSIDE, w.asset, w.amount)
                return [WithdrawalSettled(w.id, w.account, w.asset, w.amount)]
        raise Refused(Code.UNKNOWN_WITHDRAWAL, "withdrawal")

    def _check_transfer(self, asset: str, amount: int) -> None:
        if asset not in self.assets:
            raise Refused(Code.UNKNOWN_ASSET, "asset")
        if amount == 0:
            raise Refused(Code.NOT_POSITIVE, "amount")

    def _available(self, account: int, asset: str) -> int:
        return self.balances().get((account, asset), (0, 0))[0]

    def _transfer(self, payer: int, payee: int, asset: str, amount: int) -> None:
        self.transfers.append((payer, asset, -amount))
        self.transfers.append((payee, asset, amount))

    # --- orders ------------------------------------------------------------------------------------------------------

    def _place(self, command: Place) -> list[Event]:
        market = self._market(command.market)
        if market.status in ("halted", "cancel_only"):
            raise Refused(Code.MARKET_CLOSED, "market")
        self._check_amounts(market, command)
        if market.status == "post_only":
            best = self.book(market.name, _other(command.side))[:1]
            if command.order_type == "market":
                raise Refused(Code.WOULD_TAKE, "order_type")
            if any(_crosses(command, maker.price) for maker in best):
                raise Refused(Code.WOULD_TAKE, "price")
        self._check_funds(market, command)

        self.orders_accepted += 1
        taker = Order(
            self.orders_accepted,
            command.account,
            market,
            command.side,
            command.price,
            command.quantity,
            command.quantity,
            command.client_id,
            market.maker_fee,
        )
        accepted = Accepted(
            taker.id,
            command.account,
            market.name,
            command.side,
            command.order_type,
            command.tif,
            command.price,
            command.quantity,
            command.quote_amount,
            market.maker_fee,
            market.taker_fee,
            command.client_id,
        )
        if command.quote_amount:
            return [accepted, *self._spend(taker, command)]
        trades = []
        while taker.left > 0:
            maker = self._best_counterpart(command)
            if maker is None:
                break
            quantity = min(taker.left, maker.left)
            taker.left -= quantity
            trades.append(self._trade(taker, maker, quantity))
        return [accepted, *trades, self._end(taker, command)]

    def _end(self, taker: Order, command: Place) -> Event:
        market = taker.market
        if taker.left == 0:
            return Done(taker.id, taker.account, market.name, "filled", 0)
        if command.tif == "ioc":
            return Done(taker.id, taker.account, market.name, "expired", taker.left)
        self.resting.append(taker)
        seq = market.next_seq()
        return Rested(taker.id, taker.account, market.name, seq, taker.side, taker.price, taker.left)

    def _spend(self, taker: Order, command: Place) -> list[Event]:
        """Buy for an amount of quote: at each price the most lots that what is left pays for."""
        market = taker.market
        trades: list[Event] = []
        money = command.quote_amount
        while True:
            maker = self._best_counterpart(command)
            if maker is None:
                break
            lots = money // market.notional(maker.price, market.lot_size)
            quantity = min(lots * market.lot_size, maker.left)
            if quantity == 0:
                break
            money -= market.notional(maker.price, quantity)
            trades.append(self._trade(taker, maker, quantity))
        ran_dry = money > 0 and not self.book(market.name, "sell")
        end = Done(taker.id, taker.account, market.name, "expired" if ran_dry or not trades else "filled", 0)
        return [*trades, end]

    def _best_counterpart(self, command: Place) -> Order | None:
        for maker in self.book(command.market, _other(command.side)):
            if _crosses(command, maker.price):
                return maker
        return None

    def _trade(self, taker: Order, maker: Order, quantity: int) -> Trade:
        market = taker.market
        notional = market.notional(maker.price, quantity)
        buyer, seller = (taker, maker) if taker.side == "buy" else (maker, taker)
        maker.left -= quantity
        if maker.left == 0:
            self.resting.remove(maker)
        self.trades_made += 1
        maker_gets = notional if maker.side == "sell" else quantity
        taker_gets = notional if taker.side == "sell" else quantity
        maker_fee = _fee(maker_gets, maker.maker_fee)
        taker_fee = _fee(taker_gets, market.taker_fee)
        self._transfer(seller.account, buyer.account, market.base, quantity)
        self._transfer(buyer.account, seller.account, market.quote, notional)
        self._transfer(maker.account, FEES, _received(market, maker.side), maker_fee)
        self._transfer(taker.account, FEES, _received(market, taker.side), taker_fee)
        return Trade(
            self.trades_made,
            market.name,
            market.next_seq(),
            maker.price,
            quantity,
            notional,
            taker.side,
            maker.id,
            taker.id,
            maker.account,
            taker.account,
            maker_fee,
            taker_fee,
            maker.left,
        )

    def _check_amounts(self, market: Market, command: Place) -> None:
        if command.order_type == "limit":
            if command.price == 0:
                raise Refused(Code.NOT_POSITIVE, "price")
            if command.price % market.tick_size:
                raise Refused(Code.OFF_TICK, "price")
            if command.price > MAX_COUNT * market.tick_size:
                raise Refused(Code.OUT_OF_RANGE, "price")
        if command.quote_amount:
            if command.quote_amount < market.min_notional:
                raise Refused(Code.BELOW_MIN_NOTIONAL, "quote_amount")
            return
        if command.quantity == 0:
            raise Refused(Code.NOT_POSITIVE, "quantity")
        if command.quantity % market.lot_size:
            raise Refused(Code.OFF_LOT, "quantity")
        if command.quantity > MAX_COUNT * market.lot_size:
            raise Refused(Code.OUT_OF_RANGE, "quantity")
        if command.order_type == "limit":
            notional = market.notional(command.price, command.quantity)
            if notional > MAX_AMOUNT:
                raise Refused(Code.OUT_OF_RANGE, "quantity")
            if notional < market.min_notional:
                raise Refused(Code.BELOW_MIN_NOTIONAL, "quantity")

    def _check_funds(self, market: Market, command: Place) -> None:
        if command.quote_amount:
            if self._available(command.account, market.quote) < command.quote_amount:
                raise Refused(Code.INSUFFICIENT_FUNDS, "quote_amount")
            return
        if command.order_type == "limit" or command.side == "sell":
            asset, needed = _lock(market, command.side, command.price, command.quantity)
        else:
            asset, needed = market.quote, 0
            left = command.quantity
            for maker in self.book(market.name, "sell"):
                needed += market.notional(maker.price, min(left, maker.left))
                left -= min(left, maker.left)
        if self._available(command.account, asset) < needed:
            raise Refused(Code.INSUFFICIENT_FUNDS, "quantity")

    def _cancel(self, command: Cancel) -> list[Event]:
        self._user(command.account)
        order = self._open_order(command.account, command.order, command.client_id)
        self.resting.remove(order)
        market = order.market
        seq = market.next_seq()
        return [Canceled(order.id, order.account, market.name, seq, order.side, order.price, order.left)]

    def _amend(self, command: Amend) -> list[Event]:
        self._user(command.account)
        order = self._open_order(command.account, command.order, "")
        if command.quantity == 0:
            raise Refused(Code.NOT_POSITIVE, "quantity")
        if command.quantity % order.market.lot_size:
            raise Refused(Code.OFF_LOT, "quantity")
        if command.quantity > MAX_COUNT * order.market.lot_size:
            raise Refused(Code.OUT_OF_RANGE, "quantity")
        if command.quantity >= order.quantity:
            raise Refused(Code.NOT_A_REDUCTION, "quantity")
        if command.quantity <= order.quantity - order.left:
            raise Refused(Code.BELOW_FILLED, "quantity")
        by = order.quantity - command.quantity
        order.quantity -= by
        order.left -= by
        market = order.market
        seq = market.next_seq()
        return [Amended(order.id, order.account, market.name, seq, order.side, order.price, order.quantity, by)]

    def _open_order(self, account: int, id: int, client_id: str) -> Order:
        name = "client_id" if client_id else "order"
        for order in self.resting:
            named = order.client_id == client_id if client_id else order.id == id
            if named and order.account == account:
                if order.market.status == "halted":
                    raise Refused(Code.MARKET_CLOSED, name)
                return order
        raise Refused(Code.UNKNOWN_ORDER, name)


def netted(postings: Sequence[Posting]) -> dict[Holding, tuple[int, int]]:
    """Postings as a mapping; the same holding twice, or one that does not change, is an error of whoever wrote them."""
    changes: dict[Holding, tuple[int, int]] = {}
    for posting in postings:
        holding = (posting.account, posting.asset)
        assert holding not in changes, f"{holding} is posted twice"
        assert (posting.available, posting.locked) != (0, 0), f"{holding} is posted without a change"
        changes[holding] = (posting.available, posting.locked)
    return changes


def _other(side: Side) -> Side:
    return "sell" if side == "buy" else "buy"


def _crosses(command: Place, resting_price: int) -> bool:
    if command.order_type == "market":
        return True
    return resting_price <= command.price if command.side == "buy" else resting_price >= command.price


def _lock(market: Market, side: Side, price: int, quantity: int) -> tuple[str, int]:
    if side == "buy":
        return market.quote, market.notional(price, quantity)
    return market.base, quantity


def _received(market: Market, side: Side) -> str:
    return market.base if side == "buy" else market.quote


def _fee(received: int, rate: int) -> int:
    exact = Fraction(received * rate, FEE_SCALE)
    return -(-exact.numerator // exact.denominator)
