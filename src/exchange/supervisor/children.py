"""Keeps processes alive: what dies is started again, soon at first, then more and more patiently.

A process that exits with code 3 refuses to run, and starting it again would not help: it stays down, and the screen
says why, again and again, since a standby that found a difference must not be overlooked. Everything else that ends
without having been asked is a crash. Servers and roles are kept in the same way.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from exchange.compiled import REFUSAL
from exchange.effects.role_states import RoleState
from exchange.embedded.process import ServerError, spawn
from exchange.supervisor.signals import Signals

FIRST_DELAY = 0.1
LONGEST_DELAY = 10.0
LONGEST_HALT = 1.0
"""The longest delay of what nobody trades without: the stream server."""
STEADY_SECONDS = 10.0
"""After so long a life a crash counts as the first one again."""
REMIND_SECONDS = 60.0
"""How often the screen says again that something refuses to run."""


class Runnable(Protocol):
    """What can be kept alive."""

    name: str
    child: subprocess.Popen[bytes] | None

    @property
    def log(self) -> Path:
        """Where its output goes."""

    def start(self) -> None:
        """Start it.

        Raises:
            ServerError: it cannot be started.
        """


class Role:
    """A role of the exchange as a process of its own."""

    def __init__(self, name: str, argv: Sequence[str], environ: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self.child: subprocess.Popen[bytes] | None = None
        self._argv = argv
        self._environ = environ

    def start(self) -> None:
        """Start the process; it says itself, through the gateway's health, when it is ready."""
        self.child = spawn(self._argv, log=self.log, environ=self._environ)


@dataclass
class _Kept:
    what: Runnable
    started: float
    delay: float = FIRST_DELAY
    longest: float = LONGEST_DELAY
    again_at: float | None = None
    crashes: int = 0
    refused: bool = False
    reason: str = ""
    since_ms: int = 0
    remind_at: float = 0.0

    def pid(self) -> int:
        return self.what.child.pid if self.what.child else 0

    def told(self) -> RoleState:
        state = RoleState(self.what.name, self.pid(), "runs", self.since_ms)
        if self.refused or self.again_at is not None:
            return replace(state, state="refused" if self.refused else "crashed", reason=self.reason)
        return state


class Refusal(Exception):
    """A process refuses to run, or crashes again and again; the message says why."""


class Children:
    """All processes of one exchange."""

    def __init__(self, signals: Signals, say: Callable[[str], None]) -> None:
        self._signals = signals
        self._say = say
        self._kept: list[_Kept] = []
        self.changed = False
        """Whether something started or ended since this was last put back."""

    def start(self, what: Runnable, longest: float = LONGEST_DELAY) -> None:
        """Start one and keep it; after crashes it is down for at most `longest` seconds each.

        Raises:
            ServerError: it cannot be started.
        """
        what.start()
        self._kept.append(_Kept(what, time.monotonic(), longest=longest, since_ms=_now_ms()))
        self.changed = True

    def look(self) -> float:
        """Notice what ended, start again what is due; gives the seconds until the next one is due."""
        now = time.monotonic()
        for kept in self._kept:
            if kept.again_at is not None:
                if kept.again_at <= now:
                    self._start_again(kept)
            elif kept.refused:
                self._remind(kept, now)
            elif kept.what.child is not None and kept.what.child.poll() is not None:
                self._ended(kept, kept.what.child.returncode)
        due = [kept.again_at for kept in self._kept if kept.again_at is not None]
        return max(0.0, min(due) - time.monotonic()) if due else 1.0

    def refuse_failing(self, crashes: int) -> None:
        """See that, while everything starts, nothing refuses and nothing crashes again and again.

        Raises:
            Refusal: something does.
        """
        for kept in self._kept:
            if kept.refused or kept.crashes >= crashes:
                how = "refuses to run" if kept.refused else f"crashed {kept.crashes} times"
                raise Refusal(f"{kept.what.name} {how}: {last_words(kept.what.log)} (log: {kept.what.log})")

    def stop(self, names: Sequence[str], stop_signal: signal.Signals, seconds: float) -> None:
        """Ask some to end, wait for them, and kill those that do not, or all at a second request to stop."""
        going = [kept for kept in self._kept if kept.what.name in names]
        self._kept = [kept for kept in self._kept if kept not in going]
        alive = [kept.what for kept in going if kept.what.child is not None and kept.what.child.poll() is None]
        for what in alive:
            _signal(what, stop_signal)
        until = time.monotonic() + seconds
        while alive and time.monotonic() < until and self._signals.stops < 2:
            self._signals.wait(0.05)
            alive = [what for what in alive if what.child is not None and what.child.poll() is None]
        for what in alive:
            self._say(f"{what.name} did not stop by itself: killed")
            _signal(what, signal.SIGKILL)
            if what.child is not None:
                what.child.wait()

    def states(self) -> list[RoleState]:
        """What is known of each that is kept, in the order of their start."""
        return [kept.told() for kept in self._kept]

    def names(self) -> list[str]:
        """Those that are kept, in the order of their start."""
        return [kept.what.name for kept in self._kept]

    def _ended(self, kept: _Kept, code: int) -> None:
        now = time.monotonic()
        lived = now - kept.started
        kept.reason = last_words(kept.what.log)
        kept.since_ms = _now_ms()
        self.changed = True
        if code == REFUSAL:
            kept.refused = True
            kept.remind_at = now + REMIND_SECONDS
            self._say(f"!!! {kept.what.name} refuses to run and stays down: {kept.reason}")
            self._say(f"!!! its log: {kept.what.log}; what it means and what to do: `exchange doctor`")
            return
        if lived >= STEADY_SECONDS:
            kept.delay, kept.crashes = FIRST_DELAY, 0
        kept.crashes += 1
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        self._say(f"{kept.what.name} {how} after {lived:.1f} s: starting it again in {kept.delay:.1f} s")
        self._schedule(kept)

    def _remind(self, kept: _Kept, now: float) -> None:
        if now >= kept.remind_at:
            kept.remind_at = now + REMIND_SECONDS
            self._say(f"!!! {kept.what.name} is still down, it refuses to run: {kept.reason}")

    def _start_again(self, kept: _Kept) -> None:
        kept.again_at = None
        try:
            kept.what.start()
        except ServerError as error:
            self._say(f"{kept.what.name} cannot be started: {error}")
            kept.crashes += 1
            self._schedule(kept)
            return
        kept.started = time.monotonic()
        kept.since_ms = _now_ms()
        self.changed = True
        self._say(f"{kept.what.name} runs again (process {kept.pid()})")

    def _schedule(self, kept: _Kept) -> None:
        kept.again_at = time.monotonic() + kept.delay
        kept.delay = min(2 * kept.delay, kept.longest)


def last_words(log: Path) -> str:
    """The last line that a process wrote for people: not one of its JSON lines, unless there are only those."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16384))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    except OSError:
        return "no log"
    plain = [line for line in lines if not line.startswith("{")]
    return (plain or lines or ["it said nothing"])[-1]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _signal(what: Runnable, number: signal.Signals) -> None:
    if what.child is not None:
        what.child.send_signal(number)
