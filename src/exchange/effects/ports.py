"""What a role may rely on of the world, and how the world may fail.

    EffectError
    ├── LogUnavailable    the server is away, loading or stalled: retry, trusting nothing in memory
    ├── LogFull           the server refuses writes for want of memory or disk: nothing was added
    ├── Fenced            the event stream does not end where the publisher thought: nothing was added
    └── AsideFailed       work beside a role broke; the role itself did not

A write that fails with `LogUnavailable` may or may not have happened. Nobody may guess: an engine finds out by reading
the event stream's head, a client by repeating its command with the same client order id.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from exchange.terms.stream import CommandEntry, EventEntry, Head, StreamId


class EffectError(Exception):
    """The world did not do as asked."""


class LogUnavailable(EffectError):
    """The log cannot be reached now."""


class LogFull(EffectError):
    """The log refuses to grow; nothing was added."""


class Fenced(EffectError):
    """Compare-and-append found another head than the one the batch was built on; nothing was added."""


class AsideFailed(EffectError):
    """Work beside the role broke."""


class Log(Protocol):
    """The two streams."""

    async def incarnation(self) -> str:
        """The server's run id: another one means a restart, after which no memory of the log may be trusted."""

    async def append(self, raw: bytes) -> StreamId:
        """Append a command (the bytes of field `c`) and give its id.

        Raises:
            LogUnavailable, LogFull.
        """

    async def commands(self, after: StreamId, count: int, wait_ms: int = 0) -> list[CommandEntry]:
        """Up to `count` commands with ids above `after`, in order; waits up to `wait_ms` for the first.

        Raises:
            LogUnavailable.
        """

    async def events(self, after: StreamId, count: int, wait_ms: int = 0) -> list[EventEntry]:
        """Up to `count` event entries with ids above `after`, in order; waits up to `wait_ms` for the first.

        Raises:
            LogUnavailable.
        """

    async def event(self, id: StreamId) -> EventEntry | None:
        """The event entry with this id, if it is there.

        Raises:
            LogUnavailable.
        """

    async def head(self) -> Head:
        """Where the event stream ends; `genesis_head()` when it is empty.

        Raises:
            LogUnavailable.
        """

    async def settled(self) -> None:
        """Return once everything that was read so far would survive a power loss.

        Raises:
            LogUnavailable: it is not known to.
        """

    def publish(self, built_on: Head, entries: Sequence[EventEntry]) -> Awaitable[None]:
        """Append a batch of results, all or none, if the event stream still ends on `built_on`.

        Awaiting what this gives tells what came of it; until then commands may be read. There is never more than one
        publication under way, and who sees another call fail meanwhile does not know what became of it.

        Raises:
            Fenced, LogUnavailable, LogFull.
        """


class Trimmer(Protocol):
    """What only the journal may do to the streams."""

    async def trim(self, horizon: StreamId) -> int:
        """Drop what is below `horizon` from both streams, as one; the entries at `horizon` stay. Gives how many entries
        each stream has left.

        Raises:
            LogUnavailable: it may or may not have happened, and does no harm twice.
        """

    async def groups(self) -> dict[str, StreamId]:
        """How far each consumer group of the event stream has come, by name.

        Raises:
            LogUnavailable.
        """


class Count(NamedTuple):
    """A change to a shared counter."""

    name: str
    amount: int
    """How much is added, below zero to take away; zero only looks, and keeps nothing alive."""
    ttl_ms: int
    """The counter is gone so long after it was changed last: name the window in `name` where it must end sooner."""
    afresh: bool = False
    """The total is set to the amount, whatever it was."""


class Counters(Protocol):
    """Totals that several processes add to. What is lost with the server is lost: they bound, they do not account."""

    async def add(self, counts: Sequence[Count]) -> list[int]:
        """Make all changes, in one round trip, and give the totals after them, in order.

        Raises:
            EffectError: not in time, or not at all; each change may or may not have been made.
        """


class Aside(Protocol):
    """One piece of work at a time beside the role, on the memory as it is when the work begins."""

    def begin(self, work: Callable[[], str]) -> bool:
        """Begin, unless something is still under way; whether it was begun. What `work` changes in memory is lost."""

    def ended(self) -> str | None:
        """What the work gave, once, when it has ended; None while it has not, or nothing was begun.

        Raises:
            AsideFailed: it ended otherwise; the message says how.
        """


class SnapshotStore(Protocol):
    """A place for named snapshot files; every write is atomic and durable before it returns."""

    def names(self) -> list[str]:
        """The complete snapshots, newest first (names sort by position)."""

    def read(self, name: str) -> Iterable[bytes]:
        """The lines of a snapshot, in order, without their line ends.

        Raises:
            OSError: it cannot be read.
        """

    def write(self, name: str, lines: Iterable[bytes]) -> None:
        """Store a snapshot under a name, replacing any of that name, or leave no trace.

        Raises:
            OSError: there is no room, or the store cannot be written.
        """

    def delete(self, name: str) -> None:
        """Forget a snapshot; unknown names are ignored."""


class Clock(Protocol):
    """Wall time and waiting, for whoever may look at a clock: never the engine."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""
