"""`exchange project NAME`: a projection of the event stream as a process."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Final

import uvloop

from exchange import compiled
from exchange.cli._history import archived
from exchange.cli._role import Stop, begin
from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import EffectError
from exchange.effects.redis.group import EventGroup
from exchange.effects.redis.log import AsyncRedisLog
from exchange.effects.redis.trim import RedisTrimmer
from exchange.projections.journal import archiver
from exchange.projections.journal.archive import Archive
from exchange.projections.journal.archiver import CannotJournal, Journal
from exchange.projections.journal.database import DatabaseSegments
from exchange.projections.journal.files import FileSegments
from exchange.projections.timescale import projector, words
from exchange.projections.timescale.anchor import CannotProject
from exchange.projections.timescale.database import DatabaseRefused
from exchange.projections.timescale.projector import Projector
from exchange.projections.timescale.writer import Inconsistent, Writer
from exchange.roles.usable import UsableSnapshots
from exchange.settings import Settings, SettingsError

HELP = "A projection: `timescale` keeps the history in SQL, `journal` archives the log and trims the streams."

TIMESCALE: Final = words.NAME
JOURNAL: Final = archiver.NAME


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("name", choices=(TIMESCALE, JOURNAL), help="the projection")
    parser.add_argument("--rebuild", action="store_true", help="timescale: drop its rows first and make them again")
    parser.add_argument(
        "--batch", type=int, default=projector.BATCH, help="timescale: most entries in one transaction (%(default)s)"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Follow the log until told to stop."""
    if not settings.redis_url:
        raise SettingsError("no stream server is known: set REDIS_URL, or start `exchange up` in this EXCHANGE_HOME")
    if not settings.database_url:
        raise SettingsError("no database is known: set DATABASE_URL, or start `exchange up` in this EXCHANGE_HOME")
    if args.name == JOURNAL and args.rebuild:
        raise SettingsError("the journal cannot be rebuilt: it is what everything else is rebuilt from")
    begin(settings, args.name)
    stopping = Stop()
    life: Coroutine[None, None, None] = (
        _journal(settings, stopping)
        if args.name == JOURNAL
        else _timescale(settings, args.batch, args.rebuild, stopping)
    )
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(life)
    except (CannotProject, CannotJournal, Inconsistent, DatabaseRefused, EffectError) as refusal:
        print(f"exchange project {args.name}: {refusal}", file=sys.stderr, flush=True)
        return compiled.REFUSAL
    return 0


async def _timescale(settings: Settings, batch: int, rebuild: bool, stopping: Callable[[], bool]) -> None:
    url = settings.redis_for("projector")
    log = _log(settings, url, "project")
    group = EventGroup(url, settings.events_key, TIMESCALE)
    writer = Writer(settings.database_url)
    archive = archived(settings)
    try:
        await Projector(log, group, writer, archive=archive, batch=batch).run(stopping, rebuild=rebuild)
    finally:
        if archive is not None:
            await archive.close()
        await writer.close()
        await group.aclose()
        await log.aclose()


async def _journal(settings: Settings, stopping: Callable[[], bool]) -> None:
    url = settings.redis_for("journal")
    log = _log(settings, url, "journal")
    group = EventGroup(url, settings.events_key, JOURNAL)
    trimmer = RedisTrimmer(url, settings.commands_key, settings.events_key)
    folder = FileSegments(Path(settings.journal_folder)) if settings.journal_folder else None
    archive = Archive(DatabaseSegments(settings.database_url), folder)
    journal = Journal(
        log,
        archive,
        group,
        trimmer,
        UsableSnapshots(FileSnapshotStore(settings.snapshots)),
        every=settings.journal_every,
        seconds=settings.journal_seconds,
        keep=settings.stream_keep,
    )
    try:
        await journal.run(stopping)
    finally:
        await archive.close()
        await trimmer.aclose()
        await group.aclose()
        await log.aclose()


def _log(settings: Settings, url: str, role: str) -> AsyncRedisLog:
    return AsyncRedisLog(
        url,
        settings.commands_key,
        settings.events_key,
        name=role,
        replicas=settings.replicas,
        replicas_on_disk=settings.replicas_on_disk,
        fsync=settings.fsync,
    )
