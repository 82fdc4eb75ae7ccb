"""What an audit can come to: a difference, which is named, or that it could not look.

The first difference counts. What follows from it would only be noise: every chain hash after a changed byte is another.
"""

from dataclasses import dataclass
from typing import Final

VERIFIED: Final = 0
DIFFERENT: Final = 1
COULD_NOT_RUN: Final = 2

_SHOWN: Final = 400


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it should be.

    `place` is where it was found (`streams`, a segment, a snapshot, a checkpoint, a table), `id` the entry or row.
    """

    place: str
    id: str
    expected: str
    found: str

    def __str__(self) -> str:
        at = f" at {self.id}" if self.id else ""
        return f"{self.place}{at}: expected {short(self.expected)}, found {short(self.found)}"

    def json(self) -> dict[str, object]:
        """For machines, whole."""
        return {"place": self.place, "id": self.id, "expected": self.expected, "found": self.found}


class Found(Exception):
    """The audit found a difference."""

    def __init__(self, place: str, id: str, expected: str, found: str) -> None:
        self.difference = Difference(place, id, expected, found)
        super().__init__(str(self.difference))


class CannotAudit(Exception):
    """The audit could not be run; the message says what is missing and what to do."""


def text(payload: bytes) -> str:
    """Bytes for people: text where they are text, escapes where not."""
    return payload.decode("utf-8", "backslashreplace")


def short(shown: str) -> str:
    """A text cut to what a line can bear."""
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}… ({len(shown)} characters)"
