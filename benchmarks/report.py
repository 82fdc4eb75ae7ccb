"""Figures, the machine they come from, and the two forms they are given in: a table and `build/bench.json`."""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from exchange import compiled
from exchange.embedded.process import ServerError
from exchange.embedded.valkey import find_binary

Machine = dict[str, str | int | float]


class Figure(NamedTuple):
    """One measured value; `name` is `<area>.<what>`."""

    name: str
    value: float
    unit: str


class Skipped(Exception):
    """A benchmark that cannot run here; the message says why."""


def machine() -> Machine:
    """What the figures depend on, as it is now."""
    return {
        "cores": os.cpu_count() or 0,
        "cpu": _cpu(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "engine": compiled.status(),
        "server": _server(),
        "fsync_us_median": fsync_us(),
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def line(figure: Figure) -> str:
    """A figure as a line of the table."""
    return f"{figure.name:<44} {_rounded(figure.value):>14}  {figure.unit}"


def write(path: Path, on: Machine, figures: Sequence[Figure], skipped: dict[str, str]) -> None:
    """Write the JSON form; `skipped` says of benchmarks without figures why."""
    found = {figure.name: {"value": figure.value, "unit": figure.unit} for figure in figures}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": on, "figures": found, "skipped": skipped}, indent=2) + "\n")


def fsync_us(times: int = 200) -> float:
    """Median of appending 4 KiB to a file and waiting for the disk, in microseconds."""
    taken = []
    with tempfile.NamedTemporaryFile(dir=Path.cwd()) as file:
        for _ in range(times):
            file.write(bytes(4096))
            file.flush()
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - start)
    return round(statistics.median(taken) * 1e6, 1)


def child(module: str, *arguments: object, **environment: str) -> dict[str, float]:
    """Run a module of this package in a process of its own and give the JSON object that it prints.

    Raises:
        RuntimeError: it failed; its standard error is in the message.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{module} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _rounded(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:,.3g}" if abs(value) < 1 else f"{value:,.2f}"


def _cpu() -> str:
    try:
        for text in Path("/proc/cpuinfo").read_text().splitlines():
            if text.startswith("model name"):
                return text.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _server() -> str:
    try:
        binary = find_binary()
    except ServerError:
        return "none"
    return subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.strip()
