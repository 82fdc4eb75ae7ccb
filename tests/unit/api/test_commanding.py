"""Asking the engine, while the log's server is exchanged on the way: an id means a command within one incarnation."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from exchange.api.commanding import Answer, CommandPath
from exchange.api.errors import ApiError
from exchange.api.parts import WHOLE
from exchange.commands.codec import FIELD, encode
from exchange.commands.types import Batch, Cancel, CancelReplace, Command, OpenAccount, Place, PlaceList
from exchange.effects.ports import LogUnavailable
from exchange.events import codec
from exchange.events.replies import ReplyWaiter
from exchange.events.types import Accepted, AccountOpened, Canceled, Duplicate, Event, Item, Outcome, Rejected
from exchange.terms.stream import CommandEntry, EventEntry, Head, StreamId, genesis_head

ID = (7, 0)


def opened(ref: str) -> EventEntry:
    return EventEntry(ID, codec.encode(Outcome([AccountOpened(100, ref)], [])), bytes(32))


class ReadLog:
    """A log whose every append gets the same id, and the gateway's reader of it."""

    def __init__(self) -> None:
        self.waiter = ReplyWaiter()
        self.while_appending: Callable[[], None] = lambda: None

    def outcome(self, entry: EventEntry) -> Outcome:
        return codec.decode(entry.payload)

    def restart(self) -> None:
        self.waiter = ReplyWaiter()

    async def append(self, raw: bytes) -> StreamId:
        self.while_appending()
        return ID

    async def incarnation(self) -> str:
        raise LogUnavailable

    async def commands(self, after: StreamId, count: int, wait_ms: int = 0) -> list[CommandEntry]:
        raise LogUnavailable

    async def events(self, after: StreamId, count: int, wait_ms: int = 0) -> list[EventEntry]:
        raise LogUnavailable

    async def event(self, id: StreamId) -> EventEntry | None:
        raise LogUnavailable

    async def head(self) -> Head:
        return genesis_head()

    async def settled(self) -> None:
        raise LogUnavailable

    async def publish(self, built_on: Head, entries: Sequence[EventEntry]) -> None:
        raise LogUnavailable


async def asked(log: ReadLog, ref: str) -> str:
    answer = await CommandPath(log, log, deadline_s=0.2).ask(OpenAccount(ref))
    (event,) = answer.outcome.events
    assert isinstance(event, AccountOpened)
    return event.ref


async def test_a_result_of_the_same_incarnation_is_the_answer() -> None:
    log = ReadLog()
    log.waiter.deliver(opened("mine"))
    assert await asked(log, "mine") == "mine"


async def test_a_lost_id_that_is_given_again_does_not_bring_the_lost_result() -> None:
    log = ReadLog()
    log.waiter.deliver(opened("lost"))
    log.restart()
    asking = asyncio.create_task(asked(log, "mine"))
    await asyncio.sleep(0)
    log.waiter.deliver(opened("mine"))
    assert await asking == "mine"


async def test_who_waits_when_the_server_restarts_does_not_get_a_strangers_result() -> None:
    log = ReadLog()
    asking = asyncio.create_task(asked(log, "mine"))
    await asyncio.sleep(0)
    log.restart()
    log.waiter.deliver(opened("stranger"))
    with pytest.raises(ApiError) as refused:
        await asking
    assert refused.value.code == "unknown_outcome"


async def test_an_id_from_before_a_restart_is_not_looked_up_after_it() -> None:
    log = ReadLog()

    def restarted() -> None:
        log.restart()
        log.waiter.deliver(opened("stranger"))

    log.while_appending = restarted
    with pytest.raises(ApiError) as refused:
        await asked(log, "mine")
    assert refused.value.code == "unknown_outcome"


PLACED = Place(100, "A-B", "buy", "limit", "gtc", 5, 7, 0, "mine")
DUE = Canceled(3, 100, "A-B", 9, "buy", 4, 1, reason="time")


def accepted(order: int) -> Accepted:
    return Accepted(order, 100, "A-B", "buy", "limit", "gtc", 5, 7, 0, 0, 0, "mine")


class Repeated(ReadLog):
    """A log that has an earlier command with its entry, and answers the next one with `events`."""

    FIRST = (3, 1)

    def __init__(self, original: Command, first: list[Event], events: list[Event]) -> None:
        super().__init__()
        self._original = original
        self._first = EventEntry(self.FIRST, codec.encode(Outcome(first, [])), bytes(32))
        self.waiter.deliver(EventEntry(ID, codec.encode(Outcome(events, [])), bytes(32)))

    async def commands(self, after: StreamId, count: int, wait_ms: int = 0) -> list[CommandEntry]:
        return [CommandEntry(self.FIRST, [FIELD, encode(self._original)])]

    async def event(self, id: StreamId) -> EventEntry | None:
        return self._first if id == self.FIRST else None


async def test_a_refusal_after_what_was_due_is_a_refusal() -> None:
    log = Repeated(PLACED, [], [DUE, Rejected("off_tick", "price")])
    with pytest.raises(ApiError) as refused:
        await CommandPath(log, log).carry_out(PLACED)
    assert (refused.value.code, refused.value.field, refused.value.position) == ("off_tick", "price", ID)


async def test_a_repetition_after_what_was_due_gets_the_first_result() -> None:
    log = Repeated(PLACED, [DUE, accepted(8)], [DUE, Duplicate("3-1")])
    answer = await CommandPath(log, log).carry_out(PLACED)
    assert (answer.id, answer.part, len(answer.outcome.events)) == (Repeated.FIRST, WHOLE, 2)


async def test_a_repetition_of_what_was_part_of_a_batch_gets_that_part() -> None:
    batch = Batch(100, [Cancel(100, 4, ""), PLACED])
    log = Repeated(batch, [Item(0, "unknown_order", "order"), Item(1), accepted(8)], [Duplicate("3-1")])
    answer = await CommandPath(log, log).carry_out(PLACED)
    assert (answer.id, answer.part) == (Repeated.FIRST, 1)

    log = Repeated(batch, [Item(0), DUE, Item(1, "off_tick", "price")], [Duplicate("3-1")])
    with pytest.raises(ApiError) as refused:
        await CommandPath(log, log).carry_out(PLACED)
    assert (refused.value.code, refused.value.field) == ("off_tick", "price")


async def test_a_replacement_that_was_not_attempted_has_no_result_to_repeat() -> None:
    replace = CancelReplace(Cancel(100, 4, ""), PLACED, True)
    log = Repeated(replace, [Item(0, "unknown_order", "order")], [Duplicate("3-1")])
    with pytest.raises(ApiError) as refused:
        await CommandPath(log, log).carry_out(PLACED)
    assert refused.value.code == "client_order_id_reused"


async def test_each_repeated_part_of_a_batch_has_its_own_first_result() -> None:
    other = Place(100, "A-B", "buy", "limit", "gtc", 6, 7, 0, "mine")
    log = Repeated(PLACED, [accepted(8)], [Item(0, first="3-1"), Item(1, first="3-1"), Item(2), accepted(9)])
    answer = await CommandPath(log, log).carry_out(Batch(100, [PLACED, other, PLACED]))
    first, reused = answer.firsts[0], answer.firsts[1]
    assert isinstance(first, Answer) and first.id == Repeated.FIRST
    assert isinstance(reused, ApiError) and reused.code == "client_order_id_reused"
    assert set(answer.firsts) == {0, 1}


async def test_a_list_that_was_named_otherwise_before_is_told_by_its_own_name() -> None:
    one, two = (PlaceList(100, "A-B", "oto", "l", [PLACED] * count) for count in (2, 3))
    log = Repeated(one, [], [Duplicate("3-1")])
    with pytest.raises(ApiError) as refused:
        await CommandPath(log, log).carry_out(two)
    assert (refused.value.code, refused.value.field) == ("client_list_id_reused", "client_list_id")
