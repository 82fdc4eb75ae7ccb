"""Order lists through the gateway: one cancels the other, one triggers the other."""

from collections.abc import AsyncIterator, Callable

import pytest

from exchange.settings import Settings
from tests.integration.api_world import MARKET, Answer, Client, Json, World, world


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url)) as made:
        yield made


TAKE = {"type": "limit", "kind": "sell", "price": "110", "quantity": "4", "post_only": "refuse"}
STOP = {"type": "stop_loss", "kind": "sell", "stop_price": "90", "quantity": "4"}
ENTRY = {"type": "limit", "kind": "buy", "price": "100", "quantity": "4"}


async def list_of(client: Client, kind: str, *legs: object, **more: object) -> Answer:
    return await client.post("/api/v1/order-lists", {"kind": kind, "market": MARKET, "legs": list(legs), **more})


def states(told: Json) -> list[tuple[str, str | None]]:
    return [(leg["status"], leg["reason"]) for leg in told["legs"]]


async def test_one_of_a_pair_cancels_the_other(place: World) -> None:
    user, buyer = await place.user(TATA="10"), await place.user(INR="100000")
    made = await list_of(user, "oco", TAKE, STOP, client_list_id="pair")
    assert made.status == 201
    told = made.data
    assert (told["kind"], told["client_list_id"], told["status"]) == ("oco", "pair", "open")
    assert states(told) == [("open", None), ("waiting", None)]
    assert [leg["id"] for leg in told["legs"]] == told["orders"]
    assert all(leg["order_list"] == told["id"] for leg in told["legs"])
    assert (await user.balances())["TATA"] == ("6.0000", "4.0000")  # the larger leg, not the sum

    assert (await buyer.limit("buy", "110", "1")).data["status"] == "filled"

    shown = await user.get(f"/api/v1/order-lists/{told['id']}")
    assert states(shown.data) == [("open", None), ("expired", "oco")]
    assert shown.data["status"] == "open"
    await buyer.limit("buy", "110", "3")
    shown = await user.get(f"/api/v1/order-lists/{told['id']}")
    assert (shown.data["status"], states(shown.data)) == ("done", [("filled", None), ("expired", "oco")])


async def test_a_filled_entry_places_its_pair(place: World) -> None:
    user, seller = await place.user(INR="1000", TATA="1"), await place.user(TATA="100")
    made = await list_of(user, "otoco", ENTRY, TAKE | {"quantity": "3"}, STOP | {"quantity": "3"})
    assert states(made.data) == [("open", None), ("pending", None), ("pending", None)]
    assert (await user.balances())["TATA"] == ("1.0000", "0.0000")

    await seller.limit("sell", "100", "4")

    shown = (await user.get("/api/v1/order-lists")).data["order_lists"]
    assert [states(row) for row in shown] == [[("filled", None), ("open", None), ("waiting", None)]]


async def test_an_entry_that_is_cancelled_ends_its_list(place: World) -> None:
    user = await place.user(INR="1000")
    made = await list_of(user, "oto", ENTRY, STOP)
    gone = await user.call("DELETE", f"/api/v1/order/{made.data['orders'][0]}")
    assert (gone.data["id"], gone.data["status"]) == (made.data["orders"][0], "canceled")
    assert (await user.get("/api/v1/order-lists")).data == {"order_lists": []}
    (shown,) = (await user.get("/api/v1/order-lists?status=all")).data["order_lists"]
    assert (shown["status"], states(shown)) == ("done", [("canceled", None), ("expired", "list")])


async def test_a_list_is_cancelled_by_number_and_by_name(place: World) -> None:
    user, other = await place.user(TATA="10"), await place.user(TATA="10")
    first = (await list_of(user, "oco", TAKE, STOP)).data
    second = (await list_of(user, "oco", TAKE, STOP, client_list_id="two")).data
    for path in (f"order-lists/{first['id']}", "order-lists?client_list_id=two"):
        foreign = await other.call("DELETE", f"/api/v1/{path}")
        assert (foreign.status, foreign.code) == (404, "unknown_list")
    unknown = await other.call("DELETE", "/api/v1/order-lists/999")
    foreign = await other.call("DELETE", f"/api/v1/order-lists/{first['id']}")
    assert (unknown.status, unknown.data) == (foreign.status, foreign.data)
    assert (await other.get(f"/api/v1/order-lists/{first['id']}")).status == 404

    gone = await user.call("DELETE", f"/api/v1/order-lists/{first['id']}")
    assert (gone.status, gone.data["id"], gone.data["status"]) == (200, first["id"], "done")
    assert [(row["id"], row["canceled"]) for row in gone.data["orders"]] == [(id, "4") for id in first["orders"]]
    gone = await user.call("DELETE", "/api/v1/order-lists?client_list_id=two")
    assert (gone.status, gone.data["id"]) == (200, second["id"])
    again = await user.call("DELETE", "/api/v1/order-lists?client_list_id=two")
    assert (again.status, again.code, again.field) == (404, "unknown_list", "client_list_id")
    assert await user.balances() == {"TATA": ("10.0000", "0.0000")}


async def test_lists_are_listed_newest_first_and_found_by_name(place: World) -> None:
    user = await place.user(TATA="100")
    ids = [(await list_of(user, "oco", TAKE, STOP, client_list_id=f"n{n}")).data["id"] for n in range(4)]
    await user.call("DELETE", f"/api/v1/order-lists/{ids[2]}")

    async def listed(query: str) -> list[int]:
        return [row["id"] for row in (await user.get(f"/api/v1/order-lists{query}")).data["order_lists"]]

    assert await listed("") == [ids[3], ids[1], ids[0]]
    assert await listed("?status=all") == ids[::-1]
    assert await listed(f"?status=all&limit=2&before={ids[3]}&market={MARKET}") == [ids[2], ids[1]]
    assert await listed(f"?limit=1&before={ids[3]}") == [ids[1]]
    assert await listed("?client_list_id=n2") == [ids[2]]
    assert await listed("?client_list_id=n0") == [ids[0]]
    assert await listed("?client_list_id=never") == []


async def test_a_list_that_is_refused_leaves_nothing(place: World) -> None:
    user = await place.user(TATA="10")
    market = {"type": "market", "kind": "sell", "quantity": "4"}
    refusals = [
        ("oco", [TAKE, STOP | {"stop_price": "120"}], (422, "leg_prices", "legs")),
        ("oco", [TAKE, STOP | {"quantity": "3"}], (422, "leg_prices", "legs")),
        ("oco", [TAKE, STOP | {"stop_price": "90.01"}], (422, "off_tick", "stop_price")),
        ("oco", [TAKE | {"quantity": "40"}, STOP | {"quantity": "40"}], (422, "insufficient_funds", "quantity")),
        ("oco", [TAKE, STOP, STOP], (400, "invalid_field", "legs")),
        ("oto", [TAKE], (400, "invalid_field", "legs")),
        ("oto", [market, STOP], (422, "leg_prices", "legs")),
        ("oto", [TAKE, 5], (400, "invalid_field", "legs")),
        ("oto", "x", (400, "invalid_field", "legs")),
        ("oto", [TAKE, STOP | {"market": MARKET}], (400, "unknown_field", "market")),
        ("oto", [TAKE, STOP | {"price": "5"}], (400, "invalid_field", "price")),
        ("pair", [TAKE, STOP], (400, "invalid_field", "kind")),
    ]
    for kind, legs, refusal in refusals:
        body = {"kind": kind, "market": MARKET, "legs": legs}
        answer = await user.post("/api/v1/order-lists", body)
        assert (answer.status, answer.code, answer.field) == refusal, body
    assert (await user.get("/api/v1/orders")).data == {"orders": []}
    assert await user.balances() == {"TATA": ("10.0000", "0.0000")}


async def test_a_repetition_gets_the_first_list_and_another_one_is_refused(place: World) -> None:
    user = await place.user(TATA="100")
    first = await list_of(user, "oco", TAKE | {"client_order_id": "tp"}, STOP, client_list_id="once")
    again = await list_of(user, "oco", TAKE | {"client_order_id": "tp"}, STOP, client_list_id="once")
    assert again.data == first.data
    other = await list_of(user, "oco", TAKE, STOP, client_list_id="once")
    assert (other.status, other.code, other.field) == (409, "client_list_id_reused", "client_list_id")
    used = await list_of(user, "oco", TAKE | {"client_order_id": "tp"}, STOP, client_list_id="twice")
    assert (used.status, used.code, used.field) == (409, "client_id_used", "client_order_id")
    alone = await user.limit("sell", "110", "4", post_only="refuse", client_order_id="tp")
    assert (alone.status, alone.code) == (409, "client_order_id_reused")
