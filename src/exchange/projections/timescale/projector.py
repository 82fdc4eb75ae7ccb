"""The projection's life: read on from the position, fold, commit rows and position together.

The position in the database is the truth. Each batch is read from there, and the position's entry is seen to be in the
log with its chain after the read: so each batch follows the one before, and an entry is in the tables exactly when it
is at or below the position. Whenever anything was out of reach, the projector begins again from the database. It must
never take anybody else's word for what it has read, and never apply a batch on top of anything but the entry before it.

Rows that end before what the streams still hold (a rebuild, a database from a backup) are carried on from the journal,
until the streams have the position's entry.

The consumer group is moved to the position after each commit, for others to see. Neither database nor log being away
stops the projector, nor does it stop anybody.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from exchange.effects.failpoints import reached
from exchange.effects.ports import Log
from exchange.events.codec import UnreadableEvent
from exchange.events.tail import TailLost, read_on
from exchange.projections.journal.history import History
from exchange.projections.journal.stores import SegmentSource
from exchange.projections.timescale import anchor
from exchange.projections.timescale.anchor import CannotProject
from exchange.projections.timescale.database import DatabaseUnavailable
from exchange.projections.timescale.rows import Batch, Unstorable
from exchange.projections.timescale.writer import Overtaken
from exchange.projections.turns import turn_until
from exchange.terms.stream import START, CommandEntry, EventEntry, Head, StreamId, format_id, genesis_head

_logger = structlog.get_logger(__name__)

BATCH: Final = 1_000
"""The most entries in one transaction."""
WAIT_MS: Final = 200
"""How long a turn waits for entries, and so how long a stop may take."""


class Group(Protocol):
    """The mark on the stream, for others; see `effects.redis.group`."""

    async def begin(self, at: StreamId) -> None:
        """Put the group to a position, making it if need be."""

    async def move(self, entries: list[EventEntry]) -> None:
        """Put the group to the last of the entries that were stored."""


class Store(Protocol):
    """The rows; see `writer`."""

    async def open(self) -> Head:
        """Be ready to write, and say how far the rows go."""

    async def reset(self) -> None:
        """Drop all rows."""

    async def write(self, batch: Batch) -> None:
        """Apply a batch and move the position, or do nothing."""


@dataclass(frozen=True)
class Work:
    """What a projector has done: entries folded, rows added or changed, seconds since it began."""

    entries: int
    rows: int
    seconds: float

    @property
    def rows_per_s(self) -> float:
        """Rows for each second."""
        return self.rows / self.seconds if self.seconds else 0.0


class Projector:
    """The loop over log, group and store."""

    def __init__(
        self,
        log: Log,
        group: Group,
        store: Store,
        *,
        archive: SegmentSource | None = None,
        batch: int = BATCH,
        wait_ms: int = WAIT_MS,
    ) -> None:
        """Nothing is read yet.

        Args:
            archive: where to look for what the streams no longer hold.
            batch: the most entries in one transaction.
            wait_ms: how long a turn waits for entries.
        """
        self._log = log
        self._history: Log = History(archive, log) if archive is not None else log
        self._source = log
        self._group = group
        self._store = store
        self._batch = batch
        self._wait_ms = wait_ms
        self._position: Head | None = None
        self._ahead: asyncio.Task[tuple[list[EventEntry], Batch]] | None = None
        self.rebuilds = 0
        self._entries = 0
        self._rows = 0
        self._began = time.monotonic()

    async def run(self, stopping: Callable[[], bool], *, rebuild: bool = False) -> None:
        """Follow the log until `stopping()`; a batch that has begun is finished.

        Args:
            rebuild: drop all rows first.

        Raises:
            CannotProject: the log at hand cannot be projected onto this database.
            EffectError, DatabaseRefused: refused in a way that waiting does not cure.
        """

        async def turn() -> None:
            nonlocal rebuild
            if rebuild:
                await self.rebuild()
                rebuild = False
            await self.turn()

        try:
            await turn_until(stopping, turn, self._forget, DatabaseUnavailable, Overtaken)
        finally:
            await self._forget()

    async def catch_up(self) -> Work:
        """Project everything that the log holds now, and tell how fast that went.

        Raises:
            As `turn` does.
        """
        entries, rows, began = self._entries, self._rows, time.monotonic()
        end = await self._log.head()
        try:
            while (position := await self._ready()).id < end.id:
                await self._advance(position)
        finally:
            await self._forget()
        return Work(self._entries - entries, self._rows - rows, time.monotonic() - began)

    async def turn(self) -> None:
        """One batch, or up to `wait_ms` without one.

        Raises:
            LogUnavailable, LogFull, TailLost, DatabaseUnavailable, Overtaken, Busy: begin again, later.
            CannotProject, EffectError, DatabaseRefused: see `run`.
        """
        await self._advance(await self._ready())

    async def _ready(self) -> Head:
        """The position, once it was compared with the log and the group was put to it."""
        if self._position is not None:
            return self._position
        position = await self._store.open()
        source = await self._going_on(position)
        if source is None:
            await self._drop(f"the log has no entry {format_id(position.id)} with the database's chain")
            return await self._ready()
        await self._group.begin(position.id)
        _logger.info("projecting", position=format_id(position.id), source=_name(source, self._log))
        self._source = source
        self._position = position
        return position

    async def _going_on(self, position: Head) -> Log | None:
        """Where to read on from a position: in the streams if they have it, else in history; None if the rows are of
        no use.

        Raises:
            CannotProject, LogUnavailable, EffectError.
        """
        if position.id == START:
            first, _ = await self._first(self._log)
            beginning, command = await self._beginning()
            anchor.verdict(position, beginning, command)
            return self._log if first is None or (beginning is not None and first.id == beginning.id) else self._history
        if anchor.anchored(position, await self._log.event(position.id)):
            return self._log
        first, command = await self._beginning()
        if first is not None and anchor.anchored(position, await self._history.event(position.id)):
            return self._history
        return None if anchor.verdict(position, first, command) == "rebuild" else self._log

    async def rebuild(self) -> None:
        """Drop all rows, to begin again, if the log reaches back to its beginning.

        Raises:
            CannotProject: it does not; nothing is dropped.
            LogUnavailable, DatabaseUnavailable, Busy, and what `run` raises.
        """
        first, command = await self._beginning()
        anchor.verdict(genesis_head(), first, command)  # nothing is dropped that cannot be made again
        await self._drop("asked for")

    async def _drop(self, reason: str) -> None:
        position = await self._store.open()
        _logger.error("all rows are dropped and made again from the log", reason=reason, was=format_id(position.id))
        await self._store.reset()
        self.rebuilds += 1
        await self._forget()

    async def _beginning(self) -> tuple[EventEntry | None, CommandEntry | None]:
        """The log's first entry and command, as far back as can be read; none where the streams are empty: most likely
        they are the wrong ones."""
        first, command = await self._first(self._log)
        if first is None or anchor.is_genesis(first, command):
            return first, command
        return await self._first(self._history)

    async def _first(self, log: Log) -> tuple[EventEntry | None, CommandEntry | None]:
        events = await log.events(START, 1)
        commands = await log.commands(START, 1)
        return next(iter(events), None), next(iter(commands), None)

    async def _advance(self, position: Head) -> None:
        try:
            entries, batch = await (self._ahead or self._next(position))
            self._ahead = None
            if not entries:
                return
            after = Head(batch.position, batch.chain)
            past = self._source is not self._log
            if past and anchor.anchored(after, await self._log.event(after.id)):
                self._source = self._log
            if past or len(entries) == self._batch:  # there is more: get it ready while this is being stored
                self._ahead = asyncio.create_task(self._next(after))
            await self._store.write(batch)
            self._position = after
            self._entries += batch.entries
            self._rows += batch.rows
            reached("after_commit")
            await self._group.move(entries)
        except BaseException:
            await self._forget()
            raise

    async def _next(self, after: Head) -> tuple[list[EventEntry], Batch]:
        """The entries that follow `after`, and the batch that they make."""
        source = self._source
        entries = await read_on(source, after, self._batch, self._wait_ms)
        if entries and after.id == START:  # then they must be the log's first
            _, command = await self._first(source)
            if not anchor.is_genesis(entries[0], command):
                raise TailLost(f"the event stream begins with {format_id(entries[0].id)}, and began earlier before")
        return entries, _fold(entries)

    async def _forget(self) -> None:
        """Begin again from the database's position."""
        self._position = None
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)


def _name(source: Log, streams: Log) -> str:
    return "streams" if source is streams else "journal"


def _fold(entries: list[EventEntry]) -> Batch:
    """The entries as one batch."""
    batch = Batch()
    for entry in entries:
        try:
            batch.add(entry)
        except (UnreadableEvent, Unstorable) as error:
            raise CannotProject(
                f"entry {format_id(entry.id)} of the event stream cannot be stored: {error}. Run the version that "
                "wrote it, or find what else writes to the stream."
            ) from error
    return batch
