"""Open orders in their queues, as a reader of the event stream sees them.

The idea: a level is its total and its orders in the order of their arrival, so that depth is a read of totals, a change
of depth is the level's new total, and a quote can walk the very orders that a market order would meet (fees round up
order by order, so totals alone would not give them).

Prices are quote units for one whole base unit and quantities base units, as in the events.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator

from exchange.terms.words import BUY, OrderType, Side, TimeInForce

OPEN = "open"
FILLED = "filled"
CANCELED = "canceled"
EXPIRED = "expired"


class LiveOrder:
    """An order, open or closed.

    `filled` is in base units, `paid` (quote units) what it traded for and `fee` what it paid in the asset it received.
    `paid`, `fee` and `created` are None where the view began after the order did. Times are milliseconds.
    """

    __slots__ = (
        "account",
        "client_id",
        "created",
        "fee",
        "filled",
        "id",
        "kind",
        "market",
        "paid",
        "price",
        "quantity",
        "quote_amount",
        "status",
        "tif",
        "type",
        "updated",
    )

    def __init__(
        self,
        id: int,
        account: int,
        market: str,
        kind: Side,
        order_type: OrderType,
        tif: TimeInForce,
        price: int,
        quantity: int,
        quote_amount: int,
        client_id: str,
        created: int | None,
    ) -> None:
        self.id = id
        self.account = account
        self.market = market
        self.kind: Side = kind
        self.type: OrderType = order_type
        self.tif: TimeInForce = tif
        self.price = price
        self.quantity = quantity
        self.quote_amount = quote_amount
        self.client_id = client_id
        self.filled = 0
        self.paid: int | None = 0
        self.fee: int | None = 0
        self.status = OPEN
        self.created = created
        self.updated = created

    @property
    def left(self) -> int:
        """What has not traded, in base units."""
        return self.quantity - self.filled

    def trade(self, quantity: int, notional: int, fee: int, ms: int) -> None:
        """Count a trade of this order."""
        self.filled += quantity
        if self.paid is not None:
            self.paid += notional
        if self.fee is not None:
            self.fee += fee
        self.updated = ms


class Level:
    """The orders at one price, oldest first, with their total."""

    __slots__ = ("orders", "price", "quantity")

    def __init__(self, price: int) -> None:
        self.price = price
        self.quantity = 0
        self.orders: dict[int, LiveOrder] = {}


class BookSide:
    """All bids, or all asks, of a market."""

    def __init__(self, kind: Side) -> None:
        self._descending = kind == BUY
        self._prices: list[int] = []
        self.levels: dict[int, Level] = {}

    def quantity(self, price: int) -> int:
        """The total at a price; zero when there is no level."""
        level = self.levels.get(price)
        return 0 if level is None else level.quantity

    def best(self) -> Level | None:
        """The level that trades first, if any."""
        if not self._prices:
            return None
        return self.levels[self._prices[-1 if self._descending else 0]]

    def best_first(self) -> Iterator[Level]:
        """The levels, best first."""
        for price in reversed(self._prices) if self._descending else self._prices:
            yield self.levels[price]

    def add(self, order: LiveOrder) -> None:
        """An order joins the end of its level's queue."""
        level = self.levels.get(order.price)
        if level is None:
            level = self.levels[order.price] = Level(order.price)
            insort(self._prices, order.price)
        level.orders[order.id] = order
        level.quantity += order.left

    def take(self, order: LiveOrder, quantity: int, gone: bool) -> None:
        """A quantity leaves an order's level; with `gone` the order leaves too."""
        level = self.levels[order.price]
        level.quantity -= quantity
        if gone:
            del level.orders[order.id]
            if not level.orders:
                del self.levels[order.price]
                del self._prices[bisect_left(self._prices, order.price)]
