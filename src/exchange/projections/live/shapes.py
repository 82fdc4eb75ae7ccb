"""What the view holds, as the JSON of `docs/api.md`: one function for each shape, used by REST and WebSocket alike."""

from exchange.projections.live.book import LiveOrder
from exchange.projections.live.formatting import percent, rate
from exchange.projections.live.records import Balance, DepositRecord, Fill, LiveMarket, WithdrawalRecord
from exchange.projections.live.tape import Candle, MarketTape, TapeTrade
from exchange.terms.amounts import format_decimal
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
        "status": shown.status,
        "seq": shown.seq,
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
        "created_at": shown.created,
        "updated_at": shown.updated,
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
        "liquidity": shown.liquidity,
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
