"""Where segments are kept: the table and the folder are one and the same to whoever reads, and neither forgets."""

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from exchange.effects.ports import EffectError, LogUnavailable
from exchange.projections.journal.database import DatabaseSegments
from exchange.projections.journal.files import FileSegments
from exchange.projections.journal.segment import SegmentDamaged, name_of
from exchange.projections.journal.stores import SegmentStore, opened
from exchange.terms.stream import START, previous
from tests.integration.archiving import database_store, file_store, keep
from tests.unit.projections.segments import a_log, content, content_of, cut

PAIRS = a_log(3, 90)
PARTS = cut(PAIRS, 20)


@pytest.fixture(params=["table", "folder"])
async def store(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> AsyncIterator[SegmentStore]:
    if request.param == "table":
        async with database_store(database_url) as table:
            yield table
    else:
        async with file_store(tmp_path / "journal") as folder:
            yield folder


async def test_an_empty_store_has_nothing(store: SegmentStore) -> None:
    assert await store.last() is None
    assert await store.after(START) is None


async def test_what_is_added_is_found_by_every_position_in_it(store: SegmentStore) -> None:
    await keep(store, PAIRS, 20)
    for header, data in PARTS:
        for command, _ in PAIRS[header.number : header.total]:
            found = await store.after(previous(command.id))
            assert found is not None and found.data == data and found.key == header.last.id
            assert opened(found).header == header
    last = await store.last()
    assert last is not None and last.data == PARTS[-1][1]
    assert await store.after(PAIRS[-1][0].id) is None


async def test_adding_again_changes_nothing(store: SegmentStore) -> None:
    await keep(store, PAIRS, 20)
    header, data = PARTS[0]
    await store.add(header, data[:-1])
    found = await store.after(START)
    assert found is not None and found.data == data


async def test_it_is_there_for_the_next_one_to_open_it(database_url: str, tmp_path: Path) -> None:
    async with database_store(database_url) as table, file_store(tmp_path / "journal") as folder:
        await keep(table, PAIRS, 30)
        await keep(folder, PAIRS, 30)
    for again in (DatabaseSegments(database_url), FileSegments(tmp_path / "journal")):
        read = []
        place = START
        while (stored := await again.after(place)) is not None:
            part = opened(stored)
            read += content(part.commands, part.events)
            place = stored.key
        assert read == content_of(PAIRS)
        await again.close()


async def test_one_writes_at_a_time(database_url: str, tmp_path: Path) -> None:
    async with database_store(database_url) as table, file_store(tmp_path / "journal") as folder:
        assert await table.lock() and await table.lock() and await folder.lock()
        others: list[DatabaseSegments | FileSegments] = [
            DatabaseSegments(database_url),
            FileSegments(tmp_path / "journal"),
        ]
        for other in others:
            assert not await other.lock()
        await table.close()
        await folder.close()
        for other in others:
            assert await other.lock()
            await other.close()


async def test_the_table_does_not_fork(database_url: str) -> None:
    async with database_store(database_url) as table:
        await keep(table, PAIRS, 20)
        with pytest.raises(LogUnavailable, match="already goes on from 0-0"):
            await table.add(*cut(PAIRS, 7)[0])


async def test_the_table_cannot_be_changed(database_url: str) -> None:
    async with database_store(database_url) as table:
        await keep(table, PAIRS, 20)
    connection = await asyncpg.connect(database_url)
    for act in ("DELETE FROM journal", "UPDATE journal SET total = 0", "TRUNCATE journal"):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await connection.execute(act)
    storage = await connection.fetchval(
        "SELECT attstorage FROM pg_attribute WHERE attrelid = 'journal'::regclass AND attname = 'data'"
    )
    assert storage == b"e"
    await connection.close()


async def test_columns_that_do_not_fit_their_segment_are_found(database_url: str) -> None:
    async with database_store(database_url) as table:
        await keep(table, PAIRS, 20)
        connection = await asyncpg.connect(database_url)
        await connection.execute("ALTER TABLE journal DISABLE TRIGGER ALL")
        for change, back in (("before_ms = 1", PARTS[1][0].before.id[0]), ("total = 10040", None)):
            await connection.execute(f"UPDATE journal SET {change} WHERE total = 40")
            with pytest.raises(SegmentDamaged, match="columns are not what the segment in it says"):
                await table.after(PARTS[0][0].last.id)
            if back is not None:
                await connection.execute("UPDATE journal SET before_ms = $1 WHERE total = 40", back)
        await connection.close()


async def test_files_are_private_and_leave_no_strays(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    async with file_store(folder) as store:
        await keep(store, PAIRS, 20)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        names = sorted(path.name for path in folder.glob("*.segment"))
        assert names == [name_of(header.last.id) for header, _ in PARTS]
        assert {stat.S_IMODE((folder / name).stat().st_mode) for name in names} == {0o600}
    (folder / f"{names[0]}.tmp").write_bytes(b"half")
    async with file_store(folder) as store:
        assert sorted(path.name for path in folder.iterdir()) == [*names, "journal.lock"]
        last = await store.last()
        assert last is not None and opened(last).header == PARTS[-1][0]


async def test_a_folder_that_cannot_be_written_to_is_away(tmp_path: Path) -> None:
    async with file_store(tmp_path / "journal") as store:
        (tmp_path / "journal" / f"{name_of(PARTS[0][0].last.id)}.tmp").mkdir()
        with pytest.raises(LogUnavailable, match="cannot be written to the folder"):
            await store.add(*PARTS[0])
    (tmp_path / "file").write_text("")
    with pytest.raises(LogUnavailable, match="cannot be written to"):
        await FileSegments(tmp_path / "file" / "journal").lock()


async def test_a_missing_segment_shows(tmp_path: Path) -> None:
    async with file_store(tmp_path / "journal") as store:
        await keep(store, PAIRS, 20)
        (tmp_path / "journal" / name_of(PARTS[1][0].last.id)).unlink()
    store = FileSegments(tmp_path / "journal")
    stored = await store.after(PARTS[0][0].last.id)
    assert stored is not None
    with pytest.raises(SegmentDamaged, match="the segment before it ends at"):
        opened(stored)


async def test_a_database_that_is_away_or_bare_is_said_to_be(database_url: str) -> None:
    away = DatabaseSegments("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(LogUnavailable):
        await away.last()
    bare = DatabaseSegments(database_url)
    with pytest.raises(EffectError, match="exchange migrate"):
        await bare.last()
    await bare.close()


async def test_a_connection_that_is_cut_is_opened_again(database_url: str) -> None:
    async with database_store(database_url) as table:
        await keep(table, PAIRS, 20)
        assert await table.lock()
        admin = await asyncpg.connect(database_url)
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
        await admin.close()
        for _ in range(50):
            try:
                assert await table.after(START) is not None
                break
            except LogUnavailable:
                await asyncio.sleep(0.02)
        assert await table.lock()
