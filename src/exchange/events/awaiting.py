"""Waiting for a command's result on an event loop."""

import asyncio

from exchange.effects.ports import Log
from exchange.events.replies import Passed, ReplyWaiter
from exchange.terms.stream import EventEntry, StreamId


async def await_result(
    waiter: ReplyWaiter,
    id: StreamId,
    timeout: float,  # noqa: ASYNC109 - the deadline is what this function adds
    log: Log | None = None,
) -> EventEntry:
    """The event entry of this id, as the waiter gets it from the tail.

    Args:
        timeout: seconds; at the deadline the result is unknown, which is not a refusal.
        log: where to read an entry that passed too long ago to be remembered.

    Raises:
        TimeoutError: the deadline came first.
        Passed: the entry is no longer remembered, and no log was given (or the log has lost it).
        LogUnavailable: the log, asked for a passed entry, was away.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[EventEntry] = loop.create_future()

    def settle(entry: EventEntry) -> None:
        if not answer.done():
            answer.set_result(entry)

    def over() -> None:
        if not answer.done():
            answer.set_exception(TimeoutError())

    try:
        waiter.expect(id, settle)
    except Passed:
        entry = None if log is None else await log.event(id)
        if entry is None:
            raise
        return entry
    deadline = loop.call_later(timeout, over)  # 2 µs; asyncio.timeout takes 5
    try:
        return await answer
    finally:
        deadline.cancel()
        waiter.forget(id)
