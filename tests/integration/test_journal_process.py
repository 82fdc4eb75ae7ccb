"""The journal on real servers: everything is archived once, in order; nothing is trimmed that anybody may need."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis
from structlog.testing import capture_logs

from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import EffectError, LogUnavailable
from exchange.effects.redis.group import EventGroup
from exchange.effects.redis.log import AsyncRedisLog, BlockingRedisLog
from exchange.projections.journal.archiver import SEALED, CannotJournal
from exchange.projections.journal.database import DatabaseSegments
from exchange.projections.journal.files import FileSegments
from exchange.projections.journal.history import History
from exchange.projections.journal.segment import SegmentDamaged
from exchange.projections.journal.stores import SegmentStore, opened
from exchange.projections.journal.trimming import Horizon
from exchange.projections.timescale.migrations import migrate
from exchange.projections.turns import Busy
from exchange.terms.stream import START, format_id
from tests.integration.archiving import everything, file_store, journaling, keep, put
from tests.integration.trading import all_events, three_snapshots, trade
from tests.unit.projections.segments import Pair, a_log, content_of

SOURCE = Path(__file__).parent.parent.parent / "src"
PAIRS = a_log(11, 160)
WHOLE = content_of(PAIRS)
IDS = [command.id for command, _ in PAIRS]


@pytest.fixture
async def database(database_url: str) -> str:
    await migrate(database_url, timescale="off", wait_seconds=10)
    return database_url


async def archived(store: SegmentStore) -> list[tuple[object, ...]]:
    try:
        return await everything(History(store, None), 1000)
    finally:
        await store.close()


async def sizes(store: SegmentStore) -> list[int]:
    found, place = [], START
    while (stored := await store.after(place)) is not None:
        found.append(opened(stored).header.entries)
        place = stored.key
    await store.close()
    return found


async def statement(url: str, text: str, *values: object) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(text, *values)
    finally:
        await connection.close()


async def test_every_entry_is_archived_in_segments_of_the_size_asked_for(
    redis_url: str, streams: str, database: str, client: redis.Redis, tmp_path: Path
) -> None:
    put(client, streams, PAIRS)
    async with journaling(redis_url, streams, database, tmp_path, folder=tmp_path / "journal") as it:
        await it.catch_up()
        count = len(PAIRS) // 25
        assert it.journal.segments == count
        assert await it.trimmer.groups() == {"journal": IDS[count * 25 - 1]}
    for store in (DatabaseSegments(database), FileSegments(tmp_path / "journal")):
        assert await archived(store) == WHOLE[: count * 25]
        assert await sizes(store) == [25] * count


async def test_several_segments_wait_for_the_disk_together(
    redis_url: str, streams: str, database: str, client: redis.Redis, tmp_path: Path
) -> None:
    put(client, streams, PAIRS)
    asked = 0

    class Settling:
        def __init__(self, log: AsyncRedisLog) -> None:
            self._log = log

        def __getattr__(self, name: str) -> object:
            return getattr(self._log, name)

        async def settled(self) -> None:
            nonlocal asked
            asked += 1

    async with journaling(redis_url, streams, database, tmp_path, every=5, wrapped=Settling) as it:  # type: ignore[arg-type]
        await it.catch_up()
        assert it.journal.segments == len(PAIRS) // 5
    assert asked == len(PAIRS) // 5 // SEALED
    assert await archived(DatabaseSegments(database)) == WHOLE


async def test_an_entry_waits_only_so_long(
    redis_url: str, streams: str, database: str, client: redis.Redis, tmp_path: Path
) -> None:
    put(client, streams, PAIRS[:7])
    async with journaling(redis_url, streams, database, tmp_path, seconds=0.2) as it:
        await it.catch_up()
        assert it.journal.segments == 0
        deadline = asyncio.get_running_loop().time() + 20
        while it.journal.segments == 0:
            assert asyncio.get_running_loop().time() < deadline
            await it.journal.turn()
    assert await archived(DatabaseSegments(database)) == WHOLE[:7]


async def test_it_goes_on_where_it_stopped_and_archives_what_it_has_before_it_stops(
    redis_url: str, streams: str, database: str, client: redis.Redis, tmp_path: Path
) -> None:
    done = 0
    for upto in (10, 11, 60, 60, len(PAIRS)):
        put(client, streams, PAIRS[done:upto])
        done = upto
        async with journaling(redis_url, streams, database, tmp_path) as it:
            end = IDS[upto - 1]
            await it.journal.run(lambda journal=it.journal, end=end: journal.position >= end)  # type: ignore[misc]
        assert await archived(DatabaseSegments(database)) == WHOLE[:done]
    assert sum(await sizes(DatabaseSegments(database))) == len(PAIRS)


async def test_one_archives_at_a_time_and_the_next_takes_over(
    redis_url: str, streams: str, database: str, client: redis.Redis, tmp_path: Path
) -> None:
    put(client, streams, PAIRS[:50])
    async with journaling(redis_url, streams, database, tmp_path) as second:
        async with journaling(redis_url, streams, database, tmp_path) as first:
            await first.catch_up()
            with pytest.raises(Busy):
                await second.journal.turn()
        put(client, streams, PAIRS[50:])
        await second.catch_up()
    assert await archived(DatabaseSegments(database)) == WHOLE[: len(PAIRS) // 25 * 25]


async def test_a_new_folder_gets_what_the_table_has(
    redis_url: str, streams: str, database: str, client: redis.Redis, tmp_path: Path
) -> None:
    put(client, streams, PAIRS[:100])
    async with journaling(redis_url, streams, database, tmp_path) as it:
        await it.catch_up()
    put(client, streams, PAIRS[100:125])
    async with journaling(redis_url, streams, database, tmp_path, folder=tmp_path / "journal") as it:
        await it.catch_up()
    assert await archived(FileSegments(tmp_path / "journal")) == WHOLE[:125]
    assert await archived(DatabaseSegments(database)) == WHOLE[:125]


async def test_a_lost_table_is_filled_from_the_folder(
    redis_url: str, streams: str, database: str, client: redis.Redis, tmp_path: Path
) -> None:
    put(client, streams, PAIRS)
    async with file_store(tmp_path / "journal") as folder:
        await keep(folder, PAIRS[:100], 10)
    async with journaling(redis_url, streams, database, tmp_path, folder=tmp_path / "journal") as it:
        await it.catch_up()
    assert await archived(DatabaseSegments(database)) == WHOLE[:150]
    assert await sizes(DatabaseSegments(database)) == await sizes(FileSegments(tmp_path / "journal"))


@pytest.mark.parametrize("seed,size", [(11, 30), (12, 50)])
async def test_a_folder_of_something_else_is_refused(
    redis_url: str, streams: str, database: str, client: redis.Redis, tmp_path: Path, seed: int, size: int
) -> None:
    put(client, streams, PAIRS)
    async with journaling(redis_url, streams, database, tmp_path, every=50) as it:
        await it.catch_up()
    async with file_store(tmp_path / "journal") as folder:
        await keep(folder, a_log(seed, 160)[:30] if size == 30 else a_log(seed, 160)[:100], size)
    async with journaling(redis_url, streams, database, tmp_path, folder=tmp_path / "journal") as it:
        with pytest.raises(EffectError, match="do not hold the same journal"):
            await it.journal.turn()


async def refusal(
    redis_url: str, streams: str, database: str, folder: Path, pairs: Sequence[Pair], client: redis.Redis
) -> str:
    client.delete(f"{streams}:commands", f"{streams}:events")
    put(client, streams, pairs)
    async with journaling(redis_url, streams, database, folder) as it:
        with pytest.raises(CannotJournal) as refused:
            await it.journal.run(lambda: False)
    return str(refused.value)


async def test_streams_that_do_not_go_on_from_the_archive_are_refused(
    redis_url: str, streams: str, database: str, client: redis.Redis, tmp_path: Path
) -> None:
    told = await refusal(redis_url, streams, database, tmp_path, PAIRS[30:], client)
    assert "not the beginning of a log" in told
    client.delete(f"{streams}:commands", f"{streams}:events")
    put(client, streams, PAIRS)
    async with journaling(redis_url, streams, database, tmp_path) as it:
        await it.catch_up()
    for left in (PAIRS[:100], a_log(12, 160)):
        told = await refusal(redis_url, streams, database, tmp_path, left, client)
        assert "lost their end" in told
        assert "exchange restore" in told
    told = await refusal(redis_url, streams, database, tmp_path, PAIRS[155:], client)
    assert "older than the last trim" in told
    told = await refusal(redis_url, streams, database, tmp_path, [], client)
    assert "streams are empty" in told and "exchange restore" in told
    assert await archived(DatabaseSegments(database)) == WHOLE[: len(PAIRS) // 25 * 25]


@pytest.mark.parametrize("side", ["commands", "events"])
async def test_a_changed_entry_is_named_and_neither_archived_nor_trimmed(
    redis_url: str, streams: str, database: str, client: redis.Redis, tmp_path: Path, side: str
) -> None:
    changed = a_log(11, 160)
    command, entry = changed[60]
    if side == "commands":
        command.fields[-1] = command.fields[-1] + b" "
    else:
        entry.payload = entry.payload + b" "
    told = await refusal(redis_url, streams, database, tmp_path, changed, client)
    assert f"entry {IDS[60][0]}-{IDS[60][1]} of the log cannot be archived" in told
    assert await archived(DatabaseSegments(database)) == WHOLE[:50]
    assert client.xlen(f"{streams}:events") == len(changed)


async def test_a_missing_command_is_named(
    redis_url: str, streams: str, database: str, client: redis.Redis, tmp_path: Path
) -> None:
    put(client, streams, PAIRS)
    client.xdel(f"{streams}:commands", f"{IDS[60][0]}-{IDS[60][1]}")
    async with journaling(redis_url, streams, database, tmp_path) as it:
        with pytest.raises(CannotJournal, match=f"entry {IDS[60][0]}-{IDS[60][1]} .*command is missing"):
            await it.journal.run(lambda: False)


async def test_a_damaged_last_segment_stops_it(
    redis_url: str, streams: str, database: str, client: redis.Redis, tmp_path: Path
) -> None:
    put(client, streams, PAIRS)
    async with journaling(redis_url, streams, database, tmp_path, folder=tmp_path / "journal") as it:
        await it.catch_up()
    last = max((tmp_path / "journal").glob("*.segment"))
    data = bytearray(last.read_bytes())
    data[100] ^= 1
    last.write_bytes(bytes(data))
    async with journaling(redis_url, streams, database, tmp_path, folder=tmp_path / "journal") as it:
        with pytest.raises(SegmentDamaged, match=last.name):
            await it.journal.turn()


class Unsettled:
    """A log whose server cannot say that anything is on its disk."""

    def __init__(self, log: AsyncRedisLog) -> None:
        self._log = log
        self.asked = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)

    async def settled(self) -> None:
        self.asked += 1
        raise LogUnavailable("not on the disk")


async def test_nothing_is_archived_that_is_not_on_the_server_s_disk(
    redis_url: str, streams: str, database: str, client: redis.Redis, tmp_path: Path
) -> None:
    put(client, streams, PAIRS)
    async with journaling(redis_url, streams, database, tmp_path, wrapped=Unsettled) as it:  # type: ignore[arg-type]
        with pytest.raises(LogUnavailable, match="not on the disk"):
            await it.catch_up()
    assert await archived(DatabaseSegments(database)) == []


class LosesItsTail:
    """A log whose server comes back without its end while the journal waits for its disk."""

    def __init__(self, log: AsyncRedisLog, client: redis.Redis, streams: str) -> None:
        self._log = log
        self._client = client
        self._streams = streams
        self.lost = False

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)

    async def settled(self) -> None:
        if not self.lost:
            self.lost = True
            self._client.delete(f"{self._streams}:commands", f"{self._streams}:events")
            put(self._client, self._streams, PAIRS[:20])
        await self._log.settled()


async def test_an_end_that_is_lost_before_it_was_settled_is_not_archived(
    redis_url: str, streams: str, database: str, client: redis.Redis, tmp_path: Path
) -> None:
    put(client, streams, PAIRS[:25])

    def losing(log: AsyncRedisLog) -> LosesItsTail:
        return LosesItsTail(log, client, streams)

    async with journaling(redis_url, streams, database, tmp_path, wrapped=losing) as it:  # type: ignore[arg-type]
        await it.journal.run(lambda: it.journal.position == IDS[19])
    assert await archived(DatabaseSegments(database)) == WHOLE[:20]


def first(client: redis.Redis, streams: str) -> tuple[str, ...]:
    """Where both streams begin."""
    found: list[Any] = [client.xrange(f"{streams}:{kind}", count=1) for kind in ("commands", "events")]
    return tuple(entries[0][0].decode() for entries in found)


async def test_it_trims_behind_the_second_newest_usable_snapshot(
    log: BlockingRedisLog, store: FileSnapshotStore, redis_url: str, streams: str, database: str, client: redis.Redis
) -> None:
    engine = three_snapshots(log, store)
    folder = store._folder
    newest = sorted(store.names(), reverse=True)
    positions = [tuple(int(part) for part in name.removesuffix(".snapshot").split("-")) for name in newest]
    async with journaling(redis_url, streams, database, folder, every=5) as it:
        before = await everything(it.log, 1000)
        await it.catch_up()
        with capture_logs() as logged:
            horizon = await it.journal.trim()
        assert (horizon.at, horizon.by) == (positions[1], "the second-newest usable snapshot")
        assert first(client, streams) == (f"{positions[1][0]}-{positions[1][1]}",) * 2
        assert [line["needed_by"] for line in logged if line["event"] == "streams trimmed"] == [horizon.by]
        history = History(DatabaseSegments(database), it.log)
        assert await everything(history, 50) == before
        (folder / newest[0]).write_bytes(b"damaged")
        trade(engine, log, 9, 20)
        await it.catch_up()
        assert (await it.journal.trim()).at == START  # of the two that are whole, one is trimmed away under it


async def test_it_keeps_what_others_need(
    log: BlockingRedisLog, store: FileSnapshotStore, redis_url: str, streams: str, database: str, client: redis.Redis
) -> None:
    three_snapshots(log, store)
    ids = [entry.id for entry in all_events(log)]
    async with journaling(redis_url, streams, database, store._folder, every=5, keep=10**6) as it:
        await it.catch_up()
        assert await it.journal.trim() == Horizon(START, "EXCHANGE_STREAM_KEEP")
    async with journaling(redis_url, streams, database, store._folder, every=5) as it:
        group = EventGroup(redis_url, f"{streams}:events", "slow")
        await group.begin(START)
        assert await it.journal.trim() == Horizon(START, "consumer group slow")
        assert first(client, streams) == (format_id(ids[0]),) * 2
        await group.begin(ids[3])
        assert await it.journal.trim() == Horizon(ids[3], "consumer group slow")
        assert first(client, streams) == (format_id(ids[3]),) * 2
        await group.begin(ids[-1])
        await group.aclose()
        row = "INSERT INTO projections (name, position_ms, position_seq, chain, log_id) VALUES ('mine', $1, $2, '', '')"
        await statement(database, row, *ids[5])
        assert await it.journal.trim() == Horizon(ids[5], "projection mine")
        assert first(client, streams) == (format_id(ids[5]),) * 2


async def test_only_whole_segments_count_towards_what_is_kept(
    log: BlockingRedisLog, store: FileSnapshotStore, redis_url: str, streams: str, database: str, client: redis.Redis
) -> None:
    three_snapshots(log, store)
    total = client.xlen(f"{streams}:events")
    async with journaling(redis_url, streams, database, store._folder, every=10, keep=60) as it:
        await it.catch_up()
        await it.journal.trim()
        left = client.xlen(f"{streams}:events")
        assert 60 <= left - 1 < 60 + 10 < total
        assert await it.archive.kept(total - 60) == tuple(int(part) for part in first(client, streams)[1].split("-"))


async def test_trimming_goes_on_by_itself(
    log: BlockingRedisLog, store: FileSnapshotStore, redis_url: str, streams: str, database: str, client: redis.Redis
) -> None:
    three_snapshots(log, store)
    before = client.xlen(f"{streams}:events")
    async with journaling(redis_url, streams, database, store._folder, every=5, trim_seconds=0.05) as it:
        await it.journal.run(lambda: client.xlen(f"{streams}:events") < before)


def test_the_command_refuses_with_a_reason(redis_url: str, streams: str, database_url: str, tmp_path: Path) -> None:
    environ = {"PYTHONPATH": str(SOURCE), "REDIS_URL": redis_url, "EXCHANGE_STREAMS": streams}
    environ |= {"DATABASE_URL": database_url, "EXCHANGE_HOME": str(tmp_path / "home")}
    for arguments, code, told in ((["--rebuild"], 2, "cannot be rebuilt"), ([], 3, "exchange migrate")):
        done = subprocess.run(
            [sys.executable, "-m", "exchange", "project", "journal", *arguments],
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code
        assert told in done.stderr.splitlines()[-1]
