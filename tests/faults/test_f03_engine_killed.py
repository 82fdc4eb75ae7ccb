"""F3: an engine is killed at each step of a batch. Nothing is lost, each command has one entry, whoever goes on."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog
from tests.e2e.nursery import Nursery
from tests.integration.trading import all_commands, all_events, assert_sound, open_world, some

REPOSITORY = Path(__file__).parent.parent.parent
POINTS = ("after_read", "during_apply", "after_apply", "mid_publish", "after_publish")
COMMANDS = 60


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    opened = Nursery(REPOSITORY, tmp_path / "roles.log")
    yield opened
    opened.close()


@pytest.mark.parametrize("point", POINTS)
def test_f03_an_engine_killed_at_any_step_leaves_one_entry_for_each_command(
    nursery: Nursery,
    log: BlockingRedisLog,
    store: FileSnapshotStore,
    redis_url: str,
    streams: str,
    tmp_path: Path,
    point: str,
) -> None:
    """Three engines die one after the other, of batches of three sizes; a fourth answers what is left."""
    open_world(log, store)
    ids = log.append_many(some(3, COMMANDS))
    environ = {
        "REDIS_URL": redis_url,
        "EXCHANGE_STREAMS": streams,
        "EXCHANGE_HOME": str(tmp_path / "home"),
        "EXCHANGE_SNAPSHOTS": str(tmp_path / "snapshots"),
        "EXCHANGE_LOG_LEVEL": "error",
    }
    kills = 0
    for batch in (2, 7, 50):
        doomed = nursery.spawn(["engine", "--batch", str(batch)], {**environ, "EXCHANGE_FAILPOINT": f"{point}:2"})
        _wait(nursery, log, doomed)
        assert nursery.wait(doomed, 0) == -9
        kills += 1
        ids += log.append_many(some(10 + batch, COMMANDS))
    assert kills == 3

    last = nursery.spawn(["engine"], environ)
    deadline = time.monotonic() + 30
    while len(all_events(log)) < len(all_commands(log)):
        assert nursery.ended(last) is None
        assert time.monotonic() < deadline, "commands stay without a result"
        time.sleep(0.01)

    assert {entry.id for entry in all_events(log)} >= set(ids)
    assert_sound(log)


def _wait(nursery: Nursery, log: BlockingRedisLog, pid: int) -> None:
    """Until the engine has died."""
    deadline = time.monotonic() + 30
    while nursery.ended(pid) is None:
        assert time.monotonic() < deadline, f"the engine came to {len(all_events(log))} entries and did not die"
        time.sleep(0.005)
