"""F10: the stream server's append-only file is cut or has a bit flipped: what is left is a clean prefix of the log, the
server refuses to start, or the audit finds and names the damage. Nothing goes on as if it were the log.

    pytest -m soak tests/faults/test_f10_damaged_log.py         200 flips, 100 cuts
"""

import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import redis

from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.embedded.process import ServerError
from exchange.embedded.valkey import ValkeyServer
from exchange.settings import Settings
from tests.integration.archiving import put
from tests.integration.audited import ask
from tests.integration.projecting import a_log_of_everything
from tests.unit.projections.segments import Pair, content

Make = Callable[..., Settings]
Outcome = Literal["refused", "identical", "prefix", "found"]

LENGTH = 150


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return a_log_of_everything(21, LENGTH)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, pairs: list[Pair]) -> Path:
    """The data folder of a server that held the log, the streams named `f10`."""
    folder = tmp_path_factory.mktemp("f10")
    server = ValkeyServer(folder / "data", sockets=folder / "run", log=folder / "log", guarded=False)
    server.start()
    with redis.Redis.from_url(server.url) as client:
        put(client, "f10", pairs)
    server.stop()
    return folder / "data"


class Damaged:
    """One server after another on damaged copies of the file, and what became of each."""

    def __init__(self, written: Path, folder: Path, make_settings: Make, pairs: list[Pair]) -> None:
        self._written = written
        self._folder = folder
        self._make_settings = make_settings
        self._pairs = pairs
        self._original = content([c for c, _ in pairs], [e for _, e in pairs])
        self.seen: Counter[Outcome] = Counter()

    def after(self, change: Callable[[bytes], bytes], what: str) -> None:
        """Start a server on a changed file, and see what the audit says."""
        data = self._folder / "data"
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(self._written, data, ignore=shutil.ignore_patterns("*.lock", "*.pid"))
        (file,) = data.glob("appendonlydir/*.incr.aof")
        file.write_bytes(change(file.read_bytes()))
        server = ValkeyServer(data, sockets=self._folder / "run", log=self._folder / "log", guarded=False)
        try:
            server.start()
        except ServerError:
            self.seen["refused"] += 1
            return
        try:
            self.seen[self._judged(server.url, what)] += 1
        finally:
            server.stop()

    def _judged(self, url: str, what: str) -> Outcome:
        settings = self._make_settings(redis_url=url, streams="f10")
        told = ask(settings, "verify")
        log = BlockingRedisLog(url, settings.commands_key, settings.events_key)
        try:
            commands, events = run(log.commands((0, 0), 10**6)), run(log.events((0, 0), 10**6))
        finally:
            log.close()
        left = content(commands[: len(events)], events) if len(commands) >= len(events) else []
        if told.code == 0:
            assert left, f"{what}: the audit verified {len(events)} results of {len(commands)} commands"
            assert left == self._original[: len(left)], f"{what}: the audit passed over it"
            return "identical" if len(left) == len(self._original) else "prefix"
        if not events:
            return "prefix"  # and nothing there to verify: the audit says that it could not run
        assert told.code == 1, f"{what}: {told.error}"
        assert left != self._original, f"{what}: the audit found what is not there: {told.error}"
        assert told.json["difference"]["place"]
        return "found"


@pytest.fixture
def damaged(written: Path, tmp_path: Path, make_settings: Make, pairs: list[Pair]) -> Damaged:
    return Damaged(written, tmp_path, make_settings, pairs)


def flips(damaged: Damaged, seed: int, count: int) -> None:
    dice = random.Random(seed)
    for number in range(count):

        def flip(whole: bytes) -> bytes:
            at = dice.randrange(len(whole))
            return whole[:at] + bytes([whole[at] ^ (1 << dice.randrange(8))]) + whole[at + 1 :]

        damaged.after(flip, f"flip {number} of seed {seed}")
    print(f"F10: {count} flips: {dict(damaged.seen)}")
    assert sum(damaged.seen.values()) == count
    assert damaged.seen["found"] > count / 4, "most of the file is the log's own bytes"


def cuts(damaged: Damaged, seed: int, count: int) -> None:
    dice = random.Random(seed)
    for number in range(count):
        damaged.after(lambda whole: whole[: dice.randrange(len(whole))], f"cut {number} of seed {seed}")
    print(f"F10: {count} cuts: {dict(damaged.seen)}")
    assert sum(damaged.seen.values()) == count


def test_f10_thirty_flipped_bits_are_refused_found_or_harmless(damaged: Damaged) -> None:
    flips(damaged, 1, 30)


def test_f10_ten_cuts_leave_a_clean_prefix_or_are_found(damaged: Damaged) -> None:
    cuts(damaged, 2, 10)


def test_f10_what_a_cut_took_away_is_found_by_who_kept_a_checkpoint(
    damaged: Damaged, written: Path, tmp_path: Path, make_settings: Make, pairs: list[Pair]
) -> None:
    """A clean prefix is a sound log; only a word from outside it can tell that there was more."""
    settings = make_settings(streams="f10")
    seen = 0

    def judged(url: str) -> None:
        nonlocal seen
        told = ask(make_settings(redis_url=url, streams="f10"), "verify")
        assert told.code == 1 and told.place.startswith("checkpoint"), told.error
        seen += 1

    for keep in (1.0, 0.9, 0.5):
        data = tmp_path / f"kept{keep}"
        shutil.copytree(written, data, ignore=shutil.ignore_patterns("*.lock", "*.pid"))
        (file,) = data.glob("appendonlydir/*.incr.aof")
        whole = file.read_bytes()
        file.write_bytes(whole[: int(len(whole) * keep)])
        server = ValkeyServer(data, sockets=tmp_path / "run", log=tmp_path / "log", guarded=False)
        server.start()
        try:
            if keep == 1.0:
                signed = ask(make_settings(redis_url=server.url, streams="f10"), "checkpoint")
                assert signed.code == 0 and signed.json["entries"] == len(pairs), signed.error
                assert (settings.home / "checkpoints").exists()
            else:
                judged(server.url)
        finally:
            server.stop()
    assert seen == 2


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_f10_two_hundred_flips_and_a_hundred_cuts(damaged: Damaged) -> None:
    flips(damaged, 3, 200)
    damaged.seen.clear()
    cuts(damaged, 4, 100)
