"""What a command's caller is told: a function of the command's event entry and nothing else.

So a repetition, on any gateway, gets what the first call got or would have got. The view is asked only for what never
changes: how a market's prices and an asset's amounts are written.
"""

from typing import TypeVar

from exchange.api.errors import ApiError, GatewayCode
from exchange.events.types import (
    Accepted,
    Amended,
    AssetCreated,
    Canceled,
    Deposited,
    Done,
    Event,
    MarketCreated,
    MarketFeesSet,
    MarketStatusSet,
    Outcome,
    Trade,
    WithdrawalReleased,
    WithdrawalReserved,
    WithdrawalSettled,
)
from exchange.projections.live import shapes
from exchange.projections.live.formatting import rate
from exchange.projections.live.orders import EXPIRED, FILLED, LiveOrder
from exchange.projections.live.records import DepositRecord, Fill, LiveMarket, WithdrawalRecord
from exchange.projections.live.shapes import Json
from exchange.projections.live.tape import tape_trade
from exchange.projections.live.view import LiveView
from exchange.terms.stream import StreamId

_E = TypeVar("_E", bound=Event)


def placed(view: LiveView, id: StreamId, outcome: Outcome) -> Json:
    """An order with the fills it had at once."""
    accepted = _only(outcome, Accepted)
    market = view.markets[accepted.market]
    order = LiveOrder(
        accepted.order,
        accepted.account,
        accepted.market,
        accepted.side,
        accepted.order_type,
        accepted.tif,
        accepted.price,
        accepted.quantity,
        accepted.quote_amount,
        accepted.client_id,
        id[0],
    )
    fills: list[Json] = []
    for event in outcome.events:
        if isinstance(event, Trade):
            order.trade(event.quantity, event.notional, event.taker_fee, id[0])
            fill = Fill(tape_trade(id, event), order.id, order.kind, "taker", event.taker_fee)
            fills.append(shapes.fill(fill, market))
        elif isinstance(event, Done):
            order.status = FILLED if event.end == "filled" else EXPIRED
    return {**shapes.order(order, market), "fills": fills}


def canceled(view: LiveView, outcome: Outcome) -> Json:
    """What was taken off the book."""
    event = _only(outcome, Canceled)
    market = view.markets[event.market]
    return {
        **_resting(event.order, event.side, event.price, market),
        "canceled": market.format.quantity(event.quantity),
        "status": "canceled",
    }


def amended(view: LiveView, outcome: Outcome) -> Json:
    """An order's new total."""
    event = _only(outcome, Amended)
    market = view.markets[event.market]
    return {
        **_resting(event.order, event.side, event.price, market),
        "quantity": market.format.quantity(event.quantity),
        "reduced_by": market.format.quantity(event.by),
        "status": "open",
    }


def deposited(view: LiveView, id: StreamId, outcome: Outcome) -> Json:
    """A deposit."""
    event = _only(outcome, Deposited)
    record = DepositRecord(id, event.account, event.asset, event.amount, event.ref)
    return shapes.deposit(record, view.assets[event.asset])


def reserved(view: LiveView, id: StreamId, outcome: Outcome) -> Json:
    """A pending withdrawal."""
    event = _only(outcome, WithdrawalReserved)
    record = WithdrawalRecord(event.withdrawal, event.account, event.asset, event.amount, event.ref, id)
    return shapes.withdrawal(record, view.assets[event.asset])


def settled(view: LiveView, id: StreamId, outcome: Outcome) -> Json:
    """A withdrawal whose money has left."""
    return _ended(view, id, _only(outcome, WithdrawalSettled), "settled")


def released(view: LiveView, id: StreamId, outcome: Outcome) -> Json:
    """A withdrawal whose money is available again."""
    return _ended(view, id, _only(outcome, WithdrawalReleased), "released")


def asset_created(outcome: Outcome) -> Json:
    """A new asset."""
    event = _only(outcome, AssetCreated)
    return shapes.asset(event.asset, event.decimals)


def market_created(view: LiveView, outcome: Outcome) -> Json:
    """A new market."""
    event = _only(outcome, MarketCreated)
    base, quote = event.market.split("-")
    market = LiveMarket(
        event.market,
        view.assets[base],
        view.assets[quote],
        event.tick_size,
        event.lot_size,
        event.min_notional,
        event.maker_fee,
        event.taker_fee,
    )
    return shapes.market(market)


def status_set(outcome: Outcome) -> Json:
    """A market's new status."""
    event = _only(outcome, MarketStatusSet)
    return {"market": event.market, "status": event.status}


def fees_set(outcome: Outcome) -> Json:
    """A market's new fee rates."""
    event = _only(outcome, MarketFeesSet)
    return {"market": event.market, "maker_fee": rate(event.maker_fee), "taker_fee": rate(event.taker_fee)}


def _resting(order: int, kind: str, price: int, market: LiveMarket) -> Json:
    return {"id": order, "market": market.name, "kind": kind, "price": market.format.price(price)}


def _ended(view: LiveView, id: StreamId, event: WithdrawalSettled | WithdrawalReleased, status: str) -> Json:
    record = WithdrawalRecord(event.withdrawal, event.account, event.asset, event.amount, None, None)
    record.status = status
    record.updated = id
    shown = shapes.withdrawal(record, view.assets[event.asset])
    del shown["ref"], shown["position"], shown["created_at"]
    return shown


def _only(outcome: Outcome, kind: type[_E]) -> _E:
    for event in outcome.events:
        if isinstance(event, kind):
            return event
    raise ApiError(GatewayCode.INTERNAL, detail=f"The engine's answer has no {kind.__name__}.")
