"""The planted mistakes' code: what takes the place of the right thing; `bugs` says what takes the place of what."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import orjson

from exchange.commands import codec
from exchange.commands.types import Place
from exchange.effects.ports import Fenced, Log, LogFull, LogUnavailable
from exchange.engine.snapshot import rows
from exchange.events.replies import ReplyWaiter
from exchange.events.tail import EventTail
from exchange.events.types import Rejected, Transferred
from exchange.projections.journal import trimming
from exchange.roles import engine, genesis, keeper, memory, recovery, replica, snapshots, standby
from exchange.terms.codes import Refused
from exchange.terms.stream import CommandEntry, EventEntry, Head, StreamId
from tests.simulation import aside, clients, disk, gateway, journal, projector, server
from tests.simulation import log as log_client
from tests.simulation.clock import SimClock
from tests.simulation.scheduler import Process

# --- publishing -------------------------------------------------------------------------------------------------------


def pipeline(self: server.Server, built_on: Head, entries: Sequence[EventEntry]) -> bool:
    """One XADD for each entry. The server refuses an id at or below the top, and while memory is short it refuses
    some and takes others."""
    refused = False
    for entry in entries:
        if self.full and self.random.random() < 0.5:
            refused = True
        elif entry.id > self.head().id:
            self.add([entry])
    if refused:
        raise LogFull("no room")
    return True


def same_top(self: server.Server, built_on: Head, entries: Sequence[EventEntry]) -> bool:
    return self.head().id == built_on.id


def no_doubt(self: object) -> None:
    """Whatever happens to the server, go on with what is in memory."""


async def reconnect_unseen(self: log_client.SimLog, run: Any, blocks_us: int = 0) -> Any:
    """What many client libraries do by default: a lost connection is opened again and the request repeated."""
    for _ in range(3):
        self._life = 0
        try:
            return await _ask(self, run, blocks_us)
        except LogUnavailable:
            await self._process.scheduler.sleep(0.02)
    return await _ask(self, run, blocks_us)


_ask = log_client.SimLog._ask


async def taken_as_heard(self: engine.Engine, replica: replica.Replica) -> bool:
    """What was sent is published: go on from there, whatever the server says."""
    self._answer = None
    replica.published(self._sent)
    return True


async def drop_refused(self: engine.Engine, replica: replica.Replica) -> bool:
    """The server will not have this batch; offer it the next."""
    sent = self._sent
    try:
        return await _hear(self, replica)
    except LogFull:
        for _ in range(sent):
            replica.pending.popleft()
        return False


_hear = engine.Engine._hear


# --- reading commands -------------------------------------------------------------------------------------------------


async def offset_first(self: engine.Engine) -> None:
    """The offset is a key of its own, stored when a batch has been read."""
    own = await self._memory.replica()
    store: Any = self._log
    if not own.pending:
        if not own.machine.state.log_id:
            await genesis.open_log(self._log, self._store, own.machine, self._new_log_id)
        offset: StreamId = max(store._server.offset, own.machine.head.id)
        for command in await self._log.commands(offset, self._batch, self._wait_ms):
            store._server.offset = command.id
            own.compute(command)
    if own.pending:
        self._sent = len(own.pending)
        self._answer = self._log.publish(own.confirmed, list(own.pending))
        await self._hear(own)


async def start_at_end(log: Log, store: Any) -> Any:
    """A machine that stands at the newest command, as if nothing had been missed."""
    machine = await _recover(log, store)
    missed = await log.commands(machine.head.id, 1000)
    for command in missed if machine.state.log_id else []:
        machine.step(command)
    return machine


_recover = recovery.recover


async def ahead_is_all(self: log_client.SimLog, after: StreamId, count: int, wait_ms: int = 0) -> list[CommandEntry]:
    """What was asked for ahead is the answer, also when there was nothing yet."""
    if self._ahead is not None and self._end == (after, count) and not wait_ms:
        ahead, self._ahead = self._ahead, None
        found: list[CommandEntry] = await self.answered(ahead)
        return found
    return await _commands(self, after, count, wait_ms)


async def skip_poison(self: log_client.SimLog, after: StreamId, count: int, wait_ms: int = 0) -> list[CommandEntry]:
    """What cannot be decoded is dropped by the reader."""
    return [entry for entry in await _commands(self, after, count, wait_ms) if _readable(entry)]


_commands = log_client.SimLog.commands


def _readable(entry: CommandEntry) -> bool:
    try:
        codec.decode(entry.fields)
    except Refused:
        return False
    return True


# --- the gateway ------------------------------------------------------------------------------------------------------


async def turn_from_end(self: EventTail) -> int:
    """Wait for what comes from now on, each time."""
    self.position = await self._log.head()
    return await _turn(self)


_turn = EventTail.turn


def expect_without_ring(self: ReplyWaiter, id: StreamId, callback: Any) -> None:
    self._waiting[id] = callback


async def serve_first(
    self: gateway.GatewayActor, log: log_client.SimLog, clock: SimClock, session: gateway.Session, head: Head, life: str
) -> None:
    """Take requests, and look where the stream ends when there is time."""
    self._session = session
    await clock.sleep(0.02)
    await _serve(self, log, clock, session, await log.head(), life)


_serve = gateway.GatewayActor._serve


async def always_same(self: gateway.GatewayActor, log: log_client.SimLog, clock: SimClock, life: str) -> bool:
    return True


def any_life(self: gateway.GatewayActor, life: str) -> gateway.Session:
    return gateway.Session(log_client.SimLog(self.world.server, self.process), self._ring)


async def guess_acceptance(
    self: gateway.GatewayActor, raw: bytes, session: gateway.Session, serial: int
) -> tuple[StreamId, bytes]:
    """The command is in the stream, so it will be done: say so."""
    return await session.log.append(raw), b'{"v":1,"events":[{"type":"accepted"}],"postings":[]}'


async def guess_failure(
    self: gateway.GatewayActor, raw: bytes, session: gateway.Session, serial: int
) -> tuple[StreamId, bytes]:
    """The append failed, so nothing has happened: say so."""
    try:
        return await _result(self, raw, session, serial)
    except LogUnavailable:
        return (0, 0), b'{"v":1,"events":[{"type":"rejected","code":"unavailable","field":""}],"postings":[]}'


_result = gateway.GatewayActor.result


# --- durability -------------------------------------------------------------------------------------------------------


def fsync_later(self: server.Server) -> None:
    """Reply now, write to disk when there is time."""
    if self.random.random() < 0.1:
        self.durable = len(self.file)


# --- snapshots --------------------------------------------------------------------------------------------------------


async def believe(log: Log, head: Head) -> bool:
    return True


async def run_ahead(self: standby.Standby) -> None:
    """Compute whatever commands there are, published or not, and take snapshots of that."""
    own = await self._memory.replica()
    await own.catch_up(self._log)
    for command in await self._log.commands(own.machine.head.id, self._batch, self._wait_ms):
        own.compute(command)
    own.entries += 1
    if own.entries % 4 == 0 and own.machine.state.log_id:
        try:
            snapshots.take(own.machine, self._keeper._store, 0)
        except OSError:
            return


def write_in_place(self: disk.Disk, name: str, lines: Any, process: Process) -> None:
    """Write into the file of the final name, line by line."""
    dies_after = self.dies_after()
    self.files[name] = []
    for line in lines:
        if len(self.files[name]) == dies_after:
            self._kill(process)
        self.files[name].append(line)


def verify_nothing(lines: Any) -> snapshots.Header:
    first = next(iter(lines), b"")
    return snapshots._header(first)


def rows_without_memory(machine: Any) -> Iterator[list[object]]:
    return (row for row in rows(machine) if row[0] not in {"remembered", "kept"})


async def need_no_snapshots(self: journal.JournalActor, archive: list[EventEntry]) -> trimming.Needs:
    """What is archived and projected is done with."""
    needs = await _needs(self, archive)
    return replace(needs, snapshots=[needs.archived, needs.kept])


async def need_no_archive(self: journal.JournalActor, archive: list[EventEntry]) -> trimming.Needs:
    """What is in two snapshots is done with."""
    head = await self._log.head()
    return replace(await _needs(self, archive), archived=head.id, kept=head.id)


_needs = journal.JournalActor.needs


async def ask_no_projection(self: journal.JournalActor) -> dict[str, StreamId]:
    return {}


# --- de-duplication ---------------------------------------------------------------------------------------------------


def forget_rejections(self: replica.Replica, command: CommandEntry) -> EventEntry:
    """A refused command leaves nothing behind, its client order id included."""
    entry = _compute(self, command)
    remembered = self.machine.state.remembered
    refused = remembered[-1] if remembered else None
    rejected = any(isinstance(event, Rejected) for event in self.machine.outcome.events)
    if rejected and refused and (refused.ms, refused.seq) == command.id:
        remembered.pop()
        names = self.machine.state.accounts[refused.account()].names(refused.kind())
        del names[refused.name]
    return entry


def forget_transfers(self: replica.Replica, command: CommandEntry) -> EventEntry:
    """A transfer that was made leaves no name behind."""
    entry = _compute(self, command)
    if any(isinstance(event, Transferred) for event in self.machine.outcome.events):
        made = self.machine.state.remembered.pop()
        del self.machine.state.accounts[made.account()].names(made.kind())[made.name]
    return entry


_compute = replica.Replica.compute


def nameless(self: clients.Client, key: str, serial: int) -> Place:
    order: Any = _order(self, key, serial)
    order.client_id = ""
    named: Place = order
    return named


_order = clients.Client._order


def renamed(self: clients.Client, raw: bytes) -> bytes:
    body = orjson.loads(raw)
    if "client_id" in body and body["type"] == "place":
        body["client_id"] += "x"
    return orjson.dumps(body)


# --- the standby ------------------------------------------------------------------------------------------------------


class Undoubting(memory.Memory):
    """A standby's memory that outlives the server: it has only ever followed, so what could be wrong with it?"""

    def doubt(self) -> None:
        """Go on with it."""


async def only_follow(self: standby.Standby, replica: replica.Replica) -> None:
    """Wait for entries, and for nothing else."""
    await replica.catch_up(self._log, self._batch, self._wait_ms)


async def owed_if_asked(self: standby.Standby, replica: replica.Replica) -> bool:
    """Only a command can be owed a result; that time passes is the engine's to see."""
    waits = self._wait_ms
    return bool(replica.pending) or bool(await self._log.commands(replica.machine.head.id, 1, waits))


def due_to_engines(self: engine.Engine, own: replica.Replica) -> bool:
    """The timers are the engine's, so a standby that publishes does not tick either."""
    return own._check is None and _is_due(self, own)


_is_due = engine.Engine.is_due


def publish_unasked(self: log_client.SimLog, built_on: Head, entries: Sequence[EventEntry]) -> Awaitable[None]:
    """A standby takes over only when nobody else is there: what should it compare with?"""
    if self._publishes.startswith("standby"):
        return log_client.Publication(self, self._send(lambda: pipeline(self._server, built_on, entries)))
    return _publish(self, built_on, entries)


_publish = log_client.SimLog.publish


async def drop_when_outrun(self: engine.Engine, replica: replica.Replica) -> bool:
    """Who is outrun throws its own results away and takes the other's on trust."""
    answer, self._answer = self._answer, None
    try:
        if answer is not None:
            await answer
    except Fenced:
        replica.pending.clear()
        replica.confirmed = await self._log.head()
        return False
    replica.published(self._sent)
    return True


async def no_trim(self: memory.Memory) -> bool:
    """What differs, differs."""
    return False


async def follow_unseen(
    self: replica.Replica, log: Log, count: int = 8, wait_ms: int = 0, *rest: Any, **more: Any
) -> int:
    """What is published is right: compute along, and take its word for the place."""
    published = await log.events(self.confirmed.id, count, wait_ms)
    commands = {command.id: command for command in await log.commands(self.machine.head.id, len(published) or 1)}
    self.pending.clear()
    for entry in published:
        if entry.id in commands:
            self.machine.step(commands[entry.id])
        self.confirmed = Head(entry.id, entry.chain)
        self.machine.head = self.confirmed
        self.entries += 1
    return len(published)


def make_room_first(self: keeper.Keeper, own: replica.Replica) -> None:
    """There will be one more in a moment: with the newest that makes two."""
    for name in self._store.names()[1:]:
        self._store.delete(name)
    _begin(self, own)


_begin = keeper.Keeper._begin


def begin_in_a_thread(self: aside.SimAside, work: Callable[[], str]) -> bool:
    """The work goes on while the memory does: what comes first is of one moment, the rest of another."""
    self._process.check()
    if self._ends_us >= 0:
        return False
    store, written = self._store, []
    real = store._disk.put

    def put(name: str, lines: Iterable[bytes], process: Process) -> None:
        source = iter(lines)
        written.append((name, next(source), source))
        raise OSError(11, "going on in the thread")

    store._disk.put = put  # type: ignore[method-assign]
    try:
        self._gave = work()
    except OSError:
        self._gave = ""
    finally:
        store._disk.put = real  # type: ignore[method-assign]
    self._failed = ""

    def finish() -> None:
        for name, first, source in written:
            real(name, [first, *source], self._process)

    self._finish = finish  # type: ignore[attr-defined]
    self._ends_us = self._process.scheduler.now_us + 20_000
    return True


def end_of_a_thread(self: aside.SimAside) -> str | None:
    """The thread writes the rest when it comes to it."""
    if 0 <= self._ends_us <= self._process.scheduler.now_us:
        try:
            self._finish()  # type: ignore[attr-defined]
        except OSError as error:
            self._failed = str(error)
    return _ended(self)


_ended = aside.SimAside.ended


# --- projections ------------------------------------------------------------------------------------------------------


async def commit_apart(self: projector.Projector) -> None:
    await self._connection.commit(self._rows, None)
    await self._connection.commit(None, self._position)


async def trust_position(self: projector.Projector) -> bool:
    return True


async def follow_group(self: projector.Projector) -> None:
    """The group knows what has been done: no position is kept, and what is acknowledged need not be looked at."""
    self._rows, self._position = await self._connection.load()
    while True:
        entries = await self._log.read_group(projector.BATCH, 500)
        for entry in entries:
            self._rows.fold(entry)
            self._position = Head(entry.id, entry.chain)
        await self._log.acknowledge([entry.id for entry in entries])
        await self._commit()
