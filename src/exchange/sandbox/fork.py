"""A new home, made whole or not at all: a folder beside its place, renamed when everything is in it.

Its streams hold the log's prefix, its snapshot folder the state there, its database the users. It has no keys: they are
made at the first start, so that a token of the source is none here.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import sqlalchemy as sa

from exchange.commands.codec import encode
from exchange.commands.types import RULES, OpenLog
from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import Log, SnapshotStore
from exchange.effects.redis.clock import BlockingSandboxClock
from exchange.effects.redis.log import BlockingRedisLog
from exchange.effects.redis.pour import RedisPouring
from exchange.effects.sandbox_mark import Mark
from exchange.embedded.folder import private
from exchange.embedded.postgres import PostgresServer
from exchange.embedded.valkey import ValkeyServer
from exchange.engine import Machine
from exchange.projections.timescale import database
from exchange.projections.timescale.migrations import migrate
from exchange.projections.timescale.people import sub_accounts, users
from exchange.roles import replay, snapshots
from exchange.roles.genesis import DEDUP_NAMES, DEDUP_WINDOW_MS, random_log_id
from exchange.roles.pouring import pour
from exchange.roles.recovery import beginning
from exchange.roles.stops import CannotStart, Diverged
from exchange.settings import Settings
from exchange.terms.stream import GENESIS_CHAIN, START, StreamId, format_id

_ROWS = 1_000

Say = Callable[[str], None]


class CannotFork(CannotStart):
    """There is no sandbox to be made of this, or not there."""


@dataclass(frozen=True)
class Forked:
    """What was made: the mark, the entries in its streams, the users in its database."""

    mark: Mark
    entries: int
    users: int


async def fork(
    history: Log, store: SnapshotStore, position: StreamId, into: Path, source: Settings, say: Say
) -> Forked:
    """Make a sandbox of a log as it was after the last entry at or before a position.

    Args:
        history: the log, from its beginning.
        store: its snapshots.
        into: the new home; a folder that is not there, or is empty.
        source: the settings of the exchange that is forked: its users, and the names that stay.
        say: told each step.

    Raises:
        CannotFork: the place is taken, or there was no market then.
        Trimmed, Diverged, Halted: the log does not give a state.
        LogUnavailable, ServerError, MigrationError, DatabaseUnavailable, OSError.
    """
    with _made(into) as home:
        await beginning(history, await history.head())
        machine = await replay.machine_at(history, store, position)
        head = machine.head
        if not machine.state.log_id:
            raise CannotFork(f"at {format_id(position)} the log had not been opened yet: fork at a later moment")
        say(f"state at {format_id(head.id)}: {len(machine.state.orders):,} open orders")
        settings = _settings(source, home)
        with _streams(settings) as url:
            target = RedisPouring(url, settings.commands_key, settings.events_key)
            try:
                poured, entries = await pour(history, target, head.id)
            finally:
                await target.aclose()
            if poured != head:
                raise Diverged(f"the history ends on {poured!r}, the state on {head!r}: fork again")
            _begin_clock(settings, url, head.id[0])
        say(f"{entries:,} entries poured")
        snapshots.take(machine, FileSnapshotStore(settings.snapshots), time.time_ns() // 1_000_000)
        copied = await _users(source, settings, machine)
        mark = Mark(machine.state.log_id, format_id(head.id), head.chain.hex(), str(source.home), _now())
        mark.write(home)
    return Forked(mark, entries, copied)


def new(into: Path, source: Settings, start_ms: int, seed: str | None = None) -> Mark:
    """Make a sandbox of a new log, which is opened at `start_ms`; the same `seed` gives it the same identity.

    Raises:
        CannotFork: the place is taken.
        LogUnavailable, ServerError, OSError.
    """
    log_id = random_log_id() if seed is None else sha256(seed.encode()).hexdigest()[:32]
    with _made(into) as home:
        settings = _settings(source, home)
        with _streams(settings) as url:
            _begin_clock(settings, url, start_ms)
            keys = settings.commands_key, settings.events_key
            log = BlockingRedisLog(url, *keys, clock_key=_clock_key(settings))
            log.append_many([encode(OpenLog(log_id, RULES, DEDUP_WINDOW_MS, DEDUP_NAMES))])
            log.close()
        mark = Mark(log_id, format_id(START), GENESIS_CHAIN.hex(), "", _now())
        mark.write(home)
    return mark


@contextmanager
def _made(into: Path) -> Iterator[Path]:
    """A folder to fill, which is the home afterwards, or gone."""
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise CannotFork(f"{into} is not empty: fork into a folder that is not there yet")
    into.parent.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix=f".{into.name}-", dir=into.parent))
    try:
        home.chmod(0o755)
        private(home / "logs")
        yield home
        shutil.rmtree(home / "run", ignore_errors=True)
        home.replace(into)
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise


def _settings(source: Settings, home: Path) -> Settings:
    return replace(source, home=home, snapshots=home / "snapshots", redis_url="", database_url="")


def _clock_key(settings: Settings) -> str:
    return f"{settings.streams}:clock"  # the mark, which `settings.clock_key` asks for, is written last


@contextmanager
def _streams(settings: Settings) -> Iterator[str]:
    """The new home's stream server, open to whoever makes it. Stopping it puts everything on the disk."""
    server = ValkeyServer(
        settings.home / "valkey",
        sockets=settings.run_dir / "valkey",
        log=settings.logs_dir / "valkey.log",
        fsync="everysec",
        guarded=False,
    )
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def _begin_clock(settings: Settings, url: str, ms: int) -> None:
    clock = BlockingSandboxClock(url, settings.commands_key, _clock_key(settings))
    clock.begin(ms)
    clock.close()


async def _users(source: Settings, settings: Settings, machine: Machine) -> int:
    """Copy the users, each with the account that the state has for them, and the labels of their sub-accounts, if there
    is a database to copy from. Sessions and second factors stay behind: the sandbox has keys of its own."""
    if not source.database_url:
        return 0
    server = PostgresServer(
        settings.home / "postgres", sockets=settings.run_dir / "postgres", log=settings.logs_dir / "postgres.log"
    )
    server.start()
    try:
        await migrate(server.url, timescale=settings.timescale, wait_seconds=30.0)
        return await _copy(source.database_url, server.url, machine)
    finally:
        server.stop()


async def _copy(source: str, target: str, machine: Machine) -> int:
    here, there = (database.engine(url, pool_size=1) for url in (source, target))
    copied = 0
    try:
        async with here.connect() as reading, there.connect() as writing:
            rows = (await reading.execute(sa.select(users))).mappings()
            while batch := rows.fetchmany(_ROWS):
                found = [{**row, "account": machine.state.refs.get(row["id"].hex)} for row in batch]
                await writing.execute(users.insert(), found)
                copied += len(found)
            labels = (await reading.execute(sa.select(sub_accounts))).mappings()
            while some := labels.fetchmany(_ROWS):
                await writing.execute(sub_accounts.insert(), [dict(row) for row in some])
    except (sa.exc.DBAPIError, OSError) as error:
        raise database.translate(error) or error from error
    finally:
        await here.dispose()
        await there.dispose()
    return copied


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
