"""An account as the venue shows it: balances, rates, trades, prevented matches (Binance: rest-api.md)."""

from typing import Final

from exchange.api.v3.shapes.orders import Json
from exchange.api.v3.shapes.placed import commission as fee_of
from exchange.api.v3.shapes.placed import loses
from exchange.api.v3.shapes.words import MODES, NEVER
from exchange.projections.live.records import Fill, LiveAccount, LiveMarket, PreventedMatch
from exchange.projections.live.view import LiveView
from exchange.terms.amounts import FEE_SCALE, format_decimal
from exchange.terms.words import BUY, FROZEN

_RATE_DECIMALS: Final = 8
_SCALE: Final = 10**_RATE_DECIMALS // FEE_SCALE
_POINT: Final = FEE_SCALE // 10_000
_NOTHING: Final = format_decimal(0, _RATE_DECIMALS)


def rate(millionths: int) -> str:
    """A fee rate as a fraction with eight decimals; a rebate is below zero."""
    return format_decimal(millionths * _SCALE, _RATE_DECIMALS)


def account(of: LiveAccount, view: LiveView, rates: tuple[int, int], unit: int, *, omit_zero: bool) -> Json:
    """An account with its balances of every asset that it ever had, or of every asset there is."""
    maker, taker = rates
    trades = of.status != FROZEN
    balances: list[Json] = []
    for asset, decimals in view.assets.items():
        held = of.balances.get(asset)
        free, locked = (0, 0) if held is None else (held.available, held.locked)
        if free or locked or not omit_zero:
            row: Json = {"asset": asset}
            row["free"] = format_decimal(free, decimals)
            row["locked"] = format_decimal(locked, decimals)
            balances.append(row)
    told: Json = {
        "makerCommission": maker // _POINT,
        "takerCommission": taker // _POINT,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": _both_sides(maker, taker),
        "canTrade": trades,
        "canWithdraw": trades,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": view.position[0] * unit,
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
        "uid": of.id,
    }
    if of.group:
        told["tradeGroupId"] = of.group
    return told


def commission(symbol: str, rates: tuple[int, int]) -> Json:
    """What orders of a market pay, in the asset that they receive: nothing special, no tax, no discount."""
    return {
        "symbol": symbol,
        "standardCommission": _both_sides(*rates),
        "specialCommission": _both_sides(0, 0),
        "taxCommission": _both_sides(0, 0),
        "discount": _discount(),
    }


def commission_for_order(rates: tuple[int, int]) -> Json:
    """The same for an order that is tried."""
    none = {"maker": _NOTHING, "taker": _NOTHING}
    return {
        "standardCommissionForOrder": {"maker": rate(rates[0]), "taker": rate(rates[1])},
        "specialCommissionForOrder": none,
        "taxCommissionForOrder": none,
        "discount": _discount(),
    }


def trade(fill: Fill, market: LiveMarket, symbol: str, order_list: int, unit: int) -> Json:
    """The account's side of a trade."""
    form = market.format
    made = fill.trade
    fee, asset = fee_of(fill.kind == BUY, fill.fee, fill.rebate, market)
    return {
        "symbol": symbol,
        "id": made.id,
        "orderId": fill.order,
        "orderListId": order_list or NEVER,
        "price": form.quote(made.price),
        "qty": form.base(made.quantity),
        "quoteQty": form.quote(made.notional),
        "commission": fee,
        "commissionAsset": asset,
        "time": made.ms * unit,
        "isBuyer": fill.kind == BUY,
        "isMaker": fill.liquidity == "maker",
        "isBestMatch": True,
    }


def prevented(match: PreventedMatch, market: LiveMarket, symbol: str, group: int, unit: int) -> Json:
    """A trade that was not made."""
    event = match.event
    told: Json = {
        "symbol": symbol,
        "preventedMatchId": event.prevented,
        "takerOrderId": event.taker_order,
        "makerSymbol": symbol,
        "makerOrderId": event.maker_order,
        "tradeGroupId": group or NEVER,
        "selfTradePreventionMode": MODES[event.stp],
        "price": market.format.quote(event.price),
    }
    told.update(loses(event, market))
    told["transactTime"] = match.ms * unit
    return told


def _both_sides(maker: int, taker: int) -> Json:
    return {"maker": rate(maker), "taker": rate(taker), "buyer": _NOTHING, "seller": _NOTHING}


def _discount() -> Json:
    return {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": None, "discount": _NOTHING}
