"""When a snapshot is due, who writes it, and which older ones go.

The writing is done aside, on the memory as it is when it begins: the role goes on following, and publishing, while the
file grows. Before a line is written the whole state's money is added up: a state that is not sound is no state to come
back to.

It must never begin at a position that the log has not confirmed, nor delete anything before a newer snapshot is known
to be whole, nor ever the newest two that a start-up could use.
"""

from collections.abc import Callable

import structlog

from exchange.effects.ports import Aside, AsideFailed, Clock, Log, SnapshotStore
from exchange.engine.solvency import unsound
from exchange.roles import snapshots
from exchange.roles.replica import Replica
from exchange.roles.stops import Unsound
from exchange.terms.stream import Head, format_id

_logger = structlog.get_logger(__name__)


class Keeper:
    """Keeps the snapshots of a role's replica.

    One is due at the first chance, after `every` entries, and after `seconds` if there was any entry; `keep` of them
    are kept.
    """

    def __init__(
        self, log: Log, store: SnapshotStore, clock: Clock, aside: Aside, *, every: int, seconds: int, keep: int
    ) -> None:
        self._log = log
        self._store = store
        self._clock = clock
        self._aside = aside
        self._every = every
        self._period_ms = seconds * 1000
        self._keep = keep
        self._entries = 0
        self._tried_ms: int | None = None
        self._last: Head | None = None
        """Of the newest snapshot taken here."""
        self._under_way: Head | None = None

    def due(self, replica: Replica) -> bool:
        """Whether a snapshot should be taken as soon as nothing is pending."""
        if self._under_way is not None or not replica.machine.state.log_id or replica.confirmed == self._last:
            return False
        if replica.entries < self._entries:  # it is another one, which has begun to count anew
            self._entries = 0
        if self._tried_ms is None or replica.entries - self._entries >= self._every:
            return True
        return abs(self._clock.now_ms() - self._tried_ms) >= self._period_ms

    async def turn(self, replica: Replica) -> None:
        """Begin what is due, if nothing is pending; hear of what is under way.

        Raises:
            Unsound: the state that was to be written does not add up.
            LogUnavailable: the snapshot was taken, but older ones are still there.
        """
        if self.due(replica) and not replica.pending:
            self._begin(replica)
        if self._under_way is not None:
            await self._hear(self._under_way)

    def _begin(self, replica: Replica) -> None:
        self._entries = replica.entries
        self._tried_ms = self._clock.now_ms()
        if self._aside.begin(_writing(replica, self._store, self._tried_ms)):
            self._under_way = replica.confirmed

    async def _hear(self, head: Head) -> None:
        try:
            breach = self._aside.ended()
        except AsideFailed as failed:
            self._under_way = None
            _logger.warning("no snapshot could be taken; it will be tried again", reason=str(failed))
            return
        if breach is None:
            return
        self._under_way = None
        if breach:
            raise Unsound(f"the state at {format_id(head.id)} is not sound: {breach}. No snapshot was written of it.")
        self._last = head
        deleted = await snapshots.prune(self._log, self._store, self._keep)
        _logger.info("snapshot taken", name=snapshots.name_of(head.id), deleted=deleted)


def _writing(replica: Replica, store: SnapshotStore, created: int) -> Callable[[], str]:
    """The work: what is wrong with the state, or, when that is nothing, a snapshot of it."""
    machine = replica.machine

    def work() -> str:
        breach = unsound(machine.state)
        if not breach:
            snapshots.take(machine, store, created)
        return breach

    return work
