"""F12: the stream server dies, and a replica that lags takes its place.

What the replica has is a clean prefix of the log. Roles that remember more are refused by compare-and-append, notice
another server, say so, and begin again from what is there. Without `replicas` the entries that the replica lacked are
lost, however often they were shown; with it nobody was shown them.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exchange.effects.ports import Fenced
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.settings import Settings
from tests.faults.replicas import replicated
from tests.faults.traffic import KEYS, Traffic
from tests.integration.api_world import Client, World, eventually, healthy, world
from tests.integration.trading import all_commands, all_events, assert_sound, entries_after

MakeSettings = Callable[..., Settings]


async def test_f12_without_replicas_a_lagging_one_loses_a_tail_and_all_goes_on(
    make_settings: MakeSettings, database_url: str, tmp_path: Path
) -> None:
    with replicated(tmp_path / "pair") as pair, capture_logs() as logged:
        settings = make_settings(redis_url=pair.url, database_url=database_url, demo=True)
        keys = (settings.commands_key, settings.events_key)
        async with world(settings) as place:
            user = await place.user(INR="1000")
            for number in range(10):
                assert (await user.limit("buy", "10", "1", client_order_id=f"k{number}")).status == 201
            old, new = BlockingRedisLog(pair.primary.url, *keys), BlockingRedisLog(pair.replica.url, *keys)
            run(BlockingRedisLog(pair.primary.url, *keys, replicas=1).head())  # the replica has all of it
            pair.cut_link()
            for number in range(15):
                assert (await user.limit("buy", "10", "1", client_order_id=f"l{number}")).status == 201
            commands, events, ghost = all_commands(old), all_events(old), run(old.head())
            incarnation = run(old.incarnation())
            pair.fail_over()

            left, results = all_commands(new), all_events(new)
            assert [one.id for one in left] == [one.id for one in commands[: len(left)]]
            assert [one.chain for one in results] == [one.chain for one in events[: len(results)]]
            assert len(commands) - len(left) == 15
            with pytest.raises(Fenced):
                run(new.publish(ghost, entries_after(ghost, 1)))

            await eventually(lambda: healthy(place))
            assert len((await user.get("/api/v1/orders")).data["orders"]) == 10
            for number in range(15):
                await eventually(partial(_placed, user, f"l{number}"))
            assert (await user.balances())["INR"] == ("750.00", "250.00")
            assert_sound(new)
            seen = [line["incarnation"] for line in logged if line["event"] == "recovered"]
            assert seen[0] == incarnation
            assert seen[-1] == run(new.incarnation())
        print(f"lost: {len(commands) - len(left)} of {len(commands)} commands, all of them shown before")


async def test_f12_without_its_replica_nothing_is_shown_and_all_comes_back(
    make_settings: MakeSettings, database_url: str, tmp_path: Path
) -> None:
    with replicated(tmp_path / "pair") as pair:
        settings = make_settings(redis_url=pair.url, database_url=database_url, demo=True, replicas=1)
        async with world(settings, deadline_s=1.0) as place:
            user = await place.user(INR="1000")
            assert (await user.limit("buy", "10", "1")).status == 201
            with pair.lagging():
                for number in range(3):
                    answer = await user.limit("buy", "10", "1", client_order_id=f"w{number}")
                    assert (answer.status, answer.code) in {(503, "log_unavailable"), (504, "unknown_outcome")}
                await eventually(partial(_says_why, place))
                assert (await user.balances())["INR"] == ("990.00", "10.00")
            await eventually(lambda: healthy(place))
            for number in range(3):
                await eventually(partial(_placed, user, f"w{number}"))
            assert (await user.balances())["INR"] == ("960.00", "40.00"), "each took effect once"


async def _says_why(place: World) -> bool:
    health = await place.anonymous().get("/healthz")
    return health.status == 503 and "0 of 1 replicas" in health.data["checks"]["view"]


async def _placed(user: Client, name: str) -> bool:
    """A lost connection is noticed by whoever uses it first: they repeat."""
    return (await user.limit("buy", "10", "1", client_order_id=name)).status == 201


async def test_f12_with_replicas_nothing_that_anybody_was_told_is_lost(tmp_path: Path) -> None:
    with replicated(tmp_path / "pair") as pair:
        traffic = Traffic(pair.url, tmp_path, replicas=1)
        ghosts = 0
        async with traffic.flowing():
            for _ in range(2):
                await traffic.more(100)
                pair.cut_link()
                told = len(traffic.told)
                with pytest.raises(AssertionError, match="results"):
                    await traffic.more(100, seconds=0.5)
                assert len(traffic.told) - told <= 16, "only what the replica had"
                old = BlockingRedisLog(pair.primary.url, *KEYS)
                ghosts += len(all_commands(old))
                old.close()
                pair.fail_over()
                new = BlockingRedisLog(pair.primary.url, *KEYS)
                ghosts -= len(all_commands(new))
                events = {entry.id: entry.payload for entry in all_events(new)}
                assert [id for id, payload in traffic.told.items() if events.get(id) != payload] == []
                new.close()
                pair.rejoin()
            await traffic.more(100)
        log = BlockingRedisLog(pair.url, *KEYS)
        assert_sound(log)
        events = {entry.id: entry.payload for entry in all_events(log)}
        assert [id for id, payload in traffic.told.items() if events.get(id) != payload] == []
        log.close()
    print(f"2 fail-overs: 0 of {len(traffic.told)} results lost, {ghosts} commands that nobody was told of are gone")
    assert ghosts
