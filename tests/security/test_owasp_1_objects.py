"""OWASP API 1, object level: what belongs to another account answers exactly as what does not exist."""

import re
from typing import Any

from exchange.api.v1.owning import ACCOUNT
from exchange.api.v1.routes.table import ROUTES
from tests.integration.api_world import MARKET, Answer, Client, World
from tests.security.asking import ORDER, ask, named

WITH_ID = [route for route in ROUTES if "{id}" in route.path and not route.path.startswith("withdrawals")]
UNKNOWN = 999_999


def told(answer: Answer) -> tuple[int, object, set[str]]:
    """All that an answer tells."""
    return answer.status, answer.data, set(answer.headers)


async def things(owner: Client) -> dict[str, list[Any]]:
    """Orders (open, ended, waiting), a list, a key: what names them, by the beginning of the routes' paths."""
    opened = (await owner.limit("buy", "10", "5", client_order_id="secret")).data["id"]
    ended = (await owner.limit("buy", "10", "1")).data["id"]
    await owner.call("DELETE", f"/api/v1/order/{ended}")
    stop = {"type": "stop_loss", "kind": "sell", "quantity": "1", "stop_price": "5"}
    legs = [{"type": "limit", "kind": "buy", "price": "9", "quantity": "1"}, stop]
    body = {"kind": "oto", "market": MARKET, "client_list_id": "secret-list", "legs": legs}
    made = await owner.post("/api/v1/order-lists", body)
    assert made.status == 201, made
    waiting = made.data["orders"][1]
    key = await owner.post("/api/v1/api-keys", {"label": "mine"})
    assert key.status == 201, key
    session = (await owner.get("/api/v1/sessions")).data["sessions"][0]
    return {
        "order": [opened, ended, waiting],
        "order-lists": [made.data["id"]],
        "api-keys": [key.data["key"]],
        "sessions": [session["id"]],
    }


async def test_owasp_1_every_route_with_an_id_answers_anothers_as_an_unknown_one(place: World) -> None:
    owner = await place.user(INR="1000", TATA="10")
    thief = await place.user(INR="1000", TATA="10")
    ids = await things(owner)
    before = (await owner.get("/api/v1/orders?status=all")).data, await owner.balances()
    tried = 0
    assert len(WITH_ID) >= 7
    for route in WITH_ID:
        unknown = told(await ask(thief, route, UNKNOWN))
        assert unknown[0] == 404, named(route)
        for id in ids[route.path.split("/")[0]]:
            assert told(await ask(thief, route, id)) == unknown, named(route)
            tried += 1
    print(f"{tried} requests for what is another's")
    assert ((await owner.get("/api/v1/orders?status=all")).data, await owner.balances()) == before


async def test_owasp_1_names_and_parameters_reach_ones_own_only(place: World) -> None:
    owner = await place.user(INR="1000", TATA="10")
    thief = await place.user(INR="1000", TATA="10")
    ids = await things(owner)
    (order, *_), (order_list,) = ids["order"], ids["order-lists"]
    for method, path, body in (
        ("DELETE", "orders?client_order_id={}", None),
        ("DELETE", "order-lists?client_list_id={}", None),
        ("POST", "orders/replace?client_order_id={}", ORDER),
        ("GET", "orders?client_order_id={}", None),
        ("GET", "order-lists?client_list_id={}", None),
    ):
        name = "secret-list" if "list" in path else "secret"
        unknown = told(await thief.call(method, "/api/v1/" + path.format("nobodys"), body))
        assert told(await thief.call(method, "/api/v1/" + path.format(name), body)) == unknown, path
    for action in ({"action": "cancel", "id": order}, {"action": "amend", "id": order, "quantity": "1"}):
        done = await thief.post("/api/v1/batch", {"items": [action]})
        unknown_item = await thief.post("/api/v1/batch", {"items": [{**action, "id": UNKNOWN}]})
        assert done.data == unknown_item.data
        assert done.data["results"][0]["error"]["code"] == "unknown_order"
    for path in (f"fills?order={order}", f"prevented?order={order}", f"orders?before={order + 1}&status=all"):
        assert next(iter((await thief.get(f"/api/v1/{path}")).data.values())) == [], path
    assert (await thief.get(f"/api/v1/order-lists?before={order_list + 1}")).data == {"order_lists": []}
    assert (await owner.get(f"/api/v1/order/{order}")).data["status"] == "open"


async def test_owasp_1_no_route_acts_for_anothers_account(place: World) -> None:
    owner = await place.user(INR="1000", TATA="10")
    thief = await place.user(INR="1000", TATA="10")
    sub = (await owner.post("/api/v1/sub-accounts", {"label": "mine"})).data["account"]
    before = [await owner.balances(), (await owner.get("/api/v1/sub-accounts")).data]
    tried = 0
    for route in ROUTES:
        if route.access.personal:
            unknown = told(await ask(thief, route, headers={ACCOUNT: str(UNKNOWN)}))
            assert (unknown[0], "unknown_account" in str(unknown[1])) == (404, True), named(route)
            for account in (owner.account, sub):
                assert told(await ask(thief, route, headers={ACCOUNT: str(account)})) == unknown, named(route)
                tried += 1
    print(f"{tried} requests in the name of another's account")
    assert [await owner.balances(), (await owner.get("/api/v1/sub-accounts")).data] == before


async def test_owasp_1_private_channels_are_ones_own(place: World) -> None:
    owner = await place.user(INR="1000")
    other = await place.user(INR="1000")
    private = ("orders", "lists", "fills", "prevented", "balances", "account")
    async with place.socket() as stranger, place.socket(other) as listener:
        for channel in private:
            assert (await stranger.ask("SUBSCRIBE", channel))["error"]["code"] == "unauthorized"
        for token in ("", "x.y.z", owner.token + "x"):
            assert (await stranger.ask("AUTH", token))["error"]["code"] == "unauthorized"
        assert (await stranger.ask("AUTH", place.operator().token))["error"]["code"] == "no_account"
        assert (await listener.ask("AUTH", owner.token))["error"]["code"] == "forbidden"
        await listener.ask("SUBSCRIBE", *private)
        for channel in ("orders", "lists", "balances", "account"):
            await listener.receive(channel)
        await owner.limit("buy", "10", "1")
        mine = await other.limit("buy", "11", "1")
        heard = await listener.receive("orders")
        assert [order["id"] for order in heard["data"]] == [mine.data["id"]]
        changed = await listener.receive("balances")
        assert not re.search(f'"account": ?{owner.account}\\b', str(changed))
