"""Roles beside the supervised ones that are born to die: engines, standbys and gateways that kill themselves at a
fail-point of the product, or are killed after a short life. There is always one more of each.
"""

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.e2e.nursery import Nursery

POINTS: Final = {
    "engine": ("after_read", "during_apply", "after_apply", "mid_publish", "after_publish"),
    "standby": ("snapshot_write", "before_rename", "after_rename", "after_apply", "mid_publish"),
    "api": ("before_append", "after_append"),
}
"""Where each role can be made to die. A standby gets to an engine's points only while it publishes."""

_LONGEST_LIFE_S: Final = {"engine": 1.5, "standby": 4.0, "api": 6.0}


@dataclass
class _Doomed:
    role: str
    fate: str
    pid: int
    until: float


class Beside:
    """Keeps the doomed roles coming."""

    def __init__(self, nursery: Nursery, environ: Mapping[str, str], dice: random.Random) -> None:
        self.kills: Counter[str] = Counter()
        """How many died of what."""
        self.oddities: list[str] = []
        """Ends that nobody brought about."""
        self._nursery = nursery
        self._environ = environ
        self._dice = dice
        self._running: list[_Doomed] = []

    def start(self, roles: Sequence[str]) -> None:
        """Begin."""
        self._running += [self._spawn(role) for role in roles]

    def look(self) -> None:
        """Kill who is due, and raise a new one for each that died."""
        for place, doomed in enumerate(self._running):
            status = self._nursery.ended(doomed.pid)
            if status is not None:
                self._note(doomed, status)
                self._running[place] = self._spawn(doomed.role)
            elif time.monotonic() > doomed.until:
                _kill(doomed)

    def stop(self) -> None:
        """Kill all that still run."""
        for doomed in self._running:
            _kill(doomed)
            self._note(doomed, self._nursery.wait(doomed.pid, 10))
        self._running = []

    def _note(self, doomed: _Doomed, status: int) -> None:
        if status == -signal.SIGKILL:
            self.kills[doomed.fate] += 1
        else:
            self.oddities.append(f"a {doomed.role} beside the others ended with {status} of its own accord")

    def _spawn(self, role: str) -> _Doomed:
        env = dict(self._environ)
        until = time.monotonic() + self._dice.uniform(0.2, _LONGEST_LIFE_S[role])
        fate = _any_moment(role)
        if self._dice.random() < 0.7:
            point, times = self._dice.choice(POINTS[role]), self._dice.randint(1, 40)
            if "rename" in point:
                times = 1
            fate = f"{role}, {point}"
            env["EXCHANGE_FAILPOINT"] = f"{point}:{times}"
            until += 2.0
        argv = [role, "--batch", str(self._dice.choice([3, 50, 500]))] if role == "engine" else [role]
        return _Doomed(role, fate, self._nursery.spawn(argv, env), until)


def _kill(doomed: _Doomed) -> None:
    doomed.fate = _any_moment(doomed.role)
    with contextlib.suppress(ProcessLookupError):
        os.kill(doomed.pid, signal.SIGKILL)


def _any_moment(role: str) -> str:
    return f"{role}, any moment"
