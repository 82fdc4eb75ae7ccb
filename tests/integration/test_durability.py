"""What the two logs show, and when: replicas' word, the disk's word, and the names of connections."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from exchange.effects.ports import EffectError, LogUnavailable
from exchange.effects.redis.log import AsyncRedisLog, BlockingRedisLog, run
from exchange.effects.redis.reads import SYNCED_S, WRITTEN_S, Reads, settling
from exchange.effects.redis.wire import Refusal
from exchange.embedded.valkey import ValkeyServer
from exchange.terms.stream import START, genesis_head
from tests.faults.replicas import Pair, replicated, wait_until
from tests.integration.trading import entries_after
from tests.shim import ShimmedServer

KEYS = ("t:commands", "t:events")
AnyLog = BlockingRedisLog | AsyncRedisLog


@pytest.fixture(scope="module")
def shared_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with replicated(tmp_path_factory.mktemp("pair")) as started:
        yield started


@pytest.fixture
def pair(shared_pair: Pair) -> Pair:
    with redis.Redis.from_url(shared_pair.primary.url) as admin:
        admin.flushall()
        admin.wait(1, 5_000)
    return shared_pair


@pytest.fixture(params=["blocking", "async"])
async def log(request: pytest.FixtureRequest, pair: Pair) -> AsyncIterator[AnyLog]:
    if request.param == "blocking":
        blocking = BlockingRedisLog(pair.primary.url, *KEYS, timeout=2, replicas=1)
        yield blocking
        blocking.close()
    else:
        asynchronous = AsyncRedisLog(pair.primary.url, *KEYS, timeout=2, replicas=1)
        yield asynchronous
        await asynchronous.aclose()


@pytest.fixture
def writer(pair: Pair) -> Iterator[BlockingRedisLog]:
    opened = BlockingRedisLog(pair.primary.url, *KEYS)
    yield opened
    opened.close()


async def test_what_no_replica_has_is_shown_to_nobody(log: AnyLog, writer: BlockingRedisLog, pair: Pair) -> None:
    id = await writer.append(b"first")
    assert [entry.id for entry in await log.commands(START, 10)] == [id]
    with pair.lagging():
        second = await writer.append(b"second")
        batch = entries_after(genesis_head(), 2)
        await writer.publish(genesis_head(), batch)
        for call in (log.commands(id, 10), log.events(START, 10), log.head(), log.event(batch[0].id)):
            with pytest.raises(LogUnavailable, match="0 of 1 replicas"):
                await call
    assert [entry.id for entry in await log.commands(id, 10)] == [second]
    assert [entry.chain for entry in await log.events(START, 10)] == [entry.chain for entry in batch]
    shown = await log.event(batch[0].id)
    assert shown is not None and shown.chain == batch[0].chain
    assert (await log.head()).id == batch[1].id


async def test_who_waits_for_an_entry_gets_it_with_the_replicas_word(
    log: AnyLog, writer: BlockingRedisLog, pair: Pair
) -> None:
    if isinstance(log, BlockingRedisLog):
        pytest.skip("one thread cannot wait and write")
    waiting = asyncio.create_task(log.commands(START, 10, wait_ms=1_000))
    await asyncio.sleep(0.05)
    id = await writer.append(b"x")
    assert [entry.id for entry in await waiting] == [id]
    waiting = asyncio.create_task(log.commands(id, 10, wait_ms=1_000))
    await asyncio.sleep(0.05)
    with pair.lagging():
        await writer.append(b"y")
        with pytest.raises(LogUnavailable, match="0 of 1"):
            await waiting


def test_what_was_read_ahead_is_withheld_too(writer: BlockingRedisLog, pair: Pair) -> None:
    log = BlockingRedisLog(pair.primary.url, *KEYS, timeout=2, replicas=1)
    first = writer.append_many([b"x"] * 100)
    assert len(run(log.commands(START, 100))) == 100
    with pair.lagging():
        writer.append_many([b"y"] * 100)
        with pytest.raises(LogUnavailable):
            run(log.commands(first[-1], 100))
    assert len(run(log.commands(first[-1], 100))) == 100
    log.close()


async def test_more_replicas_than_there_are_make_the_log_unavailable(writer: BlockingRedisLog, pair: Pair) -> None:
    await writer.append(b"x")
    for log in (
        BlockingRedisLog(pair.primary.url, *KEYS, timeout=1, replicas=2),
        AsyncRedisLog(pair.primary.url, *KEYS, timeout=1, replicas=2),
    ):
        with pytest.raises(LogUnavailable, match="1 of 2 replicas"):
            await log.commands(START, 1)


async def test_on_disk_means_the_replicas_disk(writer: BlockingRedisLog, pair: Pair) -> None:
    with redis.Redis.from_url(pair.primary.url) as admin:
        version = str(admin.info("server")["redis_version"])
    if tuple(map(int, version.split(".")[:2])) < (7, 2):
        pytest.skip(f"Redis {version} has no WAITAOF")
    await writer.append(b"x")
    log = BlockingRedisLog(pair.primary.url, *KEYS, timeout=2, replicas=1, replicas_on_disk=True)
    assert len(await log.commands(START, 1)) == 1
    with redis.Redis.from_url(pair.replica.url) as follower:
        follower.config_set("appendonly", "no")
        try:
            await writer.append(b"y")
            with pytest.raises(LogUnavailable, match="on disk"):
                await log.commands(START, 2)
        finally:
            follower.config_set("appendonly", "yes")
    wait_until(lambda: _available(log))
    log.close()


def _available(log: BlockingRedisLog) -> bool:
    try:
        return len(run(log.commands(START, 2))) == 2
    except LogUnavailable:
        return False


async def test_a_replica_is_no_place_to_read_with_replicas(pair: Pair) -> None:
    log = BlockingRedisLog(pair.replica.url, *KEYS, timeout=2, replicas=1)
    with pytest.raises(LogUnavailable, match="replica"):
        await log.commands(START, 1)


async def test_without_replicas_nothing_is_asked_of_them(client: redis.Redis, redis_url: str, streams: str) -> None:
    client.config_resetstat()
    for log in (BlockingRedisLog(redis_url, f"{streams}:c", f"{streams}:e"), AsyncRedisLog(redis_url, "c", "e")):
        await log.commands(START, 1)
        await log.head()
    asked = set(client.info("commandstats"))
    assert "cmdstat_xread" in asked
    assert not asked & {"cmdstat_wait", "cmdstat_waitaof", "cmdstat_publish", "cmdstat_client|setname"}


@pytest.mark.parametrize("kind", [BlockingRedisLog, AsyncRedisLog])
async def test_what_has_settled_survives_a_power_loss(kind: type[AnyLog], tmp_path: Path) -> None:
    server = ShimmedServer(tmp_path, fsync="everysec")
    server.start()
    try:
        other = BlockingRedisLog(server.url, *KEYS)
        other.append_many([b"x"] * 2_000)
        log = kind(server.url, *KEYS, fsync="everysec")
        assert len(await log.commands(START, 2_000)) == 2_000
        await log.settled()
        server.cut_power()
        server.start()
        other.close()
        assert len(await other.commands(START, 3_000)) == 2_000
        lost = other.append_many([b"y"] * 2_000)
        assert server.cut_power() > 0, "nothing was at stake"
        server.start()
        other.close()
        assert await other.commands(lost[0], 1) == []
    finally:
        server.stop()


async def test_a_server_without_a_file_never_settles(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path / "d", sockets=tmp_path / "s", log=tmp_path / "l", guarded=False)
    server.start()
    try:
        with redis.Redis.from_url(server.url) as admin:
            admin.config_set("appendonly", "no")
        for kind in (BlockingRedisLog, AsyncRedisLog):
            log = kind(server.url, *KEYS, fsync="everysec")
            with pytest.raises(LogUnavailable, match="appendonly yes"):
                await log.settled()
    finally:
        server.stop()


class Disk:
    """What INFO says in a row of looks: (an fsync is under way, bytes that wait), on a clock of its own; the last for
    ever."""

    def __init__(self, looks: list[tuple[int, int]], status: str = "ok") -> None:
        self.seconds = 100.0
        self._looks = looks
        self._status = status

    def settle(self) -> float:
        """How long it takes."""
        steps = settling(lambda: self.seconds)
        step = next(steps)
        try:
            while True:
                if isinstance(step, float):
                    self.seconds += step
                    step = next(steps)
                else:
                    step = steps.send([self._info()])
        except StopIteration:
            return self.seconds - 100

    def _info(self) -> bytes:
        under_way, waits = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
        return (
            f"aof_enabled:1\r\naof_last_write_status:{self._status}\r\n"
            f"aof_pending_bio_fsync:{under_way}\r\naof_buffer_length:{waits}\r\n"
        ).encode()


def test_it_has_settled_once_an_fsync_has_begun_and_ended_after_the_write() -> None:
    assert Disk([(0, 0), (1, 0), (0, 0)]).settle() < 0.1, "one was seen"
    assert Disk([(0, 0)]).settle() == pytest.approx(SYNCED_S, abs=0.05), "one must have been"
    assert Disk([(1, 0), (1, 0), (0, 0)]).settle() >= SYNCED_S, "it may have begun before the write"
    assert Disk([(0, 9)]).settle() == pytest.approx(WRITTEN_S + SYNCED_S, abs=0.05), "it may have been held back"
    with pytest.raises(LogUnavailable, match="keep up"):
        Disk([(0, 0), (1, 0)]).settle()
    with pytest.raises(LogUnavailable, match="cannot write"):
        Disk([(0, 0)], status="err").settle()


def test_an_older_server_cannot_speak_of_replicas_disks() -> None:
    reads = Reads("c", 100, replicas=1, on_disk=True)
    with pytest.raises(EffectError, match=r"Redis 7\.2") as refused:
        reads.reply([[], 0, Refusal("ERR unknown command 'WAITAOF', with args beginning with: '1'")])
    assert not isinstance(refused.value, LogUnavailable)


def names(client: redis.Redis, role: str) -> list[str]:
    found = [str(one["name"]) for one in client.client_list()]
    return sorted(name for name in found if name.startswith(f"exchange/{role}/"))


async def test_connections_say_whose_they_are_and_how_far_they_came(
    client: redis.Redis, redis_url: str, streams: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 0.0
    monkeypatch.setattr("exchange.effects.redis.reads.monotonic", lambda: seconds)
    keys = (f"{streams}:commands", f"{streams}:events")
    log = BlockingRedisLog(redis_url, *keys, name="blocking")
    other = AsyncRedisLog(redis_url, *keys, name="async")
    ids = log.append_many([b"x"] * 10)
    client.config_resetstat()
    for _ in range(300):
        await log.commands(ids[4], 1)
        await other.commands(ids[4], 1)
    assert client.info("commandstats")["cmdstat_client|setname"]["calls"] == 1, "the greeting of the other"
    seconds = 1.0
    for _ in range(300):
        assert len(await log.commands(ids[4], 1)) == 1
        assert len(await other.commands(ids[4], 1)) == 1
    assert client.info("commandstats")["cmdstat_client|setname"]["calls"] == 3
    at = f"{ids[4][0]}-{ids[4][1]}"
    (name,) = names(client, "blocking")
    assert name.split("/")[3] == at
    assert names(client, "async")[-1].split("/")[3] == at
    log.close()
    wait_until(lambda: names(client, "blocking") == [])
    await log.commands(START, 1)
    assert [name.split("/")[3] for name in names(client, "blocking")] == ["0-0"]
    log.close()
    await other.aclose()
