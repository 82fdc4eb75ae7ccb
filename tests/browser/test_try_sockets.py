"""WebSockets on the page to try the API: subscribed, authenticated, signed, and shown as they speak."""

import json

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.described import API, FEED, describe
from tests.browser.trying import at, give_key, headings, make_key, opened, signed_in
from tests.integration.api_world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def press(page: Page, button: str = "Send") -> None:
    await page.locator("main").get_by_role("button", name=button, exact=True).click()


def came(page: Page, text: str) -> Locator:
    """Messages from the gateway with this in them."""
    return page.locator(".log li", has=page.locator(".way.came")).filter(has_text=text)


async def test_every_operation_of_a_described_socket_is_listed_and_draws(place: World, page: Page) -> None:
    await describe(page)
    await opened(place, page)
    for name, document in (("v1-ws", FEED), ("v3-ws", API)):
        links = [f"#{name}/{id}" for id in document["operations"]]
        drawn = await headings(page, links)
        assert await page.locator("#list a").evaluate_all("links => links.map((link) => link.hash)") == links
        assert len(set(drawn.values())) == len(links)
    assert drawn["#v3-ws/order.place"] == "SEND order.place"


async def test_a_stream_is_subscribed_to_and_its_messages_are_seen(place: World, page: Page) -> None:
    seller, buyer = await place.user(TATA="50"), await place.user(INR="100000")
    await describe(page)
    await opened(place, page, "v1-ws/onTrades")
    await press(page, "Subscribe")
    await expect(came(page, '"result":null')).to_have_count(1)
    await seller.limit("sell", "120.00", "5")
    await buyer.limit("buy", "120.00", "5")
    trade = came(page, '"channel":"trades@TATA-INR"')
    await expect(trade).to_contain_text('"price":"120.00"')
    await trade.locator("summary").click()
    shown = json.loads(await trade.get_by_label("Message").inner_text())
    assert shown["data"][0]["quantity"] == "5"
    await press(page, "Pause")
    await press(page, "Unsubscribe")
    await expect(page.locator(".messages")).to_contain_text("not shown")
    await expect(came(page, '"result":null')).to_have_count(1)
    await press(page, "Go on")
    await expect(came(page, '"result":null')).to_have_count(2)
    await press(page, "Clear")
    await expect(page.locator(".log li")).to_have_count(0)


@pytest.mark.parametrize("way", ["token", "key"])
async def test_a_socket_is_authenticated_with_what_is_held(place: World, page: Page, way: str) -> None:
    user = await place.user(INR="321")
    await describe(page)
    await opened(place, page, "v1-ws/auth")
    if way == "token":
        await signed_in(page, f"user{place._users}@example.org")
    else:
        await give_key(page, *await make_key(user, "hmac"))
    await press(page)
    await expect(came(page, f'"account":{user.account}')).to_have_count(1)
    await at(page, "v1-ws/subscribe")
    await press(page)
    await expect(came(page, '"channel":"balances"')).to_contain_text('"available":"321.00"')


async def test_a_session_is_logged_on_with_ed25519_and_places_orders(place: World, page: Page) -> None:
    user = await place.user(INR="100000")
    await describe(page)
    await opened(place, page, "v3-ws/session.logon")
    await give_key(page, *await make_key(user, "ed25519"))
    await press(page)
    await expect(came(page, '"authorizedSince"')).to_contain_text('"status":200')
    await at(page, "v3-ws/order.place")
    await page.get_by_label("sent", exact=True).select_option("session")
    await press(page)
    await expect(came(page, '"symbol":"TATAINR"')).to_contain_text('"status":200')
    await at(page, "v3-ws/account.status")
    await press(page)
    await expect(came(page, '"canTrade":true')).to_contain_text('"status":200')
    orders = (await user.get("/api/v1/orders?market=TATA-INR")).data["orders"]
    assert [(order["price"], order["quantity"]) for order in orders] == [("97.50", "3")]


async def test_a_message_of_many_parameters_is_signed_with_hmac_as_it_is_written(place: World, page: Page) -> None:
    user = await place.user(INR="100000")
    await describe(page)
    await opened(place, page, "v3-ws/order.place")
    await give_key(page, *await make_key(user, "hmac"))
    order = '{"id":"a","method":"order.place","params":{"symbol":"TATAINR","side":"BUY","type":"LIMIT",'
    await page.get_by_label("Message, as JSON").fill(order + '"timeInForce":"GTC","price":97.50,"quantity":"2.0"}}')
    await press(page)
    await expect(came(page, '"id":"a"')).to_contain_text('"price":"97.50"')
    await page.get_by_label("Message, as JSON").fill(order + '"quantity":"1"}}')
    await press(page)
    await expect(came(page, '"status":400')).to_contain_text("-1102")
