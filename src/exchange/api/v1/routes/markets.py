"""Market data, for everybody: assets, markets, depth, trades, tickers, candles, the time."""

from typing import Final

from exchange.api.contract.declared import Shape, Text, Whole, Word, endpoint, optional
from exchange.api.errors import GatewayCode
from exchange.api.v1 import schemas
from exchange.api.v1.call import Call, Reply
from exchange.projections.live import shapes
from exchange.projections.live.checksum import checksum
from exchange.projections.live.shapes import Json
from exchange.projections.timescale.candles import INTERVALS
from exchange.projections.timescale.schema import LAST_MS
from exchange.terms.codes import Code
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

INTERVAL_WORDS: Final = {name: name for name in INTERVALS}

_MARKET: Final[Shape] = {"market": Text()}


@endpoint(
    "The time, and how far this gateway has read the log.",
    answer=schemas.thing(time=schemas.TIME, position=schemas.POSITION),
)
async def time(call: Call) -> Reply:
    """`GET time`."""
    position = call.gateway.view.position
    return Reply({"time": call.gateway.time.now_ms(), "position": format_id(position)}, position)


@endpoint("All assets.", answer=schemas.thing(assets=schemas.many(schemas.ASSET)))
async def assets(call: Call) -> Reply:
    """`GET assets`."""
    view = call.gateway.view
    return Reply({"assets": [shapes.asset(*asset) for asset in sorted(view.assets.items())]}, view.position)


@endpoint(
    "All markets, and what each status allows.",
    answer=schemas.thing(markets=schemas.many(schemas.MARKET), statuses=schemas.STATUSES),
)
async def markets(call: Call) -> Reply:
    """`GET markets`."""
    view = call.gateway.view
    shown = [shapes.market(market) for _, market in sorted(view.markets.items())]
    return Reply({"markets": shown, "statuses": STATUSES}, view.position)


@endpoint("The fee tables by quote asset.", answer=schemas.thing(fee_tiers=schemas.many(schemas.FEE_TIERS)))
async def fee_tiers(call: Call) -> Reply:
    """`GET fee-tiers`."""
    view = call.gateway.view
    shown = [
        {"asset": asset, "tiers": shapes.fee_tiers(tiers, view.assets[asset])}
        for asset, tiers in sorted(view.fee_tiers.items())
    ]
    return Reply({"fee_tiers": shown}, view.position)


@endpoint(
    "A market's book, best first.",
    query={**_MARKET, "limit": Whole(1, 5000, 100)},
    answer=schemas.DEPTH,
    codes=(Code.UNKNOWN_MARKET,),
    weight=5,
)
async def depth(call: Call) -> Reply:
    """`GET depth`."""
    query = call.query()
    market = call.gateway.market(query.text("market"))
    bids, asks, _ = shapes.depth(market, query.number("limit"))
    data = {"market": market.name, "seq": market.seq, "bids": bids, "asks": asks, "checksum": checksum(market)}
    return Reply(data, call.gateway.view.position)


@endpoint(
    "A market's latest trades, newest first.",
    query={**_MARKET, "limit": Whole(1, 1000, 100)},
    answer=schemas.thing(trades=schemas.many(schemas.TRADE)),
    codes=(Code.UNKNOWN_MARKET,),
    weight=5,
)
async def trades(call: Call) -> Reply:
    """`GET trades`."""
    query = call.query()
    view = call.gateway.view
    market = call.gateway.market(query.text("market"))
    limit = query.number("limit")
    newest = [trade for trade, _ in zip(reversed(view.tape.market(market.name).trades), range(limit), strict=False)]
    return Reply({"trades": [shapes.trade(trade, market) for trade in newest]}, view.position)


@endpoint(
    "The last 24 hours of one market, or of all.",
    query={"market": optional(Text())},
    answer=schemas.either(schemas.TICKER, schemas.thing(tickers=schemas.many(schemas.TICKER))),
    codes=(Code.UNKNOWN_MARKET,),
)
async def ticker(call: Call) -> Reply:
    """`GET ticker`."""
    query = call.query()
    view = call.gateway.view
    now_ms = call.gateway.time.now_ms()
    if "market" in query:
        market = call.gateway.market(query.text("market"))
        return Reply(shapes.ticker(market, view.tape.market(market.name), now_ms), view.position)
    tickers = [shapes.ticker(market, view.tape.market(name), now_ms) for name, market in sorted(view.markets.items())]
    return Reply({"tickers": tickers}, view.position)


@endpoint(
    "A market's candles, oldest first.",
    query={
        **_MARKET,
        "interval": Word(INTERVAL_WORDS),
        "limit": Whole(1, 1000, 500),
        "start": optional(Whole(0, LAST_MS)),
        "end": optional(Whole(0, LAST_MS - 1)),
    },
    answer=schemas.thing(
        market=schemas.MARKET_NAME,
        interval=schemas.INTERVAL,
        candles=schemas.many(schemas.CANDLE),
        complete=schemas.FLAG,
    ),
    codes=(Code.UNKNOWN_MARKET, GatewayCode.DATABASE_UNAVAILABLE),
    weight=5,
)
async def candles(call: Call) -> Reply:
    """`GET candles`."""
    query = call.query()
    gateway = call.gateway
    view = gateway.view
    market = gateway.market(query.text("market"))
    interval = query.choice("interval", INTERVAL_WORDS)
    found, complete = await gateway.past.candles(
        view,
        market.name,
        interval,
        start_ms=query.number("start") if "start" in query else None,
        end_ms=query.number("end") if "end" in query else None,
        limit=query.number("limit"),
    )
    data = {
        "market": market.name,
        "interval": interval,
        "candles": [shapes.candle(candle, market) for candle in found],
        "complete": complete,
    }
    return Reply(data, view.position)
