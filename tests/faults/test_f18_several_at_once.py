"""F18: several engines and standbys at once, each standing still for a while now and then: nothing diverges, and when
all engines stand still a standby takes over.

    F18_SECONDS=600 F18_PAUSE=30 pytest -m soak tests/faults/test_f18_several_at_once.py

runs the same for longer, with pauses of up to half a minute.
"""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.effects.ports import LogUnavailable
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.embedded.valkey import ValkeyServer
from exchange.terms.stream import StreamId
from tests.e2e.loading import REPOSITORY, Load, answered, assert_nothing_lost
from tests.e2e.nursery import Nursery
from tests.e2e.running import until
from tests.integration.trading import some

ROLES = ("engine", "engine", "standby", "standby", "engine")
TAKEOVER_MS = 100
TAKEOVERS = 8
PATIENCE = 5.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyServer]:
    started = ValkeyServer(tmp_path / "valkey", sockets=tmp_path / "run", log=tmp_path / "valkey.log", guarded=False)
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
        "REDIS_URL": server.url,
        "EXCHANGE_HOME": str(tmp_path / "home"),
        "EXCHANGE_SNAPSHOT_EVERY": "200",
        "EXCHANGE_TAKEOVER_MS": str(TAKEOVER_MS),
        "EXCHANGE_LOG_LEVEL": "error",
    }


class Sleepers:
    """Processes that are stopped, and when each goes on."""

    def __init__(self, pids: list[int], seed: int, longest: float) -> None:
        self._pids = pids
        self._dice = random.Random(seed)
        self._longest = longest
        self._until: dict[int, float] = {}
        self.pauses = 0

    def look(self) -> None:
        """Wake who has slept enough, and let somebody else sleep: any number at once, all of them too."""
        now = time.monotonic()
        for pid in [pid for pid, moment in self._until.items() if moment <= now]:
            os.kill(pid, signal.SIGCONT)
            del self._until[pid]
        awake = [pid for pid in self._pids if pid not in self._until]
        if awake and self._dice.random() < 0.2:
            pid = self._dice.choice(awake)
            os.kill(pid, signal.SIGSTOP)
            self._until[pid] = now + self._dice.uniform(0, self._longest) ** 2 / self._longest
            self.pauses += 1

    def wake_all(self) -> None:
        """Nobody sleeps any more."""
        for pid in self._pids:
            os.kill(pid, signal.SIGCONT)
        self._until.clear()


def pause_at_random(
    server: ValkeyServer, nursery: Nursery, environ: dict[str, str], seed: int, seconds: float, longest: float
) -> None:
    load = Load(server.url, seed)
    pids = [nursery.spawn([role], environ) for role in ROLES]
    load.start()
    sleepers = Sleepers(pids, seed, longest)
    over = time.monotonic() + seconds
    while time.monotonic() < over:
        sleepers.look()
        assert [nursery.ended(pid) for pid in pids] == [None] * len(pids), "a role has stopped of its own accord"
        time.sleep(0.02)
    sleepers.wake_all()
    load.stop()
    answered(load.log, 60)
    ended = [nursery.ended(pid) for pid in pids]
    stop(nursery, pids)
    assert_nothing_lost(load, environ)
    assert ended == [None] * len(pids), "diverged"
    assert sleepers.pauses >= 20
    print(f"{sleepers.pauses} pauses of up to {longest} s, {len(load.acknowledged)} commands, 0 divergent")


def stop(nursery: Nursery, pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    for pid in pids:
        assert nursery.wait(pid, 20) in {0, -signal.SIGTERM}


def test_f18_roles_that_stand_still_at_random_never_diverge(
    server: ValkeyServer, nursery: Nursery, environ: dict[str, str]
) -> None:
    pause_at_random(server, nursery, environ, seed=18, seconds=8.0, longest=1.0)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_f18_roles_that_stand_still_for_long_never_diverge(
    server: ValkeyServer, nursery: Nursery, environ: dict[str, str]
) -> None:
    seconds = float(os.environ.get("F18_SECONDS", "300"))
    pause_at_random(server, nursery, environ, 19, seconds, float(os.environ.get("F18_PAUSE", "30")))


def test_f18_when_every_engine_stands_still_a_standby_takes_over_and_yields_again(
    server: ValkeyServer, nursery: Nursery, environ: dict[str, str]
) -> None:
    load = Load(server.url, seed=20)
    engines = [nursery.spawn(["engine"], environ) for _ in range(2)]
    standbys = [nursery.spawn(["standby"], environ) for _ in range(2)]
    load.start()
    until(lambda: len(load.acknowledged) > 100, "trading")
    load.stop()
    log = load.log
    answered(log, 30)
    store = Path(environ["EXCHANGE_HOME"]) / "snapshots"
    until(lambda: len(list(store.glob("*.snapshot"))) > 0, "the standbys to follow")
    took: list[float] = []
    for number in range(TAKEOVERS):
        for pid in engines:
            os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        ids = log.append_many(some(100 + number, 5))
        took.append(answer(log, ids[-1]) - began)
        again = time.monotonic()
        ids += log.append_many(some(200 + number, 5))
        assert answer(log, ids[-1]) - again < PATIENCE
        load.acknowledged += ids
        for pid in engines:
            os.kill(pid, signal.SIGCONT)
        # A standby that is stopped meanwhile cannot be what answers: so the engines do.
        for pid in standbys:
            os.kill(pid, signal.SIGSTOP)
        ids = log.append_many(some(300 + number, 5))
        answer(log, ids[-1])
        load.acknowledged += ids
        for pid in standbys:
            os.kill(pid, signal.SIGCONT)
    stop(nursery, engines + standbys)
    assert min(took) > TAKEOVER_MS / 1000 * 0.9, "an engine that stood still has answered"
    assert max(took) < PATIENCE
    assert_nothing_lost(load, environ)
    ordered = sorted(round(1000 * seconds) for seconds in took)
    print(f"{len(took)} take-overs after {TAKEOVER_MS} ms of silence: {ordered} ms")


def answer(log: BlockingRedisLog, id: StreamId) -> float:
    """Wait for a result; when it came."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if run(log.head()).id >= id:
                return time.monotonic()
        except LogUnavailable:
            pass
        assert time.monotonic() < deadline, "nobody has taken over"
        time.sleep(0.001)
