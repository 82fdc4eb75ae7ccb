"""Whose events are whose in an entry.

An entry may tell of more than its command: what was due stands before it, what it set off after it, and a command that
does several things has an `item` before the events of each. The command's own can be told apart because nothing that is
due or set off is ever `accepted`, `list_opened`, `rejected`, `duplicate` or `item`, and no order ends by its owner's
hand (`reason` empty) but by a command.
"""

from typing import Final

from exchange.commands.codec import encode
from exchange.commands.types import Administrative, Batch, CancelReplace, Command, Place
from exchange.events.types import Duplicate, Event, Item, Outcome, Rejected

WHOLE: Final = -1
"""The part that is the whole entry."""


class Part:
    """What an entry says of one part of its command: refused with a `code`, a repetition of what the entry `first`
    answered, or its events."""

    def __init__(self, item: Item) -> None:
        self.index = item.index
        self.code = item.code
        self.field = item.field
        self.first = item.first
        self.events: list[Event] = []


def parts(outcome: Outcome) -> dict[int, Part]:
    """The parts by index; what the command set off stands with the last."""
    found: dict[int, Part] = {}
    part: Part | None = None
    for event in outcome.events:
        if isinstance(event, Item):
            part = found[event.index] = Part(event)
        elif part is not None:
            part.events.append(event)
    return found


def refusal_of(outcome: Outcome, part: int = WHOLE) -> tuple[str, str] | None:
    """Code and field of a command's refusal, or of that of one of its parts; None when it was not refused."""
    for event in outcome.events:
        if isinstance(event, Rejected):
            return event.code, event.field
    if part == WHOLE:
        return None
    found = parts(outcome).get(part)
    return (found.code, found.field) if found is not None and found.code else None


def answers(outcome: Outcome, part: int) -> bool:
    """Whether an entry says what became of a part: one that was not attempted has no answer."""
    return part == WHOLE or part in parts(outcome) or refusal_of(outcome) is not None


def duplicate_of(outcome: Outcome) -> str:
    """The first result's position, `ms-seq`, if the command is a repetition; else empty."""
    for event in outcome.events:
        if isinstance(event, Duplicate):
            return event.first
    return ""


def same_part(original: Command, asked: Command) -> int | None:
    """Where in an earlier command the same was asked for: as a whole, or as one part of it; None: nowhere."""
    if isinstance(original, Administrative) and isinstance(asked, Administrative):
        original.by = asked.by  # who asks is no part of what is asked for
    wanted = encode(asked)
    if encode(original) == wanted:
        return WHOLE
    if not isinstance(asked, Place):
        return None
    placed: list[Command] = []
    if isinstance(original, Batch):
        placed = original.items
    elif isinstance(original, CancelReplace):
        placed = [original.cancel, original.place]
    for index, command in enumerate(placed):
        if encode(command) == wanted:
            return index
    return None
