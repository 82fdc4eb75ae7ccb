"""User data: what accounts are told over the WebSocket API and by listen keys, against what REST says."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from decimal import Decimal

import aiohttp
import pytest

from exchange.settings import Settings
from tests.integration.api_world import DEADLINE_S, Client, Json, World, world
from tests.integration.ws_world import Api, Signer, connected, ed25519_key, hmac_key, now_ms

SYMBOL = "TATAINR"
GOING_ON = ("NEW", "PARTIALLY_FILLED", "PENDING_NEW")


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    settings = make_settings(redis_url=redis_url, database_url=database_url, demo=True)
    async with world(replace(settings, limit_weight=0, limit_orders_10s=0, limit_orders_day=0)) as made:
        yield made


async def listening(api: Api, key: Signer) -> int:
    """Subscribe by signature; the subscription's number."""
    answer = await api.ask("userDataStream.subscribe.signature", key.signed())
    assert answer["status"] == 200, answer
    number: int = answer["result"]["subscriptionId"]
    return number


async def test_one_entry_that_brings_several_trades_is_told_trade_by_trade(place: World) -> None:
    maker, taker = await place.user(TATA="100"), await place.user(INR="100000")
    async with connected(place) as api:
        seller, buyer = await listening(api, await hmac_key(maker)), await listening(api, await hmac_key(taker))
        for price, quantity in (("100", "1"), ("101", "2"), ("102", "4")):
            await maker.limit("sell", price, quantity)
        await taker.limit("buy", "105", "10", client_order_id="big")
        heard_by: dict[int, list[Json]] = {seller: [], buyer: []}
        while len(heard_by[buyer]) < 4:
            event = await api.event("executionReport")
            heard_by[event["subscriptionId"]].append(event["event"])
        told, makers = heard_by[buyer], heard_by[seller]
        steps = [(one["x"], one["X"], one["l"], one["z"], one["Z"], one["L"], one["m"]) for one in told]
        assert steps == [
            ("NEW", "NEW", "0.0000", "0.0000", "0.00", "0.00", False),
            ("TRADE", "PARTIALLY_FILLED", "1.0000", "1.0000", "100.00", "100.00", False),
            ("TRADE", "PARTIALLY_FILLED", "2.0000", "3.0000", "302.00", "101.00", False),
            ("TRADE", "PARTIALLY_FILLED", "4.0000", "7.0000", "710.00", "102.00", False),
        ]
        assert {(one["s"], one["c"], one["S"], one["o"], one["f"], one["N"]) for one in told[1:]} == {
            (SYMBOL, "big", "BUY", "LIMIT", "GTC", "TATA")
        }
        assert told[0]["N"] is None
        assert len({one["t"] for one in told[1:]}) == 3
        position = (await api.event("outboundAccountPosition"))["event"]
        assert {row["a"] for row in position["B"]} <= {"TATA", "INR"}
        assert [one["X"] for one in makers if one.get("x") == "TRADE"] == ["FILLED"] * 3
        assert all(one["m"] for one in makers if one.get("x") == "TRADE")


async def test_money_that_comes_and_goes_is_told(place: World) -> None:
    user = await place.user(INR="5")
    async with connected(place) as api:
        await listening(api, await hmac_key(user))
        await place.operator().post("/api/v1/deposits", {"asset": "INR", "amount": "7.5", "account": user.account})
        update = (await api.event("balanceUpdate"))["event"]
        assert (update["a"], update["d"]) == ("INR", "7.50")
        position = (await api.event("outboundAccountPosition"))["event"]
        assert position["B"] == [{"a": "INR", "f": "12.50", "l": "0.00"}]
        assert position["u"] == update["T"] <= update["E"]


async def test_a_random_trading_run_folds_into_what_rest_says(place: World) -> None:
    users = [await place.user(INR="100000", TATA="1000") for _ in range(2)]
    keys = [await ed25519_key(user) for user in users]
    async with connected(place) as api:
        numbers = [await listening(api, key) for key in keys]
        await asyncio.gather(*(traded(user, seed) for seed, user in enumerate(users)))
        # One more deposit each: what comes before it is all.
        for user in users:
            await place.operator().post("/api/v1/deposits", {"asset": "INR", "amount": "1", "account": user.account})
        orders: dict[int, dict[int, Json]] = {number: {} for number in numbers}
        balances: dict[int, dict[str, tuple[str, str]]] = {number: {} for number in numbers}
        ended: set[int] = set()
        while len(ended) < len(users):
            told = await api.event()
            event, number = told["event"], told["subscriptionId"]
            if event["e"] == "executionReport":
                before = orders[number].get(event["i"], {"z": "0", "Z": "0"})
                assert Decimal(event["z"]) == Decimal(before["z"]) + Decimal(event["l"])
                assert Decimal(event["Z"]) == Decimal(before["Z"]) + Decimal(event["Y"])
                orders[number][event["i"]] = event
            elif event["e"] == "outboundAccountPosition":
                balances[number].update({row["a"]: (row["f"], row["l"]) for row in event["B"]})
            elif event["e"] == "balanceUpdate":
                last = (await api.event("outboundAccountPosition"))["event"]
                balances[number].update({row["a"]: (row["f"], row["l"]) for row in last["B"]})
                ended.add(number)
    kinds = {event["x"] for mine in orders.values() for event in mine.values()}
    assert kinds >= {"NEW", "TRADE", "CANCELED", "EXPIRED"}
    for number, user in zip(numbers, users, strict=True):
        shown = (await user.get("/api/v1/orders?limit=500")).data["orders"]
        going_on = {row["id"]: row["filled"] for row in shown if row["status"] in ("open", "waiting", "pending")}
        folded = {id: one["z"] for id, one in orders[number].items() if one["X"] in GOING_ON}
        assert {id: Decimal(z) for id, z in folded.items()} == {id: Decimal(z) for id, z in going_on.items()}
        held = {asset: tuple(map(Decimal, amounts)) for asset, amounts in (await user.balances()).items()}
        assert {asset: tuple(map(Decimal, amounts)) for asset, amounts in balances[number].items()} == held


async def traded(user: Client, seed: int) -> None:
    """Random orders of one user: limit, market, stop, immediate, reduced, cancelled."""
    dice = random.Random(seed)
    mine: list[int] = []
    for _ in range(120):
        what = dice.random()
        side, price, quantity = dice.choice(["buy", "sell"]), str(dice.randint(95, 105)), str(dice.randint(2, 9))
        if mine and what < 0.2:
            await user.call("DELETE", f"/api/v1/order/{mine.pop(dice.randrange(len(mine)))}")
        elif what < 0.3:
            await user.market(side, quantity=quantity)
        elif what < 0.4:
            await user.limit(side, price, quantity, time_in_force="ioc")
        elif what < 0.45:
            await user.limit(side, price, quantity, type="stop_loss_limit", stop_price=str(dice.randint(90, 110)))
        else:
            placed = await user.limit(side, price, quantity)
            if placed.status == 201 and placed.data["status"] == "open":
                mine.append(placed.data["id"])


async def test_an_account_is_subscribed_once_and_a_session_ends_only_its_own_subscription(place: World) -> None:
    user, other = await place.user(INR="5"), await place.user(INR="5")
    key, theirs = await ed25519_key(user), await hmac_key(other)
    async with connected(place) as api:
        await api.ask("session.logon", key.signed())
        assert (await api.ask("userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
        again = await api.ask("userDataStream.subscribe.signature", key.signed())
        assert (again["status"], again["error"]["code"]) == (400, -2035)
        assert await listening(api, theirs) == 1
        assert (await api.ask("session.subscriptions"))["result"] == [{"subscriptionId": 0}, {"subscriptionId": 1}]
        assert (await api.ask("session.status"))["result"]["userDataStream"] is True
        await api.ask("session.logout")
        assert (await api.event("eventStreamTerminated"))["subscriptionId"] == 0
        assert (await api.ask("session.subscriptions"))["result"] == [{"subscriptionId": 1}]
        await user.limit("buy", "1", "1")
        await other.limit("buy", "1", "1")
        assert (await api.event("executionReport"))["subscriptionId"] == 1
        assert (await api.ask("userDataStream.unsubscribe"))["result"] == {}
        assert (await api.event("eventStreamTerminated"))["subscriptionId"] == 1
        assert await listening(api, theirs) == 2


async def test_a_listen_key_is_given_kept_and_ended(place: World) -> None:
    user, other = await place.user(INR="100"), await place.user(INR="100")
    key = await hmac_key(user)
    headers = {"X-MBX-APIKEY": key.id}
    path = "/api/v3/userDataStream"
    made = await place.anonymous().post(path, headers=headers)
    assert made.status == 200, made
    listen = made.data["listenKey"]
    assert (await place.anonymous().post(path, headers=headers)).data["listenKey"] == listen
    async with connected(place) as api:
        assert (await api.ask("userDataStream.start", {"apiKey": key.id}))["result"]["listenKey"] == listen
        assert (await api.ask("userDataStream.ping", {"apiKey": key.id, "listenKey": listen}))["result"] == {}
    kept = await place.anonymous().call("PUT", f"{path}?listenKey={listen}", headers=headers)
    assert (kept.status, kept.data) == (200, {})
    theirs = {"X-MBX-APIKEY": (await hmac_key(other)).id}
    for wrong, who in ((listen, theirs), (listen[:-1] + ("a" if listen[-1] != "a" else "b"), headers)):
        refused = await place.anonymous().call("PUT", f"{path}?listenKey={wrong}", headers=who)
        assert (refused.status, refused.data["code"]) == (400, -1125)
    assert (await place.anonymous().post(path)).status == 401
    for address in (f"/ws/{listen}", f"/stream?streams={listen}"):
        async with place.session.ws_connect(f"{place.base}{address}") as ws:
            await user.limit("buy", "1", "1", client_order_id=f"at-{now_ms()}")
            event = await heard(ws, "executionReport")
            assert event["x"] == "NEW"
            if address.startswith("/stream"):
                ended = await place.anonymous().call("DELETE", f"{path}?listenKey={listen}", headers=headers)
                assert ended.status == 200
                over = await heard(ws, "listenKeyExpired")
                assert over["listenKey"] == listen
                await user.limit("buy", "1", "1")
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.3):
                        await heard(ws, "executionReport")
    gone = await place.anonymous().call("PUT", f"{path}?listenKey={listen}", headers=headers)
    assert gone.data["code"] == -1125


async def heard(ws: aiohttp.ClientWebSocketResponse, kind: str) -> Json:
    """The next event of a kind on a stream."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            told: Json = json.loads((await ws.receive()).data)
            event: Json = told.get("data", told)
            if event.get("e") == kind:
                return event
