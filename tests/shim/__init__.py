"""A stream server whose power can be cut, whose disk can be full, and whose clock can be wrong.

`kill -9` does not test durability: what was written stays in the kernel. So a small library (`shim.c`) stands between
the server and the C library, for this one process. A power cut is `kill -9`, and then `power_cut`, which cuts each
append-only file back to what its last fsync covered, or leaves a part of what came after it, torn anywhere.

A renamed or new file is taken for durable with its name: the shim knows about contents, not about folders.
"""

import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest

from exchange.embedded.valkey import ValkeyServer
from exchange.settings import Fsync

_SOURCE = Path(__file__).with_name("shim.c")
_BUILD = Path(__file__).parents[2] / "build" / "shim"


def library() -> Path:
    """The shared library, built once for each version of its source; without a C compiler the test is skipped."""
    built = _BUILD / f"shim-{hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:16]}.so"
    if built.exists():
        return built
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("a C compiler is needed to cut a server's power")
    _BUILD.mkdir(parents=True, exist_ok=True)
    fresh = built.with_suffix(f".{os.getpid()}")
    argv: list[str | Path] = [
        compiler,
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-shared",
        "-fPIC",
        "-o",
        fresh,
        _SOURCE,
        "-ldl",
        "-lpthread",
    ]
    made = subprocess.run(argv, capture_output=True, text=True, check=False)
    if made.returncode:
        raise RuntimeError(f"the shim does not compile:\n{made.stderr}")
    fresh.replace(built)
    return built


def environ(folder: Path) -> dict[str, str]:
    """What puts the shim under a process; `folder` is where it and the test talk, and must be there."""
    return {"LD_PRELOAD": str(library()), "SHIM_FOLDER": str(folder)}


def power_cut(data: Path, folder: Path, keep: float = 0.0) -> int:
    """Cut the append-only files in a dead server's data folder; how many bytes were lost.

    Args:
        keep: the share of what was not synced that stays all the same: a torn tail.
    """
    lost = 0
    for path in sorted(data.rglob("*.aof*")):
        if not path.is_file():
            continue
        stat = path.stat()
        record = folder / f"synced-{stat.st_dev}-{stat.st_ino}"
        synced = min(int(record.read_text()), stat.st_size) if record.exists() else 0
        stays = synced + int(keep * (stat.st_size - synced))
        lost += stat.st_size - stays
        os.truncate(path, stays)
        record.write_text(f"{stays:020}\n")  # what is there after the lights came back on is on the disk
    return lost


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Meanwhile the server's append-only files cannot grow."""
    flag = folder / "full"
    flag.touch()
    try:
        yield
    finally:
        flag.unlink()


def shift_clock(folder: Path, ms: int) -> None:
    """From now on (a few milliseconds later) the server's wall clock is so much ahead of ours; 0 puts it right."""
    fresh = folder / "clock.new"
    fresh.write_text(str(ms))
    fresh.replace(folder / "clock")


class ShimmedServer(ValkeyServer):
    """A stream server on the shim. `shim` is the folder where it is talked to."""

    def __init__(self, folder: Path, *, fsync: Fsync = "always") -> None:
        super().__init__(folder / "data", sockets=folder / "run", log=folder / "server.log", fsync=fsync, guarded=False)
        self.data = folder / "data"
        self.shim = folder / "shim"
        self.shim.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """See `ValkeyServer.start`."""
        kept = os.environ.copy()
        os.environ.update(environ(self.shim))
        try:
            with mock.patch("os.fsync", self._record):
                super().start()
        finally:
            for name in ("LD_PRELOAD", "SHIM_FOLDER"):
                os.environ.pop(name, None)
            os.environ.update(kept)

    def _record(self, fd: int) -> None:
        """What our own process syncs counts too."""
        stat = os.fstat(fd)
        (self.shim / f"synced-{stat.st_dev}-{stat.st_ino}").write_text(f"{stat.st_size:020}\n")

    def kill(self) -> None:
        """Kill -9, and wait until it is dead."""
        assert self.child is not None
        if self.child.poll() is None:
            os.kill(self.child.pid, signal.SIGKILL)
        self.child.wait()

    def cut_power(self, keep: float = 0.0) -> int:
        """Kill it and lose what was not synced; see `power_cut`."""
        self.kill()
        return power_cut(self.data, self.shim, keep)
