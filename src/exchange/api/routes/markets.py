"""Market data, for everybody: assets, markets, depth, trades, tickers, candles, the time."""

from typing import Final

from exchange.api.call import Call, Reply
from exchange.projections.live import shapes
from exchange.projections.live.shapes import Json
from exchange.projections.timescale.candles import INTERVALS
from exchange.projections.timescale.schema import LAST_MS
from exchange.terms.stream import format_id
from exchange.terms.words import MarketStatus

STATUSES: Final[dict[MarketStatus, Json]] = {
    "open": {"orders": "all", "cancel": True, "trading": True},
    "post_only": {"orders": "that rest or wait", "cancel": True, "trading": False},
    "auction": {"orders": "limit orders that rest, and orders that wait", "cancel": True, "trading": False},
    "cancel_only": {"orders": "none", "cancel": True, "trading": False},
    "halted": {"orders": "none", "cancel": False, "trading": False},
}
"""What each status of a market allows; `cancel` includes reducing."""

MAX_LEVELS: Final = 5000
MAX_TRADES: Final = 1000
MAX_CANDLES: Final = 1000


async def time(call: Call) -> Reply:
    """`GET time`."""
    call.query()
    position = call.gateway.view.position
    return Reply({"time": call.gateway.time.now_ms(), "position": format_id(position)}, position)


async def assets(call: Call) -> Reply:
    """`GET assets`."""
    call.query()
    view = call.gateway.view
    return Reply({"assets": [shapes.asset(*asset) for asset in sorted(view.assets.items())]}, view.position)


async def markets(call: Call) -> Reply:
    """`GET markets`."""
    call.query()
    view = call.gateway.view
    shown = [shapes.market(market) for _, market in sorted(view.markets.items())]
    return Reply({"markets": shown, "statuses": STATUSES}, view.position)


async def fee_tiers(call: Call) -> Reply:
    """`GET fee-tiers`."""
    call.query()
    view = call.gateway.view
    shown = [
        {"asset": asset, "tiers": shapes.fee_tiers(tiers, view.assets[asset])}
        for asset, tiers in sorted(view.fee_tiers.items())
    ]
    return Reply({"fee_tiers": shown}, view.position)


async def depth(call: Call) -> Reply:
    """`GET depth`."""
    query = call.query("market", "limit")
    market = call.gateway.market(query.text("market"))
    bids, asks, _ = shapes.depth(market, query.limit(100, MAX_LEVELS))
    data = {"market": market.name, "seq": market.seq, "bids": bids, "asks": asks}
    return Reply(data, call.gateway.view.position)


async def trades(call: Call) -> Reply:
    """`GET trades`."""
    query = call.query("market", "limit")
    view = call.gateway.view
    market = call.gateway.market(query.text("market"))
    limit = query.limit(100, MAX_TRADES)
    newest = [trade for trade, _ in zip(reversed(view.tape.market(market.name).trades), range(limit), strict=False)]
    return Reply({"trades": [shapes.trade(trade, market) for trade in newest]}, view.position)


async def ticker(call: Call) -> Reply:
    """`GET ticker`."""
    query = call.query("market")
    view = call.gateway.view
    now_ms = call.gateway.time.now_ms()
    if "market" in query:
        market = call.gateway.market(query.text("market"))
        return Reply(shapes.ticker(market, view.tape.market(market.name), now_ms), view.position)
    tickers = [shapes.ticker(market, view.tape.market(name), now_ms) for name, market in sorted(view.markets.items())]
    return Reply({"tickers": tickers}, view.position)


async def candles(call: Call) -> Reply:
    """`GET candles`."""
    query = call.query("market", "interval", "limit", "start", "end")
    gateway = call.gateway
    view = gateway.view
    market = gateway.market(query.text("market"))
    interval = query.choice("interval", {name: name for name in INTERVALS})
    found, complete = await gateway.past.candles(
        view,
        market.name,
        interval,
        start_ms=query.number("start", 0, LAST_MS) if "start" in query else None,
        end_ms=query.number("end", 0, LAST_MS - 1) if "end" in query else None,
        limit=query.limit(500, MAX_CANDLES),
    )
    data = {
        "market": market.name,
        "interval": interval,
        "candles": [shapes.candle(candle, market) for candle in found],
        "complete": complete,
    }
    return Reply(data, view.position)
