"""F15: the log was flushed, or the wrong data set is connected: beside snapshots of another log nobody starts, and who
knew the log stops. Nothing is begun anew by mistake."""

from pathlib import Path

import pytest
import redis

from exchange.commands.codec import encode
from exchange.commands.types import OpenAccount
from exchange.effects.clock import BlockingClock
from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.roles.engine import Engine
from exchange.roles.recovery import recover
from exchange.roles.stops import WrongLog
from tests.integration.trading import (
    all_events,
    open_world,
    three_snapshots,
)


def test_f15_empty_streams_beside_snapshots_refuse_the_start(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str
) -> None:
    three_snapshots(log, store)
    client.delete(f"{streams}:commands", f"{streams}:events")
    with pytest.raises(WrongLog, match="empty"):
        run(recover(log, store))
    engine = Engine(log, store, BlockingClock(), wait_ms=1)
    with pytest.raises(WrongLog):
        run(engine.turn())
    assert not client.exists(f"{streams}:commands"), "the engine opened a new log over an old one's snapshots"


def test_f15_the_snapshots_of_another_log_refuse_the_start(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str, tmp_path: Path
) -> None:
    three_snapshots(log, store)
    client.delete(f"{streams}:commands", f"{streams}:events")
    three_snapshots(log, FileSnapshotStore(tmp_path / "elsewhere"))
    with pytest.raises(WrongLog, match="snapshots are of log"):
        run(recover(log, store))


def test_f15_a_flushed_log_stops_the_engine_that_knew_it(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str
) -> None:
    """Even before there is a snapshot: a running engine remembers which log it served."""
    engine = open_world(log, store)
    client.delete(f"{streams}:commands", f"{streams}:events")
    log.append_many([encode(OpenAccount("ghost"))])
    with pytest.raises(WrongLog):
        run(engine.run(lambda: False))
    assert all_events(log) == []
