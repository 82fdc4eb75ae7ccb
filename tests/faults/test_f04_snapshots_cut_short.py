"""F4: whoever writes a snapshot is killed at each step of it, or the file is cut at any byte: the older one is used."""

import subprocess
import sys
from pathlib import Path

import pytest

from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis_log import BlockingRedisLog, run
from exchange.roles import snapshots
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
