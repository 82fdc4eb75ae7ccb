"""What the view holds, as the JSON of `docs/api.md`: one function for each shape, used by REST and WebSocket alike."""

from typing import Final

from exchange.commands.types import Limits
from exchange.projections.live.formatting import MarketFormat, percent, rate
from exchange.projections.live.orders import LiveList, LiveOrder
from exchange.projections.live.records import (
    Amendment,
    Balance,
    DepositRecord,
    Fill,
    LiveAccount,
    LiveMarket,
    PreventedMatch,
    TransferRecord,
    WithdrawalRecord,
)
from exchange.projections.live.tape import Candle, MarketTape, TapeTrade
from exchange.terms.amounts import format_decimal
from exchange.terms.instructions import PLAIN, Instructions
from exchange.terms.stream import format_id
from exchange.terms.words import BUY

Json = dict[str, object]


def asset(name: str, decimals: int) -> Json:
    """An asset."""
    return {"asset": name, "decimals": decimals}


def market(shown: LiveMarket) -> Json:
    """A market's terms and status."""
    return {
        "market": shown.name,
        "base": shown.base,
        "quote": shown.quote,
        "tick_size": shown.format.price(shown.tick_size),
        "lot_size": shown.format.quantity(shown.lot_size),
        "min_notional": shown.format.quote(shown.min_notional),
        "maker_fee": rate(shown.maker_fee),
        "taker_fee": rate(shown.taker_fee),
        "tiered": shown.tiered,
        "limits": limits(shown.limits, shown.format),
        "status": shown.status,
        "seq": shown.seq,
    }


def limits(shown: Limits, form: MarketFormat) -> Json:
    """A market's limits; `null`: none."""
    return {
        "reference": form.price(shown.reference) if shown.reference else None,
        "bid_up": shown.bid_up or None,
        "bid_down": shown.bid_down or None,
        "ask_up": shown.ask_up or None,
        "ask_down": shown.ask_down or None,
        "slippage_bps": shown.slippage_bps or None,
        "max_orders": shown.max_orders or None,
        "max_conditional": shown.max_conditional or None,
        "max_parts": shown.max_parts or None,
        "max_position": form.base(shown.max_position) if shown.max_position else None,
        "max_fills": shown.max_fills or None,
    }


def fee_tiers(tiers: list[tuple[int, int, int]], decimals: int) -> list[Json]:
    """A quote asset's fee table, least volumes first; `decimals` are the asset's."""
    return [
        {"volume": format_decimal(least, decimals), "maker_fee": rate(maker), "taker_fee": rate(taker)}
        for least, maker, taker in tiers
    ]


def account(shown: LiveAccount) -> Json:
    """An account's settings."""
    return {
        "account": shown.id,
        "status": shown.status,
        "stp": shown.stp,
        "trade_group": shown.group or None,
        "switch_at": shown.switch_ms or None,
    }


def balance(name: str, decimals: int, shown: Balance) -> Json:
    """A balance."""
    return {
        "asset": name,
        "available": format_decimal(shown.available, decimals),
        "locked": format_decimal(shown.locked, decimals),
    }


def order(shown: LiveOrder, of: LiveMarket) -> Json:
    """An order, without its fills."""
    form = of.format
    buys = shown.kind == BUY
    fee = None
    if shown.fee is not None:
        fee = form.base(shown.fee) if buys else form.quote(shown.fee)
    return {
        "id": shown.id,
        "client_order_id": shown.client_id or None,
        "market": shown.market,
        "type": shown.type,
        "kind": shown.kind,
        "time_in_force": shown.tif,
        "price": form.price(shown.price) if shown.price else None,
        "quantity": form.quantity(shown.quantity) if shown.quantity else None,
        "quote_amount": form.quote(shown.quote_amount) if shown.quote_amount else None,
        "filled": form.quantity(shown.filled),
        "filled_quote": None if shown.paid is None else form.quote(shown.paid),
        "average_price": form.average(shown.paid, shown.filled) if shown.paid is not None and shown.filled else None,
        "fee": fee,
        "fee_asset": of.base if buys else of.quote,
        "status": shown.status,
        "reason": shown.reason or None,
        "created_at": shown.created,
        "updated_at": shown.updated,
        "activated_at": shown.activated,
        "prevented_quantity": form.quantity(shown.prevented),
        "order_list": shown.order_list or None,
        **(_NOT_GIVEN if shown.instructions is PLAIN else _given(shown, form)),
    }


_NOT_GIVEN: Final[Json] = {
    **dict.fromkeys(("stop_price", "trailing_bps", "trailing_amount", "expires_at")),
    **dict.fromkeys(("post_only", "display", "hidden", "stp", "slippage_bps")),
}


def _given(shown: LiveOrder, form: MarketFormat) -> Json:
    given: Instructions = shown.instructions
    return {
        "stop_price": form.price(given.stop_price) if given.stop_price else None,
        "trailing_bps": given.trailing_bps or None,
        "trailing_amount": form.price(given.trailing_amount) if given.trailing_amount else None,
        "expires_at": given.expires_ms or None,
        "post_only": given.post_only or None,
        "display": form.quantity(given.display) if given.display else None,
        "hidden": form.quantity(shown.hidden) if given.display else None,
        "stp": given.stp,
        "slippage_bps": given.slippage_bps or None,
    }


def order_list(shown: LiveList) -> Json:
    """An order list, its members by number."""
    return {
        "id": shown.id,
        "client_list_id": shown.client_id or None,
        "market": shown.market,
        "kind": shown.kind,
        "orders": shown.orders,
        "status": shown.status,
        "created_at": shown.created,
        "updated_at": shown.updated,
    }


def prevented(shown: PreventedMatch, of: LiveMarket) -> Json:
    """A trade with oneself that was not made."""
    form = of.format
    event = shown.event
    return {
        "id": event.prevented,
        "market": of.name,
        "price": form.price(event.price),
        "stp": event.stp,
        "taker_side": event.taker_side,
        "maker_order": event.maker_order,
        "taker_order": event.taker_order,
        "maker_account": event.maker,
        "taker_account": event.taker,
        "maker_quantity": form.quantity(event.maker_quantity),
        "taker_quantity": form.quantity(event.taker_quantity),
        "time": shown.ms,
    }


def amendment(shown: Amendment, of: LiveMarket) -> Json:
    """A reduction of an order."""
    ms, seq, index = shown.key
    return {
        "id": f"{ms}-{seq}-{index}",
        "order": shown.order,
        "quantity": of.format.quantity(shown.quantity),
        "reduced_by": of.format.quantity(shown.by),
        "time": ms,
    }


def fill(shown: Fill, of: LiveMarket) -> Json:
    """One side of a trade, for its owner."""
    form = of.format
    buys = shown.kind == BUY
    return {
        "id": shown.id,
        "trade": shown.trade.id,
        "order": shown.order,
        "market": of.name,
        "kind": shown.kind,
        "price": form.price(shown.trade.price),
        "quantity": form.quantity(shown.trade.quantity),
        "total": form.quote(shown.trade.notional),
        "fee": form.base(shown.fee) if buys else form.quote(shown.fee),
        "fee_asset": of.base if buys else of.quote,
        "rebate": (form.quote(shown.rebate) if buys else form.base(shown.rebate)) if shown.rebate else None,
        "rebate_asset": (of.quote if buys else of.base) if shown.rebate else None,
        "liquidity": shown.liquidity,
        "auction": shown.trade.auction,
        "time": shown.trade.ms,
    }


def trade(shown: TapeTrade, of: LiveMarket) -> Json:
    """A trade, for everybody."""
    return {
        "trade": shown.id,
        "market": of.name,
        "seq": shown.seq,
        "price": of.format.price(shown.price),
        "quantity": of.format.quantity(shown.quantity),
        "total": of.format.quote(shown.notional),
        "taker_side": shown.taker_side,
        "auction": shown.auction,
        "time": shown.ms,
    }


def candle(shown: Candle, of: LiveMarket) -> Json:
    """A candle."""
    form = of.format
    return {
        "time": shown.ms,
        "open": form.price(shown.open),
        "high": form.price(shown.high),
        "low": form.price(shown.low),
        "close": form.price(shown.close),
        "volume": form.quantity(shown.volume),
        "quote_volume": form.quote(shown.quote_volume),
        "trades": shown.trades,
    }


def ticker(of: LiveMarket, tape: MarketTape, now_ms: int) -> Json:
    """The last 24 hours, to the minute, and the best prices."""
    form = of.format
    day = tape.day(now_ms)
    bid = of.bids.best()
    ask = of.asks.best()
    return {
        "market": of.name,
        "last": None if tape.last is None else form.price(tape.last),
        "open": None if day is None else form.price(day.open),
        "high": None if day is None else form.price(day.high),
        "low": None if day is None else form.price(day.low),
        "change": None if day is None else form.price(day.close - day.open),
        "change_percent": None if day is None else percent(day.close - day.open, day.open),
        "volume": form.quantity(0 if day is None else day.volume),
        "quote_volume": form.quote(0 if day is None else day.quote_volume),
        "trades": 0 if day is None else day.trades,
        "bid": None if bid is None else form.price(bid.price),
        "bid_quantity": None if bid is None else form.quantity(bid.quantity),
        "ask": None if ask is None else form.price(ask.price),
        "ask_quantity": None if ask is None else form.quantity(ask.quantity),
        "seq": of.seq,
        "time": now_ms,
    }


def depth(of: LiveMarket, limit: int) -> tuple[list[list[str]], list[list[str]], bool]:
    """The best `limit` levels: bids, asks, and whether those are all."""
    sides: list[list[list[str]]] = []
    for side in (of.bids, of.asks):
        shown: list[list[str]] = []
        for level in side.best_first():
            if len(shown) == limit:
                break
            shown.append([of.format.price(level.price), of.format.quantity(level.quantity)])
        sides.append(shown)
    return sides[0], sides[1], max(len(of.bids.levels), len(of.asks.levels)) <= limit


def deposit(shown: DepositRecord, decimals: int) -> Json:
    """A deposit."""
    return {
        "id": format_id(shown.position),
        "account": shown.account,
        "asset": shown.asset,
        "amount": format_decimal(shown.amount, decimals),
        "ref": shown.ref,
        "time": shown.position[0],
    }


def transfer(shown: TransferRecord, decimals: int) -> Json:
    """A transfer between accounts."""
    return {
        "id": format_id(shown.position),
        "from": shown.account,
        "to": shown.to,
        "asset": shown.asset,
        "amount": format_decimal(shown.amount, decimals),
        "ref": shown.ref,
        "time": shown.position[0],
    }


def withdrawal(shown: WithdrawalRecord, decimals: int) -> Json:
    """A withdrawal."""
    return {
        "id": shown.id,
        "account": shown.account,
        "asset": shown.asset,
        "amount": format_decimal(shown.amount, decimals),
        "ref": shown.ref,
        "status": shown.status,
        "position": None if shown.created is None else format_id(shown.created),
        "created_at": None if shown.created is None else shown.created[0],
        "updated_at": None if shown.updated is None else shown.updated[0],
    }
