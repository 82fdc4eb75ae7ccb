"""The audit: compute a stretch of the log again and compare every entry with what was published.

It is start-up's own verification, with a choice of where to begin and end, and a count of what was seen. It changes
nothing and works beside a running exchange.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

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


async def replay(
    log: Log, machine: Machine, end: StreamId, tally: Tally, progress: Callable[[StreamId, int], None]
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
        progress(replica.confirmed.id, tally.commands)
    head = await log.head()
    if head.id < end:
        raise Gap(f"the event stream ends at {format_id(head.id)} and reached {format_id(end)} a moment ago")
