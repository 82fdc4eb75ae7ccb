"""F5: the journal is killed while it trims, before the transaction or after it: both streams begin at one entry, all
that is missing from them is archived, and the next start goes on."""

import asyncio
from pathlib import Path

import pytest
import redis

from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.projections.journal.database import DatabaseSegments
from exchange.projections.journal.files import FileSegments
from exchange.projections.journal.history import History
from exchange.projections.journal.stores import SegmentSource
from exchange.roles import snapshots
from exchange.roles.recovery import recover
from exchange.terms.stream import StreamId, format_id
from tests.faults.archivers import journal_process, killed, run_until
from tests.integration.archiving import everything, journaling, live
from tests.integration.test_journal_process import first
from tests.integration.test_timescale_projector import database
from tests.integration.trading import all_commands, all_events, hash_from_genesis, three_snapshots, trade
from tests.unit.projections.segments import content

__all__ = ["database"]


@pytest.mark.parametrize("point,kills", [("before_trim", 2), ("after_trim", 1)])
def test_f05_a_kill_at_the_trim_leaves_no_gap(
    log: BlockingRedisLog,
    client: redis.Redis,
    redis_url: str,
    streams: str,
    database: str,
    tmp_path: Path,
    point: str,
    kills: int,
) -> None:
    home = tmp_path / "home"
    store = FileSnapshotStore(home / "snapshots")
    engine = three_snapshots(log, store)
    trade(engine, log, 77, 1_000)
    wanted = hash_from_genesis(log)
    whole = content(all_commands(log), all_events(log))
    ids: list[StreamId] = [entry.id for entry in all_events(log)]

    async def archive() -> StreamId:
        folder = home / "journal"
        async with journaling(redis_url, streams, database, home / "snapshots", folder=folder, keep=10**9) as it:
            await it.catch_up()
            return min(await it.archive.kept(len(ids) - 1_000), snapshots.position_of(store.names()[1]))

    async def read(source: SegmentSource) -> list[tuple[object, ...]]:
        async with live(redis_url, streams) as streams_alone:
            found = await everything(History(source, streams_alone), 200)
        await source.close()
        return found

    def no_gap() -> None:
        assert snapshots.state_hash(run(recover(log, store))) == wanted
        for source in (DatabaseSegments(database), FileSegments(home / "journal")):
            assert asyncio.run(read(source)) == whole

    horizon = asyncio.run(archive())
    assert ids[0] < horizon <= ids[-1_000]
    for _ in range(kills):  # after the trim there is nothing left to trim, and so to be killed at
        killed(journal_process(redis_url, streams, database, home, point))
        begins = ids[0] if point == "before_trim" else horizon
        assert first(client, streams) == (format_id(begins),) * 2
        no_gap()
    run_until(
        journal_process(redis_url, streams, database, home),
        lambda: first(client, streams) == (format_id(horizon),) * 2,
    )
    no_gap()
