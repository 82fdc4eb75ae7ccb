"""One's own history as CSV."""

import csv
import io
from collections.abc import AsyncIterator, Callable

import pytest

from exchange.api.v1.routes import export
from exchange.settings import Settings
from tests.integration.api_world import Client, World, all_projected, eventually, world


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as made:
        await made.start_projector()
        yield made


async def exported(client: Client, what: str, **query: object) -> tuple[list[dict[str, str]], str | None]:
    """The rows, and where to go on."""
    options = "&".join(f"{name}={value}" for name, value in query.items())
    headers = {"Authorization": f"Bearer {client.token}"}
    async with client.session.get(f"{client.base}/api/v1/export/{what}.csv?{options}", headers=headers) as response:
        text = await response.text()
        assert response.status == 200, text
        assert response.headers["Content-Type"].startswith("text/csv")
        assert response.headers["X-Exchange-Position"]
        return list(csv.DictReader(io.StringIO(text, newline=""))), response.headers.get("X-Exchange-Next")


async def test_history_is_exported_as_it_is_shown(place: World) -> None:
    user = await place.user(INR="10000", TATA="100")
    other = await place.user(INR="10000", TATA="100")
    first = await user.limit("buy", "100", "5", client_order_id="-2.3")
    await other.market("sell", quantity="2")
    await user.call("DELETE", f"/api/v1/order/{first.data['id']}")
    await user.limit("sell", "200", "1")
    await user.post("/api/v1/withdrawals", {"asset": "INR", "amount": "7.50", "ref": "w-1"})
    await eventually(lambda: all_projected(place))

    orders, following = await exported(user, "orders")
    assert following is None
    assert [(row["kind"], row["status"], row["filled"]) for row in orders] == [
        ("sell", "open", "0"),
        ("buy", "canceled", "2"),
    ]
    assert [row["client_order_id"] for row in orders] == ["", "'-2.3"]
    shown = (await user.get("/api/v1/orders?status=all")).data["orders"]
    assert [row["id"] for row in orders] == [str(order["id"]) for order in shown]

    (fill,), _ = await exported(user, "fills")
    (told,) = (await user.get("/api/v1/fills")).data["fills"]
    same = ("id", "trade", "order", "price", "quantity", "total", "fee", "fee_asset", "liquidity")
    assert {name: fill[name] for name in same} == {name: str(told[name]) for name in same}
    assert fill["time"].endswith("Z")

    deposits, _ = await exported(user, "deposits")
    assert sorted((row["asset"], row["amount"]) for row in deposits) == [("INR", "10000.00"), ("TATA", "100.0000")]
    (withdrawal,), _ = await exported(user, "withdrawals")
    assert (withdrawal["amount"], withdrawal["ref"], withdrawal["status"]) == ("7.50", "w-1", "pending")

    ledger, _ = await exported(user, "ledger")
    held = {row["asset"]: row for row in (await user.get("/api/v1/balances")).data["balances"]}
    for asset, places in (("INR", 100), ("TATA", 10_000)):
        for column in ("available", "locked"):
            total = sum(round(float(row[column]) * places) for row in ledger if row["asset"] == asset)
            assert total == round(float(held[asset][column]) * places)

    stranger = await place.user()
    for what in export.KINDS:
        assert await exported(stranger, what) == ([], None)


async def test_a_long_history_comes_in_pages_and_times_are_kept(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "ROWS", 2)
    monkeypatch.setattr(export, "PAGES", 2)
    user = await place.user(INR="10000")
    times = []
    for number in range(9):
        await user.limit("buy", "10", "1", client_order_id=f"c{number}")
        placed = await user.post("/api/v1/deposits", {"asset": "INR", "amount": "1"})
        times.append(int(placed.data["time"]))
    await eventually(lambda: all_projected(place))
    for what, wanted in (("orders", 9), ("deposits", 10), ("ledger", 19)):
        rows: list[dict[str, str]] = []
        following: str | None = ""
        pages = 0
        while following is not None:
            page, following = await exported(user, what, **({"before": following} if following else {}))
            assert len(page) <= 4
            rows += page
            pages += 1
        assert len(rows) == len({row["id"] for row in rows}) == wanted
        assert pages == wanted // 4 + 1
    within, following = await exported(user, "deposits", **{"from": times[3], "to": times[5]})
    assert following is None
    assert 0 < len(within) <= 3
    assert (await exported(user, "ledger", **{"from": times[-1] + 1})) == ([], None)


async def test_what_makes_no_sense_is_refused(place: World) -> None:
    user = await place.user()
    for query, field in (
        ("from=2&to=1", "to"),
        ("before=x", "before"),
        ("before=1-2", "before"),
        ("before=99999999999999999999", "before"),
        ("limit=1", "limit"),
    ):
        refused = await user.get(f"/api/v1/export/fills.csv?{query}")
        assert (refused.status, refused.field) == (400, field), refused
    assert (await user.get("/api/v1/export/ledger.csv?before=1-2")).field == "before"
    assert (await place.anonymous().get("/api/v1/export/fills.csv")).status == 401
