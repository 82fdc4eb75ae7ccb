"""Work beside a role: its own memory, its own end, and nothing of the parent's."""

import atexit
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exchange.effects.aside import Forked
from exchange.effects.ports import AsideFailed

SECONDS = 10.0


@pytest.fixture
def aside() -> Iterator[Forked]:
    forked = Forked()
    yield forked
    forked.close()


def heard(aside: Forked) -> str:
    """What the work gave, as soon as it has ended."""
    deadline = time.monotonic() + SECONDS
    while (gave := aside.ended()) is None:
        assert time.monotonic() < deadline, "the work does not end"
        time.sleep(0.001)
    return gave


def test_what_the_work_gives_is_told_once(aside: Forked) -> None:
    assert aside.ended() is None
    assert aside.begin(lambda: "done ✓")
    assert heard(aside) == "done ✓"
    assert aside.ended() is None
    assert aside.begin(lambda: "x" * 1_000_000), "the next can begin"
    assert heard(aside) == "x" * 1_000_000


def test_the_work_sees_memory_as_it_was_and_changes_none(aside: Forked, tmp_path: Path) -> None:
    seen = {"commands": 1}

    def work() -> str:
        while not (tmp_path / "go").exists():
            time.sleep(0.001)
        told = str(seen)
        seen["commands"] = 99
        return told

    assert aside.begin(work)
    seen["commands"] = 2
    assert aside.ended() is None, "who asks does not wait"
    assert not aside.begin(lambda: "another"), "one at a time"
    (tmp_path / "go").touch()
    assert heard(aside) == "{'commands': 1}"
    assert seen == {"commands": 2}


def test_an_exception_is_told_in_words(aside: Forked) -> None:
    def fails() -> str:
        raise OSError(28, "No space left on device")

    aside.begin(fails)
    with pytest.raises(AsideFailed, match=r"OSError: \[Errno 28\] No space left on device"):
        heard(aside)
    assert aside.begin(lambda: "again")
    assert heard(aside) == "again"


def test_a_child_that_is_killed_is_told_of(aside: Forked) -> None:
    def work() -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        return "alive"

    aside.begin(work)
    with pytest.raises(AsideFailed, match="killed by signal 9"):
        heard(aside)


def test_a_child_that_exits_by_itself_is_told_of_and_ends_nothing_of_the_parents(aside: Forked, tmp_path: Path) -> None:
    def ending() -> None:
        (tmp_path / "ended").touch()

    atexit.register(ending)
    try:
        aside.begin(lambda: sys.exit(5))
        with pytest.raises(AsideFailed, match="SystemExit: 5"):
            heard(aside)
        aside.begin(lambda: os._exit(6))
        with pytest.raises(AsideFailed, match="ended with code 6"):
            heard(aside)
        assert not (tmp_path / "ended").exists()
    finally:
        atexit.unregister(ending)


def test_the_parents_connections_are_not_the_childs(aside: Forked) -> None:
    ours, theirs = socket.socketpair()

    def work() -> str:
        with pytest.raises(OSError, match="Bad file descriptor"):
            ours.send(b"in the parent's name")
        return "closed"

    aside.begin(work)
    assert heard(aside) == "closed"
    ours.close()
    assert theirs.recv(10) == b"", "the other end hears at once that the parent has gone"
    theirs.close()


def test_signals_are_to_the_child_what_they_are_to_anybody(aside: Forked) -> None:
    asked = []
    before = signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
    try:

        def work() -> str:
            os.kill(os.getpid(), signal.SIGTERM)
            return "the parent's handler has swallowed it"

        aside.begin(work)
        with pytest.raises(AsideFailed, match="killed by signal 15"):
            heard(aside)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert asked == []


def test_what_is_under_way_ends_with_its_role(tmp_path: Path) -> None:
    aside = Forked()
    aside.begin(_sleeper(tmp_path / "pid"))
    pid = _pid(tmp_path / "pid")
    aside.close()
    assert not _alive(pid)
    aside.close()


def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom exchange.effects.aside import Forked\n"
        "from tests.unit.test_aside import _sleeper\n"
        "aside = Forked()\naside.begin(_sleeper(Path(sys.argv[1])))\ntime.sleep(60)\n"
    )
    root = Path(__file__).parents[2]
    environ = {**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "pid")], env=environ)
    try:
        pid = _pid(tmp_path / "pid")
        assert _alive(pid)
    finally:
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + SECONDS
    while _alive(pid):
        assert time.monotonic() < deadline, "the child has outlived its parent"
        time.sleep(0.005)


def _sleeper(told: Path) -> Callable[[], str]:
    def work() -> str:
        told.with_suffix(".new").write_text(str(os.getpid()))
        told.with_suffix(".new").rename(told)
        time.sleep(60)
        return ""

    return work


def _pid(told: Path) -> int:
    deadline = time.monotonic() + SECONDS
    while not told.exists():
        assert time.monotonic() < deadline, "the child did not begin"
        time.sleep(0.005)
    return int(told.read_text())


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
