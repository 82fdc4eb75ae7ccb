"""A gateway: appends what clients ask, waits with the real reply waiter behind the real event tail, answers.

Its tail stands before it takes its first request. The waiter, everybody in it and the connection that appends belong to
one incarnation of the server: after a restart an id may have been lost and given to somebody else's command, so a new
waiter begins with a new tail, and whoever waited is told that the result is unknown. A duplicate is answered with the
first result.
"""

from typing import TYPE_CHECKING

import orjson

from exchange.effects.ports import LogFull, LogUnavailable
from exchange.events.replies import Passed, ReplyWaiter
from exchange.events.tail import EventTail, TailLost
from exchange.terms.stream import EventEntry, Head, StreamId, parse_id
from tests.simulation.actors import Actor
from tests.simulation.checks import own_event
from tests.simulation.clients import Unanswered
from tests.simulation.clock import SimClock
from tests.simulation.log import SimLog
from tests.simulation.scheduler import Process, Wait

if TYPE_CHECKING:
    from tests.simulation.world import World

DEADLINE_US = 400_000
PAUSE_S = 0.01
RINGS = (2, 8, 64)


class Session:
    """A waiter behind a tail, over one incarnation of the server, and who waits in it; `log` appends to no other."""

    def __init__(self, log: SimLog, ring: int) -> None:
        self.log = log
        self.waiter = ReplyWaiter(ring)
        self.waiting: dict[int, Wait[EventEntry]] = {}

    def end(self) -> None:
        """Nobody will hear anything from this session any more."""
        for wait in self.waiting.values():
            wait.fail(Unanswered("the server was restarted"))


class GatewayActor(Actor):
    """One gateway; `submit` is its door."""

    def __init__(self, world: "World", number: int) -> None:
        self._ring = RINGS[int(world.random.random() * len(RINGS))]
        self._serial = 0
        super().__init__(world, f"gateway-{number}")

    def start(self, process: Process) -> None:
        server = self.world.server
        self._session: Session | None = None
        self._clients: dict[int, Wait[tuple[StreamId, bytes]]] = {}
        process.on_death.append(self._hang_up)
        process.spawn(self.follow(SimLog(server, process), SimClock(process)), self.ended)

    def _hang_up(self) -> None:
        self._session = None
        for client in self._clients.values():
            client.fail(Unanswered("connection reset"))

    # --- the tail --------------------------------------------------------------------------------------------------

    async def follow(self, log: SimLog, clock: SimClock) -> None:
        """Keep a session for the server's present incarnation."""
        while True:
            try:
                life = await log.incarnation()
                await self._serve(log, clock, self.session(life), await log.head(), life)
            except TailLost:
                pass
            except LogUnavailable:
                await clock.sleep(PAUSE_S)
            session, self._session = self._session, None
            if session is not None:
                session.end()

    def session(self, life: str) -> Session:
        """A new session over an incarnation."""
        return Session(SimLog(self.world.server, self.process, life), self._ring)

    async def _serve(self, log: SimLog, clock: SimClock, session: Session, head: Head, life: str) -> None:
        """Deliver the tail while the server is the same; requests are taken once the position has been read."""
        tail = EventTail(log, head, session.waiter.deliver, batch=16, wait_ms=200)
        while True:
            try:
                await tail.turn()
                self._session = session
            except LogUnavailable:
                if not await self.same(log, clock, life):
                    return

    async def same(self, log: SimLog, clock: SimClock, life: str) -> bool:
        """Whether the server, once it answers again, is the one it was."""
        while True:
            try:
                return await log.incarnation() == life
            except LogUnavailable:
                await clock.sleep(PAUSE_S)

    # --- requests --------------------------------------------------------------------------------------------------

    def submit(self, raw: bytes) -> Wait[tuple[StreamId, bytes]]:
        """Take a request; the wait ends in the result's id and payload, or `Unanswered`."""
        answer: Wait[tuple[StreamId, bytes]] = Wait(self.world.scheduler)
        if not self.process.alive or self._session is None:
            answer.fail(Unanswered("not serving"))
            return answer
        self._serial += 1
        self._clients[self._serial] = answer
        self.process.spawn(self._handle(raw, self._session, self._serial), self._handled)
        return answer

    def _handled(self, error: BaseException | None) -> None:
        if error is not None:
            self.ended(error)

    async def _handle(self, raw: bytes, session: Session, serial: int) -> None:
        answer = self._clients[serial]
        try:
            result = await self.result(raw, session, serial)
        except (LogUnavailable, LogFull, Unanswered) as error:
            answer.fail(Unanswered(str(error)))
        else:
            answer.resolve(result)
        del self._clients[serial]

    async def result(self, raw: bytes, session: Session, serial: int) -> tuple[StreamId, bytes]:
        """The first result of a command, as soon as it can be read; an empty payload says that it is no longer there.

        Raises:
            LogUnavailable, LogFull, Unanswered: there may be a result or not; ask again.
        """
        id = await session.log.append(raw)
        entry = await self._wait_for(id, session, serial)
        if b'{"type":"duplicate"' not in entry.payload:
            return entry.id, entry.payload
        first = parse_id(own_event(orjson.loads(entry.payload))["first"])
        original = await session.log.event(first)
        if session is not self._session:
            raise Unanswered("the first result is another incarnation's")
        return first, b"" if original is None else original.payload

    async def _wait_for(self, id: StreamId, session: Session, serial: int) -> EventEntry:
        if session is not self._session:
            raise Unanswered("the id is of another incarnation")
        scheduler = self.process.scheduler
        reply: Wait[EventEntry] = Wait(scheduler)
        try:
            session.waiter.expect(id, reply.resolve)
        except Passed:
            entry = await session.log.event(id)
            if entry is None or session is not self._session:
                raise Unanswered("the result is not there") from None
            return entry
        if reply.done:
            return await reply
        session.waiting[serial] = reply
        scheduler.later(DEADLINE_US, lambda: self._deadline(id, session, reply))
        try:
            return await reply
        finally:
            session.waiter.forget(id)
            del session.waiting[serial]

    def _deadline(self, id: StreamId, session: Session, reply: Wait[EventEntry]) -> None:
        if not reply.done:
            if session is self._session:
                self.world.deadline_passed(self.name, id)
            reply.fail(Unanswered("deadline"))
