"""What a live view is made of: markets with their books, accounts with their balances, fills and transfers.

Amounts are in smallest units everywhere; nothing here changes by itself.
"""

from typing import Final

from exchange.commands.types import Limits
from exchange.events.types import Prevented
from exchange.projections.live.book import BookSide
from exchange.projections.live.formatting import MarketFormat
from exchange.projections.live.orders import LiveList, LiveOrder
from exchange.projections.live.tape import TapeTrade
from exchange.projections.timescale.words import Liquidity
from exchange.terms.stream import StreamId
from exchange.terms.words import BUY, NONE, OPEN, SELL, AccountStatus, MarketStatus, SelfTrade, Side

DAY_MS: Final = 24 * 60 * 60 * 1000
VOLUME_DAYS: Final = 30
"""Fee tiers go by the volume of today and the 29 UTC days before."""


class LiveMarket:
    """A market's terms, limits, status, sequence and book. `tick_size` and `min_notional` are quote units, `lot_size`
    base units, fees millionths; the decimals are those of the two assets. With `tiered` it follows its quote asset's
    fee table where there is one. `last` is the last price, or zero."""

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
        self.tiered = True
        self.limits = Limits()
        self.last = 0
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


class Volume:
    """What an account traded in the markets of one quote asset, by UTC day (days since the epoch)."""

    __slots__ = ("days",)

    def __init__(self) -> None:
        self.days: dict[int, int] = {}

    def add(self, ms: int, notional: int) -> None:
        """Count a trade; what no fee tier looks at any more is forgotten."""
        day = ms // DAY_MS
        traded = self.days.get(day)
        if traded is None:
            traded = 0
            self.days = {past: its for past, its in self.days.items() if past > day - VOLUME_DAYS}
        self.days[day] = traded + notional

    def at(self, ms: int) -> int:
        """The volume that counts at a moment."""
        day = ms // DAY_MS
        return sum([traded for past, traded in self.days.items() if day - VOLUME_DAYS < past <= day])


class LiveAccount:
    """An account: its outside name, balances, open orders and lists by number and by the client's id, settings.

    `stp` is for orders that name none, `group` its trade group (0: none), `switch_ms` when its orders will be cancelled
    (0: the switch is off), `volumes` what it traded by quote asset.
    """

    __slots__ = (
        "balances",
        "group",
        "id",
        "lists",
        "lists_by_client_id",
        "open",
        "open_by_client_id",
        "ref",
        "status",
        "stp",
        "switch_ms",
        "volumes",
    )

    def __init__(self, id: int, ref: str) -> None:
        self.id = id
        self.ref = ref
        self.balances: dict[str, Balance] = {}
        self.open: dict[int, LiveOrder] = {}
        self.open_by_client_id: dict[str, LiveOrder] = {}
        self.lists: dict[int, LiveList] = {}
        self.lists_by_client_id: dict[str, LiveList] = {}
        self.status: AccountStatus = OPEN
        self.stp: SelfTrade = NONE
        self.group = 0
        self.switch_ms = 0
        self.volumes: dict[str, Volume] = {}

    def balance(self, asset: str) -> Balance:
        """The balance of an asset, made when there is none yet."""
        found = self.balances.get(asset)
        if found is None:
            found = self.balances[asset] = Balance()
        return found

    def volume(self, asset: str) -> Volume:
        """The volume in markets of a quote asset, made when there is none yet."""
        found = self.volumes.get(asset)
        if found is None:
            found = self.volumes[asset] = Volume()
        return found

    def is_own(self, other: "LiveAccount") -> bool:
        """Whether a trade with the other would be one with oneself."""
        return self is other or (self.group != 0 and self.group == other.group)


class Fill:
    """One account's side of a trade. `id` is twice the trade's number, plus one for the taker's side; `fee` is in the
    asset received, a maker's `rebate` in the other one."""

    __slots__ = ("fee", "kind", "liquidity", "order", "rebate", "trade")

    def __init__(
        self, trade: TapeTrade, order: int, kind: Side, liquidity: Liquidity, fee: int, rebate: int = 0
    ) -> None:
        self.trade = trade
        self.order = order
        self.kind: Side = kind
        self.liquidity: Liquidity = liquidity
        self.fee = fee
        self.rebate = rebate

    @property
    def id(self) -> int:
        """The key: unique, in order."""
        return 2 * self.trade.id + (1 if self.liquidity == "taker" else 0)


class PreventedMatch:
    """A trade with oneself that was not made, at `ms`; see the event."""

    __slots__ = ("event", "ms")

    def __init__(self, event: Prevented, ms: int) -> None:
        self.event = event
        self.ms = ms


AmendmentKey = tuple[int, int, int]
"""The entry's id and the event's place in it."""


class Amendment:
    """An order was reduced `by` so much to a new total `quantity`; both are base units."""

    __slots__ = ("by", "key", "order", "quantity")

    def __init__(self, key: AmendmentKey, order: int, quantity: int, by: int) -> None:
        self.key = key
        self.order = order
        self.quantity = quantity
        self.by = by


class DepositRecord:
    """A deposit; `position` is its entry's."""

    def __init__(self, position: StreamId, account: int, asset: str, amount: int, ref: str) -> None:
        self.position = position
        self.account = account
        self.asset = asset
        self.amount = amount
        self.ref = ref


class TransferRecord:
    """Money that went from one account to another of its holder."""

    __slots__ = ("account", "amount", "asset", "position", "ref", "to")

    def __init__(self, position: StreamId, account: int, to: int, asset: str, amount: int, ref: str) -> None:
        self.position = position
        self.account = account
        self.to = to
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
