"""What plain orders do not have: a trigger, a trail, a time, a hidden part, a list.

It hangs on the order, so that the millions of plain ones pay one empty reference for all of it.
"""

from typing import Final

from exchange.engine.book import Order
from exchange.terms.instructions import Instructions
from exchange.terms.words import NONE, OTO, ListKind, OrderType, SelfTrade, TimeInForce

BOOK: Final = 0
TRIGGER: Final = 1
PENDING: Final = 2
QUEUED: Final = 3
NOWHERE: Final = 4


class Special:
    """The rarer part of an order.

    `order_type`, `tif` and `instructions` are as accepted. `place` says where the order is: on the
    BOOK, waiting for its TRIGGER, PENDING in its list, QUEUED for activation, or NOWHERE yet. `bound`: whether the
    order's own funds are locked (not while it is pending, nor while its pair's are). `conditional`: it still counts as
    waiting for a price. `stop`, `trail` (when absolute) and `extreme` (the lowest or highest price tracked; 0: not
    tracking) are ticks, `funding` the ticks at which a buy without a price is funded. `display` and `shown` are lots of
    an iceberg, zero otherwise. `prevented`: the lots that self-trade prevention took off it.
    """

    def __init__(self, order_type: OrderType, tif: TimeInForce, instructions: Instructions) -> None:
        self.order_type = order_type
        self.tif = tif
        self.instructions = instructions
        self.place = NOWHERE
        self.bound = False
        self.conditional = False
        self.stop = 0
        self.trail = 0
        self.extreme = 0
        self.funding = 0
        self.display = 0
        self.shown = 0
        self.prevented = 0
        self.order_list: OrderList | None = None

    def trailing(self) -> bool:
        """Whether the trigger follows the price."""
        return self.trail > 0 or self.instructions.trailing_bps > 0

    def stp(self) -> SelfTrade:
        """The mode of self-trade prevention in force."""
        mode = self.instructions.stp
        return NONE if mode is None else mode


def shown(order: Order) -> int:
    """The lots that a resting order shows."""
    special = order.special
    if special is None or special.display == 0:
        return order.left
    return special.shown


class OrderList:
    """Orders that depend on each other, in the order of their legs: their `ids`, and in `orders` those that are open,
    None for those that have ended.

    `pair` tells whether the lock of two of them is the list's: `locked` is what the larger binds, in place of their
    own.
    """

    def __init__(self, id: int, account: int, kind: ListKind, client_id: str) -> None:
        self.id = id
        self.account = account
        self.kind = kind
        self.client_id = client_id
        self.ids: list[int] = []
        self.orders: list[Order | None] = []
        self.pair = False
        self.locked = 0

    def live(self) -> list[Order]:
        """The members that have not ended."""
        return [order for order in self.orders if order is not None]

    def partner(self, order: Order) -> Order | None:
        """The other one, while only one of the two can be executed: legs of an OCO, pending legs of an OTOCO."""
        if self.kind == OTO:
            return None
        a, b = self.orders[-2], self.orders[-1]
        if a is order:
            return b
        return a if b is order else None
