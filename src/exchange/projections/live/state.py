"""What a live view holds, and what one entry changed in it. The folds (`fold_orders`, `fold_settings`) work on this.

Nothing here decides anything; the few methods keep what is indexed twice in step.
"""

from exchange.projections.live.orders import LiveList, LiveOrder
from exchange.projections.live.recent import Recent
from exchange.projections.live.records import (
    Amendment,
    AmendmentKey,
    DepositRecord,
    Fill,
    LiveAccount,
    LiveMarket,
    PreventedMatch,
    TransferRecord,
    WithdrawalRecord,
)
from exchange.projections.live.tape import Tape, TapeTrade
from exchange.terms.stream import START, StreamId
from exchange.terms.words import FEES, OUTSIDE, Side

RECENT_ORDERS = 20_000
RECENT_FILLS = 40_000
RECENT_RARE = 10_000


class BrokenView(Exception):
    """An entry does not fit what the view holds: the view must be built again from the log."""


class Change:
    """What one entry changed.

    `levels` holds, for each market whose book changed, the sequence of the first change and the levels touched;
    `orders` and `lists` are those that changed, as they are now; `fills` are both sides of each trade, and `prevented`
    matches, with the account; `balances` the pairs of account and asset; `accounts` and `markets` those whose settings
    changed; `uncrossed` the outcome of call auctions, price and quantity by market.
    """

    __slots__ = (
        "accounts",
        "balances",
        "fills",
        "levels",
        "lists",
        "markets",
        "orders",
        "position",
        "prevented",
        "trades",
        "uncrossed",
    )

    def __init__(self, position: StreamId) -> None:
        self.position = position
        self.trades: list[TapeTrade] = []
        self.levels: dict[str, tuple[int, set[tuple[Side, int]]]] = {}
        self.orders: dict[int, LiveOrder] = {}
        self.lists: dict[int, LiveList] = {}
        self.fills: list[tuple[int, Fill]] = []
        self.prevented: list[tuple[int, PreventedMatch]] = []
        self.balances: list[tuple[int, str]] = []
        self.accounts: set[int] = set()
        self.markets: set[str] = set()
        self.uncrossed: dict[str, tuple[int, int]] = {}


class LiveState:
    """Everything, up to and including the entry `position`."""

    def __init__(self, position: StreamId = START) -> None:
        self.position = position
        self.log_id = ""
        self.rules = 0
        self.assets: dict[str, int] = {}
        """Decimals by asset."""
        self.markets: dict[str, LiveMarket] = {}
        self.fee_tiers: dict[str, list[tuple[int, int, int]]] = {}
        """Least volume, maker's and taker's rate, by quote asset."""
        self.accounts: dict[int, LiveAccount] = {
            OUTSIDE: LiveAccount(OUTSIDE, "outside"),
            FEES: LiveAccount(FEES, "fees"),
        }
        self.refs: dict[str, int] = {"outside": OUTSIDE, "fees": FEES}
        """Account by the outside's name for its holder."""
        self.orders: dict[int, LiveOrder] = {}
        """Open orders."""
        self.lists: dict[int, LiveList] = {}
        """Open lists."""
        self.pending: dict[int, WithdrawalRecord] = {}
        self.closed: Recent[int, LiveOrder] = Recent(RECENT_ORDERS, position)
        self.closed_lists: Recent[int, LiveList] = Recent(RECENT_RARE, position)
        self.fills: Recent[int, Fill] = Recent(RECENT_FILLS, position)
        self.prevented: Recent[int, PreventedMatch] = Recent(RECENT_RARE, position)
        self.amendments: Recent[AmendmentKey, Amendment] = Recent(RECENT_ORDERS, position)
        self.deposits: Recent[StreamId, DepositRecord] = Recent(RECENT_RARE, position)
        self.withdrawals: Recent[int, WithdrawalRecord] = Recent(RECENT_RARE, position)
        self.transfers: Recent[StreamId, TransferRecord] = Recent(RECENT_RARE, position)
        """Of both accounts."""
        self.tape = Tape(position, position[0])
        self.fresh: dict[int, LiveOrder] = {}
        """Orders accepted in the entry at hand of which it has not been told yet what becomes of them."""

    def touch(self, name: str, seq: int, side: Side, price: int, change: Change) -> LiveMarket:
        """A market whose book an event changes at a level, or does not change when `seq` is zero.

        Raises:
            BrokenView: the market's sequence does not go up by one.
        """
        market = self.markets[name]
        if not seq:
            return market
        if seq != market.seq + 1:
            raise BrokenView(f"market {name} went from sequence {market.seq} to {seq}")
        market.seq = seq
        touched = change.levels.get(name)
        if touched is None:
            touched = change.levels[name] = (seq, set())
        touched[1].add((side, price))
        return market

    def open(self, order: LiveOrder) -> None:
        """An order is open from now on."""
        account = self.accounts[order.account]
        self.orders[order.id] = order
        account.open[order.id] = order
        if order.client_id:
            account.open_by_client_id[order.client_id] = order

    def close(self, order: LiveOrder, id: StreamId) -> None:
        """An open order has ended."""
        account = self.accounts[order.account]
        del self.orders[order.id]
        del account.open[order.id]
        if order.client_id:
            del account.open_by_client_id[order.client_id]
        self.closed.add(order.account, order.id, order, id)

    def open_list(self, opened: LiveList) -> None:
        """A list is open from now on."""
        account = self.accounts[opened.account]
        self.lists[opened.id] = opened
        account.lists[opened.id] = opened
        if opened.client_id:
            account.lists_by_client_id[opened.client_id] = opened
