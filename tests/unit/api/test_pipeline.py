"""Commands sent without a task for each: every one is told once what came of it, whatever that is."""

import asyncio
from collections.abc import Callable

import pytest

from exchange.api.commanding import Answer, CommandPath
from exchange.api.errors import ApiError
from exchange.commands.types import OpenAccount
from exchange.effects.ports import EffectError, LogFull, LogUnavailable
from exchange.events import codec
from exchange.events.types import AccountOpened, Duplicate, Event, Outcome
from exchange.terms.stream import EventEntry, StreamId
from tests.unit.api.test_commanding import ReadLog

Told = Callable[[StreamId | EffectError], bool]


def entry(number: int, event: Event) -> EventEntry:
    return EventEntry((number, 0), codec.encode(Outcome([event], [])), bytes(32))


class Line(ReadLog):
    """A log whose appends are answered by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Told] = []
        self.path = CommandPath(self, self, deadline_s=0.05, submit=lambda raw, told: self.sent.append(told))
        self.told: dict[str, Answer | ApiError] = {}

    def send(self, ref: str) -> None:
        def told(answer: Answer | ApiError) -> None:
            assert ref not in self.told
            self.told[ref] = answer

        self.path.send(OpenAccount(ref), told)

    def code(self, ref: str) -> str:
        answer = self.told[ref]
        assert isinstance(answer, ApiError)
        return str(answer.code)


async def test_results_are_told_as_their_entries_come_whichever_is_first() -> None:
    line = Line()
    for ref in ("a", "b"):
        line.send(ref)
    line.waiter.deliver(entry(1, AccountOpened(100, "a")))  # before the append's own answer
    assert line.sent[0]((1, 0))
    assert line.sent[1]((2, 0))
    assert list(line.told) == ["a"]
    line.waiter.deliver(entry(2, AccountOpened(101, "b")))
    answers = [line.told[ref] for ref in ("a", "b")]
    assert [answer.id for answer in answers if isinstance(answer, Answer)] == [(1, 0), (2, 0)]
    assert not len(line.waiter)
    await line.path.drained(0.1)


@pytest.mark.parametrize(
    "error, code",
    [(LogFull(), "log_full"), (LogUnavailable("away"), "log_unavailable"), (EffectError("refused"), "internal")],
)
async def test_what_was_not_appended_is_told_why(error: EffectError, code: str) -> None:
    line = Line()
    line.send("a")
    assert line.sent[0](error)
    assert line.code("a") == code
    await line.path.drained(0.1)


async def test_at_the_deadline_the_outcome_is_unknown_and_later_results_are_nobodys() -> None:
    line = Line()
    line.send("never appended")
    line.send("never decided")
    assert line.sent[1]((2, 0))
    await asyncio.sleep(0.03)
    line.send("in time")
    assert line.sent[2]((3, 0))
    await asyncio.sleep(0.03)
    assert line.code("never appended") == line.code("never decided") == "unknown_outcome"
    assert not line.sent[0]((1, 0))
    line.waiter.deliver(entry(2, AccountOpened(100, "never decided")))
    line.waiter.deliver(entry(3, AccountOpened(101, "in time")))
    assert isinstance(line.told["in time"], Answer)


async def test_a_result_of_another_incarnation_is_not_believed() -> None:
    line = Line()
    line.send("a")
    assert line.sent[0]((1, 0))
    before = line.waiter
    line.restart()
    before.deliver(entry(1, AccountOpened(100, "a")))
    assert line.code("a") == "unknown_outcome"


async def test_a_repetition_and_an_entry_that_passed_are_read_from_the_log() -> None:
    line = Line()
    line.send("again")
    line.sent[0]((5, 0))
    line.waiter.deliver(entry(5, Duplicate("1-0")))
    line.send("passed")
    line.sent[1]((4, 0))  # below the newest, and not remembered
    await line.path.drained(1)
    assert line.code("again") == line.code("passed") == "log_unavailable"  # this log cannot be asked
