"""A server's folders: data held by exactly one living server, and a place for its socket.

The lock on a data folder is an `flock` whose descriptor the server inherits: it is held exactly as long as the server,
or any process it started, lives, however each of them ends. So a server that outlived its parent is noticed, and nobody
starts a second one on its data.
"""

import fcntl
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from exchange.embedded.process import POLL_SECONDS, ServerError

SOCKET_PATH_BYTES = 107
"""The longest path of a unix socket on Linux, without the final zero; elsewhere 103."""

_LOCK = "server.lock"


def private(folder: Path) -> Path:
    """Make a folder that only its owner may enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def sync(folder: Path) -> None:
    """See that all files under a folder are on the disk as they are."""
    for path in folder.rglob("*"):
        if path.is_file():
            fd = os.open(path, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)


class Lock:
    """The exclusive hold on a data folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _LOCK
        self.fd = -1

    def take(self, stop_signal: signal.Signals, seconds: float = 15.0) -> None:
        """Take the lock, ending a server that outlived its parent.

        A dying server is waited for; one whose parent is gone is asked to stop, then killed.

        Raises:
            ServerError: a living process uses the folder, or the left-over server cannot be ended.
        """
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        started = time.monotonic()
        asked = False
        while not _flock(fd):
            waited = time.monotonic() - started
            server, parent = _holder(self._path)
            if parent != os.getpid() and _is_child(server, parent):
                os.close(fd)
                raise ServerError(f"{self._path.parent} is in use by process {parent} (server {server})")
            if waited > 1.0 and not asked and _holds(server, self._path):
                os.kill(server, stop_signal)
                asked = True
            if waited > seconds - 3.0 and _holds(server, self._path):
                os.kill(server, signal.SIGKILL)
            if waited > seconds:
                os.close(fd)
                raise ServerError(
                    f"{self._path.parent} is still held by a server that was left behind (process {server}); "
                    "end it and start again"
                )
            time.sleep(POLL_SECONDS)
        os.ftruncate(fd, 0)
        self.fd = fd

    def hand_over(self, server: int) -> None:
        """Note who holds it from now on, and keep no hold of one's own."""
        os.pwrite(self.fd, f"{server} {os.getpid()}\n".encode(), 0)
        self.release()

    def release(self) -> None:
        """Let go of one's own hold; a server that inherited it keeps it."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def socket_folder(wanted: Path, socket_name: str) -> Path:
    """A folder for a socket: the wanted one, or a short one of its own when the path would be too long.

    The short one's place is noted in `<wanted>.path`, and one that an earlier run left there is removed.

    Raises:
        ServerError: even the short path is too long.
    """
    limit = SOCKET_PATH_BYTES if sys.platform == "linux" else 103
    note = wanted.with_name(wanted.name + ".path")
    remove_socket_folder(wanted)
    if len(os.fsencode(wanted / socket_name)) <= limit:
        return private(wanted)
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) + len("/exchange-12345678/") + len(socket_name) > limit:
        raise ServerError(f"the path of a socket may have {limit} bytes: set TMPDIR to a shorter path than {base}")
    short = Path(tempfile.mkdtemp(prefix="exchange-", dir=base))
    private(note.parent)
    note.write_text(f"{short}\n")
    return short


def remove_socket_folder(wanted: Path) -> None:
    """Remove the short folder that stood in for `wanted`, if there was one."""
    note = wanted.with_name(wanted.name + ".path")
    if note.exists():
        short = Path(note.read_text().strip())
        if short.name.startswith("exchange-"):
            shutil.rmtree(short, ignore_errors=True)
        note.unlink()


def _flock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(path: Path) -> tuple[int, int]:
    """The server's and its parent's process ids, 0 where not known (yet)."""
    try:
        server, parent = path.read_text().split()
        return int(server), int(parent)
    except (OSError, ValueError):
        return 0, 0


def _alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_child(pid: int, parent: int) -> bool:
    """Whether the process still runs under that living parent."""
    if not (_alive(pid) and _alive(parent)):
        return False
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return sys.platform != "linux"
    return f"PPid:\t{parent}" in lines


def _holds(pid: int, path: Path) -> bool:
    """Whether the process is alive and has the lock file open: ids are used again, so a number is not enough."""
    if not _alive(pid):
        return False
    descriptors = Path(f"/proc/{pid}/fd")
    if not descriptors.exists():
        return sys.platform != "linux"
    try:
        return any(path.samefile(entry) for entry in descriptors.iterdir() if entry.exists())
    except OSError:
        return False
