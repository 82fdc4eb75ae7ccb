"""The live view: a fold of outcomes into markets, books, accounts, open orders and what has just passed.

It believes the events: nothing is decided again here, amounts come from postings, book changes from the events that
tell them. What it checks is that nothing is missing: a market's sequence must go up by one. `apply` says what an entry
changed, for the feeds.

Must never do I/O or look at a clock: the same entries give the same view.
"""

from exchange.events.types import (
    Accepted,
    AccountOpened,
    Amended,
    AssetCreated,
    Canceled,
    Deposited,
    Done,
    Event,
    LogOpened,
    MarketCreated,
    MarketFeesSet,
    MarketStatusSet,
    Outcome,
    Rested,
    Trade,
    WithdrawalReleased,
    WithdrawalReserved,
    WithdrawalSettled,
)
from exchange.projections.live.book import CANCELED, EXPIRED, FILLED, LiveOrder
from exchange.projections.live.recent import Recent
from exchange.projections.live.records import DepositRecord, Fill, LiveAccount, LiveMarket, WithdrawalRecord
from exchange.projections.live.tape import Tape, TapeTrade, tape_trade
from exchange.terms.stream import START, StreamId, format_id
from exchange.terms.words import FEES, OUTSIDE, Side

RECENT_ORDERS = 20_000
RECENT_FILLS = 40_000
RECENT_TRANSFERS = 10_000


class BrokenView(Exception):
    """An entry does not fit what the view holds: the view must be built again from the log."""


class Change:
    """What one entry changed.

    `levels` holds, for each market whose book changed, the sequence of the first change and the levels touched;
    `orders` are the orders as they are now, `fills` both sides of each trade with the account, `balances` the pairs
    of account and asset.
    """

    __slots__ = ("balances", "fills", "levels", "orders", "position", "trades")

    def __init__(self, position: StreamId) -> None:
        self.position = position
        self.trades: list[TapeTrade] = []
        self.levels: dict[str, tuple[int, set[tuple[Side, int]]]] = {}
        self.orders: dict[int, LiveOrder] = {}
        self.fills: list[tuple[int, Fill]] = []
        self.balances: list[tuple[int, str]] = []


class LiveView:
    """Everything, up to and including the entry `position`."""

    def __init__(self, position: StreamId = START) -> None:
        self.position = position
        self.log_id = ""
        self.assets: dict[str, int] = {}
        """Decimals by asset."""
        self.markets: dict[str, LiveMarket] = {}
        self.accounts: dict[int, LiveAccount] = {
            OUTSIDE: LiveAccount(OUTSIDE, "outside"),
            FEES: LiveAccount(FEES, "fees"),
        }
        self.refs: dict[str, int] = {"outside": OUTSIDE, "fees": FEES}
        """Account by the outside's name for its holder."""
        self.orders: dict[int, LiveOrder] = {}
        """Open orders."""
        self.pending: dict[int, WithdrawalRecord] = {}
        self.closed: Recent[int, LiveOrder] = Recent(RECENT_ORDERS, position)
        self.fills: Recent[int, Fill] = Recent(RECENT_FILLS, position)
        self.deposits: Recent[StreamId, DepositRecord] = Recent(RECENT_TRANSFERS, position)
        self.withdrawals: Recent[int, WithdrawalRecord] = Recent(RECENT_TRANSFERS, position)
        self.tape = Tape(position, position[0])
        self._taking: LiveOrder | None = None

    def apply(self, id: StreamId, outcome: Outcome) -> Change:
        """Take in the next entry.

        Raises:
            BrokenView: it does not fit; the view must not be used any more.
        """
        if id <= self.position:
            raise BrokenView(f"entry {format_id(id)} does not come after {format_id(self.position)}")
        change = Change(id)
        try:
            for event in outcome.events:
                self._event(id, event, change)
            for posting in outcome.postings:
                balance = self.accounts[posting.account].balance(posting.asset)
                balance.available += posting.available
                balance.locked += posting.locked
                change.balances.append((posting.account, posting.asset))
        except (KeyError, AttributeError, ValueError) as error:
            raise BrokenView(f"entry {format_id(id)} does not fit the view: {error!r}") from error
        self.tape.apply(id, outcome)
        self.position = id
        return change

    def account_of(self, ref: str) -> int | None:
        """The account number of a holder, if it is open."""
        return self.refs.get(ref)

    def order(self, account: int, id: int) -> LiveOrder | None:
        """An account's order, if it is open or closed lately."""
        order = self.orders.get(id)
        if order is not None:
            return order if order.account == account else None
        return self.closed.get(account, id)

    def _event(self, id: StreamId, event: Event, change: Change) -> None:
        if isinstance(event, Trade):
            self._trade(id, event, change)
        elif isinstance(event, Accepted):
            self._accepted(id, event)
        elif isinstance(event, Rested):
            self._rested(event, change)
        elif isinstance(event, Done):
            self._done(id, event, change)
        elif isinstance(event, Canceled):
            self._canceled(id, event, change)
        elif isinstance(event, Amended):
            self._amended(id, event, change)
        elif isinstance(event, Deposited):
            record = DepositRecord(id, event.account, event.asset, event.amount, event.ref)
            self.deposits.add(event.account, id, record, id)
        elif isinstance(event, WithdrawalReserved):
            withdrawal = WithdrawalRecord(event.withdrawal, event.account, event.asset, event.amount, event.ref, id)
            self.pending[withdrawal.id] = withdrawal
            self.withdrawals.add(event.account, withdrawal.id, withdrawal, id)
        elif isinstance(event, WithdrawalSettled):
            self._withdrawal_ended(id, event.withdrawal, "settled")
        elif isinstance(event, WithdrawalReleased):
            self._withdrawal_ended(id, event.withdrawal, "released")
        elif isinstance(event, AccountOpened):
            self.accounts[event.account] = LiveAccount(event.account, event.ref)
            self.refs[event.ref] = event.account
        elif isinstance(event, MarketStatusSet):
            self.markets[event.market].status = event.status
        elif isinstance(event, MarketFeesSet):
            market = self.markets[event.market]
            market.maker_fee = event.maker_fee
            market.taker_fee = event.taker_fee
        elif isinstance(event, MarketCreated):
            self._market_created(event)
        elif isinstance(event, AssetCreated):
            self.assets[event.asset] = event.decimals
        elif isinstance(event, LogOpened):
            self.log_id = event.log_id

    def _market_created(self, event: MarketCreated) -> None:
        base, quote = event.market.split("-")
        self.markets[event.market] = LiveMarket(
            event.market,
            self.assets[base],
            self.assets[quote],
            event.tick_size,
            event.lot_size,
            event.min_notional,
            event.maker_fee,
            event.taker_fee,
        )

    def _accepted(self, id: StreamId, event: Accepted) -> None:
        self._taking = LiveOrder(
            event.order,
            event.account,
            event.market,
            event.side,
            event.order_type,
            event.tif,
            event.price,
            event.quantity,
            event.quote_amount,
            event.client_id,
            id[0],
        )

    def _trade(self, id: StreamId, event: Trade, change: Change) -> None:
        taker = self._taking
        if taker is None or taker.id != event.taker_order:
            raise BrokenView(f"entry {format_id(id)}: trade {event.trade} has no taker")
        maker = self.orders[event.maker_order]
        market = self._touch(event.market, event.seq, maker.kind, event.price, change)
        maker.trade(event.quantity, event.notional, event.maker_fee, id[0])
        taker.trade(event.quantity, event.notional, event.taker_fee, id[0])
        market.side(maker.kind).take(maker, event.quantity, event.maker_left == 0)
        if event.maker_left == 0:
            self._close(id, maker, FILLED)
        trade = tape_trade(id, event)
        change.trades.append(trade)
        change.orders[maker.id] = maker
        makers = Fill(trade, maker.id, maker.kind, "maker", event.maker_fee)
        takers = Fill(trade, taker.id, taker.kind, "taker", event.taker_fee)
        for account, fill in ((maker.account, makers), (taker.account, takers)):
            self.fills.add(account, fill.id, fill, id)
            change.fills.append((account, fill))

    def _rested(self, event: Rested, change: Change) -> None:
        order = self._taken(event.order)
        market = self._touch(event.market, event.seq, event.side, event.price, change)
        market.side(order.kind).add(order)
        self.open(order)
        change.orders[order.id] = order

    def _done(self, id: StreamId, event: Done, change: Change) -> None:
        order = self._taken(event.order)
        order.status = FILLED if event.end == "filled" else EXPIRED
        order.updated = id[0]
        self.closed.add(order.account, order.id, order, id)
        change.orders[order.id] = order

    def _canceled(self, id: StreamId, event: Canceled, change: Change) -> None:
        order = self.orders[event.order]
        market = self._touch(event.market, event.seq, event.side, event.price, change)
        market.side(order.kind).take(order, event.quantity, True)
        self._close(id, order, CANCELED)
        change.orders[order.id] = order

    def _amended(self, id: StreamId, event: Amended, change: Change) -> None:
        order = self.orders[event.order]
        market = self._touch(event.market, event.seq, event.side, event.price, change)
        order.quantity = event.quantity
        order.updated = id[0]
        market.side(order.kind).take(order, event.by, False)
        change.orders[order.id] = order

    def open(self, order: LiveOrder) -> None:
        """An order is on the book from now on."""
        account = self.accounts[order.account]
        self.orders[order.id] = order
        account.open[order.id] = order
        if order.client_id:
            account.open_by_client_id[order.client_id] = order

    def _close(self, id: StreamId, order: LiveOrder, status: str) -> None:
        account = self.accounts[order.account]
        del self.orders[order.id]
        del account.open[order.id]
        if order.client_id:
            del account.open_by_client_id[order.client_id]
        order.status = status
        order.updated = id[0]
        self.closed.add(order.account, order.id, order, id)

    def _taken(self, order: int) -> LiveOrder:
        taking = self._taking
        self._taking = None
        if taking is None or taking.id != order:
            raise BrokenView(f"order {order} rests or ends without having been accepted")
        return taking

    def _touch(self, name: str, seq: int, side: Side, price: int, change: Change) -> LiveMarket:
        market = self.markets[name]
        if seq != market.seq + 1:
            raise BrokenView(f"market {name} went from sequence {market.seq} to {seq}")
        market.seq = seq
        touched = change.levels.get(name)
        if touched is None:
            touched = change.levels[name] = (seq, set())
        touched[1].add((side, price))
        return market

    def _withdrawal_ended(self, id: StreamId, withdrawal: int, status: str) -> None:
        record = self.pending.pop(withdrawal)
        record.status = status
        record.updated = id
        self.withdrawals.add(record.account, withdrawal, record, id)
