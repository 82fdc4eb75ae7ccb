"""What has passed: the same from every gateway, whenever it started, with the database or as far as it goes without."""

import json
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial

import pytest

from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import AsyncRedisLog
from exchange.projections.live import state as live_state
from exchange.projections.live import tape as live_tape
from exchange.roles.recovery import recover
from exchange.roles.snapshots import take
from exchange.settings import Settings
from tests.integration.api_world import (
    MARKET,
    Client,
    World,
    all_projected,
    eventually,
    free_port,
    world,
)

READS = [
    "orders",
    "orders?status=all&limit=500",
    "orders?status=closed&limit=7",
    "fills?limit=500",
    f"fills?market={MARKET}&limit=3",
    "deposits",
    "withdrawals",
    "balances",
    f"depth?market={MARKET}&limit=5000",
    f"trades?market={MARKET}&limit=1000",
    f"candles?market={MARKET}&interval=1s",
    f"candles?market={MARKET}&interval=1m",
    f"candles?market={MARKET}&interval=1d",
    "order-lists",
    "order-lists?status=all&limit=500",
    "prevented?limit=500",
    "prevented?limit=2",
    "account",
    "markets",
    "assets",
]


WORDS = ["oco", "otoco", "decrement", "waiting", "expired_in_match", "time", "list", "done", "gtd", "stop_loss"]
"""What must stand somewhere in the answers, so that they are about everything."""


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as made:
        await made.start_projector()
        yield made


async def busy(place: World, users: list[Client], seed: int, count: int) -> None:
    """Some life: orders of every kind, cancels, reductions, transfers."""
    chance = random.Random(seed)
    operator = place.operator()
    open_ids: dict[int, list[int]] = {id(user): [] for user in users}
    for number in range(count):
        user = chance.choice(users)
        mine = open_ids[id(user)]
        roll = chance.random()
        if roll < 0.55:
            order = await user.limit(
                chance.choice(["buy", "sell"]),
                str(chance.randint(95, 105)),
                str(chance.randint(2, 9)),
                client_order_id=f"{seed}-{number}",
            )
            mine.append(order.data["id"])
        elif roll < 0.6:
            await user.market("buy", quote_amount=f"{chance.randint(10, 900)}.50")
        elif roll < 0.7:
            await rarer(user, chance, f"{seed}-{number}")
        elif roll < 0.8 and mine:
            await user.call("DELETE", f"/api/v1/order/{mine.pop(0)}")
        elif roll < 0.9 and mine:
            await user.call("PATCH", f"/api/v1/order/{chance.choice(mine)}", {"quantity": "1"})
        else:
            reserved = await user.post(
                "/api/v1/withdrawals", {"asset": "INR", "amount": "1", "ref": f"{seed}-{number}"}
            )
            act = chance.choice(["settle", "release"])
            await operator.post(f"/api/v1/withdrawals/{reserved.data['id']}/{act}")
            await user.post("/api/v1/deposits", {"asset": "INR", "amount": "2"})
    for user in users:
        await eventually(partial(nothing_is_due, user))


async def nothing_is_due(user: Client) -> bool:
    """Whether nothing of the user's will end by itself while the test looks; the deposit lets time pass."""
    await user.post("/api/v1/deposits", {"asset": "INR", "amount": "1"})
    soon = int(time.time() * 1000) + 30_000
    orders = (await user.get("/api/v1/orders?limit=500")).data["orders"]
    switch = (await user.get("/api/v1/account")).data["switch_at"]
    return all((at or soon + 1) > soon for at in [switch, *[order["expires_at"] for order in orders]])


async def rarer(user: Client, chance: random.Random, name: str) -> None:
    """What the second rules brought: icebergs, prevention, orders that wait and expire, lists."""
    kind = chance.choice(["buy", "sell"])
    price = str(chance.randint(95, 105))
    act = chance.choice(["iceberg", "stp", "stop", "gtd", "oco", "otoco", "switch"])
    if act == "iceberg":
        await user.limit(kind, price, "9", display="2", client_order_id=name)
    elif act == "stp":
        await user.limit(kind, price, "5", stp=chance.choice(["decrement", "expire_maker", "expire_both"]))
    elif act == "stop":
        order = {"type": "stop_loss", "kind": kind, "market": MARKET, "stop_price": price, "quantity": "2"}
        await user.post("/api/v1/order", order)
    elif act == "gtd":
        soon = int(time.time() * 1000) + chance.choice([100, 400, 60_000])
        await user.limit(kind, price, "3", time_in_force="gtd", expires_at=soon)
    elif act == "switch":
        await user.call("PUT", "/api/v1/switch", {"timeout_ms": chance.choice([0, 300, 60_000])})
    else:
        legs = [
            {"type": "limit", "kind": "sell", "price": "112", "quantity": "2", "post_only": "refuse"},
            {"type": "stop_loss", "kind": "sell", "stop_price": "90", "quantity": "2"},
        ]
        if act == "otoco":
            legs.insert(0, {"type": "limit", "kind": "buy", "price": price, "quantity": "2"})
        body = {"kind": act, "market": MARKET, "client_list_id": name, "legs": legs}
        placed = await user.post("/api/v1/order-lists", body)
        if placed.status == 201 and chance.random() < 0.5:
            await user.call("DELETE", f"/api/v1/order-lists/{placed.data['id']}")


async def snapshot(place: World) -> None:
    """A snapshot at the log's end, as the standby takes it."""
    settings = place.settings
    log = AsyncRedisLog(settings.redis_url, settings.commands_key, settings.events_key)
    store = FileSnapshotStore(settings.snapshots)
    take(await recover(log, store), store, 0)
    await log.aclose()


async def answers(clients: list[Client], base: str) -> list[object]:
    """Everything that a gateway tells these users."""
    told: list[object] = []
    for client in clients:
        for path in READS:
            answer = await client.get(f"{base}/api/v1/{path}")
            assert answer.status == 200, (path, answer)
            for row in answer.data.get("order_lists", []):
                del row["legs"]  # as far as a gateway remembers them
            told.append((client.account, path, answer.data))
        for row in (await client.get(f"{base}/api/v1/orders?status=all&limit=20")).data["orders"]:
            told.append((await client.get(f"{base}/api/v1/order/{row['id']}")).data)
            named = row["client_order_id"] or "none"
            told.append((await client.get(f"{base}/api/v1/orders?client_order_id={named}")).data)
    ticker = (await clients[0].get(f"{base}/api/v1/ticker?market={MARKET}")).data
    del ticker["time"]
    return [*told, ticker]


@pytest.mark.parametrize("snapshots", [False, True])
async def test_a_gateway_that_starts_later_answers_the_same(place: World, snapshots: bool) -> None:
    users = [await place.user(INR="100000", TATA="1000") for _ in range(3)]
    await busy(place, users, 1, 150)
    if snapshots:
        await snapshot(place)
        await busy(place, users, 2, 60)
    await eventually(lambda: all_projected(place))
    later = replace(place.settings, port=free_port())
    await place.start_gateway(later)
    first = await answers(users, place.base)
    told = json.dumps(first)
    assert [word for word in WORDS if f'"{word}"' not in told] == []
    assert await answers(users, f"http://127.0.0.1:{later.port}") == first


async def test_what_is_older_than_a_gateway_is_known_whatever_lies_between_it_in_other_markets(place: World) -> None:
    operator, user = place.operator(), await place.user(INR="100000")
    assert (await operator.post("/api/v1/admin/assets", {"asset": "NEW", "decimals": 0})).status == 201
    terms = {"tick_size": "1", "lot_size": "1", "min_notional": "1", "maker_fee": "0", "taker_fee": "0"}
    assert (await operator.post("/api/v1/admin/markets", {"market": "NEW-INR", **terms})).status == 201
    leg = {"type": "limit", "kind": "buy", "quantity": "1"}
    for market in (MARKET, "NEW-INR", "NEW-INR", MARKET):
        placed = await user.post("/api/v1/order", {**leg, "market": market, "price": "9"})
        assert placed.status == 201, placed
        legs = [{**leg, "price": "8"}, {**leg, "price": "7"}]
        made = await user.post("/api/v1/order-lists", {"kind": "oto", "market": market, "legs": legs})
        assert made.status == 201, made
    await snapshot(place)
    await eventually(lambda: all_projected(place))
    later = replace(place.settings, port=free_port())
    await place.start_gateway(later)
    for path in (f"orders?market={MARKET}", f"order-lists?market={MARKET}"):
        first = (await user.get(f"/api/v1/{path}")).data
        again = (await user.get(f"http://127.0.0.1:{later.port}/api/v1/{path}")).data
        assert again == first
        assert "null" not in json.dumps([row["created_at"] for rows in again.values() for row in rows])


async def test_reads_follow_writes_while_the_projection_stands_still(place: World) -> None:
    users = [await place.user(INR="100000", TATA="1000") for _ in range(2)]
    await busy(place, users, 3, 60)
    await eventually(lambda: all_projected(place))
    await place.stop_projector()
    await busy(place, users, 4, 60)
    ahead = await answers(users, place.base)
    await place.start_projector()
    await eventually(lambda: all_projected(place))
    assert await answers(users, place.base) == ahead


async def test_where_memory_and_database_do_not_meet_the_answer_is_an_older_whole_state(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_state, "RECENT_ORDERS", 5)
    later = replace(place.settings, port=free_port())
    await place.start_gateway(later)
    base = f"http://127.0.0.1:{later.port}"
    user = await place.user(INR="100000")
    await eventually(lambda: all_projected(place))
    await place.stop_projector()
    last = ""
    for _ in range(8):
        id = (await user.limit("buy", "10", "1")).data["id"]
        gone = await user.call("DELETE", f"/api/v1/order/{id}")
        last = gone.headers["X-Exchange-Position"]
    ahead = {"X-Exchange-At-Least": last}
    behind = await user.get(f"{base}/api/v1/orders?status=closed", headers=ahead)
    assert behind.data == {"orders": []}
    assert behind.headers["X-Exchange-Position"] < last
    missing = await user.get(f"{base}/api/v1/order/1", headers=ahead)
    assert (missing.status, missing.code) == (503, "view_behind")
    await place.start_projector()
    await eventually(lambda: all_projected(place))
    whole = await user.get(f"{base}/api/v1/orders?status=closed")
    assert len(whole.data["orders"]) == 8
    assert (await user.get(f"{base}/api/v1/order/1")).data["status"] == "canceled"


async def test_candles_older_than_memory_come_from_the_database(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    users = [await place.user(INR="100000", TATA="1000") for _ in range(2)]
    await busy(place, users, 6, 120)
    await eventually(lambda: all_projected(place))
    path = f"/api/v1/candles?market={MARKET}&interval=1s"
    whole = (await users[0].get(path)).data
    monkeypatch.setattr(live_tape, "RECENT_TRADES", 3)
    later = replace(place.settings, port=free_port())
    await snapshot(place)
    await place.start_gateway(later)
    short = f"http://127.0.0.1:{later.port}{path}"
    assert (await users[0].get(short)).data == whole
    starts = [row["time"] for row in whole["candles"]]
    assert len(starts) >= 1
    page = await users[0].get(f"{short}&start={starts[0]}&limit=1")
    assert [row["time"] for row in page.data["candles"]] == starts[:1]
    until = await users[0].get(f"{short}&end={starts[-1] - 1}&limit=1000")
    assert [row["time"] for row in until.data["candles"]] == starts[:-1]


async def test_pages_of_fills_leave_nothing_out(place: World) -> None:
    user = await place.user(INR="100000", TATA="1000")
    for _ in range(6):
        await user.limit("sell", "100", "1")
    await user.market("buy", quantity="6")
    whole = (await user.get("/api/v1/fills")).data["fills"]
    assert len(whole) == 12
    seen: list[object] = []
    before = ""
    for _ in range(4):
        page = (await user.get(f"/api/v1/fills?limit=3{before}")).data["fills"]
        seen += page
        before = f"&before={page[-1]['id']}"
    assert seen == whole
    assert (await user.get(f"/api/v1/fills?limit=3{before}")).data == {"fills": []}
