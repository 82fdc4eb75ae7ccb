"""F11: the end of the log is lost while engines, gateways and projections live: each notices when it comes back, and
goes on from what is left. Rows ahead of the log are made again, with an alarm."""

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
import redis
import redis.asyncio
from structlog.testing import capture_logs

from exchange.effects.clock import BlockingClock
from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import LogUnavailable
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.embedded.valkey import ValkeyServer
from exchange.projections.journal.database import DatabaseSegments
from exchange.projections.journal.history import History
from exchange.roles.engine import Engine
from exchange.settings import Settings
from tests.integration.api_world import DEADLINE_S, eventually, world
from tests.integration.archiving import everything, journaling
from tests.integration.projecting import a_log, expected, projecting, put, stored
from tests.integration.test_recovery_roles import restart
from tests.integration.test_timescale_projector import DEADLINE, database, entries, follow_until, other_end, reach
from tests.integration.trading import all_commands, all_events, assert_sound, drain, open_world, standby, trade
from tests.shim import ShimmedServer
from tests.unit.projections.segments import content

__all__ = ["database"]

MakeSettings = Callable[..., Settings]


@pytest.mark.parametrize("cut", [1 + 331 * number for number in range(10)])
def test_f11_a_log_that_lost_its_tail_is_continued_from_what_is_left(
    own_server: ValkeyServer, store: FileSnapshotStore, cut: int
) -> None:
    """The append-only file is cut at an odd place, as by a power failure with a weaker fsync; the engine that lives on
    had published more than there is now."""
    log = BlockingRedisLog(own_server.url, "t:commands", "t:events")
    engine = open_world(log, store)
    run(standby(log, store).turn())
    trade(engine, log, 1, 50)
    restart(own_server, cut=cut)
    with pytest.raises(LogUnavailable):
        run(engine.turn())
    engine._memory.doubt()
    run(engine.turn())
    trade(engine, log, 2, 20)
    assert_sound(log)
    log.close()


async def test_f11_a_log_that_lost_its_tail_has_the_view_built_again(
    make_settings: MakeSettings, redis_url: str, database_url: str
) -> None:
    """F11, as far as it concerns the gateway: what was read is gone, so nothing in memory counts."""
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as place:
        user = await place.user(INR="1000")
        await user.limit("buy", "10", "1")
        await place.stop_engine()
        log = redis.asyncio.Redis.from_url(redis_url)
        last = (await log.xinfo_stream(place.settings.events_key))["last-generated-id"]
        async with place.socket(user) as feed:
            await feed.ask("SUBSCRIBE", "orders")
            assert len((await feed.receive("orders"))["data"]) == 1
            await log.xdel(place.settings.events_key, last)
            await log.client_kill_filter(_type="normal", skipme=True)
            await log.aclose()
            while (message := await feed.ws.receive(timeout=DEADLINE_S)).type is aiohttp.WSMsgType.TEXT:
                pass
            assert (message.type, feed.ws.close_code) == (aiohttp.WSMsgType.CLOSE, 1012)

        async def rebuilt() -> bool:
            return (await user.get("/api/v1/orders")).data == {"orders": []}

        await eventually(rebuilt)
        assert await user.balances() == {"INR": ("1000.00", "0.00")}


async def test_f11_rows_ahead_of_the_log_are_made_again_with_an_alarm(
    client: redis.Redis, redis_url: str, streams: str, database: str
) -> None:
    pairs = a_log(9, 200)
    put(client, streams, pairs)
    async with projecting(redis_url, streams, database) as projector:
        await projector.catch_up()
    client.delete(f"{streams}:commands", f"{streams}:events")
    left = pairs[:120]
    put(client, streams, left)
    async with projecting(redis_url, streams, database) as projector:
        with capture_logs() as logs:
            await follow_until(projector, database, left)
        assert projector.rebuilds == 1
    assert any(line["log_level"] == "error" and "no entry" in line["reason"] for line in logs if "reason" in line)
    assert await stored(database) == expected(entries(left))


async def test_f11_a_tail_lost_under_a_living_projector_is_noticed(tmp_path: Path, streams: str, database: str) -> None:
    server = ValkeyServer(
        tmp_path / "valkey", sockets=tmp_path / "run", log=tmp_path / "log", fsync="everysec", guarded=False
    )
    server.start()
    pairs = a_log(10, 200)
    changed = other_end(pairs, 100, seed=11)
    assert changed[-1][1].id > pairs[150][1].id
    try:
        with redis.Redis.from_url(server.url) as client:
            put(client, streams, pairs[:150])
        async with projecting(server.url, streams, database, 30) as projector:
            there = asyncio.Event()
            running = asyncio.create_task(projector.run(there.is_set))
            async with asyncio.timeout(DEADLINE):
                await reach(database, pairs[:150], running)
                server.stop()
                server.start()
                with redis.Redis.from_url(server.url) as client:
                    # The first hundred entries are left, and others were added before anybody looked.
                    client.delete(f"{streams}:commands", f"{streams}:events")
                    put(client, streams, changed)
                await reach(database, changed, running)
                there.set()
                await running
            assert projector.rebuilds == 1
        assert await stored(database) == expected(entries(changed))
    finally:
        server.stop()


@pytest.mark.parametrize("seed", range(2))
async def test_f11_no_segment_is_ahead_of_what_a_power_cut_leaves(seed: int, tmp_path: Path, database: str) -> None:
    """Under `everysec` a power cut takes an end back. What is archived is never in it: the journal goes on."""
    dice = random.Random(seed)
    server = ShimmedServer(tmp_path / "server", fsync="everysec")
    server.start()
    store = FileSnapshotStore(tmp_path / "snapshots")
    log = BlockingRedisLog(server.url, "t:commands", "t:events", fsync="everysec")
    lost = 0
    try:
        settings = {"every": 10, "seconds": 0.05, "fsync": "everysec"}
        async with journaling(server.url, "t", database, store._folder, **settings) as it:  # type: ignore[arg-type]
            there = asyncio.Event()
            running = asyncio.create_task(it.journal.run(there.is_set))
            engine = open_world(log, store)
            for cut in range(2):
                archived = it.journal.segments
                deadline = time.monotonic() + DEADLINE
                while it.journal.segments < archived + 3:
                    assert not running.done(), running
                    assert time.monotonic() < deadline
                    trade(engine, log, 100 * seed + cut, dice.randint(1, 30))
                    await asyncio.sleep(0.1)
                trade(engine, log, seed, 15)
                before = run(log.head()).id
                server.cut_power(keep=dice.random())
                server.start()
                log.close()
                lost += run(log.head()).id < before
                engine = Engine(log, store, BlockingClock(), wait_ms=1)
                run(engine.turn())
                drain(engine, log)
            end = run(log.head()).id
            deadline = time.monotonic() + DEADLINE
            while it.journal.position != end:
                assert not running.done(), running
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
            there.set()
            await running
        table = DatabaseSegments(database)
        archive = await everything(History(table, None), 1_000)
        await table.close()
        assert archive == content(all_commands(log), all_events(log))
        assert_sound(log)
    finally:
        log.close()
        server.stop()
    assert lost > 0, "no end was ever lost: nothing was shown"
