"""The page to try the API in a browser: it draws every call, sends them signed as the doors want, and keeps nothing."""

import asyncio
import json
import re
import subprocess
from importlib import resources

import aiohttp
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Watched
from tests.browser.trying import (
    ORDER,
    PATH,
    answered,
    at,
    fill,
    give_key,
    headings,
    make_key,
    opened,
    sent,
    signed_in,
)
from tests.integration.api_world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIMIT = {"symbol": "TATAINR", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "99.50", "quantity": "2"}
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.mark.parametrize("version", ["v1", "v3"])
async def test_every_operation_of_a_description_is_listed_and_draws(place: World, page: Page, version: str) -> None:
    document = (await place.anonymous().get(f"/api/{version}/openapi.json")).data
    described = {
        operation["operationId"]: (method.upper(), document["servers"][0]["url"].rstrip("/") + path)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }
    assert len(described) > 50
    await opened(place, page, version)
    await expect(page.locator("#count")).to_have_text(f"{len(described)} calls")
    links = await page.locator("#list a").evaluate_all("links => links.map((link) => link.hash)")
    assert sorted(links) == sorted(f"#{version}/{id}" for id in described)
    drawn = await headings(page, links)
    assert drawn == {f"#{version}/{id}": f"{method} {path}" for id, (method, path) in described.items()}


async def test_a_user_signs_up_and_places_an_order_by_token(place: World, page: Page) -> None:
    await opened(place, page, "v1/postOrder")
    await signed_in(page, "trying@example.org", button="Sign up, then in")
    account = int(re.findall(r"account (\d+)", await page.locator("#held").inner_text())[0])
    paid = {"asset": "INR", "amount": "5000", "account": account}
    assert (await place.operator().post("/api/v1/deposits", paid)).status == 201
    await page.get_by_label("Body, as JSON").fill(json.dumps(ORDER))
    told = await answered(page, "201 Created")
    assert (told["price"], told["quantity"], told["status"]) == ("101.25", "10", "open")
    line = await page.get_by_label("curl").inner_text()
    shell = await asyncio.create_subprocess_exec("/bin/sh", "-c", line, stdout=subprocess.PIPE)
    again, _ = await asyncio.wait_for(shell.communicate(), 20)
    assert json.loads(again)["id"] > told["id"]


@pytest.mark.parametrize("kind", ["hmac", "ed25519", "rsa"])
async def test_a_key_signs_orders_and_reads_at_both_doors(place: World, page: Page, kind: str) -> None:
    user = await place.user(INR="100000", TATA="10")
    await opened(place, page, "v3/postApiV3Order")
    await give_key(page, *await make_key(user, kind))
    await fill(page, **LIMIT)
    placed = await answered(page, "200 OK")
    assert (placed["symbol"], placed["origQty"], placed["status"]) == ("TATAINR", "2.0000", "NEW")
    await page.get_by_label("parameters", exact=True).select_option("query")
    assert (await answered(page, "200 OK"))["orderId"] > placed["orderId"]
    await at(page, "v3/getApiV3Account")
    balances = (await answered(page, "200 OK"))["balances"]
    assert {"asset": "TATA", "free": "10.0000", "locked": "0.0000"} in balances
    await at(page, "v1/getOrders")
    await fill(page, market="TATA-INR", limit="5")
    assert [order["id"] for order in (await answered(page, "200 OK"))["orders"]][-1] == placed["orderId"]


async def test_refusals_and_wrong_keys_are_told_in_words(place: World, page: Page) -> None:
    await opened(place, page, "v1/getBalances")
    told, body = await sent(page)
    assert told == "401 Unauthorized" and json.loads(body)["error"]["code"] == "unauthorized"
    await expect(page.locator(".result .meaning")).to_contain_text("does not know who asks")
    await page.get_by_role("button", name="Sign in or give a key").click()
    await page.get_by_label("Key", exact=True).fill("x" * 64)
    for secret, words in {
        "-----BEGIN RSA PRIVATE KEY-----\nMII=\n-----END RSA PRIVATE KEY-----": "openssl pkcs8 -topk8",
        "-----BEGIN PUBLIC KEY-----\nMII=\n-----END PUBLIC KEY-----": "the private one is needed",
        "-----BEGIN PRIVATE KEY-----\nTUlJ\n-----END PRIVATE KEY-----": "neither Ed25519 nor RSA",
    }.items():
        await page.get_by_label("Secret (HMAC), or private key").fill(secret)
        await page.get_by_role("button", name="Use this key").click()
        await expect(page.locator("#credentials-told")).to_contain_text(words)


async def test_without_an_answer_the_page_says_so(place: World, watched: Watched) -> None:
    await opened(place, watched.page, "v1/getTime")
    watched.allowed.append("Failed to load resource: net::ERR_INTERNET_DISCONNECTED")
    await watched.context.set_offline(True)
    told, _ = await sent(watched.page)
    assert told == "This computer is offline."


async def test_credentials_are_gone_after_forgetting_and_were_never_stored(place: World, watched: Watched) -> None:
    page = watched.page
    user = await place.user(INR="10")
    await opened(place, page, "v1/getBalances")
    await signed_in(page, f"user{place._users}@example.org")
    await give_key(page, *await make_key(user, "hmac"))
    assert (await answered(page, "200 OK"))["balances"]
    assert await page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert await page.evaluate("indexedDB.databases().then((found) => found.length)") == 0
    assert await watched.context.cookies() == []
    async with page.expect_navigation():
        await page.get_by_role("button", name="Forget").click()
    await page.locator("main[data-ready]").wait_for()
    await expect(page.locator("#held")).to_have_text("")
    assert (await sent(page))[0] == "401 Unauthorized"


async def test_digits_are_shown_as_they_were_sent(place: World, page: Page) -> None:
    await opened(place, page)
    text = '{"big":12345678901234567890,"rate":1.10,"deep":[[1e-8,"\\u00e9\\"]"],{}],"empty":[]}'
    shown = await page.evaluate(
        "text => import('/api/try/json_text.js').then((json) => [json.pretty(text), json.compact(json.parse(text))])",
        text,
    )
    assert re.sub(r"\s", "", shown[0]) == shown[1] == text
    assert "\n" in shown[0]


async def test_an_answer_that_is_too_long_to_read_is_cut_and_says_so(place: World, page: Page) -> None:
    await opened(place, page, "v3/getApiV3OpenapiJson")
    told, body = await sent(page)
    assert told == "200 OK" and body.startswith('{\n  "openapi": "3.1.0",\n')
    assert 300_000 < len(body) < 301_000 and body.endswith("(cut here; what is copied is whole)")


async def test_calls_are_found_by_the_keyboard_alone(place: World, page: Page) -> None:
    await opened(place, page, "v3")
    await page.keyboard.press("/")
    await page.keyboard.type("amend keepPriority")
    await expect(page.locator("#count")).to_contain_text("found")
    await page.keyboard.press("Enter")
    await expect(page.locator("main h1")).to_contain_text("/api/v3/order/amend/keepPriority")
    assert page.url.endswith("#v3/putApiV3OrderAmendKeepPriority")


async def test_files_are_served_strictly_and_kept_by_browsers_until_they_change(place: World) -> None:
    names = [file.name for file in resources.files("exchange.api.try_it").joinpath("page").iterdir()]
    assert len(names) > 15
    for path in [PATH, f"{PATH}/", *(f"{PATH}/{name}" for name in names if name != "index.html")]:
        async with place.session.get(place.base + path) as got:
            assert got.status == 200, path
            policy = got.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; script-src 'self';") and "unsafe" not in policy
            assert got.headers["X-Content-Type-Options"] == "nosniff"
            assert got.headers["Cache-Control"] == "no-cache"
            body, tag = await got.read(), got.headers["ETag"]
        async with place.session.get(place.base + path, headers={"If-None-Match": tag}) as same:
            assert (same.status, await same.read()) == (304, b"")
        async with place.session.head(place.base + path) as head:
            assert int(head.headers["Content-Length"]) == len(body)
    with pytest.raises(aiohttp.ClientResponseError):
        async with place.session.get(f"{place.base}{PATH}/../app.py", raise_for_status=True):
            pass


async def test_the_sources_make_no_markup_of_texts_and_keep_nothing() -> None:
    sources = {
        file.name: file.read_text() for file in resources.files("exchange.api.try_it").joinpath("page").iterdir()
    }
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|Storage|indexedDB|\.cookie"
    )
    for name, text in sources.items():
        if name.endswith(".js"):
            assert not re.search(forbidden, text), name
            assert text.startswith("/*\n * ") and len(text.splitlines()) < 300, name
        if not name.endswith(".svg"):
            assert not re.search(r"https?://", text), name
    assert not re.search(r"<style|style=|\son[a-z]+=|<script(?! type=\"module\" src=)", sources["index.html"])
