"""What the database says: how far the projections have come, what is archived, how large it is."""

from typing import Final

import asyncpg

from exchange.doctor.survey import Database
from exchange.projections.timescale.database import FAILURES, DatabaseRefused, DatabaseUnavailable, connect
from exchange.terms.stream import format_id

_SECONDS: Final = 5.0


async def look(url: str) -> Database:
    """Ask everything.

    Raises:
        DatabaseUnavailable: it cannot be reached.
        DatabaseRefused: it refuses the log-in, or has no tables yet.
    """
    connection = await connect(url, command_seconds=_SECONDS)
    try:
        return await _look(connection)
    except asyncpg.UndefinedTableError as error:
        raise DatabaseRefused(f"its tables are not this version's ({error}): run `exchange migrate`") from error
    except FAILURES as error:
        raise DatabaseUnavailable(f"{type(error).__name__}: {error}") from error
    finally:
        connection.terminate()


async def _look(connection: "asyncpg.Connection[asyncpg.Record]") -> Database:
    projections = await connection.fetch("SELECT name, position_ms, position_seq FROM projections ORDER BY name")
    journal: str | None = None
    entries = 0
    if await connection.fetchval("SELECT to_regclass('journal') IS NOT NULL"):
        query = "SELECT last_ms, last_seq, total FROM journal ORDER BY last_ms DESC, last_seq DESC LIMIT 1"
        last = await connection.fetchrow(query)
        journal = format_id((last["last_ms"], last["last_seq"])) if last is not None else ""
        entries = last["total"] if last is not None else 0
    return Database(
        version=await connection.fetchval("SHOW server_version"),
        bytes=await connection.fetchval("SELECT pg_database_size(current_database())"),
        projections={row["name"]: format_id((row["position_ms"], row["position_seq"])) for row in projections},
        journal=journal,
        journal_entries=entries,
    )
