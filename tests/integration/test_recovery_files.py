"""The snapshot folder: whole files or none, whatever interrupts the writer."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.effects.files import FileSnapshotStore

REPOSITORY = Path(__file__).parent.parent.parent
ONE = f"{1:020d}-{0:020d}.snapshot"
TWO = f"{2:020d}-{0:020d}.snapshot"
TEN = f"{10:020d}-{0:020d}.snapshot"


def test_names_come_newest_first_and_nothing_else_is_one(tmp_path: Path) -> None:
    store = FileSnapshotStore(tmp_path / "made" / "when needed")
    assert store.names() == []
    for name in (TWO, TEN, ONE):
        store.write(name, [b"line"])
    (tmp_path / "made" / "when needed" / "README.md").write_text("no snapshot")
    (tmp_path / "made" / "when needed" / f"{TWO}.77.tmp").write_text("no snapshot")
    assert store.names() == [TEN, TWO, ONE]
    store.delete(TWO)
    store.delete(TWO)
    assert store.names() == [TEN, ONE]


def test_what_was_written_is_read_and_a_line_without_its_end_is_not(tmp_path: Path) -> None:
    store = FileSnapshotStore(tmp_path)
    lines = [b"one", b"", b"three"]
    store.write(ONE, lines)
    assert list(store.read(ONE)) == lines
    path = tmp_path / ONE
    path.write_bytes(path.read_bytes()[:-1])
    assert list(store.read(ONE)) == lines[:-1]


def test_files_are_for_the_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        FileSnapshotStore(tmp_path / "snapshots").write(ONE, [b"balances"])
    finally:
        os.umask(before)
    assert (tmp_path / "snapshots" / ONE).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "snapshots").stat().st_mode & 0o777 == 0o700


def test_a_writer_that_fails_leaves_the_older_file_and_no_trace(tmp_path: Path) -> None:
    store = FileSnapshotStore(tmp_path)
    store.write(ONE, [b"older"])

    def breaks() -> Iterator[bytes]:
        yield b"newer"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        store.write(ONE, breaks())
    assert list(store.read(ONE)) == [b"older"]
    assert [path.name for path in tmp_path.iterdir()] == [ONE]


@pytest.mark.parametrize("name", ["x", "../" + ONE, ONE + ".tmp", ""])
def test_a_name_that_is_no_snapshots_is_refused(tmp_path: Path, name: str) -> None:
    store = FileSnapshotStore(tmp_path)
    for call in (lambda: store.write(name, []), lambda: list(store.read(name)), lambda: store.delete(name)):
        with pytest.raises(ValueError, match="not a snapshot's name"):
            call()


def test_what_another_writer_is_at_work_on_is_left_alone(tmp_path: Path) -> None:
    store, other = FileSnapshotStore(tmp_path), FileSnapshotStore(tmp_path)

    def slow() -> Iterator[bytes]:
        yield b"begun"
        # Another process's name, so that the two temporary files differ.
        (temporary,) = tmp_path.glob("*.tmp")
        other.write(TEN, [b"in between"])
        assert temporary.exists()

    store.write(ONE, slow())
    assert store.names() == [TEN, ONE]
