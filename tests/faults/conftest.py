"""The same log, store and client of their own as tests of log and recovery have; and servers to be mistreated."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.embedded.valkey import ValkeyServer
from tests.integration.conftest import client, folder, log, store
from tests.shim import ShimmedServer

__all__ = ["client", "folder", "log", "own_server", "shimmed", "store"]


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A stream server of the test's own, `appendfsync always`."""
    server = ValkeyServer(tmp_path / "valkey", sockets=tmp_path / "run", log=tmp_path / "valkey.log", guarded=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def shimmed(tmp_path: Path) -> Iterator[ShimmedServer]:
    """The same on the shim."""
    server = ShimmedServer(tmp_path / "shimmed")
    server.start()
    yield server
    server.stop()
