"""What is done to the exchange: a list of faults, how often each comes, and the hand that brings it.

The dice decide which fault comes, whom it hits, how long it lasts and how long everybody is left alone after it; so the
same seed gives the same list. Faults of processes may overlap with a pause that lasts. Faults of one server never
overlap with another of the same server, so that each is felt for itself.
"""

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Final, NamedTuple

import psutil

from exchange.supervisor.children import STEADY_SECONDS
from tests.chaos.venue import SERVERS, Venue

KILL: Final = "kill -9"
PAUSE: Final = "pause"
POWER: Final = "power cut"
FULL: Final = "disk full"
AWAY: Final = "away"


class Fault(NamedTuple):
    """One fault: of whom, what, how long it lasts (0: an instant), a number from 0 to 1 that picks among equals, and
    how long all are left alone afterwards (seconds)."""

    role: str
    what: str
    lasts: float
    which: float
    rest: float

    @property
    def name(self) -> str:
        """For the table."""
        return f"{self.what}, {self.role}"


WEIGHTS: Final[dict[tuple[str, str], int]] = {
    ("engine", KILL): 10,
    ("standby", KILL): 6,
    ("gateway", KILL): 8,
    ("projector", KILL): 6,
    ("journal", KILL): 6,
    ("streams", KILL): 4,
    ("database", KILL): 1,
    ("engine", PAUSE): 6,
    ("standby", PAUSE): 4,
    ("gateway", PAUSE): 3,
    ("projector", PAUSE): 2,
    ("journal", PAUSE): 2,
    ("streams", PAUSE): 2,
    ("streams", POWER): 9,
    ("streams", FULL): 1,
    ("database", AWAY): 2,
}
"""How often, in comparison."""


def schedule(seed: int, pace: float, *, long_pauses: bool) -> Iterator[Fault]:
    """Faults without end. `pace` is the mean rest between two, in seconds."""
    dice = random.Random(seed)
    while True:
        ((role, what),) = dice.choices(list(WEIGHTS), list(WEIGHTS.values()))
        long = dice.random() < 0.1
        lasts = 0.0
        if what in {PAUSE, AWAY}:
            lasts = dice.uniform(5.0, 30.0 if role != "streams" else 12.0) if long else dice.uniform(0.05, 2.0)
            lasts = lasts if long_pauses else min(lasts, 2.0)
        elif what == FULL:
            lasts = dice.uniform(0.5, 3.0)
        elif what == POWER:
            lasts = dice.random() if dice.random() < 0.5 else 0.0  # of the unsynced tail, so much is kept
        yield Fault(role, what, lasts, dice.random(), dice.uniform(0.0, 2 * pace))


class Hand:
    """Brings faults about, counts them, and undoes all that can be undone."""

    def __init__(self, venue: Venue) -> None:
        self.kills: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        self._venue = venue
        self._stopped: dict[int, psutil.Process] = {}
        self._lasting: set[asyncio.Task[None]] = set()
        self._busy: set[str] = set()

    async def bring(self, fault: Fault) -> None:
        """One fault; those that last go on beside whatever comes next."""
        if fault.role in self._busy or (fault.role in SERVERS and self._young(fault.role)):
            return
        if fault.what == KILL:
            self._kill(fault)
        elif fault.what == POWER:
            await self._cut_power(fault)
        elif fault.what == FULL:
            self._last(fault, self._fill_disk(fault))
        elif targets := self._targets(fault):
            self._last(fault, self._pause(fault, targets))

    async def undo(self) -> None:
        """Peace: whoever was paused goes on, and there is room on the disk."""
        for task in self._lasting:
            task.cancel()
        await asyncio.gather(*self._lasting, return_exceptions=True)
        self._lasting.clear()
        self._busy.clear()
        self._go_on(list(self._stopped.values()))
        self._venue.power.free_disk()

    def _last(self, fault: Fault, life: Coroutine[None, None, None]) -> None:
        self._busy.add(fault.role)
        task = asyncio.create_task(life)
        self._lasting.add(task)

        def over(_: object) -> None:
            self._lasting.discard(task)
            self._busy.discard(fault.role)

        task.add_done_callback(over)

    def _targets(self, fault: Fault) -> list[psutil.Process]:
        """One of a role's processes; of the database, it and all below it."""
        found = self._venue.found(fault.role)
        if not found:
            return []
        chosen = found[int(fault.which * len(found))]
        return self._venue.family(chosen) if fault.role == "database" else [chosen]

    def _young(self, role: str) -> bool:
        """Whether a role's process was started just now. Whoever is killed again and again is started again later and
        later; without servers nobody would have anything to lose."""
        return any(time.time() - process.create_time() < STEADY_SECONDS for process in self._venue.found(role))

    def _kill(self, fault: Fault) -> None:
        for process in self._targets(fault)[:1]:
            with suppress(psutil.Error):
                process.kill()
                self.kills[fault.name] += 1

    async def _cut_power(self, fault: Fault) -> None:
        power = self._venue.power
        targets = self._targets(fault)
        if not targets:
            return
        power.cut(fault.lasts)
        self._kill(fault)
        await _until(lambda: not power.is_cut(), 20.0)

    async def _fill_disk(self, fault: Fault) -> None:
        power = self._venue.power
        self.others[fault.name] += 1
        power.fill_disk()
        try:
            await asyncio.sleep(fault.lasts)
        finally:
            power.free_disk()

    async def _pause(self, fault: Fault, targets: list[psutil.Process]) -> None:
        self.others[fault.name] += 1
        for process in targets:
            with suppress(psutil.Error):
                self._stopped[process.pid] = process
                process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(fault.lasts)
        finally:
            self._go_on(targets)

    def _go_on(self, processes: list[psutil.Process]) -> None:
        for process in processes:
            self._stopped.pop(process.pid, None)
            with suppress(psutil.Error):
                process.send_signal(signal.SIGCONT)


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110 - there is no event to wait on
        await asyncio.sleep(0.02)
