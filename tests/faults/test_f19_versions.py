"""F19: several versions of the code at once, and one after the other.

A version that computes otherwise is stopped by the first hash that differs, before a result of its own enters the log;
behaviour changes only by a command in the log, and there is no way back to a version that does not know the rules.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from exchange.commands.codec import encode, frame
from exchange.commands.types import RULES, OpenLog, SetRules
from exchange.effects.clock import BlockingClock
from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.events.codec import chain
from exchange.events.codec import encode as encode_result
from exchange.events.types import Outcome, RulesSet
from exchange.roles import snapshots
from exchange.roles.engine import Engine
from exchange.roles.recovery import recover
from exchange.roles.replay import GENESIS, SNAPSHOT, Tally, begin, replay
from exchange.roles.stops import Diverged, NewerRules
from exchange.terms.stream import EventEntry
from exchange.terms.words import HALTED, OPEN
from tests.e2e.loading import REPOSITORY
from tests.integration.trading import (
    Interposed,
    all_commands,
    all_events,
    assert_sound,
    drain,
    hash_from_genesis,
    open_world,
    some,
    standby,
    three_snapshots,
    trade,
    world,
)

OTHERWISE = """
import os, sys
from exchange.cli.main import main
from exchange.roles import memory, recovery

place, name = {"live": (memory, "recover"), "start": (recovery, "newest")}[os.environ["COMPUTES_OTHERWISE"]]
honest = getattr(place, name)

async def otherwise(log, store):
    found = await honest(log, store)
    machine = found[0] if isinstance(found, tuple) else found
    machine.state.next_order += 1000
    return found

setattr(place, name, otherwise)
sys.exit(main(sys.argv[1:]))
"""
"""A newer version, which numbers orders otherwise: what it does next (`live`), or all after the snapshot (`start`)."""


@pytest.fixture
def environ(redis_url: str, streams: str, tmp_path: Path) -> dict[str, str]:
    return {
        "REDIS_URL": redis_url,
        "EXCHANGE_STREAMS": streams,
        "EXCHANGE_HOME": str(tmp_path / "home"),
        "EXCHANGE_SNAPSHOTS": str(tmp_path / "snapshots"),
        "EXCHANGE_LOG_LEVEL": "warning",
        "PYTHONPATH": str(REPOSITORY / "src"),
    }


class Newer:
    """A process of the newer version."""

    def __init__(self, role: str, how: str, environ: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", OTHERWISE, role],
            env=os.environ | environ | {"COMPUTES_OTHERWISE": how},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def refused(self) -> str:
        """Its last words; it must have refused to go on."""
        out, error = self._process.communicate(timeout=30)
        assert self._process.returncode == 3, out + error
        return error.splitlines()[-1]

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()


@pytest.fixture
def ended() -> Iterator[list[Newer]]:
    processes: list[Newer] = []
    yield processes
    for process in processes:
        process.end()


# --- at once ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["engine", "standby"])
def test_f19_a_version_that_computes_the_past_otherwise_does_not_start(
    log: BlockingRedisLog, store: FileSnapshotStore, environ: dict[str, str], ended: list[Newer], role: str
) -> None:
    engine = three_snapshots(log, store)
    before = all_commands(log), all_events(log)
    ended.append(Newer(role, "start", environ))
    last = ended[0].refused()
    assert last.startswith(f"exchange {role}: Mismatch: entry ")
    assert "this version computes otherwise than the one that wrote it" in last
    assert (len(all_commands(log)), len(all_events(log))) == (len(before[0]), len(before[1])), "something was appended"
    trade(engine, log, 9, 20)
    assert_sound(log)


def test_f19_a_standby_of_a_version_that_computes_otherwise_stops_at_the_first_difference(
    log: BlockingRedisLog, store: FileSnapshotStore, environ: dict[str, str], ended: list[Newer]
) -> None:
    """It cannot know which of the two is right: the markets halt, and an operator looks."""
    engine = three_snapshots(log, store)
    ended.append(Newer("standby", "live", environ | {"EXCHANGE_TAKEOVER_MS": "60000"}))
    newer = ended[0]
    trading = iter(range(100, 1_000))
    deadline = time.monotonic() + 30
    while newer._process.poll() is None and HALTED not in statuses(engine):
        assert time.monotonic() < deadline, "it has not noticed"
        trade(engine, log, next(trading), 5)
        time.sleep(0.02)
    assert newer.refused().startswith("exchange standby: Mismatch: entry ")
    drain(engine, log)
    machine = assert_sound(log)
    assert statuses(engine) == [HALTED]
    halts = [command for command in all_commands(log) if b'"set_market_status"' in b"".join(command.fields)]
    assert len(halts) == 1, "what it has appended besides"
    assert machine.state.markets["BTC-USD"].status == HALTED


def statuses(engine: Engine) -> list[str]:
    return [market.status for market in run(engine._memory.replica()).machine.state.markets.values()]


def test_f19_an_engine_that_computes_otherwise_stops_and_publishes_nothing(
    log: BlockingRedisLog, store: FileSnapshotStore, redis_url: str, streams: str
) -> None:
    engine = open_world(log, store)
    other_log = Interposed(redis_url, f"{streams}:commands", f"{streams}:events")
    other = Engine(other_log, store, BlockingClock(), wait_ms=1)
    run(other.turn())
    replica = run(other._memory.replica())
    replica.machine.state.next_order += 1000  # a version with other rules
    log.append_many(some(1, 40))
    other_log.before_publish = lambda: drain(engine, log)
    with pytest.raises(Diverged):
        run(other.turn())
    assert_sound(log)


# --- one after the other ---------------------------------------------------------------------------------------------


def switched(log: BlockingRedisLog) -> None:
    """What a newer version does at an operator's command: go over to rules that this one does not know."""
    head = run(log.head())
    (id,) = log.append_many([encode(SetRules(RULES + 1, 1_000))])
    payload = encode_result(Outcome([RulesSet(RULES + 1, 1_000)], []))
    hash = chain(head.chain, id, frame([b"c", encode(SetRules(RULES + 1, 1_000))]), payload)
    run(_published(log, EventEntry(id, payload, hash)))


async def _published(log: BlockingRedisLog, entry: EventEntry) -> None:
    await log.publish(await log.head(), [entry])


NO_WAY_BACK = rf"follows rules {RULES + 1} from entry [0-9-]+ on; this version knows rules up to {RULES}\. Run the"


def test_f19_a_log_of_newer_rules_refuses_an_older_version_and_says_so(
    log: BlockingRedisLog, store: FileSnapshotStore, tmp_path: Path
) -> None:
    three_snapshots(log, store)
    switched(log)
    for folder in (tmp_path / "snapshots", tmp_path / "none"):
        with pytest.raises(NewerRules, match=NO_WAY_BACK):
            run(recover(log, FileSnapshotStore(folder)))
    engine = Engine(log, store, BlockingClock(), wait_ms=1)
    with pytest.raises(NewerRules, match=NO_WAY_BACK):
        run(engine.turn())


def test_f19_an_older_standby_stops_at_the_switch_and_halts_nothing(
    log: BlockingRedisLog, store: FileSnapshotStore
) -> None:
    engine = open_world(log, store)
    follower = standby(log, store)
    run(follower.turn())
    switched(log)
    before = len(all_commands(log))
    with pytest.raises(NewerRules, match=NO_WAY_BACK):
        run(follower.run(lambda: False))
    assert len(all_commands(log)) == before
    assert statuses(engine) == [OPEN]


@pytest.mark.parametrize("first", [1, 2])
def test_f19_an_upgrade_goes_by_a_snapshot_and_a_command_and_old_entries_stay_verifiable(
    log: BlockingRedisLog, store: FileSnapshotStore, first: int
) -> None:
    """As in docs/failover.md: the old log, a snapshot, the new version, and only then the new rules."""
    old = Engine(log, store, BlockingClock(), wait_ms=1)
    log.append_many([encode(OpenLog("ab" * 16, first, 3_600_000, 0 if first < 2 else 1_000_000))])
    log.append_many([encode(command) for command in world()])
    drain(old, log)
    trade(old, log, 1, 60)
    run(standby(log, store).turn())
    before = run(log.head())
    assert run(old._memory.replica()).machine.state.rules == first

    new = Engine(log, store, BlockingClock(), wait_ms=1)
    run(new.turn())
    log.append_many([encode(SetRules(first + 1, 1_000_000))])
    drain(new, log)
    trade(new, log, 2, 60)
    assert run(new._memory.replica()).machine.state.rules == first + 1
    assert_sound(log)
    wanted = hash_from_genesis(log)
    for where in (GENESIS, SNAPSHOT):
        machine = run(begin(log, store, where, run(log.head())))
        assert machine.head.id <= before.id
        run(replay(log, machine, run(log.head()).id, Tally(), lambda *_: None))
        assert snapshots.state_hash(machine) == wanted

    log.append_many([encode(SetRules(1, 1_000_000))])
    drain(new, log)
    (event,) = orjson.loads(all_events(log)[-1].payload)["events"]
    assert (event["type"], event["code"]) == ("rejected", "unknown_rules"), "there is no way back by command either"
