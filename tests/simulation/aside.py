"""Work beside a role: done at once, on the memory as it is, and heard of later.

The child is a process of its own. It may be killed in mid-write while its parent lives on, or together with it; and the
parent may be gone before it hears how the work ended.
"""

from collections.abc import Callable

from exchange.effects.ports import Aside, AsideFailed
from tests.simulation.disk import SimSnapshots
from tests.simulation.scheduler import Killed, Process

LONGEST_US = 60_000
ALONE = 0.6
"""How often a child that dies dies alone."""


class SimAside(Aside):
    """The port `Aside` of one process, whose work uses `store`."""

    def __init__(self, process: Process, store: SimSnapshots) -> None:
        self._process = process
        self._store = store
        self._ends_us = -1
        self._gave = ""
        self._failed = ""

    def begin(self, work: Callable[[], str]) -> bool:
        """See `ports.Aside`."""
        self._process.check()
        if self._ends_us >= 0:
            return False
        scheduler = self._process.scheduler
        child = Process(scheduler, f"{self._process.name}'s child", self._process.incarnation)
        self._store.belongs_to(child)
        self._gave = self._failed = ""
        try:
            self._gave = work()
        except Killed:
            if scheduler.random.random() > ALONE:
                self._process.kill()
                raise
            self._failed = "the child was killed by signal 9"
        except Exception as error:  # noqa: BLE001 - a child tells of any
            self._failed = f"{type(error).__name__}: {error}"
        finally:
            self._store.belongs_to(self._process)
        self._ends_us = scheduler.now_us + int(scheduler.random.random() * LONGEST_US)
        return True

    def ended(self) -> str | None:
        """See `ports.Aside`."""
        self._process.check()
        if self._ends_us < 0 or self._process.scheduler.now_us < self._ends_us:
            return None
        self._ends_us = -1
        if self._failed:
            raise AsideFailed(self._failed)
        return self._gave
