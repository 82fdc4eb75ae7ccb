"""A fork of a busy market: what is in it, what is not, and that the source never knows."""

import asyncio
import multiprocessing
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import psutil
import pytest
import redis
import sqlalchemy as sa

from exchange.cli._history import open_history
from exchange.commands.codec import encode
from exchange.commands.types import OpenAccount
from exchange.effects import sandbox_mark
from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.clock import BlockingSandboxClock
from exchange.effects.redis.log import AsyncRedisLog, BlockingRedisLog, run
from exchange.embedded.postgres import PostgresServer
from exchange.embedded.valkey import ValkeyServer
from exchange.projections.timescale import database
from exchange.projections.timescale.people import sub_accounts, users
from exchange.roles import replay, snapshots
from exchange.roles.engine import Engine
from exchange.roles.recovery import recover
from exchange.roles.stops import Diverged, Mismatch, Trimmed
from exchange.sandbox import fork
from exchange.settings import Settings
from exchange.terms.stream import EventEntry, StreamId, format_id
from tests.integration.api_world import make_tables
from tests.integration.archiving import file_store, keep, trim
from tests.integration.trading import (
    all_commands,
    all_events,
    assert_sound,
    copy_log,
    drain,
    open_world,
    some,
    three_snapshots,
    trade,
)

MakeSettings = Callable[..., Settings]


@pytest.fixture
def source(make_settings: MakeSettings, redis_url: str, tmp_path: Path) -> Settings:
    return make_settings(redis_url=redis_url, snapshots=tmp_path / "snapshots")


def forked(source: Settings, store: FileSnapshotStore, at: StreamId, into: Path) -> fork.Forked:
    async def make() -> fork.Forked:
        history = AsyncRedisLog(source.redis_url, source.commands_key, source.events_key)
        try:
            return await fork.fork(history, store, at, into, source, lambda _: None)
        finally:
            await history.aclose()

    return asyncio.run(make())


@contextmanager
def opened(source: Settings, home: Path) -> Iterator[tuple[BlockingRedisLog, BlockingSandboxClock]]:
    """A sandbox's log and clock, with its server running as `exchange up` runs it."""
    settings = replace(source, home=home)
    server = ValkeyServer(
        home / "valkey",
        sockets=home / "run",
        log=home / "logs" / "valkey.log",
        keys=settings.keys_dir,
        streams=settings.streams,
        sandbox=settings.sandbox,
    )
    server.start()
    url = server.url_for("engine")
    log = BlockingRedisLog(url, settings.commands_key, settings.events_key, clock_key=settings.clock_key)
    clock = BlockingSandboxClock(url, settings.commands_key, settings.clock_key)
    try:
        yield log, clock
    finally:
        log.close()
        clock.close()
        server.stop()


def test_a_fork_holds_the_market_as_it_was_and_goes_on_by_itself(
    log: BlockingRedisLog, store: FileSnapshotStore, source: Settings, tmp_path: Path
) -> None:
    engine = three_snapshots(log, store)
    commands, events = all_commands(log), all_events(log)
    place = len(events) * 2 // 3
    at = events[place].id
    into = tmp_path / "fork"
    made = forked(source, store, at, into)
    then = run(replay.machine_at(log, store, at))
    assert made.mark == sandbox_mark.read(into)
    assert (made.mark.id, made.mark.chain, made.entries) == (format_id(at), events[place].chain.hex(), place + 1)
    with opened(source, into) as (copy, clock):
        own = FileSnapshotStore(into / "snapshots")
        assert own.names() == [snapshots.name_of(at)]
        machine = run(recover(copy, own))
        assert snapshots.state_hash(machine) == snapshots.state_hash(then)
        assert (clock.move("show").now_ms, clock.move("show").rate) == (at[0], 0)
        trade(Engine(copy, own, clock, wait_ms=1), copy, 77, 60)
        assert_sound(copy)
        theirs = [(entry.id, entry.payload, entry.chain) for entry in all_events(copy)]
        ours = [(entry.id, entry.payload, entry.chain) for entry in events]
        assert theirs[: place + 1] == ours[: place + 1]
        assert theirs[place + 1] != ours[place + 1]
        assert {id[0] for id, _, _ in theirs[place + 1 :]} == {at[0]}, "time stands still in a fork"
    assert [command.id for command in all_commands(log)] == [command.id for command in commands]
    trade(engine, log, 78, 20)
    assert_sound(log)


def test_a_fork_at_a_time_is_one_after_the_last_entry_before_it(
    log: BlockingRedisLog, store: FileSnapshotStore, source: Settings, tmp_path: Path
) -> None:
    three_snapshots(log, store)
    events = all_events(log)
    made = forked(source, store, (events[-1].id[0] + 10**6, 0), tmp_path / "fork")
    assert made.mark.id == format_id(events[-1].id)
    assert made.entries == len(events)


def test_users_come_along_with_the_accounts_they_had_then(
    log: BlockingRedisLog, store: FileSnapshotStore, source: Settings, database_url: str, tmp_path: Path
) -> None:
    engine = open_world(log, store)
    people = [UUID(int=number) for number in range(3)]
    log.append_many([encode(OpenAccount(people[0].hex))])
    drain(engine, log)
    at = all_events(log)[-1].id
    log.append_many([encode(OpenAccount(people[1].hex))])
    drain(engine, log)
    refs = run(recover(log, store)).state.refs
    rows: list[dict[str, object]] = [
        {
            "id": id,
            "email": f"{id.int}@example.org",
            "password_hash": b"hash",
            "role": "admin",
            "account": refs.get(id.hex),
        }
        for id in people
    ]
    asyncio.run(_insert(database_url, rows))
    source = replace(source, database_url=database_url, timescale="off")
    into = tmp_path / "fork"
    assert forked(source, store, at, into).users == 3
    assert not (into / "keys").exists(), "a token of the source would be one here"
    server = PostgresServer(into / "postgres", sockets=into / "run", log=into / "logs" / "postgres.log")
    server.start()
    try:
        found = asyncio.run(_select(server.url))
    finally:
        server.stop()
    then = [refs[people[0].hex], None, None]
    assert found == [
        (id, f"{id.int}@example.org", b"hash", "admin", account) for id, account in zip(people, then, strict=True)
    ] + [(people[0], 1, "bot")]


async def _insert(url: str, rows: list[dict[str, object]]) -> None:
    await make_tables(url)
    engine = database.engine(url, pool_size=1)
    async with engine.connect() as connection:
        await connection.execute(users.insert(), rows)
        sub = {"subject": rows[0]["id"], "number": 1, "label": "bot", "created_at": 0}
        await connection.execute(sub_accounts.insert(), [sub])
    await engine.dispose()


async def _select(url: str) -> list[tuple[object, ...]]:
    engine = database.engine(url, pool_size=1)
    columns = (users.c.id, users.c.email, users.c.password_hash, users.c.role, users.c.account)
    async with engine.connect() as connection:
        found = [tuple(row) for row in await connection.execute(sa.select(*columns).order_by(users.c.id))]
        labels = (sub_accounts.c.subject, sub_accounts.c.number, sub_accounts.c.label)
        found += [tuple(row) for row in await connection.execute(sa.select(*labels))]
    await engine.dispose()
    return found


def test_a_log_that_was_changed_gives_no_fork_and_leaves_nothing(
    log: BlockingRedisLog, store: FileSnapshotStore, source: Settings, tmp_path: Path
) -> None:
    open_world(log, store)
    (id,) = log.append_many(some(1, 1))
    run(publishing(log, EventEntry(id, b'{"v":1,"events":[],"postings":[]}', bytes(32))))
    with pytest.raises(Mismatch):
        forked(source, store, id, tmp_path / "fork")
    assert not [path for path in tmp_path.iterdir() if "fork" in path.name]


async def publishing(log: BlockingRedisLog, entry: EventEntry) -> None:
    await log.publish(await log.head(), [entry])


def test_a_change_before_the_snapshot_is_found_too(
    log: BlockingRedisLog, store: FileSnapshotStore, source: Settings, client: redis.Redis, tmp_path: Path
) -> None:
    """The state begins with the snapshot; what is poured begins with the log."""
    three_snapshots(log, store)
    commands, events = all_commands(log), all_events(log)
    entry = events[20]
    events[20] = EventEntry(entry.id, entry.payload.replace(b'"', b"'", 1), entry.chain)
    copy_log(client, "changed", commands, events)
    copied = replace(source, streams="changed")
    with pytest.raises(Diverged, match=format_id(entry.id)):
        forked(copied, store, events[-1].id, tmp_path / "fork")
    assert not (tmp_path / "fork").exists()
    client.delete("changed:commands", "changed:events")


def test_a_trimmed_log_is_forked_from_the_journal_or_not_at_all(
    log: BlockingRedisLog, store: FileSnapshotStore, source: Settings, client: redis.Redis, tmp_path: Path
) -> None:
    three_snapshots(log, store)
    commands, events = all_commands(log), all_events(log)
    trim(client, source.streams, snapshots.position_of(store.names()[1]))
    into = tmp_path / "fork"
    with pytest.raises(Trimmed):
        forked(source, store, events[-1].id, into)
    assert not into.exists()

    async def from_journal() -> fork.Forked:
        async with file_store(tmp_path / "segments") as segments:
            await keep(segments, list(zip(commands, events, strict=True)), 16)
        async with open_history(replace(source, journal_folder=str(tmp_path / "segments"))) as history:
            return await fork.fork(history, store, events[-1].id, into, source, lambda _: None)

    assert asyncio.run(from_journal()).entries == len(events)
    with opened(source, into) as (copy, _):
        assert [entry.chain for entry in all_events(copy)] == [entry.chain for entry in events]


@pytest.mark.parametrize("there", ["file", "folder"])
def test_what_is_there_is_never_written_over(
    log: BlockingRedisLog, store: FileSnapshotStore, source: Settings, tmp_path: Path, there: str
) -> None:
    open_world(log, store)
    into = tmp_path / "fork"
    if there == "folder":
        into.mkdir()
    kept = into / "kept" if there == "folder" else into
    kept.write_text("mine")
    with pytest.raises(fork.CannotFork, match="not empty"):
        forked(source, store, all_events(log)[-1].id, into)
    with pytest.raises(fork.CannotFork, match="not empty"):
        fork.new(into, source, 1)
    assert kept.read_text() == "mine"


def test_before_a_log_was_opened_there_is_no_market(
    log: BlockingRedisLog, store: FileSnapshotStore, source: Settings, tmp_path: Path
) -> None:
    open_world(log, store)
    first = all_events(log)[0].id
    with pytest.raises(fork.CannotFork, match="not been opened"):
        forked(source, store, (first[0] - 1, 0), tmp_path / "fork")


def test_a_fork_that_is_killed_leaves_no_half_of_a_home(source: Settings, tmp_path: Path) -> None:
    """Killed at six moments while it is being made: the place stays free, and no server is left behind."""
    into = tmp_path / "place" / "fork"
    killed = 0
    for number in range(6):
        making = multiprocessing.get_context("fork").Process(target=fork.new, args=(into, source, 1000 + number))
        making.start()
        making.join(0.04 * number)
        making.kill()
        making.join()
        if not into.exists():
            killed += 1
        else:
            assert sandbox_mark.read(into) is not None
            shutil.rmtree(into)
    assert killed
    until = time.monotonic() + 10
    while [found for found in psutil.process_iter(["cwd"]) if (found.info["cwd"] or "").startswith(str(tmp_path))]:
        assert time.monotonic() < until, "a server lives on"
        time.sleep(0.02)
    fork.new(into, source, 5)
    assert sandbox_mark.read(into) is not None


def test_a_new_sandbox_of_the_same_seed_is_the_same_log(source: Settings, tmp_path: Path) -> None:
    begun = 1_577_836_800_000
    marks = [fork.new(tmp_path / name, source, begun, seed) for name, seed in (("a", "s"), ("b", "s"), ("c", None))]
    assert marks[0].log_id == marks[1].log_id != marks[2].log_id
    assert marks[0].subject("x@example.org") == marks[1].subject("x@example.org") != marks[2].subject("x@example.org")
    ends = []
    for name in ("a", "b"):
        home = tmp_path / name
        with opened(source, home) as (log, clock):
            store = FileSnapshotStore(home / "snapshots")
            engine = Engine(log, store, clock, wait_ms=1)
            run(engine.turn())
            log.append_many(some(5, 200))
            drain(engine, log)
            ends.append(run(log.head()))
            assert assert_sound(log).state.log_id == marks[0].log_id
    assert ends[0] == ends[1]
    assert ends[0].id == (begun, 200)
