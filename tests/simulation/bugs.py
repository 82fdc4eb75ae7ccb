"""Design mistakes, planted one at a time: a simulator that does not find them proves nothing.

Each is a way in which a pipeline like this one has been built somewhere, patched over the roles or the simulated world,
never into the product's code. Compiled classes cannot be patched, so what a mistake changes of the engine's state it
changes from outside.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from exchange.commands import codec
from exchange.commands.types import Place
from exchange.effects.ports import Log, LogFull, LogUnavailable
from exchange.engine import memory
from exchange.engine.snapshot import rows
from exchange.events.replies import ReplyWaiter
from exchange.events.tail import EventTail
from exchange.events.types import Rejected
from exchange.roles import engine, genesis, recovery, replica, snapshots, standby
from exchange.roles import memory as role_memory
from exchange.terms.codes import Refused
from exchange.terms.stream import START, CommandEntry, EventEntry, Head, StreamId
from tests.simulation import clients, disk, gateway, projector, server, world
from tests.simulation.clock import SimClock
from tests.simulation.scheduler import Process

Patch = tuple[object, str, object]


@dataclass(frozen=True, slots=True)
class Bug:
    """A mistake: its name, what is done wrong, and the attributes it replaces."""

    name: str
    what: str
    patches: tuple[Patch, ...]


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Have a bug, or none for the empty name, while the block runs."""
    patches = BUGS[name].patches if name else ()
    before = [(owner, attribute, getattr(owner, attribute)) for owner, attribute, _ in patches]
    try:
        for owner, attribute, wrong in patches:
            setattr(owner, attribute, wrong)
        yield
    finally:
        for owner, attribute, right in before:
            setattr(owner, attribute, right)


# --- publishing -------------------------------------------------------------------------------------------------------


def _pipeline(self: server.Server, built_on: Head, entries: Sequence[EventEntry]) -> bool:
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


def _same_top(self: server.Server, built_on: Head, entries: Sequence[EventEntry]) -> bool:
    return self.head().id == built_on.id


def _no_doubt(self: object) -> None:
    """Whatever happens to the server, go on with what is in memory."""


async def _reconnect_unseen(self: server.SimLog, run: Any, blocks_us: int = 0) -> Any:
    """What many client libraries do by default: a lost connection is opened again and the request repeated."""
    for _ in range(3):
        self._life = 0
        try:
            return await _ask(self, run, blocks_us)
        except LogUnavailable:
            await self._process.scheduler.sleep(0.02)
    return await _ask(self, run, blocks_us)


_ask = server.SimLog._ask


# --- reading commands -------------------------------------------------------------------------------------------------


async def _offset_first(self: engine.Engine) -> None:
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
        await self._publish(own)


async def _start_at_end(log: Log, store: Any) -> Any:
    """A machine that stands at the newest command, as if nothing had been missed."""
    machine = await _recover(log, store)
    missed = await log.commands(machine.head.id, 1000)
    for command in missed if machine.state.log_id else []:
        machine.step(command)
    return machine


_recover = recovery.recover


async def _skip_poison(self: server.SimLog, after: StreamId, count: int, wait_ms: int = 0) -> list[CommandEntry]:
    """What cannot be decoded is dropped by the reader."""
    return [entry for entry in await _commands(self, after, count, wait_ms) if _readable(entry)]


_commands = server.SimLog.commands


def _readable(entry: CommandEntry) -> bool:
    try:
        codec.decode(entry.fields)
    except Refused:
        return False
    return True


# --- the gateway ------------------------------------------------------------------------------------------------------


async def _turn_from_end(self: EventTail) -> int:
    """Wait for what comes from now on, each time."""
    self.position = await self._log.head()
    return await _turn(self)


_turn = EventTail.turn


def _expect_without_ring(self: ReplyWaiter, id: StreamId, callback: Any) -> None:
    self._waiting[id] = callback


async def _serve_first(
    self: gateway.GatewayActor, log: server.SimLog, clock: SimClock, session: gateway.Session, head: Head, life: str
) -> None:
    """Take requests, and look where the stream ends when there is time."""
    self._session = session
    await clock.sleep(0.02)
    await _serve(self, log, clock, session, await log.head(), life)


_serve = gateway.GatewayActor._serve


async def _always_same(self: gateway.GatewayActor, log: server.SimLog, clock: SimClock, life: str) -> bool:
    return True


def _any_life(self: gateway.GatewayActor, life: str) -> gateway.Session:
    return gateway.Session(server.SimLog(self.world.server, self.process), self._ring)


async def _guess_acceptance(
    self: gateway.GatewayActor, raw: bytes, session: gateway.Session, serial: int
) -> tuple[StreamId, bytes]:
    """The command is in the stream, so it will be done: say so."""
    return await session.log.append(raw), b'{"v":1,"events":[{"type":"accepted"}],"postings":[]}'


async def _guess_failure(
    self: gateway.GatewayActor, raw: bytes, session: gateway.Session, serial: int
) -> tuple[StreamId, bytes]:
    """The append failed, so nothing has happened: say so."""
    try:
        return await _result(self, raw, session, serial)
    except LogUnavailable:
        return (0, 0), b'{"v":1,"events":[{"type":"rejected","code":"unavailable","field":""}],"postings":[]}'


_result = gateway.GatewayActor.result


# --- durability -------------------------------------------------------------------------------------------------------


def _fsync_later(self: server.Server) -> None:
    """Reply now, write to disk when there is time."""
    if self.random.random() < 0.1:
        self.durable = len(self.file)


# --- snapshots --------------------------------------------------------------------------------------------------------


async def _believe(log: Log, head: Head) -> bool:
    return True


async def _run_ahead(self: standby.Standby) -> None:
    """Compute whatever commands there are, published or not, and take snapshots of that."""
    own = await self._memory.replica()
    await own.catch_up(self._log)
    for command in await self._log.commands(own.machine.head.id, self._batch, self._wait_ms):
        own.compute(command)
        self._commands += 1
    if self._commands >= 4 and own.machine.state.log_id:
        self._commands = 0
        try:
            snapshots.take(own.machine, self._store, 0)
        except OSError:
            return


def _write_in_place(self: disk.Disk, name: str, lines: Any, process: Process) -> None:
    """Write into the file of the final name, line by line."""
    dies_after = self.dies_after()
    self.files[name] = []
    for line in lines:
        if len(self.files[name]) == dies_after:
            self._kill(process)
        self.files[name].append(line)


def _verify_nothing(lines: Any) -> snapshots.Header:
    first = next(iter(lines), b"")
    return snapshots._header(first)


def _rows_without_memory(machine: Any) -> Iterator[list[object]]:
    return (row for row in rows(machine) if row[0] not in {"remembered", "kept"})


def _trim_what_is_projected(self: world.World) -> StreamId:
    return self.database.position.id


def _trim_at_newest(self: world.World) -> StreamId:
    return max([snapshots.position_of(name) for name in self.disk.names()], default=START)


# --- de-duplication ---------------------------------------------------------------------------------------------------


def _forget_rejections(self: replica.Replica, command: CommandEntry) -> EventEntry:
    """A refused command leaves nothing behind, its client order id included."""
    entry = _compute(self, command)
    remembered = self.machine.state.remembered
    if isinstance(self.machine.outcome.events[0], Rejected) and remembered and remembered[-1].id == command.id:
        refused = remembered.pop()
        del memory.names(self.machine.state.accounts[refused.account], refused.kind)[refused.name]
    return entry


_compute = replica.Replica.compute


def _nameless(self: clients.Client, key: str, serial: int) -> Place:
    order: Any = _order(self, key, serial)
    order.client_id = ""
    named: Place = order
    return named


_order = clients.Client._order


def _renamed(self: clients.Client, raw: bytes) -> bytes:
    body = orjson.loads(raw)
    if "client_id" in body and body["type"] == "place":
        body["client_id"] += "x"
    return orjson.dumps(body)


# --- projections ------------------------------------------------------------------------------------------------------


async def _commit_apart(self: projector.Projector) -> None:
    await self._connection.commit(self._rows, None)
    await self._connection.commit(None, self._position)


async def _trust_position(self: projector.Projector) -> bool:
    return True


async def _follow_group(self: projector.Projector) -> None:
    """The group knows what has been done: no position is kept, and what is acknowledged need not be looked at."""
    self._rows, self._position = await self._connection.load()
    while True:
        entries = await self._log.read_group(projector.BATCH, 500)
        for entry in entries:
            self._rows.fold(entry)
            self._position = Head(entry.id, entry.chain)
        await self._log.acknowledge([entry.id for entry in entries])
        await self._commit()


BUGS: dict[str, Bug] = {
    bug.name: bug
    for bug in (
        Bug(
            "publish-without-compare",
            "results are pipelined one by one; only ids at or below the top are refused",
            ((server.Server, "publish", _pipeline),),
        ),
        Bug(
            "compare-id-only",
            "a batch is taken if the top id is the expected one, whatever the chain; memory outlives restarts",
            ((server.Server, "accepts", _same_top), (role_memory.Memory, "doubt", _no_doubt)),
        ),
        Bug(
            "memory-outlives-restart",
            "a role goes on with its memory when the server was restarted",
            ((role_memory.Memory, "doubt", _no_doubt),),
        ),
        Bug(
            "reconnects-unseen",
            "the log's client opens a lost connection again and repeats the request",
            ((server.SimLog, "_ask", _reconnect_unseen),),
        ),
        Bug(
            "offset-stored-apart",
            "the engine's position is a key of its own, stored before the results are published",
            ((engine.Engine, "turn", _offset_first),),
        ),
        Bug(
            "engine-starts-at-end",
            "a starting engine takes the commands that it missed as done",
            ((role_memory, "recover", _start_at_end),),
        ),
        Bug(
            "poison-without-result",
            "what cannot be decoded is skipped, without an entry",
            ((server.SimLog, "commands", _skip_poison),),
        ),
        Bug(
            "visible-before-durable",
            "under `always` replies leave before the fsync",
            ((server.Server, "_make_durable", _fsync_later),),
        ),
        Bug(
            "tail-from-end",
            "each request of the gateway's tail begins at the stream's end",
            ((EventTail, "turn", _turn_from_end),),
        ),
        Bug(
            "requests-before-tail",
            "a gateway takes requests before its tail has a position",
            ((gateway.GatewayActor, "_serve", _serve_first),),
        ),
        Bug(
            "waiter-without-ring",
            "a waiter looks only at what comes after it began to wait",
            ((ReplyWaiter, "expect", _expect_without_ring),),
        ),
        Bug(
            "waiter-outlives-restart",
            "a gateway matches ids of one incarnation of the server with entries of the next",
            ((gateway.GatewayActor, "same", _always_same), (gateway.GatewayActor, "session", _any_life)),
        ),
        Bug(
            "answer-before-result",
            "a gateway answers when the command is appended",
            ((gateway.GatewayActor, "result", _guess_acceptance),),
        ),
        Bug(
            "lost-reply-taken-for-refusal",
            "a gateway answers that nothing happened when the append's reply is lost",
            ((gateway.GatewayActor, "result", _guess_failure),),
        ),
        Bug(
            "snapshot-anchor-unchecked",
            "a whole snapshot is used without looking for its last entry in the log",
            ((snapshots, "anchored", _believe),),
        ),
        Bug(
            "snapshot-of-unpublished-state",
            "snapshots are taken of results not yet published, and used without looking for them in the log",
            ((standby.Standby, "turn", _run_ahead), (snapshots, "anchored", _believe)),
        ),
        Bug(
            "snapshot-written-in-place",
            "a snapshot has its name before it is whole",
            ((disk.Disk, "put", _write_in_place),),
        ),
        Bug(
            "snapshot-checksum-ignored",
            "a snapshot's bytes are not checked",
            ((snapshots, "verify", _verify_nothing),),
        ),
        Bug(
            "memory-left-out-of-snapshot",
            "the remembered client order ids are not in the snapshot",
            ((snapshots, "rows", _rows_without_memory),),
        ),
        Bug(
            "trim-past-snapshots",
            "the streams are trimmed as far as the readers have come, whatever the snapshots hold",
            ((world.World, "trim_limit", _trim_what_is_projected),),
        ),
        Bug(
            "trim-at-newest-snapshot",
            "the streams are trimmed at the newest snapshot, which may turn out damaged",
            ((world.World, "trim_limit", _trim_at_newest),),
        ),
        Bug(
            "rejections-not-remembered",
            "only accepted commands are de-duplicated",
            ((replica.Replica, "compute", _forget_rejections),),
        ),
        Bug(
            "retry-without-client-id",
            "a client asks again for an order that has no client order id",
            ((clients.Client, "_order", _nameless),),
        ),
        Bug(
            "retry-with-new-client-id",
            "a client asks again with a fresh client order id",
            ((clients.Client, "_again", _renamed),),
        ),
        Bug(
            "position-committed-apart",
            "a projector commits its rows, then its position",
            ((projector.Projector, "_commit", _commit_apart),),
        ),
        Bug(
            "projector-trusts-its-position",
            "a projector goes on from its position without looking for it in the log",
            ((projector.Projector, "_anchored", _trust_position),),
        ),
        Bug(
            "projector-trusts-the-group",
            "a projector folds what the consumer group gives it, and acknowledges before it commits",
            ((projector.Projector, "_follow", _follow_group),),
        ),
    )
}
