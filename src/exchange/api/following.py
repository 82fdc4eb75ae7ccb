"""The gateway's reader: keeps the live view at the event stream's end, and tells whoever waits.

One turn is one batch of entries, folded, handed to who waits for a reply, and only then gathered into feed messages,
all without giving way to anybody else: so whoever looks at the view between turns sees whole entries, and feeds that
say exactly what the view says.

When the log no longer holds what was read from it, or an entry does not fit, nothing in memory counts: the view is
built again from snapshot and stream, and sockets are closed so that their clients begin again too.

Who waits for replies waits for those of one incarnation of the log's server. A restarted server may have lost its tail
and give the lost ids again, to other commands; so after a restart there is another waiter, nothing read before is
looked up by id, and commands are appended to no incarnation but the one that is being read.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog

from exchange.api.errors import ApiError, GatewayCode
from exchange.api.seeding import seeded_tape
from exchange.effects.ports import Clock, Log, LogUnavailable, SnapshotStore
from exchange.events import codec
from exchange.events.replies import ReplyWaiter
from exchange.events.tail import EventTail, TailLost
from exchange.events.types import Outcome
from exchange.projections.live.load import view_of
from exchange.projections.live.view import BrokenView, Change, LiveView
from exchange.projections.timescale.history import History
from exchange.roles import recovery
from exchange.terms.stream import EventEntry, StreamId

_logger = structlog.get_logger(__name__)

_OUTCOMES = 4096
"""How many of the latest outcomes are kept for those who wait for them."""

_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 1.0


class Audience(Protocol):
    """Who is told what entries changed. All are told of one entry before anybody is told of the next, and must neither
    wait nor raise."""

    def begun(self, view: LiveView) -> None:
        """The view begins at its position, for the first time or again: what was told before may be void."""

    def entry(self, view: LiveView, change: Change, outcome: Outcome) -> None:
        """An entry was folded in, as `change` tells it; `change.position` is its id, and its command's."""

    def turned(self, view: LiveView) -> None:
        """The turn is over; the view is as it will be until the next."""


class Follower:
    """Owns the view, and the `waiter` for replies: another one after each restart of the log's server.

    `reads` and `questions` are two logs of its own: the first waits for entries. `pin` is told the incarnation that
    commands may be appended to. `audiences` are told in this order. `with_tape`: also learn the trades of the day
    before.
    """

    def __init__(
        self,
        reads: Log,
        questions: Log,
        store: SnapshotStore,
        clock: Clock,
        pin: Callable[[str], None],
        history: History | None,
        *,
        audiences: Iterable[Audience] = (),
        with_tape: bool = True,
    ) -> None:
        self._reads = reads
        self._questions = questions
        self._store = store
        self._clock = clock
        self._pin = pin
        self._audiences = list(audiences)
        self._history = history
        self._with_tape = with_tape
        self._tail: EventTail | None = None
        self._incarnation = ""
        self._outcomes: OrderedDict[bytes, Outcome] = OrderedDict()  # by chain: an id may be given again
        self._sleepers: list[tuple[StreamId, asyncio.Future[None]]] = []
        self._seeding: asyncio.Task[None] | None = None
        self.view = LiveView()
        self.waiter = ReplyWaiter()
        self.problem = "the log has not been read yet"
        """What keeps the view from following; empty when nothing does."""

    async def start(self) -> None:
        """Build the view up to where the log ended when this was called.

        Raises:
            MustStop: log and snapshots do not make a state; see `roles.stops`.
            LogUnavailable: try again.
        """
        incarnation = await self._questions.incarnation()
        self._begin(incarnation)
        end = await self._questions.head()
        machine, _ = await recovery.newest(self._questions, self._store)
        if machine is None:
            machine = await recovery.beginning(self._questions, end)
        self.view = view_of(machine)
        for audience in self._audiences:
            audience.begun(self.view)
        self._tail = EventTail(self._reads, machine.head, self._deliver)
        while self.view.position < end.id:
            await self.turn()
        await self._see_unchanged(incarnation)
        self.problem = ""
        if self._seeding is not None:
            self._seeding.cancel()
        if self._with_tape:
            self._seeding = asyncio.create_task(self._seed(self.view))

    def tell(self, audience: Audience) -> None:
        """Tell one more from now on; before `start`, unless it needs no beginning."""
        self._audiences.append(audience)

    async def seeded(self, seconds: float) -> None:
        """Wait, at most so long, until the last 24 hours are known."""
        if self._seeding is not None:
            await asyncio.wait([self._seeding], timeout=seconds)

    async def run(self) -> None:
        """Follow until cancelled.

        Raises:
            MustStop: the log turned out not to be what it was, in a way that building again does not cure.
        """
        pause = _FIRST_PAUSE_S
        while True:
            try:
                if self._tail is None:
                    await self.start()
                elif not self._tail.connected:
                    await self._reconnect()
                await self.turn()
                self.problem = ""
                pause = _FIRST_PAUSE_S
                await asyncio.sleep(0)  # those who waited answer…
                await asyncio.sleep(0)  # … and their answers go out, before the log is asked again
            except LogUnavailable as error:
                self.problem = f"the log cannot be reached: {error}"
                if self._tail is not None:
                    self._tail.connected = False
                await self._clock.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            except (TailLost, BrokenView, codec.UnreadableEvent) as error:
                _logger.warning("view is built again", reason=str(error))
                self.problem = f"the view is being built again: {error}"
                self._tail = None
                await self._clock.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def turn(self) -> None:
        """Read a batch, waiting for it if there is none, and tell everybody."""
        if self._tail is None:
            raise RuntimeError("start first")
        if await self._tail.turn():
            for audience in self._audiences:
                audience.turned(self.view)
            self._wake()

    def outcome(self, entry: EventEntry) -> Outcome:
        """An entry read; the latest ones have been already."""
        return self._outcomes.get(entry.chain) or codec.decode(entry.payload)

    async def at_least(self, position: StreamId, seconds: float) -> None:
        """Wait until the view has come to a position.

        Raises:
            ApiError: `view_behind`, it has not in time.
        """
        if self.view.position >= position:
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sleeper = (position, woken)
        self._sleepers.append(sleeper)
        try:
            async with asyncio.timeout(seconds):
                await woken
        except TimeoutError:
            raise ApiError(GatewayCode.VIEW_BEHIND) from None
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    async def stop(self) -> None:
        """End what was begun in the background."""
        if self._seeding is not None:
            self._seeding.cancel()
            await asyncio.gather(self._seeding, return_exceptions=True)

    async def _reconnect(self) -> None:
        """Go on after the log was away; in a new incarnation nobody waits yet when its first entry is read."""
        incarnation = await self._questions.incarnation()
        if incarnation != self._incarnation:
            self._begin(incarnation)
        await self.turn()
        await self._see_unchanged(incarnation)

    def _begin(self, incarnation: str) -> None:
        self.waiter = ReplyWaiter()
        self._incarnation = incarnation
        self._pin(incarnation)

    async def _see_unchanged(self, incarnation: str) -> None:
        if await self._questions.incarnation() != incarnation:
            raise LogUnavailable("the stream server was restarted while it was being read")

    def _deliver(self, entry: EventEntry) -> None:
        outcome = codec.decode(entry.payload)
        change = self.view.apply(entry.id, outcome)
        self._outcomes[entry.chain] = outcome
        if len(self._outcomes) > _OUTCOMES:
            self._outcomes.popitem(last=False)
        for audience in self._audiences:
            audience.entry(self.view, change, outcome)
        self.waiter.deliver(entry)

    def _wake(self) -> None:
        position = self.view.position
        for sleeper in [sleeper for sleeper in self._sleepers if sleeper[0] <= position]:
            self._sleepers.remove(sleeper)
            if not sleeper[1].done():
                sleeper[1].set_result(None)

    async def _seed(self, view: LiveView) -> None:
        """Give the view the tape of the 24 hours before it began."""
        tape = await seeded_tape(view, self._questions, self._history, self._clock)
        if tape is not None and self.view is view:
            view.tape = tape
