"""History reads as the log would, had it never been trimmed: whatever the streams still hold, whoever trims beside."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis

from exchange.cli._history import open_history
from exchange.effects.ports import EffectError, Log, LogUnavailable
from exchange.effects.redis.log import AsyncRedisLog
from exchange.projections.journal.files import FileSegments
from exchange.projections.journal.history import History, Torn
from exchange.projections.journal.segment import SegmentDamaged, name_of
from exchange.projections.journal.stores import Stored
from exchange.settings import Settings, SettingsError
from exchange.terms.stream import START, CommandEntry, EventEntry, Head, StreamId, genesis_head, previous
from tests.integration.archiving import database_store, everything, file_store, keep, live, put, trim
from tests.unit.projections.segments import a_log, content_of, cut, linked, sealed

PAIRS = a_log(5, 160)
WHOLE = content_of(PAIRS)
IDS = [command.id for command, _ in PAIRS]
KEPT = 120
"""So many are archived."""


class Meddling:
    """A log beside which somebody acts, between what a reader asks and the next thing that it asks."""

    def __init__(self, log: AsyncRedisLog) -> None:
        self.log = log
        self.acts: list[object] = []

    def _act(self) -> None:
        if self.acts:
            act = self.acts.pop(0)
            if callable(act):
                act()

    async def incarnation(self) -> str:
        return await self.log.incarnation()

    async def commands(self, after: StreamId, count: int, wait_ms: int = 0) -> list[CommandEntry]:
        self._act()
        return await self.log.commands(after, count, wait_ms)

    async def events(self, after: StreamId, count: int, wait_ms: int = 0) -> list[EventEntry]:
        self._act()
        return await self.log.events(after, count, wait_ms)

    async def event(self, id: StreamId) -> EventEntry | None:
        self._act()
        return await self.log.event(id)


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[FileSegments]:
    async with file_store(tmp_path / "journal") as store:
        await keep(store, PAIRS[:KEPT], 17)
        yield store


@pytest.mark.parametrize("first", [0, 1, 17, 50, 118, 119])
@pytest.mark.parametrize("count", [1, 7, 1000])
async def test_it_is_the_whole_log_wherever_the_streams_begin(
    archive: FileSegments, redis_url: str, streams: str, client: redis.Redis, first: int, count: int
) -> None:
    put(client, streams, PAIRS)
    trim(client, streams, IDS[first])
    async with live(redis_url, streams) as log:
        history = History(archive, log)
        assert await everything(history, count) == WHOLE
        assert (await history.head()).id == IDS[-1]
        assert await history.incarnation() == await log.incarnation()


async def test_any_position_and_any_entry_is_found(
    archive: FileSegments, redis_url: str, streams: str, client: redis.Redis
) -> None:
    put(client, streams, PAIRS)
    trim(client, streams, IDS[60])
    dice = random.Random(1)
    async with live(redis_url, streams) as log:
        history = History(archive, log)
        for _ in range(150):
            place = dice.randrange(len(PAIRS))
            entry = await history.event(IDS[place])
            assert entry is not None and entry.chain == PAIRS[place][1].chain
            after = dice.choice([IDS[place], previous(IDS[place]), (IDS[place][0], IDS[place][1] + 10**9)])
            following = next((id for id in IDS if id > after), None)
            commands, events = await history.commands(after, 3), await history.events(after, 3)
            assert [e.id for e in commands[:1]] == [e.id for e in events[:1]] == ([following] if following else [])
        for missing in (START, (1, 0), (IDS[5][0], 10**9), (IDS[100][0], 10**9), (IDS[-1][0], IDS[-1][1] + 1)):
            assert await history.event(missing) is None


@pytest.mark.parametrize("moment", range(4))
@pytest.mark.parametrize("side", ["commands", "events"])
async def test_a_trim_between_any_two_of_its_questions_makes_no_gap(
    archive: FileSegments, redis_url: str, streams: str, client: redis.Redis, moment: int, side: str
) -> None:
    put(client, streams, PAIRS)
    async with live(redis_url, streams) as log:
        for begin in (START, IDS[0], IDS[30], previous(IDS[30])):
            client.delete(f"{streams}:commands", f"{streams}:events")
            put(client, streams, PAIRS)
            meddling = Meddling(log)
            history = History(archive, meddling)  # type: ignore[arg-type]
            meddling.acts = [None] * moment + [lambda: trim(client, streams, IDS[100])]
            found = await (history.commands if side == "commands" else history.events)(begin, 5)
            meddling.acts = []
            expected = [id for id in IDS if id > begin]
            assert found and [entry.id for entry in found] == expected[: len(found)]


async def test_trims_beside_a_reader_make_no_gap(
    archive: FileSegments, redis_url: str, streams: str, client: redis.Redis
) -> None:
    dice = random.Random(3)
    async with live(redis_url, streams) as log:
        for _ in range(25):
            client.delete(f"{streams}:commands", f"{streams}:events")
            put(client, streams, PAIRS)
            meddling = Meddling(log)
            history = History(archive, meddling)  # type: ignore[arg-type]
            edges = sorted(dice.sample(range(KEPT), 4))
            meddling.acts = [None] * 40
            for edge in edges:
                meddling.acts[dice.randrange(40)] = lambda at=IDS[edge]: trim(client, streams, at)
            assert await everything(history, dice.choice([3, 10, 50])) == WHOLE


async def test_an_archive_alone_is_a_log(archive: FileSegments) -> None:
    history = History(archive, None)
    assert await everything(history, 10) == WHOLE[:KEPT]
    assert (await history.head()).id == IDS[KEPT - 1]
    assert await history.events(IDS[KEPT - 1], 5, wait_ms=1) == []
    await history.settled()


async def test_an_empty_log_is_empty(tmp_path: Path, redis_url: str, streams: str, client: redis.Redis) -> None:
    empty = FileSegments(tmp_path / "nothing")
    async with live(redis_url, streams) as log:
        for history in (History(empty, log), History(empty, None)):
            assert await history.head() == genesis_head()
            assert await everything(history, 10) == []
        client.execute_command("XADD", f"{streams}:commands", "5-0", "c", "x")  # type: ignore[no-untyped-call]
        assert [entry.id for entry in await History(empty, log).commands(START, 5)] == [(5, 0)]


async def test_lost_streams_leave_the_archive(archive: FileSegments, redis_url: str, streams: str) -> None:
    async with live(redis_url, streams) as log:
        history = History(archive, log)
        assert await everything(history, 50) == WHOLE[:KEPT]
        assert (await history.head()).id == IDS[KEPT - 1]


async def test_it_is_only_read(archive: FileSegments) -> None:
    history = History(archive, None)
    with pytest.raises(EffectError, match="only read"):
        await history.append(b"{}")
    with pytest.raises(EffectError, match="only read"):
        history.publish(genesis_head(), [])


async def test_streams_that_lost_their_end_are_told(
    archive: FileSegments, redis_url: str, streams: str, client: redis.Redis
) -> None:
    put(client, streams, PAIRS[60:100])
    async with live(redis_url, streams) as log:
        with pytest.raises(Torn, match="exchange restore"):
            await everything(History(archive, log), 10)


async def test_streams_of_another_log_are_told(
    archive: FileSegments, redis_url: str, streams: str, client: redis.Redis
) -> None:
    other = [(CommandEntry(c.id, c.fields), EventEntry(e.id, e.payload, bytes(32))) for c, e in PAIRS[60:]]
    put(client, streams, other)
    async with live(redis_url, streams) as log:
        with pytest.raises(Torn):
            await everything(History(archive, log), 10)


async def test_an_archive_that_grows_while_it_is_compared_is_looked_at_again(
    tmp_path: Path, redis_url: str, streams: str, client: redis.Redis
) -> None:
    """The journal archives more and trims behind it, just when a reader holds the end of the archive in its hand."""
    put(client, streams, PAIRS)
    trim(client, streams, IDS[20])
    async with file_store(tmp_path / "journal") as store, live(redis_url, streams) as log:
        await keep(store, PAIRS[:34], 17)

        class Growing(FileSegments):
            grown = False

            async def last(self) -> Stored | None:
                found = await super().last()
                if not self.grown:
                    self.grown = True
                    await keep(store, PAIRS[:KEPT], 17)
                    trim(client, streams, IDS[100])
                return found

        assert await everything(History(Growing(tmp_path / "journal"), log), 10) == WHOLE


async def test_a_gap_between_archive_and_streams_is_told(
    archive: FileSegments, redis_url: str, streams: str, client: redis.Redis
) -> None:
    put(client, streams, PAIRS[140:])
    async with live(redis_url, streams) as log:
        with pytest.raises(Torn):
            await everything(History(archive, log), 10)


async def test_a_damaged_segment_is_named(archive: FileSegments, tmp_path: Path) -> None:
    path = tmp_path / "journal" / name_of(cut(PAIRS[:KEPT], 17)[3][0].last.id)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(bytes(data))
    with pytest.raises(SegmentDamaged, match=path.name):
        await everything(History(archive, None), 10)


async def test_a_segment_of_another_log_between_is_told(archive: FileSegments, tmp_path: Path) -> None:
    header = cut(PAIRS[:KEPT], 17)[2][0]
    before = Head(header.before.id, bytes(32))
    parts = [(command.id, command.fields, b"forged") for command, _ in PAIRS[header.number : header.total]]
    made, data = sealed(linked(parts, before.chain), before, header.number)
    assert made.last.id == header.last.id
    (tmp_path / "journal" / name_of(header.last.id)).write_bytes(data)
    with pytest.raises(Torn, match="another log"):
        await everything(History(archive, None), 10)


async def test_each_segment_is_opened_once_by_who_reads_in_order(archive: FileSegments) -> None:
    class Counting(FileSegments):
        opened = 0

        async def after(self, id: StreamId):  # type: ignore[no-untyped-def]  # noqa: ANN202
            type(self).opened += 1
            return await super().after(id)

    counting = Counting(archive._folder)
    history = History(counting, None)
    place = START
    while batch := await history.commands(place, 10):
        results = await history.events(place, len(batch))
        assert [entry.id for entry in results] == [entry.id for entry in batch]
        place = batch[-1].id
    assert Counting.opened == len(cut(PAIRS[:KEPT], 17)) + 1


async def test_the_sources(
    tmp_path: Path, redis_url: str, streams: str, database_url: str, client: redis.Redis
) -> None:
    put(client, streams, PAIRS)
    trim(client, streams, IDS[100])
    async with database_store(database_url) as table, file_store(tmp_path / "journal") as folder:
        await keep(table, PAIRS[:KEPT], 17)
        await keep(folder, PAIRS[:50], 17)
    settings = Settings(
        tmp_path, tmp_path, redis_url=redis_url, database_url=database_url, streams=streams, journal_folder="unused"
    )
    expected = {"auto": WHOLE, "streams": WHOLE[100:], "journal": WHOLE[:KEPT], str(tmp_path / "journal"): WHOLE[:50]}
    for source, whole in expected.items():
        async with open_history(settings, source) as log:
            assert await everything(log, 33) == whole

    async def first(settings: Settings, source: str) -> Log:
        async with open_history(settings, source) as log:
            return log

    bare = Settings(tmp_path, tmp_path)
    for source, told in {
        "auto": "REDIS_URL",
        "streams": "REDIS_URL",
        "journal": "DATABASE_URL",
        "/none": "neither",
    }.items():
        with pytest.raises(SettingsError, match=told):
            await first(bare, source)
    only = Settings(tmp_path, tmp_path, journal_folder=str(tmp_path / "journal"))
    for source in ("auto", "journal"):
        async with open_history(only, source) as log:
            assert await everything(log, 33) == WHOLE[:50]


async def test_a_database_that_is_away_matters_only_for_what_was_trimmed(
    tmp_path: Path, redis_url: str, streams: str, client: redis.Redis
) -> None:
    put(client, streams, PAIRS)
    gone = "postgresql://nobody@127.0.0.1:1/none"
    settings = Settings(tmp_path, tmp_path, redis_url=redis_url, database_url=gone, streams=streams)
    async with open_history(settings) as log:
        assert await everything(log, 33) == WHOLE
        trim(client, streams, IDS[3])
        assert await everything(log, 33, after=IDS[3]) == WHOLE[4:]
        with pytest.raises(LogUnavailable):
            await log.events(IDS[0], 5)
