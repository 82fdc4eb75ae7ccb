"""Where segments are kept: what the journal asks of such a place, and what it checks of whatever it is given.

A store keeps segments by the id of their last entry, so the segment that goes on from a position is the first with a
key above it. Each names the entry before its first one, so that a segment that is missing between two others shows.
"""

from dataclasses import dataclass
from typing import Protocol

from exchange.projections.journal import segment
from exchange.projections.journal.segment import Header, Segment, SegmentDamaged
from exchange.terms.stream import START, StreamId, format_id


@dataclass(frozen=True, slots=True)
class Stored:
    """A segment as a store gave it, not checked yet.

    `name` is for people, `key` the id under which it was found, `previous` the key before it in the store (`START` if
    there is none).
    """

    name: str
    key: StreamId
    previous: StreamId
    data: bytes


class SegmentSource(Protocol):
    """Where segments can be had from. Nothing that is there ever changes or goes away."""

    async def after(self, id: StreamId) -> Stored | None:
        """The first segment whose last entry is above `id`, if there is one.

        Raises:
            LogUnavailable: the store cannot be reached now.
            EffectError: it refuses, or is not there.
        """

    async def last(self) -> Stored | None:
        """The newest segment, if there is any.

        Raises:
            As `after` does.
        """

    async def close(self) -> None:
        """Let go of connections and files; the next call opens them again."""


class SegmentStore(SegmentSource, Protocol):
    """Where segments are kept."""

    async def add(self, header: Header, data: bytes) -> None:
        """Keep a segment, durably, before this returns. One that is there already is left as it is.

        Raises:
            As `after` does; it may or may not have been kept.
        """


class Both:
    """Two stores of one journal as one source: the second has what the first, perhaps from an old backup, lacks."""

    def __init__(self, first: SegmentSource, second: SegmentSource) -> None:
        self._first = first
        self._second = second

    async def after(self, id: StreamId) -> Stored | None:
        """See `SegmentSource.after`."""
        return await self._first.after(id) or await self._second.after(id)

    async def last(self) -> Stored | None:
        """See `SegmentSource.last`."""
        ends = [stored for stored in (await self._first.last(), await self._second.last()) if stored is not None]
        return max(ends, key=lambda stored: stored.key, default=None)

    async def close(self) -> None:
        """See `SegmentSource.close`."""
        await self._first.close()
        await self._second.close()


def opened(stored: Stored) -> Segment:
    """A stored segment, checked: whole, in its right place, and the one that follows the one before it.

    Raises:
        SegmentDamaged.
    """
    found = segment.read(stored.name, stored.data)
    header = found.header
    if header.last.id != stored.key:
        raise SegmentDamaged(stored.name, f"it stands where one that ends at {format_id(stored.key)} belongs")
    if header.before.id != stored.previous:
        there = f"ends at {format_id(stored.previous)}" if stored.previous != START else "is not there"
        raise SegmentDamaged(
            stored.name, f"it follows entry {format_id(header.before.id)}, but the segment before it {there}"
        )
    return found
