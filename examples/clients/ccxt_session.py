"""A trading session with ccxt over REST."""

import ccxt
from newcomer import expect, from_command_line


def main() -> None:
    """Look, trade, change one's mind, be refused, look back."""
    me = from_command_line()
    exchange = ccxt.binance({"apiKey": me.key, "secret": me.secret, "enableRateLimit": True})
    exchange.urls["api"].update(
        {
            "public": f"{me.url}/api/v3",
            "private": f"{me.url}/api/v3",
            "v1": f"{me.url}/api/v1",
            "sapi": f"{me.url}/sapi/v1",
        }
    )
    exchange.options.update(fetchMarkets={"types": ["spot"]})

    markets = exchange.load_markets()
    expect("BTC/USDT" in markets, f"{len(markets)} markets and {len(exchange.currencies)} currencies")
    market = markets["BTC/USDT"]
    expect(market["precision"]["price"] == 0.01, f"prices of BTC/USDT go by {market['precision']['price']}")
    expect(abs(exchange.fetch_time() - exchange.milliseconds()) < 5000, "its clock is ours")
    expect(exchange.fetch_status()["status"] == "ok", "it says that it works")

    book = exchange.fetch_order_book("BTC/USDT", 20)
    bid, ask = book["bids"][0][0], book["asks"][0][0]
    expect(bid < ask, f"the book: {bid} to {ask}")
    expect(exchange.fetch_ticker("BTC/USDT")["bid"], "a ticker")
    expect("BTC/USDT" in exchange.fetch_tickers(["BTC/USDT", "ETH/USDT"]), "tickers")
    expect("BTC/USDT" in exchange.fetch_bids_asks(["BTC/USDT"]), "best prices")
    expect(exchange.fetch_last_prices(["BTC/USDT"])["BTC/USDT"]["price"], "last prices")

    balance = exchange.fetch_balance()
    expect(balance["USDT"]["free"] == 50_000, f"{balance['USDT']['free']} USDT to trade with")

    bought = exchange.create_order("BTC/USDT", "market", "buy", 0.01)
    expect(bought["status"] == "closed" and bought["filled"] == 0.01, f"bought 0.01 BTC at {bought['average']}")
    spent = exchange.create_market_buy_order_with_cost("BTC/USDT", 250)
    expect(spent["cost"] <= 250, f"spent {spent['cost']} USDT")
    trades = exchange.fetch_my_trades("BTC/USDT")
    expect(sum(trade["amount"] for trade in trades) >= 0.01, f"{len(trades)} trades of mine, with their fees")
    expect(exchange.fetch_order_trades(bought["id"], "BTC/USDT"), "those of one order")
    expect(exchange.fetch_trades("BTC/USDT", limit=5), "the market's trades")
    candles = exchange.fetch_ohlcv("BTC/USDT", "1m", limit=5)
    expect(candles, f"{len(candles)} candles")

    low = exchange.price_to_precision("BTC/USDT", bid * 0.9)
    order = exchange.create_order("BTC/USDT", "limit", "buy", 0.01, low, {"clientOrderId": "my-own-name"})
    expect(order["status"] == "open", f"an order at {low} rests")
    expect(exchange.fetch_order(order["id"], "BTC/USDT")["clientOrderId"] == "my-own-name", "found by its number")
    expect([o["id"] for o in exchange.fetch_open_orders("BTC/USDT")] == [order["id"]], "it is the one open order")
    moved = exchange.edit_order(order["id"], "BTC/USDT", "limit", "buy", 0.02, low)
    expect(moved["amount"] == 0.02 and moved["id"] != order["id"], "replaced by a larger one")
    ended = exchange.cancel_order(moved["id"], "BTC/USDT")
    expect(ended["status"] == "canceled", "cancelled")

    stop = exchange.create_order(
        "BTC/USDT", "STOP_LOSS_LIMIT", "sell", 0.01, low, {"stopPrice": low, "timeInForce": "GTC"}
    )
    maker = exchange.create_order("BTC/USDT", "limit", "buy", 0.01, low, {"postOnly": True})
    expect(len(exchange.fetch_open_orders("BTC/USDT")) == 2, "a stop and a post-only order wait")
    expect(len(exchange.cancel_all_orders("BTC/USDT")) == 2, "both cancelled at once")
    history = {o["id"]: o["status"] for o in exchange.fetch_orders("BTC/USDT")}
    expect(history[stop["id"]] == history[maker["id"]] == "canceled", f"{len(history)} orders in the history")
    expect(history[bought["id"]] == "closed", "the first of them filled")

    for what, error, ask_for in (
        (
            "more than I have",
            ccxt.InsufficientFunds,
            lambda: exchange.create_order("BTC/USDT", "limit", "buy", 100, bid),
        ),
        ("an unknown order", ccxt.OrderNotFound, lambda: exchange.fetch_order("999999999999", "BTC/USDT")),
        ("to cancel one", ccxt.OrderNotFound, lambda: exchange.cancel_order("999999999999", "BTC/USDT")),
        (
            "a post-only order that would take",
            ccxt.OrderImmediatelyFillable,
            lambda: exchange.create_order("BTC/USDT", "limit", "buy", 0.01, ask * 1.05, {"postOnly": True}),
        ),
        (
            "too small an order",
            ccxt.BadRequest,
            lambda: exchange.create_order("BTC/USDT", "limit", "buy", 0.00001, low),
        ),
    ):
        try:
            ask_for()
        except error as refused:
            expect(True, f"refused {what}: {type(refused).__name__}")
        else:
            expect(False, f"refused {what}")
    exchange.secret = "not the secret"
    try:
        exchange.fetch_balance()
    except ccxt.AuthenticationError as refused:
        expect(True, f"refused a wrong signature: {type(refused).__name__}")
    else:
        expect(False, "refused a wrong signature")
    exchange.secret = me.secret

    fees = exchange.fetch_trading_fees()
    expect(fees["BTC/USDT"]["taker"] == 0.001, "fees")
    expect(exchange.fetch_deposits("USDT")[0]["amount"] == 50_000, "deposits")
    expect(exchange.fetch_withdrawals() == [], "no withdrawals")
    after = exchange.fetch_balance()
    expect(after["BTC"]["total"] > 1 and after["USDT"]["used"] == 0, "balances add up")
    print("session complete")


if __name__ == "__main__":
    main()
