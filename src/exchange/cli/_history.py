"""Which log a command reads: the streams, what is archived, or both as one.

    auto       the streams, and what they no longer hold from the journal (asked only when it is needed)
    streams    the streams alone
    journal    the journal alone: its table, and its folder for what the table lacks
    FOLDER     a folder of segment files alone, from anywhere

All of it is read under an event loop: the journal's table has no other way.
"""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from exchange.effects.ports import Log
from exchange.effects.redis.log import AsyncRedisLog
from exchange.projections.journal.database import DatabaseSegments
from exchange.projections.journal.files import FileSegments
from exchange.projections.journal.history import History
from exchange.projections.journal.stores import Both, SegmentSource
from exchange.settings import Settings, SettingsError

AUTO: Final = "auto"
STREAMS: Final = "streams"
JOURNAL: Final = "journal"


def add_source(parser: argparse.ArgumentParser, default: str = AUTO) -> None:
    """Add the argument `--source`."""
    parser.add_argument(
        "--source",
        default=default,
        metavar="auto|streams|journal|FOLDER",
        help="what to read: the streams and, for what they no longer hold, the journal (auto); the streams alone; the "
        "journal alone; a folder of its segment files (%(default)s)",
    )


@asynccontextmanager
async def open_history(settings: Settings, source: str = AUTO) -> AsyncIterator[Log]:
    """The log to read, from a source as above; for as long as the context lasts.

    Raises:
        SettingsError: the settings do not say where it is.
        LogUnavailable, EffectError: from its methods, as `Log` and `History` say.
    """
    archive = _archive(settings, source)
    live = _live(settings, required=source == STREAMS or archive is None) if source in {AUTO, STREAMS} else None
    try:
        if archive is not None:
            yield History(archive, live)
        elif live is not None:
            yield live
    finally:
        if archive is not None:
            await archive.close()
        if live is not None:
            await live.aclose()


def _archive(settings: Settings, source: str) -> SegmentSource | None:
    if source == STREAMS:
        return None
    if source not in {AUTO, JOURNAL}:
        folder = Path(source)
        if not folder.is_dir():
            raise SettingsError(
                f"no such source: {source!r} is neither auto, streams, journal nor a folder of segments"
            )
        return FileSegments(folder)
    archive = archived(settings)
    if archive is None and source == JOURNAL:
        raise SettingsError(
            "no journal is known: set DATABASE_URL or EXCHANGE_JOURNAL_FOLDER, or start `exchange up` in this "
            "EXCHANGE_HOME"
        )
    return archive


def archived(settings: Settings) -> SegmentSource | None:
    """The journal that the settings name, if they do: its table, and its folder for what the table lacks."""
    table = DatabaseSegments(settings.database_url) if settings.database_url else None
    folder = FileSegments(Path(settings.journal_folder)) if settings.journal_folder else None
    return Both(table, folder) if table is not None and folder is not None else table or folder


def _live(settings: Settings, *, required: bool) -> AsyncRedisLog | None:
    if settings.redis_url:
        return AsyncRedisLog(settings.redis_for("operator"), settings.commands_key, settings.events_key)
    if required:
        raise SettingsError("no stream server is known: set REDIS_URL, or start `exchange up` in this EXCHANGE_HOME")
    return None
