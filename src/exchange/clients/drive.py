"""Feeding a recording's steps through an exchange, fast, and judging what it publishes.

One loop, one thread: commands go out in batches while results come back, with at most `WINDOW` commands in flight. A
command that needs a number the exchange has yet to give (a reduction names its order by it) waits until the results
have told it; everything else names orders by client order ids and never waits.

The results are recognised by their ids: an entry has its command's id, so whatever else stands in the stream is told to
the judge as a stranger's.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from exchange.clients.flow import Action, Flow, Reduce, Remove, Rest, Step
from exchange.clients.judge import Judge
from exchange.clients.lobster import BookRow, Message, opening_levels
from exchange.clients.stage import ActionRefused, DriveError, Stage, Stream
from exchange.commands.codec import encode
from exchange.commands.types import Amend, Cancel, Command, Place
from exchange.events.codec import decode
from exchange.terms.stream import EventEntry, Head, StreamId, format_id, genesis_head
from exchange.terms.words import BUY, GTC, IOC, LIMIT, SELL, Side

WINDOW: Final = 4_000
BATCH: Final = 500
PATIENCE: Final = 30.0
"""Seconds without any result, while some are owed, before the exchange counts as stopped."""

_REPORT_EVERY: Final = 1.0


class Door(Protocol):
    """A way into the exchange."""

    batch: int
    """How many actions are sent at once."""

    needs_number: tuple[type[Action], ...]
    """Actions that name their order by the exchange's number rather than by client order id."""

    def send(self, actions: Sequence[Action], numbers: Mapping[str, int]) -> list[StreamId]:
        """Send the actions in order; the ids of their commands. `numbers` gives the exchange's numbers of orders.

        Raises:
            ActionRefused: by a door that learns of a refusal at once, rather than from the published results.
            DriveError, EffectError: it cannot be done now.
        """


class CommandDoor:
    """Straight onto the command stream."""

    batch = BATCH
    needs_number: tuple[type[Action], ...] = (Reduce,)

    def __init__(self, stream: Stream, stage: Stage) -> None:
        self._stream = stream
        self._stage = stage

    def send(self, actions: Sequence[Action], numbers: Mapping[str, int]) -> list[StreamId]:
        """Append one command for each action."""
        return self._stream.send([encode(self._command(action, numbers)) for action in actions])

    def _command(self, action: Action, numbers: Mapping[str, int]) -> Command:
        stage = self._stage
        if isinstance(action, Remove):
            return Cancel(stage.resting, 0, action.name)
        if isinstance(action, Reduce):
            return Amend(stage.resting, numbers[action.name], stage.units.size(action.total))
        side: Side = BUY if action.buy else SELL
        price = stage.units.price(action.price)
        size = stage.units.size(action.size)
        if isinstance(action, Rest):
            return Place(stage.resting, stage.market, side, LIMIT, GTC, price, size, 0, action.name)
        return Place(stage.taking, stage.market, side, LIMIT, IOC, price, size, 0, action.name)


class Pace:
    """When a step is due: at `rate` recorded events a second, or at `speed` times the recording's own pace; 0 is "as
    fast as it goes"."""

    def __init__(self, rate: float = 0.0, speed: float = 0.0) -> None:
        self._rate = rate
        self._speed = speed
        self._first_ns = 0

    def due(self, step: Step) -> float:
        """Seconds after the start."""
        if self._rate:
            return step.number / self._rate
        if self._speed and step.number:
            self._first_ns = self._first_ns or step.time_ns
            return (step.time_ns - self._first_ns) / 1e9 / self._speed
        return 0.0


class Driven(NamedTuple):
    """What driving came to: recorded events, commands sent, seconds, and the head of the published log."""

    events: int
    commands: int
    seconds: float
    head: Head


def plan(messages: Sequence[Message], levels: Sequence[BookRow]) -> tuple[list[Step], Flow]:
    """All steps of a recording, the opening book first (empty without recorded levels), and the flow with its counts.

    Raises:
        LobsterError: the recording contradicts itself.
    """
    flow = Flow()
    steps = [flow.open(opening_levels(messages[0], levels[0]) if levels else [])]
    steps += [flow.step(message) for message in messages]
    return steps, flow


class Driver:
    """Sends steps through a door and hands the published results to the judge."""

    def __init__(self, door: Door, stream: Stream, judge: Judge, after: StreamId, patience: float = PATIENCE) -> None:
        self._door = door
        self._stream = stream
        self._judge = judge
        self._patience = patience
        self._market = f'"{judge.book.market}"'.encode()
        self._after = after
        self._head = genesis_head()
        self._waiting: list[Action] = []
        self._in_flight: deque[StreamId] = deque()
        self._commands = 0
        self._number = 0

    def run(self, steps: Sequence[Step], pace: Pace, progress: Callable[[int, float], None]) -> Driven:
        """Drive all steps; `progress` is called about once a second with the recorded events sent and the seconds.

        Raises:
            ActionRefused: the door said so; the message names the recorded event.
            DriveError: the exchange stopped answering, or its log is not what it must be.
            BookError: the published events contradict each other.
            EffectError: the log cannot be reached or written.
        """
        start = time.monotonic()
        reported = 0.0
        for step in steps:
            elapsed = time.monotonic() - start
            due = pace.due(step)
            if due > elapsed:
                self._flush()
                while (left := due - (time.monotonic() - start)) > 0:
                    self._receive(min(left, _REPORT_EVERY))
            if elapsed - reported >= _REPORT_EVERY:
                reported = elapsed
                progress(step.number, elapsed)
            self._number = step.number
            self._judge.expect(step)
            for action in step.actions:
                self._push(action)
        self._flush()
        self._drain(0)
        seconds = time.monotonic() - start
        return Driven(steps[-1].number, self._commands, seconds, self._head)

    def _push(self, action: Action) -> None:
        if isinstance(action, self._door.needs_number) and action.name not in self._judge.book.order_of:
            self._flush()
            while self._in_flight and action.name not in self._judge.book.order_of:
                self._receive_some()
            if action.name not in self._judge.book.order_of:
                raise DriveError(f"the exchange never told a number for order {action.name}: {self._first_mismatch()}")
        self._waiting.append(action)
        if len(self._waiting) >= self._door.batch:
            self._flush()
            self._receive(0)
            self._drain(WINDOW)

    def _flush(self) -> None:
        if self._waiting:
            try:
                ids = self._door.send(self._waiting, self._judge.book.order_of)
            except ActionRefused as refusal:
                raise ActionRefused(f"event {self._number}: {refusal}") from None
            self._in_flight.extend(ids)
            self._commands += len(ids)
            self._waiting = []

    def _drain(self, allowed: int) -> None:
        """Receive until no more than `allowed` results are owed."""
        while len(self._in_flight) > allowed:
            self._receive_some()

    def _receive_some(self) -> None:
        if not self._receive(self._patience):
            raise DriveError(
                f"no result for {self._patience:.0f} s, {len(self._in_flight)} are owed from "
                f"{format_id(self._in_flight[0])} on: is `exchange engine` running?"
            )

    def _receive(self, seconds: float) -> int:
        """Take what was published, waiting up to `seconds` for the first entry; how many entries there were."""
        entries = self._stream.results(self._after, int(seconds * 1000))
        for entry in entries:
            self._take(entry)
        if entries:
            last = entries[-1]
            self._after = last.id
            self._head = Head(last.id, last.chain)
        return len(entries)

    def _take(self, entry: EventEntry) -> None:
        if self._in_flight and entry.id >= self._in_flight[0]:
            if entry.id != self._in_flight[0]:
                raise DriveError(
                    f"command {format_id(self._in_flight[0])} has no entry in the event stream, which goes on with "
                    f"{format_id(entry.id)}: run `exchange replay` to find out what happened to the log"
                )
            self._in_flight.popleft()
            self._judge.result(decode(entry.payload))
        elif self._market in entry.payload:
            self._judge.stranger(decode(entry.payload))

    def _first_mismatch(self) -> str:
        return str(self._judge.mismatches[0]) if self._judge.mismatches else "its order was not accepted"
