"""The streams brought back from the journal: the same entries under the same ids, or nothing."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis

from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import EffectError, Fenced
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.effects.redis.pour import NotEmpty, RedisPouring
from exchange.embedded.postgres import PostgresServer
from exchange.embedded.valkey import ValkeyServer
from exchange.projections.journal.files import FileSegments
from exchange.projections.journal.history import History
from exchange.projections.timescale.migrations import migrate
from exchange.roles import snapshots
from exchange.roles.pouring import pour
from exchange.roles.recovery import recover
from exchange.roles.stops import Diverged, Gap, Trimmed
from exchange.terms.stream import CommandEntry, EventEntry, StreamId, format_id, genesis_head
from tests.integration.archiving import database_store, everything, file_store, journaling, keep, live, put, trim
from tests.integration.trading import all_commands, all_events, hash_from_genesis, three_snapshots
from tests.unit.projections.segments import a_log, content_of

PAIRS = a_log(41, 150)
WHOLE = content_of(PAIRS)
IDS = [command.id for command, _ in PAIRS]
END = (2**64 - 1, 0)
SOURCE = Path(__file__).parent.parent.parent / "src"


@pytest.fixture
async def history(tmp_path: Path) -> AsyncIterator[History]:
    async with file_store(tmp_path / "journal") as store:
        await keep(store, PAIRS, 17)
        yield History(store, None)


@pytest.fixture
async def target(redis_url: str, streams: str) -> AsyncIterator[RedisPouring]:
    opened = RedisPouring(redis_url, f"{streams}:commands", f"{streams}:events")
    yield opened
    await opened.aclose()


async def there(redis_url: str, streams: str) -> list[tuple[object, ...]]:
    async with live(redis_url, streams) as log:
        return await everything(log, 1000)


def keys(client: redis.Redis, streams: str) -> set[str]:
    return {key.decode() for key in client.keys(f"{streams}:*")}  # type: ignore[union-attr]


async def test_all_of_it_comes_back(
    history: History, target: RedisPouring, redis_url: str, streams: str, client: redis.Redis
) -> None:
    told: list[tuple[StreamId, int]] = []
    head, count = await pour(history, target, END, progress=lambda position, done: told.append((position, done)))
    assert (head.id, count) == (IDS[-1], len(PAIRS))
    assert told[-1] == (IDS[-1], len(PAIRS))
    assert await there(redis_url, streams) == WHOLE
    assert keys(client, streams) == {f"{streams}:commands", f"{streams}:events"}


@pytest.mark.parametrize("last", [0, 16, 17, 100])
async def test_a_prefix(history: History, target: RedisPouring, redis_url: str, streams: str, last: int) -> None:
    head, count = await pour(history, target, IDS[last])
    assert (head.id, head.chain, count) == (IDS[last], PAIRS[last][1].chain, last + 1)
    assert await there(redis_url, streams) == WHOLE[: last + 1]


@pytest.mark.parametrize("first", [0, 1, 17, 149])
async def test_the_end_alone(history: History, target: RedisPouring, redis_url: str, streams: str, first: int) -> None:
    head, count = await pour(history, target, END, first=IDS[first])
    assert (head.id, count) == (IDS[-1], len(PAIRS) - first)
    assert await there(redis_url, streams) == WHOLE[first:]


async def test_it_can_be_poured_from_trimmed_streams_and_their_journal(
    history: History, target: RedisPouring, redis_url: str, streams: str, client: redis.Redis
) -> None:
    put(client, f"{streams}-old", PAIRS)
    trim(client, f"{streams}-old", IDS[90])
    async with live(redis_url, f"{streams}-old") as log:
        await pour(History(history._archive, log), target, END)
    assert await there(redis_url, streams) == WHOLE


async def test_a_log_that_is_there_is_left_alone(
    history: History, target: RedisPouring, redis_url: str, streams: str, client: redis.Redis
) -> None:
    put(client, streams, PAIRS[:1])
    with pytest.raises(NotEmpty, match="move the server's data away"):
        await pour(history, target, END)
    assert await there(redis_url, streams) == WHOLE[:1]
    for kind in ("commands", "events"):
        client.xtrim(f"{streams}:{kind}", maxlen=0, approximate=False)
    with pytest.raises(NotEmpty):  # it was used: its ids are known
        await pour(history, target, END)


async def test_an_empty_stream_that_a_projection_made_is_no_log(
    history: History, target: RedisPouring, redis_url: str, streams: str, client: redis.Redis
) -> None:
    client.xgroup_create(f"{streams}:events", "timescale", "0", mkstream=True)
    await pour(history, target, END)
    assert await there(redis_url, streams) == WHOLE


async def test_who_pours_meanwhile_is_noticed(
    history: History, target: RedisPouring, redis_url: str, streams: str, client: redis.Redis
) -> None:
    await target.begin()
    await target.add(genesis_head(), [PAIRS[0][0]], [PAIRS[0][1]])
    with pytest.raises(Fenced):
        await target.add(genesis_head(), [PAIRS[0][0]], [PAIRS[0][1]])
    put(client, streams, PAIRS[:1])
    with pytest.raises(NotEmpty):
        await target.finish()
    assert await there(redis_url, streams) == WHOLE[:1]


class Forged:
    """A log that is none."""

    def __init__(self, commands: list[CommandEntry], events: list[EventEntry]) -> None:
        self._commands = commands
        self._events = events

    async def commands(self, after: StreamId, count: int, wait_ms: int = 0) -> list[CommandEntry]:
        return [entry for entry in self._commands if entry.id > after][:count]

    async def events(self, after: StreamId, count: int, wait_ms: int = 0) -> list[EventEntry]:
        return [entry for entry in self._events if entry.id > after][:count]


async def test_what_does_not_follow_is_not_poured(target: RedisPouring, client: redis.Redis, streams: str) -> None:
    commands, events = [c for c, _ in PAIRS], [e for _, e in PAIRS]
    bad = EventEntry(events[7].id, events[7].payload + b" ", events[7].chain)
    cases = [
        (commands, [*events[:7], bad, *events[8:]], Diverged, format_id(IDS[7])),
        (commands[5:], events[5:], Diverged, format_id(IDS[5])),
        ([*commands[:7], *commands[8:]], events, Gap, format_id(IDS[7])),
        ([], events, Gap, "has no command"),
        (commands, [*events[:7], *events[8:]], Gap, format_id(IDS[8])),
    ]
    for left, right, kind, match in cases:
        with pytest.raises(kind, match=match):
            await pour(Forged(left, right), target, END)  # type: ignore[arg-type]
        assert keys(client, streams) <= {f"{streams}:commands:pouring", f"{streams}:events:pouring"}
    assert (await pour(Forged([], []), target, END))[1] == 0  # type: ignore[arg-type]
    assert keys(client, streams) == set()


# --- the command ------------------------------------------------------------------------------------------------------


def restore(home: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if name not in {"REDIS_URL", "DATABASE_URL"}}
    return subprocess.run(
        [sys.executable, "-m", "exchange", "restore", *arguments],
        env={**clean, "PYTHONPATH": str(SOURCE), "EXCHANGE_HOME": str(home), **environ},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.mark.parametrize("point", ["before_pour", "after_pour"])
def test_a_kill_leaves_all_or_nothing(
    tmp_path: Path, redis_url: str, streams: str, client: redis.Redis, point: str
) -> None:
    async def archive() -> None:
        async with file_store(tmp_path / "journal") as store:
            await keep(store, PAIRS, 17)

    asyncio.run(archive())
    environ = {"REDIS_URL": redis_url, "EXCHANGE_STREAMS": streams}
    arguments = ("--source", str(tmp_path / "journal"))
    killed = restore(tmp_path / "home", *arguments, **environ, EXCHANGE_FAILPOINT=point)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    if point == "before_pour":
        assert not {f"{streams}:commands", f"{streams}:events"} & keys(client, streams)
        again = restore(tmp_path / "home", *arguments, **environ)
        assert again.returncode == 0, again.stderr
        assert f"{len(PAIRS):,} entries restored, from its beginning to {format_id(IDS[-1])}" in again.stdout
    assert asyncio.run(there(redis_url, streams)) == WHOLE
    refused = restore(tmp_path / "home", *arguments, **environ)
    assert refused.returncode == 2
    assert "has a log already" in refused.stderr


def test_the_command_says_what_is_wrong(tmp_path: Path, redis_url: str, streams: str) -> None:
    environ = {"REDIS_URL": redis_url, "EXCHANGE_STREAMS": streams}
    for arguments, code, told in (
        (("--source", "/none"), 2, "neither auto"),
        (("--snapshot", "--all"), 2, "leave --until and --all out"),
        (("--source", str(tmp_path)), 2, "there is nothing in the source"),
    ):
        done = restore(tmp_path / "home", *arguments, **environ)
        assert (done.returncode, told in done.stderr) == (code, True), done.stderr

    async def archive() -> str:
        async with file_store(tmp_path / "journal") as store:
            await keep(store, PAIRS, 17)
        second = sorted((tmp_path / "journal").glob("*.segment"))[1]
        second.write_bytes(second.read_bytes() + b"x")
        return second.name

    name = asyncio.run(archive())
    done = restore(tmp_path / "home", "--source", str(tmp_path / "journal"), **environ)
    assert done.returncode == 1
    assert name in done.stderr


async def test_an_exchange_comes_back_from_its_journal_alone(
    log: BlockingRedisLog, tmp_path: Path, redis_url: str, streams: str
) -> None:
    """The home's own servers: the database holds the journal, the stream server's data is gone."""
    home = tmp_path / "home"
    store = FileSnapshotStore(home / "snapshots")
    three_snapshots(log, store)
    wanted = hash_from_genesis(log)
    commands, events = all_commands(log), all_events(log)
    postgres = PostgresServer(home / "postgres", sockets=home / "run" / "postgres", log=tmp_path / "pg", durable=False)
    postgres.start()
    try:
        await migrate(postgres.url, timescale="off", wait_seconds=20)
        async with journaling(redis_url, streams, postgres.url, home / "snapshots", every=1_000_000) as it:
            await it.journal.run(lambda: it.journal.position >= events[-1].id)
    finally:
        postgres.stop()

    done = await asyncio.to_thread(restore, home, EXCHANGE_STREAMS=streams)
    assert done.returncode == 0, done.stderr
    second = snapshots.position_of(store.names()[1])
    assert (
        f"from {format_id(second)} (a snapshot covers what is before it) to {format_id(events[-1].id)}" in done.stdout
    )
    server = ValkeyServer(home / "valkey", sockets=home / "run" / "valkey", log=tmp_path / "vk", guarded=False)
    server.start()
    try:
        back = BlockingRedisLog(server.url, f"{streams}:commands", f"{streams}:events")
        assert [entry.id for entry in all_events(back)] == [entry.id for entry in events if entry.id >= second]
        assert [entry.fields for entry in all_commands(back)] == [c.fields for c in commands if c.id >= second]
        machine = run(recover(back, store))
        assert snapshots.state_hash(machine) == wanted
        for name in store.names():
            store.delete(name)
        with pytest.raises(Trimmed):
            run(recover(back, store))
        back.close()
    finally:
        server.stop()

    made = await asyncio.to_thread(restore, home, "--snapshot", EXCHANGE_STREAMS=streams)
    assert made.returncode == 0, made.stderr
    assert f"{len(events):,} commands computed again" in made.stdout
    server.start()
    try:
        back = BlockingRedisLog(server.url, f"{streams}:commands", f"{streams}:events")
        assert snapshots.state_hash(run(recover(back, store))) == wanted
        back.close()
    finally:
        server.stop()


async def test_a_snapshot_of_a_trimmed_log(
    log: BlockingRedisLog,
    store: FileSnapshotStore,
    tmp_path: Path,
    redis_url: str,
    streams: str,
    database_url: str,
    client: redis.Redis,
) -> None:
    three_snapshots(log, store)
    wanted = hash_from_genesis(log)
    async with database_store(database_url):
        pass
    async with journaling(redis_url, streams, database_url, store._folder) as it:
        await it.catch_up()
        assert (await it.journal.trim()).at > (0, 0)
    for name in store.names():
        store.delete(name)
    environ = {"REDIS_URL": redis_url, "DATABASE_URL": database_url, "EXCHANGE_STREAMS": streams}
    environ |= {"EXCHANGE_SNAPSHOTS": str(store._folder)}
    with pytest.raises(Trimmed):
        run(recover(log, store))
    alone = await asyncio.to_thread(restore, tmp_path / "home", "--snapshot", "--source", "streams", **environ)
    assert alone.returncode == 2
    assert "does not reach back to its beginning" in alone.stderr
    done = await asyncio.to_thread(restore, tmp_path / "home", "--snapshot", **environ)
    assert done.returncode == 0, done.stderr
    assert snapshots.state_hash(run(recover(log, store))) == wanted


async def test_pouring_needs_a_server(streams: str) -> None:
    away = RedisPouring("redis://127.0.0.1:1/0", "c", "e", timeout=0.3)
    with pytest.raises(EffectError):
        await pour(History(FileSegments(Path("/none")), None), away, END)
