"""The journal's life: follow both streams, prove each entry, close segments, trim.

Where the last segment ends is the only position. Entries that are gathered for the next one are read on from there,
each checked by its chain, so a segment can only hold what follows. Before segments are written, the log's server has to
say that what was read is on its disk, and the last entry is looked at again: no segment is ever ahead of the log. Where
that takes a while, several segments wait for it together.

The streams are trimmed behind everybody's needs (`trimming`), and never when anything that has to be asked is away.
Neither database nor log being away stops the journal, nor does it stop anybody: it waits, and catches up.
"""

import time
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from exchange.effects.failpoints import reached
from exchange.effects.ports import EffectError, Log, Trimmer
from exchange.events.tail import TailLost, read_on
from exchange.projections.journal import trimming
from exchange.projections.journal.archive import Archive
from exchange.projections.journal.segment import CLOSE_AT, BrokenChain, Gathering, Header
from exchange.projections.timescale.anchor import is_genesis
from exchange.projections.turns import turn_until
from exchange.terms.stream import START, EventEntry, Head, StreamId, format_id, genesis_head

NAME: Final = "journal"
"""Its consumer group."""
BATCH: Final = 1_000
"""The most entries that are read at once."""
WAIT_MS: Final = 200
"""How long a turn waits for entries, and so how long a stop may take."""
TRIM_SECONDS: Final = 3.0
"""How long between two looks at what may be trimmed."""
SEALED: Final = 8
"""So many segments at most wait together until the server has them on its disk."""

_logger = structlog.get_logger(__name__)


class CannotJournal(Exception):
    """The log at hand does not go on from what is archived; the message says what to do."""


class Group(Protocol):
    """The mark on the stream, for others; see `effects.redis.group`."""

    async def begin(self, at: StreamId) -> None:
        """Put the group to a position, making it if need be."""

    async def move(self, entries: list[EventEntry]) -> None:
        """Put the group to the last of the entries that were archived."""


class Usable(Protocol):
    """The snapshots that a start-up could use; see `roles.usable`."""

    async def newest(self, log: Log, count: int) -> list[Head]:
        """The positions of the newest ones."""


class Journal:
    """The loop over log, archive and trimmer."""

    def __init__(
        self,
        log: Log,
        archive: Archive,
        group: Group,
        trimmer: Trimmer,
        usable: Usable,
        *,
        every: int,
        seconds: float,
        keep: int,
        batch: int = BATCH,
        wait_ms: int = WAIT_MS,
        trim_seconds: float = TRIM_SECONDS,
    ) -> None:
        """See the settings `journal_every`, `journal_seconds` and `stream_keep`."""
        self._log = log
        self._archive = archive
        self._group = group
        self._trimmer = trimmer
        self._usable = usable
        self._every = every
        self._seconds = seconds
        self._keep = keep
        self._batch = batch
        self._wait_ms = wait_ms
        self._trim_seconds = trim_seconds
        self._gathering: Gathering | None = None
        self._entries: list[EventEntry] = []
        self._sealed: list[tuple[Header, bytes, list[EventEntry]]] = []
        """Closed segments that are not written yet, and the entries in each."""
        self._behind = False
        """Whether the last read brought all that was asked for: then there is more."""
        self._since = 0.0
        self._archived: Head = genesis_head()
        self._suspect: StreamId | None = None
        self._trim_at = 0.0
        self.segments = 0

    @property
    def position(self) -> StreamId:
        """The last entry that was read, archived or not."""
        return self._gathering.head.id if self._gathering is not None else self._archived.id

    async def run(self, stopping: Callable[[], bool]) -> None:
        """Follow the log until `stopping()`; what is gathered by then is archived, if that can be done at once.

        Raises:
            CannotJournal: the log at hand cannot be archived here.
            EffectError: refused in a way that waiting does not cure; a damaged segment too.
        """
        try:
            await turn_until(stopping, self.turn, self._forget)
            await self._finish()
        finally:
            await self._forget()

    async def turn(self) -> None:
        """One batch, or up to `wait_ms` without one; a segment if it is time for one; a trim if it is time for that.

        Raises:
            LogUnavailable, LogFull, TailLost, Busy: begin again, later.
            CannotJournal, EffectError: see `run`.
        """
        gathering = await self._ready()
        await self._gather(gathering)
        if self._due(gathering):
            self._seal(gathering)
        if self._sealed and (not self._behind or len(self._sealed) >= SEALED):
            await self._write()
        if time.monotonic() >= self._trim_at:
            await self.trim()

    async def trim(self) -> trimming.Horizon:
        """Trim both streams as far as nobody needs them; how far that is.

        Raises:
            LogUnavailable, EffectError.
        """
        self._trim_at = time.monotonic() + self._trim_seconds
        gathering = await self._ready()
        newest = await self._usable.newest(self._log, trimming.SNAPSHOTS)
        horizon = trimming.horizon(
            trimming.Needs(
                archived=self._archived.id,
                kept=await self._archive.kept(gathering.number + gathering.entries - self._keep),
                snapshots=[head.id for head in newest],
                groups=await self._trimmer.groups(),
                projections=await self._archive.projections(),
            )
        )
        first = await self._log.events(START, 1)
        if first and first[0].id < horizon.at:
            left = await self._trimmer.trim(horizon.at)
            _logger.info("streams trimmed", horizon=format_id(horizon.at), needed_by=horizon.by, entries_left=left)
        return horizon

    async def _ready(self) -> Gathering:
        """What is gathered so far; anew, once the archive's end was found in the log, after anything went wrong."""
        if self._gathering is not None:
            return self._gathering
        last = await self._archive.open()
        self._archived = last.last if last is not None else genesis_head()
        await self._compare(last)
        await self._group.begin(self._archived.id)
        _logger.info("archiving", after=format_id(self._archived.id), entries=last.total if last is not None else 0)
        return self._begin(last)

    def _begin(self, last: Header | None) -> Gathering:
        if last is None:
            self._gathering = Gathering(genesis_head(), 0, "")
        else:
            self._gathering = Gathering(last.last, last.total, last.log_id)
        self._entries = []
        return self._gathering

    async def _compare(self, last: Header | None) -> None:
        """See that the log goes on from the last segment.

        Raises:
            CannotJournal, LogUnavailable.
        """
        if last is not None:
            entry = await self._log.event(last.last.id)
            if entry is None or entry.chain != last.last.chain:
                first = await self._log.events(START, 1)
                raise CannotJournal(_lost(last, first[0].id if first else None, await self._log.head()))
            return
        first = await self._log.events(START, 1)
        command = await self._log.commands(START, 1)
        if first and not is_genesis(first[0], command[0] if command else None):
            raise CannotJournal(
                f"nothing is archived, and the streams begin with {format_id(first[0].id)}, which is not the beginning "
                "of a log. Restore the database's table journal or the journal's folder from a backup, or connect to "
                "the database that belongs to these streams (DATABASE_URL)."
            )

    async def _gather(self, gathering: Gathering) -> None:
        room = min(self._batch, self._every - gathering.entries)
        entries = await read_on(self._log, gathering.head, room, 0 if self._sealed else self._wait_ms)
        self._behind = len(entries) == room
        if not entries:
            return
        commands = await self._log.commands(gathering.head.id, len(entries))
        if not self._entries:
            self._since = time.monotonic()
        try:
            if not commands:
                raise BrokenChain(entries[0].id, "the entry's command is missing: the command stream ends before it")
            for command, entry in zip(commands, entries, strict=False):
                gathering.add(command, entry)
                self._entries.append(entry)
                if gathering.raw >= CLOSE_AT:
                    break
        except BrokenChain as error:
            if self._suspect == error.id:
                raise CannotJournal(
                    f"entry {format_id(error.id)} of the log cannot be archived: {error}. The streams were damaged or "
                    "written to by hand; `exchange replay` tells what differs. Nothing was trimmed after "
                    f"{format_id(self._archived.id)}."
                ) from error
            if self._sealed:
                await self._write()
            # The server may have been restarted between two reads, and have lost its end: that the next look tells.
            self._suspect = error.id
            raise TailLost(f"entry {format_id(error.id)} does not follow: {error}") from error

    def _due(self, gathering: Gathering) -> bool:
        if not gathering.entries:
            return False
        full = gathering.entries >= self._every or gathering.raw >= CLOSE_AT
        return full or time.monotonic() - self._since >= self._seconds

    def _seal(self, gathering: Gathering) -> None:
        """Close a segment, and begin the next."""
        header, data = gathering.close()
        self._sealed.append((header, data, self._entries))
        self._begin(header)

    async def _write(self) -> None:
        """Archive the closed segments, once the log has all of them for good."""
        end = self._sealed[-1][0].last
        await self._log.settled()
        entry = await self._log.event(end.id)
        if entry is None or entry.chain != end.chain:
            raise TailLost(f"the event stream no longer has entry {format_id(end.id)} as it was read")
        while self._sealed:
            header, data, entries = self._sealed[0]
            reached("before_segment")
            await self._archive.add(header, data)
            reached("after_segment")
            del self._sealed[0]
            self._archived = header.last
            self._suspect = None
            self.segments += 1
            _logger.debug("segment archived", upto=format_id(header.last.id), entries=header.entries, bytes=len(data))
            await self._group.move(entries)

    async def _finish(self) -> None:
        """Before a stop: archive what is gathered, or leave it to the next start."""
        if self._gathering is not None and self._gathering.entries:
            self._seal(self._gathering)
        if not self._sealed:
            return
        try:
            await self._write()
        except (EffectError, TailLost) as error:
            _logger.warning("the last entries are left to the next start", reason=f"{type(error).__name__}: {error}")

    async def _forget(self) -> None:
        """Begin again from the archive's end."""
        self._gathering = None
        self._entries = []
        self._sealed = []


def _lost(last: Header, first: StreamId | None, head: Head) -> str:
    end = format_id(last.last.id)
    bring_back = (
        "stop the exchange, move the stream server's data away and run `exchange restore`: it brings the log back from "
        "the journal"
    )
    if head == genesis_head():
        return (
            f"the streams are empty, but the journal holds log {last.log_id or 'without a name'} up to {end}. Connect "
            f"to the right server (REDIS_URL, EXCHANGE_STREAMS); if its data is lost, {bring_back}."
        )
    if first is not None and first > last.last.id:
        return (
            f"the journal ends with entry {end}, and the streams, which begin at {format_id(first)}, no longer have "
            "it: the journal is older than the last trim. Restore a newer backup of the database, or name the folder "
            "that has the rest (EXCHANGE_JOURNAL_FOLDER). Nothing is trimmed until then."
        )
    return (
        f"the journal ends with entry {end}, and the streams, which end at {format_id(head.id)}, do not have it: they "
        "lost their end, or are of another log. Connect to the right server and database; if the streams lost data, "
        f"{bring_back}. To begin a journal of these streams instead, move the table journal (and its folder) away; "
        "that is only possible while they reach back to their beginning."
    )
