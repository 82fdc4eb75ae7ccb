"""Bringing the schema up to date: alembic's history, then hypertables where TimescaleDB is there.

The two are apart because the first depends on nothing but the code, the second on the server: an extension that comes
later is taken up by the next run. Both run under one advisory lock and change nothing when there is nothing to do.
"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util.exc import CommandError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from alembic import command
from exchange.projections.timescale import database
from exchange.projections.timescale.database import DatabaseRefused, DatabaseUnavailable
from exchange.projections.timescale.schema import HYPERTABLES
from exchange.settings import TimescaleMode

LOCK: Final = 0x65786368_616E6765
"""The advisory lock that migrations hold."""

OLDEST_FOR_TIMESCALE: Final = 16
_RETRY_SECONDS: Final = 0.2


class MigrationError(Exception):
    """The schema cannot be brought up to date; the message says why and what would help."""


@dataclass(frozen=True)
class Migrated:
    """What a run found and left: revisions, the hypertables there are now, and why there are none."""

    before: str
    after: str
    hypertables: list[str]
    reason: str


def folder() -> Path:
    """The checkout's folder, which holds `alembic.ini` and `alembic/`: the nearest one above this file.

    Raises:
        MigrationError: there is none above the installed package.
    """
    for place in Path(__file__).resolve().parents:
        if (place / "alembic.ini").is_file() and (place / "alembic" / "env.py").is_file():
            return place
    raise MigrationError(
        f"no alembic.ini and alembic/ in any folder above {Path(__file__).parent}: run from an environment inside the "
        "source checkout (`make up` makes one)"
    )


def config() -> Config:
    """Alembic's configuration."""
    return Config(folder() / "alembic.ini")


async def migrate(url: str, *, timescale: TimescaleMode, wait_seconds: float) -> Migrated:
    """Bring the schema to the newest revision and the hypertables to what `timescale` asks for.

    Args:
        url: the database, `postgresql://…`.
        timescale: `on` refuses without the extension, `auto` goes without, `off` never makes a hypertable.
        wait_seconds: how long to wait for a database that is away.

    Raises:
        MigrationError: any reason why it could not be done.
    """
    if not url:
        raise MigrationError("no database: set DATABASE_URL, or start one with `exchange up`")
    alembic = config()
    await _reachable(url, wait_seconds)
    engine = database.engine(url, pool_size=1)
    try:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="READ COMMITTED")
            # Of the session, and before alembic is asked: its context is one for the whole process.
            await connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": LOCK})
            await connection.commit()
            before = await connection.run_sync(_revision)
            await connection.run_sync(_upgrade, alembic)
            after = await connection.run_sync(_revision)
            async with connection.begin():
                reason = await _hypertables(connection, timescale)
                made = await _existing(connection)
            await connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK})
            await connection.commit()
    except (DBAPIError, *database.FAILURES) as error:
        told = database.translate(error)
        raise MigrationError(str(told or error)) from error
    except CommandError as error:
        raise MigrationError(f"alembic: {error}") from error
    finally:
        await engine.dispose()
    return Migrated(before, after, made, reason)


async def _reachable(url: str, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            connection = await database.connect(url)
        except DatabaseRefused as error:
            raise MigrationError(str(error)) from error
        except DatabaseUnavailable as error:
            if time.monotonic() >= deadline:
                raise MigrationError(f"{error}; gave up after {wait_seconds:g} s: is it running?") from error
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            await connection.close()
            return


def _revision(connection: sa.Connection) -> str:
    found = MigrationContext.configure(connection).get_current_revision() or ""
    connection.rollback()
    return found


def _upgrade(connection: sa.Connection, alembic: Config) -> None:
    alembic.attributes["connection"] = connection
    command.upgrade(alembic, "head")


async def _hypertables(connection: AsyncConnection, mode: TimescaleMode) -> str:
    """Make what is missing; the reason why not, or an empty text."""
    if mode == "off":
        return "switched off"
    missing = await _unusable(connection)
    if missing:
        if mode == "on":
            raise MigrationError(f"TimescaleDB is asked for (EXCHANGE_TIMESCALE=on) but {missing}")
        return missing
    for table, column in HYPERTABLES.items():
        dimension = sa.func.by_range(column, sa.text("INTERVAL '1 day'"))
        options = "create_default_indexes => false, if_not_exists => true, migrate_data => true"
        await connection.execute(sa.select(sa.func.create_hypertable(table, dimension, sa.text(options))))
    return ""


async def _unusable(connection: AsyncConnection) -> str:
    """Why there is no TimescaleDB to be used, or an empty text once the extension is in the database."""
    if (await connection.scalar(sa.text("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'"))) == 0:
        available = await connection.scalar(
            sa.text("SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'")
        )
        if available is None:
            return "the server does not have the extension's files"
        libraries = str(await connection.scalar(sa.text("SELECT current_setting('shared_preload_libraries')")))
        if "timescaledb" not in libraries:
            return "the server does not load it: add timescaledb to shared_preload_libraries and restart"
    version = int(str(await connection.scalar(sa.text("SELECT current_setting('server_version_num')")))) // 10_000
    if version < OLDEST_FOR_TIMESCALE:
        return f"the server is PostgreSQL {version}, and its policies need {OLDEST_FOR_TIMESCALE} or newer"
    try:
        async with connection.begin_nested():
            await connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS timescaledb"))
    except DBAPIError as error:
        return f"the extension cannot be created: {error.orig}"
    return ""


async def _existing(connection: AsyncConnection) -> list[str]:
    if (await connection.scalar(sa.text("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'"))) == 0:
        return []
    rows = await connection.scalars(
        sa.text("SELECT hypertable_name FROM timescaledb_information.hypertables ORDER BY 1")
    )
    return [str(name) for name in rows if name in HYPERTABLES]
