"""F13: the stream server's disk is full. Whoever asks gets 503, nothing that anybody was told is lost, and with space
all goes on.

Under `always` the server ends at the first write that fails, and again each time that it is started and written to;
under `everysec` it lives on, and refuses to write. The test does what the supervisor does: start it again.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from exchange.effects.redis.log import BlockingRedisLog
from exchange.settings import Fsync, Settings
from tests.integration.api_world import Client, World, eventually, healthy, world
from tests.integration.trading import assert_sound
from tests.shim import ShimmedServer, full_disk

MakeSettings = Callable[..., Settings]


@contextmanager
def _server(folder: Path, fsync: Fsync) -> Iterator[ShimmedServer]:
    server = ShimmedServer(folder, fsync=fsync)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize("fsync", ["always", "everysec"])
async def test_f13_a_full_disk_refuses_loses_nothing_and_is_got_over(
    fsync: Fsync, make_settings: MakeSettings, database_url: str, tmp_path: Path
) -> None:
    with _server(tmp_path / "v", fsync) as server:
        settings = make_settings(redis_url=server.url, database_url=database_url, demo=True, fsync=fsync)
        async with world(settings, deadline_s=1.0) as place:
            user = await place.user(INR="100000")
            told: Counter[str] = Counter()
            placed = [f"f{one}" for one in range(1, 21)]
            for name in placed:
                assert (await user.limit("buy", "10", "1", client_order_id=name)).status == 201
            starts, number = 0, len(placed)
            with full_disk(server.shim):
                while number < 60 or starts < (3 if fsync == "always" else 0):
                    number += 1
                    answer = await user.limit("buy", "10", "1", client_order_id=f"f{number}")
                    told[answer.code if answer.status != 201 else "placed"] += 1
                    assert answer.status in {201, 503, 504}
                    if answer.status == 201:
                        placed.append(f"f{number}")
                    else:
                        await asyncio.sleep(0.02)
                    assert server.child is not None
                    if server.child.poll() is not None:
                        assert server.child.returncode == 1, "it did not end by itself"
                        server.start()
                        starts += 1
                assert told["log_full"] + told["log_unavailable"] >= 10, told
                if fsync == "everysec":
                    await eventually(partial(_says_why, place))
            if server.child is not None and server.child.poll() is not None:
                server.start()
            await eventually(lambda: healthy(place))
            names = [f"f{one}" for one in range(1, number + 1)]
            for name in names:
                await eventually(partial(_placed, user, name))
            orders = (await user.get("/api/v1/orders?limit=500")).data["orders"]
            assert sorted(order["client_order_id"] for order in orders) == sorted(names), "each took effect once"
            assert (await user.balances())["INR"][1] == f"{10 * number}.00"
        log = BlockingRedisLog(server.url, settings.commands_key, settings.events_key)
        assert_sound(log)
        log.close()
        print(f"{fsync}: {dict(told)} while the disk was full, {starts} starts; 0 of {len(placed)} placed lost")


async def _placed(user: Client, name: str) -> bool:
    return (await user.limit("buy", "10", "1", client_order_id=name)).status == 201


async def _says_why(place: World) -> bool:
    health = await place.anonymous().get("/healthz")
    return health.status == 503 and "cannot write" in health.data["checks"]["log"]
