"""What a death of the engine costs a client, and what a snapshot costs: a standby beside an engine, as processes.

`failover.*_ms` is the time from `kill -9` of the engine that publishes to the moment at which a client has the result
of the first command that it appended after the kill, under a load of some thousand commands a second; a standby waits
for 100 ms of silence, so that is the least it can be. Between two kills the engine comes back and takes over again: the
standby is stopped until it has, so that each kill hits whoever publishes.

`snapshot.pause_ms` is the longest time between two results of a client that asks for one thing after the other, while
the standby writes a snapshot of a large book; `snapshot.pause_ms_without` the same for as long afterwards.
`snapshot.fork_ms` is how long the standby itself stands still for it, with as much in memory.
"""

import math
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

from benchmarks import market
from benchmarks.report import Figure
from benchmarks.running import PATIENCE, Running, wait
from exchange.cli.main import main
from exchange.commands.codec import encode
from exchange.commands.types import Command, Place
from exchange.effects.aside import Forked
from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.engine import Machine
from exchange.roles import snapshots
from exchange.terms.stream import START, CommandEntry, EventEntry, previous
from exchange.terms.words import BUY, FIRST_USER, SELL, Side

_LOAD_BATCH = 8
_LOAD_PAUSE = 0.002
_NEVER = 10**9


def figures(kills: int) -> Iterator[Figure]:
    """Take-over times over so many kills."""
    with Running() as running:
        running.settings = replace(running.settings, snapshot_every=5_000, snapshot_seconds=3600)
        engines = _Engines(running)
        engine = engines.start()
        log = running.log()
        wait(lambda: bool(run(log.events(START, 1))))  # it has opened the log
        log.append_many([encode(command) for command in market.setting(open_log=False)])
        standby = running.start("standby")
        wait(lambda: bool(_snapshots(running).names()))
        load = _Load(running)
        load.start()
        took = []
        try:
            for _ in range(kills):
                took.append(_take_over(log, engine, standby))
                engine = engines.start()
        finally:
            load.stop()
            engine.kill()
            engine.join()
            log.close()
    took.sort()
    yield Figure("failover.p50_ms", took[len(took) // 2], "ms")
    yield Figure("failover.p99_ms", took[math.ceil(len(took) * 0.99) - 1], "ms")
    yield Figure("failover.max_ms", took[-1], "ms")


class _Engines:
    """Starts engines from a process that has everything imported: a hundred starts of Python would be half the run."""

    def __init__(self, running: Running) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["exchange.cli.engine"])
        self._environ = running.environ()
        self._log = running.home / "engine.log"

    def start(self) -> BaseProcess:
        """Another one."""
        engine = self._context.Process(target=_be_an_engine, args=(self._environ, self._log), daemon=True)
        engine.start()
        return engine


def _be_an_engine(environ: dict[str, str], log: Path) -> None:
    with log.open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    os.environ.update(environ)
    sys.exit(main(["engine"]))


def _take_over(log: BlockingRedisLog, engine: BaseProcess, standby: subprocess.Popen[bytes]) -> float:
    """Kill the engine once it is the one that publishes; milliseconds until a command is answered."""
    standby.send_signal(signal.SIGSTOP)
    _answered(log)
    standby.send_signal(signal.SIGCONT)
    time.sleep(random.uniform(0.05, 0.1))  # so that the kill finds it anywhere in its work
    began = time.perf_counter()
    engine.kill()
    _answered(log)
    took = (time.perf_counter() - began) * 1000
    engine.join()
    return took


def _answered(log: BlockingRedisLog) -> None:
    """Append a command, and wait for its result as a gateway does."""
    id = log.append_many([_order(0)])[0]
    after = previous(id)
    until = time.monotonic() + PATIENCE
    while not run(log.events(after, 1, 100)):
        if time.monotonic() > until:
            raise RuntimeError("nobody answers")


class _Load(threading.Thread):
    """Appends orders at an even rate, whoever answers them."""

    def __init__(self, running: Running) -> None:
        super().__init__(daemon=True)
        self._log = running.log()
        self._over = threading.Event()

    def run(self) -> None:
        number = 0
        while not self._over.wait(_LOAD_PAUSE):
            self._log.append_many([_order(number + place) for place in range(_LOAD_BATCH)])
            number += _LOAD_BATCH
        self._log.close()

    def stop(self) -> None:
        """No more load."""
        self._over.set()
        self.join()


def _order(number: int) -> bytes:
    """One that meets the one before, so that the book stays small."""
    side: Side = BUY if number % 2 else SELL
    account = FIRST_USER + number % market.ACCOUNTS
    return encode(Place(account, market.MARKET, side, "limit", "gtc", 5_000 * market.TICK, market.LOT, 0, ""))


# --- snapshots -------------------------------------------------------------------------------------------------------


def pauses(open_orders: int, seconds: float) -> Iterator[Figure]:
    """What a client feels of a snapshot of so many open orders; then for as long, at least `seconds`, without one."""
    with Running() as running:
        yield Figure("snapshot.fork_ms", _large_book(running, open_orders), "ms")
        running.settings = replace(running.settings, snapshot_every=_NEVER, snapshot_seconds=_NEVER)
        running.start("engine")
        log = running.log()
        _answered(log)
        known = len(_snapshots(running).names())
        running.start("standby")  # it takes a snapshot as soon as it stands

        def taken() -> bool:
            return len(_snapshots(running).names()) > known

        wait(lambda: _begun(running) or taken())
        began = time.monotonic()
        yield Figure("snapshot.pause_ms", _longest_pause(log, taken), "ms")
        took = time.monotonic() - began
        over = time.monotonic() + max(took, seconds)
        yield Figure("snapshot.pause_ms_without", _longest_pause(log, lambda: time.monotonic() > over), "ms")
        yield Figure("snapshot.seconds", took, "s")
        log.close()


def _longest_pause(log: BlockingRedisLog, over: Callable[[], bool]) -> float:
    """The longest time between two results of a client that asks for one thing after the other, in milliseconds."""
    longest = 0.0
    last = time.perf_counter()
    while True:
        _answered(log)
        now = time.perf_counter()
        longest = max(longest, now - last)
        last = now
        if over():
            return longest * 1000


def _large_book(running: Running, open_orders: int) -> float:
    """Streams that end on a snapshot of so many resting orders; milliseconds that a fork of this process takes."""
    machine = Machine()
    now = int(time.time() * 1000) - open_orders - 10_000
    for entry in market.entries(market.setting(), first=now - 1_000):
        machine.step(entry)
    command, event = CommandEntry((0, 0), []), EventEntry((0, 0), b"", b"")
    for number in range(open_orders):
        (command,) = market.entries([_resting(number)], first=now + number)
        event = machine.step(command)
    snapshots.take(machine, _snapshots(running), now)
    running.put([(command, event)])
    aside = Forked()
    took = []
    for _ in range(5):
        began = time.perf_counter()
        aside.begin(str)
        took.append(time.perf_counter() - began)
        while aside.ended() is None:
            time.sleep(_LOAD_PAUSE)
    return sorted(took)[len(took) // 2] * 1000


def _resting(number: int) -> Command:
    price = (1 + number % 4_000) * market.TICK
    account = FIRST_USER + number % market.ACCOUNTS
    return Place(account, market.MARKET, BUY, "limit", "gtc", price, market.LOT, 0, f"r{number}")


def _begun(running: Running) -> bool:
    """Whether a snapshot is being written."""
    return any(running.settings.snapshots.glob("*.tmp"))


def _snapshots(running: Running) -> FileSnapshotStore:
    return FileSnapshotStore(running.settings.snapshots)
