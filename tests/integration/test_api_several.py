"""Several orders with one request: cancel all, replace, batches, and retries of them."""

from collections.abc import AsyncIterator, Callable

import pytest

from exchange.settings import Settings
from tests.integration.api_world import MARKET, Answer, Client, Json, World, world


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url)) as made:
        yield made


NEW = {"type": "limit", "kind": "buy", "market": MARKET, "price": "11", "quantity": "2"}
PLACE = {"action": "place", **NEW}


async def batch(client: Client, *items: object) -> Answer:
    return await client.post("/api/v1/batch", {"items": list(items)})


def code(result: Json) -> str:
    return str(result["error"]["code"])


async def test_all_orders_are_cancelled(place: World) -> None:
    user, other = await place.user(INR="10000", TATA="10"), await place.user(INR="1000")
    for number in range(5):
        await user.limit("buy", f"{10 + number}", "1")
    stop = {"type": "stop_loss", "kind": "sell", "market": MARKET, "stop_price": "5", "quantity": "1"}
    assert (await user.post("/api/v1/order", stop)).data["status"] == "waiting"
    stays = (await other.limit("buy", "10", "1")).data["id"]

    gone = await user.call("DELETE", f"/api/v1/orders?market={MARKET}")

    assert (gone.status, gone.data) == (200, {"canceled": 6, "more": False})
    assert (await user.get("/api/v1/orders")).data == {"orders": []}
    assert (await user.call("DELETE", "/api/v1/orders")).data == {"canceled": 0, "more": False}
    assert [row["id"] for row in (await other.get("/api/v1/orders")).data["orders"]] == [stays]
    unknown = await user.call("DELETE", "/api/v1/orders?market=NO-PE")
    assert (unknown.status, unknown.code) == (404, "unknown_market")


async def test_more_orders_than_one_command_ends_are_cancelled_all_the_same(place: World) -> None:
    user = await place.user(INR="1000000")
    for _ in range(51):
        placed = await batch(user, *[PLACE] * 20)
        assert all("error" not in result for result in placed.data["results"])
    gone = await user.call("DELETE", "/api/v1/orders")
    assert gone.data == {"canceled": 1020, "more": False}
    assert await user.balances() == {"INR": ("1000000.00", "0.00")}


async def test_one_order_takes_the_place_of_another(place: World) -> None:
    user = await place.user(INR="100")
    old = (await user.limit("buy", "10", "10")).data["id"]

    answer = await user.post(f"/api/v1/order/{old}/replace", NEW | {"quantity": "9", "client_order_id": "new"})

    assert answer.status == 200
    assert (answer.data["canceled"]["id"], answer.data["canceled"]["status"]) == (old, "canceled")
    placed = answer.data["placed"]
    assert (placed["client_order_id"], placed["price"], placed["status"]) == ("new", "11.00", "open")
    again = await user.post(f"/api/v1/order/{old}/replace", NEW | {"quantity": "9", "client_order_id": "new"})
    assert again.data == answer.data
    by_name = await user.post("/api/v1/orders/replace?client_order_id=new", NEW)
    assert (by_name.data["canceled"]["id"], by_name.data["placed"]["quantity"]) == (placed["id"], "2")


async def test_a_replacement_that_fails_says_how_far_it_came(place: World) -> None:
    user = await place.user(INR="100")
    old = (await user.limit("buy", "10", "10")).data["id"]
    path = f"/api/v1/order/{old}/replace"

    form = await user.post(path, NEW | {"price": "11.01"})
    assert (form.status, form.code) == (422, "off_tick")
    assert (await user.get(f"/api/v1/order/{old}")).data["status"] == "open"

    dear = await user.post(path, NEW | {"quantity": "10"})
    assert (dear.status, dear.data["canceled"]["id"]) == (200, old)
    assert (code(dear.data["placed"]), dear.data["placed"]["error"]["field"]) == ("insufficient_funds", "quantity")

    stopped = await user.post(path, NEW)
    assert (stopped.status, stopped.code, stopped.field) == (404, "unknown_order", "id")
    both = await user.post(path, NEW | {"quantity": "10", "stop_on_failure": False})
    assert (both.status, both.code) == (422, "insufficient_funds")
    placed = await user.post(path, NEW | {"stop_on_failure": False})
    assert (placed.status, code(placed.data["canceled"]), placed.data["placed"]["status"]) == (
        200,
        "unknown_order",
        "open",
    )
    no_word = await user.post(path, NEW | {"stop_on_failure": "no"})
    assert (no_word.status, no_word.field) == (400, "stop_on_failure")


async def test_each_item_of_a_batch_has_its_own_result(place: World) -> None:
    user, seller = await place.user(INR="1000", TATA="5"), await place.user(TATA="10")
    id = (await user.limit("buy", "10", "5", client_order_id="a")).data["id"]
    await seller.limit("sell", "12", "1")

    answer = await batch(
        user,
        {"action": "amend", "id": id, "quantity": "3"},
        PLACE | {"client_order_id": "b"},
        PLACE | {"price": "12", "quantity": "1"},
        PLACE | {"price": "11.01"},
        PLACE | {"price": 11},
        PLACE | {"market": "NO-PE"},
        {"action": "cancel", "client_order_id": "b"},
        {"action": "cancel", "id": 999},
        {"action": "amend", "id": 999, "quantity": "1"},
        {"action": "dance"},
        {"action": "cancel", "id": id, "client_order_id": "a"},
        {"action": "cancel", "id": id},
    )

    assert answer.status == 200
    results = answer.data["results"]
    assert (results[0]["quantity"], results[0]["reduced_by"]) == ("3", "2")
    assert (results[1]["client_order_id"], results[1]["status"]) == ("b", "canceled")  # as it stands after the batch
    assert (results[2]["status"], [fill["price"] for fill in results[2]["fills"]]) == ("filled", ["12.00"])
    assert [code(result) for result in results[3:6]] == ["off_tick", "not_a_string", "unknown_market"]
    assert (results[6]["id"], results[6]["status"]) == (results[1]["id"], "canceled")
    assert [code(result) for result in results[7:11]] == [
        "unknown_order",
        "unknown_order",
        "invalid_field",
        "invalid_field",
    ]
    assert (results[11]["id"], results[11]["canceled"]) == (id, "3")
    assert "X-Exchange-Position" in answer.headers


async def test_a_repeated_batch_places_nothing_twice(place: World) -> None:
    user = await place.user(INR="1000")
    alone = await user.limit("buy", "10", "1", client_order_id="alone")
    items = [
        PLACE | {"price": "10", "quantity": "1", "client_order_id": "alone"},
        PLACE | {"client_order_id": "x"},
        PLACE | {"price": "11.01", "client_order_id": "y"},
    ]
    first = await batch(user, *items)
    assert first.data["results"][0] == alone.data
    again = await batch(user, *items)
    assert again.data == first.data
    assert len((await user.get("/api/v1/orders")).data["orders"]) == 2

    single = await user.limit("buy", "11", "2", client_order_id="x")
    assert single.data == first.data["results"][1]
    refused = await user.limit("buy", "11.01", "2", client_order_id="y")
    assert (refused.status, refused.code) == (422, "off_tick")
    other = await batch(user, PLACE | {"price": "9", "client_order_id": "x"}, PLACE)
    assert code(other.data["results"][0]) == "client_order_id_reused"
    assert other.data["results"][1]["status"] == "open"


async def test_batches_of_a_wrong_form_are_refused_as_a_whole(place: World) -> None:
    user = await place.user(INR="1000")
    for items in ([], [PLACE] * 21, "x", [PLACE, 5], {"a": 1}):
        answer = await user.post("/api/v1/batch", {"items": items})
        assert (answer.status, answer.code, answer.field) == (400, "invalid_field", "items")
    missing = await user.post("/api/v1/batch", {})
    assert (missing.status, missing.code, missing.field) == (400, "missing_field", "items")
    only_bad = await batch(user, {"action": "cancel"})
    assert [code(result) for result in only_bad.data["results"]] == ["missing_field"]
    assert (await user.get("/api/v1/orders")).data == {"orders": []}
