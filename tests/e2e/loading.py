"""Load for role processes that are done harm to, and what must be true of the log when they have come to rest."""

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import orjson

from exchange.commands.codec import encode
from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import LogUnavailable
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.roles import snapshots
from exchange.roles.recovery import recover
from exchange.terms.stream import StreamId, genesis_head
from tests.integration.trading import all_commands, assert_sound, trading, world

REPOSITORY = Path(__file__).parent.parent.parent


class Load(threading.Thread):
    """Appends commands as long as the engines keep up, and remembers the ids it was given."""

    def __init__(self, url: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.log = BlockingRedisLog(url, "exchange:commands", "exchange:events")
        self.acknowledged: list[StreamId] = []
        self.unknown = 0
        self.failure = ""
        self._dice = random.Random(seed)
        self._source = trading(seed)
        self._over = threading.Event()

    def run(self) -> None:
        try:
            while not self._over.is_set() and run(self.log.head()) == genesis_head():
                time.sleep(0.01)  # an engine must open the log first
            self._append([encode(command) for command in world()])
            while not self._over.is_set():
                self._append([encode(next(self._source)) for _ in range(self._dice.randint(1, 40))])
                time.sleep(self._dice.uniform(0.002, 0.02))
                while self._behind() and not self._over.is_set():
                    time.sleep(0.01)
        except Exception as error:
            self.failure = repr(error)
            raise

    def stop(self) -> None:
        self._over.set()
        self.join(20)
        assert not self.is_alive()
        assert not self.failure

    def _append(self, raws: list[bytes]) -> None:
        try:
            self.acknowledged += self.log.append_many(raws)
        except LogUnavailable:
            self.unknown += len(raws)
            time.sleep(0.02)

    def _behind(self) -> bool:
        try:
            return len(run(self.log.commands(run(self.log.head()).id, 1_000))) >= 1_000
        except LogUnavailable:
            return False


def answered(log: BlockingRedisLog, seconds: float) -> None:
    """Wait until every command has its result."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if not run(log.commands(run(log.head()).id, 1)):
                return
        except LogUnavailable:
            pass
        assert time.monotonic() < deadline, "commands stay without a result"
        time.sleep(0.01)


def assert_nothing_lost(load: Load, environ: dict[str, str]) -> None:
    """The state of things after everything has come to rest."""
    log = load.log
    found = {command.id for command in all_commands(log)}
    assert len(load.acknowledged) == len(set(load.acknowledged))
    assert set(load.acknowledged) <= found, "an acknowledged command is gone"
    assert len(found) <= len(load.acknowledged) + load.unknown + 4, "a command is there twice"
    machine = assert_sound(log)
    assert machine.state.next_trade > 100, "there was no trading"
    store = FileSnapshotStore(Path(environ["EXCHANGE_HOME"]) / "snapshots")
    assert store.names()
    for name in store.names():
        snapshots.verify(store.read(name))
    assert snapshots.state_hash(run(recover(log, store))) == snapshots.state_hash(machine)
    replay = subprocess.run(
        [sys.executable, "-m", "exchange", "replay", "--json"],
        env=os.environ | environ | {"PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        check=False,
    )
    assert replay.returncode == 0, replay.stderr
    assert orjson.loads(replay.stdout)["state_hash"] == snapshots.state_hash(machine)
