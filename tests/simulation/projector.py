"""A projection: balances and trades folded from the event stream into a simulated database.

Rows and position, with the chain hash there, are one transaction; the consumer group wakes the projector and tells its
lag, nothing more. A position whose entry is gone from the log, or has another hash, means that the log lost its tail:
the rows are then thrown away and folded again from the start.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from exchange.effects.ports import Clock, LogFull, LogUnavailable
from exchange.terms.stream import START, EventEntry, Head, genesis_head
from tests.simulation.log import SimLog
from tests.simulation.scheduler import Process

BATCH = 16


class Rows:
    """What the projection shows: balances as `[available, locked]` by account and asset, and the trades' numbers."""

    def __init__(self) -> None:
        self.balances: dict[tuple[int, str], list[int]] = {}
        self.trades: list[int] = []

    def copy(self) -> "Rows":
        """The same rows, to be changed apart."""
        other = Rows()
        other.balances = {key: list(value) for key, value in self.balances.items()}
        other.trades = list(self.trades)
        return other

    def fold(self, entry: EventEntry) -> None:
        """Take in one entry."""
        body: dict[str, Any] = orjson.loads(entry.payload)
        for account, asset, available, locked in body["postings"]:
            balance = self.balances.setdefault((account, asset), [0, 0])
            balance[0] += int(available)
            balance[1] += int(locked)
        self.trades += [event["trade"] for event in body["events"] if event["type"] == "trade"]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and self.balances == other.balances and self.trades == other.trades

    __hash__ = None  # type: ignore[assignment]


class Database:
    """What has been committed; it outlives the projector. A commit takes a while, and is whole or not at all."""

    def __init__(self) -> None:
        self.rows = Rows()
        self.position = genesis_head()
        self.rebuilt = 0
        """How often a projector found its rows to be of a log that is no more."""
        self.down = False


class Connection:
    """One process's connection to the database.

    Raises:
        ConnectionError: from each method, while the database is away; a commit may then have happened or not.
    """

    def __init__(self, database: Database, process: Process) -> None:
        self._database = database
        self._process = process

    async def _travel(self) -> None:
        self._process.check()
        await self._process.scheduler.sleep(0)
        if self._database.down:
            raise ConnectionError("the database is away")

    async def load(self) -> tuple[Rows, Head]:
        """The committed rows and position."""
        await self._travel()
        return self._database.rows.copy(), self._database.position

    async def commit(self, rows: Rows | None, position: Head | None) -> None:
        """Commit rows, a position, or both in one transaction."""
        await self._travel()
        if rows is not None:
            self._database.rows = rows.copy()
        if position is not None:
            self._database.position = position
        await self._travel()


class Projector:
    """The projector's loop over one process's connections."""

    def __init__(self, log: SimLog, connection: Connection, clock: Clock, database: Database) -> None:
        self._log = log
        self._connection = connection
        self._clock = clock
        self._database = database
        self._rows = Rows()
        self._position = genesis_head()

    async def run(self) -> None:
        """Follow the log for ever, starting over from what is committed whenever the world did not do as asked."""
        while True:
            try:
                await self._follow()
            except (LogUnavailable, LogFull, ConnectionError):
                await self._clock.sleep(0.05)

    async def _follow(self) -> None:
        self._rows, self._position = await self._connection.load()
        if not await self._anchored():
            self._database.rebuilt += 1
            self._rows, self._position = Rows(), genesis_head()
            await self._commit()
        await self._acknowledge_all(await self._log.read_pending())
        while True:
            await self._acknowledge_all(await self._log.read_group(BATCH, 500))

    async def _anchored(self) -> bool:
        """Whether the log still holds, unchanged, the entry that the rows end on."""
        if self._position.id == START:
            return True
        entry = await self._log.event(self._position.id)
        return entry is not None and entry.chain == self._position.chain

    async def _acknowledge_all(self, given: Sequence[EventEntry]) -> None:
        """Fold all that follows the committed position, commit, and only then acknowledge what the group has given.

        What is folded is read by position: an entry may have been given to a consumer that is dead by now, after this
        one asked for what was pending.
        """
        while entries := await self._log.events(self._position.id, BATCH):
            for entry in entries:
                self._rows.fold(entry)
                self._position = Head(entry.id, entry.chain)
            await self._commit()
        if given:
            await self._log.acknowledge([entry.id for entry in given])

    async def _commit(self) -> None:
        """Rows and position in one transaction."""
        await self._connection.commit(self._rows, self._position)
