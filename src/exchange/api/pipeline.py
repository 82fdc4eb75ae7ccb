"""Commands sent without a task for each: from append to entry by callbacks, and one clock for all that wait.

The idea: a task, two futures and a timer for each command cost more than encoding it and reading its result. Here a
command that is under way is one small object. Its id comes with the write that it shared with others, its entry from
the reader, and since all wait equally long, the oldest is the next whose time is over.

What needs more than that (an entry that passed, a repetition whose first result must be read) is handed back as `Late`.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from exchange.api.errors import ApiError, GatewayCode
from exchange.api.parts import duplicate_of
from exchange.commands.codec import encode
from exchange.commands.types import Batch, CancelReplace, Command, Place, PlaceList
from exchange.effects.failpoints import reached
from exchange.effects.ports import EffectError, LogFull, LogUnavailable
from exchange.events.replies import Passed, ReplyWaiter
from exchange.events.types import Outcome
from exchange.terms.stream import EventEntry, StreamId

Submit = Callable[[bytes, Callable[[StreamId | EffectError], bool]], None]
"""Appends a command after those before it, and tells its id or what was in the way; and is told whether anybody still
waited for that."""

_logger = structlog.get_logger(__name__)

_PERHAPS: Final = (
    "The log cannot be reached now, and this may or may not have been carried out: repeat it with the same "
)
_PERHAPS_ORDER: Final = _PERHAPS + "client_order_id, or query by client order id."
_PERHAPS_OTHER: Final = _PERHAPS + "ref, where it has one."


class Reader(Protocol):
    """Who follows the log."""

    @property
    def waiter(self) -> ReplyWaiter:
        """The waiter for replies of the log's present incarnation; another one after each restart of its server."""

    def outcome(self, entry: EventEntry) -> Outcome:
        """An entry's outcome; most of them have been read already."""


class Result:
    """A command's own entry, read."""

    __slots__ = ("id", "outcome")

    def __init__(self, id: StreamId, outcome: Outcome) -> None:
        self.id = id
        self.outcome = outcome


class Late:
    """A command was appended as `id`, and more has to be read to know its result: first of all its entry, if that is
    None."""

    __slots__ = ("entry", "id", "waiter")

    def __init__(self, id: StreamId, entry: EventEntry | None, waiter: ReplyWaiter) -> None:
        self.id = id
        self.entry = entry
        self.waiter = waiter


Came = Result | Late | EffectError | TimeoutError | Passed
"""What came of a command; an exception is for `failure` to name."""


class _Sent:
    """A command that is under way."""

    __slots__ = ("_all", "_told", "_waiter", "due", "id", "over")

    def __init__(self, all_: "Pipeline", told: Callable[[Came], None], waiter: ReplyWaiter, due: float) -> None:
        self._all = all_
        self._told = told
        self._waiter = waiter
        self.id: StreamId | None = None
        self.due = due
        self.over = False

    def appended(self, came: StreamId | EffectError) -> bool:
        if self.over:
            return False
        if isinstance(came, EffectError):
            self.end(came)
            return True
        reached("after_append")
        self.id = came
        try:
            self._waiter.expect(came, self.entered)
        except Passed:
            self.end(Late(came, None, self._waiter))
        return True

    def entered(self, entry: EventEntry) -> None:
        if self.over:
            return
        reader = self._all.reader
        if self._waiter is not reader.waiter:
            self.end(Passed())
            return
        outcome = reader.outcome(entry)
        if duplicate_of(outcome):
            self.end(Late(entry.id, entry, self._waiter))
        else:
            self.end(Result(entry.id, outcome))

    def end(self, came: Came) -> None:
        self.over = True
        self._told(came)

    def give_up(self) -> None:
        if self.id is not None:
            self._waiter.forget(self.id)
        self.end(TimeoutError())


class Pipeline:
    """Everything that was sent and has no result yet."""

    def __init__(self, submit: Submit, reader: Reader, deadline_s: float) -> None:
        self._submit = submit
        self.reader = reader
        self._deadline_s = deadline_s
        self._sent: deque[_Sent] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()  # asking for it costs a call to the system each time

    async def result(self, command: Command) -> Came:
        """Append a command, and wait for what comes of it. Who stops waiting does not take it back."""
        answer: asyncio.Future[Came] = self._loop.create_future()

        def told(came: Came) -> None:
            if not answer.done():
                answer.set_result(came)

        self.send(command, told)
        return await answer

    def send(self, command: Command, told: Callable[[Came], None]) -> None:
        """Append a command; `told` is called once."""
        sent = self._sent
        loop = self._loop
        one = _Sent(self, told, self.reader.waiter, loop.time() + self._deadline_s)
        while sent and sent[0].over:
            sent.popleft()
        sent.append(one)
        if self._timer is None:
            self._timer = loop.call_later(self._deadline_s, self._look)
        reached("before_append")
        self._submit(encode(command), one.appended)

    def _look(self) -> None:
        """Give up on those whose time is over."""
        loop = self._loop
        now = loop.time()
        sent = self._sent
        while sent and (sent[0].over or sent[0].due <= now):
            one = sent.popleft()
            if not one.over:
                one.give_up()
        self._timer = loop.call_later(sent[0].due - now, self._look) if sent else None


def failure(error: EffectError | TimeoutError | Passed, command: Command) -> ApiError:
    """What is said of a command whose result did not come."""
    if isinstance(error, LogFull):
        return ApiError(GatewayCode.LOG_FULL)
    if isinstance(error, LogUnavailable):
        detail = _PERHAPS_ORDER if isinstance(command, (Place, PlaceList, CancelReplace, Batch)) else _PERHAPS_OTHER
        return ApiError(GatewayCode.LOG_UNAVAILABLE, detail=detail)
    if isinstance(error, (TimeoutError, Passed)):
        return ApiError(GatewayCode.UNKNOWN_OUTCOME)
    _logger.error("the log does not take commands", reason=str(error))
    return ApiError(GatewayCode.INTERNAL)
