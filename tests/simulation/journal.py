"""The journal: archives what is published, and trims the streams behind everybody's needs.

The rule is the real one (`projections.journal.trimming`), and so is the look at the snapshots (`roles.usable`); the
archive is simulated, committed segment by segment, and outlives everybody. Between asking where everybody is and
trimming there is time for anything to happen.
"""

from typing import TYPE_CHECKING

from exchange.effects.ports import LogFull, LogUnavailable
from exchange.projections.journal import trimming
from exchange.roles.usable import UsableSnapshots
from exchange.terms.stream import START, EventEntry, StreamId
from tests.simulation.actors import Actor
from tests.simulation.clock import SimClock
from tests.simulation.disk import SimSnapshots
from tests.simulation.log import SimLog
from tests.simulation.scheduler import Process

if TYPE_CHECKING:
    pass

SEGMENT = 8
"""The most entries in a segment."""
KEPT = 3
"""So many of the newest entries stay in the streams."""


class JournalActor(Actor):
    """The journal's process."""

    def start(self, process: Process) -> None:
        """See `Actor`."""
        self._log = SimLog(self.world.server, process)
        self._usable = UsableSnapshots(SimSnapshots(self.world.disk, process))
        process.spawn(self._follow(SimClock(process)), self.ended)

    async def _follow(self, clock: SimClock) -> None:
        while True:
            try:
                await self._turn()
            except (LogUnavailable, LogFull):
                await clock.sleep(0.03)

    async def _turn(self) -> None:
        archive = self.world.archive
        entries = await self._log.events(archive[-1].id if archive else START, SEGMENT, 200)
        await self.process.scheduler.sleep(0)  # the segment travels, and is committed whole or not at all
        archive.extend(entries)
        horizon = trimming.horizon(await self.needs(archive))
        if horizon.at > START and not self.world.server.trimmed(horizon.at):
            await self._log.trim(horizon.at)
            self.world.trimmed(horizon.at)

    async def needs(self, archive: list[EventEntry]) -> trimming.Needs:
        """Where everybody is."""
        newest = await self._usable.newest(self._log, trimming.SNAPSHOTS)
        return trimming.Needs(
            archived=archive[-1].id if archive else START,
            kept=archive[-KEPT].id if len(archive) >= KEPT else START,
            snapshots=[head.id for head in newest],
            groups={},
            projections=await self.projections(),
        )

    async def projections(self) -> dict[str, StreamId]:
        """How far each has committed."""
        await self.process.scheduler.sleep(0)
        return {"rows": self.world.database.position.id}
