"""What the reads give: one frozen class for each kind of row.

Amounts are integers of smallest units, moments milliseconds since the epoch.
"""

from dataclasses import dataclass

from exchange.projections.timescale.words import (
    Liquidity,
    ListStatus,
    OrderStatus,
    Reason,
    TransferKind,
    TransferState,
)
from exchange.terms.instructions import Instructions
from exchange.terms.stream import Head, StreamId
from exchange.terms.words import ListKind, OrderType, SelfTrade, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order as of the database's position.

    `price`, `quantity` and `quote_amount` are zero where the order has none, `client_id` empty. `filled` is base,
    `filled_quote` what those fills cost, `fee` what was paid on them so far, in the asset received (`fee_asset`).
    `prevented` is what self-trade prevention took off it, `reason` why it ended (empty: plain from its status),
    `order_list` the list that it belongs to, or zero; `activated_ms` when its trigger or list last called it.
    """

    id: int
    account: int
    market: str
    side: Side
    type: OrderType
    tif: TimeInForce
    price: int
    quantity: int
    quote_amount: int
    filled: int
    filled_quote: int
    fee: int
    status: OrderStatus
    client_id: str
    created: StreamId
    updated: StreamId
    instructions: Instructions
    order_list: int
    prevented: int
    reason: str
    activated_ms: int | None

    @property
    def fee_asset(self) -> str:
        """What its fees are paid in."""
        return _received(self.market, self.side)


@dataclass(frozen=True, slots=True)
class ListRow:
    """An order list; `orders` are its members in the order of the legs."""

    id: int
    account: int
    market: str
    kind: ListKind
    client_id: str
    orders: list[int]
    status: ListStatus
    created: StreamId
    updated: StreamId


@dataclass(frozen=True, slots=True)
class PreventedRow:
    """A trade with oneself that was not made; `id` is the page's key. `maker` and `taker` are accounts."""

    id: int
    ms: int
    market: str
    seq: int
    price: int
    stp: SelfTrade
    taker_side: Side
    maker_order: int
    taker_order: int
    maker: int
    taker: int
    maker_quantity: int
    taker_quantity: int
    maker_left: int


@dataclass(frozen=True, slots=True)
class AmendmentRow:
    """An order was reduced to a new total; `key` is the entry's id and the event's place in it, the page's key."""

    key: tuple[int, int, int]
    order: int
    account: int
    quantity: int
    reduced_by: int


@dataclass(frozen=True, slots=True)
class FillRow:
    """One side of a trade; an account that trades with itself has both. A maker's `rebate` is in the asset it gave.

    `id` is twice the trade's number, plus one for the taker's side: unique, in order, the page's key.
    """

    id: int
    trade: int
    market: str
    seq: int
    ms: int
    order: int
    account: int
    side: Side
    liquidity: Liquidity
    price: int
    quantity: int
    notional: int
    fee: int
    rebate: int
    auction: bool

    @property
    def fee_asset(self) -> str:
        """What its fee is paid in."""
        return _received(self.market, self.side)


@dataclass(frozen=True, slots=True)
class TradeRow:
    """A trade as everybody may see it; `seq` is the market's sequence number."""

    trade: int
    market: str
    seq: int
    ms: int
    price: int
    quantity: int
    notional: int
    taker_side: Side
    auction: bool
    taker_order: int


@dataclass(frozen=True, slots=True)
class AggregateRow:
    """Trades `first` to `last` (numbers) of one market, by one taker's order at one price."""

    first: int
    last: int
    price: int
    quantity: int
    taker_side: Side
    ms: int


@dataclass(frozen=True, slots=True)
class CandleRow:
    """One bucket `[start_ms, start_ms + interval)`; see `candles`."""

    market: str
    interval: str
    start_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    quote_volume: int
    trades: int
    first_trade: int
    last_trade: int
    taker_volume: int
    taker_quote_volume: int


@dataclass(frozen=True, slots=True)
class TransferRow:
    """Money that came, went or was moved; `withdrawal` is its number, `to` the account it was moved to, else zero.
    `created` is the page's key."""

    kind: TransferKind
    withdrawal: int
    account: int
    asset: str
    amount: int
    ref: str
    state: TransferState
    created: StreamId
    updated: StreamId
    to: int = 0


ActKey = tuple[int, int, int]
"""`(milliseconds, sequence, event within the entry)`."""


@dataclass(frozen=True, slots=True)
class ActRow:
    """What an administrator did; `details` is the event as JSON."""

    key: ActKey
    by: str
    act: str
    subject: str
    details: str


LedgerKey = tuple[int, int, int]
"""`(milliseconds, sequence, posting within the command)`."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One balance change, signed; `key` names the command and the change within it."""

    key: LedgerKey
    account: int
    asset: str
    available: int
    locked: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Day:
    """Minute candles, oldest first, and the position that they are exactly as of; `before` is each market's last price
    before them, zero where there was none."""

    position: Head
    candles: list[CandleRow]
    before: dict[str, int]


def _received(market: str, side: Side) -> str:
    base, quote = market.split("-")
    return base if side == "buy" else quote
