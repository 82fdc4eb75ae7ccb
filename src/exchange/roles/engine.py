"""The matching engine's process: read a batch of commands, apply it, publish the results as one.

No lock says who the engine is. A batch is added only if the event stream still ends where this machine built on; who
was slower reads what the other published, finds it equal to its own results, and goes on from there. So two engines may
run at once, and one that was paused for a minute does no harm.

While the server writes one batch, the next is computed; it is sent when the answer to the first is there, and not
before. A turn leaves its publication under way, and the next turn hears what came of it; only a small batch has nothing
to gain from that. So a batch is what came in while the one before was computed and written: one command when little
goes on, thousands when the disk is slow.

Time passes for the machine only with commands. When none come and something is due in it (an order's time, a switch,
activations that were too many for one command), an engine appends a `tick` as any client might; a second engine's tick
does no harm.

A standby that takes over is this very loop on the standby's memory, for as long as nobody else publishes: `turn` tells.

It must never publish a result that it did not compute on top of exactly the log's last entry, nor go on after one that
differs from its own.
"""

from collections.abc import Awaitable, Callable

import structlog

from exchange.commands.codec import encode
from exchange.commands.types import Tick
from exchange.effects.failpoints import reached
from exchange.effects.ports import Clock, EffectError, Fenced, Log, LogFull, LogUnavailable, SnapshotStore
from exchange.roles import genesis
from exchange.roles.memory import Memory
from exchange.roles.replica import BATCH, Replica
from exchange.roles.stops import Halted
from exchange.roles.turns import WAIT_MS, Stopping, turn_until
from exchange.terms.stream import format_id

OVERLAP_FROM = 50
"""After a smaller batch than this, an engine hears what came of it before it reads on."""

TICK_MS = 20
"""The shortest time between two ticks."""

_TICK = encode(Tick())

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
        overlap_from: int = OVERLAP_FROM,
        new_log_id: Callable[[], str] = genesis.random_log_id,
        memory: Memory | None = None,
    ) -> None:
        """`memory` is a role's that this loop works for; an engine has its own."""
        self._log = log
        self._store = store
        self._clock = clock
        self._batch = batch
        self._wait_ms = wait_ms
        self._overlap_from = overlap_from
        self._new_log_id = new_log_id
        self._memory = Memory(log, store) if memory is None else memory
        self._sent = 0
        """How many of the pending entries are under way."""
        self._answer: Awaitable[None] | None = None
        """What became of them."""

    async def run(self, stopping: Stopping) -> None:
        """Serve the log until `stopping()`.

        Raises:
            MustStop: see `stops`.
            EffectError: the log refused in a way that waiting does not cure.
        """
        await turn_until(stopping, self.turn, self._memory, self._clock)
        await self.finish()

    async def finish(self) -> None:
        """Settle, if the log lets it: for the end of a life.

        Raises:
            MustStop: see `stops`.
        """
        try:
            await self.settle()
        except (LogUnavailable, LogFull) as error:
            _logger.warning("stopped without an answer to the last publication", reason=str(error))

    async def settle(self) -> bool:
        """Hear what became of the publication that the last turn left under way, if it did; false when it was refused
        because the log had gone on.

        Raises:
            MustStop: see `stops`.
            LogUnavailable, LogFull: the batch stays pending.
        """
        return self._answer is None or await self._hear(await self._memory.replica())

    async def turn(self) -> bool:
        """Recover if need be; then one batch, or up to `wait_ms` without one.

        Returns:
            Whether nobody else is known to publish: false when a batch was refused because the log had gone on.

        Raises:
            MustStop: see `stops`.
            LogUnavailable, LogFull: what is pending stays so and is offered again.
        """
        try:
            return await self._turn(await self._memory.replica())
        except EffectError:
            self._answer = None  # the log will be asked what became of it
            raise

    async def _turn(self, replica: Replica) -> bool:
        opened = bool(replica.machine.state.log_id)
        alone = True
        halted = None
        if self._answer is not None or not replica.pending:
            halted = await self._compute(replica)
        if self._answer is not None and not await self._hear(replica):
            return False  # a broken machine breaks again, once what was whole before is offered again
        if replica.pending:
            reached("after_apply")
            self._sent = len(replica.pending)
            self._answer = self._log.publish(replica.confirmed, list(replica.pending))
            if halted is not None or not opened or self._sent < self._overlap_from:
                alone = await self._hear(replica)
        if halted is not None:
            raise halted
        return alone

    async def _compute(self, replica: Replica) -> Halted | None:
        """Apply what has come in. It waits for something only while nothing is under way."""
        if not replica.machine.state.log_id:
            await genesis.open_log(self._log, self._store, replica.machine, self._new_log_id)
        wait_ms = self.patience(replica) if self._answer is None else 0
        commands = await self._log.commands(replica.machine.head.id, self._batch, wait_ms)
        reached("after_read")
        if not commands and self._answer is None and self.is_due(replica):
            await self._log.append(_TICK)
        try:
            for command in commands:
                replica.compute(command)
                reached("during_apply")
        except Halted as halted:
            return halted
        return None

    def patience(self, replica: Replica) -> int:
        """How long to wait for commands: not beyond what is due, and at least a moment, since the server's clock, which
        commands are dated by, may be behind this one."""
        due_ms = replica.machine.state.due_ms()
        if due_ms < 0:
            return self._wait_ms
        return min(max(due_ms - self._clock.now_ms(), TICK_MS), self._wait_ms)

    def is_due(self, replica: Replica) -> bool:
        """Whether something should happen now although nobody asks for it."""
        due_ms = replica.machine.state.due_ms()
        return 0 <= due_ms <= self._clock.now_ms()

    async def _hear(self, replica: Replica) -> bool:
        """Hear what became of the publication under way; whether it was added."""
        answer, self._answer = self._answer, None
        try:
            if answer is not None:
                await answer
        except Fenced:
            if not await replica.catch_up(self._log):
                self._memory.forget()
                _logger.warning("the log does not go on from here", position=format_id(replica.confirmed.id))
            return False
        replica.published(self._sent)
        reached("after_publish")
        return True
