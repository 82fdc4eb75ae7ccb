"""Which snapshots a start-up could use: read once, and asked of the log every time."""

from collections.abc import Iterable
from pathlib import Path

import pytest
import redis

from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.roles.snapshots import position_of
from exchange.roles.usable import UsableSnapshots
from exchange.terms.stream import StreamId, format_id
from tests.integration.trading import three_snapshots


class Counting(FileSnapshotStore):
    """Counts what is read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.reads: list[str] = []

    def read(self, name: str) -> Iterable[bytes]:
        self.reads.append(name)
        return super().read(name)


@pytest.fixture
def counting(log: BlockingRedisLog, store: FileSnapshotStore, folder: Path) -> Counting:
    three_snapshots(log, store)
    return Counting(folder)


def positions(usable: UsableSnapshots, log: BlockingRedisLog, count: int) -> list[StreamId]:
    return [head.id for head in run(usable.newest(log, count))]


def test_the_newest_are_found_and_each_file_read_once(log: BlockingRedisLog, counting: Counting) -> None:
    usable = UsableSnapshots(counting)
    ids = [position_of(name) for name in counting.names()]
    assert positions(usable, log, 2) == ids[:2]
    assert positions(usable, log, 9) == ids
    for _ in range(3):
        assert positions(usable, log, 9) == ids
    assert sorted(counting.reads) == sorted(counting.names())


def test_a_file_that_was_written_to_is_read_again(log: BlockingRedisLog, counting: Counting, folder: Path) -> None:
    usable = UsableSnapshots(counting)
    newest, second, third = counting.names()
    whole = (folder / newest).read_bytes()
    assert len(positions(usable, log, 9)) == 3
    (folder / newest).write_bytes(whole[:-40])
    assert positions(usable, log, 9) == [position_of(second), position_of(third)]
    (folder / newest).write_bytes(whole)
    assert positions(usable, log, 1) == [position_of(newest)]
    (folder / newest).unlink()
    assert positions(usable, log, 1) == [position_of(second)]


def test_the_log_is_asked_every_time(
    log: BlockingRedisLog, counting: Counting, client: redis.Redis, streams: str
) -> None:
    usable = UsableSnapshots(counting)
    newest, second, third = [position_of(name) for name in counting.names()]
    assert positions(usable, log, 9) == [newest, second, third]
    client.xtrim(f"{streams}:commands", minid=format_id((third[0], third[1] + 1)), approximate=False)
    assert positions(usable, log, 9) == [newest, second]
    client.xdel(f"{streams}:events", format_id(newest))
    assert positions(usable, log, 9) == [second]
