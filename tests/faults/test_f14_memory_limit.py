"""F14: the stream server's memory limit. A batch of results is added whole or not at all, so no hole is left.

Orders are refused before the limit, so that the engine is never held up; with room again all goes on. A server that may
evict is refused.
"""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
import redis
import redis.asyncio

from exchange.effects.ports import EffectError, LogFull
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.embedded.valkey import ValkeyServer
from exchange.events.codec import chain
from exchange.settings import Settings
from exchange.terms.stream import Head, format_id, genesis_head
from tests.integration.api_world import Client, eventually, healthy, world
from tests.integration.trading import all_commands, all_events, assert_sound, entries_after

MakeSettings = Callable[..., Settings]


def test_f14_a_flapping_memory_limit_leaves_no_hole(own_server: ValkeyServer, streams: str) -> None:
    log = BlockingRedisLog(own_server.url, f"{streams}:commands", f"{streams}:events")
    done = threading.Event()

    def flap() -> None:
        with redis.Redis.from_url(own_server.url) as admin:
            while not done.is_set():
                for limit in (1, 0):
                    admin.config_set("maxmemory", limit)
                    time.sleep(0.002)
            admin.config_set("maxmemory", 0)

    flapper = threading.Thread(target=flap)
    flapper.start()
    refused = published = 0
    head = genesis_head()
    try:
        deadline = time.monotonic() + 20
        while (published < 200 or refused < 20) and time.monotonic() < deadline:
            batch = entries_after(head, 50)
            try:
                run(log.publish(head, batch))
            except LogFull:
                refused += 1
                assert run(log.head()) == head
            else:
                published += 1
                head = Head(batch[-1].id, batch[-1].chain)
    finally:
        done.set()
        flapper.join()
    entries = all_events(log)
    assert refused >= 20
    assert len(entries) == 50 * published
    last = genesis_head()
    for entry in entries:
        assert entry.chain == chain(last.chain, entry.id, b"", entry.payload), format_id(entry.id)
        last = Head(entry.id, entry.chain)
    log.close()


def test_f14_an_append_over_the_memory_limit_is_refused(own_server: ValkeyServer, streams: str) -> None:
    log = BlockingRedisLog(own_server.url, f"{streams}:commands", f"{streams}:events")
    with redis.Redis.from_url(own_server.url) as admin:
        admin.config_set("maxmemory", 1)
        with pytest.raises(LogFull):
            run(log.append(b"x"))
        admin.config_set("maxmemory", 0)
    run(log.append(b"x"))
    assert len(all_commands(log)) == 1
    log.close()


def test_f14_a_server_that_may_evict_is_refused(own_server: ValkeyServer, streams: str) -> None:
    log = BlockingRedisLog(own_server.url, f"{streams}:commands", f"{streams}:events")
    log.refuse_unfit()
    with redis.Redis.from_url(own_server.url) as admin:
        admin.config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(EffectError, match="noeviction"):
        log.refuse_unfit()
    log.close()


async def test_f14_new_orders_are_refused_in_time_and_taken_again_with_room(
    make_settings: MakeSettings, own_server: ValkeyServer, database_url: str
) -> None:
    settings = make_settings(redis_url=own_server.url, database_url=database_url, demo=True)
    log = BlockingRedisLog(own_server.url, settings.commands_key, settings.events_key)
    async with redis.asyncio.Redis.from_url(own_server.url) as admin, world(settings) as place:
        user = await place.user(INR="100000")
        resting = (await user.limit("buy", "9", "1")).data["id"]
        used = int((await admin.info("memory"))["used_memory"])
        await admin.config_set("maxmemory", used + (2 << 20))
        assert await _fill(user) > 200
        health = await place.anonymous().get("/healthz")
        assert (health.status, "memory is at" in health.data["checks"]["log"]) == (503, True)
        refused = await user.limit("buy", "10", "1")
        assert "Cancels are still taken" in refused.data["error"]["message"]
        assert (await user.call("DELETE", f"/api/v1/order/{resting}")).status == 200
        assert_sound(log)  # each command has its result: the engine always had room

        await admin.config_set("maxmemory", used + (3 << 20))  # an operator gives more
        await eventually(lambda: healthy(place))
        assert await _fill(user) > 100
        events = all_events(log)
        assert [one.id for one in events] == [one.id for one in all_commands(log)]
        for key in (settings.commands_key, settings.events_key):  # the journal trims
            await admin.xtrim(key, minid=format_id(events[len(events) // 2].id), approximate=False)
        await eventually(lambda: healthy(place))
        assert (await user.limit("buy", "10", "1")).status == 201
        assert all_events(log)[-1].id == all_commands(log)[-1].id
    log.close()


async def _fill(user: Client) -> int:
    """Place orders until the log has no room for more; how many were placed. Nothing else is ever answered."""
    placed = 0
    for _ in range(400):
        answers = await asyncio.gather(*(user.limit("buy", "10", "1") for _ in range(25)))
        told = [(answer.status, answer.code if answer.status != 201 else "") for answer in answers]
        assert set(told) <= {(201, ""), (503, "log_full")}, told
        placed += told.count((201, ""))
        full = [answer for answer in answers if answer.status == 503]
        if full:
            assert all("Retry-After" in answer.headers for answer in full)
            return placed
    raise AssertionError(f"still room after {placed} orders")


async def test_f14_at_the_very_limit_a_command_is_refused_whole_and_all_comes_back(
    make_settings: MakeSettings, own_server: ValkeyServer, database_url: str
) -> None:
    """The limit falls under what is in use, at once: no look came before."""
    settings = make_settings(redis_url=own_server.url, database_url=database_url, demo=True)
    async with redis.asyncio.Redis.from_url(own_server.url) as admin, world(settings) as place:
        user = await place.user(INR="1000")
        for turn in range(5):
            await admin.config_set("maxmemory", 1)
            full = await user.limit("buy", "10", "1", client_order_id=f"n{turn}")
            assert (full.status, full.code, "Retry-After" in full.headers) == (503, "log_full", True)
            await admin.config_set("maxmemory", 0)
            await eventually(lambda: healthy(place))
            assert (await user.limit("buy", "10", "1", client_order_id=f"n{turn}")).status == 201
    log = BlockingRedisLog(own_server.url, settings.commands_key, settings.events_key)
    assert_sound(log)
    log.close()
