"""What became of orders, read from the events in the words of Binance Spot (`enums.md`, order status)."""

from dataclasses import dataclass

from exchange.events.types import (
    Accepted,
    Activated,
    Amended,
    Canceled,
    Done,
    Event,
    Prevented,
    Trade,
    Waiting,
)
from exchange.terms.amounts import parse_decimal
from tests.unit.engine.venue import Venue

_DONE = {
    "filled": "FILLED",
    "expired": "EXPIRED",
    "expired_in_match": "EXPIRED_IN_MATCH",
    "canceled": "CANCELED",
}


@dataclass
class Report:
    """An order as the venue would report it: quantities in base units, `paid` (cumulative quote) in quote units."""

    status: str
    quantity: int
    executed: int = 0
    paid: int = 0
    prevented: int = 0


def report(venue: Venue, order: int) -> Report:
    """What the events so far tell of an order."""
    return reports(venue.told)[order]


def reports(events: list[Event]) -> dict[int, Report]:
    """All orders that the events tell of."""
    found: dict[int, Report] = {}
    for event in events:
        if isinstance(event, Accepted):
            found[event.order] = Report("NEW", event.quantity)
        elif isinstance(event, Waiting) and event.on == "list":
            found[event.order].status = "PENDING_NEW"
        elif isinstance(event, Activated):
            found[event.order].status = "NEW"
        elif isinstance(event, Amended):
            found[event.order].quantity = event.quantity
        elif isinstance(event, Trade):
            for number in (event.maker_order, event.taker_order):
                order = found[number]
                order.executed += event.quantity
                order.paid += event.notional
                order.status = "FILLED" if order.executed == order.quantity else "PARTIALLY_FILLED"
        elif isinstance(event, Prevented):
            found[event.taker_order].prevented += event.taker_quantity
            maker = found[event.maker_order]
            maker.prevented += event.maker_quantity
            if event.maker_quantity and not event.maker_left:
                maker.status = "EXPIRED_IN_MATCH"
        elif isinstance(event, Done):
            found[event.order].status = _DONE[event.end]
        elif isinstance(event, Canceled):
            found[event.order].status = "CANCELED" if event.reason in {"", "switch"} else "EXPIRED"
    return found


def amount(text: str, decimals: int) -> int:
    """A published decimal string in smallest units."""
    return parse_decimal(text.replace(",", ""), decimals)
