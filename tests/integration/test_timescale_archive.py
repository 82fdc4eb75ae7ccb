"""The projection over a log that was trimmed: what the streams no longer hold comes from the journal."""

import asyncio
from pathlib import Path

import pytest
import redis
from structlog.testing import capture_logs

from exchange.projections.journal.database import DatabaseSegments
from exchange.projections.journal.segment import SegmentDamaged
from exchange.projections.timescale.anchor import CannotProject
from exchange.terms.stream import format_id
from tests.integration.archiving import database_store, file_store, keep, trim
from tests.integration.projecting import a_log, expected, projecting, put, stored
from tests.integration.test_timescale_projector import ask, entries, follow_until, mark, position

PAIRS = a_log(31, 260)
END = format_id(PAIRS[-1][1].id)


async def trimmed(client: redis.Redis, streams: str, url: str, first: int, archived: int, size: int = 30) -> None:
    """A log in streams that begin with entry number `first`, and a journal of so many entries."""
    put(client, streams, PAIRS)
    async with database_store(url) as store:
        await keep(store, PAIRS[:archived], size)
    trim(client, streams, PAIRS[first][0].id)


@pytest.mark.parametrize("first,archived", [(1, 2), (100, 150), (259, 260), (150, 200)])
@pytest.mark.parametrize("batch", [7, 1000])
async def test_rows_are_built_from_nothing(
    client: redis.Redis, redis_url: str, streams: str, database_url: str, first: int, archived: int, batch: int
) -> None:
    await trimmed(client, streams, database_url, first, archived)
    archive = DatabaseSegments(database_url)
    async with projecting(redis_url, streams, database_url, batch, archive) as projector:
        work = await projector.catch_up()
    assert work.entries == len(PAIRS)
    assert await stored(database_url) == expected(entries(PAIRS))
    assert mark(client, streams)[0] == END
    await archive.close()


async def test_a_rebuild_goes_back_to_the_beginning(
    client: redis.Redis, redis_url: str, streams: str, database_url: str
) -> None:
    await trimmed(client, streams, database_url, 120, 160)
    archive = DatabaseSegments(database_url)
    async with projecting(redis_url, streams, database_url, 50, archive) as projector:
        await projector.catch_up()
        before = await stored(database_url)
        await ask(database_url, "UPDATE orders SET filled = filled + 1")
        await follow_until(projector, database_url, PAIRS, rebuild=True)
    assert await stored(database_url) == before == expected(entries(PAIRS))
    await archive.close()


@pytest.mark.parametrize("lag", [1, 40, 99])
async def test_rows_from_an_old_backup_are_carried_on(
    client: redis.Redis, redis_url: str, streams: str, database_url: str, lag: int
) -> None:
    put(client, streams, PAIRS[:lag])
    async with database_store(database_url) as store:
        await keep(store, PAIRS[:160], 30)
    async with projecting(redis_url, streams, database_url, 50) as projector:
        await projector.catch_up()
    assert await position(database_url) == format_id(PAIRS[lag - 1][1].id)
    put(client, streams, PAIRS[lag:])
    trim(client, streams, PAIRS[100][0].id)
    archive = DatabaseSegments(database_url)
    async with projecting(redis_url, streams, database_url, 50, archive) as projector:
        with capture_logs() as logs:
            await follow_until(projector, database_url, PAIRS)
    assert [line["source"] for line in logs if line["event"] == "projecting"] == ["journal"]
    assert projector.rebuilds == 0
    assert await stored(database_url) == expected(entries(PAIRS))
    await archive.close()


async def test_once_it_has_caught_up_it_reads_the_streams_alone(
    client: redis.Redis, redis_url: str, streams: str, database_url: str
) -> None:
    await trimmed(client, streams, database_url, 120, 160)
    archive = DatabaseSegments(database_url)
    async with projecting(redis_url, streams, database_url, 50, archive) as projector:
        await projector.catch_up()
        await archive.close()
        asked = archive._connection
        await projector.turn()
        await projector.turn()
        assert archive._connection is asked is None


async def test_without_a_journal_that_reaches_back_nothing_is_built(
    client: redis.Redis, redis_url: str, streams: str, database_url: str
) -> None:
    await trimmed(client, streams, database_url, 120, 0)
    archive = DatabaseSegments(database_url)
    async with projecting(redis_url, streams, database_url, 50, archive) as projector:
        with pytest.raises(CannotProject, match="not the beginning of a log"):
            await projector.run(lambda: False)
    assert await position(database_url) == "0-0"
    await archive.close()


async def test_a_damaged_segment_stops_the_rebuild_and_is_named(
    client: redis.Redis, redis_url: str, streams: str, database_url: str, tmp_path: Path
) -> None:
    await trimmed(client, streams, database_url, 120, 0)
    async with file_store(tmp_path / "journal") as folder:
        await keep(folder, PAIRS[:160], 30)
        third = sorted((tmp_path / "journal").glob("*.segment"))[2]
        third.write_bytes(third.read_bytes()[:-1])
        async with projecting(redis_url, streams, database_url, 50, folder) as projector:
            with pytest.raises(SegmentDamaged, match=third.name):
                await projector.run(lambda: False)
    assert await position(database_url) == format_id(PAIRS[59][1].id)


async def test_a_trim_under_it_makes_no_gap(
    client: redis.Redis, redis_url: str, streams: str, database_url: str
) -> None:
    put(client, streams, PAIRS)
    async with database_store(database_url) as store:
        await keep(store, PAIRS[:200], 30)
    archive = DatabaseSegments(database_url)
    async with projecting(redis_url, streams, database_url, 10, archive) as projector:
        there = asyncio.Event()
        running = asyncio.create_task(projector.run(there.is_set))
        async with asyncio.timeout(30):
            for first in (20, 60, 100, 150, 199):
                trim(client, streams, PAIRS[first][0].id)
                await asyncio.sleep(0.02)
            while await position(database_url) != END:
                assert not running.done(), running
                await asyncio.sleep(0.01)
            there.set()
            await running
    assert await stored(database_url) == expected(entries(PAIRS))
    await archive.close()
