"""A browser, and a whole exchange to point it at; both are started once for all tests here.

The browser is the system's Chromium; where there is none, tests here are skipped. Each test has a context of its own,
so nothing of another test is in it. A page fails its test at the end when the browser complained of anything: a script
that failed, a resource that was missing, something that the Content-Security-Policy forbids.
"""

import shutil
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from exchange.embedded.postgres import PostgresServer
from exchange.embedded.valkey import ValkeyServer
from exchange.settings import Settings
from tests.conftest import execute
from tests.integration.api_world import World, world

PATIENCE_MS: Final = 10_000

_WATCH: Final = """
    addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective}`));
"""
_REFUSED: Final = "Failed to load resource: the server responded with a status of 4"
"""What the browser says of each request that is refused; some tests ask to be refused."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The system's Chromium, without a window."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("there is no Chromium here: install the system's package `chromium`")
    async with async_playwright() as driver:
        # The sandbox of the browser does not work for root, and the pages are our own.
        browser = await driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def place(
    valkey: ValkeyServer, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """A gateway with everything behind it, and one market."""
    admin = postgres.database_url("postgres")
    await execute(admin, "CREATE DATABASE browser")
    home = tmp_path_factory.mktemp("home")
    settings = Settings(
        home=home,
        snapshots=home / "snapshots",
        streams="browser",
        redis_url=valkey.url,
        database_url=postgres.database_url("browser"),
    )
    async with world(settings) as made:
        yield made
    await execute(admin, "DROP DATABASE browser WITH (FORCE)")


class Watched:
    """A page, with what the browser complained of. `allowed` are beginnings of complaints that a test brings about."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.context = context
        self.page = page
        self.complaints: list[str] = []
        self.allowed: list[str] = [_REFUSED]
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    @property
    def unexpected(self) -> list[str]:
        """What no test asked for."""
        return [text for text in self.complaints if not text.startswith(tuple(self.allowed))]


@pytest_asyncio.fixture(loop_scope="session")
async def watched(browser: Browser) -> AsyncIterator[Watched]:
    """A new page of a new context."""
    context = await browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    await context.add_init_script(_WATCH)
    made = Watched(context, await context.new_page())
    yield made
    await context.close()
    assert not made.unexpected


@pytest.fixture
def page(watched: Watched) -> Page:
    """The page alone."""
    return watched.page
