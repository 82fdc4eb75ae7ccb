"""Pouring history into empty streams: every command and every result under its own id, each proven to follow.

What is poured is what an exchange then starts from, so nothing is taken from history on trust: each entry's chain is
computed from the one before it, from the log's beginning. Only who pours the end of a log alone takes the word of the
archive for where it begins.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from exchange.commands.codec import frame
from exchange.effects.ports import Log
from exchange.events.codec import chain
from exchange.roles.stops import Diverged, Gap
from exchange.terms.stream import START, CommandEntry, EventEntry, Head, StreamId, format_id, genesis_head, previous

BATCH = 1_000


class Target(Protocol):
    """Where a log is poured into; see `effects.redis.pour`."""

    async def begin(self) -> None:
        """See that there is no log yet."""

    async def add(self, built_on: Head, commands: Sequence[CommandEntry], entries: Sequence[EventEntry]) -> None:
        """Add entries and their commands, all or none, after the entry that was added last."""

    async def finish(self) -> None:
        """That was all: from now on it is a log."""


async def pour(
    history: Log,
    target: Target,
    until: StreamId,
    *,
    first: StreamId = START,
    progress: Callable[[StreamId, int], None] | None = None,
) -> tuple[Head, int]:
    """Pour everything from `first` up to and including `until`, or as much of it as there is.

    Args:
        first: an entry of the log, to pour its end alone; else it is poured from its beginning.
        progress: called after each batch with the position and the entries so far.

    Returns:
        Where the new log ends, and how many entries it has. Without any entry the target is left as it was.

    Raises:
        Gap, Diverged: history is not a log; `target` shows nothing of it.
        LogUnavailable, LogFull, EffectError: likewise.
    """
    await target.begin()
    head, count = genesis_head(), 0
    place = previous(first) if first != START else START
    trusted = first != START
    while place < until:
        entries = [entry for entry in await history.events(place, BATCH) if entry.id <= until]
        if not entries:
            break
        commands = await history.commands(place, len(entries))
        if not commands:
            raise Gap(f"entry {format_id(entries[0].id)} of the history has no command")
        entries = entries[: len(commands)]
        built_on = head
        for command, entry in zip(commands, entries, strict=True):
            if command.id != entry.id:
                raise Gap(f"entry {format_id(entry.id)} of the history stands beside command {format_id(command.id)}")
            follows = chain(head.chain, entry.id, frame(command.fields), entry.payload) == entry.chain
            if not follows and not trusted:
                raise Diverged(
                    f"entry {format_id(entry.id)} of the history does not follow from the one before it: it was "
                    "changed, or history does not reach back to the log's beginning"
                )
            trusted = False
            head = Head(entry.id, entry.chain)
        await target.add(built_on, commands, entries)
        count += len(entries)
        place = head.id
        if progress is not None:
            progress(place, count)
    if count:
        await target.finish()
    return head, count
