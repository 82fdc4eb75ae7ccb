"""The shadow engine's process: compute everything a second time, compare, and keep the snapshots.

It moves only by entries that are published, so wherever it stands is a confirmed position and a snapshot of it is the
log's own state. Taking one holds up nothing but this process; trading never pauses for it.

It must never let a difference pass, and never delete the newest two snapshots that a start-up could use.
"""

import structlog

from exchange.effects.ports import Clock, Log, SnapshotStore
from exchange.roles import snapshots
from exchange.roles.memory import Memory
from exchange.roles.replica import BATCH, Replica
from exchange.roles.turns import WAIT_MS, Stopping, turn_until
from exchange.terms.stream import StreamId

_logger = structlog.get_logger(__name__)


class Standby:
    """The standby over its effects; `run` is the process's life.

    A snapshot is due after `every` commands, or after `seconds` if any command came; `keep` of them are kept.
    """

    def __init__(
        self,
        log: Log,
        store: SnapshotStore,
        clock: Clock,
        *,
        every: int,
        seconds: int,
        keep: int,
        batch: int = BATCH,
        wait_ms: int = WAIT_MS,
    ) -> None:
        self._log = log
        self._store = store
        self._clock = clock
        self._every = every
        self._period_ms = seconds * 1000
        self._keep = keep
        self._batch = batch
        self._wait_ms = wait_ms
        self._memory = Memory(log, store)
        self._commands = 0
        self._tried_ms: int | None = None
        self._position: StreamId | None = None

    async def run(self, stopping: Stopping) -> None:
        """Follow the log until `stopping()`.

        Raises:
            MustStop: see `stops`.
            EffectError: the log refused in a way that waiting does not cure.
        """
        await turn_until(stopping, self.turn, self._memory, self._clock)

    async def turn(self) -> None:
        """Recover if need be; then one batch of published entries, and a snapshot when it is due.

        Raises:
            MustStop: see `stops`.
            LogUnavailable: nothing was lost but time.
        """
        replica = await self._memory.replica()
        self._commands += await replica.catch_up(self._log, self._batch, self._wait_ms)
        if self._due(replica):
            await self._snapshot(replica)

    def _due(self, replica: Replica) -> bool:
        if not replica.machine.state.log_id or replica.pending or replica.confirmed.id == self._position:
            return False
        if self._tried_ms is None or self._commands >= self._every:
            return True
        return abs(self._clock.now_ms() - self._tried_ms) >= self._period_ms

    async def _snapshot(self, replica: Replica) -> None:
        self._commands = 0
        self._tried_ms = self._clock.now_ms()
        try:
            name = snapshots.take(replica.machine, self._store, self._tried_ms)
        except (OSError, snapshots.Damaged) as error:
            _logger.warning("no snapshot could be taken; it will be tried again", reason=str(error))
            return
        self._position = replica.confirmed.id
        deleted = await snapshots.prune(self._log, self._store, self._keep)
        _logger.info("snapshot taken", name=name, deleted=deleted)
