"""Segments as rows of the table `journal`: the same bytes as in a file, under the position of the last entry.

Each position may end one segment, and each may be gone on from by one: so two writers, whatever became of their lock,
cannot make the archive fork. The table's own trigger refuses changes and deletion.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from exchange.effects.ports import EffectError, LogUnavailable
from exchange.projections.journal.segment import Header, SegmentDamaged, read_header
from exchange.projections.journal.stores import Stored
from exchange.projections.timescale import database
from exchange.projections.timescale.database import DatabaseRefused, DatabaseUnavailable
from exchange.terms.stream import START, StreamId, format_id

LOCK: Final = 0x6A6F7572_6E616C01
"""The advisory lock of the one that writes."""

_SECONDS: Final = 120.0
"""How long one statement may take before the database counts as away."""
_CLOSE_SECONDS: Final = 2.0

_LARGEST: Final = 2**63 - 1
"""The largest number that a column holds: in milliseconds, in 292 million years."""

_PREVIOUS: Final = (
    "SELECT last_ms, last_seq FROM journal WHERE (last_ms, last_seq) < ($1, $2)"
    " ORDER BY last_ms DESC, last_seq DESC LIMIT 1"
)
_AFTER: Final = "SELECT * FROM journal WHERE (last_ms, last_seq) > ($1, $2) ORDER BY last_ms, last_seq LIMIT 1"
_LAST: Final = "SELECT * FROM journal ORDER BY last_ms DESC, last_seq DESC LIMIT 1"
_ADD: Final = (
    "INSERT INTO journal (last_ms, last_seq, before_ms, before_seq, total, data) VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT (last_ms, last_seq) DO NOTHING"
)
_KEPT: Final = "SELECT last_ms, last_seq FROM journal WHERE total <= $1 ORDER BY total DESC LIMIT 1"


class DatabaseSegments:
    """The `SegmentStore` in a database, over one connection that is opened when first used."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._locked = False

    def __str__(self) -> str:
        return "the database's table journal"

    async def after(self, id: StreamId) -> Stored | None:
        """See `SegmentSource.after`."""
        return await self._found(_AFTER, *[min(part, _LARGEST) for part in id])

    async def last(self) -> Stored | None:
        """See `SegmentSource.last`."""
        return await self._found(_LAST)

    async def add(self, header: Header, data: bytes) -> None:
        """See `SegmentStore.add`."""
        if max(header.last.id) > _LARGEST:
            raise EffectError(f"entry {format_id(header.last.id)} has an id that no clock gave: {self} cannot hold it")
        async with self._translated() as connection:
            try:
                await connection.execute(_ADD, *header.last.id, *header.before.id, header.total, data)
            except asyncpg.UniqueViolationError as error:
                raise LogUnavailable(
                    f"{self} already goes on from {format_id(header.before.id)}: another journal wrote to it"
                ) from error

    async def lock(self) -> bool:
        """Be the only one who writes, as long as the connection lives. Whether that could be had.

        Raises:
            LogUnavailable, EffectError.
        """
        async with self._translated() as connection:
            if not self._locked:
                self._locked = await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK)
        return self._locked

    async def kept(self, total: int) -> StreamId:
        """Where the newest segment ends that ends at or before the log's entry number `total`; `START` if none does.

        Raises:
            LogUnavailable, EffectError.
        """
        async with self._translated() as connection:
            row = await connection.fetchrow(_KEPT, total)
        return (row["last_ms"], row["last_seq"]) if row is not None else START

    async def projections(self) -> dict[str, StreamId]:
        """How far each projection in this database has come, by name.

        Raises:
            LogUnavailable, EffectError.
        """
        async with self._translated() as connection:
            rows = await connection.fetch("SELECT name, position_ms, position_seq FROM projections")
        return {row["name"]: (row["position_ms"], row["position_seq"]) for row in rows}

    async def close(self) -> None:
        """See `SegmentSource.close`: the lock goes too."""
        connection, self._connection = self._connection, None
        self._locked = False
        if connection is not None:
            try:
                await connection.close(timeout=_CLOSE_SECONDS)
            except database.FAILURES:
                connection.terminate()  # it was broken already

    async def _found(self, query: str, *values: int) -> Stored | None:
        async with self._translated() as connection:
            row = await connection.fetchrow(query, *values)
            if row is None:
                return None
            key = row["last_ms"], row["last_seq"]
            previous = await connection.fetchrow(_PREVIOUS, *key)
        name = f"journal row {format_id(key)}"
        data: bytes = row["data"]
        header = read_header(name, data)
        if header.before.id != (row["before_ms"], row["before_seq"]) or header.total != row["total"]:
            raise SegmentDamaged(name, "its columns are not what the segment in it says")
        return Stored(name, key, (previous["last_ms"], previous["last_seq"]) if previous is not None else START, data)

    @asynccontextmanager
    async def _translated(self) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
        """The connection, opened if need be; the house's exceptions for what goes wrong on it.

        A lock is of a connection: without the connection it is gone, and has to be asked for again.
        """
        try:
            if self._connection is None or self._connection.is_closed():
                self._locked = False
                self._connection = await database.connect(self._url, command_seconds=_SECONDS)
            yield self._connection
        except DatabaseUnavailable as error:
            raise LogUnavailable(str(error)) from error
        except DatabaseRefused as error:
            raise EffectError(str(error)) from error
        except database.FAILURES as error:
            told = database.translate(error)
            if isinstance(told, DatabaseUnavailable):
                await self.close()
                raise LogUnavailable(str(told)) from error
            if told is None:
                raise
            raise EffectError(str(told)) from error
