"""An exchange of processes for the tests of its clients: engine, gateway, whatever else a test starts."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from exchange.commands.codec import encode
from exchange.commands.types import Command
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.settings import Settings
from exchange.supervisor.kinds import GATEWAY, environment
from exchange.terms.stream import START

PATIENCE = 60.0
"""Seconds within which anything must have happened."""


def until(condition: Callable[[], bool]) -> None:
    """Look again and again, until it holds or the time is over."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


class Exchange:
    """Processes on one log; stops them all at the end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.log = BlockingRedisLog(settings.redis_url, settings.commands_key, settings.events_key)
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-m", "exchange", *arguments], env=self._environment())
        self.running.append(process)
        return process

    def run(self, *arguments: object, seconds: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "exchange", *map(str, arguments)],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def start_engine(self) -> None:
        """Start the engine; its log is open afterwards."""
        engine = self.start("engine")
        until(lambda: bool(run(self.log.events(START, 1))) or engine.poll() is not None)
        assert engine.poll() is None

    def start_gateway(self) -> subprocess.Popen[bytes]:
        """Start a gateway, on an up-to-date schema; it is healthy afterwards."""
        assert self.run("migrate").returncode == 0
        gateway = self.start("api")
        until(lambda: self._healthy() or gateway.poll() is not None)
        assert gateway.poll() is None
        return gateway

    def tell(self, *commands: Command) -> None:
        """Append commands and wait for their results."""
        last = self.log.append_many([encode(command) for command in commands])[-1]
        until(lambda: run(self.log.head()).id >= last)

    def get(self, path: str) -> Any:
        """A public read."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.settings.port}{path}", timeout=10) as answer:
            return json.loads(answer.read())

    def stop(self, process: subprocess.Popen[bytes]) -> int:
        """SIGTERM, and the exit code."""
        process.terminate()
        return process.wait(PATIENCE)

    def close(self) -> None:
        for process in reversed(self.running):
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(20)
                process.kill()
        self.log.close()

    def _healthy(self) -> bool:
        try:
            return bool(self.get("/healthz")["status"] == "ok")
        except (OSError, urllib.error.HTTPError):
            return False

    def _environment(self) -> dict[str, str]:
        return environment(self.settings, GATEWAY) | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def exchange(settings: Settings) -> Iterator[Exchange]:
    """For fixtures: an exchange without a role yet, on a port of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    world = Exchange(replace(settings, port=port, demo=True))
    yield world
    world.close()
