"""F25: the database is away: trading goes on, trimming waits, and tables and journal catch up when it is back.

It is away for a few seconds; `EXCHANGE_DATABASE_AWAY_SECONDS` makes it longer.
"""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import redis
from structlog.testing import capture_logs

from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.embedded.postgres import PostgresServer
from exchange.projections.journal.files import FileSegments
from exchange.projections.journal.history import History
from exchange.projections.timescale.migrations import migrate
from exchange.roles import snapshots
from exchange.settings import Settings
from exchange.terms.stream import format_id
from tests.integration.api_world import PASSWORD, eventually, world
from tests.integration.archiving import everything, journaling
from tests.integration.projecting import a_log, expected, projecting, put, stored
from tests.integration.test_journal_process import first
from tests.integration.test_timescale_projector import DEADLINE, entries, reach
from tests.integration.trading import all_commands, all_events, standby, three_snapshots, trade
from tests.unit.projections.segments import content

MakeSettings = Callable[..., Settings]

AWAY_SECONDS = float(os.environ.get("EXCHANGE_DATABASE_AWAY_SECONDS", "3"))


async def test_f25_without_the_database_trading_goes_on(
    make_settings: MakeSettings, redis_url: str, tmp_path: Path
) -> None:
    """F25."""
    postgres = PostgresServer(tmp_path / "p", sockets=tmp_path / "r", log=tmp_path / "p.log", durable=False)
    postgres.start()
    try:
        database_url = postgres.database_url("postgres")
        async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as place:
            user = await place.user(INR="1000")
            await asyncio.to_thread(postgres.stop)
            placed = await user.limit("buy", "10", "1", client_order_id="a")
            assert placed.status == 201
            assert (await user.get(f"/api/v1/order/{placed.data['id']}")).data["status"] == "open"
            assert len((await user.get("/api/v1/orders")).data["orders"]) == 1
            assert (await user.call("DELETE", f"/api/v1/order/{placed.data['id']}")).status == 200
            assert (await user.get(f"/api/v1/order/{placed.data['id']}")).data["status"] == "canceled"
            health = await place.anonymous().get("/healthz")
            assert (health.status, health.data["checks"]["database"] == "ok") == (200, False)
            for path in ("orders?status=all", "fills", "deposits", "withdrawals", "order/999"):
                answer = await user.get(f"/api/v1/{path}")
                assert (answer.status, answer.code) == (503, "database_unavailable"), path
                assert answer.headers["Retry-After"] == "1"
            credentials = {"email": "user1@example.org", "password": PASSWORD}
            for path in ("signin", "signup"):
                answer = await place.anonymous().post(f"/api/v1/{path}", credentials)
                assert (answer.status, answer.code) == (503, "database_unavailable")
            await asyncio.to_thread(postgres.start)

            async def signed_in() -> bool:
                return (await place.anonymous().post("/api/v1/signin", credentials)).status == 200

            await eventually(signed_in)
            assert (await user.get("/api/v1/deposits")).status == 200
    finally:
        postgres.stop()


async def test_f25_a_database_away_is_waited_for_and_caught_up(
    tmp_path: Path, client: redis.Redis, redis_url: str, streams: str
) -> None:
    server = PostgresServer(tmp_path / "postgres", sockets=tmp_path / "run", log=tmp_path / "log", durable=True)
    server.start()
    try:
        await migrate(server.url, timescale="off", wait_seconds=10)
        pairs = a_log(16, 300)
        put(client, streams, pairs[:100])
        async with projecting(redis_url, streams, server.url, 20) as projector:
            there = asyncio.Event()
            running = asyncio.create_task(projector.run(there.is_set))
            async with asyncio.timeout(DEADLINE):
                await reach(server.url, pairs[:100], running)
                with capture_logs() as logs:
                    server.stop()
                    put(client, streams, pairs[100:])
                    while sum(line["event"] == "waiting" for line in logs) < 3:
                        assert not running.done()
                        await asyncio.sleep(0.01)
                assert all("Unavailable" in line["reason"] for line in logs if line["event"] == "waiting")
                server.start()
                await reach(server.url, pairs, running)
                there.set()
                await running
        assert await stored(server.url) == expected(entries(pairs))
    finally:
        server.stop()


async def test_f25_trading_goes_on_and_trimming_waits(
    log: BlockingRedisLog, store: FileSnapshotStore, redis_url: str, streams: str, client: redis.Redis, tmp_path: Path
) -> None:
    server = PostgresServer(tmp_path / "postgres", sockets=tmp_path / "run", log=tmp_path / "log", durable=True)
    server.start()
    try:
        await migrate(server.url, timescale="off", wait_seconds=10)
        engine = three_snapshots(log, store)
        settings = {"every": 20, "seconds": 0.2, "trim_seconds": 0.1, "folder": tmp_path / "journal"}
        async with journaling(redis_url, streams, server.url, store._folder, **settings) as it:  # type: ignore[arg-type]
            there = asyncio.Event()
            running = asyncio.create_task(it.journal.run(there.is_set))
            async with asyncio.timeout(DEADLINE + AWAY_SECONDS):
                second = format_id(snapshots.position_of(store.names()[1]))
                while first(client, streams) != (second, second):
                    assert not running.done(), running
                    await asyncio.sleep(0.02)
                with capture_logs() as logs:
                    await asyncio.to_thread(server.stop)
                    back = time.monotonic() + AWAY_SECONDS
                    batches = 0
                    while time.monotonic() < back or batches < 10:
                        trade(engine, log, 100 + batches, 20)
                        run(standby(log, store).turn())
                        batches += 1
                        await asyncio.sleep(AWAY_SECONDS / 10)
                assert first(client, streams) == (second, second)
                assert sum(line["event"] == "waiting" for line in logs) >= 2
                assert not any(line["event"] == "streams trimmed" for line in logs)
                whole = content(all_commands(log), all_events(log))
                await asyncio.to_thread(server.start)
                second = format_id(snapshots.position_of(store.names()[1]))
                while first(client, streams) != (second, second) or it.journal.position != whole[-1][0]:
                    assert not running.done(), running
                    await asyncio.sleep(0.02)
                there.set()
                await running
            archived = await everything(History(FileSegments(tmp_path / "journal"), None), 1_000)
            assert archived[-len(whole) :] == whole
        assert batches >= 10
    finally:
        server.stop()
