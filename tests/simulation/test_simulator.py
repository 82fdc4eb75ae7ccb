"""Tens of thousands of crashes without a failure, every planted bug found, the same seed the same run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation import bugs
from tests.simulation.__main__ import CRASHES, main
from tests.simulation.runner import found, quiet, run, run_many

SHARDS = 10
SEEDS_APART = 1_000_000
SEEDS_TO_FIND = 200
PLIGHTS = [
    "Fenced",
    "LogFull",
    "blackout",
    "clock set",
    "commands read while publishing",
    "connection broken",
    "database away",
    "engine killed",
    "engine paused",
    "gateway killed",
    "journal killed",
    "headless",
    "killed in a snapshot's write",
    "projection rebuilt",
    "projector killed",
    "read ahead",
    "reply lost",
    "request of a dead process executed",
    "rotten snapshot read",
    "server cut",
    "server died in mid-turn",
    "server kill",
    "server stalled",
    "snapshot written",
    "standby killed",
    "standby paused",
    "standby publishes",
    "streams trimmed",
    "tail of the log lost",
    "trimmed past a role",
]


@pytest.fixture(autouse=True)
def _without_log_lines() -> None:
    quiet()


@pytest.mark.parametrize("shard", range(SHARDS))
def test_thousands_of_crashes_break_no_promise(shard: int) -> None:
    *_, verdict = run_many(shard * SEEDS_APART, None, CRASHES // SHARDS, "", workers=1)
    assert verdict.crashes >= CRASHES // SHARDS
    assert [f"seed {result.plan.seed}: {result.failure}" for result in verdict.examples] == []
    assert verdict.failures == 0


def test_the_runs_come_into_every_plight() -> None:
    *_, verdict = run_many(0, 150, 0, "", workers=1)
    assert [plight for plight in PLIGHTS if not verdict.seen[plight]] == []
    assert verdict.answers > 20 * verdict.runs
    assert verdict.lost > 0, "no power cut under everysec took back anything: it was not simulated"


@pytest.mark.parametrize("bug", list(bugs.BUGS))
def test_a_planted_design_bug_is_found_and_is_what_was_found(bug: str) -> None:
    result = found(bug, range(SEEDS_TO_FIND))
    assert result is not None, f"{bugs.BUGS[bug].what}: not found in {SEEDS_TO_FIND} seeds"
    assert run(result.plan.seed).failure == "", "the same seed fails without the bug, too"


def test_there_are_at_least_thirty_planted_bugs() -> None:
    assert len(bugs.BUGS) >= 30


def test_a_planted_bug_is_gone_after_its_run() -> None:
    before = [getattr(owner, name) for bug in bugs.BUGS.values() for owner, name, _ in bug.patches]
    for bug in bugs.BUGS:
        with bugs.planted(bug):
            pass
    assert [getattr(owner, name) for bug in bugs.BUGS.values() for owner, name, _ in bug.patches] == before


def test_a_seed_is_one_run_and_another_seed_another() -> None:
    first = [run(seed) for seed in range(12)]
    again = [run(seed) for seed in range(12)]
    assert [result.trace for result in first] == [result.trace for result in again]
    assert [result.seen for result in first] == [result.seen for result in again]
    assert len({result.trace for result in first}) == len(first)


@pytest.mark.parametrize(
    "setting",
    [{"PYTHONHASHSEED": "0"}, {"PYTHONHASHSEED": "4711", "TZ": "Asia/Kolkata"}, {"EXCHANGE_INTERPRETED": "1"}],
)
def test_a_seed_is_the_same_run_under_another_hash_seed_zone_and_compilation(setting: dict[str, str]) -> None:
    code = "from tests.simulation.runner import quiet, run\nquiet()\nprint(*[run(seed).trace for seed in range(12)])"
    root = Path(__file__).parents[2]
    environment = {**os.environ, **setting, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.split() == [run(seed).trace for seed in range(12)]


def test_workers_change_no_verdict() -> None:
    *_, alone = run_many(7, 120, 0, "", workers=1)
    *_, shared = run_many(7, 120, 0, "", workers=2)
    assert (alone.runs, alone.crashes, alone.steps, alone.seen) == (
        shared.runs,
        shared.crashes,
        shared.steps,
        shared.seen,
    )


def test_the_command_line_ends_with_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--runs", "3", "--seed", "5", "--workers", "1", "--verbose"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(r"sim: runs=3 crashes=[1-9][0-9]* failures=0", last)


def test_a_failure_is_told_with_how_to_see_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--runs", "10", "--workers", "1", "--bug", "poison-without-result"]) == 1
    told = capsys.readouterr().out
    seed = re.search(r"seed ([0-9]+) failed: ", told)
    assert seed is not None
    again = f"--runs 1 --seed {seed[1]} --bug poison-without-result"
    assert f"replay: python -m tests.simulation {again} --verbose" in told
    assert re.fullmatch(r"sim: runs=10 crashes=[0-9]+ failures=[1-9][0-9]*", told.splitlines()[-1])
    assert main([*again.split(), "--workers", "1"]) == 1


def test_the_bugs_are_listed_and_an_unknown_one_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-bugs"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(bugs.BUGS)
    assert main(["--bug", "no-such"]) == 2
    assert "no-such" in capsys.readouterr().err
