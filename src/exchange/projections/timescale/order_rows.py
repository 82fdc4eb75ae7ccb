"""What a batch knows of one order: what was added to it, and how it stands at the end.

Most orders are plain: they have none of what the second rules added, and their rows leave those columns empty. What is
rare hangs on the change as `Extra`, so that plain ones neither carry nor write it.
"""

from typing import Final

from exchange.events.types import Accepted, AuctionTrade, Trade
from exchange.projections.timescale.words import OrderStatus
from exchange.terms.instructions import PLAIN

NULL: Final = r"\N"
"""Nothing, in COPY's text format."""


class Extra:
    """What rarely happens to an order: quantity prevented (to add), the price at which it rests (zero: as it was), why
    it ended, and the moment of its activation (both None: as they were)."""

    __slots__ = ("activated", "prevented", "price", "reason")

    def __init__(self) -> None:
        self.prevented = 0
        self.price = 0
        self.reason: str | None = None
        self.activated: str | None = None


class Change:
    """What happened to one order: fills to add, and the newest status and total quantity.

    `status` is None and `quantity` zero where they did not change. `moment` and `entry` are the last event's.
    """

    __slots__ = ("entry", "extra", "fee", "filled", "filled_quote", "moment", "quantity", "status")

    def __init__(self, status: OrderStatus | None, moment: str, entry: int) -> None:
        self.filled = 0
        self.filled_quote = 0
        self.fee = 0
        self.status: OrderStatus | None = status
        self.quantity = 0
        self.moment = moment
        self.entry = entry
        self.extra: Extra | None = None

    def fill(self, trade: Trade | AuctionTrade, fee: int, status: OrderStatus) -> None:
        """Count a trade in."""
        self.filled += trade.quantity
        self.filled_quote += trade.notional
        self.fee += fee
        self.status = status

    def rarer(self) -> Extra:
        """The rare part, made when there is none yet."""
        if self.extra is None:
            self.extra = Extra()
        return self.extra


class Opened:
    """An order that was opened within the batch."""

    __slots__ = ("accepted", "change", "entry", "moment", "simple")

    def __init__(self, accepted: Accepted, moment: str, entry: int) -> None:
        self.accepted = accepted
        self.moment = moment
        self.entry = entry
        self.change = Change("open", moment, entry)
        self.simple = accepted.instructions is PLAIN and not accepted.order_list
        """Whether it asked for nothing of what is rare."""

    def line(self) -> str:
        """The row as it is at the end of the batch, without what is rare."""
        a = self.accepted
        c = self.change
        extra = c.extra
        price = a.price if extra is None else extra.price or a.price
        return (
            f"{a.order}\t{a.account}\t{a.market}\t{a.side}\t{a.order_type}\t{a.tif}\t{price}\t"
            f"{c.quantity or a.quantity}\t{a.quote_amount}\t{c.filled}\t{c.filled_quote}\t{c.fee}\t"
            f"{a.maker_fee}\t{a.taker_fee}\t{c.status}\t{a.client_id}\t"
            f"{self.moment}\t{self.entry}\t{c.moment}\t{c.entry}"
        )

    def whole_line(self) -> str:
        """The row with all its columns."""
        i = self.accepted.instructions
        extra = self.change.extra or Extra()
        rare: list[int | str | None] = [
            i.stop_price or None,
            i.trailing_bps or None,
            i.trailing_amount or None,
            i.expires_ms or None,
            i.post_only or None,
            i.display or None,
            i.stp,
            i.slippage_bps or None,
            self.accepted.order_list or None,
            extra.prevented or None,
            extra.reason or None,
            extra.activated,
        ]
        return "\t".join([self.line(), *[NULL if value is None else str(value) for value in rare]])
