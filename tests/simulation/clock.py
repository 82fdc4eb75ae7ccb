"""The clock that roles may look at: virtual time, and a wall clock that somebody keeps setting."""

from exchange.effects.ports import Clock
from tests.simulation.scheduler import Process
from tests.simulation.server import EPOCH_MS


class SimClock(Clock):
    """The port `Clock`, as one process sees it."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.offset_ms = 0

    def now_ms(self) -> int:
        """Milliseconds since the epoch, as far as this machine knows."""
        self._process.check()
        return EPOCH_MS + self._process.scheduler.now_us // 1000 + self.offset_ms

    async def sleep(self, seconds: float) -> None:
        """Wait; time that passes here is virtual."""
        self._process.check()
        await self._process.scheduler.sleep(seconds)
