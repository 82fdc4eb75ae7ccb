"""A trading session with python-binance: REST, streams, own orders as they happen."""

import asyncio

from binance import AsyncClient, BinanceSocketManager, Client, DepthCacheManager
from binance.exceptions import BinanceAPIException
from newcomer import Newcomer, expect, from_command_line


def main() -> None:
    """First the plain client, then the one that listens."""
    me = from_command_line()
    Client.API_URL = AsyncClient.API_URL = f"{me.url}/api"
    Client.MARGIN_API_URL = AsyncClient.MARGIN_API_URL = f"{me.url}/sapi"
    Client.WS_API_URL = AsyncClient.WS_API_URL = f"{me.ws}/ws-api/v3"
    BinanceSocketManager.STREAM_URL = f"{me.ws}/"
    rest(Client(me.key, me.secret))
    asyncio.run(listening(me))
    print("session complete")


def rest(client: Client) -> None:
    """Look, trade, change one's mind, be refused, look back."""
    expect(client.get_system_status()["status"] == 0, "it says that it works")
    expect(client.get_server_time()["serverTime"], "it says what time it is")
    symbol = client.get_symbol_info("BTCUSDT")
    expect({"PRICE_FILTER", "LOT_SIZE", "NOTIONAL"} <= {f["filterType"] for f in symbol["filters"]}, "its filters")
    book = client.get_order_book(symbol="BTCUSDT", limit=20)
    bid, ask = float(book["bids"][0][0]), float(book["asks"][0][0])
    expect(bid < ask, f"the book: {bid} to {ask}")
    expect(client.get_orderbook_ticker(symbol="BTCUSDT")["symbol"] == "BTCUSDT", "the best prices")
    expect(client.get_ticker(symbol="BTCUSDT")["lastPrice"], "the last day")
    expect(len(client.get_all_tickers()) >= 2, "all prices")
    expect(client.get_avg_price(symbol="BTCUSDT")["mins"] == 5, "the average price")
    expect(client.get_asset_balance("USDT")["free"], "my money")
    expect(client.get_trade_fee(symbol="BTCUSDT"), "my fees")

    expect(client.create_test_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01") == {}, "a test order")
    bought = client.order_market_buy(symbol="BTCUSDT", quantity="0.01")
    expect(bought["status"] == "FILLED" and bought["fills"], f"bought 0.01 BTC in {len(bought['fills'])} fills")
    spent = client.order_market_buy(symbol="BTCUSDT", quoteOrderQty="250")
    expect(float(spent["cummulativeQuoteQty"]) <= 250, "spent an amount")
    low = f"{bid * 0.9:.2f}"
    order = client.order_limit_buy(symbol="BTCUSDT", quantity="0.01", price=low)
    expect(order["status"] == "NEW", f"an order at {low} rests")
    expect(client.get_order(symbol="BTCUSDT", orderId=order["orderId"])["price"] == order["price"], "asked for it")
    replaced = client.cancel_replace_order(
        symbol="BTCUSDT",
        side="BUY",
        type="LIMIT",
        timeInForce="GTC",
        cancelReplaceMode="STOP_ON_FAILURE",
        cancelOrderId=order["orderId"],
        quantity="0.02",
        price=low,
    )
    expect(replaced["newOrderResult"] == "SUCCESS", "replaced it")
    id = replaced["newOrderResponse"]["orderId"]
    expect([o["orderId"] for o in client.get_open_orders(symbol="BTCUSDT")] == [id], "it is the one open order")
    expect(client.cancel_order(symbol="BTCUSDT", orderId=id)["status"] == "CANCELED", "cancelled it")
    pair = client.create_oco_order(
        symbol="BTCUSDT",
        side="SELL",
        quantity="0.01",
        aboveType="LIMIT_MAKER",
        abovePrice=f"{ask * 1.1:.2f}",
        belowType="STOP_LOSS_LIMIT",
        belowStopPrice=low,
        belowPrice=low,
        belowTimeInForce="GTC",
    )
    expect(len(pair["orderReports"]) == 2, "an OCO of two orders")
    expect(len(client.get_open_oco_orders()) == 1, "it is open")
    ended = client.cancel_all_open_orders(symbol="BTCUSDT")
    expect(ended[0]["listOrderStatus"] == "ALL_DONE", "cancelled with all the rest")
    expect(client.get_all_orders(symbol="BTCUSDT", limit=10), "the history")
    expect(client.get_my_trades(symbol="BTCUSDT"), "my trades")
    expect(client.get_current_order_count(), "how many orders I placed")
    expect(len(client.get_klines(symbol="BTCUSDT", interval="1m", limit=3)) >= 1, "candles")
    expect(client.get_recent_trades(symbol="BTCUSDT", limit=5), "the market's trades")
    expect(client.get_aggregate_trades(symbol="BTCUSDT", limit=5), "aggregated")
    for what, code, ask_for in (
        (
            "more than I have",
            -2010,
            lambda: client.order_limit_buy(symbol="BTCUSDT", quantity="100", price=f"{bid:.2f}"),
        ),
        ("an unknown symbol", -1121, lambda: client.get_order_book(symbol="NOSUCH")),
        ("an unknown order", -2013, lambda: client.get_order(symbol="BTCUSDT", orderId=999999999999)),
        (
            "a price off the tick",
            -1013,
            lambda: client.order_limit_buy(symbol="BTCUSDT", quantity="1", price="100.001"),
        ),
    ):
        try:
            ask_for()
        except BinanceAPIException as refused:
            expect(refused.code == code, f"refused {what}: {refused.code} {refused.message}")
        else:
            expect(False, f"refused {what}")


async def listening(me: Newcomer) -> None:
    """Hear of the market and of oneself."""
    client = await AsyncClient.create(me.key, me.secret)
    try:
        sockets = BinanceSocketManager(client)
        async with sockets.user_socket() as user, sockets.trade_socket("BTCUSDT") as trades:
            await asyncio.sleep(1)
            order = await client.create_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
            seen = await asyncio.wait_for(trades.recv(), 30)
            expect(seen["e"] == "trade", f"heard of a trade at {seen['p']}")
            while (told := await asyncio.wait_for(user.recv(), 30)).get("X") != "FILLED":
                pass
            expect(told["i"] == order["orderId"], "heard that my order was filled")
        async with sockets.multiplex_socket(["btcusdt@bookTicker", "btcusdt@kline_1m"]) as several:
            streams = {(await asyncio.wait_for(several.recv(), 30))["stream"] for _ in range(20)}
            expect("btcusdt@bookTicker" in streams, f"heard {len(streams)} streams by one connection")
        async with DepthCacheManager(client, "BTCUSDT") as book:
            cache = await asyncio.wait_for(book.recv(), 30)
            expect(cache.get_bids()[0][0] < cache.get_asks()[0][0], "keeps a book of its own")
        placed = await client.ws_create_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
        expect(placed["status"] == "FILLED", "bought by the WebSocket API")
    finally:
        await client.close_connection()


if __name__ == "__main__":
    main()
