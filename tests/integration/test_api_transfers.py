"""Money between one's own accounts, and the trail of what administrators did, through the gateway."""

from collections.abc import AsyncIterator, Callable

import pytest

from exchange.settings import Settings
from tests.integration.api_world import Client, World, all_projected, eventually, world


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url)) as made:
        await made.start_projector()
        yield made


async def with_sub_account(place: World) -> tuple[Client, int]:
    user = await place.user(INR="100.00")
    made = await user.post("/api/v1/sub-accounts", {"label": "bot"})
    assert made.status == 201, made
    number: int = made.data["account"]
    return user, number


async def test_money_moves_between_ones_own_accounts_and_both_see_it(place: World) -> None:
    user, sub = await with_sub_account(place)
    wanted = {"to": sub, "asset": "INR", "amount": "30.50", "ref": "t-1"}

    made = await user.post("/api/v1/transfers", wanted)

    assert made.status == 201, made
    shown = {"from": user.account, "to": sub, "asset": "INR", "amount": "30.50", "ref": "t-1"}
    assert shown.items() <= made.data.items()
    assert (await user.post("/api/v1/transfers", wanted)).data == made.data, "a retry is the first"
    assert (await user.balances())["INR"][0] == "69.50"
    as_sub = {"headers": {"X-Exchange-Account": str(sub)}}
    held = (await user.get("/api/v1/balances", **as_sub)).data["balances"]
    assert [(one["asset"], one["available"]) for one in held if one["available"] != "0.00"] == [("INR", "30.50")]
    back = await user.post("/api/v1/transfers", {"from": sub, "to": user.account, "asset": "INR", "amount": "0.50"})
    assert (back.status, back.data["from"]) == (201, sub)

    await eventually(lambda: all_projected(place))

    for options in ({}, as_sub):
        listed = (await user.get("/api/v1/transfers", **options)).data["transfers"]
        assert [one["amount"] for one in listed] == ["0.50", "30.50"]
        older = await user.get(f"/api/v1/transfers?before={listed[0]['id']}&limit=5", **options)
        assert [one["amount"] for one in older.data["transfers"]] == ["30.50"]


async def test_nothing_is_moved_to_or_from_somebody_elses_account(place: World) -> None:
    user, sub = await with_sub_account(place)
    other = await place.user(INR="5.00")
    for parts, field in (
        ({"to": other.account}, "to"),
        ({"to": 999_999}, "to"),
        ({"to": 0}, "to"),
        ({"from": other.account, "to": sub}, "from"),
    ):
        refused = await user.post("/api/v1/transfers", {"asset": "INR", "amount": "1", **parts})
        assert (refused.status, refused.code, refused.field) == (404, "unknown_account", field), parts
    assert (await other.balances())["INR"][0] == "5.00"


async def test_a_transfer_that_cannot_be_made_says_why(place: World) -> None:
    user, sub = await with_sub_account(place)

    async def code(**parts: object) -> tuple[str, str | None]:
        answer = await user.post("/api/v1/transfers", {"to": sub, "asset": "INR", "amount": "1", **parts})
        return answer.code, answer.field

    assert await code(amount="100.01") == ("insufficient_funds", "amount")
    assert await code(amount="0") == ("not_positive", "amount")
    assert await code(to=user.account) == ("same_account", "to")
    assert (await code(asset="NONE"))[0] == "unknown_asset"
    operator = place.operator()
    mine = f"/api/v1/admin/accounts/{user.account}"
    assert (await operator.call("PATCH", mine, {"status": "frozen"})).status == 200
    assert await code() == ("account_frozen", "from")
    for change in ({"status": "open"}, {"trade_group": 0}):
        assert (await operator.call("PATCH", mine, change)).status == 200
    assert await code() == ("not_same_group", "to")


async def test_the_trail_tells_administrators_who_did_what_and_nobody_else(place: World) -> None:
    user = await place.user()
    operator = place.operator()
    frozen = {"status": "frozen"}
    assert (await operator.call("PATCH", f"/api/v1/admin/accounts/{user.account}", frozen)).status == 200
    await eventually(lambda: all_projected(place))

    acts = (await operator.get("/api/v1/admin/acts?limit=2")).data["acts"]

    newest = acts[0]
    assert (newest["by"], newest["act"], newest["subject"]) == ("operator", "account_status_set", str(user.account))
    assert newest["details"]["status"] == "frozen"
    older = (await operator.get(f"/api/v1/admin/acts?before={acts[1]['id']}")).data["acts"]
    assert older and not {act["id"] for act in older} & {act["id"] for act in acts}
    one_kind = (await operator.get("/api/v1/admin/acts?act=account_status_set&by=operator")).data["acts"]
    assert one_kind == [newest]
    assert (await operator.get("/api/v1/admin/acts?before=1-2")).code == "invalid_field"
    assert (await user.get("/api/v1/admin/acts")).status == 403
