"""What a role may go on believing when the log was out of reach.

A server that was only slow or cut off still has every entry that was confirmed, so the replica stays good once it has
read what others published meanwhile. A server that was *restarted* may have lost its tail: then nothing in memory
counts, and the state is recovered from snapshot and log. The server's run id tells the two apart; it is noted before
anything is read.

Who slept through a trim is not wrong either: what is missing between its position and the log's first entry looks like
a difference, and is none. Only a snapshot gets it across.
"""

import structlog

from exchange.effects.ports import Log, SnapshotStore
from exchange.roles.recovery import recover
from exchange.roles.replica import Check, Replica
from exchange.roles.stops import WrongLog
from exchange.terms.stream import START, format_id

_logger = structlog.get_logger(__name__)


class Memory:
    """A role's replica of one log, given out only while it can be trusted."""

    def __init__(self, log: Log, store: SnapshotStore, check: Check | None = None) -> None:
        """`check` looks at every result from here on; see `Replica`."""
        self._log = log
        self._store = store
        self._check = check
        self._replica: Replica | None = None
        self._incarnation = ""
        self._log_id = ""
        self._in_doubt = False
        self._markets: list[str] = []

    def doubt(self) -> None:
        """The log could not be reached: look again before the replica is used."""
        self._in_doubt = True

    def forget(self) -> None:
        """The log no longer ends where the replica does, nor goes on from there: recover before the next use."""
        self._markets = self.markets()
        self._replica = None

    def markets(self) -> list[str]:
        """The markets that the replica knows, or that the last one knew."""
        return self._markets if self._replica is None else list(self._replica.machine.state.markets)

    async def trimmed(self) -> bool:
        """Whether the log no longer reaches back to where the replica was last found equal to it: the replica is then
        forgotten, and what looked like a difference is none.

        Raises:
            LogUnavailable: the replica is not to be used again, whichever it is.
        """
        replica = self._replica
        self.forget()
        if replica is None:
            return False
        first = await self._log.events(START, 1)
        return bool(first) and first[0].id > replica.confirmed.id

    async def replica(self) -> Replica:
        """The replica, recovered or looked after if need be.

        Raises:
            MustStop: see `stops`.
            LogUnavailable: try again later.
        """
        replica = self._replica
        if replica is not None and not replica.pending:
            self._log_id = replica.machine.state.log_id  # not with results pending: an open_log among them may be lost
        if replica is not None and not self._in_doubt:
            return replica
        incarnation = await self._log.incarnation()
        if replica is not None and incarnation == self._incarnation and await self._still_there(replica):
            while await replica.catch_up(self._log):
                pass
        else:
            self.forget()
            self._incarnation = incarnation
            replica = Replica(await recover(self._log, self._store), self._check)
            self._check_identity(replica.machine.state.log_id)
            _logger.info("recovered", head=format_id(replica.confirmed.id), incarnation=incarnation)
        self._replica = replica
        self._in_doubt = False
        return replica

    async def _still_there(self, replica: Replica) -> bool:
        confirmed = replica.confirmed
        if confirmed.id == START:
            return True
        entry = await self._log.event(confirmed.id)
        return entry is not None and entry.chain == confirmed.chain

    def _check_identity(self, log_id: str) -> None:
        if self._log_id and log_id != self._log_id:
            raise WrongLog(
                f"the streams held log {self._log_id} and now hold {f'log {log_id}' if log_id else 'none'}: they were "
                "emptied or exchanged while this ran. Restore the server's data."
            )
        self._log_id = log_id
