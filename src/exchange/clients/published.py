"""A market's book folded from the event stream, order by order, and nothing else.

It believes what the exchange published and trusts no other source, which makes it the judge of a replay. Every book
change carries the market's own sequence number; a number that is missing or repeated is told at once.
"""

from exchange.events.types import Accepted, Amended, Canceled, Event, Rested, Trade
from exchange.terms.words import BUY


class BookError(Exception):
    """The published events do not fit together; the message says which and how."""


class _Side:
    """Queues by price, each oldest first; the best price is kept rather than looked for."""

    def __init__(self, bids: bool) -> None:
        self.queues: dict[int, dict[int, int]] = {}
        self.totals: dict[int, int] = {}
        self.best: int | None = None
        self._pick = max if bids else min
        self._bids = bids

    def add(self, order: int, price: int, quantity: int) -> None:
        self.queues.setdefault(price, {})[order] = quantity
        self.totals[price] = self.totals.get(price, 0) + quantity
        if self.best is None or (price > self.best if self._bids else price < self.best):
            self.best = price

    def take(self, order: int, price: int, quantity: int) -> int:
        """Take a quantity off an order; what is left of it."""
        queue = self.queues.get(price)
        left = -1 if queue is None else queue.get(order, -1) - quantity
        if queue is None or left < 0:
            raise BookError(f"order {order} loses {quantity} at {price}, where it does not have so much")
        self.totals[price] -= quantity
        if left:
            queue[order] = left
            return left
        del queue[order]
        if not queue:
            del self.queues[price], self.totals[price]
            if price == self.best:
                self.best = self._pick(self.queues) if self.queues else None
        return 0

    def top(self, count: int) -> list[tuple[int, int]]:
        prices = sorted(self.queues, reverse=self._bids)[:count]
        return [(price, self.totals[price]) for price in prices]


class PublishedBook:
    """The book of one market; `apply` every event in stream order.

    `order_of` maps client order ids to the exchange's numbers, `name_of` back; both keep orders that are closed.
    """

    def __init__(self, market: str) -> None:
        self.market = market
        self.seq = 0
        self.order_of: dict[str, int] = {}
        self.name_of: dict[int, str] = {}
        self._bids = _Side(True)
        self._asks = _Side(False)

    def apply(self, event: Event) -> None:
        """Fold one event; those of other markets and those that change no book are passed over.

        Raises:
            BookError: the event does not fit to what was published before.
        """
        if isinstance(event, Accepted):
            if event.market == self.market and event.client_id:
                self.name_of[event.order] = event.client_id
                self.order_of[event.client_id] = event.order
            return
        if not isinstance(event, (Rested, Trade, Canceled, Amended)) or event.market != self.market:
            return
        if event.seq != self.seq + 1:
            raise BookError(f"sequence {event.seq} of {self.market} follows {self.seq}")
        self.seq = event.seq
        if isinstance(event, Rested):
            self._side(event.side == BUY).add(event.order, event.price, event.quantity)
        elif isinstance(event, Trade):
            left = self._side(event.taker_side != BUY).take(event.maker_order, event.price, event.quantity)
            if left != event.maker_left:
                raise BookError(f"order {event.maker_order} has {event.maker_left} left, and should have {left}")
        elif isinstance(event, Canceled):
            left = self._side(event.side == BUY).take(event.order, event.price, event.quantity)
            if left:
                raise BookError(f"order {event.order} is cancelled with {left} more than was told")
        else:
            self._side(event.side == BUY).take(event.order, event.price, event.by)

    def best(self, buy: bool) -> tuple[int, int]:
        """Best price and its total quantity; zeros when the side is empty."""
        side = self._side(buy)
        return (0, 0) if side.best is None else (side.best, side.totals[side.best])

    def first(self, buy: bool, price: int) -> int:
        """The oldest order at a price, or 0."""
        queue = self._side(buy).queues.get(price)
        return next(iter(queue)) if queue else 0

    def top(self, buy: bool, count: int) -> list[tuple[int, int]]:
        """The best `count` levels as `(price, total quantity)`."""
        return self._side(buy).top(count)

    def _side(self, buy: bool) -> _Side:
        return self._bids if buy else self._asks
