"""Logs in memory and the segments of them, for tests of the journal."""

from collections.abc import Sequence

from exchange.commands.codec import frame
from exchange.engine import Machine
from exchange.events.codec import chain
from exchange.projections.journal.segment import Gathering, Header
from exchange.terms.stream import GENESIS_CHAIN, CommandEntry, EventEntry, Head, StreamId, genesis_head
from tests.property.flows import flow

Pair = tuple[CommandEntry, EventEntry]
Sealed = tuple[Header, bytes]


def a_log(seed: int, length: int) -> list[Pair]:
    """What the engine makes of a flow, poison and refusals among it, as far as a stream can hold it."""
    machine = Machine()
    commands = [command for command in flow(seed, 2 * length) if command.fields and len(command.fields) % 2 == 0]
    return [(command, machine.step(command)) for command in commands[:length]]


def linked(parts: Sequence[tuple[StreamId, list[bytes], bytes]], before: bytes = GENESIS_CHAIN) -> list[Pair]:
    """A well-chained log that no engine made, of ids, fields and payloads."""
    pairs: list[Pair] = []
    for id, fields, payload in parts:
        before = chain(before, id, frame(fields), payload)
        pairs.append((CommandEntry(id, fields), EventEntry(id, payload, before)))
    return pairs


def sealed(pairs: Sequence[Pair], before: Head | None = None, number: int = 0, log_id: str = "") -> Sealed:
    """One segment of these entries."""
    gathering = Gathering(before or genesis_head(), number, log_id)
    for command, entry in pairs:
        gathering.add(command, entry)
    return gathering.close()


def cut(pairs: Sequence[Pair], size: int) -> list[Sealed]:
    """A log as segments of so many entries each."""
    made: list[Sealed] = []
    for start in range(0, len(pairs), size):
        last = made[-1][0] if made else None
        before, number, log_id = (last.last, last.total, last.log_id) if last else (None, 0, "")
        made.append(sealed(pairs[start : start + size], before, number, log_id))
    return made


def content(commands: Sequence[CommandEntry], events: Sequence[EventEntry]) -> list[tuple[object, ...]]:
    """Entries as plain values, to compare."""
    return [(c.id, e.id, c.fields, e.payload, e.chain) for c, e in zip(commands, events, strict=True)]


def content_of(pairs: Sequence[Pair]) -> list[tuple[object, ...]]:
    """The same of pairs."""
    return content([c for c, _ in pairs], [e for _, e in pairs])
