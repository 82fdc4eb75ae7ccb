"""Public market data of a whole gateway: in the shape of the venue's published examples, and what happened here."""

import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest

from exchange.api.v3.routes.table import ROUTES
from exchange.settings import Settings
from tests.integration.api_world import MARKET, Client, World, all_projected, eventually, world

SYMBOL = "TATAINR"
MINI = {
    "symbol": "BNBBTC",
    "openPrice": "99.00000000",
    "highPrice": "100.00000000",
    "lowPrice": "0.10000000",
    "lastPrice": "4.00000200",
    "volume": "8913.30000000",
    "quoteVolume": "15.30000000",
    "openTime": 1499783499040,
    "closeTime": 1499869899040,
    "firstId": 28385,
    "lastId": 28460,
    "count": 76,
}
CHANGES = {"priceChange": "-94.99999800", "priceChangePercent": "-95.960", "weightedAvgPrice": "0.29628482"}
WINDOW = {"symbol": "BNBBTC", **CHANGES, **MINI}
DAY = {
    "symbol": "BNBBTC",
    **CHANGES,
    **dict.fromkeys(("prevClosePrice", "lastPrice", "lastQty", "bidPrice", "bidQty", "askPrice", "askQty"), "0.1"),
    **MINI,
}
TRADE = {
    "id": 28457,
    "price": "4.00000100",
    "qty": "12.00000000",
    "quoteQty": "48.000012",
    "time": 1499865549590,
    "isBuyerMaker": True,
    "isBestMatch": True,
}
KLINE = [1499040000000, "0.1", "0.8", "0.1", "0.1", "148976.1", 1499644799999, "2434.1", 308, "1756.8", "28.4", "0"]
BOOK = {"symbol": "LTCBTC", "bidPrice": "4.0", "bidQty": "431.0", "askPrice": "4.0", "askQty": "9.0"}
EXAMPLES: dict[str, Any] = {
    "depth?symbol=S": {"lastUpdateId": 1027024, "bids": [["4.00000000", "431.0"]], "asks": [["4.00000200", "12.0"]]},
    "trades?symbol=S": [TRADE],
    "historicalTrades?symbol=S&fromId=0": [TRADE],
    "aggTrades?symbol=S": [
        {"a": 26129, "p": "0.01", "q": "4.7", "f": 27781, "l": 27781, "T": 1498793709153, "m": True, "M": True}
    ],
    "klines?symbol=S&interval=1h": [KLINE],
    "uiKlines?symbol=S&interval=1M&timeZone=5:45": [KLINE],
    "avgPrice?symbol=S": {"mins": 5, "price": "9.35751834", "closeTime": 1694061154503},
    "ticker/24hr?symbol=S": DAY,
    "ticker/24hr?symbols=L": [DAY],
    "ticker/24hr": [DAY],
    "ticker/24hr?type=MINI&symbol=S": MINI,
    "ticker/tradingDay?symbol=S": WINDOW,
    "ticker/tradingDay?symbols=L&timeZone=8&type=MINI": [MINI],
    "ticker?symbol=S": WINDOW,
    "ticker?symbols=L&windowSize=7d": [WINDOW],
    "ticker?symbol=S&windowSize=59m&type=MINI": MINI,
    "ticker/price?symbol=S": {"symbol": "LTCBTC", "price": "4.00000200"},
    "ticker/price": [{"symbol": "LTCBTC", "price": "4.00000200"}],
    "ticker/bookTicker?symbol=S": BOOK,
    "ticker/bookTicker?symbols=L": [BOOK],
    "executionRules?symbol=S": {"symbolRules": [{"symbol": "BAZUSD", "rules": []}]},
}
"""The published examples: names, their order, and types are what is compared."""

SYMBOL_INFO = [
    *("symbol", "status", "baseAsset", "baseAssetPrecision", "quoteAsset", "quotePrecision", "quoteAssetPrecision"),
    *("baseCommissionPrecision", "quoteCommissionPrecision", "orderTypes", "icebergAllowed", "ocoAllowed"),
    *("otoAllowed", "opoAllowed", "quoteOrderQtyMarketAllowed", "allowTrailingStop", "cancelReplaceAllowed"),
    *("amendAllowed", "pegInstructionsAllowed", "isSpotTradingAllowed", "isMarginTradingAllowed", "filters"),
    *("permissions", "permissionSets", "defaultSelfTradePreventionMode", "allowedSelfTradePreventionModes"),
]


@pytest.fixture
async def traded(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    """A market with five trades of three takers, and orders on both sides."""
    async with world(make_settings(redis_url=redis_url, database_url=database_url)) as made:
        await made.start_projector()
        alice = await made.user(TATA="1000", INR="100000")
        bob = await made.user(TATA="1000", INR="100000")
        for price, quantity in (("100.00", "3"), ("100.00", "2"), ("100.05", "5")):
            assert (await alice.limit("sell", price, quantity)).status == 201
        assert (await bob.limit("buy", "100.05", "7")).status == 201  # 3 and 2 at 100.00, 2 at 100.05
        assert (await alice.limit("buy", "99.00", "4")).status == 201
        assert (await bob.market("sell", quantity="1")).status == 201
        assert (await bob.market("buy", quantity="1")).status == 201
        await eventually(lambda: all_projected(made))
        yield made


async def ask(client: Client, what: str) -> Any:
    path = what.replace("symbol=S", f"symbol={SYMBOL}").replace("symbols=L", f"symbols=%5B%22{SYMBOL}%22%5D")
    async with client.session.get(f"{client.base}/api/v3/{path}") as response:
        return response.status, json.loads(await response.read())


def alike(shown: Any, example: Any, place: str = "") -> None:
    """The same names in the same order, and values of the same types."""
    assert type(shown) is type(example), place
    if isinstance(example, dict):
        assert list(shown) == list(example), place
        for name in example:
            alike(shown[name], example[name], f"{place}.{name}")
    elif isinstance(example, list) and example:
        assert shown, place
        if type(example[0]) in (dict, list):
            for one in shown:
                alike(one, example[0], f"{place}[]")
        else:
            assert [type(one) for one in shown] == [type(one) for one in example], place


async def test_every_answer_has_the_published_shape(traded: World) -> None:
    client = traded.anonymous()
    for what, example in EXAMPLES.items():
        status, shown = await ask(client, what)
        assert status == 200, (what, shown)
        alike(shown, example, what)


async def test_the_websocket_api_gives_the_same_shapes(traded: World) -> None:
    methods = {route.path: route.endpoint.method for route in ROUTES}
    async with traded.session.ws_connect(f"{traded.base}/ws-api/v3") as socket:
        for id, (what, example) in enumerate(EXAMPLES.items()):
            path, _, query = what.partition("?")
            params: dict[str, object] = dict(parse_qsl(query))
            if "symbol" in params:
                params["symbol"] = SYMBOL
            if "symbols" in params:
                params["symbols"] = [SYMBOL]
            await socket.send_json({"id": id, "method": methods[f"/api/v3/{path}"], "params": params})
            told = await socket.receive_json(timeout=10)
            assert (told["id"], told["status"]) == (id, 200), (what, told)
            alike(told["result"], example, what)


async def test_the_answers_say_what_happened(traded: World) -> None:
    client = traded.anonymous()
    _, trades = await ask(client, "trades?symbol=S")
    assert [(t["price"], t["qty"], t["quoteQty"], t["isBuyerMaker"]) for t in trades] == [
        ("100.00", "3.0000", "300.00", False),
        ("100.00", "2.0000", "200.00", False),
        ("100.05", "2.0000", "200.10", False),
        ("99.00", "1.0000", "99.00", True),
        ("100.05", "1.0000", "100.05", False),
    ]
    ids = [t["id"] for t in trades]
    _, aggregates = await ask(client, "aggTrades?symbol=S")
    assert [(a["a"], a["f"], a["l"], a["q"]) for a in aggregates] == [
        (ids[0], ids[0], ids[1], "5.0000"),
        (ids[2], ids[2], ids[2], "2.0000"),
        (ids[3], ids[3], ids[3], "1.0000"),
        (ids[4], ids[4], ids[4], "1.0000"),
    ]
    _, (candle,) = await ask(client, "klines?symbol=S&interval=1d&limit=1")
    assert candle[1:6] == ["100.00", "100.05", "99.00", "100.05", "9.0000"]
    assert candle[7:11] == ["899.15", 5, "8.0000", "800.15"]
    assert candle[6] - candle[0] == 86_400_000 - 1
    _, day = await ask(client, "ticker/24hr?symbol=S")
    assert (day["priceChange"], day["priceChangePercent"], day["weightedAvgPrice"]) == ("0.05", "0.050", "99.91")
    assert (day["firstId"], day["lastId"], day["count"], day["lastQty"]) == (ids[0], ids[4], 5, "1.0000")
    assert (day["bidPrice"], day["bidQty"], day["askPrice"], day["askQty"]) == ("99.00", "3.0000", "100.05", "2.0000")
    _, week = await ask(client, "ticker?symbol=S&windowSize=7d")
    assert {name: week[name] for name in WINDOW if "Time" not in name} == {
        name: day[name] for name in WINDOW if "Time" not in name
    }
    assert week["openTime"] % 60_000 == 0
    _, average = await ask(client, "avgPrice?symbol=S")
    assert (average["price"], average["closeTime"]) == ("99.91", trades[-1]["time"])


async def test_depth_is_good_for_the_book_as_it_stands(traded: World) -> None:
    client, alice = traded.anonymous(), await traded.user(INR="1000")
    _, before = await ask(client, "depth?symbol=S")
    assert before["bids"] == [["99.00", "3.0000"]]
    assert before["asks"] == [["100.05", "2.0000"]]
    assert (await ask(client, "depth?symbol=S&limit=9999"))[1] == before
    await alice.limit("buy", "98.00", "1")
    _, after = await ask(client, "depth?symbol=S")
    assert after["lastUpdateId"] == before["lastUpdateId"] + 1
    assert after["bids"] == [["99.00", "3.0000"], ["98.00", "1.0000"]]
    assert (await ask(client, "depth?symbol=S&limit=1"))[1]["bids"] == [["99.00", "3.0000"]]


async def test_times_are_microseconds_for_who_asks_for_them(traded: World) -> None:
    client = traded.anonymous()
    url = f"{client.base}/api/v3/klines?symbol={SYMBOL}&interval=1m&limit=1"
    async with client.session.get(url, headers={"X-MBX-TIME-UNIT": "MICROSECOND"}) as response:
        (candle,) = await response.json()
    assert candle[0] > 10**15
    assert candle[6] - candle[0] == 60_000_000 - 1


async def test_the_market_is_described_with_its_filters(traded: World) -> None:
    client = traded.anonymous()
    status, shown = await ask(client, "exchangeInfo?symbol=S")
    assert status == 200
    assert list(shown) == ["timezone", "serverTime", "rateLimits", "exchangeFilters", "symbols"]
    assert abs(shown["serverTime"] - time.time() * 1000) < 60_000
    assert all(list(one) == ["rateLimitType", "interval", "intervalNum", "limit"] for one in shown["rateLimits"])
    (market,) = shown["symbols"]
    assert list(market) == SYMBOL_INFO
    assert (market["status"], market["baseAsset"], market["baseAssetPrecision"]) == ("TRADING", "TATA", 4)
    filters = {one["filterType"]: one for one in market["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.05"
    assert filters["LOT_SIZE"]["stepSize"] == "1.0000"
    assert filters["NOTIONAL"]["minNotional"] == filters["MIN_NOTIONAL"]["minNotional"] == "1.00"
    assert {"MARKET_LOT_SIZE", "PERCENT_PRICE_BY_SIDE", "ICEBERG_PARTS", "TRAILING_DELTA"} < set(filters)
    assert {"MAX_NUM_ORDERS", "MAX_NUM_ALGO_ORDERS"} < set(filters)
    assert "MAX_POSITION" not in filters
    limits = {"max_orders": 7, "max_conditional": 3, "max_parts": 9, "max_position": "50", "bid_up": 12000}
    set_ = await traded.operator().call("PUT", f"/api/v1/admin/markets/{MARKET}/limits", limits)
    assert set_.status == 200, set_
    (market,) = (await ask(client, "exchangeInfo?symbols=L"))[1]["symbols"]
    filters = {one["filterType"]: one for one in market["filters"]}
    assert filters["MAX_NUM_ORDERS"]["maxNumOrders"] == 7
    assert filters["MAX_NUM_ALGO_ORDERS"]["maxNumAlgoOrders"] == 3
    assert filters["ICEBERG_PARTS"]["limit"] == 9
    assert filters["MAX_POSITION"]["maxPosition"] == "50.0000"
    assert filters["PERCENT_PRICE_BY_SIDE"]["bidMultiplierUp"] == "1.2000"
    (rules,) = (await ask(client, "executionRules"))[1]["symbolRules"]
    assert rules["rules"][0]["ruleType"] == "PRICE_RANGE"
    assert rules["rules"][0]["bidLimitMultUp"] == "1.2000"


async def test_markets_are_chosen_by_permission_and_status(traded: World) -> None:
    client = traded.anonymous()
    for what, count in (
        ("", 1),
        ("?permissions=SPOT", 1),
        ("?permissions=MARGIN", 0),
        ("?permissions=%5B%22MARGIN%22,%22SPOT%22%5D", 1),
        ("?symbolStatus=TRADING", 1),
        ("?symbolStatus=HALT", 0),
    ):
        status, shown = await ask(client, f"exchangeInfo{what}")
        assert (status, len(shown.get("symbols", []))) == (200, count), (what, shown)
    sets = (await ask(client, "exchangeInfo?showPermissionSets=false"))[1]["symbols"][0]["permissionSets"]
    assert sets == []
    assert (await ask(client, "ticker/price?symbolStatus=BREAK"))[1] == []


REFUSED = (
    ("depth", -1102),
    ("depth?symbol=NONE", -1121),
    ("depth?symbol=S&limit=x", -1100),
    ("depth?symbol=S&symbolStatus=HALT", -1220),
    ("depth?symbol=S&symbolStatus=GONE", -1122),
    ("klines?symbol=S&interval=2m", -1120),
    ("klines?symbol=S&interval=1h&timeZone=15", -1130),
    ("klines?symbol=S&interval=1h&startTime=yesterday", -1100),
    ("aggTrades?symbol=S&fromId=1&startTime=1", -1128),
    ("ticker?windowSize=1d", -1102),
    ("ticker?symbol=S&windowSize=8d", -1130),
    ("ticker/24hr?symbol=S&symbols=L", -1128),
    ("ticker/24hr?symbols=x", -1100),
    ("ticker/price?symbols=%5B%22NONE%22%5D", -1121),
    ("exchangeInfo?symbol=S&permissions=SPOT", -1128),
    ("exchangeInfo?permissions=ALL", -1130),
    ("executionRules?symbol=S&symbolStatus=HALT", -1128),
    ("exchangeInfo?symbol=S&symbolStatus=TRADING", -1128),
    ("exchangeInfo?symbols=%5B%22S%22%5D&symbolStatus=TRADING", -1128),
    ("ticker/24hr?symbol=S&symbols=%5B%22S%22%5D", -1128),
    ("ticker/price?symbols=%5B%5D", -1100),
    ("ticker?symbol=S&windowSize=60m", -1130),
    ("depth?symbol=S&limit=0", -1130),
    ("klines?symbol=S&interval=1h&timeZone=14:01", -1130),
    ("klines?symbol=S&interval=1h&timeZone=-12:01", -1130),
    ("klines?symbol=S&interval=1H", -1120),
    ("trades?symbol=S&fromId=1", -1104),
    ("referencePrice?symbol=S", -2043),
    ("referencePrice/calculation?symbol=S", -2043),
    ("historicalBlockTrades?symbol=S", -1102),
)
"""What is asked, and the code that it is refused with."""


async def test_what_makes_no_sense_is_refused_by_the_published_code(traded: World) -> None:
    client = traded.anonymous()
    for what, code in REFUSED:
        status, shown = await ask(client, what)
        assert (status, shown.get("code")) == (400, code), (what, shown)
