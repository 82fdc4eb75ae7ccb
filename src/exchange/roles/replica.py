"""A machine and what the log has confirmed of it.

The event stream is the only truth about what happened; a machine that computes from the same commands must say the
same, byte for byte. A replica keeps the two apart: entries computed but not seen in the log are `pending`, and
`confirmed` is the last position where log and machine were found equal. Engine, standby, start-up and replay all move
by `catch_up`: read what was published, compute what is missing, compare.

It must never take a published entry's word for a state: every result is computed here.
"""

from collections import deque
from collections.abc import Callable

import orjson

from exchange.commands.types import RULES
from exchange.effects.ports import Log
from exchange.engine import Machine
from exchange.events.types import Outcome
from exchange.roles.stops import Gap, Halted, Mismatch, MustStop, NewerRules, Unsound
from exchange.terms.stream import CommandEntry, EventEntry, Head, StreamId, format_id

BATCH = 1_000
"""How many entries a role reads, and an engine publishes, at once. More would gain nothing, and keep the server from
everybody else for longer."""


Check = Callable[[Outcome], str]
"""Looks at a result and says what is wrong with it; empty for nothing."""


class Replica:
    """A machine beside the log it follows. It starts where the machine stands, which must be a confirmed position.

    With a `check` every result is looked at when it is computed: none that does not pass is published or confirmed.
    `entries` counts those confirmed so far.
    """

    def __init__(self, machine: Machine, check: Check | None = None) -> None:
        self.machine = machine
        self.confirmed: Head = machine.head
        self.pending: deque[EventEntry] = deque()
        self.entries = 0
        self._check = check

    def compute(self, command: CommandEntry) -> EventEntry:
        """Apply the next command; its result is pending until `confirm` or `published`.

        Raises:
            Halted, Unsound: the machine broke, or its result; this replica is of no further use.
        """
        try:
            entry = self.machine.step(command)
        except Exception as error:  # whatever it is, the state may be half-changed: nothing but stopping is safe
            raise _halted(command, error) from error
        if self._check is not None:
            self._look(self._check, command)
        self.pending.append(entry)
        return entry

    def confirm(self, published: EventEntry) -> None:
        """Compare the oldest pending entry with the one that the log has in its place.

        Raises:
            Gap: the log's entry has another id.
            Mismatch, NewerRules: it has another payload or chain.
        """
        computed = self.pending[0]
        if computed.id != published.id:
            raise _gap(computed, published)
        if computed.chain != published.chain or computed.payload != published.payload:
            raise _difference(published, computed)
        self.pending.popleft()
        self.confirmed = Head(published.id, published.chain)
        self.entries += 1

    def published(self, count: int) -> None:
        """The oldest `count` pending entries are in the log: compare-and-append took them as one."""
        for _ in range(count - 1):
            self.pending.popleft()
        last = self.pending.popleft()
        self.confirmed = Head(last.id, last.chain)
        self.entries += count

    async def catch_up(
        self,
        log: Log,
        count: int = BATCH,
        wait_ms: int = 0,
        until: StreamId | None = None,
        each: Callable[[EventEntry], None] | None = None,
    ) -> int:
        """Read up to `count` published entries after the confirmed position, none beyond `until`, and confirm each,
        computing those that are not pending yet; `each` is called after every one, when the machine stands there if
        nothing else is pending.

        Returns:
            How many entries there were; zero when the log has no more (within `wait_ms`).

        Raises:
            Gap, Mismatch, NewerRules, Halted, Unsound: this role must stop.
            LogUnavailable: what was confirmed so far stays so.
        """
        published = await log.events(self.confirmed.id, count, wait_ms)
        if until is not None:
            published = [entry for entry in published if entry.id <= until]
        known = min(len(self.pending), len(published))
        for entry in published[:known]:
            self.confirm(entry)
            if each is not None:
                each(entry)
        while known < len(published):
            rest = published[known:]
            commands = await log.commands(self.machine.head.id, len(rest))
            if not commands:
                raise Gap(
                    f"entry {format_id(rest[0].id)} has no command: the command stream ends at or before "
                    f"{format_id(self.machine.head.id)}, or was trimmed. Restore the command stream."
                )
            self._follow(commands, rest, each)
            known += len(commands)
        return len(published)

    def _follow(
        self, commands: list[CommandEntry], published: list[EventEntry], each: Callable[[EventEntry], None] | None
    ) -> None:
        """Compute commands that are published already, and compare: `compute` and `confirm` in one, for many."""
        step = self.machine.step
        check = self._check
        computed: EventEntry | None = None
        try:
            for command, entry in zip(commands, published, strict=False):
                if command.id != entry.id:
                    raise _gap(command, entry)
                try:
                    result = step(command)
                except Exception as error:  # as in `compute`
                    raise _halted(command, error) from error
                if result.chain != entry.chain or result.payload != entry.payload:
                    raise _difference(entry, result)
                if check is not None:
                    self._look(check, command)
                computed = result
                self.entries += 1
                if each is not None:
                    each(entry)
        finally:
            if computed is not None:
                self.confirmed = Head(computed.id, computed.chain)

    def _look(self, check: Check, command: CommandEntry) -> None:
        breach = check(self.machine.outcome)
        if breach:
            raise Unsound(f"entry {format_id(command.id)}: {breach}. The exchange's money does not add up.")


def _halted(command: CommandEntry, error: Exception) -> Halted:
    return Halted(command.id, f"{type(error).__name__}: {error}")


def _difference(published: EventEntry, computed: EventEntry) -> MustStop:
    """What two results of one command come from: a switch to rules that only a newer version knows, or what must not
    be."""
    try:
        events: list[dict[str, object]] = orjson.loads(published.payload)["events"]
        for event in events:
            rules = event.get("rules")
            if isinstance(rules, int) and rules > RULES and event.get("type") in {"rules_set", "log_opened"}:
                return NewerRules(published.id, rules, RULES)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        pass  # what cannot be read differs all the same
    return Mismatch(published, computed)


def _gap(expected: CommandEntry | EventEntry, published: EventEntry) -> Gap:
    if expected.id < published.id:
        return Gap(
            f"command {format_id(expected.id)} has no entry in the event stream, which goes on with "
            f"{format_id(published.id)}: an entry is missing. Restore the event stream."
        )
    return Gap(
        f"entry {format_id(published.id)} has no command; the next one is {format_id(expected.id)}: a command is "
        "missing, or the entry was added by hand. Restore the command stream."
    )
