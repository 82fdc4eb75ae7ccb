"""What the caller of a command about orders is told: like `replies`, a function of the command's entry.

An order is shown as it stands after the whole entry: what the command set off is in it.
"""

from collections.abc import Iterable

from exchange.api.commanding import Answer
from exchange.api.errors import ApiError, GatewayCode, refusal
from exchange.api.parts import WHOLE, Part, parts, refusal_of
from exchange.commands.types import Amend, Batch, Cancel, CancelReplace, Command, Place
from exchange.events.types import (
    Accepted,
    AllCanceled,
    Amended,
    Canceled,
    Done,
    Event,
    ListDone,
    ListOpened,
    Outcome,
    Trade,
)
from exchange.projections.live import shapes
from exchange.projections.live.orders import CANCELED, DONE, OPEN, PENDING, WAITING, LiveList, LiveOrder, ended_as
from exchange.projections.live.records import Fill
from exchange.projections.live.shapes import Json
from exchange.projections.live.tape import tape_trade
from exchange.projections.live.view import LiveView
from exchange.terms.stream import StreamId
from exchange.terms.words import Side


def placed(view: LiveView, answer: Answer) -> Json:
    """An order with the fills it had at once."""
    events: Iterable[Event] = answer.outcome.events
    if answer.part != WHOLE:
        events = parts(answer.outcome)[answer.part].events
    return _order(view, answer.id, answer.outcome, _accepted(events))


def canceled(view: LiveView, outcome: Outcome) -> Json:
    """What was taken off the book, or no longer waits."""
    return _ended(view, _own_end(outcome.events))


def amended(view: LiveView, outcome: Outcome, order: int) -> Json:
    """An order's new total."""
    return _amended(view, outcome.events, order)


def all_canceled(outcome: Outcome) -> tuple[int, bool]:
    """How many orders ended, and whether more are there."""
    for event in outcome.events:
        if isinstance(event, AllCanceled):
            return event.count, event.more
    raise _lacks("AllCanceled")


def list_placed(view: LiveView, answer: Answer) -> Json:
    """An order list with its orders in `legs`."""
    events = answer.outcome.events
    for event in events:
        if isinstance(event, ListOpened):
            opened = event
            break
    else:
        raise _lacks("ListOpened")
    ms = answer.id[0]
    made = LiveList(opened.order_list, opened.account, opened.market, opened.kind, opened.client_id, opened.orders, ms)
    if any(isinstance(event, ListDone) and event.order_list == made.id for event in events):
        made.status = DONE
    by_id = {event.order: event for event in events if isinstance(event, Accepted)}
    legs = [_order(view, answer.id, answer.outcome, by_id[order]) for order in opened.orders]
    return {**shapes.order_list(made), "legs": legs}


def list_canceled(view: LiveView, outcome: Outcome) -> Json:
    """An order list that is over, with what was left of its orders."""
    events = outcome.events
    first = events.index(_own_end(events))
    ended: list[Json] = []
    for event in events[first:]:
        if isinstance(event, (Canceled, Done)):
            ended.append(_ended(view, event))
        elif isinstance(event, ListDone):
            return {"id": event.order_list, "market": event.market, "status": DONE, "orders": ended}
    raise _lacks("ListDone")


def replaced(view: LiveView, answer: Answer, command: CancelReplace) -> Json:
    """The order that ended and the new one, each with its own error where it was refused; `placed` is null where it was
    not attempted.

    Raises:
        ApiError: nothing was done.
    """
    found = parts(answer.outcome)
    results = [
        _result(view, answer, found.get(index), part) for index, part in enumerate((command.cancel, command.place))
    ]
    if all(result is None or "error" in result for result in results):
        part = found[max(found)]
        raise refusal(part.code, part.field, answer.id)
    return {"canceled": results[0], "placed": results[1]}


def batch(view: LiveView, answer: Answer, command: Batch) -> list[Json]:
    """What became of each part."""
    found = parts(answer.outcome)
    return [_result(view, answer, found[index], item) or {} for index, item in enumerate(command.items)]


def _result(view: LiveView, answer: Answer, part: Part | None, command: Command) -> Json | None:
    """What a part would have been answered alone."""
    if part is None:
        return None
    if part.code:
        return refusal(part.code, part.field).body()
    first = answer.firsts.get(part.index)
    if isinstance(first, ApiError):
        return first.body()
    if first is not None:
        refused = refusal_of(first.outcome, first.part)
        return placed(view, first) if refused is None else refusal(*refused).body()
    if isinstance(command, Place):
        return _order(view, answer.id, answer.outcome, _accepted(part.events))
    if isinstance(command, Amend):
        return _amended(view, part.events, command.order)
    assert isinstance(command, Cancel)  # noqa: S101 - parts are of these three kinds
    return _ended(view, _own_end(part.events))


def _accepted(events: Iterable[Event]) -> Accepted:
    for event in events:
        if isinstance(event, Accepted):
            return event
    raise _lacks("Accepted")


def _order(view: LiveView, id: StreamId, outcome: Outcome, accepted: Accepted) -> Json:
    market = view.markets[accepted.market]
    order = LiveOrder.of(accepted, id[0])
    fills: list[Json] = []
    events = outcome.events
    for event in events[events.index(accepted) + 1 :]:
        if not order.tell(event, id[0]) or not isinstance(event, Trade):
            continue
        trade = tape_trade(id, event)
        if event.taker_order == order.id:
            fill = Fill(trade, order.id, order.kind, "taker", event.taker_fee)
        else:
            fill = Fill(trade, order.id, order.kind, "maker", event.maker_fee, event.rebate)
        fills.append(shapes.fill(fill, market))
    return {**shapes.order(order, market), "fills": fills}


def _own_end(events: list[Event]) -> Canceled | Done:
    """The end that the command itself made: no other is by the owner's hand."""
    for event in events:
        if isinstance(event, Canceled) and not event.reason:
            return event
        if isinstance(event, Done) and event.end == CANCELED and not event.reason:
            return event
    raise _lacks("Canceled")


def _ended(view: LiveView, event: Canceled | Done) -> Json:
    market = view.markets[event.market]
    form = market.format
    kind: Side | None
    if isinstance(event, Canceled):
        kind, price, left = event.side, event.price, event.quantity + event.hidden
        status = ended_as(event.reason)
    else:  # it waited, and the event does not say where: what is asked of the view never changes
        known = view.order(event.account, event.order)
        kind = None if known is None else known.kind
        price = 0 if known is None else known.price
        left, status = event.left, event.end
    return {
        "id": event.order,
        "market": market.name,
        "kind": kind,
        "price": form.price(price) if price else None,
        "canceled": form.quantity(left),
        "status": status,
    }


def _amended(view: LiveView, events: list[Event], order: int) -> Json:
    for event in events:
        if isinstance(event, Amended) and event.order == order:
            break
    else:
        raise _lacks("Amended")
    market = view.markets[event.market]
    form = market.format
    status = OPEN
    if not event.seq and not event.hidden:  # it is not on the book
        known = view.order(event.account, order)
        status = PENDING if known is not None and known.status == PENDING else WAITING
    return {
        "id": order,
        "market": market.name,
        "kind": event.side,
        "price": form.price(event.price) if event.price else None,
        "quantity": form.quantity(event.quantity),
        "reduced_by": form.quantity(event.by + event.hidden),
        "status": status,
    }


def _lacks(kind: str) -> ApiError:
    return ApiError(GatewayCode.INTERNAL, detail=f"The engine's answer has no {kind}.")
