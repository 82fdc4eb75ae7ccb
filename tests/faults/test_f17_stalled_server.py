"""F17: the stream server stands still, is away, loads, or rewrites its append-only file.

Whoever asks gets 503, or that the outcome is unknown, in bounded time; and all goes on by itself, with nothing lost or
doubled.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from exchange.effects.redis.log import BlockingRedisLog
from exchange.embedded.valkey import ValkeyServer
from exchange.settings import Settings
from tests.integration.api_world import MARKET, Client, eventually, healthy, world
from tests.integration.trading import assert_sound

MakeSettings = Callable[..., Settings]

STALL_S = float(os.environ.get("EXCHANGE_STALL_S", "2"))
"""How long the server stands still; set it to 30 for the figure in the fault table."""


async def test_f17_a_stalled_server_is_told_and_waited_out(
    make_settings: MakeSettings, own_server: ValkeyServer, database_url: str
) -> None:
    """Stopped, not gone."""
    settings = make_settings(redis_url=own_server.url, database_url=database_url, demo=True)
    async with world(settings, deadline_s=0.5) as place:
        user = await place.user(INR="1000000")
        assert own_server.child is not None
        os.kill(own_server.child.pid, signal.SIGSTOP)
        asked = 0
        try:
            until = time.monotonic() + STALL_S
            while time.monotonic() < until or not asked:
                await asyncio.gather(*(_unanswered(user, f"s{asked + number}") for number in range(5)))
                asked += 5
                health = await place.anonymous().get("/healthz")
                assert (health.status, health.data["status"]) == (503, "unavailable")
                assert health.data["checks"]["log"] != "ok"
        finally:
            os.kill(own_server.child.pid, signal.SIGCONT)
        await eventually(lambda: healthy(place))
        for number in range(asked):
            assert (await user.limit("buy", "10", "1", client_order_id=f"s{number}")).status == 201
        assert (await user.balances())["INR"][1] == f"{10 * asked}.00", "each took effect once"
    _assert_sound(own_server, settings)


async def test_f17_a_server_that_is_away_or_loads_answers_503_and_comes_back(
    make_settings: MakeSettings, database_url: str, tmp_path: Path
) -> None:
    """Killed, and started again on a log that takes a while to load."""
    server = SlowServer(tmp_path / "v", sockets=tmp_path / "r", log=tmp_path / "v.log", guarded=False)
    server.start()
    try:
        settings = make_settings(redis_url=server.url, database_url=database_url, demo=True)
        once = Retry(NoBackoff(), 0)
        async with world(settings) as place, redis.asyncio.Redis.from_url(server.url, retry=once) as client:
            user = await place.user(INR="1000")
            async with place.socket(user) as feed:
                await feed.ask("SUBSCRIBE", "balances", f"depth@{MARKET}")
                async with client.pipeline(transaction=False) as pipeline:
                    for _ in range(25_000):
                        pipeline.incr("ballast")
                    await pipeline.execute()
                await asyncio.to_thread(server.stop)
                away = await user.limit("buy", "10", "1", client_order_id="away")
                assert (away.status, away.code, "Retry-After" in away.headers) == (503, "log_unavailable", True)
                assert "may or may not" in away.data["error"]["message"]
                health = await place.anonymous().get("/healthz")
                assert (health.status, health.data["status"]) == (503, "unavailable")
                assert health.data["checks"]["log"] != "ok"
                assert (await user.balances()) == {"INR": ("1000.00", "0.00")}

                server.slow = True
                starting = asyncio.create_task(asyncio.to_thread(server.start))
                await eventually(lambda: _loads(client))
                refused = 0
                while not starting.done():
                    loading = await user.limit("buy", "10", "1", client_order_id="away")
                    assert loading.status == 201 or loading.code == "log_unavailable"
                    refused += loading.status == 503
                assert refused, "it had loaded before it was asked"
                await starting
                await eventually(lambda: healthy(place))
                assert (await user.limit("buy", "10", "1", client_order_id="away")).status == 201
                await feed.receive(f"depth@{MARKET}")
                update = await feed.receive(f"depth@{MARKET}")
                assert update["data"]["first_seq"] == 1
            assert (await user.balances()) == {"INR": ("990.00", "10.00")}
        _assert_sound(server, settings)
    finally:
        server.stop()


async def test_f17_rewriting_the_append_only_file_holds_nobody_up(
    make_settings: MakeSettings, own_server: ValkeyServer, database_url: str
) -> None:
    settings = make_settings(redis_url=own_server.url, database_url=database_url, demo=True)
    async with world(settings) as place, redis.asyncio.Redis.from_url(own_server.url) as admin:
        user = await place.user(INR="1000000")
        rewritten = placed = 0
        for _ in range(3):
            await admin.bgrewriteaof()
            under_way = True
            while under_way:
                answers = await asyncio.gather(*(user.limit("buy", "10", "1") for _ in range(20)))
                assert {answer.status for answer in answers} == {201}
                placed += len(answers)
                state = await admin.info("persistence")
                under_way = bool(state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"])
            assert state["aof_last_bgrewrite_status"] == "ok"
            rewritten += 1
        assert (await user.balances())["INR"][1] == f"{10 * placed}.00"
        assert own_server.child is not None
        os.kill(own_server.child.pid, signal.SIGKILL)
        own_server.child.wait()
        own_server.start()
        await eventually(lambda: healthy(place))
        assert (await user.balances())["INR"][1] == f"{10 * placed}.00"
    assert rewritten == 3
    _assert_sound(own_server, settings)


class SlowServer(ValkeyServer):
    """A server that takes its time to load, if it is told to."""

    slow = False

    def _options(self) -> list[str]:
        return [*super()._options(), *(["--key-load-delay", "50"] if self.slow else [])]


async def _unanswered(user: Client, name: str) -> None:
    async with asyncio.timeout(15):
        answer = await user.limit("buy", "10", "1", client_order_id=name)
    assert (answer.status, answer.code) in {(503, "log_unavailable"), (504, "unknown_outcome")}


async def _loads(client: redis.asyncio.Redis) -> bool:
    try:
        await client.ping()
    except redis.asyncio.BusyLoadingError:
        return True
    except redis.asyncio.ConnectionError:
        return False
    raise AssertionError("it had loaded before it was looked at")


def _assert_sound(server: ValkeyServer, settings: Settings) -> None:
    log = BlockingRedisLog(server.url, settings.commands_key, settings.events_key)
    assert_sound(log)
    log.close()
