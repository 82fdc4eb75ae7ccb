"""The projection on a real stream server and a real PostgreSQL: what is stored is what happened, each thing once."""

import asyncio
from collections.abc import Iterator

import pytest
import redis

from exchange.projections.timescale.migrations import migrate
from tests.integration.projecting import a_log, expected, projecting, put, stored


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as opened:
        yield opened


@pytest.fixture
def database(database_url: str) -> str:
    """A database with the tables."""
    asyncio.run(migrate(database_url, timescale="off", wait_seconds=10))
    return database_url


@pytest.mark.parametrize("batch", [1, 7, 5000])
async def test_the_tables_hold_what_happened_whatever_the_batches(
    client: redis.Redis, redis_url: str, streams: str, database: str, batch: int
) -> None:
    pairs = a_log(1, 400)
    put(client, streams, pairs)
    async with projecting(redis_url, streams, database, batch) as projector:
        work = await projector.catch_up()
    assert work.entries == len(pairs)
    assert await stored(database) == expected([entry for _, entry in pairs])
