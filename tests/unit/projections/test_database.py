"""What the driver raises, and what that means."""

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from exchange.projections.timescale import database
from exchange.projections.timescale.database import DatabaseRefused, DatabaseUnavailable


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
        asyncpg.InterfaceError("cannot perform operation: another operation is in progress"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.QueryCanceledError("canceling statement due to user request"),
        asyncpg.InvalidCachedStatementError("cached statement plan is invalid"),
        ConnectionRefusedError("refused"),
        TimeoutError(),
    ],
)
def test_a_lost_connection_is_the_database_s_absence_however_the_driver_tells_it(error: Exception) -> None:
    assert isinstance(error, database.FAILURES)
    assert isinstance(database.translate(error), DatabaseUnavailable)
    if isinstance(error, asyncpg.InterfaceError):
        wrapped = Exception()
        wrapped.__cause__ = error
        assert isinstance(database.translate(DBAPIError("SELECT 1", None, wrapped)), DatabaseUnavailable)


def test_what_waiting_does_not_cure_is_refused_and_what_is_neither_is_a_bug() -> None:
    assert isinstance(database.translate(asyncpg.InvalidPasswordError("no")), DatabaseRefused)
    assert "exchange migrate" in str(database.translate(asyncpg.UndefinedTableError("no")))
    assert database.translate(asyncpg.InterfaceError("the server expects 2 arguments")) is None
    assert database.translate(ValueError("no")) is None


def test_what_was_asked_about_people_is_not_told_with_an_error() -> None:
    error = DBAPIError("SELECT $1", ("somebody's secret",), Exception("no"), hide_parameters=True)
    assert "secret" not in str(error)
    assert database.engine("postgresql://nowhere", pool_size=1).sync_engine.hide_parameters
