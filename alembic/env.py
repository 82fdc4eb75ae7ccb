"""How migrations are run: on a connection that is handed in, on one made from the settings, or to text (`--sql`).

All of an upgrade is one transaction under one advisory lock, so that two that run at once follow one another and a
failure leaves the schema as it was.
"""

import asyncio

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from alembic import context
from exchange.projections.timescale import database
from exchange.projections.timescale.migrations import LOCK
from exchange.projections.timescale.people import metadata
from exchange.settings import load


def run(connection: sa.Connection) -> None:
    """Run what was asked on a connection."""
    context.configure(connection=connection, target_metadata=metadata, compare_type=True, compare_server_default=True)
    with context.begin_transaction():
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        context.run_migrations()


async def connect_and_run() -> None:
    """Run what was asked on the database of the settings."""
    engine = database.engine(load().database_url, pool_size=1)
    try:
        async with engine.connect() as connection:
            await transactional(connection)
            await connection.run_sync(run)
    finally:
        await engine.dispose()


async def transactional(connection: AsyncConnection) -> None:
    """Undo the pool's one-transaction-per-statement."""
    await connection.execution_options(isolation_level="READ COMMITTED")


given: sa.Connection | None = context.config.attributes.get("connection")
if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
elif given is not None:
    run(given)
else:
    asyncio.run(connect_and_run())
