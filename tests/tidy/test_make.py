"""make says what is missing on a machine before it builds anything, and keeps its commands."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROMISED = ("up", "down", "build", "test", "check", "bench", "sim", "chaos", "clean", "help", "lint", "fmt")


def preflight(python: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "tools" / "preflight.sh", python],
        env={**os.environ, "EXCHANGE_INTERPRETED": "", "MAKECMDGOALS": "up", **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def lacking(folder: Path, word: str) -> str:
    """A Python that says no to every question with this word in it."""
    program = folder / "python3"
    program.write_text(
        f'#!/bin/sh\ncase "$2" in *"{word}"*) exit 1;; esac\n[ "$1" = -V ] && echo "Python 3.9.1" && exit 0\n'
        f'exec "{sys.executable}" "$@"\n'
    )
    program.chmod(0o755)
    return str(program)


def test_a_machine_that_has_all_is_fine() -> None:
    assert preflight(sys.executable).returncode == 0


@pytest.mark.parametrize(
    "word,said",
    [
        ("version_info", "Python 3.9.1; 3.11 or newer is needed"),
        ("ensurepip", "apt install python3-venv"),
        ("Python.h", "apt install python3-dev"),
    ],
)
def test_what_python_lacks_is_named_with_what_to_do(tmp_path: Path, word: str, said: str) -> None:
    done = preflight(lacking(tmp_path, word))
    assert done.returncode == 1
    assert said in done.stderr


def test_a_missing_python_is_named() -> None:
    done = preflight("python9")
    assert done.returncode == 1
    assert "no python9 here" in done.stderr


def test_without_a_compiler_there_is_a_way_on() -> None:
    without = {"CC": "no-such-compiler"}
    done = preflight(sys.executable, without)
    assert done.returncode == 1
    assert "no C compiler (no-such-compiler)" in done.stderr
    assert "make up EXCHANGE_INTERPRETED=1" in done.stderr
    assert preflight(sys.executable, without | {"EXCHANGE_INTERPRETED": "1"}).returncode == 0


def test_help_lists_every_command_that_is_promised() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    listed = set(re.findall(r"^  make (\w+)", done.stdout, re.MULTILINE))
    assert set(PROMISED) <= listed


def test_locks_name_no_place_and_pin_every_file() -> None:
    for lock in sorted(ROOT.glob("requirements*.lock")):
        text = lock.read_text()
        assert "://" not in text, lock
        for block in re.findall(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL):
            assert "==" in block.splitlines()[0], block
            assert "--hash=sha256:" in block, block
