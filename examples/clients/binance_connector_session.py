"""A trading session with binance-connector: REST, streams, a listen key, the WebSocket API."""

import json
import queue
from collections.abc import Callable

from binance.error import ClientError
from binance.spot import Spot
from binance.websocket.spot.websocket_api import SpotWebsocketAPIClient
from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient
from newcomer import Newcomer, expect, from_command_line

Heard = queue.Queue


def main() -> None:
    """First what is asked, then what is told."""
    me = from_command_line()
    spot = Spot(api_key=me.key, api_secret=me.secret, base_url=me.url)
    rest(spot)
    streams(me, spot)
    websocket_api(me)
    print("session complete")


def rest(spot: Spot) -> None:
    """Look, trade, change one's mind, be refused, look back."""
    expect(spot.ping() == {}, "it is there")
    expect(spot.exchange_info(symbol="BTCUSDT")["symbols"][0]["status"] == "TRADING", "the market is open")
    book = spot.depth("BTCUSDT", limit=20)
    bid, ask = float(book["bids"][0][0]), float(book["asks"][0][0])
    expect(bid < ask, f"the book: {bid} to {ask}")
    expect(spot.ticker_24hr(symbols=["BTCUSDT", "ETHUSDT"]), "the last day of two markets")
    expect(spot.rolling_window_ticker(symbol="BTCUSDT", windowSize="2h")["count"] >= 0, "the last two hours")
    expect(spot.account(omitZeroBalances="true")["balances"], "my money")
    bought = spot.new_order("BTCUSDT", "BUY", "MARKET", quantity=0.01)
    expect(bought["status"] == "FILLED", "bought 0.01 BTC")
    low = round(bid * 0.9, 2)
    order = spot.new_order("BTCUSDT", "BUY", "LIMIT", timeInForce="GTC", quantity=0.02, price=low)
    expect(order["status"] == "NEW", f"an order at {low} rests")
    reduced = spot.sign_request(
        "PUT", "/api/v3/order/amend/keepPriority", {"symbol": "BTCUSDT", "orderId": order["orderId"], "newQty": 0.01}
    )
    expect(reduced["amendedOrder"]["qty"].startswith("0.01"), "reduced it, and it keeps its place")
    pair = spot.new_oco_order(
        "BTCUSDT",
        "SELL",
        0.01,
        "LIMIT_MAKER",
        "STOP_LOSS",
        abovePrice=round(ask * 1.1, 2),
        belowStopPrice=low,
    )
    expect(spot.get_oco_order(orderListId=pair["orderListId"])["listOrderStatus"] == "EXECUTING", "an OCO is open")
    expect(spot.cancel_oco_order("BTCUSDT", orderListId=pair["orderListId"]), "cancelled it")
    expect(spot.cancel_open_orders("BTCUSDT"), "cancelled the rest")
    expect(spot.get_orders("BTCUSDT"), "the history")
    expect(spot.my_trades("BTCUSDT", orderId=bought["orderId"]), "the trades of an order")
    expect(spot.query_commission_rates("BTCUSDT")["standardCommission"]["taker"], "what I pay")
    try:
        spot.new_order("BTCUSDT", "BUY", "LIMIT", timeInForce="GTC", quantity=100, price=round(bid, 2))
    except ClientError as refused:
        expect(refused.error_code == -2010, f"refused more than I have: {refused.error_message}")
    else:
        expect(False, "refused more than I have")


def streams(me: Newcomer, spot: Spot) -> None:
    """Hear of the market, and by a listen key of oneself."""
    heard: Heard = queue.Queue()
    client = SpotWebsocketStreamClient(stream_url=me.ws, on_message=lambda _, text: heard.put(json.loads(text)))
    try:
        client.book_ticker(symbol="BTCUSDT", id=1)
        client.diff_book_depth(symbol="BTCUSDT", speed=100, id=2)
        key = spot.new_listen_key()["listenKey"]
        spot.renew_listen_key(key)
        client.user_data(listen_key=key, id=3)
        hear(heard, lambda told: told.get("id") == 3)
        spot.new_order("BTCUSDT", "BUY", "MARKET", quantity=0.01)
        expect(hear(heard, lambda told: told.get("e") == "executionReport")["s"] == "BTCUSDT", "heard of my order")
        expect(hear(heard, lambda told: told.get("e") == "depthUpdate")["U"], "heard changes of the book")
        spot.close_listen_key(key)
    finally:
        client.stop()


def websocket_api(me: Newcomer) -> None:
    """Ask by the WebSocket API."""
    heard: Heard = queue.Queue()
    client = SpotWebsocketAPIClient(
        f"{me.ws}/ws-api/v3", me.key, me.secret, on_message=lambda _, text: heard.put(json.loads(text))
    )
    try:
        client.ping_connectivity(id="here")
        expect(hear(heard, lambda told: told.get("id") == "here")["status"] == 200, "the WebSocket API is there")
        client.new_order(
            id=7,
            symbol="BTCUSDT",
            side="BUY",
            type="LIMIT",
            timeInForce="GTC",
            price=1000,
            quantity=0.01,
            newClientOrderId="by-socket",
        )
        placed = hear(heard, lambda told: told.get("id") == 7)
        expect(placed["status"] == 200, "placed an order with numbers for amounts")
        client.cancel_order(symbol="BTCUSDT", id=8, origClientOrderId="by-socket")
        expect(hear(heard, lambda told: told.get("id") == 8)["result"]["status"] == "CANCELED", "cancelled it")
        client.account(id=9)
        expect(hear(heard, lambda told: told.get("id") == 9)["result"]["balances"], "my money")
        client.user_data_start(id=10)
        expect(hear(heard, lambda told: told.get("id") == 10)["status"], "asked for a listen key")
    finally:
        client.stop()


def hear(heard: Heard, wanted: Callable[[dict], bool]) -> dict:
    """The next message that is wanted, within half a minute."""
    while not wanted(told := heard.get(timeout=30)):
        pass
    return told


if __name__ == "__main__":
    main()
