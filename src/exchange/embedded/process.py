"""A child process that cannot outlive its parent, whose output is kept, and that is waited for with a deadline.

The child leads a session of its own, so that Ctrl-C reaches only the parent, which then decides the order of stopping.
Where the kernel offers it (Linux), the child is signalled when the thread that spawned it ends, however it ends: spawn
from the main thread. Nothing here is killed by name: only children, by their id.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

Readiness = Literal["no", "loading", "ready"]
"""What a probe saw: no answer, an answer that asks for patience, or a server that serves."""

POLL_SECONDS = 0.01
LOADING_SECONDS = 600.0
_PR_SET_PDEATHSIG = 1


class ServerError(Exception):
    """A server that cannot be had; the message says why and what would help."""


def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: bytes | None = None,
    keep: Sequence[int] = (),
    death_signal: signal.Signals = signal.SIGTERM,
    become: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child whose standard output and error are appended to `log`.

    Args:
        stdin: what the child reads; nothing when None.
        keep: file descriptors that the child inherits (a lock that is to live as long as it does).
        death_signal: what the child gets when its parent dies.
        become: called in the child before the program starts, to change who it is.

    Raises:
        ServerError: the program cannot be started.
    """
    parent = os.getpid()
    prctl = _prctl()

    def prepare() -> None:
        if become is not None:
            become()
        if prctl is not None:  # last: a change of identity clears it
            prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    try:
        with log.open("ab") as output:
            child = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environ is None else dict(environ),
                cwd=cwd,
                pass_fds=tuple(keep),
                start_new_session=True,
                preexec_fn=prepare,
            )
    except (OSError, subprocess.SubprocessError) as error:
        raise ServerError(f"{argv[0]} cannot be started: {error}") from error
    if stdin is not None and child.stdin is not None:
        try:
            child.stdin.write(stdin)
            child.stdin.close()
        except BrokenPipeError:
            pass  # it ended before it read; its exit code tells
    return child


def wait_ready(
    child: subprocess.Popen[bytes],
    probe: Callable[[], Readiness],
    *,
    name: str,
    log: Path,
    seconds: float = 30.0,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until the probe says `ready`; a server that says it is loading is given ten minutes.

    Args:
        pause: waits between two probes; what it raises ends the waiting.

    Raises:
        ServerError: the child ended, or the deadline passed.
    """
    started = time.monotonic()
    limit = seconds
    while True:
        if child.poll() is not None:
            raise ServerError(f"{name} ended with code {child.returncode} before it was ready.\n{tail(log)}")
        seen = probe()
        if seen == "ready":
            return
        if seen == "loading":
            limit = LOADING_SECONDS
        if time.monotonic() - started > limit:
            raise ServerError(f"{name} was not ready after {limit:.0f} s.\n{tail(log)}")
        pause(POLL_SECONDS)


def end(child: subprocess.Popen[bytes], stop_signal: signal.Signals, seconds: float) -> bool:
    """Ask the child to end and wait; kill it when it does not. Returns whether it went by itself."""
    if child.poll() is None:
        child.send_signal(stop_signal)
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return False
    return True


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log file, with its name, for an error message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            text = file.read().decode(errors="replace")
    except OSError as error:
        return f"(no log: {error})"
    last = text.splitlines()[-lines:]
    return "\n".join([f"The end of {log}:", *[f"  {line}" for line in last]])


def _prctl() -> Callable[[int, int, int, int, int], int] | None:
    """The C library's prctl, looked up before the fork."""
    if sys.platform != "linux":
        return None
    function: Callable[[int, int, int, int, int], int] = ctypes.CDLL(None, use_errno=True).prctl
    return function
