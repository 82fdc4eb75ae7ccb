"""Make a failing flow small: leave out what the failure does not need.

Any part of a flow is a sequence of commands again, so nothing has to be known about them: first halves are left out,
then quarters, and so on down to single commands, until none can be spared.
"""

from collections.abc import Callable, Sequence

from exchange.terms.stream import CommandEntry, format_id


def shrunk(entries: Sequence[CommandEntry], fails: Callable[[Sequence[CommandEntry]], bool]) -> list[CommandEntry]:
    """A part of `entries` that still fails and of which no single command can be left out."""
    found = list(entries)
    size = max(1, len(found) // 2)
    while True:
        spared = False
        start = 0
        while start < len(found):
            without = found[:start] + found[start + size :]
            if fails(without):
                found = without
                spared = True
            else:
                start += size
        if size == 1 and not spared:
            return found
        size = max(1, size // 2)


def written(entries: Sequence[CommandEntry]) -> str:
    """A flow as text, one entry a line: its id and its fields."""
    return "\n".join(
        f"{format_id(entry.id)} {b' '.join(entry.fields).decode('utf-8', 'backslashreplace')}" for entry in entries
    )
