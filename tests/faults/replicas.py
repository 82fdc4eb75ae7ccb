"""A stream server with a replica of it, whose link can be held up, and which can take its place."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast
from urllib.parse import quote, unquote, urlsplit

import redis

from exchange.embedded.valkey import ValkeyServer
from exchange.settings import Fsync


class Pair:
    """`primary`, and `replica` behind it. `url` is an address that leads to the primary, whichever of the two it is."""

    def __init__(self, folder: Path, fsync: Fsync = "always") -> None:
        self.primary, self.replica = (_server(folder / name, fsync) for name in ("one", "two"))
        self._link = folder / "s"

    @property
    def url(self) -> str:
        """What roles are told."""
        return f"unix://{quote(str(self._link))}?db=0"

    def start(self) -> None:
        """Start both, and wait until the replica follows."""
        self.primary.start()
        self._point()
        self.replica.start()
        self._follow()

    def stop(self) -> None:
        """Stop both, stalled or not."""
        for server in (self.replica, self.primary):
            if server.child is not None and server.child.poll() is None:
                os.kill(server.child.pid, signal.SIGCONT)
            server.stop()

    @contextmanager
    def lagging(self) -> Iterator[None]:
        """Meanwhile the replica hears and says nothing."""
        assert self.replica.child is not None
        os.kill(self.replica.child.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.replica.child.pid, signal.SIGCONT)

    def cut_link(self) -> None:
        """The replica hears nothing more, and keeps what it has."""
        with redis.Redis.from_url(self.replica.url) as follower:
            follower.execute_command("REPLICAOF", "127.0.0.1", _free_port())

    def fail_over(self) -> None:
        """The primary dies, and the replica takes its place."""
        assert self.primary.child is not None
        os.kill(self.primary.child.pid, signal.SIGKILL)
        self.primary.child.wait()
        self.primary, self.replica = self.replica, self.primary
        with redis.Redis.from_url(self.primary.url) as promoted:
            promoted.execute_command("REPLICAOF", "NO", "ONE")
        self._point()

    def rejoin(self) -> None:
        """The dead server comes back and follows, giving up what only it had."""
        self.replica.start()
        self._follow()

    def _point(self) -> None:
        fresh = self._link.with_suffix(".new")
        fresh.symlink_to(unquote(urlsplit(self.primary.url).path))
        fresh.replace(self._link)

    def _follow(self) -> None:
        port = _free_port()
        with redis.Redis.from_url(self.primary.url) as admin:
            admin.config_set("bind", "127.0.0.1")
            admin.config_set("port", port)
            admin.config_set("repl-diskless-sync-delay", 0)
        with redis.Redis.from_url(self.replica.url) as follower:
            follower.execute_command("REPLICAOF", "127.0.0.1", port)
            wait_until(lambda: info(follower, "master_link_status") == "up")


@contextmanager
def replicated(folder: Path, fsync: Fsync = "always") -> Iterator[Pair]:
    """A running pair."""
    pair = Pair(folder, fsync)
    try:
        pair.start()
        yield pair
    finally:
        pair.stop()


def info(client: redis.Redis, field: str) -> object:
    """One field of the server's INFO replication."""
    return cast(dict[str, object], client.info("replication")).get(field)


def wait_until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


def _server(folder: Path, fsync: Fsync) -> ValkeyServer:
    return ValkeyServer(folder / "data", sockets=folder / "run", log=folder / "server.log", fsync=fsync, guarded=False)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
