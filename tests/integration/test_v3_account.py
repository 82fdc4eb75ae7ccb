"""Account, histories, trial orders and the wallet's calls at the compatible door."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

import pytest

from exchange.settings import Settings
from tests.integration.api_world import World, all_projected, eventually, world
from tests.integration.v3_world import SYMBOL, trader


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url)) as made:
        await made.start_projector()
        yield made


async def test_the_account_is_shown_with_its_balances_rates_and_restrictions(place: World) -> None:
    user = await trader(place, INR="100")
    await user.limit("BUY", "10.00", "1")
    told = await user.get("account")
    assert {row["asset"]: (row["free"], row["locked"]) for row in told["balances"]} == {
        "TATA": ("0.0000", "0.0000"),
        "INR": ("90.00", "10.00"),
    }
    assert [row["asset"] for row in (await user.get("account", omitZeroBalances="true"))["balances"]] == ["INR"]
    assert told["commissionRates"]["maker"] == "0.00100000" and told["makerCommission"] == 10
    assert (await user.get("account/commission", symbol=SYMBOL))["standardCommission"]["taker"] == "0.00234500"
    counts = await user.get("rateLimit/order")
    assert [(row["intervalNum"], row["interval"]) for row in counts] == [(10, "SECOND"), (1, "DAY")]
    filters = await user.get("myFilters", symbol=SYMBOL)
    assert "LOT_SIZE" in {row["filterType"] for row in filters["symbolFilters"]}
    assert await user.get("myAllocations", symbol=SYMBOL) == []
    (fee,) = await user.get("/sapi/v1/asset/tradeFee", symbol=SYMBOL)
    assert fee == {"symbol": SYMBOL, "makerCommission": "0.00100000", "takerCommission": "0.00234500"}
    assert {row["coin"] for row in await user.get("/sapi/v1/capital/config/getall")} == {"TATA", "INR"}
    assert (await user.get("/sapi/v1/account/apiRestrictions"))["enableReading"]
    assert await user.get("/sapi/v1/account/status") == {"data": "Normal"}
    for path in ("margin/allPairs", "margin/isolated/allPairs"):
        assert await user.get(f"/sapi/v1/{path}") == []
    assert await user.get("/sapi/v1/system/status") == {"status": 0, "msg": "normal"}
    await eventually(lambda: all_projected(place))
    (paid,) = await user.get("/sapi/v1/capital/deposit/hisrec", coin="INR")
    assert (paid["amount"], paid["status"]) == ("100.00", 1)
    assert await user.get("/sapi/v1/capital/deposit/hisrec", coin="TATA") == []
    assert await user.get("/sapi/v1/capital/withdraw/history") == []


async def test_orders_and_trades_are_paged_from_a_number_or_a_moment_whole_to_the_end(place: World) -> None:
    user, other = await trader(place), await trader(place)
    ids: list[int] = []
    times: list[int] = []
    for turn in range(6):
        order = await user.limit("BUY", "10.00", "2")
        ids.append(order["orderId"])
        times.append(order["transactTime"])
        await other.order("SELL", "MARKET", quantity="2" if turn < 5 else "1")
        await asyncio.sleep(0.003)
        if turn == 2:
            await eventually(lambda: all_projected(place))
            await place.stop_projector()
    orders = await user.get("allOrders", symbol=SYMBOL)
    assert [order["orderId"] for order in orders] == ids  # the database knows half of them
    assert orders[5]["status"] == "PARTIALLY_FILLED"

    async def numbers(**asked: object) -> list[int]:
        return [order["orderId"] for order in await user.get("allOrders", symbol=SYMBOL, **asked)]

    async def fills(**asked: object) -> list[int]:
        return [trade["orderId"] for trade in await user.get("myTrades", symbol=SYMBOL, **asked)]

    for behind in (True, False):
        assert await numbers(limit=2) == ids[-2:]
        assert await numbers(orderId=ids[1], limit=3) == ids[1:4]
        assert await numbers(startTime=times[1], limit=2) == ids[1:3]
        assert await numbers(endTime=times[3], limit=2) == ids[2:4]
        assert await numbers(startTime=times[1] * 1000, endTime=times[4]) == ids[1:5]
        trades = await user.get("myTrades", symbol=SYMBOL)
        assert [trade["orderId"] for trade in trades] == ids
        assert all(trade["isMaker"] and trade["isBuyer"] and trade["orderListId"] == -1 for trade in trades)
        assert trades[0]["quoteQty"] == "20.00" and trades[0]["commissionAsset"] == "TATA"
        assert await fills(fromId=trades[2]["id"], limit=2) == ids[2:4]
        assert await fills(orderId=ids[3]) == [ids[3]]
        assert await fills(orderId=ids[3], fromId=trades[4]["id"]) == []
        assert await fills(startTime=trades[4]["time"]) == ids[4:]
        assert await fills(endTime=trades[1]["time"]) == ids[:2]
        assert await fills(startTime=trades[1]["time"], endTime=trades[2]["time"]) == ids[1:3]
        if behind:
            await place.start_projector()
            await eventually(lambda: all_projected(place))
    day = 24 * 60 * 60 * 1000
    told = await user.refused("GET", "allOrders", symbol=SYMBOL, startTime=1, endTime=day + 2)
    assert told == (-1127, "More than 24 hours between startTime and endTime.")
    assert (await user.refused("GET", "myTrades", symbol=SYMBOL, startTime=1, fromId=1))[0] == -1128
    assert (await user.refused("GET", "myTrades", symbol=SYMBOL, endTime=1, orderId=1))[0] == -1128


async def test_trades_with_oneself_are_prevented_and_listed(place: World) -> None:
    user = await trader(place)
    makers = [await user.limit("BUY", price, "2") for price in ("12.00", "11.00")]
    taker = await user.limit("SELL", "10.00", "3", selfTradePreventionMode="EXPIRE_MAKER")
    assert taker["status"] == "NEW"
    assert [match["makerOrderId"] for match in taker["preventedMatches"]] == [maker["orderId"] for maker in makers]
    assert taker["preventedMatches"][0]["makerPreventedQuantity"] == "2.0000"
    gone = await user.shown(makers[0]["orderId"])
    assert (gone["status"], gone["preventedQuantity"]) == ("EXPIRED_IN_MATCH", "2.0000")
    asked = {"symbol": SYMBOL, "preventedMatchId": gone["preventedMatchId"]}
    (match,) = await user.get("myPreventedMatches", **asked)
    assert (match["price"], match["selfTradePreventionMode"]) == ("12.00", "EXPIRE_MAKER")
    assert "takerPreventedQuantity" not in match
    both = await user.get("myPreventedMatches", symbol=SYMBOL, orderId=taker["orderId"])
    assert len(both) == 2 and both[0] == match
    rest = {"symbol": SYMBOL, "orderId": taker["orderId"], "fromPreventedMatchId": both[1]["preventedMatchId"]}
    assert await user.get("myPreventedMatches", **rest) == both[1:]
    listed = {order["orderId"]: order for order in await user.get("allOrders", symbol=SYMBOL)}
    assert listed[makers[0]["orderId"]] == gone
    assert (await user.refused("GET", "myPreventedMatches", symbol=SYMBOL))[0] == -1102
    told = await user.limit("BUY", "10.00", "1", selfTradePreventionMode="EXPIRE_BOTH")
    assert (told["status"], told["preventedQuantity"]) == ("EXPIRED_IN_MATCH", "1.0000")


ORDER: Final = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "10.00", "quantity": "1"}
TRIED: Final = (
    ORDER,
    {**ORDER, "price": "10.01"},
    {**ORDER, "quantity": "1.5"},
    {**ORDER, "price": "0.05"},
    {**ORDER, "quantity": "99999"},
    {**ORDER, "side": "SELL", "quantity": "99999"},
    {**ORDER, "icebergQty": "1"},
    {"side": "BUY", "type": "LIMIT_MAKER", "price": "11.00", "quantity": "1"},
    {"side": "BUY", "type": "MARKET", "quantity": "5"},
    {"side": "BUY", "type": "MARKET", "quantity": "90"},
    {"side": "SELL", "type": "MARKET", "quoteOrderQty": "0.50"},
    {"side": "BUY", "type": "STOP_LOSS", "quantity": "1", "stopPrice": "9.00"},
    {"side": "BUY", "type": "STOP_LOSS", "quantity": "1", "stopPrice": "12.02"},
    {
        "side": "BUY",
        "type": "TAKE_PROFIT_LIMIT",
        "timeInForce": "GTC",
        "quantity": "90",
        "price": "9",
        "stopPrice": "9",
    },
    {"side": "SELL", "type": "STOP_LOSS", "quantity": "1", "stopPrice": "12.00"},
)


async def test_a_trial_says_of_every_order_what_placing_it_says_and_places_nothing(place: World) -> None:
    maker, user = await trader(place), await trader(place, INR="500", TATA="10")
    for price in ("11.00", "12.00"):
        await maker.limit("SELL", price, "50")
    await maker.limit("BUY", "8.00", "50")
    other = await trader(place)
    await other.order("BUY", "MARKET", quantity="1")
    for order in TRIED:
        tried = await user.ask("POST", "order/test", symbol=SYMBOL, **order)
        assert await user.get("openOrders") == []
        placed = await user.ask("POST", "order", symbol=SYMBOL, **order, newOrderRespType="ACK")
        if "code" in tried:
            assert tried == placed, order
        else:
            assert tried == {} and "orderId" in placed, (order, placed)
            await user.ask("DELETE", "openOrders", symbol=SYMBOL)
    rates = await user.do("POST", "order/test", symbol=SYMBOL, **ORDER, computeCommissionRates="true")
    assert rates["standardCommissionForOrder"] == {"maker": "0.00100000", "taker": "0.00234500"}


async def test_what_is_somebody_elses_is_as_unknown_as_what_never_was(place: World) -> None:
    owner, thief = await trader(place), await trader(place)
    order = await owner.limit("BUY", "9.00", "5", newClientOrderId="secret")
    sell = {"symbol": SYMBOL, "side": "SELL", "quantity": "2", "aboveType": "LIMIT_MAKER", "abovePrice": "12.00"}
    stop = {"belowType": "STOP_LOSS", "belowStopPrice": "8.00", "listClientOrderId": "ours"}
    pair = await owner.do("POST", "orderList/oco", **sell, **stop)
    number, group, never = order["orderId"], pair["orderListId"], 10**9
    replace = {"cancelReplaceMode": "STOP_ON_FAILURE", **ORDER}
    for method, path, mine, unknown in (
        ("GET", "order", {"orderId": number}, {"orderId": never}),
        ("GET", "order", {"origClientOrderId": "secret"}, {"origClientOrderId": "never"}),
        (
            "GET",
            "order",
            {"origClientOrderId": f"o-{pair['orders'][0]['orderId']}"},
            {"origClientOrderId": f"o-{never}"},
        ),
        ("DELETE", "order", {"orderId": number}, {"orderId": never}),
        ("DELETE", "order", {"origClientOrderId": "secret"}, {"origClientOrderId": "never"}),
        ("PUT", "order/amend/keepPriority", {"orderId": number, "newQty": "1"}, {"orderId": never, "newQty": "1"}),
        ("GET", "order/amendments", {"orderId": number}, {"orderId": never}),
        ("POST", "order/cancelReplace", {"cancelOrderId": number, **replace}, {"cancelOrderId": never, **replace}),
        ("DELETE", "orderList", {"orderListId": group}, {"orderListId": never}),
        ("DELETE", "orderList", {"listClientOrderId": "ours"}, {"listClientOrderId": "never"}),
        ("GET", "myTrades", {"orderId": number}, {"orderId": never}),
        ("GET", "myPreventedMatches", {"orderId": number}, {"orderId": never}),
    ):
        told = await thief.ask(method, path, symbol=SYMBOL, **mine)
        status = thief.status
        assert told == await thief.ask(method, path, symbol=SYMBOL, **unknown), (method, path)
        assert status == thief.status
    for name, ours, nobodys in (("orderListId", group, never), ("origClientOrderId", "ours", "never")):
        told = await thief.refused("GET", "orderList", **{name: ours})
        assert told == await thief.refused("GET", "orderList", **{name: nobodys})
    assert len(await owner.get("openOrders")) == 3
