"""One order as a reader of the event stream knows it: what was asked for, what became of it, where it stands.

The idea: an order's own story needs nothing but its own events. `LiveOrder.of` begins it and `tell` goes on with it, so
that whoever has an entry in hand (the reply to a command) tells an order exactly as the view does, which adds only the
book and the accounts.

Amounts are smallest units, prices quote units for one whole base unit, times milliseconds since the epoch.
"""

from typing import Final

from exchange.events.types import (
    Accepted,
    Activated,
    Amended,
    AuctionTrade,
    Canceled,
    Done,
    Event,
    Prevented,
    Replenished,
    Rested,
    Trade,
    Waiting,
)
from exchange.terms.instructions import PLAIN, Instructions
from exchange.terms.words import BUY, OrderType, Side, TimeInForce

OPEN: Final = "open"
WAITING: Final = "waiting"
PENDING: Final = "pending"
FILLED: Final = "filled"
CANCELED: Final = "canceled"
EXPIRED: Final = "expired"
EXPIRED_IN_MATCH: Final = "expired_in_match"

_BY_HAND: Final = ("", "switch")
"""The reasons of a `canceled` event that mean its owner; with the others the order has expired."""


def ended_as(reason: str) -> str:
    """The status after a `canceled` event."""
    return CANCELED if reason in _BY_HAND else EXPIRED


class LiveOrder:
    """An order, open or closed.

    `status`: `open` (on the book), `waiting` for its trigger price, `pending` (for its list), or how it ended, with
    `reason` where the events give one. `price` is the one at which it rests. `filled` and `prevented` are base units,
    `paid` (quote units) what it traded for and `fee` what it paid in the asset it received. On the book it shows
    `shown` and hides `hidden`. `activated` is when its trigger or list last called it, or None. `order_list` is zero
    when it belongs to none. `paid`, `fee` and `created` are None where the view began after the order did.
    """

    __slots__ = (
        "account",
        "activated",
        "client_id",
        "created",
        "fee",
        "filled",
        "hidden",
        "id",
        "instructions",
        "kind",
        "market",
        "order_list",
        "paid",
        "prevented",
        "price",
        "quantity",
        "quote_amount",
        "reason",
        "shown",
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
        instructions: Instructions = PLAIN,
        order_list: int = 0,
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
        self.instructions = instructions
        self.order_list = order_list
        self.filled = 0
        self.prevented = 0
        self.shown = 0
        self.hidden = 0
        self.paid: int | None = 0
        self.fee: int | None = 0
        self.status = OPEN
        self.reason = ""
        self.created = created
        self.updated = created
        self.activated: int | None = None

    @classmethod
    def of(cls, event: Accepted, ms: int) -> "LiveOrder":
        """The order at its acceptance."""
        return cls(
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
            ms,
            event.instructions,
            event.order_list,
        )

    @property
    def left(self) -> int:
        """What has neither traded nor been prevented, in base units."""
        return self.quantity - self.filled - self.prevented

    def tell(self, event: Event, ms: int) -> bool:
        """Go on with an event, if it is one of this order's; an order that trades with itself cannot be."""
        if isinstance(event, Trade):
            if event.maker_order == self.id:
                self.trade(event.quantity, event.notional, event.maker_fee, ms)
                if event.maker_left == 0:
                    self.end(FILLED, "", ms)
            elif event.taker_order == self.id:
                self.trade(event.quantity, event.notional, event.taker_fee, ms)
            else:
                return False
            return True
        if isinstance(event, (AuctionTrade, Prevented)):
            return self._meet(event, ms)
        if not isinstance(event, (Rested, Replenished, Canceled, Amended, Waiting, Activated, Done)):
            return False
        if event.order != self.id:
            return False
        if isinstance(event, (Rested, Replenished)):
            self.rest(event)
        elif isinstance(event, Done):
            self.end(event.end, event.reason, ms)
        elif isinstance(event, Canceled):
            self.end(ended_as(event.reason), event.reason, ms)
        elif isinstance(event, Amended):
            self.amend(event, ms)
        elif isinstance(event, Waiting):
            self.wait(event, ms)
        else:
            self.activate(ms)
        return True

    def _meet(self, event: AuctionTrade | Prevented, ms: int) -> bool:
        if isinstance(event, Prevented):
            if event.maker_order == self.id:
                self.prevent(event.maker_quantity, ms)
                if event.maker_left == 0 and event.maker_quantity:
                    self.end(EXPIRED_IN_MATCH, "", ms)
            elif event.taker_order == self.id:
                self.prevent(event.taker_quantity, ms)
            else:
                return False
            return True
        if self.id not in (event.buy_order, event.sell_order):
            return False
        buys = self.kind == BUY
        self.trade(event.quantity, event.notional, event.buy_fee if buys else event.sell_fee, ms)
        if (event.buy_left if buys else event.sell_left) == 0:
            self.end(FILLED, "", ms)
        return True

    def trade(self, quantity: int, notional: int, fee: int, ms: int) -> None:
        """Count a trade of this order."""
        self.filled += quantity
        if self.paid is not None:
            self.paid += notional
        if self.fee is not None:
            self.fee += fee
        self.updated = ms

    def prevent(self, quantity: int, ms: int) -> None:
        """Count what self-trade prevention took off it."""
        self.prevented += quantity
        self.updated = ms

    def rest(self, event: Rested | Replenished) -> None:
        """It stands on the book now; a post-only order may stand elsewhere than it asked for."""
        self.price = event.price
        self.shown = event.quantity
        self.hidden = event.hidden

    def wait(self, event: Waiting, ms: int) -> None:
        """It waits for its price or its list."""
        self.status = WAITING if event.on == "price" else PENDING
        self.updated = ms

    def activate(self, ms: int) -> None:
        """What it waited for has come; what becomes of it follows."""
        self.status = OPEN
        self.activated = ms
        self.updated = ms

    def amend(self, event: Amended, ms: int) -> None:
        """It was reduced to a new total."""
        self.quantity = event.quantity
        self.updated = ms

    def end(self, status: str, reason: str, ms: int) -> None:
        """It is over."""
        self.status = status
        self.reason = reason
        self.updated = ms
        self.shown = self.hidden = 0


class LiveList:
    """An order list: its members by number in the order of the legs. `created` is None where the view began later."""

    __slots__ = ("account", "client_id", "created", "id", "kind", "market", "orders", "status", "updated")

    def __init__(
        self, id: int, account: int, market: str, kind: str, client_id: str, orders: list[int], created: int | None
    ) -> None:
        self.id = id
        self.account = account
        self.market = market
        self.kind = kind
        self.client_id = client_id
        self.orders = orders
        self.status = OPEN
        self.created = created
        self.updated = created


DONE: Final = "done"
"""The status of a list whose members have all ended."""
