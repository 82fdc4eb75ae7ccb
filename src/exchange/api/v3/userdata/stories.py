"""An order's states within one entry, from before it to after it.

The idea: the view tells what an order is after an entry, but one entry may fill an order in ten trades, and each is
reported with the sums as of then. An order's story needs nothing but its own events (`projections.live.orders`). So
the order is taken back to where it was before the entry, by what the entry's events say they added, and told again,
event by event; at the end it is what the view says.
"""

from collections.abc import Sequence

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
from exchange.projections.live.orders import OPEN, PENDING, WAITING, LiveOrder
from exchange.terms.words import BUY

_GOES_ON = (OPEN, WAITING, PENDING)


def orders_of(event: Event) -> tuple[int, ...]:
    """The orders that an event is about; an uncrossing's or prevented match's other one included."""
    if isinstance(event, (Trade, Prevented)):
        return (event.maker_order, event.taker_order)
    if isinstance(event, (Accepted, Rested, Replenished, Canceled, Amended, Waiting, Activated, Done)):
        return (event.order,)
    if isinstance(event, AuctionTrade):
        return (event.buy_order, event.sell_order)
    return ()


def before(after: LiveOrder, events: Sequence[Event], ms: int) -> LiveOrder:
    """An order as it was before an entry's `events`, of which some are its own; `after` is what it is after all of
    them. One that the entry accepts is given as it was accepted, at the price at which it stands."""
    own = [event for event in events if after.id in orders_of(event)]
    first = own[0]
    if isinstance(first, Accepted):
        order = LiveOrder.of(first, ms)
        order.price = after.price
        return order
    order = LiveOrder(
        after.id,
        after.account,
        after.market,
        after.kind,
        after.type,
        after.tif,
        after.price,
        after.quantity,
        after.quote_amount,
        after.client_id,
        after.created,
        after.instructions,
        after.order_list,
    )
    order.filled, order.prevented = after.filled, after.prevented
    order.paid, order.fee = after.paid, after.fee
    order.activated = after.activated
    order.status = _status(after, own)
    amended = False
    for event in own:
        if isinstance(event, (Trade, AuctionTrade)):
            order.filled -= event.quantity
            if order.paid is not None:
                order.paid -= event.notional
            if order.fee is not None:
                order.fee -= fee_of(event, order)
        elif isinstance(event, Prevented):
            order.prevented -= event.maker_quantity if event.maker_order == order.id else event.taker_quantity
        elif isinstance(event, Amended) and not amended:
            amended = True
            order.quantity = event.quantity + event.by + event.hidden
        elif isinstance(event, Activated):
            order.activated = None
    return order


def fee_of(event: Trade | AuctionTrade, order: LiveOrder) -> int:
    """What an order paid for a trade, in the asset that it received."""
    if isinstance(event, Trade):
        return event.maker_fee if event.maker_order == order.id else event.taker_fee
    return event.buy_fee if order.kind == BUY else event.sell_fee


def _status(after: LiveOrder, own: Sequence[Event]) -> str:
    for event in own:
        if isinstance(event, Activated):
            return WAITING if event.by == "price" else PENDING
        if isinstance(event, (Trade, AuctionTrade, Prevented, Canceled)):
            return OPEN
        if isinstance(event, Done):
            return WAITING  # or pending: it did not stand on the book, and that is over
    return after.status if after.status in _GOES_ON else OPEN
