"""The history in SQL, made again beside the live one and compared row by row.

The live tables are read in one transaction, so that rows and position belong together while the projector goes on. The
same entries are then projected into a scratch database on the same server, which is dropped in the end. Rows come in
the order of their keys from both, so that a difference is one comparison away however long the tables are.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import sqlalchemy as sa

from exchange.audit.findings import CannotAudit, Found
from exchange.effects.ports import Log
from exchange.projections.timescale import database
from exchange.projections.timescale.migrations import MigrationError, migrate
from exchange.projections.timescale.rows import Batch
from exchange.projections.timescale.schema import PROJECTED
from exchange.projections.timescale.words import NAME
from exchange.projections.timescale.writer import Writer
from exchange.terms.stream import START, Head, format_id

Connection = Any  # asyncpg comes without types

_BATCH: Final = 1_000
_ROWS: Final = 2_000


@dataclass(frozen=True)
class Projected:
    """How far the tables had come, and how many rows of each were the same."""

    position: Head
    rows: dict[str, int]


async def compare(log: Log, url: str) -> Projected:
    """Make all projected tables again and compare.

    Raises:
        Found: the first row that differs, with table, key and columns.
        CannotAudit: no scratch database can be made, or the tables' position is not in this log.
        DatabaseUnavailable, DatabaseRefused, EffectError.
    """
    live = await database.connect(url)
    try:
        async with live.transaction(isolation="repeatable_read", readonly=True):
            position = await _position(live)
            await _anchored(log, position)
            async with _scratch(url) as scratch_url:
                await _project(log, scratch_url, position)
                scratch = await database.connect(scratch_url)
                try:
                    async with scratch.transaction(isolation="repeatable_read", readonly=True):
                        rows = {str(table.name): await _same(table, scratch, live) for table in PROJECTED}
                finally:
                    await scratch.close()
    except database.FAILURES as error:
        told = database.translate(error)
        if told is None:
            raise
        raise told from error
    finally:
        await live.close()
    return Projected(position, rows)


async def _position(live: Connection) -> Head:
    row = await live.fetchrow("SELECT position_ms, position_seq, chain FROM projections WHERE name = $1", NAME)
    if row is None or (row["position_ms"], row["position_seq"]) == START:
        raise CannotAudit("nothing has been projected into this database yet")
    return Head((row["position_ms"], row["position_seq"]), row["chain"])


async def _anchored(log: Log, position: Head) -> None:
    entry = await log.event(position.id)
    if entry is None or entry.chain != position.chain:
        found = "no such entry" if entry is None else f"chain {entry.chain.hex()}"
        raise Found("table projections", format_id(position.id), f"chain {position.chain.hex()} in the log", found)


@asynccontextmanager
async def _scratch(url: str) -> AsyncIterator[str]:
    """A database for the time being; its address."""
    name = f"exchange_audit_{secrets.token_hex(6)}"
    connection = await database.connect(url)
    try:
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        except asyncpg.InsufficientPrivilegeError as error:
            raise CannotAudit(
                "the database's role may not create databases, and the audit needs a scratch one: give it the right "
                "(ALTER ROLE … CREATEDB), or set DATABASE_URL to a role that has it"
            ) from error
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    finally:
        await connection.close()


async def _project(log: Log, url: str, position: Head) -> None:
    try:
        await migrate(url, timescale="off", wait_seconds=10)
    except MigrationError as error:
        raise CannotAudit(f"the scratch database cannot be set up: {error}") from error
    writer = Writer(url)
    try:
        after = (await writer.open()).id
        while after < position.id:
            entries = [entry for entry in await log.events(after, _BATCH) if entry.id <= position.id]
            if not entries:
                raise CannotAudit(f"the log ends before {format_id(position.id)}, where the tables are")
            batch = Batch()
            for entry in entries:
                batch.add(entry)
            await writer.write(batch)
            after = entries[-1].id
    finally:
        await writer.close()


async def _same(table: sa.Table, scratch: Connection, live: Connection) -> int:
    """Compare a table's rows in the order of its key; how many there are."""
    columns = [column.name for column in table.columns]
    keys = [column.name for column in table.primary_key.columns]
    query = _ordered(table, columns, keys)
    expected = scratch.cursor(query, prefetch=_ROWS).__aiter__()
    found = live.cursor(query, prefetch=_ROWS).__aiter__()
    rows = 0
    while True:
        made, there = await anext(expected, None), await anext(found, None)
        if made is None and there is None:
            return rows
        if made is None or there is None or tuple(made) != tuple(there):
            raise _differs(table.name, keys, made, there)
        rows += 1


def _ordered(table: sa.Table, columns: list[str], keys: list[str]) -> str:
    """All rows by key. Text is ordered by its bytes: the two databases may have other collations."""
    order = [f'"{key}" COLLATE "C"' if isinstance(table.columns[key].type, sa.Text) else f'"{key}"' for key in keys]
    shown = ", ".join([f'"{column}"' for column in columns])
    return f'SELECT {shown} FROM "{table.name}" ORDER BY {", ".join(order)}'  # noqa: S608 (this code's own names)


def _differs(table: str, keys: list[str], made: Any, there: Any) -> Found:
    made_key, there_key = (None if row is None else tuple(row[key] for key in keys) for row in (made, there))
    if made is not None and there is not None and made_key == there_key:
        odd = [column for column, value in made.items() if value != there[column]]
        told, found = (", ".join([f"{column} {row[column]}" for column in odd]) for row in (made, there))
        return Found(f"table {table}", _key(keys, made_key), told, found)
    if there_key is None or (made_key is not None and made_key < there_key):
        return Found(f"table {table}", _key(keys, made_key), _row(made), "no such row")
    return Found(f"table {table}", _key(keys, there_key), "no such row", _row(there))


def _key(keys: list[str], values: Any) -> str:
    return ", ".join([f"{key} {value}" for key, value in zip(keys, values, strict=True)])


def _row(row: Any) -> str:
    return ", ".join([f"{column} {value}" for column, value in row.items()])
