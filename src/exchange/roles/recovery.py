"""Start-up: the newest snapshot that can be trusted, and everything after it computed again and compared.

State is a fold, so any prefix of the log will do to start from, if it is provably a prefix of *this* log: the file is
whole, and the entry it ends on stands in the event stream with the same chain. Snapshots that fail are passed over with
a reason, down to the beginning of the log. What then follows is not loaded but computed, and each result must be the
published one.

It must never guess: a stream that no longer reaches back to where the state ends, snapshots of another log, or a
snapshot that only a newer version reads, refuse the start.
"""

from collections.abc import Callable
from typing import Final

import structlog

from exchange.commands.codec import frame
from exchange.effects.ports import Log, SnapshotStore
from exchange.engine import Machine
from exchange.events.codec import chain
from exchange.roles import snapshots
from exchange.roles.replica import BATCH, Replica
from exchange.roles.stops import Diverged, Gap, NewerFormat, Trimmed, WrongLog
from exchange.terms.stream import GENESIS_CHAIN, START, EventEntry, Head, StreamId, format_id, genesis_head

_OPENING: Final = b'{"v":1,"events":[{"type":"log_opened",'
"""How the payload of the entry begins that gave the log its identity: nothing but refusals can come before it."""

_logger = structlog.get_logger(__name__)


async def recover(log: Log, store: SnapshotStore) -> Machine:
    """The machine at the event stream's head, as it was when this was called.

    Others go on meanwhile: if the streams were trimmed, or snapshots came and went, while this looked at them, what it
    found missing proves nothing, and it looks again.

    Raises:
        CannotStart, Diverged, Halted: see `stops`.
        LogUnavailable: try again from the beginning.
    """
    while True:
        before = await log.events(START, 1), store.names()
        try:
            return await _recover(log, store)
        except (Diverged, WrongLog) as difference:
            after = await log.events(START, 1), store.names()
            if _ids(before[0]) == _ids(after[0]) and before[1] == after[1]:
                raise
            _logger.warning("log or snapshots changed while they were read: beginning again", reason=str(difference))


def _ids(entries: list[EventEntry]) -> list[StreamId]:
    return [entry.id for entry in entries]


async def _recover(log: Log, store: SnapshotStore) -> Machine:
    end = await log.head()
    machine, refused = await newest(log, store)
    if machine is not None:
        await verified(log, Replica(machine), end)
        return machine
    if end == genesis_head() and store.names():
        raise WrongLog(
            "the streams are empty, but snapshots exist. Connect to the right server (REDIS_URL, EXCHANGE_STREAMS) or "
            "restore its data; to begin a new log, move the snapshots away."
        )
    machine = await beginning(log, end)
    await verified(log, Replica(machine), end)
    log_id = machine.state.log_id
    if refused and log_id not in refused:
        raise WrongLog(
            f"the streams hold {f'log {log_id}' if log_id else 'no open log'}, the snapshots are of log "
            f"{', '.join(sorted(refused))}. Connect to the right server (REDIS_URL, EXCHANGE_STREAMS), or point "
            "EXCHANGE_SNAPSHOTS at this log's own folder."
        )
    return machine


async def newest(log: Log, store: SnapshotStore) -> tuple[Machine | None, set[str]]:
    """The machine of the newest snapshot that this log vouches for, if there is one, and the logs that the whole
    snapshots which it does not vouch for are of.

    Raises:
        NewerFormat: a whole snapshot has a format that this version does not read.
        LogUnavailable.
    """
    refused: set[str] = set()
    for name in store.names():
        try:
            lines = list(store.read(name))
            header = snapshots.verify(lines)
            if await snapshots.anchored(log, header.head):
                machine = snapshots.build(header, lines)
                _logger.info("snapshot loaded", name=name, log_id=header.log_id, head=format_id(header.head.id))
                return machine, refused
            refused.add(header.log_id)
            reason = f"the log has no entry {format_id(header.head.id)} with its chain"
        except snapshots.TooNew as error:
            raise NewerFormat(
                f"snapshot {name} cannot be passed over: {error}. Run the version that wrote it, or a newer one."
            ) from error
        except (snapshots.Damaged, OSError) as error:
            reason = str(error)
        _logger.warning("snapshot refused", name=name, reason=reason)
    return None, refused


async def beginning(log: Log, end: Head) -> Machine:
    """An empty machine, if the log that ends at `end` still has its beginning.

    Raises:
        Trimmed: it has not.
        LogUnavailable.
    """
    if end == genesis_head():
        return Machine()
    entries = await log.events(START, 1)
    commands = await log.commands(START, 1)
    if not entries or not commands:
        raise Trimmed(f"the log ends at {format_id(end.id)}, but one of its streams is empty")
    entry, command = entries[0], commands[0]
    if command.id == entry.id:
        linked = chain(GENESIS_CHAIN, entry.id, frame(command.fields), entry.payload)
        own = Machine().step(command)
        if entry.chain in (linked, own.chain) or entry.payload == own.payload or entry.payload.startswith(_OPENING):
            return Machine()  # a beginning, if perhaps a changed one: the comparison will tell
    raise Trimmed(
        f"the log does not reach back to its beginning: its first entry is {format_id(entry.id)}, its first command "
        f"{format_id(command.id)}"
    )


async def verified(log: Log, replica: Replica, end: Head, each: Callable[[EventEntry], None] | None = None) -> None:
    """Bring a replica to `end` (or a little beyond, in a log that is being written), comparing every entry.

    Raises:
        Diverged, Halted: see `stops`.
        LogUnavailable.
    """
    while replica.confirmed.id < end.id:
        if not await replica.catch_up(log, BATCH, each=each):
            raise Gap(f"the event stream ends before {format_id(end.id)}, where it ended a moment ago")
