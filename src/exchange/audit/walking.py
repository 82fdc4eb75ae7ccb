"""One walk along the log: every entry chained to the one before it and, with a machine, computed again.

The chain says *that* an entry was changed; what the machine computes from the command says in which part: if its chain
is the published one, the payload was changed; if its payload is, the chain was; else the command.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from exchange.audit.findings import CannotAudit, Found, text
from exchange.commands.codec import frame
from exchange.effects.ports import EffectError, Log
from exchange.engine import Machine
from exchange.events.codec import chain
from exchange.projections.journal.history import Torn
from exchange.projections.journal.segment import SegmentDamaged
from exchange.roles.stops import CannotStart, Gap, Halted, Mismatch, Trimmed
from exchange.terms.stream import CommandEntry, EventEntry, Head, StreamId, format_id

BATCH: Final = 1_000
STREAMS: Final = "streams"

Pair = tuple[CommandEntry, EventEntry]


class Walk:
    """Where the walk stands (`head`), what computes along with it, and what it has seen.

    `number` is how many entries of the log come before the next one, if that is known. `seen` gets the chain (and
    number, and entries walked) at each position of `marks` that is passed.
    """

    def __init__(self, head: Head, machine: Machine | None, number: int | None, marks: Iterable[StreamId] = ()) -> None:
        self.head = head
        self.machine = machine
        self.number = number
        self.entries = 0
        self._marks = set(marks)
        self.seen: dict[StreamId, tuple[bytes, int | None, int]] = {}
        self._mark()

    def take(self, place: str, command: CommandEntry, entry: EventEntry, *, chained: bool = False) -> None:
        """The next entry, which stands in `place`.

        Args:
            chained: its chain was checked already, from this walk's head. (The engine's own result is chained anyway.)

        Raises:
            Found: it is not the next, or not what the machine computes.
        """
        id = entry.id
        if command.id != id:
            missing, what = (command.id, "no entry") if command.id < id else (id, "no command")
            raise Found(place, format_id(missing), "a command and its entry", what)
        if id <= self.head.id:
            raise Found(place, format_id(id), f"an id above {format_id(self.head.id)}", "this one after it")
        if self.machine is not None:
            computed = self._computed(self.machine, place, command)
            if computed.chain != entry.chain or computed.payload != entry.payload:
                raise self._otherwise(place, command, entry, computed)
        elif not chained:
            linked = self._linked(command, entry)
            if linked != entry.chain:
                raise _chains(place, entry, linked)
        self.head = Head(id, entry.chain)
        self.entries += 1
        if self.number is not None:
            self.number += 1
        self._mark()

    def _mark(self) -> None:
        if self.head.id in self._marks:
            self.seen[self.head.id] = (self.head.chain, self.number, self.entries)

    def _computed(self, machine: Machine, place: str, command: CommandEntry) -> EventEntry:
        try:
            return machine.step(command)
        except Exception as error:  # whatever it is: the engine cannot have published a result of this
            raise Found(place, format_id(command.id), "a command that the engine can apply", repr(error)) from error

    def _linked(self, command: CommandEntry, entry: EventEntry) -> bytes:
        return chain(self.head.chain, entry.id, frame(command.fields), entry.payload)

    def _otherwise(self, place: str, command: CommandEntry, entry: EventEntry, computed: EventEntry) -> Found:
        """What is wrong with an entry that is not the one that the engine computes."""
        id = format_id(entry.id)
        if computed.payload == entry.payload:
            return _chains(place, entry, computed.chain)
        if entry.chain in (computed.chain, self._linked(command, entry)):
            return Found(place, id, text(computed.payload), text(entry.payload))
        return Found(place, id, f"the command of the result {text(entry.payload)}", text(b" ".join(command.fields)))


def _chains(place: str, entry: EventEntry, linked: bytes) -> Found:
    return Found(place, format_id(entry.id), f"chain {linked.hex()}", f"chain {entry.chain.hex()}")


async def pairs(log: Log, after: StreamId, until: StreamId) -> AsyncIterator[list[Pair]]:
    """Commands and entries side by side, in batches, from after a position to the last at or before another. Where one
    side lacks what the other has, the two of a pair have different ids.

    Raises:
        LogUnavailable, and what the log raises.
    """
    commands: list[CommandEntry] = []
    while after < until:
        entries = [entry for entry in await log.events(after, BATCH) if entry.id <= until]
        if not entries:
            return
        while len(commands) < len(entries):
            more = await log.commands(commands[-1].id if commands else after, BATCH)
            if not more:
                raise Found(STREAMS, format_id(entries[len(commands)].id), "a command and its entry", "no command")
            commands += more
        yield list(zip(commands, entries, strict=False))
        commands = commands[len(entries) :]
        after = entries[-1].id


@contextmanager
def translated() -> Iterator[None]:
    """What the log's readers raise, as findings.

    Raises:
        Found: they came upon a difference.
        CannotAudit: they cannot read what was asked for.
    """
    try:
        yield
    except SegmentDamaged as error:
        at = format_id(error.id) if error.id is not None else ""
        raise Found(f"segment {error.segment}", at, "what was written", str(error)) from error
    except Torn as error:
        raise Found("journal and streams", "", "one log", str(error)) from error
    except Mismatch as error:
        expected, found = (text(entry.payload) for entry in (error.computed, error.published))
        if expected == found:
            expected, found = (f"chain {entry.chain.hex()}" for entry in (error.computed, error.published))
        raise Found("log", format_id(error.id), expected, found) from error
    except Halted as error:
        raise Found("log", format_id(error.id), "a command that the engine can apply", str(error)) from error
    except (Trimmed, CannotStart) as error:
        raise CannotAudit(str(error)) from error
    except Gap as error:
        raise Found("log", "", "commands and entries side by side", str(error)) from error
    except EffectError as error:
        raise CannotAudit(str(error)) from error
