"""The real log: compare-and-append adds all or nothing, entries come back as they stand, failures have their names."""

import asyncio
import os
import secrets
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from exchange.effects.ports import EffectError, Fenced, LogUnavailable
from exchange.effects.redis.log import AsyncRedisLog, BlockingRedisLog, run
from exchange.embedded.valkey import ValkeyServer
from exchange.events.codec import chain
from exchange.terms.stream import START, EventEntry, Head, format_id, genesis_head
from tests.integration.trading import POISON, add_raw, all_events, entries_after

AnyLog = BlockingRedisLog | AsyncRedisLog


@pytest.fixture(params=["blocking", "async"])
async def log(request: pytest.FixtureRequest, redis_url: str, streams: str) -> AsyncIterator[AnyLog]:
    if request.param == "blocking":
        yield BlockingRedisLog(redis_url, f"{streams}:commands", f"{streams}:events")
    else:
        asynchronous = AsyncRedisLog(redis_url, f"{streams}:commands", f"{streams}:events")
        yield asynchronous
        await asynchronous.aclose()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A server that the test may stop, fill and kill."""
    server = ValkeyServer(
        tmp_path / "valkey", sockets=tmp_path / "run", log=tmp_path / "valkey.log", fsync="always", guarded=False
    )
    server.start()
    yield server
    server.stop()


async def test_appended_commands_come_back_in_order_after_any_position(log: AnyLog) -> None:
    ids = [await log.append(b"command %d" % number) for number in range(10)]
    assert ids == sorted(set(ids))
    entries = await log.commands(START, 100)
    assert [(entry.id, entry.fields) for entry in entries] == [
        (id, [b"c", b"command %d" % number]) for number, id in enumerate(ids)
    ]
    assert [entry.id for entry in await log.commands(ids[3], 4)] == ids[4:8]
    assert await log.commands(ids[-1], 4) == []


async def test_an_odd_entry_comes_back_field_by_field(log: AnyLog, client: redis.Redis, streams: str) -> None:
    for fields in POISON:
        add_raw(client, f"{streams}:commands", fields)
    assert [entry.fields for entry in await log.commands(START, 100)] == POISON


async def test_waiting_ends_with_the_first_entry(log: AnyLog, redis_url: str, streams: str) -> None:
    other = BlockingRedisLog(redis_url, f"{streams}:commands", f"{streams}:events")
    timer = threading.Timer(0.1, lambda: run(other.append(b"late")))
    timer.start()
    began = time.monotonic()
    (entry,) = await log.commands(START, 10, wait_ms=2_000)
    assert entry.fields == [b"c", b"late"]
    assert 0.05 < time.monotonic() - began < 1.5
    began = time.monotonic()
    assert await log.commands(entry.id, 10, wait_ms=50) == []
    assert time.monotonic() - began > 0.04


async def test_published_entries_come_back_and_move_the_head(log: AnyLog) -> None:
    assert await log.head() == genesis_head()
    batch = entries_after(genesis_head(), 5)
    await log.publish(genesis_head(), batch)
    found = await log.events(START, 10)
    assert [(e.id, e.payload, e.chain) for e in found] == [(e.id, e.payload, e.chain) for e in batch]
    assert await log.head() == Head(batch[-1].id, batch[-1].chain)
    third = await log.event(batch[2].id)
    assert third is not None
    assert third.chain == batch[2].chain
    assert await log.event((batch[2].id[0], 7)) is None


@pytest.mark.parametrize("wrong", ["older", "newer", "chain", "genesis"])
async def test_a_batch_built_on_another_head_adds_nothing(log: AnyLog, wrong: str) -> None:
    first = entries_after(genesis_head(), 3)
    await log.publish(genesis_head(), first)
    end = Head(first[-1].id, first[-1].chain)
    built_on = {
        "older": Head(first[1].id, first[1].chain),
        "newer": Head((end.id[0] + 5, 0), end.chain),
        "chain": Head(end.id, bytes(31) + b"\x01"),
        "genesis": genesis_head(),
    }[wrong]
    batch = entries_after(Head((10**6, 0), end.chain), 3)
    with pytest.raises(Fenced):
        await log.publish(built_on, batch)
    assert await log.head() == end
    assert len(await log.events(START, 100)) == 3


async def test_ids_that_do_not_rise_are_refused_before_anything_is_sent(log: AnyLog) -> None:
    one, two, three = entries_after(genesis_head(), 3)
    for batch in ([one, three, two], [one, one], [two, one]):
        with pytest.raises(ValueError, match="cannot follow"):
            await log.publish(genesis_head(), batch)
    assert await log.head() == genesis_head()


async def test_an_emptied_stream_is_not_taken_for_a_new_one(log: AnyLog, client: redis.Redis, streams: str) -> None:
    batch = entries_after(genesis_head(), 3)
    await log.publish(genesis_head(), batch)
    client.xtrim(f"{streams}:events", maxlen=0, approximate=False)
    assert (await log.head()).id == batch[-1].id
    with pytest.raises(Fenced):
        await log.publish(genesis_head(), entries_after(Head((10**6, 0), bytes(32)), 1))
    with pytest.raises(Fenced):
        await log.publish(await log.head(), entries_after(Head((10**6, 0), bytes(32)), 1))


async def test_a_consumer_group_on_an_empty_log_is_no_hindrance(log: AnyLog, client: redis.Redis, streams: str) -> None:
    client.xgroup_create(f"{streams}:events", "projector", "0", mkstream=True)
    assert await log.head() == genesis_head()
    await log.publish(genesis_head(), entries_after(genesis_head(), 1))
    assert len(await log.events(START, 10)) == 1


async def test_an_entry_that_no_engine_wrote_equals_nothing(log: AnyLog, client: redis.Redis, streams: str) -> None:
    key = f"{streams}:events"
    add_raw(client, key, [b"x", b"y"], "1-1")
    add_raw(client, key, [b"e", b"{}", b"h", b"zz"], "1-2")
    add_raw(client, key, [b"e", b"{}", b"h", b"00", b"h", b"11"], "1-3")
    entries = await log.events(START, 10)
    assert [(entry.payload, entry.chain) for entry in entries] == [
        (b"x y", b""),
        (b"e {} h zz", b""),
        (b"e {} h 00 h 11", b""),
    ]
    with pytest.raises(Fenced):
        await log.publish(await log.head(), entries_after(Head((10, 0), bytes(32)), 1))


async def test_the_script_survives_a_server_that_forgot_it(log: AnyLog, client: redis.Redis) -> None:
    first = entries_after(genesis_head(), 1)
    await log.publish(genesis_head(), first)
    client.script_flush()
    end = Head(first[0].id, first[0].chain)
    await log.publish(end, entries_after(end, 2))
    assert len(await log.events(START, 10)) == 3


async def test_a_key_of_another_type_is_named_and_not_waited_for(
    log: AnyLog, client: redis.Redis, streams: str
) -> None:
    client.set(f"{streams}:events", "text")
    with pytest.raises(EffectError, match="WRONGTYPE") as caught:
        await log.head()
    assert not isinstance(caught.value, LogUnavailable)


def test_of_many_publishers_one_wins_each_round(redis_url: str, streams: str) -> None:
    """Four racing publishers, each building on the head it sees: the stream is one unbroken chain."""
    rounds, won = 60, [0, 0, 0, 0]

    def publisher(number: int) -> None:
        log = BlockingRedisLog(redis_url, f"{streams}:commands", f"{streams}:events")
        for _ in range(rounds):
            head = run(log.head())
            try:
                run(log.publish(head, entries_after(head, 3, b"%d:" % number)))
                won[number] += 1
            except Fenced:
                pass
        log.close()

    threads = [threading.Thread(target=publisher, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log = BlockingRedisLog(redis_url, f"{streams}:commands", f"{streams}:events")
    entries = all_events(log)
    assert len(entries) == 3 * sum(won)
    assert sum(won) < 4 * rounds, "nobody was ever fenced: the race did not happen"
    assert_one_chain(entries)


def assert_one_chain(entries: list[EventEntry]) -> None:
    last = genesis_head()
    for entry in entries:
        assert entry.chain == chain(last.chain, entry.id, b"", entry.payload), format_id(entry.id)
        last = Head(entry.id, entry.chain)


def both_logs(url: str, streams: str, timeout: float) -> list[AnyLog]:
    keys = (f"{streams}:commands", f"{streams}:events")
    return [BlockingRedisLog(url, *keys, timeout=timeout), AsyncRedisLog(url, *keys, timeout=timeout)]


async def test_a_stalled_server_is_unavailable_and_comes_back(own_server: ValkeyServer, streams: str) -> None:
    logs = both_logs(own_server.url, streams, 0.3)
    for log in logs:
        await log.append(b"before")
    assert own_server.child is not None
    os.kill(own_server.child.pid, signal.SIGSTOP)
    try:
        for log in logs:
            for call in (log.head(), log.append(b"during"), log.commands(START, 1)):
                with pytest.raises(LogUnavailable):
                    await call
    finally:
        os.kill(own_server.child.pid, signal.SIGCONT)
    for log in logs:
        await eventually_available(log)
        assert (await log.commands(START, 1))[0].fields == [b"c", b"before"]
    await logs[1].aclose()  # type: ignore[union-attr]


async def eventually_available(log: AnyLog) -> None:
    deadline = time.monotonic() + 10
    available = ""
    while not available:
        try:
            available = await log.incarnation()
        except LogUnavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


async def test_a_restarted_server_is_another_incarnation_with_the_same_log(
    own_server: ValkeyServer, streams: str
) -> None:
    logs = both_logs(own_server.url, streams, 2)
    await logs[0].publish(genesis_head(), entries_after(genesis_head(), 5))
    before = {await log.incarnation() for log in logs}
    assert len(before) == 1
    assert own_server.child is not None
    os.kill(own_server.child.pid, signal.SIGKILL)
    own_server.child.wait()
    for log in logs:
        with pytest.raises(LogUnavailable):
            await log.incarnation()
    own_server.start()
    for log in logs:
        assert await log.incarnation() not in before
        assert len(await log.events(START, 10)) == 5
    await logs[1].aclose()  # type: ignore[union-attr]


async def test_a_server_busy_with_a_script_or_read_only_is_unavailable(own_server: ValkeyServer, streams: str) -> None:
    logs = both_logs(own_server.url, streams, 2)
    with redis.Redis.from_url(own_server.url) as admin:
        admin.config_set("busy-reply-threshold", 1)

        def spin() -> None:
            with redis.Redis.from_url(own_server.url) as other, pytest.raises(redis.ResponseError):
                other.eval("while true do end", 0)

        spinner = threading.Thread(target=spin)
        spinner.start()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                admin.ping()
            except redis.ResponseError:
                break
        for log in logs:
            with pytest.raises(LogUnavailable, match="BUSY"):
                await log.append(b"x")
        admin.script_kill()
        spinner.join()
        admin.execute_command("REPLICAOF", "127.0.0.1", "1")
        for log in logs:
            with pytest.raises(LogUnavailable):
                await log.append(b"x")
            with pytest.raises(LogUnavailable):
                await log.publish(genesis_head(), entries_after(genesis_head(), 2))
        admin.execute_command("REPLICAOF", "NO", "ONE")
    for log in logs:
        await log.append(b"x")
    await logs[1].aclose()  # type: ignore[union-attr]


async def test_a_wrong_password_is_told_and_not_waited_for(own_server: ValkeyServer, streams: str) -> None:
    with redis.Redis.from_url(own_server.url) as admin:
        admin.config_set("requirepass", secrets.token_hex(8))
        try:
            for log in both_logs(own_server.url.replace("unix://", "unix://:wrong@"), streams, 2):
                with pytest.raises(EffectError, match="password") as caught:
                    await log.head()
                assert not isinstance(caught.value, LogUnavailable)
        finally:
            admin.config_set("requirepass", "")


async def test_concurrent_appends_share_few_writes(redis_url: str, client: redis.Redis, streams: str) -> None:
    log = AsyncRedisLog(redis_url, f"{streams}:commands", f"{streams}:events")
    await log.append(b"first")
    before = client.info("stats")["total_reads_processed"]
    ids = await asyncio.gather(*[log.append(b"%d" % number) for number in range(900)])
    after = client.info("stats")["total_reads_processed"]
    assert after - before < 20
    found = await log.commands(START, 1_000)
    assert {entry.id: entry.fields[1] for entry in found[1:]} == {id: b"%d" % n for n, id in enumerate(ids)}
    await log.aclose()


async def test_a_caller_that_gives_up_disturbs_no_other(redis_url: str, streams: str) -> None:
    log = AsyncRedisLog(redis_url, f"{streams}:commands", f"{streams}:events")
    tasks = [asyncio.create_task(log.append(b"%d" % number)) for number in range(100)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    kept = {number: result for number, result in enumerate(results) if isinstance(result, tuple)}
    assert set(kept) >= {number for number in range(100) if number % 3}
    found = {entry.id: entry.fields[1] for entry in await log.commands(START, 1_000)}
    assert all(found[id] == b"%d" % number for number, id in kept.items())
    await log.aclose()


async def test_when_the_server_dies_every_append_has_an_answer(own_server: ValkeyServer, streams: str) -> None:
    log = AsyncRedisLog(own_server.url, f"{streams}:commands", f"{streams}:events", timeout=2)
    acknowledged: list[tuple[tuple[int, int], bytes]] = []
    unknown = 0

    under_way = asyncio.Event()

    async def client_of(number: int) -> None:
        nonlocal unknown
        for turn in range(10_000):
            raw = b"%d/%d" % (number, turn)
            try:
                acknowledged.append((await log.append(raw), raw))
            except LogUnavailable:
                unknown += 1
                return
            if len(acknowledged) >= 200:
                under_way.set()

    clients = [asyncio.create_task(client_of(number)) for number in range(20)]
    await asyncio.wait_for(under_way.wait(), timeout=10)
    assert own_server.child is not None
    os.kill(own_server.child.pid, signal.SIGKILL)
    await asyncio.wait_for(asyncio.gather(*clients), timeout=10)
    own_server.child.wait()
    own_server.start()
    found = {entry.id: entry.fields[1] for entry in await log.commands(START, 10**6)}
    assert all(found[id] == raw for id, raw in acknowledged), "an acknowledged append is gone"
    assert len(acknowledged) <= len(found) <= len(acknowledged) + unknown
    await log.aclose()
