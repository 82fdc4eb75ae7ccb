"""Why a role stops for good. In doubt the market halts, and there is no override.

    MustStop
    ├── CannotStart       the log and the snapshots beside it do not make a state to start from
    │   ├── WrongLog          the snapshots are another log's, or the log is empty beside them
    │   ├── NewerFormat       a snapshot of a format, or of rules, that only a newer version knows
    │   └── NewerRules        the log goes on by rules that only a newer version knows
    ├── Diverged          the log does not say what this machine computes from it
    │   ├── Gap               a command without result between results, or a result without command
    │   │   └── Trimmed           a stream begins after every position that a state could be had for
    │   └── Mismatch          another result was published than the one computed
    ├── Unsound           money was made or lost, or is bound to nothing
    └── Halted            the machine broke an invariant of its own

Each message names the id and says what to do. A role that raises one of these has published nothing at or after that
id; its process ends with exit code 3 and is not worth restarting.
"""

from exchange.terms.stream import EventEntry, StreamId, format_id

_SHOWN = 600


class MustStop(Exception):
    """The role must stop; an operator has to look."""


class CannotStart(MustStop):
    """There is no state to start from."""


class WrongLog(CannotStart):
    """The snapshots belong to another log than the streams."""


class NewerFormat(CannotStart):
    """A snapshot was written by a newer version, whose state this one cannot know."""


class NewerRules(CannotStart):
    """An operator has switched the log to rules that this version does not know."""

    def __init__(self, id: StreamId, rules: int, known: int) -> None:
        super().__init__(
            f"the log follows rules {rules} from entry {format_id(id)} on; this version knows rules up to {known}. "
            "Run the version that wrote it, or a newer one: there is no way back to an older one."
        )


class Diverged(MustStop):
    """The log and this machine do not agree."""


class Gap(Diverged):
    """The two streams do not run side by side: something is missing from one of them."""


class Trimmed(Gap):
    """What is needed to compute the state is no longer in the log, and no usable snapshot has it."""

    def __init__(self, found: str) -> None:
        super().__init__(f"{found}, and no snapshot can be used. Restore a snapshot or the log's data.")


class Mismatch(Diverged):
    """The result that was published is not the one this machine computes.

    `published` and `computed` are the two entries, of the same id.
    """

    def __init__(self, published: EventEntry, computed: EventEntry) -> None:
        self.id: StreamId = published.id
        self.published = published
        self.computed = computed
        super().__init__(
            f"entry {format_id(self.id)} differs: published {_show(published)}; computed {_show(computed)}. "
            "Either the log was changed, or this version computes otherwise than the one that wrote it."
        )


class Unsound(MustStop):
    """The money does not add up; the message says whose, of what, and how much."""


class Halted(MustStop):
    """The machine could not apply a command cleanly; `id` is the command's."""

    def __init__(self, id: StreamId, reason: str) -> None:
        self.id = id
        super().__init__(f"the engine halts at command {format_id(id)}: {reason}. Nothing at or after it is published.")


def _show(entry: EventEntry) -> str:
    text = entry.payload.decode("utf-8", "backslashreplace")
    if len(text) > _SHOWN:
        text = f"{text[:_SHOWN]}… ({len(entry.payload)} bytes)"
    return f"{text} with chain {entry.chain.hex() or 'none'}"
