"""A whole exchange in processes of its own, as a person starts it, for tests to talk to and to do harm to."""

import contextlib
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import psutil

READY_SECONDS = 60.0
CLEARED = ("REDIS_URL", "DATABASE_URL")


class User(NamedTuple):
    """Somebody who is signed in."""

    token: str
    account: int


class Exchange:
    """`exchange up` in a home, with what it has printed."""

    def __init__(self, home: Path, port: int, process: subprocess.Popen[str]) -> None:
        self.home = home
        self.port = port
        self.process = process
        self.said: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_ready(self) -> None:
        """Wait for the promised line; fail with the whole screen when it does not come."""
        self.wait_said(re.compile(re.escape(f"ready {self.url}") + "$"), READY_SECONDS)

    def wait_said(self, pattern: re.Pattern[str], seconds: float = 30.0) -> str:
        """Wait until a line that matches has been printed, now or before."""
        deadline = time.monotonic() + seconds
        seen = 0
        while True:
            for line in self.said[seen:]:
                if pattern.search(line):
                    return line
            seen = len(self.said)
            try:
                printed = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{pattern.pattern!r} was not said in {seconds:.0f} s:\n{self.screen()}") from None
            assert printed is not None, f"it ended before it said {pattern.pattern!r}:\n{self.screen()}"

    def screen(self) -> str:
        """All that was printed, and the end of every log."""
        logs = sorted((self.home / "logs").glob("*.log"))
        ends = [f"--- {path.name}\n{path.read_text(errors='replace')[-1500:]}" for path in logs]
        return "\n".join([*self.said, *ends])

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 40.0) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def processes(self) -> list[psutil.Process]:
        """Every process below it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def role(self, *words: str) -> psutil.Process:
        """The process of a role or server, by words of its command line."""
        direct = psutil.Process(self.process.pid).children()
        (found,) = [process for process in direct if all(word in " ".join(process.cmdline()) for word in words)]
        return found

    def servers(self) -> dict[str, str]:
        """The addresses that it left for other commands."""
        found: dict[str, str] = json.loads((self.home / "run" / "servers.json").read_text())
        return found

    def call(
        self, method: str, path: str, body: Mapping[str, object] | None = None, token: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """One request to the gateway: status and answer."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection = HTTPConnection("127.0.0.1", self.port, timeout=15.0)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"{}")
        finally:
            connection.close()

    def ok(self, method: str, path: str, body: Mapping[str, object] | None = None, token: str = "") -> dict[str, Any]:
        """The same, for what must succeed."""
        status, answer = self.call(method, path, body, token)
        assert status in {200, 201}, f"{method} {path}: {status} {answer}\n{self.screen()}"
        return answer

    def healthy(self) -> bool:
        """Whether the health check says so now."""
        with contextlib.suppress(OSError):
            return self.call("GET", "/healthz")[0] == 200
        return False

    def join(self, name: str) -> User:
        """A new user, signed in."""
        credentials = {"email": f"{name}@example.org", "password": f"{name}-password"}
        self.ok("POST", "/api/v1/signup", credentials)
        return self.sign_in(name)

    def sign_in(self, name: str) -> User:
        """A user who joined before, signed in again."""
        credentials = {"email": f"{name}@example.org", "password": f"{name}-password"}
        answer = self.ok("POST", "/api/v1/signin", credentials)
        return User(answer["token"], answer["account"])

    def command(self, *arguments: str) -> str:
        """What a sub-command prints in this home; it must succeed."""
        done = subprocess.run(
            [sys.executable, "-m", "exchange", *arguments],
            env=environment(self.home, self.port),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            self._lines.put(line)
        self._lines.put(None)


def environment(home: Path, port: int, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """What an exchange in this home is started with."""
    kept = {name: value for name, value in os.environ.items() if name not in CLEARED}
    place = {"EXCHANGE_HOME": str(home), "EXCHANGE_PORT": str(port)}
    return {**kept, **place, "PYTHONUNBUFFERED": "1", **(settings or {})}


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(
    home: Path,
    port: int,
    settings: Mapping[str, str] | None = None,
    become: Callable[[], None] | None = None,
) -> Iterator[Exchange]:
    """`exchange up` until the block ends; whatever happens there, nothing of it is left afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "exchange", "up"],
        env=environment(home, port, settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=become,
    )
    exchange = Exchange(home, port, process)
    below: list[psutil.Process] = []
    try:
        yield exchange
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            below = exchange.processes()
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
        process.kill()
        process.wait()
        for child in below:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()


def until(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait for a condition; fail with what was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.02)
