"""What people do on the page to try the API, for tests."""

import json
import time
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from playwright.async_api import Page, expect

from tests.integration.api_world import PASSWORD, Client, World

PATH: Final = "/api/try"
ORDER: Final = {"type": "limit", "kind": "buy", "market": "TATA-INR", "price": "101.25", "quantity": "10"}


async def opened(place: World, page: Page, call: str = "") -> None:
    """The page at a call (`v1/postOrder`), all descriptions read."""
    await page.goto(f"{place.base}{PATH}#{call}")
    await page.locator("main[data-ready]").wait_for()


async def at(page: Page, call: str) -> None:
    """Go to a call as a link does."""
    await page.evaluate("call => { location.hash = call; }", call)
    await page.locator(f"article code:text-is('{call.partition('/')[2]}')").wait_for()


async def headings(page: Page, links: list[str]) -> dict[str, str]:
    """Go to one call after another; what stands above each."""
    script = """async (links) => {
        const found = {};
        for (const link of links) {
            const moved = new Promise((resolve) => addEventListener("hashchange", resolve, { once: true }));
            location.hash = link;
            await moved;
            found[link] = document.querySelector("main h1").textContent;
        }
        return found;
    }"""
    return dict(await page.evaluate(script, links))


async def signed_in(page: Page, email: str, *, button: str = "Sign in") -> None:
    """Sign in with the panel."""
    await page.get_by_role("button", name="Sign in or give a key").click()
    await page.get_by_label("Email").fill(email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name=button, exact=True).click()
    await expect(page.locator("#held")).to_contain_text("account")


async def give_key(page: Page, key: str, secret: str) -> None:
    """Give a key to the panel."""
    await page.get_by_role("button", name="Sign in or give a key").click()
    await page.get_by_label("Key", exact=True).fill(key)
    await page.get_by_label("Secret (HMAC), or private key").fill(secret)
    await page.get_by_role("button", name="Use this key").click()
    await expect(page.locator("#held")).to_contain_text("key")


async def fill(page: Page, **fields: str) -> None:
    """Fill fields in by their names."""
    for name, text in fields.items():
        field = page.locator(f"main [name='{name}']")
        if await field.evaluate("field => field.tagName") == "SELECT":
            await field.select_option(text)
        else:
            await field.fill(text)


async def sent(page: Page) -> tuple[str, str]:
    """Press the button; the status line's first words, and the body as it is shown."""
    await page.get_by_role("button", name="Send", exact=True).click()
    status = page.locator(".result .status strong")
    await status.wait_for()
    body = page.get_by_label("Body", exact=True)
    return await status.inner_text(), await body.inner_text() if await body.count() else ""


async def answered(page: Page, status: str) -> Any:
    """Press the button; the answer's JSON, which comes with this status."""
    told, body = await sent(page)
    assert told.startswith(status), (told, body)
    return json.loads(body)


async def make_key(client: Client, kind: str) -> tuple[str, str]:
    """A new key of a user, and its secret or private key."""
    if kind == "hmac":
        made = await client.post("/api/v1/api-keys", {"label": f"try {time.monotonic_ns()}"})
        return made.data["key"], made.data["secret"]
    private = ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else rsa.generate_private_key(65537, 2048)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    made = await client.post("/api/v1/api-keys", {"label": kind, "kind": kind, "public_key": public})
    assert made.status == 201, made
    return made.data["key"], private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
