"""The schema: reached from nothing and back, by one or by several at once, with hypertables or without."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from alembic import command
from exchange.projections.timescale import database
from exchange.projections.timescale.migrations import MigrationError, config, migrate
from exchange.projections.timescale.people import metadata

HEAD = ScriptDirectory.from_config(config()).get_current_head()
SOURCE = Path(__file__).parent.parent.parent / "src"


async def on(url: str, act: Any) -> Any:
    """Do something with SQLAlchemy's plain connection."""
    engine = database.engine(url, pool_size=1)
    try:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="READ COMMITTED")
            return await connection.run_sync(act)
    finally:
        await engine.dispose()


def differences(connection: sa.Connection) -> list[Any]:
    options = {"compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def tables(connection: sa.Connection) -> set[str]:
    return set(sa.inspect(connection).get_table_names())


def exchange_migrate(url: str, *arguments: str, **environ: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "exchange", "migrate", *arguments],
        env={**os.environ, "PYTHONPATH": str(SOURCE), "DATABASE_URL": url, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def test_the_migrations_make_the_tables_that_the_code_knows(database_url: str) -> None:
    done = await migrate(database_url, timescale="off", wait_seconds=10)
    assert (done.before, done.after) == ("", HEAD)
    assert await on(database_url, differences) == []
    assert {table.name for table in metadata.sorted_tables} | {"alembic_version"} == await on(database_url, tables)


async def test_a_difference_would_be_found(database_url: str) -> None:
    await migrate(database_url, timescale="off", wait_seconds=10)
    connection = await asyncpg.connect(database_url)
    await connection.execute("ALTER TABLE trades ALTER price TYPE bigint")
    await connection.execute("DROP INDEX ledger_account")
    await connection.close()
    assert len(await on(database_url, differences)) == 2


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    await migrate(database_url, timescale="off", wait_seconds=10)
    again = await migrate(database_url, timescale="off", wait_seconds=10)
    assert (again.before, again.after) == (HEAD, HEAD)


async def test_every_migration_can_be_taken_back(database_url: str) -> None:
    await migrate(database_url, timescale="off", wait_seconds=10)

    def down(connection: sa.Connection) -> set[str]:
        alembic = config()
        alembic.attributes["connection"] = connection
        command.downgrade(alembic, "base")
        return tables(connection)

    assert await on(database_url, down) == {"alembic_version"}
    assert (await migrate(database_url, timescale="off", wait_seconds=10)).before == ""


def test_two_at_once_follow_one_another(database_url: str) -> None:
    both = [exchange_migrate(database_url, EXCHANGE_TIMESCALE="off") for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    firsts = sorted(output.splitlines()[0] for output, _ in outputs)
    assert firsts == [f"schema at revision {HEAD} (from nothing)", f"schema at revision {HEAD} (was already there)"]


async def test_alembic_itself_can_run_and_print_them(database_url: str) -> None:
    environ = {**os.environ, "DATABASE_URL": database_url}
    folder = SOURCE.parent
    alembic = [sys.executable, "-m", "alembic", "-c", str(folder / "alembic.ini"), "upgrade", "head"]
    printed = await asyncio.to_thread(
        subprocess.run, [*alembic, "--sql"], env=environ, capture_output=True, text=True, check=True, timeout=60
    )
    assert await on(database_url, tables) == set()
    connection = await asyncpg.connect(database_url)
    await connection.execute(printed.stdout)
    await connection.close()
    assert await on(database_url, differences) == []
    again = await asyncio.to_thread(
        subprocess.run, alembic, env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert again.returncode == 0, again.stderr


async def test_hypertables_that_are_asked_for_and_cannot_be_had_are_refused(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    had = await connection.fetchval("SELECT count(*) FROM pg_available_extensions WHERE name = 'timescaledb'")
    await connection.close()
    if had:
        pytest.skip("this server has the extension's files")
    with pytest.raises(MigrationError, match=r"EXCHANGE_TIMESCALE=on.*extension's files"):
        await migrate(database_url, timescale="on", wait_seconds=10)
    done = await migrate(database_url, timescale="auto", wait_seconds=10)
    assert done.hypertables == []
    assert "extension" in done.reason


def test_what_cannot_be_reached_is_told_in_one_line(database_url: str) -> None:
    cases = {
        "": "set DATABASE_URL",
        "postgresql://nobody@127.0.0.1:1/none": "gave up after 0.3 s",
        database_url.replace("/test_", "/not_there_"): "does not exist",
    }
    for url, reason in cases.items():
        process = exchange_migrate(url, "--wait", "0.3")
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 2
        assert reason in errors
        assert len(errors.splitlines()) == 1
