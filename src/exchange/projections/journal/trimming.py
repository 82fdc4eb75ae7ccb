"""How far the streams may be trimmed. Pure.

Everybody who may still want an old entry names the position from which they want the log: what is at that position is
needed too, because it proves that the log there is the one they know. The horizon is the lowest of all. Nobody is asked
who does not keep a position: they come back from a snapshot, and the two newest usable ones are among those who ask.

It must never be guessed: with fewer than two usable snapshots, or a journal that has archived nothing, nothing is
trimmed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exchange.terms.stream import START, StreamId

SNAPSHOTS: Final = 2
"""So many usable snapshots must remain: the newest may turn out damaged."""


@dataclass(frozen=True, slots=True)
class Horizon:
    """What is below `at` is nobody's need any more; `by` is who needs what is there. Nothing may be trimmed when `at`
    is `START`."""

    at: StreamId
    by: str


@dataclass(frozen=True, slots=True)
class Needs:
    """Everybody's positions."""

    archived: StreamId
    """The end of the last segment."""
    kept: StreamId
    """From here on the newest entries are kept that the settings ask for; `START` while there are not so many."""
    snapshots: Sequence[StreamId]
    """The positions of the usable snapshots: whole, and anchored in the streams. In any order."""
    groups: Mapping[str, StreamId]
    """How far each consumer group of the event stream has come."""
    projections: Mapping[str, StreamId]
    """How far each projection has committed."""


def horizon(needs: Needs) -> Horizon:
    """How far the streams may be trimmed, and for whom no further."""
    newest = sorted(set(needs.snapshots), reverse=True)
    wants = [
        Horizon(needs.archived, "the journal"),
        Horizon(newest[SNAPSHOTS - 1] if len(newest) >= SNAPSHOTS else START, "the second-newest usable snapshot"),
        *[Horizon(at, f"consumer group {name}") for name, at in sorted(needs.groups.items())],
        *[Horizon(at, f"projection {name}") for name, at in sorted(needs.projections.items())],
        Horizon(needs.kept, "EXCHANGE_STREAM_KEEP"),
    ]
    return min(wants, key=lambda want: want.at)
