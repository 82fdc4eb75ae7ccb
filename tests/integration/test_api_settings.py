"""What accounts and markets are set to, through the gateway and the operator's commands: switches, self-trade
prevention, freezing, groups, limits, auctions, fee tables, rules."""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest

from exchange.cli import admin
from exchange.effects.clock import AsyncClock
from exchange.settings import Settings
from tests.integration.api_world import MARKET, Answer, Client, World, eventually, world


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url)) as made:
        yield made


async def put(client: Client, path: str, body: object) -> Answer:
    return await client.call("PUT", f"/api/v1/{path}", body)


async def patch(client: Client, path: str, body: object) -> Answer:
    return await client.call("PATCH", f"/api/v1/{path}", body)


async def test_an_account_shows_its_settings_rates_and_volumes(place: World) -> None:
    user, seller = await place.user(INR="10000"), await place.user(TATA="10")
    shown = (await user.get("/api/v1/account")).data
    assert shown == {
        "account": user.account,
        "status": "open",
        "stp": "none",
        "trade_group": None,
        "switch_at": None,
        "fees": [{"market": MARKET, "maker_fee": "0.001000", "taker_fee": "0.002345"}],
        "volumes": [],
    }
    await seller.limit("sell", "10", "7")
    await user.limit("buy", "10", "7")
    assert (await user.get("/api/v1/account")).data["volumes"] == [{"asset": "INR", "volume": "70.00"}]


async def test_a_switch_cancels_all_orders_unless_it_is_set_again(place: World) -> None:
    user = await place.user(INR="10000")
    await user.limit("buy", "10", "1")
    far = await put(user, "switch", {"timeout_ms": 86_400_000})
    assert (await user.get("/api/v1/account")).data["switch_at"] == far.data["switch_at"]
    assert (await put(user, "switch", {"timeout_ms": 0})).data == {"switch_at": None}

    at = (await put(user, "switch", {"timeout_ms": 300})).data["switch_at"]
    clock = AsyncClock()

    async def fired() -> bool:
        if clock.now_ms() <= at:
            return False
        await put(user, "stp", {"stp": "none"})  # any command, since time passes with commands
        return (await user.get("/api/v1/orders")).data == {"orders": []}

    await eventually(fired)
    (gone,) = (await user.get("/api/v1/orders?status=all")).data["orders"]
    assert (gone["status"], gone["reason"]) == ("canceled", "switch")
    assert (await user.get("/api/v1/account")).data["switch_at"] is None


async def test_self_trade_prevention_holds_for_orders_that_name_none(place: World) -> None:
    user = await place.user(INR="10000", TATA="10")
    assert (await put(user, "stp", {"stp": "expire_taker"})).data == {"stp": "expire_taker"}
    await user.limit("sell", "10", "1")
    taken = await user.limit("buy", "10", "1")
    assert (taken.data["status"], taken.data["stp"]) == ("expired_in_match", "expire_taker")
    for body, field in (({"stp": "never"}, "stp"), ({}, "stp"), ({"timeout_ms": -1}, "timeout_ms")):
        refused = await put(user, "switch" if field == "timeout_ms" else "stp", body)
        assert (refused.status, refused.field) == (400, field)


async def test_members_of_a_group_do_not_trade_with_each_other(place: World) -> None:
    first, second = await place.user(TATA="10"), await place.user(INR="1000")
    operator = place.operator()
    for user in (first, second):
        answer = await patch(operator, f"admin/accounts/{user.account}", {"trade_group": 7})
        assert answer.data == {"account": user.account, "trade_group": 7}
    await first.limit("sell", "10", "1")
    taken = await second.limit("buy", "10", "1", stp="expire_taker")
    assert taken.data["status"] == "expired_in_match"
    assert [row["maker_account"] for row in (await second.get("/api/v1/prevented")).data["prevented"]] == [
        first.account
    ]
    cleared = await patch(operator, f"admin/accounts/{first.account}", {"trade_group": 0})
    assert cleared.data == {"account": first.account, "trade_group": None}


async def test_a_frozen_account_can_cancel_and_nothing_else(place: World) -> None:
    user = await place.user(INR="1000")
    id = (await user.limit("buy", "10", "2")).data["id"]
    frozen = await patch(place.operator(), f"admin/accounts/{user.account}", {"status": "frozen"})
    assert frozen.data == {"account": user.account, "status": "frozen"}
    for answer in (
        await user.limit("buy", "10", "1"),
        await user.call("PATCH", f"/api/v1/order/{id}", {"quantity": "1"}),
        await user.post("/api/v1/withdrawals", {"asset": "INR", "amount": "1"}),
    ):
        assert (answer.status, answer.code, answer.field) == (403, "account_frozen", "account")
    assert (await user.call("DELETE", f"/api/v1/order/{id}")).status == 200
    await patch(place.operator(), f"admin/accounts/{user.account}", {"status": "open"})
    assert (await user.limit("buy", "10", "1")).status == 201


async def test_limits_protect_a_market(place: World) -> None:
    user = await place.user(INR="1000000", TATA="100")
    limits = {"reference": "100", "bid_up": 11000, "ask_down": 9000, "max_orders": 2, "max_parts": 2}
    answer = await put(place.operator(), f"admin/markets/{MARKET}/limits", limits)
    shown = answer.data["limits"]
    assert (answer.status, shown["reference"], shown["bid_up"], shown["bid_down"]) == (200, "100.00", 11000, None)
    assert (await user.get("/api/v1/markets")).data["markets"][0]["limits"] == shown

    far = await user.limit("buy", "110.05", "1")
    assert (far.status, far.code, far.field) == (422, "outside_band", "price")
    parts = await user.limit("buy", "100", "3", display="1")
    assert (parts.status, parts.code, parts.field) == (422, "too_many_parts", "display")
    for price in ("110", "109"):
        assert (await user.limit("buy", price, "1")).status == 201
    third = await user.limit("buy", "100", "1")
    assert (third.status, third.code, third.field) == (409, "too_many_orders", None)

    none = await put(place.operator(), f"admin/markets/{MARKET}/limits", {})
    assert set(none.data["limits"].values()) == {None}
    assert (await user.limit("buy", "200", "1")).status == 201


async def test_an_auction_gathers_orders_and_trades_them_at_one_price(place: World) -> None:
    operator = place.operator()
    buyer, seller = await place.user(INR="100000"), await place.user(TATA="100")
    await patch(operator, f"admin/markets/{MARKET}", {"status": "auction"})
    early = await operator.post(f"/api/v1/admin/markets/{MARKET}/uncross", {"status": "auction"})
    assert (early.status, early.field) == (400, "status")
    market_order = await buyer.market("buy", quantity="1")
    assert (market_order.status, market_order.code) == (409, "market_closed")
    bid = await buyer.limit("buy", "105", "5")
    ask = await seller.limit("sell", "95", "5")
    assert (bid.data["status"], ask.data["status"]) == ("open", "open")
    crossed = await patch(operator, f"admin/markets/{MARKET}", {"status": "open"})
    assert (crossed.status, crossed.code) == (409, "book_crossed")

    done = await operator.post(f"/api/v1/admin/markets/{MARKET}/uncross", {"status": "open"})

    assert done.data == {"market": MARKET, "price": "100.00", "quantity": "5", "status": "open"}
    filled = (await buyer.get(f"/api/v1/order/{bid.data['id']}")).data
    assert (filled["status"], filled["average_price"]) == ("filled", "100.00")
    again = await operator.post(f"/api/v1/admin/markets/{MARKET}/uncross", {"status": "open"})
    assert (again.status, again.code, again.field) == (409, "not_in_auction", "market")
    listed = (await buyer.get("/api/v1/markets")).data
    assert set(listed["statuses"]) == {"open", "post_only", "auction", "cancel_only", "halted"}


async def test_fees_can_be_rebates_and_follow_a_table(place: World) -> None:
    operator = place.operator()
    maker, taker = await place.user(TATA="100"), await place.user(INR="100000")
    tiers = [
        {"volume": "0", "maker_fee": "0.001", "taker_fee": "0.003"},
        {"volume": "500", "maker_fee": "-0.001", "taker_fee": "0.002"},
    ]
    answer = await put(operator, "admin/assets/INR/fee-tiers", {"tiers": tiers})
    assert answer.data["tiers"][1] == {"volume": "500.00", "maker_fee": "-0.001000", "taker_fee": "0.002000"}
    assert (await maker.get("/api/v1/fee-tiers")).data == {"fee_tiers": [answer.data]}
    assert (await maker.get("/api/v1/account")).data["fees"][0]["taker_fee"] == "0.003000"

    await maker.limit("sell", "100", "5")
    assert (await taker.limit("buy", "100", "5")).data["fee"] == "0.0150"
    assert (await maker.get("/api/v1/account")).data["fees"][0]["maker_fee"] == "-0.001000"
    await maker.limit("sell", "100", "5")
    bought = await taker.limit("buy", "100", "5")
    assert bought.data["fee"] == "0.0100"

    async def rebated() -> bool:
        balance = (await maker.balances())["TATA"]
        return balance == ("90.0050", "0.0000")  # 0.001 of what the taker received, in that asset

    await eventually(rebated)
    own = await patch(operator, f"admin/markets/{MARKET}", {"maker_fee": "0", "taker_fee": "0", "tiered": False})
    assert own.data == {"market": MARKET, "maker_fee": "0.000000", "taker_fee": "0.000000", "tiered": False}
    assert (await maker.get("/api/v1/account")).data["fees"][0]["maker_fee"] == "0.000000"
    assert (await put(operator, "admin/assets/INR/fee-tiers", {"tiers": []})).data == {"asset": "INR", "tiers": []}


async def test_settings_that_are_refused(place: World) -> None:
    operator = place.operator()
    user = await place.user()
    row = {"volume": "0", "maker_fee": "0", "taker_fee": "0"}
    limits = f"admin/markets/{MARKET}/limits"
    tiers = "admin/assets/INR/fee-tiers"
    account = f"admin/accounts/{user.account}"
    refusals: list[tuple[str, str, object, tuple[int, str, str]]] = [
        ("PUT", limits, {"bid_up": 1_000_001}, (400, "invalid_field", "bid_up")),
        ("PUT", limits, {"reference": 100}, (400, "not_a_string", "reference")),
        ("PUT", limits, {"reference": "100.01"}, (422, "off_tick", "reference")),
        ("PUT", limits, {"max_ordres": 5}, (400, "unknown_field", "max_ordres")),
        ("PUT", "admin/markets/NO-PE/limits", {}, (404, "unknown_market", "market")),
        ("PUT", tiers, {"tiers": [row | {"volume": "1"}]}, (400, "invalid_field", "volume")),
        ("PUT", tiers, {"tiers": [row, row]}, (400, "invalid_field", "volume")),
        ("PUT", tiers, {"tiers": [row] * 21}, (400, "invalid_field", "tiers")),
        ("PUT", tiers, {"tiers": [row | {"maker_fee": "-0.001"}]}, (422, "out_of_range", "maker_fee")),
        ("PUT", tiers, {"tiers": "none"}, (400, "invalid_field", "tiers")),
        ("PUT", "admin/assets/XYZ/fee-tiers", {"tiers": []}, (404, "unknown_asset", "asset")),
        ("PATCH", account, {"status": "gone"}, (400, "invalid_field", "status")),
        ("PATCH", account, {}, (400, "missing_field", "status")),
        ("PATCH", account, {"status": "open", "trade_group": 1}, (400, "invalid_field", "status")),
        ("PATCH", "admin/accounts/x", {"status": "open"}, (404, "unknown_account", "account")),
        ("PATCH", f"admin/accounts/{10**19 - 1}", {"status": "open"}, (404, "unknown_account", "account")),
        ("PATCH", "admin/accounts/99999", {"status": "open"}, (404, "unknown_account", "account")),
        ("PATCH", "admin/accounts/1", {"status": "frozen"}, (403, "house_account", "account")),
        ("PUT", "admin/rules", {"rules": 2, "dedup_names": 5}, (400, "unknown_rules", "rules")),
        ("PUT", "admin/rules", {"rules": 2}, (400, "missing_field", "dedup_names")),
    ]
    for method, path, body, refusal in refusals:
        answer = await operator.call(method, f"/api/v1/{path}", body)
        assert (answer.status, answer.code, answer.field) == refusal, (path, body, answer.data)


async def test_the_operators_commands(place: World, capsys: pytest.CaptureFixture[str]) -> None:
    user = await place.user()

    async def act(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        parser = argparse.ArgumentParser()
        admin.configure(parser)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("exchange.logs.configure", lambda *_: None)
            code = await asyncio.to_thread(admin.run, parser.parse_args(words), place.settings)
        told = capsys.readouterr()
        return code, told.out + told.err

    async def done(*words: str) -> object:
        code, told = await act(*words)
        assert code == 0, told
        return json.loads(told)

    account = str(user.account)
    assert await done("set-account-status", account, "frozen") == {"account": user.account, "status": "frozen"}
    assert await done("set-trade-group", account, "7") == {"account": user.account, "trade_group": 7}
    shown = (await user.get("/api/v1/account")).data
    assert (shown["status"], shown["trade_group"]) == ("frozen", 7)
    assert await done("set-fees", MARKET, "--maker-fee=-0.0001", "--taker-fee", "0.001", "--tiered") == {
        "market": MARKET,
        "maker_fee": "-0.000100",
        "taker_fee": "0.001000",
        "tiered": True,
    }
    assert await done("set-fee-tiers", "INR", "0:0.001:0.002", "1000:0:0.001") == {
        "asset": "INR",
        "tiers": [
            {"volume": "0.00", "maker_fee": "0.001000", "taker_fee": "0.002000"},
            {"volume": "1000.00", "maker_fee": "0.000000", "taker_fee": "0.001000"},
        ],
    }
    limited = await done("set-limits", MARKET, "--reference", "100", "--bid-up", "11000")
    assert isinstance(limited, dict)
    assert (limited["limits"]["reference"], limited["limits"]["bid_up"]) == ("100.00", 11000)
    assert await done("set-status", MARKET, "auction") == {"market": MARKET, "status": "auction"}
    assert await done("uncross", MARKET, "post_only") == {
        "market": MARKET,
        "price": None,
        "quantity": "0",
        "status": "post_only",
    }
    for words, code in (
        (("set-rules", "2"), "unknown_rules"),
        (("set-account-status", "nobody", "open"), "invalid_field"),
        (("set-fee-tiers", "INR", "0:0.001"), "missing_field"),
        (("set-fee-tiers", "XYZ"), "unknown_asset"),
        (("set-limits", "NO-PE"), "unknown_market"),
        (("set-limits", MARKET, "--max-orders", "many"), "invalid_field"),
        (("create-asset", "X", "19"), "invalid_field"),
    ):
        exit_code, told = await act(*words)
        assert (exit_code, code in told) == (1, True), told
