"""F11: the end of the log is lost while engines, gateways and projections live: each notices when it comes back, and
goes on from what is left. Rows ahead of the log are made again, with an alarm."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
import redis
import redis.asyncio
from structlog.testing import capture_logs

from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import LogUnavailable
from exchange.effects.redis_log import BlockingRedisLog, run
from exchange.embedded.valkey import ValkeyServer
from exchange.settings import Settings
from tests.integration.api_world import DEADLINE_S, eventually, world
from tests.integration.projecting import a_log, expected, projecting, put, stored
from tests.integration.test_recovery_roles import restart
from tests.integration.test_timescale_projector import DEADLINE, database, entries, follow_until, other_end, reach
from tests.integration.trading import assert_sound, open_world, standby, trade

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
