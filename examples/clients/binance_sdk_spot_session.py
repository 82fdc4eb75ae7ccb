"""A trading session with binance-sdk-spot, whose models are strict: REST, streams, the WebSocket API."""

import asyncio
from typing import Any

from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_common.errors import BadRequestError
from binance_sdk_spot.rest_api import models as rest_words
from binance_sdk_spot.spot import Spot
from binance_sdk_spot.websocket_api import models as socket_words
from newcomer import expect, from_command_line


def main() -> None:
    """First what is asked, then what is told."""
    me = from_command_line()
    spot = Spot(
        ConfigurationRestAPI(api_key=me.key, api_secret=me.secret, base_path=me.url, timeout=10_000),
        ConfigurationWebSocketAPI(api_key=me.key, api_secret=me.secret, stream_url=f"{me.ws}/ws-api/v3"),
        ConfigurationWebSocketStreams(stream_url=me.ws),
    )
    bid = rest(spot)
    asyncio.run(listening(spot, bid))
    print("session complete")


def rest(spot: Spot) -> float:
    """Look, trade, change one's mind, be refused, look back; gives the best bid."""
    api = spot.rest_api
    info = api.exchange_info(symbol="BTCUSDT").data()
    expect(info.symbols[0].status == "TRADING", "the market is open")
    book = api.depth("BTCUSDT", limit=20).data()
    bid = float(book.bids[0][0])
    expect(book.last_update_id, f"the best bid is {bid}")
    for name, ask in (
        ("the last day", lambda: api.ticker24hr(symbol="BTCUSDT")),
        (
            "the last hour",
            lambda: api.ticker(symbol="BTCUSDT", window_size=rest_words.TickerWindowSizeEnum.WINDOW_SIZE_1h),
        ),
        ("this day", lambda: api.ticker_trading_day(symbol="BTCUSDT")),
        ("prices", lambda: api.ticker_price(symbols=["BTCUSDT", "ETHUSDT"])),
        ("best prices", lambda: api.ticker_book_ticker(symbol="BTCUSDT")),
        ("the average", lambda: api.avg_price("BTCUSDT")),
        ("trades", lambda: api.get_trades("BTCUSDT", limit=5)),
        ("old trades", lambda: api.historical_trades("BTCUSDT", limit=5)),
        ("aggregate trades", lambda: api.agg_trades("BTCUSDT", limit=5)),
        ("candles", lambda: api.klines("BTCUSDT", rest_words.KlinesIntervalEnum.INTERVAL_1m, limit=3)),
        ("my account", lambda: api.get_account(omit_zero_balances=True)),
        ("my fees", lambda: api.account_commission("BTCUSDT")),
        ("my order counts", lambda: api.rate_limit_order()),
        ("my prevented matches", lambda: api.my_prevented_matches("BTCUSDT", order_id=1)),
        ("my allocations", lambda: api.my_allocations("BTCUSDT")),
        ("the filters that matter to me", lambda: api.my_filters("BTCUSDT")),
    ):
        expect(ask().data() is not None, f"asked for {name}")
    buy, market, limit = (
        rest_words.NewOrderSideEnum.BUY,
        rest_words.NewOrderTypeEnum.MARKET,
        rest_words.NewOrderTypeEnum.LIMIT,
    )
    bought = api.new_order("BTCUSDT", buy, market, quantity=0.01).data()
    expect(bought.status == "FILLED" and bought.fills, "bought 0.01 BTC")
    low = round(bid * 0.9, 2)
    good = rest_words.NewOrderTimeInForceEnum.GTC
    order = api.new_order("BTCUSDT", buy, limit, time_in_force=good, quantity=0.02, price=low).data()
    expect(order.status == "NEW", f"an order at {low} rests")
    amended = api.order_amend_keep_priority("BTCUSDT", new_qty=0.01, order_id=order.order_id).data()
    expect(float(amended.amended_order.qty) == 0.01, "reduced it, and it keeps its place")
    expect(api.order_amendments("BTCUSDT", order.order_id).data(), "the reduction is on record")
    expect(api.get_order("BTCUSDT", order_id=order.order_id).data().orig_qty, "asked for it")
    expect(api.delete_order("BTCUSDT", order_id=order.order_id).data().status == "CANCELED", "cancelled it")
    expect(api.all_orders("BTCUSDT").data(), "the history")
    expect(api.my_trades("BTCUSDT").data(), "my trades")
    expect(api.all_order_list().data() is not None, "my order lists")
    try:
        api.new_order("BTCUSDT", buy, limit, time_in_force=good, quantity=100, price=round(bid, 2))
    except BadRequestError as refused:
        expect("insufficient balance" in str(refused), f"refused more than I have: {refused}")
    else:
        expect(False, "refused more than I have")
    return bid


async def listening(spot: Spot, bid: float) -> None:
    """Hear of the market and of oneself, and ask by the WebSocket API."""
    streams = await spot.websocket_streams.create_connection()
    heard: asyncio.Queue[Any] = asyncio.Queue()
    for stream in (
        await streams.book_ticker("btcusdt"),
        await streams.diff_book_depth("btcusdt"),
        await streams.trade("btcusdt"),
        await streams.mini_ticker("btcusdt"),
    ):
        stream.on("message", heard.put_nowait)

    api = await spot.websocket_api.create_connection()
    mine: asyncio.Queue[Any] = asyncio.Queue()
    subscribed = await api.user_data_stream_subscribe_signature()
    subscribed.stream.on("message", mine.put_nowait)
    buy, market = socket_words.OrderPlaceSideEnum.BUY, socket_words.OrderPlaceTypeEnum.MARKET
    placed = await api.order_place("BTCUSDT", buy, market, quantity=0.01)
    expect(placed.data().result.status == "FILLED", "bought 0.01 BTC by the WebSocket API")
    told = await asyncio.wait_for(mine.get(), 30)
    expect(type(told.actual_instance).__name__ == "ExecutionReport", "heard of my order")
    limit, good = socket_words.OrderPlaceTypeEnum.LIMIT, socket_words.OrderPlaceTimeInForceEnum.GTC
    order = await api.order_place("BTCUSDT", buy, limit, time_in_force=good, quantity=0.01, price=round(bid * 0.9, 2))
    id = order.data().result.order_id
    expect((await api.order_status("BTCUSDT", order_id=id)).data().result.status == "NEW", "asked for an order")
    expect((await api.open_orders_status(symbol="BTCUSDT")).data().result, "it is open")
    expect((await api.order_cancel("BTCUSDT", order_id=id)).data().result, "cancelled it")
    expect((await api.account_status()).data().result.balances, "my money")
    expect((await api.depth("BTCUSDT", limit=5)).data().result.bids, "the book")
    kinds = {type(await asyncio.wait_for(heard.get(), 30)).__name__ for _ in range(30)}
    expect(len(kinds) >= 2, f"heard {', '.join(sorted(kinds))}")
    await api.close_connection(close_session=True)
    await streams.close_connection(close_session=True)


if __name__ == "__main__":
    main()
