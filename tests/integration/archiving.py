"""A log in real streams and its journal in a real database and folder, put there without the journal's own process."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import Log
from exchange.effects.redis.group import EventGroup
from exchange.effects.redis.log import AsyncRedisLog
from exchange.effects.redis.trim import RedisTrimmer
from exchange.projections.journal.archive import Archive
from exchange.projections.journal.archiver import NAME, Journal
from exchange.projections.journal.database import DatabaseSegments
from exchange.projections.journal.files import FileSegments
from exchange.projections.journal.stores import SegmentStore
from exchange.projections.timescale.migrations import migrate
from exchange.roles.usable import UsableSnapshots
from exchange.settings import Fsync
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


@dataclass
class Journaling:
    """A journal over real servers, and what it works with."""

    journal: Journal
    archive: Archive
    trimmer: RedisTrimmer
    log: AsyncRedisLog

    async def catch_up(self) -> None:
        """Turn until nothing is left to gather."""
        head = (await self.log.head()).id
        while self.journal.position < head or self.journal._sealed:
            await self.journal.turn()


@asynccontextmanager
async def journaling(
    redis_url: str,
    streams: str,
    database_url: str,
    snapshots: Path,
    *,
    folder: Path | None = None,
    every: int = 25,
    seconds: float = 3600,
    keep: int = 0,
    trim_seconds: float = 3600,
    fsync: Fsync = "always",
    wrapped: Callable[[AsyncRedisLog], Log] | None = None,
) -> AsyncIterator[Journaling]:
    """A journal in this process. Unless asked otherwise it closes segments after 25 entries, and trims in its first
    turn and when told to.

    Args:
        wrapped: puts something between the journal and the log.
    """
    log = AsyncRedisLog(redis_url, f"{streams}:commands", f"{streams}:events", fsync=fsync)
    group = EventGroup(redis_url, f"{streams}:events", NAME)
    trimmer = RedisTrimmer(redis_url, f"{streams}:commands", f"{streams}:events")
    archive = Archive(DatabaseSegments(database_url), FileSegments(folder) if folder is not None else None)
    usable = UsableSnapshots(FileSnapshotStore(snapshots))
    journal = Journal(
        wrapped(log) if wrapped is not None else log,
        archive,
        group,
        trimmer,
        usable,
        every=every,
        seconds=seconds,
        keep=keep,
        wait_ms=5,
        trim_seconds=trim_seconds,
    )
    try:
        yield Journaling(journal, archive, trimmer, log)
    finally:
        await archive.close()
        await trimmer.aclose()
        await group.aclose()
        await log.aclose()
