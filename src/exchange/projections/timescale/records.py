"""What the reads give: one frozen class for each kind of row.

Amounts are integers of smallest units, moments milliseconds since the epoch.
"""

from dataclasses import dataclass

from exchange.projections.timescale.words import Liquidity, OrderStatus, Reason, TransferKind, TransferState
from exchange.terms.stream import Head, StreamId
from exchange.terms.words import OrderType, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order as of the database's position.

    `price`, `quantity` and `quote_amount` are zero where the order has none, `client_id` empty. `filled` is base,
    `filled_quote` what those fills cost, `fee` what was paid on them so far, in the asset received (`fee_asset`).
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

    @property
    def fee_asset(self) -> str:
        """What its fees are paid in."""
        return _received(self.market, self.side)


@dataclass(frozen=True, slots=True)
class FillRow:
    """One side of a trade; an account that trades with itself has both.

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


@dataclass(frozen=True, slots=True)
class TransferRow:
    """A deposit or withdrawal; `withdrawal` is its number, zero for a deposit. `created` is the page's key."""

    kind: TransferKind
    withdrawal: int
    account: int
    asset: str
    amount: int
    ref: str
    state: TransferState
    created: StreamId
    updated: StreamId


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
    """Minute candles, oldest first, and the position that they are exactly as of."""

    position: Head
    candles: list[CandleRow]


def _received(market: str, side: Side) -> str:
    base, quote = market.split("-")
    return base if side == "buy" else quote
