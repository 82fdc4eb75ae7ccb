"""The connection that all reads of the database share, and how pages are cut."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from exchange.projections.timescale import database
from exchange.projections.timescale.schema import projections
from exchange.projections.timescale.words import NAME
from exchange.terms.stream import Head, genesis_head

MAX_LIMIT: Final = 1000
"""The most rows of one page; larger limits are cut to it."""

_QUERY_SECONDS: Final = 10.0


class Reads:
    """Reads over a pool of connections."""

    def __init__(self, database_url: str, *, pool_size: int = 5) -> None:
        """Nothing is connected until the first question."""
        self._engine = database.engine(database_url, pool_size=pool_size, command_seconds=_QUERY_SECONDS)

    async def close(self) -> None:
        """Give the connections up."""
        await self._engine.dispose()

    async def position(self) -> Head:
        """How far the database has come; `genesis_head()` before the first entry."""
        async with self._connection() as connection:
            return await reached(connection)

    async def _rows(self, query: sa.Executable) -> Sequence[sa.Row[Any]]:
        async with self._connection() as connection:
            rows: Sequence[sa.Row[Any]] = (await connection.execute(query)).all()
            return rows

    @asynccontextmanager
    async def _connection(self, **options: str) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._engine.connect() as connection:
                yield await connection.execution_options(**options) if options else connection
        except (DBAPIError, sa.exc.TimeoutError, *database.FAILURES) as error:
            told = database.translate(error)
            if told is None:
                raise
            raise told from error


async def reached(connection: AsyncConnection) -> Head:
    """The position that a connection sees."""
    row = (await connection.execute(sa.select(projections).where(projections.c.name == NAME))).first()
    return genesis_head() if row is None else Head((row.position_ms, row.position_seq), row.chain)


def page(limit: int) -> int:
    """A limit within bounds."""
    return max(1, min(limit, MAX_LIMIT))


def below(key: tuple[sa.Column[int], ...], values: tuple[int, ...]) -> sa.ColumnElement[bool]:
    """The key's columns as a row, below the given one: what an index on them finds at once."""
    given = [sa.literal(value, column.type) for column, value in zip(key, values, strict=True)]
    return sa.tuple_(*key) < sa.tuple_(*given)
