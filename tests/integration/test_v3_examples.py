"""The venue's own worked examples, order by order, and the frame of its door (Binance: faqs/)."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from exchange.settings import Settings
from tests.integration.api_world import World, world
from tests.integration.v3_world import SYMBOL, Trader, trader


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url)) as made:
        await made.start_projector()
        yield made


async def makers(user: Trader) -> list[int]:
    """The bids of the scenarios B and C of stp_faq.md, ten times as large: lots are whole here."""
    placed = [await user.limit("BUY", price, size) for price, size in (("12", "12"), ("11", "13"), ("10", "81"))]
    return [order["orderId"] for order in placed]


async def test_self_trades_without_prevention_are_made(place: World) -> None:
    user = await trader(place)
    maker = await user.limit("BUY", "1", "1", selfTradePreventionMode="NONE")
    taker = await user.limit("SELL", "1", "1", selfTradePreventionMode="NONE")
    assert taker["status"] == "FILLED" and len(taker["fills"]) == 1 and "preventedMatches" not in taker
    assert (await user.shown(maker["orderId"]))["status"] == "FILLED"


async def test_expire_maker_expires_all_that_stand_in_the_way_and_the_taker_rests(place: World) -> None:
    user = await trader(place)
    ids = await makers(user)
    taker = await user.limit("SELL", "10", "30", selfTradePreventionMode="EXPIRE_MAKER")
    assert (taker["status"], taker["executedQty"], taker["fills"]) == ("NEW", "0.0000", [])
    told = [(match["makerOrderId"], match["makerPreventedQuantity"]) for match in taker["preventedMatches"]]
    assert told == list(zip(ids, ("12.0000", "13.0000", "81.0000"), strict=True))
    shown = [await user.shown(id) for id in ids]
    assert [order["preventedQuantity"] for order in shown] == ["12.0000", "13.0000", "81.0000"]
    assert {order["status"] for order in shown} == {"EXPIRED_IN_MATCH"}
    assert [order["preventedMatchId"] for order in shown] == [
        match["preventedMatchId"] for match in taker["preventedMatches"]
    ]


async def test_expire_taker_leaves_the_book_as_it_is(place: World) -> None:
    user = await trader(place)
    ids = await makers(user)
    taker = await user.limit("SELL", "10", "30", selfTradePreventionMode="EXPIRE_TAKER")
    assert (taker["status"], taker["preventedQuantity"]) == ("EXPIRED_IN_MATCH", "30.0000")
    shown = await user.shown(taker["orderId"])
    assert (shown["preventedQuantity"], shown["selfTradePreventionMode"]) == ("30.0000", "EXPIRE_TAKER")
    assert {(await user.shown(id))["status"] for id in ids} == {"NEW"}


async def test_expire_both_ends_both_and_a_market_order_expires_for_want_of_others(place: World) -> None:
    user = await trader(place)
    maker = await user.limit("BUY", "1", "1")
    taker = await user.limit("SELL", "1", "3", selfTradePreventionMode="EXPIRE_BOTH")
    (match,) = taker["preventedMatches"]
    assert (match["takerPreventedQuantity"], match["makerPreventedQuantity"]) == ("3.0000", "1.0000")
    assert taker["preventedQuantity"] == "3.0000"
    assert (await user.shown(maker["orderId"]))["preventedQuantity"] == "1.0000"
    maker = await user.limit("BUY", "1", "1")
    taker = await user.order("SELL", "MARKET", quantity="1", selfTradePreventionMode="EXPIRE_MAKER")
    assert (taker["status"], (await user.shown(maker["orderId"]))["status"]) == ("EXPIRED", "EXPIRED_IN_MATCH")


async def test_decrement_takes_the_smaller_off_both(place: World) -> None:
    user = await trader(place)
    maker = await user.limit("BUY", "1", "6")
    taker = await user.limit("SELL", "1", "2", selfTradePreventionMode="DECREMENT")
    (match,) = taker["preventedMatches"]
    assert (match["takerPreventedQuantity"], match["makerPreventedQuantity"]) == ("2.0000", "2.0000")
    assert taker["status"] == "EXPIRED_IN_MATCH"
    left = await user.shown(maker["orderId"])
    assert (left["status"], left["executedQty"]) == ("NEW", "0.0000")


async def test_a_trailing_stop_waits_for_its_stop_price_then_follows_the_lowest(place: World) -> None:
    """Scenario A of trailing-stop-faq.md, a thousandth of its prices."""
    user, maker, taker = await trader(place), await trader(place, TATA="50"), await trader(place)

    async def trade(*prices: str) -> None:
        for price in prices:
            await maker.limit("SELL", price, "1")
            await taker.order("BUY", "MARKET", quantity="1")

    await trade("40.00")
    stop = {"stopPrice": "44.00", "trailingDelta": "500", "price": "45.00", "timeInForce": "GTC", "quantity": "1"}
    order = await user.order("BUY", "STOP_LOSS_LIMIT", **stop, newOrderRespType="RESULT")
    assert (order["status"], order["workingTime"], order["trailingTime"]) == ("NEW", -1, -1)
    await trade("38.00", "37.00", "40.00", "44.00", "46.00", "43.00", "42.00")
    waits = await user.shown(order["orderId"])
    assert (waits["isWorking"], waits["trailingDelta"], waits["stopPrice"]) == (False, 500, "44.00")
    await trade("44.05")
    assert not (await user.shown(order["orderId"]))["isWorking"]
    await trade("44.10")
    works = await user.shown(order["orderId"])
    assert works["isWorking"] and works["workingTime"] == works["trailingTime"] > order["transactTime"]


async def test_a_full_answer_tells_each_fill_and_what_they_come_to(place: World) -> None:
    """As the FULL response of rest-api.md: a market order through several prices, each with its commission."""
    maker, taker = await trader(place), await trader(place)
    book = (("40.00", "1"), ("39.95", "5"), ("39.90", "2"), ("39.85", "1"), ("39.80", "1"))
    for price, size in book:
        await maker.limit("BUY", price, size)
    sold = await taker.order("SELL", "MARKET", quantity="10")
    assert [(fill["price"], fill["qty"]) for fill in sold["fills"]] == [(price, f"{size}.0000") for price, size in book]
    assert {fill["commissionAsset"] for fill in sold["fills"]} == {"INR"}
    assert sold["fills"][0]["commission"] == "0.10"  # 0.2345 % of 40.00, rounded up
    total = sum(float(price) * int(size) for price, size in book)
    assert sold["status"] == "FILLED"
    assert float(sold["cummulativeQuoteQty"]) == pytest.approx(total)
    rates = (await taker.get("account/commission", symbol=SYMBOL))["standardCommission"]
    assert rates["taker"] == "0.00234500"


async def test_what_is_not_served_is_refused_in_the_doors_own_shape(place: World) -> None:
    for method, path, status in (
        ("GET", "/api/v3/nothing", 404),
        ("POST", "/api/v3/ping", 405),
        ("OPTIONS", "/api/v3/order", 405),
        ("GET", "/sapi/v1/nothing", 404),
    ):
        async with place.session.request(method, f"{place.base}{path}") as response:
            told = await response.json()
            assert (response.status, set(told), told["code"]) == (status, {"code", "msg"}, -1000)
    async with place.session.head(f"{place.base}/api/v3/time") as response:
        assert response.status == 200 and await response.read() == b""
        assert int(response.headers["X-MBX-USED-WEIGHT-1M"]) >= 1
    async with place.session.post(f"{place.base}/api/v3/order", json={"symbol": SYMBOL}) as response:
        assert (response.status, (await response.json())["code"]) == (415, -1000)


async def test_over_the_limit_of_orders_a_replacement_may_still_cancel(
    make_settings: Callable[..., Settings], redis_url: str, database_url: str
) -> None:
    settings = replace(make_settings(redis_url=redis_url, database_url=database_url), limit_orders_10s=3)
    async with world(settings) as place:
        user = await trader(place)
        placed = [await user.limit("BUY", "9.00", "1") for _ in range(3)]
        assert (await user.refused("POST", "order", symbol=SYMBOL, side="BUY", type="MARKET", quantity="1"))[0] == -1015
        assert user.status == 429 and int(user.headers["Retry-After"]) >= 1
        order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "9", "quantity": "1"}
        asked = {**order, "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": placed[0]["orderId"]}
        assert (await user.refused("POST", "order/cancelReplace", **asked))[0] == -1015
        assert len(await user.get("openOrders")) == 3
        only = {**asked, "orderRateLimitExceededMode": "CANCEL_ONLY"}
        told = await user.ask("POST", "order/cancelReplace", **only)
        assert (user.status, told["code"]) == (429, -2021)
        assert told["data"]["cancelResponse"]["status"] == "CANCELED"
        assert told["data"]["newOrderResponse"]["code"] == -1015
        told = await user.ask("POST", "order/cancelReplace", **only)
        assert (user.status, told["code"], told["data"]["newOrderResult"]) == (429, -2022, "NOT_ATTEMPTED")
        only["cancelReplaceMode"] = "ALLOW_FAILURE"
        told = await user.ask("POST", "order/cancelReplace", **only)
        assert (user.status, told["code"], told["data"]["newOrderResult"]) == (400, -2022, "FAILURE")
        only["cancelOrderId"] = placed[1]["orderId"]
        told = await user.ask("POST", "order/cancelReplace", **only)
        assert (user.status, told["code"]) == (409, -2021)
        assert len(await user.get("openOrders")) == 1
