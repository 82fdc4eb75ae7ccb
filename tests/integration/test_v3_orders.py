"""Orders at the compatible door: placed, shown, cancelled, refused in the venue's words."""

from collections.abc import AsyncIterator, Callable
from typing import Final

import pytest

from exchange.settings import Settings
from tests.integration.api_world import World, world
from tests.integration.v3_world import SYMBOL, Trader, trader

ACK: Final = {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
RESULT: Final = ACK | {
    "price", "origQty", "executedQty", "origQuoteOrderQty", "cummulativeQuoteQty", "status", "timeInForce", "type",
    "side", "workingTime", "selfTradePreventionMode",
}  # fmt: skip
QUERIED: Final = (RESULT - {"transactTime"}) | {"stopPrice", "icebergQty", "time", "updateTime", "isWorking"}
CANCELED: Final = (RESULT - {"workingTime"}) | {"origClientOrderId"}


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url)) as made:
        await made.start_projector()
        yield made


async def test_an_order_is_placed_shown_traded_and_cancelled_as_documented(place: World) -> None:
    maker, taker = await trader(place), await trader(place)
    rested = await maker.limit("SELL", "10.00", "5", newClientOrderId="mine-1")
    assert set(rested) == RESULT | {"fills"}
    assert (rested["status"], rested["clientOrderId"], rested["orderListId"]) == ("NEW", "mine-1", -1)
    assert rested["fills"] == [] and rested["workingTime"] == rested["transactTime"]
    (shown,) = await maker.get("openOrders", symbol=SYMBOL)
    assert set(shown) == QUERIED
    assert shown == await maker.shown(rested["orderId"])
    assert shown == await maker.get("order", symbol=SYMBOL, origClientOrderId="mine-1")

    bought = await taker.order("BUY", "MARKET", quantity="2")
    assert (bought["status"], bought["type"], bought["timeInForce"]) == ("FILLED", "MARKET", "GTC")
    assert (bought["executedQty"], bought["cummulativeQuoteQty"], bought["price"]) == ("2.0000", "20.00", "0.00")
    assert bought["clientOrderId"] == f"o-{bought['orderId']}"
    (fill,) = bought["fills"]
    assert (fill["price"], fill["qty"], fill["commissionAsset"]) == ("10.00", "2.0000", "TATA")
    assert float(fill["commission"]) > 0
    assert (await taker.get("order", symbol=SYMBOL, origClientOrderId=bought["clientOrderId"]))["status"] == "FILLED"

    part = await maker.shown(rested["orderId"])
    assert (part["status"], part["executedQty"]) == ("PARTIALLY_FILLED", "2.0000")
    gone = await maker.do("DELETE", "order", symbol=SYMBOL, origClientOrderId="mine-1", newClientOrderId="bye")
    assert set(gone) == CANCELED
    assert (gone["status"], gone["origClientOrderId"], gone["clientOrderId"]) == ("CANCELED", "mine-1", "bye")
    assert await maker.get("openOrders") == []
    assert (await maker.shown(rested["orderId"]))["status"] == "CANCELED"
    assert (await maker.refused("DELETE", "order", symbol=SYMBOL, orderId=rested["orderId"])) == (
        -2011, "Unknown order sent."
    )  # fmt: skip


async def test_answers_are_as_long_as_asked_for_and_default_by_type(place: World) -> None:
    user = await trader(place)
    order = {"timeInForce": "GTC", "price": "9.00", "quantity": "1"}
    assert set(await user.order("BUY", "LIMIT", **order, newOrderRespType="ACK")) == ACK
    assert set(await user.order("BUY", "LIMIT", **order, newOrderRespType="RESULT")) == RESULT
    assert set(await user.order("BUY", "LIMIT", **order)) == RESULT | {"fills"}
    maker = {"price": "9.00", "quantity": "1"}
    assert set(await user.order("BUY", "LIMIT_MAKER", **maker)) == ACK
    told = await user.order("BUY", "LIMIT_MAKER", **maker, newOrderRespType="FULL")
    assert (told["type"], told["timeInForce"]) == ("LIMIT_MAKER", "GTC")
    stop = {"quantity": "1", "stopPrice": "15.00"}
    assert set(await user.order("BUY", "STOP_LOSS", **stop)) == ACK
    told = await user.order("BUY", "STOP_LOSS", **stop, newOrderRespType="RESULT")
    assert set(told) == RESULT | {"stopPrice"} and told["workingTime"] == -1
    told = await user.order(
        "BUY", "STOP_LOSS", quantity="1", stopPrice="15.00", trailingDelta=100, newOrderRespType="RESULT"
    )
    assert (told["trailingDelta"], told["trailingTime"]) == (100, -1)
    told = await user.limit("BUY", "9.00", "10", icebergQty="2")
    assert told["icebergQty"] == "2.0000"


async def test_an_immediate_order_expires_and_says_why(place: World) -> None:
    user, other = await trader(place), await trader(place)
    await other.limit("SELL", "10.00", "1")
    told = await user.order("BUY", "LIMIT", timeInForce="FOK", price="10.00", quantity="2")
    assert (told["status"], told["expiryReason"]) == ("EXPIRED", "UNFILLED_FOK_ORDER_EXPIRED")
    told = await user.order("BUY", "LIMIT", timeInForce="IOC", price="10.00", quantity="2")
    assert (told["status"], told["executedQty"]) == ("EXPIRED", "1.0000")
    assert told["expiryReason"] == "UNFILLED_IOC_QUANTITY_EXPIRED"
    await other.limit("SELL", "10.00", "5")
    told = await user.order("BUY", "MARKET", quoteOrderQty="25.00")
    assert (told["status"], told["executedQty"], told["origQuoteOrderQty"]) == ("FILLED", "2.0000", "25.00")
    assert told["origQty"] == "2.0000"
    told = await user.order("BUY", "MARKET", quantity="50")
    assert (told["status"], told["expiryReason"]) == ("EXPIRED", "INSUFFICIENT_LIQUIDITY")


LIMIT: Final = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "10.00", "quantity": "1"}
MAKER: Final = {"side": "BUY", "type": "LIMIT_MAKER", "price": "10.00", "quantity": "1"}
MARKET: Final = {"side": "BUY", "type": "MARKET", "quantity": "1"}
STOP: Final = {"side": "BUY", "type": "STOP_LOSS", "quantity": "1", "stopPrice": "15.00"}
STOP_LIMIT: Final = {**STOP, "type": "STOP_LOSS_LIMIT", "timeInForce": "GTC", "price": "16.00"}
SLOW: Final = "This symbol does not allow the specified self-trade prevention mode."


def without(order: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in order.items() if name not in names}


REFUSED: Final = (
    (without(LIMIT, "side"), -1102, "'side'"),
    (without(LIMIT, "type"), -1102, "'type'"),
    (without(LIMIT, "timeInForce"), -1102, "'timeInForce'"),
    (without(LIMIT, "price"), -1102, "'price'"),
    (without(LIMIT, "quantity"), -1102, "'quantity'"),
    (without(MARKET, "quantity"), -1102, "'quantity' or 'quoteOrderQty'"),
    (without(STOP, "stopPrice"), -1102, "'stopPrice' or 'trailingDelta'"),
    (without(STOP_LIMIT, "timeInForce"), -1102, "'timeInForce'"),
    ({**LIMIT, "side": "HOLD"}, -1117, "Invalid side."),
    ({**LIMIT, "type": "ICEBERG"}, -1116, "Invalid orderType."),
    ({**LIMIT, "timeInForce": "GTD"}, -1115, "Invalid timeInForce."),
    ({**MAKER, "timeInForce": "GTC"}, -1114, "TimeInForce parameter sent when not required."),
    ({**MARKET, "timeInForce": "IOC"}, -1114, "TimeInForce parameter sent when not required."),
    ({**MARKET, "price": "1"}, -1106, "Parameter 'price' sent when not required."),
    ({**LIMIT, "stopPrice": "1"}, -1106, "Parameter 'stopPrice' sent when not required."),
    ({**LIMIT, "quoteOrderQty": "1"}, -1106, "Parameter 'quoteOrderQty' sent when not required."),
    ({**STOP, "icebergQty": "1"}, -1106, "Parameter 'icebergQty' sent when not required."),
    ({**MARKET, "quoteOrderQty": "10"}, -1128, "Combination of optional parameters invalid."),
    ({**LIMIT, "price": "10.001"}, -1111, "Parameter 'price' has too much precision."),
    ({**LIMIT, "quantity": "1.00001"}, -1111, "Parameter 'quantity' has too much precision."),
    ({**LIMIT, "price": "ten"}, -1100, "Illegal characters found in parameter 'price'"),
    ({**LIMIT, "price": "-1"}, -1100, "Illegal characters found in parameter 'price'"),
    ({**LIMIT, "price": "10.01"}, -1013, "Filter failure: PRICE_FILTER"),
    ({**LIMIT, "price": "0"}, -1013, "Filter failure: PRICE_FILTER"),
    ({**LIMIT, "quantity": "1.5"}, -1013, "Filter failure: LOT_SIZE"),
    ({**LIMIT, "quantity": "0"}, -1013, "Filter failure: LOT_SIZE"),
    ({**LIMIT, "price": "0.05"}, -1013, "Filter failure: NOTIONAL"),
    ({**STOP, "trailingDelta": "10000"}, -1013, "Filter failure: TRAILING_DELTA"),
    ({**LIMIT, "icebergQty": "1"}, -2010, "IcebergQty exceeds QTY."),
    ({**LIMIT, "timeInForce": "IOC", "icebergQty": "1"}, -1014, "Unsupported order combination."),
    ({**LIMIT, "price": "10", "quantity": "99999"}, -2010, "Account has insufficient balance for requested action."),
    ({**LIMIT, "pegPriceType": "PRIMARY_PEG"}, -2010, "Pegged orders are not supported for this symbol."),
    ({**LIMIT, "selfTradePreventionMode": "TRANSFER"}, -1013, SLOW),
    ({**LIMIT, "selfTradePreventionMode": "MAYBE"}, -1130, "Data sent for parameter 'selfTradePreventionMode'"),
    ({**LIMIT, "strategyType": "7"}, -1134, "less than 1000000"),
    ({**LIMIT, "newClientOrderId": "no!blanks"}, -1100, "Illegal characters found in parameter 'newClientOrderId'"),
    ({**LIMIT, "newOrderRespType": "LONG"}, -1130, "Data sent for parameter 'newOrderRespType'"),
    ({**LIMIT, "colour": "red"}, -1104, "Not all sent parameters were read"),
    ({**LIMIT, "price": ""}, -1105, "Parameter 'price' was empty."),
)


async def test_what_cannot_be_placed_is_refused_by_the_published_code_and_wording(place: World) -> None:
    user = await trader(place)
    for order, code, text in REFUSED:
        told = await user.refused("POST", "order", **{"symbol": SYMBOL, **{name: str(order[name]) for name in order}})
        assert told[0] == code and text in told[1], (order, told)
    assert await user.refused("POST", "order", **{**LIMIT, "symbol": "NOPE"}) == (-1121, "Invalid symbol.")
    assert await user.get("openOrders") == []


async def test_what_the_market_makes_impossible_is_refused_in_its_own_words(place: World) -> None:
    user, other = await trader(place), await trader(place)
    await other.limit("SELL", "10.00", "2")
    await user.limit("BUY", "10.00", "1")
    told = await user.refused("POST", "order", symbol=SYMBOL, **MAKER)
    assert told == (-2010, "Order would immediately match and take.")
    told = await user.refused("POST", "order", symbol=SYMBOL, **{**STOP, "stopPrice": "9.00"})
    assert told == (-2010, "Order would trigger immediately.")
    first = await user.limit("BUY", "9.00", "1", newClientOrderId="once")
    assert await user.limit("BUY", "9.00", "1", newClientOrderId="once") == first
    told = await user.refused("POST", "order", symbol=SYMBOL, **{**LIMIT, "newClientOrderId": "once"})
    assert told == (-2010, "Duplicate order sent.")
    halted = await place.operator().call("PATCH", "/api/v1/admin/markets/TATA-INR", {"status": "halted"})
    assert halted.status in (200, 201), halted
    assert await user.refused("POST", "order", symbol=SYMBOL, **LIMIT) == (-2010, "Market is closed.")
    told = await user.refused("DELETE", "order", symbol=SYMBOL, orderId=first["orderId"])
    assert told == (-2011, "Market is closed.")


async def test_orders_are_named_by_number_and_client_id_together_or_not_at_all(place: World) -> None:
    user = await trader(place)
    order = await user.limit("BUY", "9.00", "1", newClientOrderId="a")
    id = order["orderId"]
    missing = (-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    assert await user.refused("GET", "order", symbol=SYMBOL) == missing
    assert await user.refused("DELETE", "order", symbol=SYMBOL) == missing
    told = await user.refused("GET", "order", symbol=SYMBOL, orderId=id, origClientOrderId="b")
    assert told == (-2039, "Client order ID is not correct for this order ID.")
    assert (await user.refused("DELETE", "order", symbol=SYMBOL, orderId=id, origClientOrderId="b"))[0] == -2011
    assert await user.refused("GET", "order", symbol=SYMBOL, orderId=10**12) == (-2013, "Order does not exist.")
    restricted = {"symbol": SYMBOL, "orderId": id, "cancelRestrictions": "ONLY_PARTIALLY_FILLED"}
    told = await user.refused("DELETE", "order", **restricted)
    assert told == (-2011, "Order was not canceled due to cancel restrictions.")
    told = await user.refused("DELETE", "order", **{**restricted, "cancelRestrictions": "ONLY_OLD"})
    assert told == (-1145, "Invalid cancelRestrictions")
    gone = await user.do("DELETE", "order", **{**restricted, "cancelRestrictions": "ONLY_NEW"}, origClientOrderId="a")
    assert gone["status"] == "CANCELED"


async def test_times_are_microseconds_for_who_asks_and_headers_count_orders(place: World) -> None:
    user = await trader(place)
    order = await user.limit("BUY", "9.00", "1")
    counted = {name for name in user.headers if name.lower().startswith("x-mbx-order-count-")}
    assert {name.rpartition("-")[2].upper() for name in counted} == {"10S", "1D"}
    user.more_headers = {"X-MBX-TIME-UNIT": "microsecond"}
    assert (await user.shown(order["orderId"]))["time"] == order["transactTime"] * 1000
    user.more_headers = {"X-MBX-TIME-UNIT": "DAY"}
    assert (await user.refused("GET", "openOrders"))[0] == -1194
    assert user.status == 400


async def test_a_form_serves_as_well_as_a_query_and_only_a_query_for_reads(place: World) -> None:
    user: Trader = await trader(place)
    headers = {"X-MBX-APIKEY": user.key.id, "Content-Type": "application/x-www-form-urlencoded"}
    url = f"{place.base}/api/v3/order"
    body = user.key.query(symbol=SYMBOL, **LIMIT)
    async with place.session.post(url, data=body, headers=headers) as response:
        assert response.status == 200
        order = await response.json()
    body = user.key.query(symbol=SYMBOL, orderId=order["orderId"])
    async with place.session.get(url, data=body, headers=headers) as response:
        assert (response.status, (await response.json())["code"]) == (400, -1102)
    async with place.session.delete(url, data=body, headers=headers) as response:
        assert (response.status, (await response.json())["status"]) == (200, "CANCELED")
