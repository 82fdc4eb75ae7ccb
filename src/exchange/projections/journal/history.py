"""The log as if it had never been trimmed: old entries from segments, the rest from the streams.

The streams are asked first, and what they gave is kept only if, *after* it was read, they still reach back to where the
reading began: an XREAD from an id that was trimmed away goes on with what is left, without an error. Whatever was
trimmed had been archived before, so then the segments have it. Segments are checked as they are opened, and the last
one used stays open: who reads in order opens each once.

It is only read. Beside streams it never says of an entry that they should still hold what they do not say themselves.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final

from exchange.effects.ports import EffectError, Log
from exchange.projections.journal.segment import Segment
from exchange.projections.journal.stores import SegmentSource, opened
from exchange.projections.timescale.anchor import is_genesis
from exchange.terms.stream import (
    START,
    CommandEntry,
    EventEntry,
    Head,
    StreamId,
    format_id,
    genesis_head,
    previous,
)

_OPEN: Final = 2
"""Segments kept open: commands and results are read in turns, and one of them is the first to cross a boundary."""


class Torn(EffectError):
    """Segments and streams do not make one log."""


class History:
    """The `Log` over an archive and the streams; without streams, the archive alone."""

    def __init__(self, archive: SegmentSource, live: Log | None) -> None:
        self._archive = archive
        self._live = live
        self._open: list[Segment] = []
        self._beginning: StreamId | None = None
        """The id of the log's first entry, once it was seen in the streams."""
        self._joined = ""
        """The incarnation of the server whose streams were seen to go on from the archive."""

    async def incarnation(self) -> str:
        """See `Log.incarnation`; an archive has none."""
        return await self._live.incarnation() if self._live is not None else "archive"

    async def append(self, raw: bytes) -> StreamId:
        """Refused."""
        raise EffectError("history is only read: nothing can be appended to it")

    def publish(self, built_on: Head, entries: Sequence[EventEntry]) -> Awaitable[None]:
        """Refused."""
        raise EffectError("history is only read: nothing can be published in it")

    async def settled(self) -> None:
        """See `Log.settled`: what is archived is."""
        if self._live is not None:
            await self._live.settled()

    async def commands(self, after: StreamId, count: int, wait_ms: int = 0) -> list[CommandEntry]:
        """See `Log.commands`. There may be fewer than `count` although more follow.

        Raises:
            LogUnavailable: streams or archive are away.
            SegmentDamaged, Torn.
        """
        if self._at_hand(after) is None and self._live is not None:
            found = await self._live.commands(after, count, wait_ms)
            if await self._reaches_back(self._live, after):
                return found
        segment = await self._segment(after, wait_ms)
        if segment is None:
            return []
        place = segment.place(after)
        return segment.commands[place : place + count]

    async def events(self, after: StreamId, count: int, wait_ms: int = 0) -> list[EventEntry]:
        """See `Log.events`. There may be fewer than `count` although more follow.

        Raises:
            As `commands` does.
        """
        if self._at_hand(after) is None and self._live is not None:
            found = await self._live.events(after, count, wait_ms)
            if await self._reaches_back(self._live, after):
                return found
        segment = await self._segment(after, wait_ms)
        if segment is None:
            return []
        place = segment.place(after)
        return segment.events[place : place + count]

    async def event(self, id: StreamId) -> EventEntry | None:
        """See `Log.event`.

        Raises:
            As `commands` does.
        """
        if id == START:
            return None
        if self._live is not None:
            entry = await self._live.event(id)
            first = await self._live.events(START, 1)
            if entry is not None or (first and first[0].id <= id):
                return entry
        before = previous(id)
        segment = await self._segment(before)
        if segment is None:
            return None
        place = segment.place(before)
        return segment.events[place] if segment.ids[place] == id else None

    async def head(self) -> Head:
        """See `Log.head`: the streams' end, or the archive's if there are no streams or they are empty.

        Raises:
            As `commands` does.
        """
        if self._live is not None:
            head = await self._live.head()
            if head != genesis_head():
                return head
        last = await self._archive.last()
        return opened(last).header.last if last is not None else genesis_head()

    def _at_hand(self, after: StreamId) -> Segment | None:
        for segment in self._open:
            if segment.covers(after):
                return segment
        return None

    async def _segment(self, after: StreamId, wait_ms: int = 0) -> Segment | None:
        """The segment that goes on from `after`, opened and compared with what is next to it; None, after waiting for
        as long as that, if the log ends there."""
        at_hand = self._at_hand(after)
        if at_hand is not None:
            return at_hand
        if self._live is not None:
            await self._join(self._live)
        stored = await self._archive.after(after)
        if stored is None:
            await self._see_end(after)
            await asyncio.sleep(wait_ms / 1000)
            return None
        segment = opened(stored)
        for other in self._open:
            for earlier, later in ((other.header, segment.header), (segment.header, other.header)):
                ends = earlier.last.id == later.before.id
                if ends and (earlier.last.chain != later.before.chain or earlier.total != later.number):
                    raise Torn(f"segment {stored.name} does not go on from the one before it: it is of another log")
        self._open = [segment, *self._open][:_OPEN]
        return segment

    async def _see_end(self, after: StreamId) -> None:
        """The archive has nothing above `after`, and the streams do not reach back to it: then they must be empty.

        Raises:
            Torn: they go on somewhere else.
        """
        first = await self._live.events(START, 1) if self._live is not None else []
        if first:
            raise Torn(
                f"what follows {format_id(after)} is neither in the streams, which begin at {format_id(first[0].id)}, "
                "nor archived. Restore the journal from a backup."
            )

    async def _reaches_back(self, live: Log, after: StreamId) -> bool:
        """Whether the streams have everything above `after`, as far as they go; of the beginning, whether there is any
        before theirs."""
        if after != START:
            entry = await live.event(after)
            if entry is not None:
                for segment in self._open:
                    if segment.header.last.id == after and segment.header.last.chain != entry.chain:
                        raise _not_joined(segment.header.last)
                return True
        entries = await live.events(START, 1)
        if not entries:
            return await self._archive.last() is None
        first = entries[0].id
        if first <= after or first == self._beginning:
            return True
        commands = await live.commands(START, 1)
        if not is_genesis(entries[0], commands[0] if commands else None):
            return after == START and await self._archive.last() is None
        self._beginning = first
        return True

    async def _join(self, live: Log) -> None:
        """See, once for each incarnation of the server, that the streams go on from the archive's end.

        Raises:
            Torn.
        """
        incarnation = await live.incarnation()
        if incarnation == self._joined:
            return
        stored = await self._archive.last()
        while stored is not None and await live.events(START, 1):
            last = opened(stored).header.last
            entry = await live.event(last.id)
            if entry is not None and entry.chain == last.chain:
                break
            again = await self._archive.last()
            if again is None or again.key == stored.key:
                raise _not_joined(last)
            stored = again  # it was trimmed away, because more had been archived by then
        self._joined = incarnation


def _not_joined(last: Head) -> Torn:
    return Torn(
        f"the journal ends with entry {format_id(last.id)}, which the streams do not have: they lost their end, or are "
        "of another log. To read the journal alone, name it as the source; to bring the streams back from it, stop the "
        "exchange, move the stream server's data away and run `exchange restore`."
    )
