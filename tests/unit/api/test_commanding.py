"""Asking the engine, while the log's server is exchanged on the way: an id means a command within one incarnation."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from exchange.api.commanding import CommandPath
from exchange.api.errors import ApiError
from exchange.commands.types import OpenAccount
from exchange.effects.ports import LogUnavailable
from exchange.events import codec
from exchange.events.replies import ReplyWaiter
from exchange.events.types import AccountOpened, Outcome
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
