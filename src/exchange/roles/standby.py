"""The shadow engine's process: compute everything a second time, compare, keep the snapshots, and publish when nobody
else does.

Two moods. While it shadows, it moves only by entries that are published, and waits for *commands*: one that has no
entry for `takeover_ms`, or something that has been due for so long, means that whoever should publish has fallen
silent. Then it is an engine, on the memory that it has: it publishes at once what comes, until a batch is refused
because the log has gone on without it. Somebody else publishes then, and it shadows again. There is no lock and no
election: compare-and-append is all, and who loses a race has lost nothing.

In doubt (another result than its own, money that does not add up) it halts the markets, and stops.

It must never let a difference pass, never begin a log, nor take what it has computed itself for what is published.
"""

import structlog

from exchange.effects.ports import Aside, Clock, EffectError, Log, LogUnavailable, SnapshotStore
from exchange.engine.solvency import unbalanced
from exchange.roles.engine import Engine
from exchange.roles.halting import halt
from exchange.roles.keeper import Keeper
from exchange.roles.memory import Memory
from exchange.roles.replica import BATCH, Replica
from exchange.roles.stops import Diverged, Halted, Trimmed, Unsound
from exchange.roles.turns import WAIT_MS, Stopping, turn_until
from exchange.terms.stream import format_id

_logger = structlog.get_logger(__name__)


class Standby:
    """The standby over its effects; `run` is the process's life.

    `takeover_ms` is how long a command may be without a result. Snapshots are written `aside`; when they are due, and
    how many are kept, is `every`, `seconds` and `keep` of `Keeper`. `timers` is the clock by which the machine's time
    passes, where that is not the wall's.
    """

    def __init__(
        self,
        log: Log,
        store: SnapshotStore,
        clock: Clock,
        aside: Aside,
        *,
        takeover_ms: int,
        every: int,
        seconds: int,
        keep: int,
        batch: int = BATCH,
        wait_ms: int = WAIT_MS,
        timers: Clock | None = None,
    ) -> None:
        self._log = log
        self._clock = clock
        self._takeover_ms = takeover_ms
        self._batch = batch
        self._wait_ms = wait_ms
        self._memory = Memory(log, store, unbalanced)
        self._engine = Engine(log, store, timers or clock, batch=batch, wait_ms=wait_ms, memory=self._memory)
        self._keeper = Keeper(log, store, clock, aside, every=every, seconds=seconds, keep=keep)
        self._publishing = False
        self._followed = True
        """Whether the last look found something published."""
        self._silent_ms: int | None = None
        """Since when something has been owed and nothing came."""

    async def run(self, stopping: Stopping) -> None:
        """Follow the log until `stopping()`.

        Raises:
            MustStop: see `stops`; the markets were halted if what was followed is in doubt.
            EffectError: the log refused in a way that waiting does not cure.
        """
        try:
            await turn_until(stopping, self.turn, self._memory, self._clock)
        except (Diverged, Unsound, Halted) as doubt:
            if await self._is_doubt(doubt):
                await halt(self._log, self._clock, self._memory.markets(), str(doubt))
            raise
        await self._engine.finish()

    async def turn(self) -> None:
        """Recover if need be; then one batch of published or own results, and a snapshot when it is due.

        Raises:
            MustStop: see `stops`.
            LogUnavailable, LogFull: nothing was lost but time, and the mood.
        """
        if self._publishing:
            await self._publish()
        else:
            await self._shadow(await self._memory.replica())
        await self._keeper.turn(await self._memory.replica())

    async def _shadow(self, replica: Replica) -> None:
        """Follow what is published. Without anything owed it waits for that, and for nothing else."""
        if self._followed and await self._follow(replica, 0):
            return
        if not await self._owed(replica):
            self._silent_ms = None
            return
        now = self._clock.now_ms()
        if self._silent_ms is None:
            self._silent_ms = now
        left = max(0, self._takeover_ms - abs(now - self._silent_ms))
        if await self._follow(replica, min(left, self._wait_ms)) or left or not replica.machine.state.log_id:
            return
        self._silent_ms = None
        self._publishing = True
        _logger.warning("taking over: nobody publishes", position=format_id(replica.confirmed.id))

    async def _follow(self, replica: Replica, wait_ms: int) -> bool:
        """One batch of published entries; whether there were any."""
        self._followed = bool(await replica.catch_up(self._log, self._batch, wait_ms))
        if self._followed:
            self._silent_ms = None
        return self._followed

    async def _owed(self, replica: Replica) -> bool:
        """Whether somebody should be publishing; waits for a command if nobody should."""
        if replica.pending or await self._log.commands(replica.machine.head.id, 1, self._engine.patience(replica)):
            return True
        return self._engine.is_due(replica)

    async def _publish(self) -> None:
        """Be the engine for a batch."""
        try:
            alone = await self._engine.turn()
            if alone and self._keeper.due(await self._memory.replica()):
                alone = await self._engine.settle()
        except (LogUnavailable, Diverged):
            self._publishing = False  # look first who else is there
            raise
        self._publishing = alone
        if not alone:
            _logger.warning("somebody else publishes: shadowing again")

    async def _is_doubt(self, stop: Diverged | Unsound | Halted) -> bool:
        """Whether it is about what others have published: that no snapshot can be used is not, nor is a command that
        nobody could apply."""
        if not isinstance(stop, Halted):
            return not isinstance(stop, Trimmed)
        try:
            return await self._log.event(stop.id) is not None
        except EffectError:
            return True
