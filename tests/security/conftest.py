"""Where the security tests begin: an exchange with everything real, in demo mode, and tokens of several people."""

from collections.abc import AsyncIterator, Callable

import pytest

from exchange.settings import Settings
from tests.integration.api_world import World, world


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as made:
        yield made
