"""The journal as a process of its own, to be killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SOURCE = Path(__file__).parent.parent.parent / "src"
DEADLINE = 30.0


def journal_process(
    redis_url: str, streams: str, database_url: str, home: Path, failpoint: str = "", **more: object
) -> "subprocess.Popen[str]":
    """`exchange project journal` with segments of 25 entries, at most a second old, in a folder too."""
    environ = {
        "PYTHONPATH": str(SOURCE),
        "REDIS_URL": redis_url,
        "DATABASE_URL": database_url,
        "EXCHANGE_STREAMS": streams,
        "EXCHANGE_HOME": str(home),
        "EXCHANGE_JOURNAL_EVERY": "25",
        "EXCHANGE_JOURNAL_SECONDS": "1",
        "EXCHANGE_JOURNAL_FOLDER": str(home / "journal"),
        "EXCHANGE_STREAM_KEEP": "1000",
        "EXCHANGE_FAILPOINT": failpoint,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "exchange", "project", "journal"],
        env={**os.environ, **environ, **{name: str(value) for name, value in more.items()}},
        stderr=subprocess.PIPE,
        text=True,
    )


def killed(process: "subprocess.Popen[str]") -> None:
    """Wait until it died at its fail-point."""
    _, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == -signal.SIGKILL, errors


def run_until(process: "subprocess.Popen[str]", done: Callable[[], bool]) -> None:
    """Let it work until something has happened, and stop it cleanly."""
    assert process.stderr is not None
    try:
        told = [process.stderr.readline()]
        while told[-1] and '"archiving"' not in told[-1]:  # from then on it listens to signals
            told.append(process.stderr.readline())
        assert told[-1], "".join(told)
        deadline = time.monotonic() + DEADLINE
        while not done():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline, "it is not done in time"
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0, errors
    finally:
        process.kill()
        process.wait()
