"""What a command's caller is told: a function of the command's event entry and nothing else. Orders have their
own room, `order_replies`.

So a repetition, on any gateway, gets what the first call got or would have got. The view is asked only for what never
changes: how a market's prices and an asset's amounts are written.
"""

from typing import TypeVar

from exchange.api.errors import ApiError, GatewayCode
from exchange.events.types import (
    AccountStatusSet,
    AssetCreated,
    Deposited,
    Event,
    FeeTiersSet,
    MarketCreated,
    MarketFeesSet,
    MarketLimitsSet,
    MarketStatusSet,
    Outcome,
    RulesSet,
    StpSet,
    SwitchSet,
    TradeGroupSet,
    Transferred,
    Uncrossed,
    WithdrawalReleased,
    WithdrawalReserved,
    WithdrawalSettled,
)
from exchange.projections.live import shapes
from exchange.projections.live.fold_settings import limits_of
from exchange.projections.live.formatting import rate
from exchange.projections.live.records import DepositRecord, LiveMarket, TransferRecord, WithdrawalRecord
from exchange.projections.live.shapes import Json
from exchange.projections.live.view import LiveView
from exchange.terms.stream import StreamId
from exchange.terms.words import AUCTION

_E = TypeVar("_E", bound=Event)


def deposited(view: LiveView, id: StreamId, outcome: Outcome) -> Json:
    """A deposit."""
    event = _only(outcome, Deposited)
    record = DepositRecord(id, event.account, event.asset, event.amount, event.ref)
    return shapes.deposit(record, view.assets[event.asset])


def transferred(view: LiveView, id: StreamId, outcome: Outcome) -> Json:
    """A transfer between accounts."""
    event = _only(outcome, Transferred)
    record = TransferRecord(id, event.account, event.to, event.asset, event.amount, event.ref)
    return shapes.transfer(record, view.assets[event.asset])


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


def uncrossed(view: LiveView, outcome: Outcome, market: str) -> Json:
    """What an auction came to; price and quantity are null while it goes on."""
    form = view.markets[market].format
    price, quantity, status = None, None, AUCTION
    for event in outcome.events:
        if isinstance(event, Uncrossed) and event.market == market:
            price = form.price(event.price) if event.quantity else None
            quantity = form.quantity(event.quantity)
        elif isinstance(event, MarketStatusSet) and event.market == market:
            status = event.status
    return {"market": market, "price": price, "quantity": quantity, "status": status}


def fees_set(outcome: Outcome) -> Json:
    """A market's new fee rates."""
    event = _only(outcome, MarketFeesSet)
    return {
        "market": event.market,
        "maker_fee": rate(event.maker_fee),
        "taker_fee": rate(event.taker_fee),
        "tiered": event.tiered,
    }


def tiers_set(view: LiveView, outcome: Outcome) -> Json:
    """An asset's new fee table."""
    event = _only(outcome, FeeTiersSet)
    return {"asset": event.asset, "tiers": shapes.fee_tiers(event.tiers, view.assets[event.asset])}


def limits_set(view: LiveView, outcome: Outcome) -> Json:
    """A market's new limits."""
    event = _only(outcome, MarketLimitsSet)
    return {"market": event.market, "limits": shapes.limits(limits_of(event), view.markets[event.market].format)}


def account_status_set(outcome: Outcome) -> Json:
    """An account's new status."""
    event = _only(outcome, AccountStatusSet)
    return {"account": event.account, "status": event.status}


def trade_group_set(outcome: Outcome) -> Json:
    """An account's new trade group."""
    event = _only(outcome, TradeGroupSet)
    return {"account": event.account, "trade_group": event.group or None}


def stp_set(outcome: Outcome) -> Json:
    """An account's self-trade prevention."""
    return {"stp": _only(outcome, StpSet).stp}


def switch_set(outcome: Outcome) -> Json:
    """When an account's orders will be cancelled."""
    return {"switch_at": _only(outcome, SwitchSet).at_ms or None}


def rules_set(outcome: Outcome) -> Json:
    """The version of the rules that holds now."""
    event = _only(outcome, RulesSet)
    return {"rules": event.rules, "dedup_names": event.dedup_names}


def _ended(view: LiveView, id: StreamId, event: WithdrawalSettled | WithdrawalReleased, status: str) -> Json:
    record = WithdrawalRecord(event.withdrawal, event.account, event.asset, event.amount, None, None)
    record.status = status
    record.updated = id
    shown = shapes.withdrawal(record, view.assets[event.asset])
    del shown["ref"], shown["position"], shown["created_at"]
    return shown


def _only(outcome: Outcome, kind: type[_E]) -> _E:
    """The command's own event of a kind: the last, since what was due stands before it."""
    for event in reversed(outcome.events):
        if isinstance(event, kind):
            return event
    raise ApiError(GatewayCode.INTERNAL, detail=f"The engine's answer has no {kind.__name__}.")
