"""The past: compute a stretch of the log again, compare every entry with what was published, and stand there.

It is start-up's own verification, with a choice of where to begin and end, and a count of what was seen. The state at
any past position is the nearest snapshot before it and what follows, computed; so a look into the past is a
verification too. It changes nothing and works beside a running exchange.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from exchange.effects.ports import Log, SnapshotStore
from exchange.engine import Machine
from exchange.events.types import EVENT_NAMES, Rejected
from exchange.roles import snapshots
from exchange.roles.recovery import beginning, newest
from exchange.roles.replica import BATCH, Replica
from exchange.roles.stops import CannotStart, Gap
from exchange.terms.stream import EventEntry, Head, StreamId, format_id

GENESIS = "genesis"
SNAPSHOT = "snapshot"

_logger = structlog.get_logger(__name__)


class NoSuchStart(CannotStart):
    """The replay was told to begin where it cannot."""


@dataclass
class Tally:
    """What a replay saw: commands, their events by type, refusals by code."""

    commands: int = 0
    kinds: dict[type, int] = field(default_factory=lambda: defaultdict(int))
    refusals: Counter[str] = field(default_factory=Counter)

    def add(self, machine: Machine) -> None:
        """Count the machine's last step."""
        self.commands += 1
        for event in machine.outcome.events:
            self.kinds[type(event)] += 1
            if isinstance(event, Rejected):
                self.refusals[event.code] += 1

    @property
    def events(self) -> dict[str, int]:
        """The events by the name of their type."""
        return {EVENT_NAMES[kind]: count for kind, count in self.kinds.items()}


async def begin(log: Log, store: SnapshotStore, where: str, end: Head) -> Machine:
    """The machine to begin with: at `genesis`, at the newest usable `snapshot`, or at the snapshot of a name.

    Raises:
        NoSuchStart: there is no such snapshot, or it cannot be used.
        Trimmed: the log does not reach back to genesis.
        NewerFormat, LogUnavailable.
    """
    if where == GENESIS:
        return await beginning(log, end)
    if where == SNAPSHOT:
        machine, _ = await newest(log, store)
        if machine is None:
            raise NoSuchStart("there is no usable snapshot: replay --from genesis")
        return machine
    try:
        lines = list(store.read(where))
        header = snapshots.verify(lines)
        if not await snapshots.anchored(log, header.head):
            raise NoSuchStart(f"snapshot {where} is of no entry of this log")
        return snapshots.build(header, lines)
    except (OSError, ValueError, snapshots.Damaged, snapshots.TooNew) as error:
        raise NoSuchStart(f"snapshot {where} cannot be used: {error}") from error


async def machine_at(log: Log, store: SnapshotStore, position: StreamId) -> Machine:
    """The machine after the last entry at or before a position, every entry on the way computed and compared.

    It begins with the newest usable snapshot that is not after the position, else at the log's beginning.

    Raises:
        Trimmed: no snapshot will do, and the log does not reach back to its beginning.
        Diverged, Halted: the first difference found.
        LogUnavailable.
    """
    head = await log.head()
    end = min(position, head.id)
    machine = await before(log, store, end) or await beginning(log, head)
    await replay(log, machine, end, Tally())
    return machine


async def before(log: Log, store: SnapshotStore, position: StreamId) -> Machine | None:
    """The machine of the newest usable snapshot at or before a position, if there is one.

    One that cannot be used is passed over, also of a newer format: an older one gives the same state, only later.

    Raises:
        LogUnavailable.
    """
    for name in store.names():
        if snapshots.position_of(name) > position:
            continue
        try:
            lines = list(store.read(name))
            header = snapshots.verify(lines)
            if await snapshots.anchored(log, header.head):
                return snapshots.build(header, lines)
            reason = "it is of no entry of this log"
        except (OSError, snapshots.Damaged, snapshots.TooNew) as error:
            reason = str(error)
        _logger.warning("snapshot passed over", name=name, reason=reason)
    return None


async def replay(
    log: Log, machine: Machine, end: StreamId, tally: Tally, progress: Callable[[StreamId, int], None] | None = None
) -> None:
    """Bring the machine to the last entry at or before `end`, comparing every entry on the way.

    Args:
        end: a position that the event stream has reached.
        tally: counted up as it goes.
        progress: called after each batch with the position and the commands so far.

    Raises:
        Diverged, Halted: the first difference found.
        LogUnavailable.
    """
    replica = Replica(machine)

    def count(_entry: EventEntry) -> None:
        tally.add(machine)

    while replica.confirmed.id < end:
        if not await replica.catch_up(log, BATCH, until=end, each=count):
            break
        if progress is not None:
            progress(replica.confirmed.id, tally.commands)
    head = await log.head()
    if head.id < end:
        raise Gap(f"the event stream ends at {format_id(head.id)} and reached {format_id(end)} a moment ago")
