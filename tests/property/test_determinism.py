"""The same commands give the same bytes: under any hash seed, time zone and locale, compiled and interpreted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from exchange import compiled

REPOSITORY = Path(__file__).resolve().parents[2]
SEQUENCES = 150


def replayed(**environment: str) -> list[str]:
    """How the engine ran in a process of its own, the hash of the chains, the hash of the states."""
    search = os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY)])
    inherited = {name: value for name, value in os.environ.items() if name != "EXCHANGE_INTERPRETED"}
    child = subprocess.run(
        [sys.executable, "-m", "tests.property.replay_flows", str(SEQUENCES)],
        cwd=REPOSITORY,
        env=inherited | {"PYTHONPATH": search} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    return child.stdout.split()


@pytest.fixture(scope="module")
def usual() -> list[str]:
    return replayed(PYTHONHASHSEED="0", TZ="UTC", LC_ALL="C.UTF-8")


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "1"},
        {"PYTHONHASHSEED": "4294967295", "TZ": "Pacific/Kiritimati"},
        {"PYTHONHASHSEED": "random", "TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8", "PYTHONUTF8": "0"},
        {"PYTHONOPTIMIZE": "2"},
    ],
    ids=lambda environment: ",".join(f"{name}={value}" for name, value in environment.items()),
)
def test_the_environment_changes_no_byte(usual: list[str], environment: dict[str, str]) -> None:
    assert replayed(**environment) == usual


def test_the_interpreted_engine_gives_the_bytes_of_the_compiled_one(usual: list[str]) -> None:
    interpreted = replayed(EXCHANGE_INTERPRETED="1")
    assert interpreted[0] == "interpreted"
    assert interpreted[1:] == usual[1:]
    if compiled.status() != "compiled":
        pytest.skip("no compiled engine here to compare the interpreted one with: run `make build`")
    assert usual[0] == "compiled"
