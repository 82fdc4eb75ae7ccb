"""F7: a stream that was trimmed past what somebody stands on refuses the start, and is never continued in silence."""

import asyncio
from pathlib import Path

import pytest
import redis

from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.events.tail import TailLost
from exchange.projections.journal.archiver import CannotJournal
from exchange.projections.timescale.anchor import CannotProject
from exchange.roles import snapshots
from exchange.roles.recovery import recover
from exchange.roles.stops import Gap, Trimmed
from exchange.terms.stream import format_id
from tests.integration.archiving import journaling
from tests.integration.projecting import a_log, expected, projecting, put, stored
from tests.integration.test_timescale_projector import DEADLINE, database, entries, position
from tests.integration.trading import (
    all_commands,
    all_events,
    hash_from_genesis,
    open_world,
    some,
    standby,
    three_snapshots,
)

__all__ = ["database"]


@pytest.mark.parametrize("trimmed", [("commands",), ("events",), ("commands", "events")])
def test_f07_streams_trimmed_past_every_snapshot_refuse_the_start(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str, trimmed: tuple[str, ...]
) -> None:
    three_snapshots(log, store)
    after = format_id(all_events(log)[-10].id)
    for stream in trimmed:
        client.xtrim(f"{streams}:{stream}", minid=after, approximate=False)
    with pytest.raises(Gap):
        run(recover(log, store))


def test_f07_trimming_the_command_of_the_last_result_away_refuses_the_start(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str
) -> None:
    """Commands that nobody has answered are gone with it, and no reader would notice."""
    three_snapshots(log, store)
    run(standby(log, store).turn())
    log.append_many(some(9, 5))
    client.xtrim(f"{streams}:commands", minid=format_id(all_commands(log)[-2].id), approximate=False)
    with pytest.raises(Trimmed):
        run(recover(log, store))


def test_f07_streams_trimmed_up_to_an_older_snapshot_start(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str, folder: Path
) -> None:
    three_snapshots(log, store)
    wanted = hash_from_genesis(log)
    newest, older, _ = store.names()
    anchor = format_id(snapshots.position_of(older))
    for stream in ("commands", "events"):
        client.xtrim(f"{streams}:{stream}", minid=anchor, approximate=False)
    assert snapshots.state_hash(run(recover(log, store))) == wanted
    (folder / newest).write_bytes(b"")
    assert snapshots.state_hash(run(recover(log, store))) == wanted
    (folder / older).write_bytes(b"")
    with pytest.raises(Trimmed):
        run(recover(log, store))


def test_f07_an_emptied_event_stream_refuses_the_start(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str
) -> None:
    open_world(log, store)
    client.xtrim(f"{streams}:events", maxlen=0, approximate=False)
    with pytest.raises(Trimmed):
        run(recover(log, store))


async def test_f07_what_was_trimmed_under_a_living_projector_is_missed_not_skipped(
    client: redis.Redis, redis_url: str, streams: str, database: str
) -> None:
    pairs = a_log(20, 200)

    def trim(first: int) -> None:
        for stream in ("commands", "events"):
            client.xtrim(f"{streams}:{stream}", minid=format_id(pairs[first][1].id), approximate=False)

    async with asyncio.timeout(DEADLINE), projecting(redis_url, streams, database) as projector:
        await projector.turn()
        put(client, streams, pairs[:100])
        trim(10)
        with pytest.raises(CannotProject, match="not the beginning of a log"):
            await projector.run(lambda: False)
        assert await position(database) == "0-0"
        client.delete(f"{streams}:commands", f"{streams}:events")
        put(client, streams, pairs[:100])
        await projector.catch_up()
        await projector.turn()  # its position was compared with the log
        put(client, streams, pairs[100:])
        trim(110)
        with pytest.raises(TailLost):
            await projector.turn()
        with pytest.raises(CannotProject, match="where the database's rows end"):
            await projector.run(lambda: False)
    assert await stored(database) == expected(entries(pairs[:100]))


async def test_f07_a_journal_does_not_skip_what_was_trimmed_under_it(
    client: redis.Redis, redis_url: str, streams: str, database: str, tmp_path: Path
) -> None:
    pairs = a_log(20, 200)
    put(client, streams, pairs[:100])
    async with journaling(redis_url, streams, database, tmp_path, every=50) as it:
        while it.journal.segments < 2:
            await it.journal.turn()
        put(client, streams, pairs[100:])
        for stream in ("commands", "events"):
            client.xtrim(f"{streams}:{stream}", minid=format_id(pairs[150][1].id), approximate=False)
        with pytest.raises(CannotJournal, match="older than the last trim"):
            await it.journal.run(lambda: False)
        assert it.journal.segments == 2
