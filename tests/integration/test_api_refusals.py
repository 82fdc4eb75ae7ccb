"""Every refusal of the REST API: its status, code and field, in the one shape, and nothing done."""

import gzip
import json
from collections.abc import AsyncIterator, Callable

import pytest

from exchange.settings import Settings
from tests.integration.api_world import MARKET, Client, World, world

GOOD = {"type": "limit", "kind": "buy", "market": MARKET, "price": "10", "quantity": "1"}
GZIP = {"Content-Encoding": "gzip"}
Refusal = tuple[int, str, str | None]


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as made:
        yield made


def changed(**changes: object) -> dict[str, object]:
    """The good order with fields replaced, or left out where None."""
    body: dict[str, object] = {**GOOD, **changes}
    return {name: value for name, value in body.items() if value is not None}


BAD_AMOUNTS: dict[str, tuple[object, int, str]] = {
    "float": (1.5, 400, "not_a_string"),
    "number": (1, 400, "not_a_string"),
    "truth": (True, 400, "not_a_string"),
    "list": (["1"], 400, "not_a_string"),
    "NaN": ("NaN", 400, "malformed_amount"),
    "infinity": ("Infinity", 400, "malformed_amount"),
    "exponent": ("1e2", 400, "malformed_amount"),
    "huge exponent": ("1e999999999", 400, "malformed_amount"),
    "plus": ("+1", 400, "malformed_amount"),
    "blank": (" 1", 400, "malformed_amount"),
    "empty": ("", 400, "malformed_amount"),
    "full width": ("１", 400, "malformed_amount"),
    "underscore": ("1_0", 400, "malformed_amount"),
    "negative": ("-1", 422, "not_positive"),
    "zero": ("0", 422, "not_positive"),
    "zero with decimals": ("0.00", 422, "not_positive"),
    "too precise": ("1.00001", 400, "too_precise"),
    "too large": ("9" * 30, 422, "out_of_range"),
    "beyond the market": ("9" * 24, 422, "out_of_range"),
    "missing": (None, 400, "missing_field"),
}

BAD_ORDERS: dict[str, tuple[dict[str, object], int, str, str | None]] = {
    "off tick": (changed(price="10.01"), 422, "off_tick", "price"),
    "off lot": (changed(quantity="1.5"), 422, "off_lot", "quantity"),
    "below min notional": (changed(price="0.05"), 422, "below_min_notional", "quantity"),
    "no funds": (changed(quantity="1000000"), 422, "insufficient_funds", "quantity"),
    "no funds to sell": (changed(kind="sell", quantity="1000000"), 422, "insufficient_funds", "quantity"),
    "unknown market": (changed(market="NO-PE"), 404, "unknown_market", "market"),
    "market of a wrong form": (changed(market="tata_inr"), 404, "unknown_market", "market"),
    "market a number": (changed(market=7), 400, "invalid_field", "market"),
    "no market": (changed(market=None), 400, "missing_field", "market"),
    "unknown kind": (changed(kind="long"), 400, "invalid_field", "kind"),
    "kind in capitals": (changed(kind="BUY"), 400, "invalid_field", "kind"),
    "no kind": (changed(kind=None), 400, "missing_field", "kind"),
    "unknown type": (changed(type="stop"), 400, "invalid_field", "type"),
    "unknown time in force": (changed(time_in_force="day"), 400, "invalid_field", "time_in_force"),
    "unknown field": (changed(colour="red"), 400, "unknown_field", "colour"),
    "somebody else's account": (changed(account=100), 400, "unknown_field", "account"),
    "client id too long": (changed(client_order_id="x" * 37), 400, "invalid_field", "client_order_id"),
    "client id with blanks": (changed(client_order_id="a b"), 400, "invalid_field", "client_order_id"),
    "client id a script": (changed(client_order_id="<script>"), 400, "invalid_field", "client_order_id"),
    "client id a number": (changed(client_order_id=7), 400, "invalid_field", "client_order_id"),
    "limit with quote amount": (changed(quote_amount="5"), 400, "invalid_field", "quote_amount"),
    "market with a price": (changed(type="market"), 400, "invalid_field", "price"),
    "market that rests": (
        changed(type="market", price=None, time_in_force="gtc"),
        400,
        "invalid_field",
        "time_in_force",
    ),
    "market with both sizes": (
        changed(type="market", price=None, quote_amount="5"),
        400,
        "invalid_field",
        "quote_amount",
    ),
    "market by amount all or nothing": (
        changed(type="market", price=None, quantity=None, quote_amount="5", time_in_force="fok"),
        400,
        "invalid_field",
        "time_in_force",
    ),
    "limit with a trigger": (changed(stop_price="9"), 400, "invalid_field", "stop_price"),
    "limit that trails": (changed(trailing_bps=50), 400, "invalid_field", "trailing_bps"),
    "stop without a trigger": (changed(type="stop_loss_limit"), 400, "missing_field", "stop_price"),
    "stop at nothing": (changed(type="stop_loss_limit", stop_price="0"), 422, "not_positive", "stop_price"),
    "stop off the tick": (changed(type="stop_loss_limit", stop_price="9.99"), 422, "off_tick", "stop_price"),
    "trigger a number": (changed(type="stop_loss_limit", stop_price=9), 400, "not_a_string", "stop_price"),
    "two trails": (
        changed(type="stop_loss_limit", trailing_bps=50, trailing_amount="1"),
        400,
        "invalid_field",
        "trailing_amount",
    ),
    "trail too long": (changed(type="stop_loss_limit", trailing_bps=10_000), 400, "invalid_field", "trailing_bps"),
    "stop that rests without a price": (
        changed(type="stop_loss", price=None, stop_price="11", time_in_force="gtc"),
        400,
        "invalid_field",
        "time_in_force",
    ),
    "until when": (changed(time_in_force="gtd"), 400, "missing_field", "expires_at"),
    "until then but for ever": (changed(expires_at=2 * 10**12), 400, "invalid_field", "expires_at"),
    "until yesterday": (changed(time_in_force="gtd", expires_at=5), 422, "already_expired", "expires_at"),
    "post-only of no kind": (changed(post_only="yes"), 400, "invalid_field", "post_only"),
    "post-only that cannot rest": (changed(post_only="refuse", time_in_force="ioc"), 400, "invalid_field", "post_only"),
    "iceberg that cannot rest": (changed(display="1", time_in_force="fok"), 400, "invalid_field", "display"),
    "iceberg that shows all": (changed(display="1"), 400, "invalid_field", "display"),
    "iceberg that shows half a lot": (changed(quantity="9", display="1.5"), 422, "off_lot", "display"),
    "unknown self-trade prevention": (changed(stp="cancel"), 400, "invalid_field", "stp"),
    "limit with a cap": (changed(slippage_bps=5), 400, "invalid_field", "slippage_bps"),
    "market with no size": (changed(type="market", price=None, quantity=None), 400, "missing_field", "quantity"),
    "amount below min notional": (
        changed(type="market", price=None, quantity=None, quote_amount="0.50"),
        422,
        "below_min_notional",
        "quote_amount",
    ),
}


async def assert_refused(client: Client, method: str, path: str, body: object, refusal: Refusal) -> None:
    """The answer is this refusal, in the one shape and with a message for people."""
    answer = await client.call(method, path, body)
    assert (answer.status, answer.code, answer.field) == refusal, (path, body, answer.data)
    assert set(answer.data) == {"error"}
    assert set(answer.data["error"]) == {"code", "message", "field"}
    assert len(answer.data["error"]["message"]) > 10


async def test_orders_that_are_refused(place: World) -> None:
    user = await place.user(INR="1000", TATA="10")
    before = await user.balances()
    for value, status, code in BAD_AMOUNTS.values():
        for name in ("price", "quantity"):
            await assert_refused(user, "POST", "/api/v1/order", changed(**{name: value}), (status, code, name))
    for body, status, code, field in BAD_ORDERS.values():
        await assert_refused(user, "POST", "/api/v1/order", body, (status, code, field))
    assert await user.balances() == before
    assert (await user.get("/api/v1/orders?status=all")).data == {"orders": []}


async def test_amounts_of_money_that_are_refused(place: World) -> None:
    user = await place.user(INR="1000")
    before = await user.balances()
    for value, status, code in BAD_AMOUNTS.values():
        if value == "9" * 24:
            continue  # an amount of money may be so large; the faucet and the balance are what bounds it
        for path in ("deposits", "withdrawals"):
            body: dict[str, object] = {"asset": "INR"} | ({"amount": value} if value is not None else {})
            await assert_refused(user, "POST", f"/api/v1/{path}", body, (status, code, "amount"))
        quote: dict[str, object] = {"market": MARKET, "kind": "buy"} | (
            {"quantity": value} if value is not None else {}
        )
        await assert_refused(user, "POST", "/api/v1/order/quote", quote, (status, code, "quantity"))
    for path in ("deposits", "withdrawals"):
        for asset, refusal in (("XYZ", (404, "unknown_asset")), (7, (400, "invalid_field"))):
            body = {"asset": asset, "amount": "1"}
            await assert_refused(user, "POST", f"/api/v1/{path}", body, (*refusal, "asset"))
        body = {"asset": "INR", "amount": "1", "ref": "a b"}
        await assert_refused(user, "POST", f"/api/v1/{path}", body, (400, "invalid_field", "ref"))
    much = {"asset": "INR", "amount": "1000.01"}
    await assert_refused(user, "POST", "/api/v1/withdrawals", much, (422, "insufficient_funds", "amount"))
    for amount in ("100000000.01", "9" * 24):
        faucet = {"asset": "INR", "amount": amount}
        await assert_refused(user, "POST", "/api/v1/deposits", faucet, (403, "faucet_limit", "amount"))
    assert await user.balances() == before


async def test_the_faucet_stops_at_what_an_account_may_hold(place: World) -> None:
    user = await place.user()
    for _ in range(10):
        assert (await user.post("/api/v1/deposits", {"asset": "INR", "amount": "100000000"})).status == 201
    more = {"asset": "INR", "amount": "0.01"}
    await assert_refused(user, "POST", "/api/v1/deposits", more, (403, "faucet_limit", "amount"))


async def test_market_statuses_refuse_what_they_should(place: World) -> None:
    user = await place.user(INR="1000", TATA="10")
    other = await place.user(TATA="10")
    operator = place.operator()
    resting = (await user.limit("buy", "10", "5")).data["id"]

    async def set_status(status: str) -> None:
        answer = await operator.call("PATCH", f"/api/v1/admin/markets/{MARKET}", {"status": status})
        assert answer.data == {"market": MARKET, "status": status}

    sell = {**GOOD, "kind": "sell"}
    await set_status("post_only")
    await assert_refused(other, "POST", "/api/v1/order", sell, (409, "would_take", "price"))
    await set_status("cancel_only")
    await assert_refused(user, "POST", "/api/v1/order", GOOD, (409, "market_closed", "market"))
    assert (await user.call("PATCH", f"/api/v1/order/{resting}", {"quantity": "4"})).status == 200
    await set_status("halted")
    answer = await user.call("DELETE", f"/api/v1/order/{resting}")
    assert (answer.status, answer.code) == (409, "market_closed")
    for status in ("open", "post_only", "auction"):
        path = f"/api/v1/admin/markets/{MARKET}"
        await assert_refused(operator, "PATCH", path, {"status": status}, (409, "market_halted", "status"))
    await set_status("halted")
    await set_status("cancel_only")
    await set_status("open")
    assert (await user.call("DELETE", f"/api/v1/order/{resting}")).status == 200


async def test_reductions_that_are_refused(place: World) -> None:
    user = await place.user(INR="1000", TATA="10")
    other = await place.user(TATA="10")
    id = (await user.limit("buy", "10", "5")).data["id"]
    await other.market("sell", quantity="2")
    path = f"/api/v1/order/{id}"
    for value, status, code in BAD_AMOUNTS.values():
        if value == "9" * 24:
            continue
        body = {"quantity": value} if value is not None else {}
        await assert_refused(user, "PATCH", path, body, (status, code, "quantity"))
    await assert_refused(user, "PATCH", path, {"quantity": "5"}, (422, "not_a_reduction", "quantity"))
    await assert_refused(user, "PATCH", path, {"quantity": "6"}, (422, "not_a_reduction", "quantity"))
    await assert_refused(user, "PATCH", path, {"quantity": "2"}, (422, "below_filled", "quantity"))
    await assert_refused(user, "PATCH", path, {"quantity": "1.5"}, (422, "off_lot", "quantity"))
    await assert_refused(user, "PATCH", path, {"quantity": "3", "price": "9"}, (400, "unknown_field", "price"))
    await assert_refused(user, "PATCH", "/api/v1/order/999", {"quantity": "3"}, (404, "unknown_order", "id"))


async def test_queries_that_are_refused(place: World) -> None:
    user = await place.user()
    refusals: list[tuple[str, Refusal]] = [
        ("depth", (400, "missing_field", "market")),
        ("depth?market=NO-PE", (404, "unknown_market", "market")),
        (f"depth?market={MARKET}&limit=0", (400, "invalid_field", "limit")),
        (f"depth?market={MARKET}&limit=5001", (400, "invalid_field", "limit")),
        (f"depth?market={MARKET}&limit=1e2", (400, "invalid_field", "limit")),
        (f"depth?market={MARKET}&market={MARKET}", (400, "invalid_field", "market")),
        (f"depth?market={MARKET}&levels=5", (400, "unknown_field", "levels")),
        (f"trades?market={MARKET}&limit=1001", (400, "invalid_field", "limit")),
        ("ticker?market=NO-PE", (404, "unknown_market", "market")),
        (f"candles?market={MARKET}", (400, "missing_field", "interval")),
        (f"candles?market={MARKET}&interval=2m", (400, "invalid_field", "interval")),
        (f"candles?market={MARKET}&interval=1m&start=-1", (400, "invalid_field", "start")),
        (f"candles?market={MARKET}&interval=1m&end={10**18}", (400, "invalid_field", "end")),
        ("orders?status=dreamt", (400, "invalid_field", "status")),
        ("orders?limit=501", (400, "invalid_field", "limit")),
        ("orders?before=x", (400, "invalid_field", "before")),
        ("orders?market=NO-PE", (404, "unknown_market", "market")),
        ("orders?client_order_id=%20", (400, "invalid_field", "client_order_id")),
        ("deposits?before=yesterday", (400, "invalid_field", "before")),
        (f"deposits?before={2**64 - 1}-0", (400, "invalid_field", "before")),
        (f"withdrawals?before=1-{2**64 - 1}", (400, "invalid_field", "before")),
        ("fills?order=one", (400, "invalid_field", "order")),
        ("balances?asset=INR", (400, "unknown_field", "asset")),
        ("order-lists?status=closed", (400, "invalid_field", "status")),
        ("order-lists?client_list_id=%20", (400, "invalid_field", "client_list_id")),
        ("order-lists/one", (404, "unknown_list", "id")),
        ("order-lists/7", (404, "unknown_list", "id")),
        ("prevented?before=x", (400, "invalid_field", "before")),
        ("account?x=1", (400, "unknown_field", "x")),
        ("order/one", (404, "unknown_order", "id")),
        ("order/-1", (404, "unknown_order", "id")),
        (f"order/{10**18}", (404, "unknown_order", "id")),
        (f"order/{10**40}", (404, "unknown_order", "id")),
        (f"order/{10**19 - 1}", (404, "unknown_order", "id")),
        (f"order/{10**19 - 1}/amendments", (404, "unknown_order", "id")),
        (f"order-lists/{10**19 - 1}", (404, "unknown_list", "id")),
        (f"orders?before={10**19 - 1}", (400, "invalid_field", "before")),
        ("nothing", (404, "not_found", None)),
        ("order", (405, "method_not_allowed", None)),
    ]
    for path, refusal in refusals:
        await assert_refused(user, "GET", f"/api/v1/{path}", None, refusal)
    for query, field in (("?client_order_id=a&market=" + MARKET, "market"), ("?all=1", "all")):
        code = "invalid_field" if field == "market" else "unknown_field"
        await assert_refused(user, "DELETE", f"/api/v1/orders{query}", None, (400, code, field))
    await assert_refused(user, "DELETE", "/api/v1/order-lists", None, (400, "missing_field", "client_list_id"))
    await assert_refused(user, "GET", "/nothing", None, (404, "not_found", None))
    await assert_refused(user, "GET", "/api/v1/ws", None, (404, "not_found", None))
    await assert_refused(user, "POST", "/", None, (405, "method_not_allowed", None))


@pytest.mark.parametrize(
    "raw,headers,refusal",
    [
        (b"", {}, (400, "malformed_request", None)),
        (b"{", {}, (400, "malformed_request", None)),
        (b"[]", {}, (400, "malformed_request", None)),
        (b"null", {}, (400, "malformed_request", None)),
        (b'{"price":NaN}', {}, (400, "malformed_request", None)),
        (b"\xff\xfe", {}, (400, "malformed_request", None)),
        (b"[" * 5000, {}, (400, "malformed_request", None)),
        (b"{}", {"Content-Type": "text/plain"}, (415, "unsupported_media_type", None)),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, (415, "unsupported_media_type", None)),
        (gzip.compress(b'{"a":"' + b"x" * 10_000_000 + b'"}'), GZIP, (415, "unsupported_media_type", None)),
        (b'{"a":"' + b"x" * 20_000 + b'"}', {}, (413, "body_too_large", None)),
    ],
)
async def test_bodies_that_are_refused(place: World, raw: bytes, headers: dict[str, str], refusal: Refusal) -> None:
    user = await place.user()
    for method, path in (("POST", "order"), ("POST", "order/quote"), ("POST", "deposits"), ("PATCH", "order/1")):
        url = f"{place.base}/api/v1/{path}"
        sent = {"Content-Type": "application/json", "Authorization": f"Bearer {user.token}", **headers}
        async with place.session.request(method, url, data=raw, headers=sent) as response:
            status, text = response.status, await response.text()
        error = json.loads(text)["error"]
        assert (status, error["code"], error["field"]) == refusal


async def test_people_that_are_refused(place: World) -> None:
    anonymous = place.anonymous()
    good = {"email": "A.User@Example.org", "password": "long enough"}
    made = await anonymous.post("/api/v1/signup", good)
    assert (made.status, made.data) == (201, {"email": "a.user@example.org"})
    again = await anonymous.post("/api/v1/signup", {"email": "a.user@EXAMPLE.org", "password": "somebody else's"})
    assert (again.status, again.data) == (made.status, made.data)
    refusals: list[tuple[str, dict[str, object], Refusal]] = [
        ("signup", {**good, "email": "nobody"}, (400, "invalid_field", "email")),
        ("signup", {**good, "email": "<script>alert(1)</script>@x.org"}, (400, "invalid_field", "email")),
        ("signup", {**good, "email": "a@b\n.org"}, (400, "invalid_field", "email")),
        ("signup", {**good, "email": f"{'a' * 250}@x.org"}, (400, "invalid_field", "email")),
        ("signup", {**good, "password": "short"}, (400, "invalid_field", "password")),
        ("signup", {**good, "password": "é" * 37}, (400, "invalid_field", "password")),
        ("signup", {**good, "password": "nul\0nul\0nul"}, (400, "invalid_field", "password")),
        ("signup", {**good, "role": "admin"}, (400, "unknown_field", "role")),
        ("signup", {"email": "b@x.org"}, (400, "missing_field", "password")),
        ("signin", {**good, "password": "long enough?"}, (401, "wrong_credentials", None)),
        ("signin", {**good, "email": "nobody@example.org"}, (401, "wrong_credentials", None)),
    ]
    for path, body, refusal in refusals:
        await assert_refused(anonymous, "POST", f"/api/v1/{path}", body, refusal)
    assert (await anonymous.post("/api/v1/signin", good)).status == 200
    for _ in range(10):
        await anonymous.post("/api/v1/signin", {**good, "password": "guess guess"})
    locked = await anonymous.post("/api/v1/signin", good)
    assert (locked.status, locked.code) == (429, "too_many_attempts")
    assert 0 < int(locked.headers["Retry-After"]) <= 901


async def test_administration_that_is_refused(place: World) -> None:
    operator = place.operator()
    user = await place.user(INR="10")
    market = {
        "market": "INR-TATA",
        "tick_size": "0.01",
        "lot_size": "1",
        "min_notional": "0",
        "maker_fee": "0",
        "taker_fee": "0",
    }
    reserved = (await user.post("/api/v1/withdrawals", {"asset": "INR", "amount": "1"})).data["id"]
    await operator.post(f"/api/v1/withdrawals/{reserved}/settle")
    refusals: list[tuple[str, str, object, Refusal]] = [
        ("POST", "admin/assets", {"asset": "INR", "decimals": 2}, (409, "asset_exists", "asset")),
        ("POST", "admin/assets", {"asset": "inr", "decimals": 2}, (400, "invalid_field", "asset")),
        ("POST", "admin/assets", {"asset": "X", "decimals": 19}, (400, "invalid_field", "decimals")),
        ("POST", "admin/assets", {"asset": "X", "decimals": 2.0}, (400, "invalid_field", "decimals")),
        ("POST", "admin/assets", {"asset": "X"}, (400, "missing_field", "decimals")),
        ("POST", "admin/markets", {**market, "market": MARKET, "tick_size": "1"}, (409, "market_exists", "market")),
        ("POST", "admin/markets", {**market, "market": "INR-XYZ"}, (404, "unknown_asset", "market")),
        ("POST", "admin/markets", {**market, "market": "INR/TATA"}, (400, "invalid_field", "market")),
        ("POST", "admin/markets", {**market, "market": "INR-INR"}, (400, "invalid_field", "market")),
        ("POST", "admin/markets", {**market, "tick_size": "0"}, (422, "not_positive", "tick_size")),
        (
            "POST",
            "admin/markets",
            {**market, "lot_size": "0.01", "tick_size": "0.0001"},
            (422, "inexact_market", "tick_size"),
        ),
        ("POST", "admin/markets", {**market, "maker_fee": "0.2"}, (422, "out_of_range", "maker_fee")),
        ("POST", "admin/markets", {**market, "maker_fee": 0.001}, (400, "not_a_string", "maker_fee")),
        ("POST", "admin/markets", {**market, "maker_fee": "0.0000001"}, (400, "too_precise", "maker_fee")),
        ("PATCH", "admin/markets/NO-PE", {"status": "open"}, (404, "unknown_market", "market")),
        ("PATCH", f"admin/markets/{MARKET}", {"status": "gone"}, (400, "invalid_field", "status")),
        ("PATCH", f"admin/markets/{MARKET}", {"maker_fee": "0"}, (400, "missing_field", "taker_fee")),
        (
            "PATCH",
            f"admin/markets/{MARKET}",
            {"status": "open", "maker_fee": "0", "taker_fee": "0"},
            (400, "invalid_field", "status"),
        ),
        ("POST", "deposits", {"asset": "INR", "amount": "1", "account": 7}, (404, "unknown_account", "account")),
        ("POST", "deposits", {"asset": "INR", "amount": "1", "account": 0}, (403, "house_account", "account")),
        ("POST", "deposits", {"asset": "INR", "amount": "1"}, (403, "no_account", None)),
        ("POST", "withdrawals/99/settle", None, (404, "unknown_withdrawal", "id")),
        ("POST", "withdrawals/x/release", None, (404, "unknown_withdrawal", "id")),
        ("POST", f"withdrawals/{reserved}/release", None, (404, "unknown_withdrawal", "id")),
        ("POST", f"withdrawals/{reserved}/settle", {"force": True}, (400, "unknown_field", "force")),
    ]
    for method, path, body, refusal in refusals:
        await assert_refused(operator, method, f"/api/v1/{path}", body, refusal)


async def test_without_demo_mode_there_is_no_faucet(
    make_settings: Callable[..., Settings], redis_url: str, database_url: str
) -> None:
    async with world(make_settings(redis_url=redis_url, database_url=database_url)) as place:
        user = await place.user(INR="5")
        body = {"asset": "INR", "amount": "1"}
        await assert_refused(user, "POST", "/api/v1/deposits", body, (403, "faucet_off", None))
        assert await user.balances() == {"INR": ("5.00", "0.00")}
