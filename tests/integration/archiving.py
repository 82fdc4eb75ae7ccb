"""A log in real streams and its journal in a real database and folder, put there without the journal's own process."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import redis

from exchange.effects.ports import Log
from exchange.effects.redis_log import AsyncRedisLog
from exchange.projections.journal.database import DatabaseSegments
from exchange.projections.journal.files import FileSegments
from exchange.projections.journal.stores import SegmentStore
from exchange.projections.timescale.migrations import migrate
from exchange.terms.stream import START, CommandEntry, EventEntry, StreamId, format_id
from tests.integration.trading import copy_log
from tests.unit.projections.segments import Pair, content, cut


def put(client: redis.Redis, streams: str, pairs: Sequence[Pair]) -> None:
    """Write a log into streams."""
    copy_log(client, streams, [command for command, _ in pairs], [entry for _, entry in pairs])


def trim(client: redis.Redis, streams: str, at: StreamId) -> None:
    """Trim both streams as the journal does: what is at `at` stays."""
    with client.pipeline(transaction=True) as both:
        for kind in ("commands", "events"):
            both.execute_command("XTRIM", f"{streams}:{kind}", "MINID", format_id(at))  # type: ignore[no-untyped-call]
        both.execute()


async def keep(store: SegmentStore, pairs: Sequence[Pair], size: int) -> None:
    """Archive a log in segments of so many entries."""
    for header, data in cut(pairs, size):
        await store.add(header, data)


@asynccontextmanager
async def database_store(url: str) -> AsyncIterator[DatabaseSegments]:
    """The table in a fresh database."""
    await migrate(url, timescale="off", wait_seconds=10)
    store = DatabaseSegments(url)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def file_store(folder: Path) -> AsyncIterator[FileSegments]:
    """A folder, locked."""
    store = FileSegments(folder)
    assert await store.lock()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def live(url: str, streams: str) -> AsyncIterator[AsyncRedisLog]:
    """The streams as a log."""
    log = AsyncRedisLog(url, f"{streams}:commands", f"{streams}:events")
    try:
        yield log
    finally:
        await log.aclose()


async def everything(log: Log, count: int, after: StreamId = START) -> list[tuple[object, ...]]:
    """All that a log holds above a position, read in batches, each side on its own."""
    commands: list[CommandEntry] = []
    events: list[EventEntry] = []
    place = after
    while batch := await log.commands(place, count):
        commands += batch
        place = batch[-1].id
    place = after
    while results := await log.events(place, count):
        events += results
        place = results[-1].id
    return content(commands, events)
