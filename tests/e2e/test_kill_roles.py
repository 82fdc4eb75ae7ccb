"""Real processes under load, killed without warning: two engines and two standbys at named points and at random
moments, a standby's child in mid-write, and the stream server itself. Afterwards each command has exactly one result,
an independent replay gives the same bytes, money is conserved, and what was acknowledged is there.

The moments come from a seed; what the operating system makes of them does not.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from exchange.embedded.valkey import ValkeyServer
from exchange.roles import snapshots
from tests.e2e.loading import REPOSITORY, Load, answered, assert_nothing_lost
from tests.e2e.nursery import Nursery
from tests.e2e.running import until

ROLE_KILLS = 190
SERVER_KILLS = 12

ENGINE_POINTS = ("after_read", "during_apply", "after_apply", "mid_publish", "after_publish")
WRITING_POINTS = ("snapshot_write", "before_rename", "after_rename")
"""These kill the child that writes a standby's snapshot; the standby lives on, and is killed a little later."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyServer]:
    started = ValkeyServer(
        tmp_path / "valkey", sockets=tmp_path / "run", log=tmp_path / "valkey.log", fsync="always", guarded=True
    )
    started.start()
    yield started
    started.stop()


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    opened = Nursery(REPOSITORY, tmp_path / "roles.log")
    yield opened
    opened.close()


@pytest.fixture
def environ(server: ValkeyServer, tmp_path: Path) -> dict[str, str]:
    return {
        "REDIS_URL": server.url_for("engine"),
        "EXCHANGE_HOME": str(tmp_path / "home"),
        "EXCHANGE_SNAPSHOT_EVERY": "100",
        "EXCHANGE_TAKEOVER_MS": "40",
        "EXCHANGE_LOG_LEVEL": "error",
    }


@dataclass
class Doomed:
    """A role's process and how it is to end: at a point of its own, or at a time by another's hand."""

    role: str
    pid: int
    at: float


class Supervisor:
    """Keeps the roles running and sees that they are killed."""

    def __init__(self, nursery: Nursery, environ: dict[str, str], seed: int) -> None:
        self._nursery = nursery
        self._environ = environ
        self._dice = random.Random(seed)
        self._running: list[Doomed] = []
        self.kills: dict[str, int] = {}

    def keep(self, roles: tuple[str, ...], kills: int, seconds: float) -> None:
        """Run the roles until that many of them were killed."""
        self._running = [self._spawn(role) for role in roles]
        deadline = time.monotonic() + seconds
        while sum(self.kills.values()) < kills:
            assert time.monotonic() < deadline, f"only {self.kills} within {seconds} s"
            self.look()
            time.sleep(0.003)

    def look(self) -> None:
        """Kill who is due, and raise a new one for each that died."""
        for place, doomed in enumerate(self._running):
            status = self._nursery.ended(doomed.pid)
            if status is not None:
                assert status == -signal.SIGKILL, f"{doomed.role} ended with {status} of its own accord"
                self.kills[doomed.role] = self.kills.get(doomed.role, 0) + 1
                self._running[place] = self._spawn(doomed.role)
            elif time.monotonic() > doomed.at:
                kill(doomed.pid)

    def immortals(self, roles: tuple[str, ...]) -> None:
        """From here on nobody is killed."""
        self._running = [self._spawn(role, immortal=True) for role in roles]

    def no_more(self) -> None:
        """Kill all that run."""
        for doomed in self._running:
            kill(doomed.pid)
            self._nursery.wait(doomed.pid, 5)

    def end(self) -> None:
        """Ask all to stop, as soon as they can hear it; each must do so, cleanly."""
        for doomed in self._running:
            until(partial(hears, doomed.pid, signal.SIGTERM), f"{doomed.role} to listen for SIGTERM")
            os.kill(doomed.pid, signal.SIGTERM)
        for doomed in self._running:
            assert self._nursery.wait(doomed.pid, 20) == 0, doomed.role

    def _spawn(self, role: str, immortal: bool = False) -> Doomed:
        env = dict(self._environ)
        life = self._dice.uniform(0.0, 0.4)
        if immortal:
            life = 1e9
        elif self._dice.random() < 0.6:
            writing = role == "standby" and self._dice.random() < 0.5
            points = WRITING_POINTS if writing else ENGINE_POINTS
            times = self._dice.randint(1, 3 if role == "standby" else 30)
            env["EXCHANGE_FAILPOINT"] = f"{self._dice.choice(points)}:{times}"
            life = self._dice.uniform(0.3, 0.6) if role == "standby" else 2.0
        argv = [role] if role == "standby" else [role, "--batch", str(self._dice.choice([3, 50, 500]))]
        return Doomed(role, self._nursery.spawn(argv, env), time.monotonic() + life)


def hears(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler of its own for a signal yet; before that the signal would just end it."""
    status = Path(f"/proc/{pid}/status").read_text()
    (caught,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
    return bool(int(caught, 16) >> (number - 1) & 1)


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def test_engines_and_standbys_are_killed_at_every_point_and_nothing_is_lost_or_doubled(
    server: ValkeyServer, nursery: Nursery, environ: dict[str, str], tmp_path: Path
) -> None:
    load = Load(server.url_for("gateway"), seed=1)
    supervisor = Supervisor(nursery, environ, seed=2)
    load.start()
    roles = ("engine", "engine", "standby", "standby")
    supervisor.keep(roles, ROLE_KILLS, 200)
    supervisor.no_more()
    load.stop()
    supervisor.immortals(roles)
    answered(load.log, 30)
    supervisor.end()
    assert min(supervisor.kills.values()) >= 20, supervisor.kills
    assert_nothing_lost(load, environ)
    print(f"{supervisor.kills} kills, {len(load.acknowledged)} commands")


def test_the_stream_server_is_killed_and_nothing_acknowledged_is_lost(
    server: ValkeyServer, nursery: Nursery, environ: dict[str, str]
) -> None:
    """`appendfsync always`; engine and standbys live on and must notice, reload and go on."""
    load = Load(server.url_for("gateway"), seed=3)
    dice = random.Random(4)
    supervisor = Supervisor(nursery, environ, seed=5)
    supervisor.immortals(("engine", "standby", "standby"))
    load.start()
    for kills in range(SERVER_KILLS):
        before = len(load.acknowledged)
        deadline = time.monotonic() + 30
        while len(load.acknowledged) < before + 200:
            assert time.monotonic() < deadline, f"no appends after {kills} kills: {load.failure}"
            supervisor.look()
            time.sleep(0.005)
        time.sleep(dice.uniform(0, 0.1))
        assert server.child is not None
        os.kill(server.child.pid, signal.SIGKILL)
        server.child.wait()
        server.start()
    load.stop()
    answered(load.log, 60)
    supervisor.end()
    assert load.unknown, "the kills were not felt"
    assert_nothing_lost(load, environ)
    print(f"{SERVER_KILLS} kills of the server, {len(load.acknowledged)} commands, {load.unknown} unknown")


def test_a_role_that_refuses_to_run_says_so_in_one_line_with_exit_code_3(
    server: ValkeyServer, environ: dict[str, str], tmp_path: Path
) -> None:
    folder = Path(environ["EXCHANGE_HOME"]) / "snapshots"
    folder.mkdir(parents=True)
    (folder / snapshots.name_of((1, 0))).write_bytes(b"of some other log\n")
    for role in ("engine", "standby"):
        done = subprocess.run(
            [sys.executable, "-m", "exchange", role],
            env=os.environ | environ | {"PYTHONPATH": str(REPOSITORY / "src")},
            capture_output=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 3
        (line,) = done.stderr.decode().splitlines()
        assert line.startswith(f"exchange {role}: WrongLog: the streams are empty")
