"""The same tables as hypertables, on a server that has TimescaleDB: TEST_TIMESCALE_URL names one, with the right to
make databases."""

import asyncio
import os
import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis

from exchange.projections.timescale.history import History
from exchange.projections.timescale.migrations import migrate
from tests.conftest import execute
from tests.integration.projecting import a_log, expected, projecting, put, stored

SERVER = os.environ.get("TEST_TIMESCALE_URL", "")

pytestmark = pytest.mark.skipif(not SERVER, reason="TEST_TIMESCALE_URL is not set: no server with TimescaleDB")


@pytest.fixture
def timescale_url() -> Iterator[str]:
    """A new database on that server."""
    name = f"test_{secrets.token_hex(6)}"
    asyncio.run(execute(SERVER, f"CREATE DATABASE {name}"))
    yield urlsplit(SERVER)._replace(path=f"/{name}").geturl()
    asyncio.run(execute(SERVER, f"DROP DATABASE {name} WITH (FORCE)"))


async def test_hypertables_hold_the_same_rows(redis_url: str, streams: str, timescale_url: str) -> None:
    done = await migrate(timescale_url, timescale="on", wait_seconds=10)
    assert done.hypertables == ["ledger", "trades"]
    pairs = a_log(31, 400, hours=100)
    with redis.Redis.from_url(redis_url) as client:
        put(client, streams, pairs)
    async with projecting(redis_url, streams, timescale_url) as projector:
        await projector.catch_up()
    assert await stored(timescale_url) == expected([entry for _, entry in pairs])
    connection = await asyncpg.connect(timescale_url)
    chunks = await connection.fetchval("SELECT count(*) FROM timescaledb_information.chunks")
    await connection.close()
    assert chunks > 4
    history = History(timescale_url)
    try:
        newest = await history.ledger(101, limit=1000)
        assert [row.key for row in newest] == sorted((row.key for row in newest), reverse=True)
        assert [row.trade for row in await history.trades("BTC-USD", limit=3)] == [
            row[1] for row in expected([entry for _, entry in pairs])["trades"]
        ][:-4:-1]
    finally:
        await history.close()


async def test_plain_tables_become_hypertables_with_what_they_hold(
    redis_url: str, streams: str, timescale_url: str
) -> None:
    assert (await migrate(timescale_url, timescale="off", wait_seconds=10)).hypertables == []
    pairs = a_log(32, 200)
    with redis.Redis.from_url(redis_url) as client:
        put(client, streams, pairs[:150])
        async with projecting(redis_url, streams, timescale_url) as projector:
            await projector.catch_up()
            assert (await migrate(timescale_url, timescale="auto", wait_seconds=10)).hypertables == ["ledger", "trades"]
            put(client, streams, pairs[150:])
            await projector.catch_up()
            once = await stored(timescale_url)
            await projector.rebuild()
            await projector.catch_up()
    assert await stored(timescale_url) == once == expected([entry for _, entry in pairs])
