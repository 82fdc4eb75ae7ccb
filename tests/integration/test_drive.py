"""`exchange drive` on real parts: a stream server, the engine's process, the command's exit codes and last line."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exchange.effects.redis_log import BlockingRedisLog, run
from exchange.settings import Settings
from exchange.terms.stream import format_id
from tests.unit.clients.recordings import RECORDED_HOUR, write_recording

MESSAGES = [
    "34200.001,1,7,20,1000000,1",
    "34200.002,1,11,10,1010000,1",
    "34200.003,1,12,20,1010000,1",
    "34200.004,4,12,5,1010000,1",
    "34200.005,4,11,10,1010000,1",
    "34200.006,2,12,5,1010000,1",
    "34200.007,4,900,50,1020000,-1",
    "34200.008,5,0,50,1015000,-1",
    "34200.009,3,12,10,1010000,1",
]
LEVELS = ["1020000,50,1000000,70,1030000,60,990000,80", "1020000,50,1010000,10,1030000,60,1000000,70"]
QUOTES = [
    "1020000,50,1000000,70",
    "1020000,50,1010000,10",
    "1020000,50,1010000,30",
    "1020000,50,1010000,25",
    "1020000,50,1010000,15",
    "1020000,50,1010000,10",
    "1030000,60,1010000,10",
    "1030000,60,1000000,70",
]
ANSWER = 60
"""Seconds within which a short command must have ended."""


@pytest.fixture
def settings(make_settings: Callable[..., Settings], redis_url: str) -> Settings:
    return make_settings(redis_url=redis_url)


@pytest.fixture
def engine(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """The engine's process; its log is open when the test begins."""
    process = subprocess.Popen([sys.executable, "-m", "exchange", "engine"], env=environment(settings))
    log = BlockingRedisLog(settings.redis_url, settings.commands_key, settings.events_key)
    for _ in range(20):
        if run(log.events((0, 0), 1, 1000)):
            break
        assert process.poll() is None
    log.close()
    yield process
    process.terminate()
    process.wait(ANSWER)


def environment(settings: Settings) -> dict[str, str]:
    own = {
        "EXCHANGE_HOME": str(settings.home),
        "EXCHANGE_SNAPSHOTS": str(settings.snapshots),
        "EXCHANGE_STREAMS": settings.streams,
        "REDIS_URL": settings.redis_url,
    }
    return os.environ | {"PYTHONPATH": str(Path("src").absolute())} | own


def exchange(settings: Settings, *arguments: object, seconds: float = ANSWER) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "exchange", *map(str, arguments)],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@pytest.mark.usefixtures("engine")
def test_a_recording_is_driven_and_found_as_recorded(settings: Settings, tmp_path: Path) -> None:
    done = exchange(settings, "drive", write_recording(tmp_path, MESSAGES, LEVELS, QUOTES))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "drive: events=9 trades=3 mismatches=0"), done.stderr
    assert re.search(r"best quotes equal +8 distinct", done.stdout)
    assert re.search(r"out of turn +1:", done.stdout)
    log = BlockingRedisLog(settings.redis_url, settings.commands_key, settings.events_key)
    head = run(log.head())
    log.close()
    assert f"{format_id(head.id)} {head.chain.hex()}" in done.stdout


@pytest.mark.usefixtures("engine")
def test_a_second_run_needs_another_market(settings: Settings, tmp_path: Path) -> None:
    path = write_recording(tmp_path, MESSAGES, LEVELS, QUOTES)
    assert exchange(settings, "drive", path).returncode == 0
    again = exchange(settings, "drive", path)
    assert (again.returncode, again.stdout) == (2, "")
    assert "--market AAPL2-USD" in again.stderr
    assert exchange(settings, "drive", path, "--market", "AAPL2-USD").returncode == 0


@pytest.mark.usefixtures("engine")
def test_a_mismatch_is_named_and_ends_in_1(settings: Settings, tmp_path: Path) -> None:
    wrong = [*QUOTES[:3], "1020000,50,1010000,26", *QUOTES[4:]]
    done = exchange(settings, "drive", write_recording(tmp_path, MESSAGES, LEVELS, wrong))
    assert done.returncode == 1
    expected = "expected (10200, 50, 10100, 26), got (10200, 50, 10100, 25)"
    assert f"MISMATCH event 4: best quote 4 (ask, quantity, bid, quantity): {expected}" in done.stdout
    assert done.stdout.splitlines()[-1] == "drive: events=9 trades=3 mismatches=1"


@pytest.mark.usefixtures("engine")
def test_absent_companions_are_told_and_a_pace_is_kept(settings: Settings, tmp_path: Path) -> None:
    path = write_recording(tmp_path, MESSAGES[:3], [], [])
    done = exchange(settings, "drive", path, "--speed", "0.01")
    assert done.returncode == 0
    assert "levels: none beside the file" in done.stderr
    assert "quotes: none beside the file" in done.stderr
    seconds = re.search(r"in ([0-9.]+) s", done.stdout)
    assert seconds is not None
    assert float(seconds[1]) >= 0.2


def test_what_cannot_be_run_ends_in_2_and_says_why(settings: Settings, tmp_path: Path) -> None:
    path = write_recording(tmp_path, MESSAGES, [], [])
    for arguments, reason in (
        ([path], "the log is empty: start the exchange"),
        ([tmp_path / "none.csv"], "cannot be read"),
        ([path, "--market", "apple"], "BASE-QUOTE"),
    ):
        done = exchange(settings, "drive", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert reason in done.stderr


@pytest.mark.usefixtures("engine")
@pytest.mark.skipif(not RECORDED_HOUR.exists(), reason=f"the recorded hour is not at {RECORDED_HOUR}")
def test_the_recorded_hour_comes_out_of_the_streams_as_recorded(settings: Settings) -> None:
    done = exchange(settings, "drive", RECORDED_HOUR, seconds=240)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in (
        r"books equal +672 to 20 levels",
        r"best quotes equal +15,999 distinct, in order",
        r"executions +4,067 recorded, 4,067 trades",
        r"known orders +4,055, at the best price 4,055, first in their queue 4,031",
        r"out of turn +24:",
        r"unknown orders +84, of which 45 met no level",
        r"drive: events=91997 trades=4067 mismatches=0",
    ):
        assert re.search(line, done.stdout), line
