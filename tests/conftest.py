"""Real servers for the tests: one Redis-compatible server and one PostgreSQL per run (per worker with xdist).

Each test gets a log and a database of its own: a unique prefix for the stream keys, and a database made for it. Servers
start when the first test asks for them, take a tenth of a second and end with the run.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from exchange import compiled
from exchange.embedded.postgres import PostgresServer
from exchange.embedded.valkey import ValkeyServer
from exchange.settings import Settings

REPOSITORY = Path(__file__).parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """A test run on extensions that are not their sources' would test something else."""
    if compiled.status() == "stale":
        pytest.exit("the compiled engine is older than its source: run `make build`", returncode=3)


def pytest_report_header(config: pytest.Config) -> str:
    """Say what is being tested."""
    return f"engine: {compiled.status()}"


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """A stream server, `appendfsync always`; deleting and flushing are allowed here."""
    folder = tmp_path_factory.mktemp("valkey")
    server = ValkeyServer(
        folder / "data", sockets=folder / "run", log=folder / "server.log", fsync="always", guarded=False
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL that does not wait for the disk."""
    folder = tmp_path_factory.mktemp("postgres")
    server = PostgresServer(folder / "data", sockets=folder / "run", log=folder / "server.log", durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(valkey: ValkeyServer) -> str:
    """The stream server's address. Use it with the prefix `streams`: the server is shared by all tests."""
    return valkey.url


@pytest.fixture
def streams() -> str:
    """A key prefix, and so a log, that no other test has."""
    return f"test-{secrets.token_hex(6)}"


@pytest.fixture
def database_url(postgres: PostgresServer) -> Iterator[str]:
    """A new, empty database of the test's own (`postgresql://…`); dropped afterwards, whoever is still connected."""
    name = f"test_{secrets.token_hex(6)}"
    admin = postgres.database_url("postgres")
    asyncio.run(execute(admin, f"CREATE DATABASE {name}"))
    yield postgres.database_url(name)
    asyncio.run(execute(admin, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def make_settings(tmp_path: Path, streams: str) -> Callable[..., Settings]:
    """Settings for a home of the test's own with its own streams; name what is to be otherwise.

    The servers' addresses are empty unless given: `make_settings(redis_url=redis_url)`.
    """

    def make(**values: Any) -> Settings:
        home = Path(values.pop("home", tmp_path / "home"))
        snapshots = Path(values.pop("snapshots", home / "snapshots"))
        return replace(Settings(home=home, snapshots=snapshots, streams=streams), **values)

    return make


async def execute(url: str, statement: str) -> None:
    """Run one statement on its own connection."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
