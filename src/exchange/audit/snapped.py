"""Snapshots against the log: is the state in each what the engine computes at its position?

That a snapshot is whole and of this log its start-up checks too. This computes the state another way, from the log's
beginning (or, where that is gone, from the oldest snapshot on), and compares all of it.
"""

from dataclasses import dataclass
from itertools import zip_longest

from exchange.audit.findings import CannotAudit, Found
from exchange.effects.ports import Log, SnapshotStore
from exchange.engine import Machine
from exchange.engine.snapshot import rows
from exchange.roles import replay, snapshots
from exchange.roles.recovery import beginning
from exchange.roles.stops import Trimmed
from exchange.terms.stream import START, format_id


@dataclass(frozen=True)
class Snapped:
    """A snapshot that holds, with its state's hash; `computed` unless it is what the others were computed from."""

    name: str
    hash: str
    computed: bool


async def compare(log: Log, store: SnapshotStore) -> list[Snapped]:
    """Compare every snapshot, oldest first.

    Raises:
        Found: one is damaged, of another log, or says what the engine does not compute.
        CannotAudit: there is none, or one has a newer format.
        EffectError, MustStop: see `walking.translated`.
    """
    held: list[Snapped] = []
    machine = await _genesis(log)
    first = await log.events(START, 1)
    for name in reversed(store.names()):
        if machine is None and first and snapshots.position_of(name) < first[0].id:
            continue  # of entries that are not in this source any more
        stored = await _stored(log, store, name)
        hash = snapshots.state_hash(stored)
        if machine is None:
            machine = stored
            held.append(Snapped(name, hash, computed=False))
            continue
        await replay.replay(log, machine, stored.head.id, replay.Tally())
        computed = snapshots.state_hash(machine)
        if computed != hash:
            raise _differs(name, machine, stored, computed, hash)
        held.append(Snapped(name, hash, computed=True))
    if not held:
        raise CannotAudit("there is no snapshot of what this source holds")
    return held


async def _genesis(log: Log) -> Machine | None:
    try:
        return await beginning(log, await log.head())
    except Trimmed:
        return None


async def _stored(log: Log, store: SnapshotStore, name: str) -> Machine:
    place, id = f"snapshot {name}", format_id(snapshots.position_of(name))
    try:
        lines = list(store.read(name))
        header = snapshots.verify(lines)
        if header.head.id != snapshots.position_of(name):
            raise Found(place, id, "the position in its name", format_id(header.head.id))
        if not await snapshots.anchored(log, header.head):
            raise Found(place, id, "an entry of the log with its chain", "none")
        return snapshots.build(header, lines)
    except (snapshots.Damaged, OSError) as error:
        raise Found(place, id, "a whole snapshot", str(error)) from error
    except snapshots.TooNew as error:
        raise CannotAudit(f"{place}: {error}") from error


def _differs(name: str, machine: Machine, stored: Machine, computed: str, hash: str) -> Found:
    place, id = f"snapshot {name}", format_id(machine.head.id)
    for told, found in zip_longest(rows(machine), rows(stored)):
        if told != found:
            return Found(place, id, f"row {told}", f"row {found}")
    return Found(place, id, f"state {computed}", f"state {hash}")
