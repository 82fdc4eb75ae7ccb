"""Every route of this door. What is not here is not served; tests and the description go through this list."""

from typing import Final

from exchange.api.v3.call import Call
from exchange.api.v3.declared import Route, endpoint
from exchange.api.v3.openapi import document
from exchange.api.v3.routes import general, info, klines, market, orders, tickers, userstream


@endpoint("This description.", answer={"type": "object"})
async def describe(_: Call) -> object:
    """`GET /api/v3/openapi.json`."""
    return document(ROUTES)


ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/api/v3/ping", general.ping),
    Route("GET", "/api/v3/time", general.time),
    Route("GET", "/api/v3/exchangeInfo", info.exchange_info),
    Route("GET", "/api/v3/executionRules", info.execution_rules),
    Route("GET", "/api/v3/depth", market.depth),
    Route("GET", "/api/v3/trades", market.trades),
    Route("GET", "/api/v3/historicalTrades", market.historical_trades),
    Route("GET", "/api/v3/historicalBlockTrades", market.block_trades),
    Route("GET", "/api/v3/aggTrades", market.aggregate_trades),
    Route("GET", "/api/v3/klines", klines.klines),
    Route("GET", "/api/v3/uiKlines", klines.ui_klines),
    Route("GET", "/api/v3/avgPrice", market.average_price),
    Route("GET", "/api/v3/ticker/24hr", tickers.day),
    Route("GET", "/api/v3/ticker/tradingDay", tickers.trading_day),
    Route("GET", "/api/v3/ticker/price", tickers.price),
    Route("GET", "/api/v3/ticker/bookTicker", tickers.book),
    Route("GET", "/api/v3/ticker", tickers.rolling),
    Route("GET", "/api/v3/referencePrice", market.reference_price),
    Route("GET", "/api/v3/referencePrice/calculation", market.reference_calculation),
    Route("GET", "/api/v3/openapi.json", describe),
    Route("POST", "/api/v3/order", orders.place),
    Route("GET", "/api/v3/order", orders.show),
    Route("DELETE", "/api/v3/order", orders.cancel),
    Route("POST", "/api/v3/userDataStream", userstream.start),
    Route("PUT", "/api/v3/userDataStream", userstream.keep),
    Route("DELETE", "/api/v3/userDataStream", userstream.end),
)
