"""What a live view is made of: markets with their books, accounts with their balances, fills and transfers.

Amounts are in smallest units everywhere; nothing here changes by itself.
"""

from exchange.projections.live.book import BookSide, LiveOrder
from exchange.projections.live.formatting import MarketFormat
from exchange.projections.live.tape import TapeTrade
from exchange.projections.timescale.words import Liquidity
from exchange.terms.stream import StreamId
from exchange.terms.words import BUY, OPEN, SELL, MarketStatus, Side


class LiveMarket:
    """A market's terms, status, sequence and book. `tick_size` and `min_notional` are quote units, `lot_size` base
    units, fees millionths; the decimals are those of the two assets."""

    def __init__(
        self,
        name: str,
        base_decimals: int,
        quote_decimals: int,
        tick_size: int,
        lot_size: int,
        min_notional: int,
        maker_fee: int,
        taker_fee: int,
    ) -> None:
        self.name = name
        self.base, self.quote = name.split("-")
        self.base_decimals = base_decimals
        self.quote_decimals = quote_decimals
        self.tick_size = tick_size
        self.lot_size = lot_size
        self.min_notional = min_notional
        self.maker_fee = maker_fee
        self.taker_fee = taker_fee
        self.status: MarketStatus = OPEN
        self.seq = 0
        self.bids = BookSide(BUY)
        self.asks = BookSide(SELL)
        self.format = MarketFormat(base_decimals, quote_decimals, tick_size, lot_size)

    def side(self, kind: Side) -> BookSide:
        """The side on which orders of a kind rest."""
        return self.bids if kind == BUY else self.asks


class Balance:
    """What an account holds of one asset, in smallest units."""

    __slots__ = ("available", "locked")

    def __init__(self, available: int = 0, locked: int = 0) -> None:
        self.available = available
        self.locked = locked


class LiveAccount:
    """An account: its outside name, balances, and open orders by number and by the client's id."""

    def __init__(self, id: int, ref: str) -> None:
        self.id = id
        self.ref = ref
        self.balances: dict[str, Balance] = {}
        self.open: dict[int, LiveOrder] = {}
        self.open_by_client_id: dict[str, LiveOrder] = {}

    def balance(self, asset: str) -> Balance:
        """The balance of an asset, made when there is none yet."""
        found = self.balances.get(asset)
        if found is None:
            found = self.balances[asset] = Balance()
        return found


class Fill:
    """One account's side of a trade. `id` is twice the trade's number, plus one for the taker's side; `fee` is in the
    asset received."""

    __slots__ = ("fee", "kind", "liquidity", "order", "trade")

    def __init__(self, trade: TapeTrade, order: int, kind: Side, liquidity: Liquidity, fee: int) -> None:
        self.trade = trade
        self.order = order
        self.kind: Side = kind
        self.liquidity: Liquidity = liquidity
        self.fee = fee

    @property
    def id(self) -> int:
        """The key: unique, in order."""
        return 2 * self.trade.id + (1 if self.liquidity == "taker" else 0)


class DepositRecord:
    """A deposit; `position` is its entry's."""

    def __init__(self, position: StreamId, account: int, asset: str, amount: int, ref: str) -> None:
        self.position = position
        self.account = account
        self.asset = asset
        self.amount = amount
        self.ref = ref


class WithdrawalRecord:
    """A withdrawal; `ref` and `created` are None where the view began after it."""

    def __init__(
        self, id: int, account: int, asset: str, amount: int, ref: str | None, created: StreamId | None
    ) -> None:
        self.id = id
        self.account = account
        self.asset = asset
        self.amount = amount
        self.ref = ref
        self.status = "pending"
        self.created = created
        self.updated = created
