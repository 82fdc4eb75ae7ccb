"""Open orders in their queues, as a reader of the event stream sees them.

The idea: a level is its totals and its orders in the order of their arrival, so that depth is a read of totals, a
change of depth is the new total, and a quote can walk the very orders that a market order would meet (fees round up
order by order, so totals alone would not give them). What icebergs hide is counted beside: it is in no depth, but a
market order and an auction's price meet it.

Prices are quote units for one whole base unit and quantities base units, as in the events.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator

from exchange.projections.live.orders import LiveOrder
from exchange.terms.words import BUY, Side


class Level:
    """The orders at one price, oldest first, with what they show (`quantity`) and hide; `written` is how the level was
    last written down, empty since it has changed."""

    __slots__ = ("hidden", "orders", "price", "quantity", "written")

    def __init__(self, price: int) -> None:
        self.price = price
        self.quantity = 0
        self.hidden = 0
        self.orders: dict[int, LiveOrder] = {}
        self.written = ""


class BookSide:
    """All bids, or all asks, of a market."""

    def __init__(self, kind: Side) -> None:
        self._descending = kind == BUY
        self._prices: list[int] = []
        self.levels: dict[int, Level] = {}

    def quantity(self, price: int) -> int:
        """What is shown at a price; zero when there is no level."""
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
        """An order joins the end of its level's queue with what it shows and hides."""
        level = self.levels.get(order.price)
        if level is None:
            level = self.levels[order.price] = Level(order.price)
            insort(self._prices, order.price)
        level.orders[order.id] = order
        level.quantity += order.shown
        level.written = ""
        level.hidden += order.hidden

    def take(self, order: LiveOrder, shown: int, hidden: int, gone: bool) -> None:
        """Quantities leave an order; with `gone` the order leaves too.

        Raises:
            ValueError: more leaves than is there, or an order leaves with something left: an event is missing.
        """
        level = self.levels[order.price]
        order.shown -= shown
        order.hidden -= hidden
        if order.shown < 0 or order.hidden < 0 or (gone and (order.shown or order.hidden)):
            raise ValueError(f"order {order.id} would show {order.shown} and hide {order.hidden}")
        level.quantity -= shown
        level.hidden -= hidden
        level.written = ""
        if gone:
            del level.orders[order.id]
            if not level.orders:
                del self.levels[order.price]
                del self._prices[bisect_left(self._prices, order.price)]

    def replenish(self, order: LiveOrder, shown: int, hidden: int) -> None:
        """An iceberg's next slice joins the end of its level's queue.

        Raises:
            ValueError: it does not show what was hidden.
        """
        level = self.levels[order.price]
        if order.shown or order.hidden != shown + hidden:
            raise ValueError(f"order {order.id} shows {order.shown} and hides {order.hidden} before its next slice")
        del level.orders[order.id]
        level.orders[order.id] = order
        order.shown = shown
        order.hidden = hidden
        level.quantity += shown
        level.hidden -= shown
        level.written = ""
