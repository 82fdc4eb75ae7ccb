"""A home: the folder with all state, in which at most one exchange runs.

The lock is an `flock` on `run/up.lock`, which also says who holds it; it ends with its process, however that ends.
`run/servers.json` tells other sub-commands where the servers are, and exists only while they run.
"""

import fcntl
import json
import os
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from exchange.effects import role_states
from exchange.embedded.folder import private
from exchange.settings import Settings

LOG_BYTES = 10 * 1024 * 1024
"""A log file larger than this is set aside at the next start; one older one is kept."""

_POLL_SECONDS = 0.05


class HomeError(Exception):
    """The exchange cannot start here; the message says why and what would help."""


@dataclass(frozen=True)
class Running:
    """The exchange that runs in a home."""

    pid: int
    url: str


class Home:
    """The folder's lock, notes and logs."""

    def __init__(self, settings: Settings) -> None:
        self.path = settings.home
        self._snapshots = settings.snapshots
        self.run_dir = settings.run_dir
        self.logs_dir = settings.logs_dir
        self._fd = -1

    @property
    def _lock(self) -> Path:
        return self.run_dir / "up.lock"

    @property
    def _servers(self) -> Path:
        return self.run_dir / "servers.json"

    def take(self, url: str) -> None:
        """Take the lock and forget what an earlier run that was killed left behind.

        Raises:
            HomeError: an exchange runs here, or the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            private(self.run_dir)
            private(self.logs_dir)
            fd = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise HomeError(f"{self.path} cannot be used: {error.strerror}; set EXCHANGE_HOME to another") from error
        if not _locked(fd, patience=0.3):
            os.close(fd)
            running = self.running()
            who = f"process {running.pid}, {running.url}" if running else "a process that is just starting"
            raise HomeError(
                f"an exchange runs in {self.path} already ({who}): stop it with `exchange down`, "
                "or set EXCHANGE_HOME and EXCHANGE_PORT to run another beside it"
            )
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps({"pid": os.getpid(), "url": url}).encode(), 0)
        self._fd = fd
        self._forget()

    def release(self) -> None:
        """Nothing runs here any more."""
        self._forget()
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1

    def running(self) -> Running | None:
        """Who holds the lock now."""
        try:
            fd = os.open(self._lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            if _locked(fd):
                return None
            note = json.loads(os.pread(fd, 4096, 0) or b"{}")
            return Running(note["pid"], note["url"]) if note else None
        finally:
            os.close(fd)

    def stop_running(self, seconds: float) -> Running | None:
        """Ask the exchange that runs here to stop, and wait until it has.

        Returns:
            Who ran; None when nothing did.

        Raises:
            HomeError: it may not be signalled, or still runs after so many seconds.
        """
        running = self.running()
        if running is None:
            return None
        try:
            os.kill(running.pid, signal.SIGTERM)
        except PermissionError:
            raise HomeError(f"process {running.pid} belongs to another user: stop it as that user") from None
        except ProcessLookupError:
            return running
        deadline = time.monotonic() + seconds
        while self.running() is not None:
            if time.monotonic() > deadline:
                raise HomeError(f"process {running.pid} still runs after {seconds:.0f} s; its logs: {self.logs_dir}")
            time.sleep(_POLL_SECONDS)
        return running

    def note_servers(self, redis_url: str, database_url: str, passwords: Path | None = None) -> None:
        """Tell other sub-commands where servers and snapshots are, and in which file the stream users' passwords."""
        note = {"redis_url": redis_url, "database_url": database_url, "snapshots": str(self._snapshots)}
        if passwords is not None:
            note["passwords"] = str(passwords)
        new = self._servers.with_suffix(".new")
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        new.write_text(json.dumps(note))
        new.rename(self._servers)

    def _forget(self) -> None:
        self._servers.unlink(missing_ok=True)
        role_states.forget(self.run_dir)

    def log(self, name: str) -> Path:
        """The log file of a role or server; a large one is set aside first."""
        path = self.logs_dir / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.rename(path.with_suffix(".log.1"))
        return path


def refuse_taken_port(host: str, port: int) -> None:
    """See that the gateway will be able to listen.

    Raises:
        HomeError: it will not; the message names a port that is free.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise HomeError(
            f"{host}:{port} cannot be listened on ({error.strerror}): set EXCHANGE_PORT{_hint(host)}"
        ) from error


def masked(url: str) -> str:
    """A URL without its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    credentials, _, place = parts.netloc.rpartition("@")
    user = credentials.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{user}:***@{place}"))


def _hint(host: str) -> str:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as free:
            free.bind((host, 0))
            return f", for example EXCHANGE_PORT={free.getsockname()[1]}"
    except OSError:
        return " and EXCHANGE_HOST"


def _locked(fd: int, patience: float = 0.0) -> bool:
    """Take the lock, trying a little longer if asked: who only looks at it holds it for a moment."""
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(_POLL_SECONDS)
        else:
            return True
