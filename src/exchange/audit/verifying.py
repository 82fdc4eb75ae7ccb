"""`exchange audit verify`: everything that holds the log, held against everything else.

One walk goes along the history: through the first archive's segments as far as they go, then through the streams.
What stands in both is compared byte for byte; a second archive must chain to the same hashes. On the way the engine
computes each entry again. Snapshots and checkpoints are then held against the chain where the walk passed them.

Nothing that an archive or a snapshot says of itself is taken for more than a place to begin at: from the log's
beginning everything is computed, from elsewhere everything but the hash that it began with.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from exchange.audit.checkpoints import Checkpoint
from exchange.audit.findings import CannotAudit, Found, text
from exchange.audit.walking import STREAMS, Walk, pairs
from exchange.effects.ports import Log, SnapshotStore
from exchange.engine import Machine
from exchange.projections.journal.segment import Segment
from exchange.projections.journal.stores import SegmentSource, opened
from exchange.roles import replay, snapshots
from exchange.terms.stream import GENESIS_CHAIN, START, Head, StreamId, format_id, previous

LAST_OF_MS: Final = 2**64 - 1
"""The sequence of a position that is meant as a time: the last that its millisecond can have."""

_SNAPSHOT: Final = "snapshot {}"


@dataclass(frozen=True)
class Sources:
    """Where the log is kept. `history` reads all of it as one; at least one of `streams` and `archives` is there."""

    history: Log
    streams: Log | None
    archives: Sequence[SegmentSource]
    snapshots: SnapshotStore


@dataclass
class Report:
    """What was verified, up to `head`. `began_at` says what the first entry was chained to; `snapshots` and
    `checkpoints` count those that the walk passed and that hold, `compared` the entries that streams and archive both
    have."""

    start: StreamId = START
    head: Head = field(default_factory=lambda: Head(START, GENESIS_CHAIN))
    log_id: str = ""
    began_at: str = ""
    executed: bool = False
    entries: int = 0
    number: int | None = None
    segments: int = 0
    streamed: int = 0
    compared: int = 0
    snapshots: int = 0
    checkpoints: int = 0


async def verify(
    sources: Sources,
    checkpoints: Sequence[tuple[str, Checkpoint]] = (),
    *,
    start: StreamId = START,
    until: StreamId | None = None,
    execute: bool = True,
) -> tuple[Report, Walk]:
    """Verify the entries above `start` (or above an anchor before it) to the last at or before `until`.

    Args:
        checkpoints: those whose signatures hold, each with its name.

    Raises:
        Found: the first difference.
        CannotAudit: the range is not to be had.
        EffectError, MustStop: see `walking.translated`.
    """
    head = await sources.history.head()
    if until is not None and until > head.id and until[1] != LAST_OF_MS:
        raise CannotAudit(f"the log ends at {format_id(head.id)}: choose an earlier --to")
    end = head.id if until is None else min(until, head.id)
    names = sources.snapshots.names()
    if head.id == START and not names and not checkpoints:
        raise CannotAudit("the log is empty: is this the right server (REDIS_URL, EXCHANGE_STREAMS)?")
    marks = {snapshots.position_of(name) for name in names} | {one.head.id for _, one in checkpoints}
    walk, report = await _begin(sources, min(start, end), marks, execute=execute)
    await _along(sources, walk, report, end)
    if until is None and walk.head.id < head.id:
        raise Found(
            "history", format_id(head.id), "the entries up to the head", f"the last is {format_id(walk.head.id)}"
        )
    for archive in sources.archives[1:]:
        await _second(sources.history, archive, report, end)
    last = head.id if sources.streams is not None else None  # an archive may be behind what is being written
    _snapshots(sources.snapshots, names, walk, report, last)
    _checkpoints(checkpoints, walk, report, last)
    report.head, report.entries, report.number = walk.head, walk.entries, walk.number
    if walk.machine is not None:
        report.log_id = walk.machine.state.log_id
    return report, walk


async def _begin(sources: Sources, start: StreamId, marks: set[StreamId], *, execute: bool) -> tuple[Walk, Report]:
    """The walk at the nearest place at or before `start` from which it can go on."""
    report = Report(executed=execute)
    if execute and start != START:
        machine = await replay.before(sources.history, sources.snapshots, start)
        if machine is not None:
            report.start, report.began_at = machine.head.id, "the snapshot there"
            number = await _number(sources, machine.head.id)
            return Walk(machine.head, machine, number, marks), report
    if await _reaches_genesis(sources):
        if not execute and start != START and (segment := await _segment_at(sources, start)) is not None:
            report.start, report.began_at = segment.header.before.id, "the hash that the segment there begins with"
            return Walk(segment.header.before, None, segment.header.number, marks), report
        report.began_at = "the beginning of the log"
        return Walk(Head(START, GENESIS_CHAIN), Machine() if execute else None, 0, marks), report
    return await _midway(sources, marks, report, execute=execute)


async def _midway(sources: Sources, marks: set[StreamId], report: Report, *, execute: bool) -> tuple[Walk, Report]:
    """Begin where what is left of the log begins: at its oldest snapshot, or at the first entry's own hash."""
    first = await sources.history.events(START, 1)
    if not first:
        raise CannotAudit("there is no entry in the log")
    if not execute:
        report.start, report.began_at = first[0].id, "the hash of the first entry there is, the ones before are gone"
        walk = Walk(Head(first[0].id, first[0].chain), None, None, marks)
        return walk, report
    for name in reversed(sources.snapshots.names()):
        if snapshots.position_of(name) < first[0].id:
            continue
        machine = await replay.before(sources.history, sources.snapshots, snapshots.position_of(name))
        if machine is not None:
            report.start, report.began_at = machine.head.id, "the oldest snapshot there is"
            return Walk(machine.head, machine, None, marks), report
    raise CannotAudit(
        f"the log begins at {format_id(first[0].id)}, and no snapshot can be used to compute it from there: name the "
        "journal as the source, or run with --chain-only"
    )


async def _reaches_genesis(sources: Sources) -> bool:
    if sources.archives and (stored := await sources.archives[0].after(START)) is not None:
        return opened(stored).header.number == 0
    entries = await sources.history.events(START, 1)
    commands = await sources.history.commands(START, 1)
    if not entries or not commands:
        return not entries
    # An opening that was changed is still a beginning, and the walk will say what was changed.
    machine = Machine()
    own = machine.step(commands[0]) if commands[0].id == entries[0].id else None
    opening = b'"type":"log_opened"' in entries[0].payload or bool(machine.state.log_id)
    return own is not None and (opening or own.chain == entries[0].chain or own.payload == entries[0].payload)


async def _segment_at(sources: Sources, id: StreamId) -> Segment | None:
    if not sources.archives:
        return None
    stored = await sources.archives[0].after(previous(id))
    return opened(stored) if stored is not None else None


async def _number(sources: Sources, id: StreamId) -> int | None:
    """How many entries the log has up to and including one, where the archive can tell."""
    segment = await _segment_at(sources, id)
    if segment is None or segment.header.before.id >= id:
        return None
    return segment.header.number + segment.place(id)


async def _along(sources: Sources, walk: Walk, report: Report, end: StreamId) -> None:
    archive = sources.archives[0] if sources.archives else None
    while walk.head.id < end:
        stored = await archive.after(walk.head.id) if archive is not None else None
        if stored is not None:
            segment = opened(stored)
            if not segment.covers(walk.head.id):
                before = format_id(segment.header.before.id)
                raise Found(f"segment {stored.name}", before, f"to go on from {format_id(walk.head.id)}", before)
            await _segment(sources.streams, walk, report, stored.name, segment, end)
            report.segments += 1
        elif sources.streams is None or not await _streamed(sources.streams, walk, report, end):
            return


async def _segment(streams: Log | None, walk: Walk, report: Report, name: str, segment: Segment, end: StreamId) -> None:
    """Walk through a segment, whose own chain holds, and compare what the streams have of it."""
    place = f"segment {name}"
    header = segment.header
    if header.before.id == walk.head.id and header.before.chain != walk.head.chain:
        raise Found(place, format_id(header.before.id), _told(walk.head), _told(header.before))
    if walk.number is not None and header.before.id == walk.head.id and walk.number != header.number:
        raise Found(
            place, format_id(header.first), f"{walk.number} entries before it", f"{header.number} by its header"
        )
    report.log_id = report.log_id or header.log_id
    if header.log_id and header.log_id != report.log_id:
        raise Found(place, format_id(header.first), f"log {report.log_id}", f"log {header.log_id}")
    begin = segment.place(walk.head.id)
    if begin and segment.events[begin - 1].chain != walk.head.chain:
        before = segment.events[begin - 1]
        raise Found(place, format_id(before.id), _told(walk.head), _told(Head(before.id, before.chain)))
    finish = segment.place(end)
    if streams is not None:
        await _same(streams, report, segment, begin, finish)
    for command, entry in zip(segment.commands[begin:finish], segment.events[begin:finish], strict=True):
        walk.take(place, command, entry, chained=True)


async def _same(streams: Log, report: Report, segment: Segment, begin: int, finish: int) -> None:
    """See that the streams say of a segment's entries what it says, as far as they reach back."""
    first = await _first(streams)
    if first is None or begin == finish or first > segment.ids[finish - 1]:
        return
    begin = max(begin, segment.place(previous(first)))
    place = begin
    after = segment.ids[begin - 1] if begin else segment.header.before.id
    async for batch in pairs(streams, after, segment.ids[finish - 1]):
        for command, entry in batch:
            archived, result = segment.commands[place], segment.events[place]
            odd = ""
            if command.id != archived.id or entry.id != archived.id:
                odd = f"entries {format_id(command.id)} and {format_id(entry.id)}"
                expected = f"entry {format_id(archived.id)}"
            elif command.fields != archived.fields:
                expected, odd = text(b" ".join(archived.fields)), text(b" ".join(command.fields))
            elif entry.payload != result.payload:
                expected, odd = text(result.payload), text(entry.payload)
            elif entry.chain != result.chain:
                expected, odd = f"chain {result.chain.hex()}", f"chain {entry.chain.hex()}"
            if odd:
                if await _first(streams) != first:
                    return  # trimmed meanwhile
                raise Found(STREAMS, format_id(archived.id), expected, odd)
            place += 1
    if place != finish and await _first(streams) == first:
        raise Found(STREAMS, format_id(segment.ids[place]), "the entry that is archived", "none")
    report.compared += finish - begin


async def _first(streams: Log) -> StreamId | None:
    """Where the streams begin; they are trimmed as one, so neither begins before the other."""
    ids = [side[0].id for side in (await streams.events(START, 1), await streams.commands(START, 1)) if side]
    return min(ids) if ids else None


async def _streamed(streams: Log, walk: Walk, report: Report, end: StreamId) -> bool:
    """Walk on through the streams; whether the walk got any further."""
    first = await streams.events(START, 1)
    began = walk.entries
    if walk.head.id != START and (not first or first[0].id > walk.head.id):
        raise CannotAudit(f"what follows {format_id(walk.head.id)} is neither in the streams nor archived")
    async for batch in pairs(streams, walk.head.id, end):
        for command, entry in batch:
            try:
                walk.take(STREAMS, command, entry)
            except Found:
                if walk.head.id != START and await streams.event(walk.head.id) is None:
                    raise CannotAudit("the streams were trimmed faster than they could be read: run it again") from None
                raise
    report.streamed += walk.entries - began
    return walk.entries > began


async def _second(history: Log, archive: SegmentSource, report: Report, end: StreamId) -> None:
    """See that another archive's segments are whole, follow each other, and end on the same hashes."""
    position = START
    while (stored := await archive.after(position)) is not None and position < end:
        segment = opened(stored)
        place, last = f"segment {stored.name}", segment.header.last
        entry = await history.event(last.id)
        if entry is None or entry.chain != last.chain:
            found = "no such entry" if entry is None else _told(Head(entry.id, entry.chain))
            raise Found(place, format_id(last.id), f"{_told(last)} in the history too", found)
        report.segments += 1
        position = stored.key


def _snapshots(store: SnapshotStore, names: list[str], walk: Walk, report: Report, last: StreamId | None) -> None:
    for name in names:
        place = _SNAPSHOT.format(name)
        try:
            header = snapshots.verify(store.read(name))
        except (snapshots.Damaged, OSError) as error:
            raise Found(place, format_id(snapshots.position_of(name)), "a whole snapshot", str(error)) from error
        except snapshots.TooNew as error:
            raise CannotAudit(f"{place}: {error}") from error
        if header.head.id != snapshots.position_of(name):
            raise Found(place, format_id(header.head.id), "the position in its name", format_id(header.head.id))
        report.snapshots += _holds(place, header.head, walk, report, last)


def _checkpoints(
    checkpoints: Sequence[tuple[str, Checkpoint]], walk: Walk, report: Report, last: StreamId | None
) -> None:
    for name, checkpoint in checkpoints:
        place = f"checkpoint {name}"
        log_id = walk.machine.state.log_id if walk.machine is not None else report.log_id
        if log_id and log_id != checkpoint.log_id:
            raise Found(place, checkpoint.id, f"log {checkpoint.log_id}", f"log {log_id}")
        if not _holds(place, checkpoint.head, walk, report, last):
            continue
        _, number, _ = walk.seen[checkpoint.head.id]
        if number is not None and number != checkpoint.entries:
            raise Found(place, checkpoint.id, f"{checkpoint.entries} entries up to it", f"{number} entries")
        report.checkpoints += 1


def _holds(place: str, told: Head, walk: Walk, report: Report, last: StreamId | None) -> bool:
    """See that the walk found at a position what somebody says stood there; False where it did not pass."""
    if last is not None and told.id > last:
        raise Found(
            place, format_id(told.id), "a log that reaches it", f"it ends at {format_id(last)}: entries are lost"
        )
    if not report.start <= told.id <= walk.head.id:
        return False
    if told.id not in walk.seen:
        raise Found(place, format_id(told.id), "an entry of the log", "none with this id")
    chain, _, _ = walk.seen[told.id]
    if chain != told.chain:
        raise Found(place, format_id(told.id), _told(told), f"chain {chain.hex()} in the log")
    return True


def _told(head: Head) -> str:
    return f"chain {head.chain.hex()}"
