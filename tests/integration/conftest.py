"""What tests of log and recovery begin with: a log of their own on the shared server, and a snapshot folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog


@pytest.fixture
def store(tmp_path: Path) -> FileSnapshotStore:
    return FileSnapshotStore(tmp_path / "snapshots")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "snapshots"


@pytest.fixture
def log(redis_url: str, streams: str) -> Iterator[BlockingRedisLog]:
    opened = BlockingRedisLog(redis_url, f"{streams}:commands", f"{streams}:events")
    yield opened
    opened.close()


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as opened:
        yield opened
