"""Connections to PostgreSQL, and the one exception for its being away.

Addresses are `postgresql://…` as libpq and asyncpg read them, unix sockets (`?host=/folder`) included; SQLAlchemy gets
its connections from the same function, so that both read an address alike.
"""

from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

CONNECT_SECONDS: Final = 10.0
"""How long one attempt to connect may take."""


class DatabaseUnavailable(Exception):
    """The database cannot be reached now, or ended the connection; what was asked may or may not have happened."""


class DatabaseRefused(Exception):
    """The database answers and will not have us: wrong address, user or password, or the schema is not there."""


_AWAY: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.QueryCanceledError,
    asyncpg.InvalidCachedStatementError,
    OSError,
    TimeoutError,
)
"""What passes by itself: restarts, no room, a fail-over, a lost race, a hand at the server, a schema just changed."""

_REFUSED: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.InsufficientPrivilegeError,
)


_LOST: Final = ("clos", "another operation is in progress")
"""How the driver tells of a lost connection. While the loss is under way it believes itself in the midst of another
request (also as an `InternalClientError`); there is none, for a connection serves one caller at a time."""

FAILURES: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""All that the driver raises, for `translate` to tell apart."""


def translate(error: BaseException) -> Exception | None:
    """The house's exception for what went wrong, or None when it is nothing of the kind (then it is a bug)."""
    cause: BaseException | None = error
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return DatabaseUnavailable(_told(error))
        cause = error.orig.__cause__ if error.orig is not None else None
    if isinstance(cause, _REFUSED):
        advice = ""
        if isinstance(cause, (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)):
            advice = "; run `exchange migrate` first"
        return DatabaseRefused(_told(cause) + advice)
    if isinstance(cause, _AWAY):
        return DatabaseUnavailable(_told(cause))
    if isinstance(cause, asyncpg.InternalClientError) or (
        isinstance(cause, asyncpg.InterfaceError) and any(word in str(cause) for word in _LOST)
    ):
        return DatabaseUnavailable(_told(cause))
    return None


def _told(error: BaseException) -> str:
    return f"database: {str(error) or type(error).__name__}"


async def connect(url: str, *, command_seconds: float | None = None) -> "asyncpg.Connection[asyncpg.Record]":
    """One connection of its own; a statement that takes longer than `command_seconds` counts as the database's absence.

    Raises:
        DatabaseUnavailable, DatabaseRefused.
    """
    try:
        return await _open(url, command_seconds)
    except FAILURES as error:
        told = translate(error)
        if told is None:
            raise
        raise told from error


def engine(url: str, *, pool_size: int, command_seconds: float | None = None) -> AsyncEngine:
    """A pool for SQLAlchemy; each statement its own transaction unless asked otherwise."""
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: _open(url, command_seconds),
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # errors are logged, and parameters are people's
    )


async def _open(url: str, command_seconds: float | None) -> "asyncpg.Connection[asyncpg.Record]":
    return await asyncpg.connect(
        url,
        timeout=CONNECT_SECONDS,
        command_timeout=command_seconds,
        server_settings={
            "application_name": "exchange",
            "jit": "off",
            "timezone": "UTC",
            # So that a peer that vanished does not keep its lock for hours.
            "tcp_keepalives_idle": "30",
            "tcp_keepalives_interval": "10",
            "tcp_keepalives_count": "3",
        },
    )
