"""The log server: two streams and a consumer group, written as one append-only file with a durable prefix.

Requests wait in the server's inbox until its next turn; a turn executes them, makes the file durable (`always`) and
only then lets the replies go, also those of blocked readers, as Redis does: what nobody was told may be taken back, and
nothing else. Under `everysec` replies go first. A request outlives the process that sent it, and a caller whose reply
is lost cannot know whether it was executed: both happen here all the time.

A power cut keeps some prefix of the file that contains the durable one; an operation (a whole batch of results) is kept
or lost as one. Ids are given as Redis gives them: never at or below the last, whatever the clock says.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from exchange.effects.ports import Fenced, LogFull, LogUnavailable
from exchange.settings import Fsync
from exchange.terms.stream import START, CommandEntry, EventEntry, Head, StreamId, genesis_head
from tests.simulation.scheduler import Process, Scheduler, Turn, Wait

EPOCH_MS = 1_700_000_000_000
SOCKET_TIMEOUT_US = 400_000
FSYNC_EVERY_US = 1_000_000

_COMMAND, _EVENTS, _DELIVERED, _ACKED, _TRIMMED = range(5)


@dataclass(slots=True)
class Faults:
    """What goes wrong in the server's next turns; set by the world, used up by the turn it happens to."""

    die: str = ""
    """`kill` or `cut`: the server dies after executing a turn's requests, before it replies."""
    lose_reply: bool = False
    """One connection breaks after its request was executed."""


class Request:
    """A request on its way: `run` executes it and returns the reply, or None to stay blocked for `blocks_us`."""

    __slots__ = ("run", "wait", "process", "blocks_us")

    def __init__(self, run: Callable[[], Any], wait: "Wait[Any]", process: Process, blocks_us: int) -> None:
        self.run = run
        self.wait = wait
        self.process = process
        self.blocks_us = blocks_us


class Group:
    """A consumer group with one consumer: the last entry given out, and those given out but not acknowledged."""

    def __init__(self) -> None:
        self.delivered: StreamId = START
        self.pending: dict[StreamId, None] = {}


class Server:
    """The simulated server; `log.SimLog` is a client's view of it."""

    def __init__(self, scheduler: Scheduler, random: Random, fsync: Fsync, seen: Counter[str]) -> None:
        self.seen = seen
        self.scheduler = scheduler
        self.random = random
        self.fsync = fsync
        self.clock_offset_ms = 0
        self.life = 1
        self.up = True
        self.full = False
        self.stalled_until = 0
        self.faults = Faults()
        self.file: list[tuple[int, Any]] = []
        self.durable = 0
        self.settled = False
        """Whether an `everysec` log may lose something yet."""
        self.offset = START
        """A key that a client may keep beside the streams."""
        self.disturbed_us = 0
        """When the last thing ended that may have kept a reader waiting."""
        self.cuts = 0
        """Power cuts that took something back that had been visible."""
        self.on_publish: Callable[[Sequence[EventEntry]], None] = lambda entries: None
        self._inbox: list[Request] = []
        self._blocked: list[Request] = []
        self._turn_due = False
        self._reset_streams()
        if fsync == "everysec":
            scheduler.later(FSYNC_EVERY_US, self._fsync_regularly)

    # --- state -----------------------------------------------------------------------------------------------------

    def _reset_streams(self) -> None:
        self.commands: list[CommandEntry] = []
        self.command_ids: list[StreamId] = []
        self.events: list[EventEntry] = []
        self.event_ids: list[StreamId] = []
        self.first_command = 0
        self.first_event = 0
        self.group = Group()

    def _write(self, kind: int, value: Any) -> None:
        self.file.append((kind, value))
        self._apply(kind, value)

    def _apply(self, kind: int, value: Any) -> None:
        if kind == _COMMAND:
            self.commands.append(value)
            self.command_ids.append(value.id)
        elif kind == _EVENTS:
            self.events.extend(value)
            self.event_ids.extend([entry.id for entry in value])
        elif kind == _DELIVERED:
            self.group.delivered = value[-1]
            self.group.pending.update(dict.fromkeys(value))
        elif kind == _ACKED:
            for id in value:
                self.group.pending.pop(id, None)
        else:
            self.first_command = max(self.first_command, bisect_left(self.command_ids, value))
            self.first_event = max(self.first_event, bisect_left(self.event_ids, value))

    @property
    def run_id(self) -> str:
        """Names this incarnation."""
        return f"run-{self.life}"

    @property
    def last_command(self) -> StreamId:
        """The newest command's id."""
        return self.command_ids[-1] if self.command_ids else START

    def head(self) -> Head:
        """Where the event stream ends."""
        return Head(self.events[-1].id, self.events[-1].chain) if self.events else genesis_head()

    # --- requests --------------------------------------------------------------------------------------------------

    def request(self, process: Process, run: Callable[[], Any], blocks_us: int = 0) -> "Wait[Any]":
        """Send a request; with `blocks_us` an empty reply is held back so long."""
        process.check()
        wait: Wait[Any] = Wait(self.scheduler)
        if not self.up:
            self.scheduler.later(0, lambda: wait.fail(LogUnavailable("connection refused")))
            return wait
        self._inbox.append(Request(run, wait, process, blocks_us))
        self._schedule_turn()
        if self.stalled_until > self.scheduler.now_us:
            self._time_out(wait)
        return wait

    def _time_out(self, wait: "Wait[Any]") -> None:
        self.scheduler.later(SOCKET_TIMEOUT_US, lambda: wait.fail(LogUnavailable("timed out")))

    def _block(self, request: Request) -> None:
        self._blocked.append(request)
        self.scheduler.later(request.blocks_us, lambda: self._unblock(request))

    def _unblock(self, request: Request) -> None:
        if request in self._blocked:
            self._blocked.remove(request)
            if self.stalled_until > self.scheduler.now_us:
                request.wait.fail(LogUnavailable("timed out"))
            else:
                request.wait.resolve([])

    def _schedule_turn(self) -> None:
        if not self._turn_due and self._inbox:
            self._turn_due = True
            turn = Turn(self._turn, 0)
            pause = self.stalled_until - self.scheduler.now_us
            if pause > 0:
                self.scheduler.later(pause, lambda: self.scheduler.ready.append(turn))
            else:
                self.scheduler.ready.append(turn)

    def _turn(self) -> None:
        """Execute some of what has arrived, make it durable, reply."""
        self._turn_due = False
        if not self.up:
            return
        if self.stalled_until > self.scheduler.now_us:
            self._schedule_turn()
            return
        some = 1 + int(self.random.random() * len(self._inbox))
        arrived, self._inbox = self._inbox[:some], self._inbox[some:]
        before = len(self.file)
        replies: list[tuple[Wait[Any], Any]] = []
        for request in arrived:
            if not request.process.alive:
                self.seen["request of a dead process executed"] += 1
            reply = self._execute(request)
            if reply is None:
                self._block(request)
            else:
                replies.append((request.wait, reply))
        if self._blocked and len(self.file) > before:
            replies.extend(self._serve_blocked())
        if self.faults.die:
            self.seen["server died in mid-turn"] += 1
            how, self.faults.die = self.faults.die, ""
            self._die(before if how == "kill" else min(self.durable, before))
            for wait, _ in replies:
                wait.fail(LogUnavailable("connection lost"))
        else:
            self._make_durable()
            for wait, reply in replies:
                self._reply(wait, reply)
            self._schedule_turn()

    def _execute(self, request: Request) -> Any:
        try:
            return request.run()
        except (Fenced, LogFull) as refusal:
            self.seen[type(refusal).__name__] += 1
            return refusal

    def _serve_blocked(self) -> list[tuple["Wait[Any]", Any]]:
        served: list[tuple[Wait[Any], Any]] = []
        still: list[Request] = []
        for request in self._blocked:
            if not request.process.alive:
                continue
            reply = self._execute(request)
            if reply is None:
                still.append(request)
            else:
                served.append((request.wait, reply))
        self._blocked = still
        return served

    def _reply(self, wait: "Wait[Any]", reply: Any) -> None:
        if self.faults.lose_reply:
            self.faults.lose_reply = False
            self.seen["reply lost"] += 1
            self.disturbed_us = max(self.disturbed_us, self.scheduler.now_us)
            wait.fail(LogUnavailable("connection reset"))
        elif isinstance(reply, Exception):
            wait.fail(reply)
        else:
            wait.resolve(reply)

    def forget(self, process: Process) -> None:
        """A client died: what it sent may still be executed, or may not."""
        self._inbox = [r for r in self._inbox if r.process is not process or self.random.random() < 0.5]
        self._blocked = [r for r in self._blocked if r.process is not process]

    def break_connection(self) -> None:
        """Break one connection with a request on it, which may still be executed."""
        waiting = len(self._inbox) + len(self._blocked)
        if waiting:
            at = int(self.random.random() * waiting)
            if at < len(self._inbox):
                request = self._inbox[at]
                if self.random.random() < 0.5:
                    del self._inbox[at]
            else:
                request = self._blocked.pop(at - len(self._inbox))
            request.wait.fail(LogUnavailable("connection reset"))
            self.seen["connection broken"] += 1
            self.disturbed_us = max(self.disturbed_us, self.scheduler.now_us)

    # --- durability and death --------------------------------------------------------------------------------------

    def _make_durable(self) -> None:
        if self.fsync == "always" or not self.settled:
            self.durable = len(self.file)

    def _fsync_regularly(self) -> None:
        self.durable = len(self.file)
        self.scheduler.later(FSYNC_EVERY_US, self._fsync_regularly)

    def kill(self) -> None:
        """Kill the process between two turns: the operating system keeps all that was written."""
        if self.up:
            self._die(len(self.file))

    def cut_power(self) -> None:
        """Cut the power between two turns: some prefix of the file survives, at least the durable one."""
        if self.up:
            self._die(self.durable)

    def _die(self, at_least: int) -> None:
        written = len(self.file)
        if self.random.random() < 0.5:
            at_least = max(at_least, written - 3)
        kept = at_least + int(self.random.random() * (written - at_least + 1))
        if kept < written:
            self.cuts += 1
            self.seen["tail of the log lost"] += 1
            del self.file[kept:]
            self._reset_streams()
            for kind, value in self.file:
                self._apply(kind, value)
        self.durable = len(self.file)
        self.up = False
        self._wake()
        for request in self._inbox + self._blocked:
            request.wait.fail(LogUnavailable("connection lost"))
        self._inbox, self._blocked = [], []

    def restart(self) -> None:
        """Come back with what the file holds, as another incarnation."""
        if not self.up:
            self.up = True
            self.life += 1
            self.disturbed_us = self.scheduler.now_us

    def settle(self) -> None:
        """What is written so far is durable in any mode; from here on the mode decides."""
        self.durable = len(self.file)
        self.settled = True

    def heal(self) -> None:
        """Be up, with room, and stay so."""
        self.faults = Faults()
        self.full = False
        self._wake()
        self.restart()
        self._schedule_turn()

    def _wake(self) -> None:
        """End a stall; the turn that waits for its end will find nothing left to do."""
        self.stalled_until = 0
        self._turn_due = False

    def stall(self, for_us: int) -> None:
        """Answer nobody for a while; callers give up, and their requests are executed all the same."""
        if self.up:
            self.stalled_until = max(self.stalled_until, self.scheduler.now_us + for_us)
            self.disturbed_us = self.stalled_until
            for request in self._inbox:
                self._time_out(request.wait)

    # --- what requests do ------------------------------------------------------------------------------------------

    def next_command_id(self) -> StreamId:
        """The id that Redis would give the next command."""
        ms = EPOCH_MS + self.scheduler.now_us // 1000 + self.clock_offset_ms
        last = self.last_command
        return (ms, 0) if ms > last[0] else (last[0], last[1] + 1)

    def append(self, fields: list[bytes]) -> StreamId:
        """Append a command of any shape."""
        if self.full:
            raise LogFull("no room")
        entry = CommandEntry(self.next_command_id(), fields)
        self._write(_COMMAND, entry)
        return entry.id

    def read_commands(self, after: StreamId, count: int) -> list[CommandEntry]:
        """Commands above `after`; what has been trimmed is skipped without an error, as Redis does."""
        start = max(bisect_right(self.command_ids, after), self.first_command)
        return self.commands[start : start + count]

    def read_events(self, after: StreamId, count: int) -> list[EventEntry]:
        """Event entries above `after`."""
        start = max(bisect_right(self.event_ids, after), self.first_event)
        return self.events[start : start + count]

    def event(self, id: StreamId) -> EventEntry | None:
        """The event entry with this id."""
        at = bisect_right(self.event_ids, id) - 1
        return self.events[at] if at >= self.first_event and self.event_ids[at] == id else None

    def accepts(self, built_on: Head, entries: Sequence[EventEntry]) -> bool:
        """The comparison in compare-and-append."""
        return self.head() == built_on

    def publish(self, built_on: Head, entries: Sequence[EventEntry]) -> bool:
        """Compare-and-append."""
        if self.full:
            raise LogFull("no room")
        if not self.accepts(built_on, entries):
            raise Fenced("the event stream does not end there")
        self.add(entries)
        return True

    def add(self, entries: Sequence[EventEntry]) -> None:
        """Add a batch of results as one operation of the file."""
        self._write(_EVENTS, list(entries))
        self.on_publish(entries)

    def read_group(self, count: int) -> list[EventEntry]:
        """New entries for the group's consumer."""
        entries = self.read_events(self.group.delivered, count)
        if entries:
            self._write(_DELIVERED, [entry.id for entry in entries])
        return entries

    def read_pending(self) -> list[EventEntry]:
        """What was given to the group's consumer and never acknowledged."""
        return [entry for id in sorted(self.group.pending) if (entry := self.event(id)) is not None]

    def acknowledge(self, ids: list[StreamId]) -> bool:
        """The group's consumer has dealt with these."""
        self._write(_ACKED, ids)
        return True

    def trimmed(self, id: StreamId) -> bool:
        """Whether the entry with this id is no longer there."""
        return bisect_left(self.event_ids, id) < self.first_event

    def trim(self, before: StreamId) -> bool:
        """Drop everything below `before` from both streams; the judge goes on seeing it."""
        self._write(_TRIMMED, before)
        self._make_durable()
        self.seen["streams trimmed"] += 1
        return True
