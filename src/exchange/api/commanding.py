"""Asking the engine: append a command, wait for its entry, say what it says.

Nothing is answered before the entry with the command's id was read back, so whatever is answered is durable and
applied. At the deadline the outcome is unknown, and is called so: a refusal that later turns out an acceptance would
be a lie. A repetition gets the first result, but only if it asks for the same thing. An id means a command only within
one incarnation of the log's server; when that changes on the way, the outcome is unknown too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Final

from exchange.api.archived import Archived
from exchange.api.errors import ApiError, GatewayCode, refusal
from exchange.api.headroom import Headroom, endless
from exchange.api.parts import WHOLE, answers, duplicate_of, parts, refusal_of, same_part
from exchange.api.pipeline import Came, Late, Pipeline, Reader, Result, Submit, failure
from exchange.commands import codec as commands
from exchange.commands.types import Batch, CancelReplace, Command, Place, PlaceList
from exchange.commands.writer import CommandWriter
from exchange.effects.failpoints import reached
from exchange.effects.ports import Log, LogFull, LogUnavailable
from exchange.events.awaiting import await_result
from exchange.events.replies import Passed, ReplyWaiter
from exchange.events.types import Outcome
from exchange.terms.codes import Refused
from exchange.terms.stream import CommandEntry, EventEntry, StreamId, parse_id, previous

DEADLINE_S: Final = 5.0
_WAITING: Final = 20_000


class Answer:
    """A command's entry: its position and outcome, and which `part` of it answers (for a repetition of what was one
    part of another command). `firsts` has the first results of a batch's parts that were repetitions, by index."""

    def __init__(self, id: StreamId, outcome: Outcome, part: int = WHOLE) -> None:
        self.id = id
        self.outcome = outcome
        self.part = part
        self.firsts: dict[int, Answer | ApiError] = {}


class CommandPath:
    """The way of commands to the engine and of results back."""

    def __init__(
        self,
        log: Log,
        reader: Reader,
        *,
        deadline_s: float = DEADLINE_S,
        headroom: Headroom | None = None,
        archived: Archived | None = None,
        submit: Submit | None = None,
    ) -> None:
        self._log = log
        self._archived = archived
        self._writer = CommandWriter(log)
        self._reader = reader
        self._deadline_s = deadline_s
        self.headroom = headroom or endless()
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._pipeline = None if submit is None else Pipeline(submit, reader, deadline_s)
        self._asking: set[asyncio.Task[None]] = set()

    def send(self, command: Command, told: Callable[[Answer | ApiError], None]) -> None:
        """As `ask`, without waiting and without a task: `told` is called once with what `ask` would give or raise, in
        this loop, perhaps while the entry is being folded. It must be quick, and must not raise. Commands are appended
        in the order in which they are sent.

        Raises:
            ApiError: nothing was sent.
        """
        if self._pipeline is None or isinstance(command, Batch):  # each part of a batch may repeat something
            self._spawn(self._tell(self.ask(command), told))
            return
        self._enter(command)

        def answered(came: Came) -> None:
            if isinstance(came, Late):
                self._spawn(self._tell(self._told_late(command, came), told))
                return
            self._leave()
            told(Answer(came.id, came.outcome) if isinstance(came, Result) else failure(came, command))

        self._pipeline.send(command, answered)

    async def ask(self, command: Command) -> Answer:
        """The command's result, refusals included; for a repetition the first result.

        Raises:
            ApiError: `log_full`, `log_unavailable`, `unknown_outcome`, `busy`, or the same id was used for another
                command.
        """
        self._enter(command)
        try:
            if self._pipeline is None or isinstance(command, Batch):
                return await self._ask(command)
            came = await self._pipeline.result(command)
            if isinstance(came, Result):
                return Answer(came.id, came.outcome)
            if isinstance(came, Late):
                return await self._late(command, came)
            raise failure(came, command)
        except (LogFull, LogUnavailable, TimeoutError, Passed) as error:
            raise failure(error, command) from None
        finally:
            self._leave()

    async def carry_out(self, command: Command) -> Answer:
        """The result of a command that was not refused.

        Raises:
            ApiError: it was refused, with the entry's position; or as `ask`.
        """
        answer = await self.ask(command)
        refused = refusal_of(answer.outcome, answer.part)
        if refused is not None:
            raise refusal(*refused, answer.id)
        return answer

    def _enter(self, command: Command) -> None:
        if self._under_way >= _WAITING:
            raise ApiError(GatewayCode.BUSY)
        self.headroom.require(command)
        self._under_way += 1
        self._idle.clear()

    def _leave(self) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._idle.set()

    async def _told_late(self, command: Command, late: Late) -> Answer:
        try:
            return await self._late(command, late)
        except (LogUnavailable, TimeoutError, Passed) as error:
            raise failure(error, command) from None
        finally:
            self._leave()

    async def _late(self, command: Command, late: Late) -> Answer:
        """What is left to be asked of a command that was sent: its entry passed, or names another as the first."""
        entry = late.entry or await self._log.event(late.id)
        if entry is None:
            raise Passed
        self._see_current(late.waiter)
        return await self._result(command, entry, late.waiter)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _tell(self, asked: Awaitable[Answer], told: Callable[[Answer | ApiError], None]) -> None:
        try:
            answer: Answer | ApiError = await asked
        except ApiError as error:
            answer = error
        told(answer)

    async def drained(self, seconds: float) -> None:
        """Wait until nothing is under way, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            pass  # those who still wait get no answer, and find out by repeating

    async def _ask(self, command: Command) -> Answer:
        waiter = self._reader.waiter
        reached("before_append")
        id = await self._writer.append(command)
        reached("after_append")
        self._see_current(waiter)
        entry = await await_result(waiter, id, self._deadline_s, self._log)
        self._see_current(waiter)
        return await self._result(command, entry, waiter)

    async def _result(self, command: Command, entry: EventEntry, waiter: ReplyWaiter) -> Answer:
        outcome = self._reader.outcome(entry)
        first = duplicate_of(outcome)
        if first:
            return await self._first(command, parse_id(first), waiter)
        answer = Answer(entry.id, outcome)
        if isinstance(command, Batch):
            for part in parts(outcome).values():
                if part.first:
                    answer.firsts[part.index] = await self._first_of(command.items[part.index], part.first, waiter)
        return answer

    def _see_current(self, waiter: ReplyWaiter) -> None:
        if waiter is not self._reader.waiter:
            raise ApiError(GatewayCode.UNKNOWN_OUTCOME)

    async def _first(self, command: Command, id: StreamId, waiter: ReplyWaiter) -> Answer:
        """The first result, if it answered the same, as a whole or in part."""
        async with asyncio.timeout(self._deadline_s):
            entry = await self._log.event(id)
            original = await self._command(id)
            if (entry is None or original is None) and self._archived is not None:
                original, entry = await self._archived.find(id) or (None, None)
        self._see_current(waiter)
        if entry is None or original is None:
            raise ApiError(GatewayCode.RESULT_GONE)
        try:
            part = same_part(commands.decode(original.fields), command)
        except Refused:
            part = None
        outcome = self._reader.outcome(entry)
        if part is None or not answers(outcome, part):
            raise _reused(command)
        return Answer(id, outcome, part)

    async def _first_of(self, part: Command, first: str, waiter: ReplyWaiter) -> "Answer | ApiError":
        """The same for a part: that it cannot be told is the answer to this part only."""
        try:
            return await self._first(part, parse_id(first), waiter)
        except ApiError as error:
            return error
        except (TimeoutError, LogUnavailable):
            return ApiError(GatewayCode.UNKNOWN_OUTCOME)

    async def _command(self, id: StreamId) -> CommandEntry | None:
        found = await self._log.commands(previous(id), 1)
        return found[0] if found and found[0].id == id else None


def _reused(command: Command) -> ApiError:
    """A name that was given to something else before."""
    if isinstance(command, (Place, CancelReplace)):
        return ApiError(GatewayCode.CLIENT_ORDER_ID_REUSED, "client_order_id")
    if isinstance(command, PlaceList):
        return ApiError(GatewayCode.CLIENT_LIST_ID_REUSED, "client_list_id")
    return ApiError(GatewayCode.REF_REUSED, "ref")
