"""Whether the rows in a database may be carried on with the log at hand. Pure.

The position's entry stands in the event stream with the same chain: then, and only then, were the rows folded from
this log's beginning. Else the log lost its tail under them, or is another one: they are of no use, and are made again
if the log still reaches back to its first entry. A stream without entries proves nothing and is most likely the wrong
one, so it never costs rows.
"""

from typing import Literal

from exchange.commands.codec import frame
from exchange.events.codec import chain
from exchange.terms.stream import GENESIS_CHAIN, START, CommandEntry, EventEntry, Head, format_id

Verdict = Literal["go on", "rebuild"]


class CannotProject(Exception):
    """There is nothing to carry on with and nothing to begin from; the message says what to do."""


def anchored(position: Head, at: EventEntry | None) -> bool:
    """Whether the rows end on an entry of this log; `at` is what the log has under the position's id."""
    return at is not None and position.id != START and at.chain == position.chain


def verdict(position: Head, first: EventEntry | None, command: CommandEntry | None) -> Verdict:
    """What to do with rows that end on no entry of this log (see `anchored`).

    Args:
        position: where the rows end.
        first: the event stream's first entry.
        command: the command stream's first entry.

    Raises:
        CannotProject.
    """
    if first is None:
        if position.id == START:
            return "go on"
        raise CannotProject(
            f"the event stream is empty, but the database holds rows up to {format_id(position.id)}. Connect to the "
            "right stream server (REDIS_URL, EXCHANGE_STREAMS); to drop the rows and begin with this log, run "
            "`exchange project timescale --rebuild`."
        )
    if not is_genesis(first, command):
        rows = ""
        if position.id != START:
            rows = f", and it does not hold {format_id(position.id)}, where the database's rows end"
        raise CannotProject(
            f"the event stream begins at {format_id(first.id)}, which is not the beginning of a log{rows}. Restore a "
            "copy of the database that reaches up to that entry, or the streams' data."
        )
    return "go on" if position.id == START else "rebuild"


def is_genesis(first: EventEntry, command: CommandEntry | None) -> bool:
    """Whether a log begins with this entry and this command."""
    if command is None or command.id != first.id:
        return False
    return chain(GENESIS_CHAIN, first.id, frame(command.fields), first.payload) == first.chain
