"""The matching engine's process: read a batch of commands, apply it, publish the results as one.

No lock says who the engine is. A batch is added only if the event stream still ends where this machine built on; who
was slower reads what the other published, finds it equal to its own results, and goes on from there. So two engines may
run at once, and one that was paused for a minute does no harm.

It must never publish a result that it did not compute on top of exactly the log's last entry, nor go on after one that
differs from its own.
"""

from collections.abc import Callable

import structlog

from exchange.effects.failpoints import reached
from exchange.effects.ports import Clock, Fenced, Log, SnapshotStore
from exchange.roles import genesis
from exchange.roles.memory import Memory
from exchange.roles.replica import BATCH, Replica
from exchange.roles.stops import Halted
from exchange.roles.turns import WAIT_MS, Stopping, turn_until
from exchange.terms.stream import format_id

_logger = structlog.get_logger(__name__)


class Engine:
    """The engine over its effects; `run` is the process's life."""

    def __init__(
        self,
        log: Log,
        store: SnapshotStore,
        clock: Clock,
        *,
        batch: int = BATCH,
        wait_ms: int = WAIT_MS,
        new_log_id: Callable[[], str] = genesis.random_log_id,
    ) -> None:
        self._log = log
        self._store = store
        self._clock = clock
        self._batch = batch
        self._wait_ms = wait_ms
        self._new_log_id = new_log_id
        self._memory = Memory(log, store)

    async def run(self, stopping: Stopping) -> None:
        """Serve the log until `stopping()`.

        Raises:
            MustStop: see `stops`.
            EffectError: the log refused in a way that waiting does not cure.
        """
        await turn_until(stopping, self.turn, self._memory, self._clock)

    async def turn(self) -> None:
        """Recover if need be; then one batch, or up to `wait_ms` without one.

        Raises:
            MustStop: see `stops`.
            LogUnavailable, LogFull: the batch stays pending and is offered again.
        """
        replica = await self._memory.replica()
        halted = None
        if not replica.pending:
            if not replica.machine.state.log_id:
                await genesis.open_log(self._log, self._store, replica.machine, self._new_log_id)
            commands = await self._log.commands(replica.machine.head.id, self._batch, self._wait_ms)
            reached("after_read")
            try:
                for command in commands:
                    replica.compute(command)
                    reached("during_apply")
            except Halted as error:
                halted = error
        if replica.pending:
            reached("after_apply")
            await self._publish(replica)
            reached("after_publish")
        if halted is not None:
            raise halted

    async def _publish(self, replica: Replica) -> None:
        try:
            await self._log.publish(replica.confirmed, list(replica.pending))
        except Fenced:
            found = await replica.catch_up(self._log)
            if not found:
                self._memory.forget()
                _logger.warning("the log does not go on from here", position=format_id(replica.confirmed.id))
        else:
            replica.published()
