"""The same log, store and client of their own as tests of log and recovery have."""

from tests.integration.conftest import client, folder, log, store

__all__ = ["client", "folder", "log", "store"]
