"""A bit that flips anywhere in the journal, in a row or a file, is found by who reads it, and the segment is named."""

import random
from pathlib import Path

import asyncpg
import pytest

from exchange.projections.journal.files import FileSegments
from exchange.projections.journal.history import History
from exchange.projections.journal.segment import SegmentDamaged, key_of, name_of
from exchange.projections.journal.stores import SegmentSource
from exchange.terms.stream import format_id
from tests.integration.archiving import database_store, everything, file_store, keep
from tests.unit.projections.segments import a_log, content_of, cut

PAIRS = a_log(51, 60)
WHOLE = content_of(PAIRS)
PARTS = cut(PAIRS, 20)


async def damage(source: SegmentSource) -> SegmentDamaged | None:
    """What reading everything finds."""
    try:
        assert await everything(History(source, None), 1_000) == WHOLE
    except SegmentDamaged as found:
        return found
    return None


async def flip_files(folder: Path, seed: int, flips: int) -> int:
    """Flip a bit in a file, so many times; how often it was found and the right file named."""
    dice = random.Random(seed)
    async with file_store(folder) as store:
        await keep(store, PAIRS, 20)
    found = 0
    for _ in range(flips):
        path = folder / name_of(dice.choice(PARTS)[0].last.id)
        whole = path.read_bytes()
        damaged = bytearray(whole)
        damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        told = await damage(FileSegments(folder))
        found += told is not None and path.name in str(told)
        path.write_bytes(whole)
    assert await damage(FileSegments(folder)) is None
    return found


async def flip_rows(url: str, seed: int, flips: int) -> int:
    """The same in rows of the table."""
    dice = random.Random(seed)
    found = 0
    async with database_store(url) as store:
        await keep(store, PAIRS, 20)
        connection = await asyncpg.connect(url)
        await connection.execute("ALTER TABLE journal DISABLE TRIGGER ALL")
        for _ in range(flips):
            header, data = dice.choice(PARTS)
            damaged = bytearray(data)
            damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
            change = "UPDATE journal SET data = $2 WHERE total = $1"
            await connection.execute(change, header.total, bytes(damaged))
            told = await damage(store)
            found += told is not None and f"journal row {format_id(header.last.id)} " in str(told)
            await connection.execute(change, header.total, data)
        assert await damage(store) is None
        await connection.close()
    return found


async def test_every_flip_in_a_file_is_found_and_the_file_named(tmp_path: Path) -> None:
    assert await flip_files(tmp_path / "journal", 1, 100) == 100


async def test_every_flip_in_a_row_is_found_and_the_row_named(database_url: str) -> None:
    assert await flip_rows(database_url, 2, 100) == 100


@pytest.mark.parametrize("column", ["last_ms", "last_seq", "before_ms", "before_seq", "total"])
async def test_every_flip_in_a_row_s_columns_is_found(database_url: str, column: str) -> None:
    found = 0
    async with database_store(database_url) as store:
        await keep(store, PAIRS, 20)
        connection = await asyncpg.connect(database_url)
        await connection.execute("ALTER TABLE journal DISABLE TRIGGER ALL")
        for bit in range(62):
            total = PARTS[bit % 2][0].total
            where = f"WHERE data = (SELECT data FROM journal WHERE total = {total})"
            if column == "total":
                where = f"WHERE last_ms = {PARTS[bit % 2][0].last.id[0]} AND last_seq = {PARTS[bit % 2][0].last.id[1]}"
            act = f"UPDATE journal SET {column} = {column} # {1 << bit}::bigint {where}"
            assert await connection.execute(act) == "UPDATE 1"
            found += await damage(store) is not None
            assert await connection.execute(act) == "UPDATE 1"
        assert await damage(store) is None
        await connection.close()
    assert found == 62


async def test_a_file_under_another_s_name_or_gone_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    async with file_store(folder) as store:
        await keep(store, PAIRS, 20)
    paths = sorted(folder.glob("*.segment"))
    assert [key_of(path.name) for path in paths] == [header.last.id for header, _ in PARTS]
    for moved in (paths[0], paths[1]):
        away = tmp_path / "away"
        moved.rename(away)
        told = await damage(FileSegments(folder))
        assert told is not None
        assert paths[paths.index(moved) + 1].name in str(told)
        away.rename(moved)
    first, second = paths[0].read_bytes(), paths[1].read_bytes()
    paths[0].write_bytes(second)
    told = await damage(FileSegments(folder))
    assert told is not None
    assert paths[0].name in str(told)
    paths[0].write_bytes(first)
    assert await damage(FileSegments(folder)) is None


@pytest.mark.soak
@pytest.mark.timeout(3_600)
async def test_ten_thousand_flips(tmp_path: Path, database_url: str) -> None:
    found = await flip_files(tmp_path / "journal", 3, 5_000)
    found += await flip_rows(database_url, 4, 5_000)
    assert found == 10_000
