"""F23: hash seed, locale, time zone, optimisation, interpreted or compiled: the same log gives the same hash.

Each combination is a process of its own that replays the same log from a real server, and the golden logs from their
files. Python's version is what runs the tests: `make test PYTHON=…` is the same test under another.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from exchange import compiled
from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog
from exchange.engine import Machine
from exchange.roles import snapshots
from tests.golden.golden_log import NAMES, GoldenLog, summary
from tests.integration.trading import POISON, add_raw, all_commands, all_events, drain, open_world, some

REPOSITORY = Path(__file__).parents[2]

SURROUNDINGS = (
    {"PYTHONHASHSEED": "1", "TZ": "Asia/Kolkata"},
    {"PYTHONHASHSEED": "4242", "TZ": "America/St_Johns", "LC_ALL": "C"},
    {"PYTHONHASHSEED": "0", "TZ": "UTC", "PYTHONUTF8": "0", "PYTHONOPTIMIZE": "1"},
    {"PYTHONHASHSEED": "7", "TZ": "Pacific/Apia", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
)

_GOLDEN = """
import json
from tests.golden.golden_log import NAMES, GoldenLog, summary
from exchange.engine import Machine
def run(name):
    machine = Machine()
    for entry in GoldenLog(name).commands():
        machine.step(entry)
    return summary(machine)
print(json.dumps({name: run(name) for name in NAMES}))
"""


def installed() -> str:
    """What a process runs that is not told otherwise."""
    done = process(["-m", "exchange.compiled"], EXCHANGE_INTERPRETED="")
    return done.stdout.strip()


def process(arguments: list[str], **environ: str) -> "subprocess.CompletedProcess[str]":
    path = os.pathsep.join((str(REPOSITORY / "src"), str(REPOSITORY)))
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": path, "EXCHANGE_LOG_LEVEL": "error"} | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def surveyed(redis_url: str, streams: str, tmp_path: Path, client: redis.Redis) -> Iterator[BlockingRedisLog]:
    """A log of some hundred commands, every kind of poison among them."""
    opened = BlockingRedisLog(redis_url, f"{streams}:commands", f"{streams}:events")
    engine = open_world(opened, FileSnapshotStore(tmp_path / "home" / "snapshots"))
    for fields in POISON:
        add_raw(client, f"{streams}:commands", fields)
    opened.append_many(some(2, 500))
    drain(engine, opened)
    yield opened
    opened.close()


@pytest.mark.parametrize("surroundings", SURROUNDINGS, ids=lambda found: " ".join(found.values()))
@pytest.mark.parametrize("interpreted", ["", "1"], ids=["as installed", "interpreted"])
def test_f23_other_surroundings_replay_to_the_same_hash(
    surveyed: BlockingRedisLog,
    redis_url: str,
    streams: str,
    tmp_path: Path,
    surroundings: dict[str, str],
    interpreted: str,
) -> None:
    _refuse_stale(interpreted)
    done = process(
        ["-m", "exchange", "replay", "--json"],
        REDIS_URL=redis_url,
        EXCHANGE_STREAMS=streams,
        EXCHANGE_HOME=str(tmp_path / "home"),
        EXCHANGE_INTERPRETED=interpreted,
        **surroundings,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["engine"] == ("interpreted" if interpreted else installed())
    machine = Machine()
    for command in all_commands(surveyed):
        machine.step(command)
    assert report["commands"] == len(all_commands(surveyed)) > 500
    assert report["state_hash"] == snapshots.state_hash(machine)
    assert report["chain"] == all_events(surveyed)[-1].chain.hex()


@pytest.mark.parametrize("surroundings", SURROUNDINGS, ids=lambda found: " ".join(found.values()))
def test_f23_other_surroundings_give_the_golden_logs_their_hashes(surroundings: dict[str, str]) -> None:
    done = process(["-c", _GOLDEN], **surroundings)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == {name: GoldenLog(name).expected() for name in NAMES}


def test_f23_the_compiled_engine_is_among_what_was_compared() -> None:
    if installed() != "compiled":
        pytest.skip("the engine is not compiled here: `make build`")
    assert compiled.status() in {"compiled", "interpreted"}
    machine = Machine()
    for entry in GoldenLog(NAMES[-1]).commands():
        machine.step(entry)
    assert summary(machine) == GoldenLog(NAMES[-1]).expected()


def _refuse_stale(interpreted: str) -> None:
    if not interpreted and installed() == "stale":
        pytest.skip("the compiled engine is older than its source: `make build`")
