"""A log's server that comes back without its tail gives the lost ids again; the gateway must not mix the two up."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from exchange.api.following import Follower
from exchange.commands.codec import encode
from exchange.commands.types import OpenAccount
from exchange.effects.clock import AsyncClock, BlockingClock
from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import AsyncRedisLog, BlockingRedisLog
from exchange.embedded.valkey import ValkeyServer
from exchange.events.types import AccountOpened
from exchange.roles.engine import Engine
from exchange.terms.stream import EventEntry, format_id
from tests.integration.api_world import eventually
from tests.integration.trading import drain, open_world

KEYS = ("t:commands", "t:events")


def answer_all(server: ValkeyServer, store: FileSnapshotStore) -> None:
    """An engine that lives until everything has its result."""
    log = BlockingRedisLog(server.url, *KEYS)
    drain(Engine(log, store, BlockingClock(), wait_ms=1), log)
    log.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyServer]:
    made = ValkeyServer(tmp_path / "valkey", sockets=tmp_path / "run", log=tmp_path / "valkey.log", guarded=False)
    yield made
    made.stop()


async def test_an_id_that_was_lost_and_given_again_does_not_bring_the_lost_result(
    server: ValkeyServer, tmp_path: Path
) -> None:
    folder, copy = tmp_path / "valkey", tmp_path / "copy"
    store = FileSnapshotStore(tmp_path / "snapshots")
    server.start()
    log = BlockingRedisLog(server.url, *KEYS)
    open_world(log, store)
    log.close()
    server.stop()
    shutil.copytree(folder, copy)

    server.start()
    reads, questions = (AsyncRedisLog(server.url, *KEYS, timeout=2) for _ in range(2))
    clock = AsyncClock()
    follower = Follower(reads, questions, store, clock, questions.pin, None, with_tape=False)
    await follower.start()
    following = asyncio.create_task(follower.run())
    id = await questions.append(encode(OpenAccount("lost")))
    answer_all(server, store)
    got: list[EventEntry] = []
    follower.waiter.expect(id, got.append)
    await eventually(lambda: asyncio.sleep(0, bool(got)))

    server.stop()
    shutil.rmtree(folder)
    shutil.move(copy, folder)
    server.start()
    await eventually(lambda: asyncio.sleep(0, follower.view.account_of("lost") is None and not follower.problem))
    again: list[EventEntry] = []
    follower.waiter.expect(id, again.append)
    assert again == []
    with redis.Redis.from_url(server.url) as client:
        client.xadd(KEYS[0], {"c": encode(OpenAccount("mine"))}, id=format_id(id))
    answer_all(server, store)
    await eventually(lambda: asyncio.sleep(0, bool(again)))
    (event,) = follower.outcome(again[0]).events
    assert isinstance(event, AccountOpened)
    assert (again[0].id, event.ref) == (id, "mine")

    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await follower.stop()
    await reads.aclose()
    await questions.aclose()
