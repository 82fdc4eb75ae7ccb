"""Real role processes, cheaply: one process that has everything imported, and forks a role when told to.

Starting Python for each of hundreds of roles that live for a tenth of a second would measure Python's start. A request
is a JSON line `{"argv": […], "env": {…}}` on standard input; the answers are `{"born": pid}` and, when it dies,
`{"died": pid, "status": …}` (negative: the signal). When standard input ends, every role is killed.
"""

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from exchange.cli.main import main as exchange
from exchange.effects import failpoints

PRELOADED = ("exchange.cli.engine", "exchange.cli.standby")


class Nursery:
    """The test's end of it."""

    def __init__(self, repository: Path, log: Path) -> None:
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(repository / "src"), "HOME": str(log.parent)}
        if "EXCHANGE_INTERPRETED" in os.environ:
            environ["EXCHANGE_INTERPRETED"] = os.environ["EXCHANGE_INTERPRETED"]
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.nursery"],
            cwd=repository,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._ended: dict[int, int] = {}

    def spawn(self, argv: list[str], env: Mapping[str, str]) -> int:
        """Start a role; its pid."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"argv": argv, "env": dict(env)}).encode() + b"\n")
        self._process.stdin.flush()
        while True:
            said = self._hear()
            if "born" in said:
                return said["born"]

    def ended(self, pid: int) -> int | None:
        """The status that a role ended with, or None while it lives."""
        assert self._process.stdout is not None
        while pid not in self._ended and select.select([self._process.stdout], [], [], 0)[0]:
            self._hear()
        return self._ended.get(pid)

    def wait(self, pid: int, seconds: float) -> int:
        """The status that a role ends with."""
        deadline = time.monotonic() + seconds
        while (status := self.ended(pid)) is None:
            assert time.monotonic() < deadline, f"role {pid} did not end within {seconds} s"
            time.sleep(0.005)
        return status

    def close(self) -> None:
        """Kill every role."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._log.close()

    def _hear(self) -> dict[str, int]:
        assert self._process.stdout is not None
        line = os.read(self._process.stdout.fileno(), 1) + self._read_line()
        said: dict[str, int] = json.loads(line)
        if "died" in said:
            self._ended[said["died"]] = said["status"]
        return said

    def _read_line(self) -> bytes:
        # Unbuffered, so that `select` and what was read never disagree.
        assert self._process.stdout is not None
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(self._process.stdout.fileno(), 1)
            assert byte, "the nursery is gone; see its log"
            line += byte
        return line


def serve() -> None:
    """The nursery's own life."""
    for module in PRELOADED:
        importlib.import_module(module)
    children: set[int] = set()
    while True:
        if select.select([0], [], [], 0.003)[0]:
            line = _line()
            if not line:
                break
            request = json.loads(line)
            pid = os.fork()
            if pid == 0:
                _live(request["argv"], request["env"])
            children.add(pid)
            _say({"born": pid})
        while children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            children.discard(pid)
            _say({"died": pid, "status": os.waitstatus_to_exitcode(status)})
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _live(argv: list[str], env: dict[str, str]) -> NoReturn:
    status = 1
    try:
        os.environ.update(env)
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(2, 1)
        failpoints.arm(env.get("EXCHANGE_FAILPOINT", ""))
        status = exchange(argv)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - whatever it is, it ends this process, and not as one that was asked to
        traceback.print_exc()
    finally:
        os._exit(status)  # never back into the nursery's loop


def _line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return b""
        line += byte
    return line


def _say(what: dict[str, int]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    serve()
