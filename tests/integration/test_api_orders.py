"""An order's whole life through the gateway, over REST and WebSocket, on real servers."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from exchange.settings import Settings
from tests.integration.api_world import MARKET, Client, World, world


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as made:
        yield made


async def test_the_life_of_two_orders(place: World) -> None:
    seller = await place.user(TATA="100")
    buyer = await place.user(INR="100000")
    async with place.socket() as public, place.socket(seller) as private:
        assert "result" in await public.ask("SUBSCRIBE", f"trades@{MARKET}", f"depth@{MARKET}")
        assert "result" in await private.ask("SUBSCRIBE", "orders", "fills", "balances")
        book = await public.receive(f"depth@{MARKET}")
        assert (book["type"], book["data"]["seq"], book["data"]["bids"]) == ("snapshot", 0, [])
        assert (await private.receive("orders"))["data"] == []
        assert (await private.receive("balances"))["data"] == [
            {"asset": "TATA", "available": "100.0000", "locked": "0.0000"}
        ]

        sold = await seller.limit("sell", "101.25", "10", client_order_id="ask-1")
        assert sold.status == 201
        order = sold.data
        assert order["fills"] == []
        assert (order["status"], order["filled"], order["average_price"]) == ("open", "0", None)
        assert (order["price"], order["quantity"]) == ("101.25", "10")
        assert "X-Exchange-Position" in sold.headers
        update = await public.receive(f"depth@{MARKET}")
        assert update["data"].pop("checksum") > 0
        assert update["data"] == {"first_seq": 1, "last_seq": 1, "bids": [], "asks": [["101.25", "10"]]}
        mine = await private.receive("orders")
        assert [row["id"] for row in mine["data"]] == [order["id"]]
        held = await private.receive("balances")
        assert held["data"] == [{"asset": "TATA", "available": "90.0000", "locked": "10.0000"}]

        bought = await buyer.market("buy", quantity="4")
        assert bought.status == 201
        assert (bought.data["status"], bought.data["average_price"]) == ("filled", "101.25")
        (fill,) = bought.data["fills"]
        assert (fill["quantity"], fill["total"], fill["fee"], fill["fee_asset"]) == (
            "4",
            "405.00",
            "0.0094",
            "TATA",
        )
        tape = await public.receive(f"trades@{MARKET}")
        assert [(t["price"], t["quantity"], t["taker_side"]) for t in tape["data"]] == [("101.25", "4", "buy")]
        update = await public.receive(f"depth@{MARKET}")
        assert update["data"]["asks"] == [["101.25", "6"]]
        my_fill = (await private.receive("fills"))["data"][0]
        assert (my_fill["liquidity"], my_fill["fee"], my_fill["fee_asset"]) == ("maker", "0.41", "INR")
        assert my_fill["order"] == order["id"]

        reduced = await seller.call("PATCH", f"/api/v1/order/{order['id']}", {"quantity": "8"})
        assert (reduced.status, reduced.data["quantity"], reduced.data["reduced_by"]) == (200, "8", "2")
        shown = await seller.get(f"/api/v1/order/{order['id']}")
        assert (shown.data["quantity"], shown.data["filled"], shown.data["fee"]) == ("8", "4", "0.41")
        gone = await seller.call("DELETE", f"/api/v1/order/{order['id']}")
        assert (gone.status, gone.data["canceled"], gone.data["status"]) == (200, "4", "canceled")
        again = await seller.call("DELETE", f"/api/v1/order/{order['id']}")
        assert (again.status, again.code) == (404, "unknown_order")

    closed = await seller.get("/api/v1/orders?status=closed")
    assert [(row["id"], row["status"], row["filled"]) for row in closed.data["orders"]] == [
        (order["id"], "canceled", "4")
    ]
    assert await seller.balances() == {"INR": ("404.59", "0.00"), "TATA": ("96.0000", "0.0000")}
    assert await buyer.balances() == {"INR": ("99595.00", "0.00"), "TATA": ("3.9906", "0.0000")}
    depth = await place.anonymous().get(f"/api/v1/depth?market={MARKET}")
    assert (depth.data["asks"], depth.data["seq"]) == ([], 4)


async def test_cancel_by_client_order_id_and_lookup(place: World) -> None:
    user = await place.user(INR="1000")
    placed = await user.limit("buy", "10", "1", client_order_id="a/1")
    found = await user.get("/api/v1/orders?client_order_id=a/1")
    assert [row["id"] for row in found.data["orders"]] == [placed.data["id"]]
    gone = await user.call("DELETE", "/api/v1/orders?client_order_id=a/1")
    assert (gone.status, gone.data["id"]) == (200, placed.data["id"])
    found = await user.get("/api/v1/orders?client_order_id=a/1")
    assert [row["status"] for row in found.data["orders"]] == ["canceled"]
    missing = await user.call("DELETE", "/api/v1/orders?client_order_id=a/2")
    assert (missing.code, missing.field) == ("unknown_order", "client_order_id")


async def test_a_repetition_gets_the_first_result_and_another_order_is_refused(place: World) -> None:
    user = await place.user(INR="1000")
    first = await user.limit("buy", "10", "1", client_order_id="once")
    await user.call("DELETE", f"/api/v1/order/{first.data['id']}")
    second = await user.limit("buy", "10", "1", client_order_id="once")
    assert second.data == first.data
    assert second.headers["X-Exchange-Position"] == first.headers["X-Exchange-Position"]
    other = await user.limit("buy", "10", "2", client_order_id="once")
    assert (other.status, other.code, other.field) == (409, "client_order_id_reused", "client_order_id")
    refused = await user.limit("buy", "10.01", "1", client_order_id="never")
    assert refused.code == "off_tick"
    again = await user.limit("buy", "10.01", "1", client_order_id="never")
    assert again.data == refused.data
    assert again.headers["X-Exchange-Position"] == refused.headers["X-Exchange-Position"]


async def test_orders_are_listed_in_pages_newest_first(place: World) -> None:
    user = await place.user(INR="100000")
    ids = []
    for number in range(7):
        placed = await user.limit("buy", f"{10 + number}", "1")
        ids.append(placed.data["id"])
    for id in ids[:3]:
        await user.call("DELETE", f"/api/v1/order/{id}")
    newest = ids[::-1]
    seen: list[int] = []
    before = ""
    for _ in range(3):
        page = await user.get(f"/api/v1/orders?status=all&limit=3{before}")
        seen += [row["id"] for row in page.data["orders"]]
        before = f"&before={seen[-1]}"
    assert seen == newest
    assert [row["id"] for row in (await user.get("/api/v1/orders")).data["orders"]] == newest[:4]
    closed = await user.get(f"/api/v1/orders?status=closed&market={MARKET}&limit=2")
    assert [row["id"] for row in closed.data["orders"]] == newest[4:6]


@pytest.mark.parametrize(
    "size",
    [
        {"kind": "buy", "quantity": "13"},
        {"kind": "buy", "quote_amount": "1000.01"},
        {"kind": "sell", "quantity": "1"},
        {"kind": "buy", "quantity": "500"},
        {"kind": "buy", "quote_amount": "99999"},
        {"kind": "sell", "quantity": "77"},
    ],
)
async def test_a_quote_is_what_the_order_then_gets(place: World, size: dict[str, str]) -> None:
    maker = await place.user(INR="1000000", TATA="1000")
    taker = await place.user(INR="1000000", TATA="1000")
    for step in range(12):
        for _ in range(3):
            assert (await maker.limit("sell", f"{100 + step}.05", str(1 + step))).status == 201
            assert (await maker.limit("buy", f"{99 - step}.95", str(1 + step))).status == 201
    quoted = await place.anonymous().post("/api/v1/order/quote", {"market": MARKET, **size})
    assert quoted.status == 200
    kind = size.pop("kind")
    got = await taker.market(kind, **size)
    assert got.status == 201
    quote, order = quoted.data, got.data
    assert quote["fillable_quantity"] == order["filled"]
    assert quote["total"] == order["filled_quote"]
    assert quote["average_price"] == order["average_price"]
    assert quote["worst_price"] == order["fills"][-1]["price"]
    assert (quote["fee"], quote["fee_asset"]) == (order["fee"], order["fee_asset"])
    assert quote["complete"] == (order["status"] == "filled")


async def test_many_orders_at_once_each_get_their_own_result(place: World) -> None:
    users = [await place.user(INR="1000000") for _ in range(4)]

    async def one(user: Client, number: int) -> tuple[str, str]:
        answer = await user.limit("buy", f"{10 + number % 50}", "1", client_order_id=f"n{number}")
        return answer.data["client_order_id"], answer.data["price"]

    results = await asyncio.gather(*(one(users[n % 4], n) for n in range(200)))
    assert results == [(f"n{n}", f"{10 + n % 50}.00") for n in range(200)]
