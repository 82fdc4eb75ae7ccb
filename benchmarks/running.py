"""A whole exchange for a benchmark, in a temporary home: servers of its own, and roles as processes."""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from redis import Redis

from benchmarks.orders import cpu_seconds
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.embedded.postgres import PostgresServer
from exchange.embedded.process import spawn
from exchange.embedded.valkey import ValkeyServer
from exchange.settings import Fsync, Settings
from exchange.supervisor.kinds import Kind, environment
from exchange.terms.stream import START, CommandEntry, EventEntry, StreamId, format_id

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds for anything to become ready."""

_ANY = Kind((), "operator", database=True)
"""The server of a benchmark knows no users."""


class Running:
    """Servers and roles that live inside a `with`; the home goes with them."""

    def __init__(self, fsync: Fsync = "always", *, database: bool = False) -> None:
        """Nothing is started yet; PostgreSQL only where `database` asks for it."""
        self.home = Path(tempfile.mkdtemp(prefix="bench-", dir=_roomy()))
        self.settings = Settings(
            home=self.home,
            snapshots=self.home / "snapshots",
            port=_free_port(),
            fsync=fsync,
            demo=True,
            log_level="warning",
        )
        self._valkey = ValkeyServer(
            self.home / "valkey", sockets=self.home / "run", log=self.home / "valkey.log", fsync=fsync, guarded=False
        )
        self._postgres = (
            PostgresServer(self.home / "postgres", sockets=self.home / "run", log=self.home / "postgres.log")
            if database
            else None
        )
        self._roles: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.serve()
        return self

    def serve(self) -> None:
        """Start the servers."""
        self._valkey.start()
        self.settings = replace(self.settings, redis_url=self._valkey.url)
        if self._postgres is not None:
            self._postgres.start()
            self.settings = replace(self.settings, database_url=self._postgres.url)
            self.command("migrate")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_roles()
        if self._postgres is not None:
            self._postgres.stop()
        self._valkey.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://127.0.0.1:{self.settings.port}"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a role's process."""
        log = self.home / f"{arguments[0]}.log"
        role = spawn([sys.executable, "-m", "exchange", *arguments], log=log, environ=self.environ())
        self._roles.append(role)
        return role

    def environ(self) -> dict[str, str]:
        """What a role is started with."""
        return environment(self.settings, _ANY)

    def end_roles(self) -> None:
        """Stop every role, the newest first."""
        while self._roles:
            stop(self._roles.pop())

    def command(self, *arguments: str) -> str:
        """Run a command to its end; what it printed.

        Raises:
            RuntimeError: it failed.
        """
        argv = [sys.executable, "-m", "exchange", *arguments]
        done = subprocess.run(argv, env=self.environ(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"exchange {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def log(self) -> BlockingRedisLog:
        """A connection to the streams; close it."""
        return BlockingRedisLog(self.settings.redis_url, self.settings.commands_key, self.settings.events_key)

    def cpu_seconds(self) -> dict[str, float]:
        """The processor time so far of the role that was started first (`engine`), the stream server (`server`), and
        this process (`load`)."""
        server = self._valkey.child
        if server is None or not self._roles:
            raise RuntimeError("start first")
        return {
            "engine": cpu_seconds(self._roles[0].pid),
            "server": cpu_seconds(server.pid),
            "load": time.process_time(),
        }

    def put(self, history: Iterable[tuple[CommandEntry, EventEntry]]) -> None:
        """Write entries of the past into both streams, with the ids that they have."""
        settings = self.settings
        with Redis.from_url(settings.redis_url) as server:
            for some in batched(history, 1_000):
                pipe = server.pipeline(transaction=False)
                for command, event in some:
                    place = format_id(command.id)
                    pipe.xadd(settings.commands_key, {"c": command.fields[1]}, id=place)
                    pipe.xadd(settings.events_key, {"e": event.payload, "h": event.chain.hex()}, id=place)
                pipe.execute()

    def open(self) -> StreamId:
        """Start the engine and wait until it has opened the log; the id of that entry."""
        engine = self.start("engine")
        log = self.log()
        try:
            wait(lambda: bool(run(log.events(START, 1))) or _refuse_ended(engine, self.home / "engine.log"))
            return run(log.head()).id
        finally:
            log.close()


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of `size`, the last one shorter."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch


def wait(condition: Callable[[], bool]) -> None:
    """Look again and again until it holds.

    Raises:
        RuntimeError: it does not within `PATIENCE` seconds.
    """
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError(f"not ready after {PATIENCE:.0f} s")
        time.sleep(0.005)


def stop(role: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and see that it does."""
    role.terminate()
    try:
        role.wait(20)
    except subprocess.TimeoutExpired:
        role.kill()
        role.wait()


def _refuse_ended(role: subprocess.Popen[bytes], log: Path) -> bool:
    if role.poll() is not None:
        raise RuntimeError(f"it ended with {role.returncode}: {log.read_text()[-2000:]}")
    return False


def _roomy() -> Path:
    """Where a home goes: on the disk that `build/` is on, since that is the one whose fsync is told."""
    folder = Path("build").absolute()
    folder.mkdir(exist_ok=True)
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
