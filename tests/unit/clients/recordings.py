"""Small recordings for the tests, a stream whose engine lives in the test, and where the recorded hour may be found."""

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

from exchange.clients.drive import CommandDoor, Driven, Driver, Pace, plan
from exchange.clients.flow import Flow
from exchange.clients.judge import Judge
from exchange.clients.lobster import BookRow, Message, Quote
from exchange.clients.stage import prepare
from exchange.commands.codec import encode
from exchange.commands.types import Command, OpenLog
from exchange.engine import Machine
from exchange.terms.stream import CommandEntry, EventEntry, StreamId

RECORDED_HOUR = Path(__file__).parents[4] / "shared" / "data" / "lobster" / "aapl_messages.csv.gz"
"""An hour of real orders that may not be part of this repository; tests skip without it."""


def message(number: int, kind: int, order: int, size: int, price: int, side: str) -> Message:
    """A recorded event, one millisecond after the other."""
    return Message(number, number * 1_000_000, kind, order, size, price, side == "buy")


def write_recording(folder: Path, messages: Sequence[str], levels: Sequence[str], quotes: Sequence[str]) -> Path:
    """Write a message file and its companions; the messages gzipped, the others plain."""
    path = folder / "toy_messages.csv.gz"
    with gzip.open(path, "wt") as file:
        file.writelines(f"{line}\n" for line in messages)
    if levels:
        (folder / "toy_levels_first.csv").write_text("".join(f"{line}\n" for line in levels))
    if quotes:
        (folder / "toy_best_quotes.csv").write_text("".join(f"{line}\n" for line in quotes))
    return path


class MachineStream:
    """Both streams with an engine that answers within the call; `before` may append somebody else's commands."""

    def __init__(self) -> None:
        self.machine = Machine()
        self.entries: list[EventEntry] = []
        self.before: Callable[[bytes], list[Command]] = lambda _raw: []
        self.append(OpenLog("0" * 32, 1, 3_600_000))

    def append(self, command: Command) -> StreamId:
        return self.send([encode(command)])[0]

    def send(self, commands: Sequence[bytes]) -> list[StreamId]:
        ids = []
        for raw in commands:
            for command in self.before(raw):
                self._step(encode(command))
            ids.append(self._step(raw))
        return ids

    def results(self, after: StreamId, wait_ms: int) -> list[EventEntry]:
        return self.entries[after[0] : after[0] + 1000]

    def _step(self, raw: bytes) -> StreamId:
        id = (len(self.entries) + 1, 0)
        self.entries.append(self.machine.step(CommandEntry(id, [b"c", raw])))
        return id


def drive(
    stream: MachineStream,
    messages: Sequence[Message],
    levels: Sequence[BookRow] = (),
    quotes: Sequence[Quote] = (),
    market: str = "AAPL-USD",
) -> tuple[Driven, Judge, Flow]:
    """Set the stage and drive a recording through a stream as fast as it goes."""
    steps, flow = plan(messages, levels)
    stage = prepare(stream, market, steps, "test", 1.0)
    judge = Judge(market, stage.units, levels, quotes)
    driver = Driver(CommandDoor(stream, stage), stream, judge, stage.after, 1.0)
    driven = driver.run(steps, Pace(), lambda _events, _seconds: None)
    judge.finish(complete=True)
    return driven, judge, flow
