"""F4: whoever writes a snapshot is killed at each step of it, or the file is cut at any byte: the older one is used."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.roles import snapshots
from tests.e2e.nursery import Nursery
from tests.integration.trading import open_world, reasons, standby, trade

REPOSITORY = Path(__file__).parent.parent.parent
ONE, TWO, TEN = (snapshots.name_of((number, 0)) for number in (1, 2, 10))

WRITER = f"""
from pathlib import Path
import sys
from exchange.effects.files import FileSnapshotStore
FileSnapshotStore(Path(sys.argv[1])).write({TWO!r}, (b"line %d" % number for number in range(1000)))
"""


@pytest.mark.parametrize(
    "point, whole",
    [("snapshot_write:1", False), ("snapshot_write:1000", False), ("before_rename", False), ("after_rename", True)],
)
def test_f04_a_killed_writer_leaves_a_whole_file_or_none_and_its_leavings_are_cleared(
    tmp_path: Path, point: str, whole: bool
) -> None:
    store = FileSnapshotStore(tmp_path)
    store.write(ONE, [b"older"])
    environ = {"PYTHONPATH": str(REPOSITORY / "src"), "EXCHANGE_FAILPOINT": point}
    done = subprocess.run([sys.executable, "-c", WRITER, str(tmp_path)], env=environ, check=False)
    assert done.returncode == -9
    assert store.names() == ([TWO, ONE] if whole else [ONE])
    if whole:
        assert len(list(store.read(TWO))) == 1000
    assert (len(list(tmp_path.glob("*.tmp"))) == 1) is not whole
    store.write(TEN, [b"newest"])
    assert list(tmp_path.glob("*.tmp")) == []


def test_f04_a_snapshot_cut_at_any_byte_is_passed_over(
    log: BlockingRedisLog, store: FileSnapshotStore, folder: Path
) -> None:
    engine = open_world(log, store)
    run(standby(log, store).turn())
    older = store.names()[0]
    trade(engine, log, 1, 3)
    run(standby(log, store).turn())
    newest = store.names()[0]
    assert newest != older
    path = folder / newest
    whole = path.read_bytes()
    machine, refused = reasons(log, store)
    assert refused == []
    wanted = snapshots.state_hash(machine)
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(snapshots.Damaged):
            snapshots.verify(store.read(newest))
        if size % 97 == 0 or size > len(whole) - 4:
            machine, refused = reasons(log, store)
            assert len(refused) == 1
            assert snapshots.state_hash(machine) == wanted


@pytest.mark.parametrize("point", ["snapshot_write", "before_rename", "after_rename"])
def test_f04_a_standby_outlives_whoever_writes_its_snapshot(
    log: BlockingRedisLog, store: FileSnapshotStore, redis_url: str, streams: str, tmp_path: Path, point: str
) -> None:
    """The writer is a forked child; it dies at the point whenever it gets there. Until one is through, the older
    snapshot is used, and what is there is never half a file."""
    engine = open_world(log, store)
    run(standby(log, store).turn())
    (older,) = store.names()
    nursery = Nursery(REPOSITORY, tmp_path / "roles.log")
    environ = {
        "REDIS_URL": redis_url,
        "EXCHANGE_STREAMS": streams,
        "EXCHANGE_HOME": str(tmp_path / "home"),
        "EXCHANGE_SNAPSHOTS": str(tmp_path / "snapshots"),
        "EXCHANGE_SNAPSHOT_EVERY": "10",
        "EXCHANGE_FAILPOINT": point,
    }
    try:
        role = nursery.spawn(["standby"], environ)
        deaths = 0
        for seed in range(200):
            trade(engine, log, seed, 15)
            deaths = (tmp_path / "roles.log").read_text().count("no snapshot could be taken")
            if deaths >= 3:
                break
            time.sleep(0.05)
        assert deaths >= 3
        assert nursery.ended(role) is None
        for name in store.names():
            snapshots.verify(store.read(name))
        assert (store.names() == [older]) is (point != "after_rename")
        machine, refused = reasons(log, store)
        assert refused == []
        assert machine.head == run(log.head())
    finally:
        nursery.close()
