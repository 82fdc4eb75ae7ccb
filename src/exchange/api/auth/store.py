"""The database as those who keep users, sessions and keys ask it: briefly, and with one error when it is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from exchange.api.errors import ApiError, GatewayCode
from exchange.projections.timescale import database

DATABASE_S: Final = 5.0
"""How long the database may take for one question."""

_CONNECTIONS: Final = 4


class Store:
    """A few connections; each statement its own transaction."""

    def __init__(self, database_url: str) -> None:
        self._engine = database.engine(database_url, pool_size=_CONNECTIONS)

    async def close(self) -> None:
        """Let the connections go."""
        await self._engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A connection whose statements become true together, or not at all.

        Raises:
            As `connection`.
        """
        async with self.connection() as connection:
            await connection.execution_options(isolation_level="READ COMMITTED")
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection for a few short statements.

        Raises:
            ApiError: `database_unavailable`.
            IntegrityError: a row that must be one of its kind is not.
        """
        try:
            async with asyncio.timeout(DATABASE_S), self._engine.connect() as connection:
                yield connection
        except IntegrityError:
            raise
        except (DBAPIError, sa.exc.TimeoutError, *database.FAILURES) as error:
            away = database.translate(error)
            if away is None:
                raise
            raise ApiError(GatewayCode.DATABASE_UNAVAILABLE) from away
