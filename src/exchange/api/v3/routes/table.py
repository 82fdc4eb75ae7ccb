"""Every route of this door. What is not here is not served; tests and the description go through this list."""

from typing import Final

from exchange.api.v3.call import Call
from exchange.api.v3.declared import Route, endpoint
from exchange.api.v3.openapi import document
from exchange.api.v3.routes import (
    account,
    changing,
    general,
    info,
    klines,
    listing,
    lists,
    market,
    orders,
    several,
    sor,
    tickers,
    userstream,
    wallet,
)


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
    Route("POST", "/api/v3/order/test", orders.test),
    Route("GET", "/api/v3/order", orders.show),
    Route("DELETE", "/api/v3/order", orders.cancel),
    Route("POST", "/api/v3/order/cancelReplace", changing.cancel_replace),
    Route("PUT", "/api/v3/order/amend/keepPriority", changing.amend),
    Route("GET", "/api/v3/order/amendments", changing.amendments),
    Route("GET", "/api/v3/openOrders", several.open_orders),
    Route("DELETE", "/api/v3/openOrders", several.cancel_all),
    Route("GET", "/api/v3/allOrders", several.all_orders),
    Route("POST", "/api/v3/order/oco", listing.place_older_oco),
    Route("POST", "/api/v3/orderList/oco", listing.place_oco),
    Route("POST", "/api/v3/orderList/oto", listing.place_oto),
    Route("POST", "/api/v3/orderList/otoco", listing.place_otoco),
    Route("POST", "/api/v3/orderList/opo", listing.place_opo),
    Route("POST", "/api/v3/orderList/opoco", listing.place_opoco),
    Route("GET", "/api/v3/orderList", lists.show),
    Route("DELETE", "/api/v3/orderList", lists.cancel),
    Route("GET", "/api/v3/allOrderList", lists.all_lists),
    Route("GET", "/api/v3/openOrderList", lists.open_lists),
    Route("POST", "/api/v3/sor/order", sor.place),
    Route("POST", "/api/v3/sor/order/test", sor.test),
    Route("GET", "/api/v3/account", account.status),
    Route("GET", "/api/v3/account/commission", account.commission),
    Route("GET", "/api/v3/myTrades", account.trades),
    Route("GET", "/api/v3/myPreventedMatches", account.prevented),
    Route("GET", "/api/v3/myAllocations", account.allocations),
    Route("GET", "/api/v3/myFilters", account.filters),
    Route("GET", "/api/v3/rateLimit/order", account.order_counts),
    Route("GET", "/sapi/v1/system/status", wallet.system_status),
    Route("GET", "/sapi/v1/margin/allPairs", wallet.margin_pairs),
    Route("GET", "/sapi/v1/margin/isolated/allPairs", wallet.margin_pairs),
    Route("GET", "/sapi/v1/capital/config/getall", wallet.assets),
    Route("GET", "/sapi/v1/capital/deposit/hisrec", wallet.deposits),
    Route("GET", "/sapi/v1/capital/withdraw/history", wallet.withdrawals),
    Route("GET", "/sapi/v1/asset/tradeFee", wallet.trade_fees),
    Route("GET", "/sapi/v1/account/apiRestrictions", wallet.key_restrictions),
    Route("GET", "/sapi/v1/account/status", wallet.account_status),
    Route("POST", "/api/v3/userDataStream", userstream.start),
    Route("PUT", "/api/v3/userDataStream", userstream.keep),
    Route("DELETE", "/api/v3/userDataStream", userstream.end),
)
