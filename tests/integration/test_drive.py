"""`exchange drive` on real parts: a stream server, the engine's process, the command's exit codes and last line."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exchange.commands.types import CreateAsset, CreateMarket
from exchange.effects.redis.log import run
from exchange.settings import Settings
from exchange.terms.stream import format_id
from tests.integration.clients_world import Exchange, exchange
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


@pytest.fixture
def world(make_settings: Callable[..., Settings], redis_url: str) -> Iterator[Exchange]:
    yield from exchange(make_settings(redis_url=redis_url))


@pytest.fixture
def engine(world: Exchange) -> Exchange:
    world.start_engine()
    return world


@pytest.fixture
def gateway(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> Iterator[Exchange]:
    for world in exchange(make_settings(redis_url=redis_url, database_url=database_url)):
        world.start_engine()
        world.start_gateway()
        yield world


def test_a_recording_is_driven_and_found_as_recorded(engine: Exchange, tmp_path: Path) -> None:
    done = engine.run("drive", write_recording(tmp_path, MESSAGES, LEVELS, QUOTES))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "drive: events=9 trades=3 mismatches=0"), done.stderr
    assert re.search(r"best quotes equal +8 distinct", done.stdout)
    assert re.search(r"out of turn +1:", done.stdout)
    head = run(engine.log.head())
    assert f"{format_id(head.id)} {head.chain.hex()}" in done.stdout


def test_a_second_run_needs_another_market(engine: Exchange, tmp_path: Path) -> None:
    path = write_recording(tmp_path, MESSAGES, LEVELS, QUOTES)
    assert engine.run("drive", path).returncode == 0
    again = engine.run("drive", path)
    assert (again.returncode, again.stdout) == (2, "")
    assert "--market AAPL2-USD" in again.stderr
    assert engine.run("drive", path, "--market", "AAPL2-USD").returncode == 0


def test_a_mismatch_is_named_and_ends_in_1(engine: Exchange, tmp_path: Path) -> None:
    wrong = [*QUOTES[:3], "1020000,50,1010000,26", *QUOTES[4:]]
    done = engine.run("drive", write_recording(tmp_path, MESSAGES, LEVELS, wrong))
    assert done.returncode == 1
    expected = "expected (10200, 50, 10100, 26), got (10200, 50, 10100, 25)"
    assert f"MISMATCH event 4: best quote 4 (ask, quantity, bid, quantity): {expected}" in done.stdout
    assert done.stdout.splitlines()[-1] == "drive: events=9 trades=3 mismatches=1"


def test_absent_companions_are_told_and_a_pace_is_kept(engine: Exchange, tmp_path: Path) -> None:
    path = write_recording(tmp_path, MESSAGES[:3], [], [])
    done = engine.run("drive", path, "--speed", "0.01")
    assert done.returncode == 0
    assert "levels: none beside the file" in done.stderr
    assert "quotes: none beside the file" in done.stderr
    seconds = re.search(r"in ([0-9.]+) s", done.stdout)
    assert seconds is not None
    assert float(seconds[1]) >= 0.2


def test_what_cannot_be_run_ends_in_2_and_says_why(world: Exchange, tmp_path: Path) -> None:
    path = write_recording(tmp_path, MESSAGES, [], [])
    for arguments, reason in (
        ([path], "the log is empty: start the exchange"),
        ([tmp_path / "none.csv"], "cannot be read"),
        ([path, "--market", "apple"], "BASE-QUOTE"),
    ):
        done = world.run("drive", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert reason in done.stderr


def test_by_the_gateway_the_same_comes_out(gateway: Exchange, tmp_path: Path) -> None:
    path = write_recording(tmp_path, MESSAGES, LEVELS, QUOTES)
    done = gateway.run("drive", path, "--by", "gateway")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "drive: events=9 trades=3 mismatches=0"), done.stderr
    depth = gateway.get("/api/v1/depth?market=AAPL-USD")
    assert depth["bids"] == [["100.00", "70"], ["99.00", "80"]]
    assert depth["asks"] == [["103.00", "60"]]


def test_a_refusal_at_the_gateway_is_a_mismatch(gateway: Exchange, tmp_path: Path) -> None:
    gateway.tell(CreateAsset("AAPL", 0), CreateAsset("USD", 2), CreateMarket("AAPL-USD", 500, 1, 0, 0, 0))
    done = gateway.run("drive", write_recording(tmp_path, MESSAGES, [], []), "--by", "gateway")
    assert (done.returncode, done.stdout) == (
        1,
        "MISMATCH event 2: rest l11: 422 off_tick: The price is not a multiple of the market's tick size.\n",
    )


def test_a_gateway_that_is_not_there_ends_in_2(engine: Exchange, tmp_path: Path) -> None:
    done = engine.run("drive", write_recording(tmp_path, MESSAGES, [], []), "--by", "gateway")
    assert (done.returncode, done.stdout) == (2, "")
    assert "does not answer" in done.stderr


@pytest.mark.skipif(not RECORDED_HOUR.exists(), reason=f"the recorded hour is not at {RECORDED_HOUR}")
def test_the_recorded_hour_comes_out_of_the_streams_as_recorded(engine: Exchange) -> None:
    done = engine.run("drive", RECORDED_HOUR, seconds=240)
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
    replayed = engine.run("replay", "--market", "AAPL-USD", seconds=240)
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    head = re.search(r"chain head +(\S+) (\w+)", done.stdout)
    assert head is not None
    assert re.search(rf"head +{head[1]}\nchain +{head[2]}", replayed.stdout)
