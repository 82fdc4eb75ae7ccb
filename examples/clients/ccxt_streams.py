"""A trading session with the WebSocket side of ccxt: streams, own orders, and orders by the WebSocket API."""

import asyncio

import ccxt.pro
from newcomer import expect, from_command_line

BOOK_UPDATES = 30


async def main() -> None:
    """Watch the market, trade, and watch what becomes of it."""
    me = from_command_line()
    exchange = ccxt.pro.binance({"apiKey": me.key, "secret": me.secret})
    exchange.urls["api"].update(
        {
            "public": f"{me.url}/api/v3",
            "private": f"{me.url}/api/v3",
            "v1": f"{me.url}/api/v1",
            "sapi": f"{me.url}/sapi/v1",
        }
    )
    exchange.urls["api"]["ws"]["spot"] = f"{me.ws}/ws"
    exchange.urls["api"]["ws"]["ws-api"]["spot"] = f"{me.ws}/ws-api/v3"
    exchange.options.update(fetchMarkets={"types": ["spot"]}, fetchCurrencies=False, fetchMargins=False)
    try:
        await session(exchange)
    finally:
        await exchange.close()
    print("session complete")


async def session(exchange: ccxt.pro.binance) -> None:
    """What is done."""
    await exchange.load_markets()
    for _ in range(BOOK_UPDATES):  # the client itself raises at a gap
        book = await soon(exchange.watch_order_book("BTC/USDT"))
    bid = book["bids"][0][0]
    expect(bid < book["asks"][0][0], f"{BOOK_UPDATES} updates of the book without a gap")
    orders = asyncio.ensure_future(exchange.watch_orders("BTC/USDT"))
    balances = asyncio.ensure_future(exchange.watch_balance())
    trades = asyncio.ensure_future(exchange.watch_my_trades("BTC/USDT"))
    public = asyncio.ensure_future(exchange.watch_trades("BTC/USDT"))
    ticker = asyncio.ensure_future(exchange.watch_ticker("BTC/USDT"))
    candles = asyncio.ensure_future(exchange.watch_ohlcv("BTC/USDT", "1m"))
    await asyncio.sleep(2)  # ccxt has no word for "subscribed"

    bought = await soon(exchange.create_order_ws("BTC/USDT", "market", "buy", 0.01))
    expect(bought["filled"] == 0.01, f"bought 0.01 BTC by the WebSocket API at {bought['average']}")
    expect((await soon(orders))[-1]["id"] == bought["id"], "saw my order")
    expect((await soon(trades))[-1]["order"] == bought["id"], "saw my trade")
    expect((await soon(balances))["BTC"]["total"] > 1, "saw my balance")
    expect((await soon(public))[-1]["price"], "saw the market's trades")
    expect((await soon(ticker))["last"], "saw the ticker")
    expect((await soon(candles))[-1][4], "saw a candle")

    low = exchange.price_to_precision("BTC/USDT", bid * 0.9)
    orders = asyncio.ensure_future(exchange.watch_orders("BTC/USDT"))  # what comes before one watches is not heard
    order = await soon(exchange.create_order_ws("BTC/USDT", "limit", "buy", 0.01, float(low)))
    seen = (await soon(orders))[-1]
    expect(seen["id"] == order["id"] and seen["status"] == "open", f"an order at {low} rests, and I was told")
    expect((await soon(exchange.fetch_order_ws(order["id"], "BTC/USDT")))["status"] == "open", "asked for it")
    expect(len(await soon(exchange.fetch_open_orders_ws("BTC/USDT"))) == 1, "it is the one open order")
    orders = asyncio.ensure_future(exchange.watch_orders("BTC/USDT"))
    await soon(exchange.cancel_order_ws(order["id"], "BTC/USDT"))
    seen = (await soon(orders))[-1]
    expect(seen["id"] == order["id"] and seen["status"] == "canceled", "cancelled, and I was told")
    account = (await soon(exchange.fetch_balance_ws()))["info"]  # ccxt leaves its balances unread
    expect(any(held["asset"] == "BTC" for held in account["balances"]), "asked for balances")
    expect(len(await soon(exchange.fetch_my_trades_ws("BTC/USDT"))) >= 1, "asked for trades")
    try:
        await soon(exchange.create_order_ws("BTC/USDT", "limit", "buy", 100, bid))
    except ccxt.InsufficientFunds as refused:
        expect(True, f"refused more than I have: {type(refused).__name__}")
    else:
        expect(False, "refused more than I have")
    await soon(exchange.un_watch_order_book("BTC/USDT"))
    expect(True, "left the book")


async def soon(answer):
    """What comes, within half a minute."""
    return await asyncio.wait_for(answer, 30)


if __name__ == "__main__":
    asyncio.run(main())
