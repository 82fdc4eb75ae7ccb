"""Orders made smaller, replaced, cancelled together; order lists; at the compatible door."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from exchange.settings import Settings
from tests.integration.api_world import World, all_projected, eventually, world
from tests.integration.v3_world import SYMBOL, Trader, trader


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url)) as made:
        await made.start_projector()
        yield made


async def test_an_order_is_reduced_in_its_place_and_each_reduction_is_told(place: World) -> None:
    user, other = await trader(place), await trader(place)
    order = await user.limit("BUY", "10.00", "5", newClientOrderId="small")
    await other.limit("BUY", "10.00", "3")
    amend = {"symbol": SYMBOL, "origClientOrderId": "small"}
    told = await user.do("PUT", "order/amend/keepPriority", **amend, newQty="4", newClientOrderId="small")
    assert (told["amendedOrder"]["qty"], told["amendedOrder"]["status"]) == ("4.0000", "NEW")
    await user.do("PUT", "order/amend/keepPriority", symbol=SYMBOL, orderId=order["orderId"], newQty="2")
    sold = await other.order("SELL", "MARKET", quantity="1", selfTradePreventionMode="EXPIRE_TAKER")
    assert sold["status"] == "FILLED"  # what was reduced is still the first in its level
    assert (await user.shown(order["orderId"]))["executedQty"] == "1.0000"
    for more, refused in (
        ({"newQty": "2"}, (-2038, "The requested action would change no state; rejecting")),
        ({"newQty": "9"}, (-2038, "Order amend (quantity increase) is not supported.")),
        ({"newQty": "0"}, (-1013, "Filter failure: LOT_SIZE")),
        (
            {"newQty": "1", "newClientOrderId": "other"},
            (-1130, "Data sent for parameter 'newClientOrderId' is not valid."),
        ),
        ({"newQty": "1.00001"}, (-1111, "Parameter 'newQty' has too much precision.")),
    ):
        assert await user.refused("PUT", "order/amend/keepPriority", **amend, **more) == refused
    assert (await user.refused("PUT", "order/amend/keepPriority", **amend, newQty="1"))[0] == -2038
    asked = {"symbol": SYMBOL, "orderId": order["orderId"]}
    first, second = await user.get("order/amendments", **asked)
    assert (first["origQty"], first["newQty"], first["executionId"]) == ("5.0000", "4.0000", told["executionId"])
    assert (second["origQty"], second["newQty"]) == ("4.0000", "2.0000")
    assert await user.get("order/amendments", **asked, fromExecutionId=second["executionId"]) == [second]
    assert await user.get("order/amendments", **asked, fromExecutionId=0, limit=1) == [first]
    assert await user.get("order/amendments", **asked, limit=1) == [second]


def replacement(**more: object) -> dict[str, object]:
    order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "9.00", "quantity": "1"}
    return {**order, "cancelReplaceMode": "STOP_ON_FAILURE", **more}


async def test_an_order_is_cancelled_and_another_placed_or_both_outcomes_are_told(place: World) -> None:
    user = await trader(place)
    order = await user.limit("BUY", "8.00", "1")
    both = await user.do("POST", "order/cancelReplace", **replacement(cancelOrderId=order["orderId"]))
    assert (both["cancelResult"], both["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert (both["cancelResponse"]["orderId"], both["newOrderResponse"]["price"]) == (order["orderId"], "9.00")

    unknown = {"code": -2011, "msg": "Unknown order sent."}
    told = await user.ask("POST", "order/cancelReplace", **replacement(cancelOrderId=order["orderId"]))
    assert (user.status, told["code"], told["msg"]) == (400, -2022, "Order cancel-replace failed.")
    assert told["data"] == {
        "cancelResult": "FAILURE",
        "newOrderResult": "NOT_ATTEMPTED",
        "cancelResponse": unknown,
        "newOrderResponse": None,
    }
    again = replacement(cancelOrigClientOrderId="nobody", cancelReplaceMode="ALLOW_FAILURE")
    told = await user.ask("POST", "order/cancelReplace", **again)
    assert (user.status, told["code"], told["data"]["cancelResponse"]) == (409, -2021, unknown)
    assert (told["data"]["newOrderResult"], told["data"]["newOrderResponse"]["status"]) == ("SUCCESS", "NEW")

    poor = {"code": -2010, "msg": "Account has insufficient balance for requested action."}
    told = await user.ask("POST", "order/cancelReplace", **{**again, "quantity": "50000"})
    assert (user.status, told["code"], told["data"]["newOrderResponse"]) == (400, -2022, poor)
    last = both["newOrderResponse"]["orderId"]
    told = await user.ask("POST", "order/cancelReplace", **replacement(cancelOrderId=last, quantity="50000"))
    assert (user.status, told["code"]) == (409, -2021)
    assert (told["data"]["cancelResponse"]["status"], told["data"]["newOrderResponse"]) == ("CANCELED", poor)
    restricted = replacement(
        cancelOrderId=(await user.get("openOrders"))[0]["orderId"], cancelRestrictions="ONLY_PARTIALLY_FILLED"
    )
    told = await user.ask("POST", "order/cancelReplace", **restricted)
    assert told["data"]["cancelResponse"]["msg"] == "Order was not canceled due to cancel restrictions."
    assert await user.refused("POST", "order/cancelReplace", **{**restricted, "price": "9.01"}) == (
        -2022, "Order cancel-replace failed."
    )  # fmt: skip


async def oco(user: Trader, **more: object) -> Any:
    sell = {"symbol": SYMBOL, "side": "SELL", "quantity": "2", "aboveType": "LIMIT_MAKER", "abovePrice": "12.00"}
    stop = {"belowType": "STOP_LOSS_LIMIT", "belowStopPrice": "8.00", "belowPrice": "7.95", "belowTimeInForce": "GTC"}
    return await user.do("POST", "orderList/oco", **sell, **stop, **more)


async def test_a_pair_is_placed_shown_and_cancelled_as_one(place: World) -> None:
    user = await trader(place)
    made = await oco(user, listClientOrderId="pair", aboveClientOrderId="up", belowClientOrderId="down")
    assert (made["contingencyType"], made["listStatusType"], made["listOrderStatus"]) == (
        "OCO", "EXEC_STARTED", "EXECUTING"
    )  # fmt: skip
    assert [report["type"] for report in made["orderReports"]] == ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]
    assert [member["clientOrderId"] for member in made["orders"]] == ["down", "up"]
    assert [report["workingTime"] == -1 for report in made["orderReports"]] == [True, False]
    shown = await user.get("orderList", orderListId=made["orderListId"])
    assert {**shown, "orderReports": made["orderReports"]} == made
    assert await user.get("orderList", origClientOrderId="pair") == shown
    assert await user.get("openOrderList") == [shown]

    gone = await user.do("DELETE", "order", symbol=SYMBOL, origClientOrderId="up")
    assert (gone["orderListId"], gone["listOrderStatus"]) == (made["orderListId"], "ALL_DONE")
    assert [report["status"] for report in gone["orderReports"]] == ["CANCELED", "CANCELED"]
    assert await user.get("openOrderList") == [] == await user.get("openOrders")
    told = await user.refused("DELETE", "orderList", symbol=SYMBOL, listClientOrderId="pair")
    assert told == (-2011, "Unknown order sent.")

    second = await oco(user)
    assert second["listClientOrderId"] == f"l-{second['orderListId']}"
    gone = await user.do("DELETE", "orderList", symbol=SYMBOL, listClientOrderId=second["listClientOrderId"])
    assert {report["status"] for report in gone["orderReports"]} == {"CANCELED"}
    await eventually(lambda: all_projected(place))
    lists = await user.get("allOrderList", fromId=0)
    assert [one["orderListId"] for one in lists] == [made["orderListId"], second["orderListId"]]
    assert await user.get("allOrderList", fromId=second["orderListId"]) == lists[1:]
    assert await user.refused("GET", "orderList", orderListId=10**9) == (-2013, "Order does not exist.")


async def test_an_order_calls_another_once_it_is_filled(place: World) -> None:
    user, other = await trader(place), await trader(place)
    working = {"workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "10.00", "workingQuantity": "1"}
    pending = {"pendingType": "LIMIT", "pendingSide": "SELL", "pendingPrice": "11.00", "pendingQuantity": "1"}
    times = {"workingTimeInForce": "GTC", "pendingTimeInForce": "GTC"}
    made = await user.do("POST", "orderList/oto", symbol=SYMBOL, **working, **pending, **times)
    assert [report["status"] for report in made["orderReports"]] == ["NEW", "PENDING_NEW"]
    assert made["contingencyType"] == "OTO" and made["orderReports"][1]["workingTime"] == -1
    await other.order("SELL", "MARKET", quantity="1")
    called = await user.shown(made["orders"][1]["orderId"])
    assert (called["status"], called["isWorking"]) == ("NEW", True)

    pair = {
        "pendingSide": "SELL",
        "pendingQuantity": "1",
        "pendingAboveType": "LIMIT_MAKER",
        "pendingAbovePrice": "13.00",
    }
    stop = {"pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "7.00"}
    made = await user.do("POST", "orderList/otoco", symbol=SYMBOL, **working, workingTimeInForce="GTC", **pair, **stop)
    assert [report["status"] for report in made["orderReports"]] == ["NEW", "PENDING_NEW", "PENDING_NEW"]
    gone = await user.do("DELETE", "openOrders", symbol=SYMBOL)
    assert [report["orderId"] for report in gone[0]["orderReports"]] == [called["orderId"]]
    assert [report["status"] for report in gone[1]["orderReports"]] == ["CANCELED"] * 3
    assert await user.refused("DELETE", "openOrders", symbol=SYMBOL) == (-2011, "Unknown order sent.")


async def test_pairs_that_do_not_fit_together_are_refused_by_name(place: World) -> None:
    user = await trader(place)
    sell = {"symbol": SYMBOL, "side": "SELL", "quantity": "1"}
    high = {"aboveType": "LIMIT_MAKER", "abovePrice": "12.00"}
    low = {"belowType": "STOP_LOSS", "belowStopPrice": "8.00"}
    swapped = {"aboveType": "STOP_LOSS", "aboveStopPrice": "12.00", "belowType": "LIMIT_MAKER", "belowPrice": "8.00"}
    for params, code in (
        ({**sell, **swapped}, -1197),
        ({**sell, **high, "belowType": "LIMIT_MAKER", "belowPrice": "8.00"}, -1168),
        ({**sell, **high, "belowType": "LIMIT", "belowPrice": "8.00"}, -1158),
        ({**sell, "side": "BUY", **high, **low}, -1197 + 1),
        ({**sell, **high, **low, "abovePrice": "7.00"}, -2010),
        ({**sell, **high}, -1102),
        ({**sell, **high, **low, "quantity": "5000"}, -2010),
    ):
        assert (await user.refused("POST", "orderList/oco", **params))[0] == code, params
    older = {**sell, "price": "12.00", "stopPrice": "8.00", "stopLimitPrice": "7.95", "stopLimitTimeInForce": "GTC"}
    made = await user.do("POST", "order/oco", **older)
    assert [report["type"] for report in made["orderReports"]] == ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]
    untimed = {name: value for name, value in older.items() if name != "stopLimitTimeInForce"}
    refused = await user.refused("POST", "order/oco", **untimed)
    assert refused == (-1102, "Mandatory parameter 'stopLimitTimeInForce' was not sent, was empty/null, or malformed.")
    refused = await user.refused("POST", "order/oco", **{**older, "stopPrice": "8.000001"})
    assert refused == (-1111, "Parameter 'stopPrice' has too much precision.")
    refused = await user.refused("POST", "order/oco", **{**older, "limitStrategyType": 5})
    assert refused == (-1134, "`limitStrategyType` was less than 1000000.")
    assert (await user.refused("POST", "orderList/opo", symbol=SYMBOL))[1].startswith("OPO orders are not supported")
    assert (await user.refused("POST", "sor/order", symbol=SYMBOL)) == (-1020, "This operation is not supported.")
