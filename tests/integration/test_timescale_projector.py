"""The projection on a real stream server and a real PostgreSQL: what is stored is what happened, each thing once."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis
from structlog.testing import capture_logs

from exchange.effects.redis.log import AsyncRedisLog
from exchange.engine import Machine
from exchange.projections.timescale.anchor import CannotProject
from exchange.projections.timescale.migrations import migrate
from exchange.projections.timescale.projector import Projector
from exchange.projections.timescale.rows import Batch
from exchange.projections.timescale.writer import Inconsistent, Overtaken, Writer
from exchange.projections.turns import Busy
from exchange.terms.stream import CommandEntry, format_id, genesis_head
from tests.integration.projecting import Pair, a_log, expected, projecting, put, stored

DEADLINE = 30.0
SOURCE = Path(__file__).parent.parent.parent / "src"


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as opened:
        yield opened


@pytest.fixture
def database(database_url: str) -> str:
    """A database with the tables."""
    prepare(database_url)
    return database_url


def prepare(url: str) -> None:
    asyncio.run(migrate(url, timescale="off", wait_seconds=10))


async def ask(url: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query, *values)]
    finally:
        await connection.close()


async def position(url: str) -> str:
    rows = await ask(url, "SELECT position_ms, position_seq FROM projections")
    return format_id((rows[0][0], rows[0][1])) if rows else "none"


def mark(client: redis.Redis, streams: str) -> tuple[str, int | None, int]:
    """What the group shows: its position, its lag, how much is pending."""
    (group,) = client.xinfo_groups(f"{streams}:events")
    return group["last-delivered-id"].decode(), group["lag"], group["pending"]


def take(client: redis.Redis, streams: str) -> None:
    """What a reader does that is dead already, or is none of ours: be given all that the group has."""
    while client.xreadgroup("timescale", "stranger", {f"{streams}:events": ">"}, count=1_000):
        pass


async def follow_until(projector: Projector, url: str, pairs: list[Pair], *, rebuild: bool = False) -> None:
    """Run until the database has come to the last of the pairs."""
    there = asyncio.Event()
    running = asyncio.create_task(projector.run(there.is_set, rebuild=rebuild))
    async with asyncio.timeout(DEADLINE):
        while rebuild and projector.rebuilds == 0:
            assert not running.done(), running
            await asyncio.sleep(0.01)
        await reach(url, pairs, running)
        there.set()
        await running


async def reach(url: str, pairs: list[Pair], running: "asyncio.Task[None]") -> None:
    while await position(url) != format_id(pairs[-1][1].id):
        assert not running.done(), running
        await asyncio.sleep(0.01)


def entries(pairs: list[Pair]) -> list[Any]:
    return [entry for _, entry in pairs]


def other_end(pairs: list[Pair], keep: int, seed: int) -> list[Pair]:
    """A log with the same beginning that goes on otherwise."""
    machine = Machine()
    made = [(command, machine.step(command)) for command, _ in pairs[:keep]]
    ms = pairs[keep - 1][0].id[0]
    for number, (command, _) in enumerate(a_log(seed, 80)[30:], 1):
        entry = CommandEntry((ms + 600_000 * number, 0), command.fields)
        made.append((entry, machine.step(entry)))
    return made


# --- what is stored ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 7, 5000])
async def test_the_tables_hold_what_happened_whatever_the_batches(
    client: redis.Redis, redis_url: str, streams: str, database: str, batch: int
) -> None:
    pairs = a_log(1, 400)
    put(client, streams, pairs)
    async with projecting(redis_url, streams, database, batch) as projector:
        work = await projector.catch_up()
    assert work.entries == len(pairs)
    tables = await stored(database)
    assert tables == expected(entries(pairs))
    assert {row[14] for row in tables["orders"]} == {"open", "partially_filled", "filled", "canceled", "expired"}
    assert {row[6] for row in tables["transfers"]} >= {"settled", "released"}


async def test_the_ledger_sums_to_zero_and_to_the_engines_balances(
    client: redis.Redis, redis_url: str, streams: str, database: str
) -> None:
    pairs = a_log(2, 500)
    put(client, streams, pairs)
    async with projecting(redis_url, streams, database) as projector:
        await projector.catch_up()
    off = "SELECT ts, entry, asset FROM ledger GROUP BY 1, 2, 3 HAVING sum(available + locked) <> 0"
    assert await ask(database, off) == []
    machine = Machine()
    for command, _ in pairs:
        machine.step(command)
    held = "SELECT account, asset, sum(available)::text, sum(locked)::text FROM ledger GROUP BY 1, 2 ORDER BY 1, 2"
    assert await ask(database, held) == sorted(
        (account.id, asset, str(balance.available), str(balance.locked))
        for account in machine.state.accounts.values()
        for asset, balance in account.balances.items()
    )
    still = "SELECT id FROM orders WHERE status IN ('open', 'partially_filled') ORDER BY 1"
    assert [row[0] for row in await ask(database, still)] == sorted(machine.state.orders)


async def test_a_rebuild_equals_what_was_folded_step_by_step(
    client: redis.Redis, redis_url: str, streams: str, database: str
) -> None:
    pairs = a_log(3, 300)
    async with projecting(redis_url, streams, database, 13) as projector:
        for part in range(0, len(pairs), 50):
            put(client, streams, pairs[part : part + 50])
            await projector.catch_up()
        stepwise = await stored(database)
        await ask(database, "UPDATE orders SET filled = filled + 1")
        with capture_logs() as logs:
            await follow_until(projector, database, pairs, rebuild=True)
    assert [line["log_level"] for line in logs if "dropped" in line["event"]] == ["error"]
    assert await stored(database) == stepwise == expected(entries(pairs))


# --- exactly once -----------------------------------------------------------------------------------------------------


async def test_what_others_do_to_the_group_makes_no_gap(
    client: redis.Redis, redis_url: str, streams: str, database: str
) -> None:
    pairs = a_log(4, 200)
    put(client, streams, pairs[:100])
    async with asyncio.timeout(DEADLINE), projecting(redis_url, streams, database, 20) as projector:
        await projector.catch_up()
        put(client, streams, pairs[100:130])
        take(client, streams)
        await projector.catch_up()
        assert await position(database) == mark(client, streams)[0] == format_id(pairs[129][1].id)
        client.xgroup_setid(f"{streams}:events", "timescale", "0")
        put(client, streams, pairs[130:150])
        await projector.catch_up()
    async with asyncio.timeout(DEADLINE), projecting(redis_url, streams, database, 20) as projector:
        await projector.turn()  # the group is where the position is, and the log holds no more
        put(client, streams, pairs[150:180])
        take(client, streams)
        await projector.catch_up()
        client.xgroup_destroy(f"{streams}:events", "timescale")
        put(client, streams, pairs[180:])
        await follow_until(projector, database, pairs)
    assert await stored(database) == expected(entries(pairs))
    assert mark(client, streams)[0] == format_id(pairs[-1][1].id)


async def test_the_group_shows_how_far_behind_the_rows_are(
    client: redis.Redis, redis_url: str, streams: str, database: str
) -> None:
    pairs = a_log(19, 200)
    ends = [format_id(entry.id) for _, entry in pairs]
    put(client, streams, pairs[:100])
    async with projecting(redis_url, streams, database, 40) as projector:
        await projector.turn()
        assert mark(client, streams) == (ends[39], 60, 0)
        await projector.catch_up()
        assert mark(client, streams) == (ends[99], 0, 0)
    put(client, streams, pairs[100:])
    behind = len(pairs) - 100
    assert mark(client, streams) == (ends[99], behind, 0)
    async with projecting(redis_url, streams, database, 40) as projector:
        await projector.turn()
        assert mark(client, streams) == (ends[139], behind - 40, 0)
    # A new group in the middle of the stream: nobody can tell the lag until what was there is stored.
    client.xgroup_destroy(f"{streams}:events", "timescale")
    async with projecting(redis_url, streams, database, 40) as projector:
        await projector.turn()
        assert mark(client, streams) == (ends[179], None, 0)
        later = other_end(pairs, len(pairs), 20)[len(pairs) :]
        put(client, streams, later)
        while await position(database) <= ends[-1]:
            await projector.turn()
        left = [entry for _, entry in later if format_id(entry.id) > mark(client, streams)[0]]
        assert left
        assert mark(client, streams)[1] == len(left)
        await projector.catch_up()
        assert mark(client, streams) == (format_id(later[-1][1].id), 0, 0)


async def test_a_second_projector_stands_by_and_takes_over(
    client: redis.Redis, redis_url: str, streams: str, database: str
) -> None:
    pairs = a_log(6, 200)
    put(client, streams, pairs[:100])
    async with projecting(redis_url, streams, database, 10) as second:
        async with projecting(redis_url, streams, database, 10) as first:
            await first.catch_up()
            with pytest.raises(Busy):
                await second.catch_up()
            there = asyncio.Event()
            waiting = asyncio.create_task(second.run(there.is_set))
            put(client, streams, pairs[100:120])
            await first.catch_up()
        put(client, streams, pairs[120:])
        async with asyncio.timeout(DEADLINE):
            await reach(database, pairs, waiting)
            there.set()
            await waiting
    assert await stored(database) == expected(entries(pairs))


async def test_a_batch_is_applied_only_on_top_of_the_entry_before_it(database: str) -> None:
    pairs = a_log(7, 50)
    writer = Writer(database)
    try:
        assert await writer.open() == genesis_head()
        await ask(database, "UPDATE projections SET position_seq = 7")
        batch = Batch()
        for _, entry in pairs:
            batch.add(entry)
        with pytest.raises(Overtaken):
            await writer.write(batch)
    finally:
        await writer.close()
    assert all(rows == [] for rows in (await stored(database)).values())
    assert await position(database) == "0-7"


@pytest.mark.parametrize(
    "damage",
    ["DELETE FROM orders", "DELETE FROM transfers", "INSERT INTO accounts VALUES (107, 'x', now())"],
)
async def test_tables_that_somebody_else_wrote_to_stop_the_projection(
    client: redis.Redis, redis_url: str, streams: str, database: str, damage: str
) -> None:
    pairs = a_log(8, 200)
    ends = [number for number, (_, entry) in enumerate(pairs) if b"withdrawal_settled" in entry.payload]
    early = 10 if "accounts" in damage else ends[-1]
    put(client, streams, pairs[:early])
    async with projecting(redis_url, streams, database) as projector:
        await projector.catch_up()
        before = await position(database)
        await ask(database, damage)
        put(client, streams, pairs[early:])
        with pytest.raises(Inconsistent, match="--rebuild"):
            await projector.catch_up()
        assert await position(database) == before


# --- the log is not what it was ---------------------------------------------------------------------------------------


async def test_another_log_replaces_the_rows(client: redis.Redis, redis_url: str, streams: str, database: str) -> None:
    put(client, streams, a_log(12, 60))
    async with projecting(redis_url, streams, database) as projector:
        await projector.catch_up()
    client.delete(f"{streams}:commands", f"{streams}:events")
    other = a_log(13, 90, log_id="f" * 32)
    put(client, streams, other)
    async with projecting(redis_url, streams, database) as projector:
        await projector.catch_up()
    assert await stored(database) == expected(entries(other))
    assert await ask(database, "SELECT log_id FROM projections") == [("f" * 32,)]


async def test_a_trimmed_log_carries_on_but_builds_nothing_from_nothing(
    client: redis.Redis, redis_url: str, streams: str, database: str
) -> None:
    pairs = a_log(14, 200)
    put(client, streams, pairs[:100])
    async with projecting(redis_url, streams, database) as projector:
        await projector.catch_up()
    put(client, streams, pairs[100:])
    for stream in ("commands", "events"):
        client.xtrim(f"{streams}:{stream}", minid=format_id(pairs[99][1].id), approximate=False)
    async with projecting(redis_url, streams, database) as projector:
        with pytest.raises(CannotProject, match="not the beginning of a log"):
            await projector.run(lambda: False, rebuild=True)
        assert await stored(database) == expected(entries(pairs[:100]))  # nothing was dropped
        await projector.catch_up()
    assert await stored(database) == expected(entries(pairs))
    await ask(database, "UPDATE projections SET position_ms = position_ms - 1")
    async with projecting(redis_url, streams, database) as projector:
        with pytest.raises(CannotProject, match="where the database's rows end"):
            await projector.catch_up()
    assert await stored(database) == expected(entries(pairs))


async def test_an_empty_stream_costs_no_rows(client: redis.Redis, redis_url: str, streams: str, database: str) -> None:
    pairs = a_log(15, 50)
    put(client, streams, pairs)
    async with projecting(redis_url, streams, database) as projector:
        await projector.catch_up()
        for stream in ("commands", "events"):
            client.xtrim(f"{streams}:{stream}", maxlen=0, approximate=False)
    async with projecting(redis_url, streams, database) as projector:
        with pytest.raises(CannotProject, match="REDIS_URL"):
            await projector.run(lambda: False)
    assert await stored(database) == expected(entries(pairs))


# --- something is away ------------------------------------------------------------------------------------------------


async def test_a_log_that_does_not_exist_yet_is_waited_for(
    client: redis.Redis, redis_url: str, streams: str, database: str
) -> None:
    pairs = a_log(17, 30)
    command, first = pairs[0]
    async with projecting(redis_url, streams, database) as projector:
        there = asyncio.Event()
        running = asyncio.create_task(projector.run(there.is_set))
        async with asyncio.timeout(DEADLINE):
            while not client.exists(f"{streams}:events") or not client.xinfo_groups(f"{streams}:events"):
                assert not running.done(), running
                await asyncio.sleep(0.01)
            client.execute_command("XADD", f"{streams}:commands", format_id(command.id), *command.fields)  # type: ignore[no-untyped-call]
            log = AsyncRedisLog(redis_url, f"{streams}:commands", f"{streams}:events")
            await log.publish(genesis_head(), [first])  # the group's empty stream is no hindrance
            await log.aclose()
            put(client, streams, pairs[1:])
            await reach(database, pairs, running)
            there.set()
            await running
    assert await stored(database) == expected(entries(pairs))


# --- the command ------------------------------------------------------------------------------------------------------


def start(redis_url: str, streams: str, database: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "exchange", "project", *arguments],
        env={
            **os.environ,
            "PYTHONPATH": str(SOURCE),
            "REDIS_URL": redis_url,
            "DATABASE_URL": database,
            "EXCHANGE_STREAMS": streams,
        },
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_command_follows_until_it_is_told_to_stop(
    client: redis.Redis, redis_url: str, streams: str, database: str
) -> None:
    pairs = a_log(18, 60)
    put(client, streams, pairs)
    process = start(redis_url, streams, database, "timescale")

    async def arrived() -> None:
        async with asyncio.timeout(DEADLINE):
            while await position(database) != format_id(pairs[-1][1].id):
                assert process.poll() is None
                await asyncio.sleep(0.02)

    try:
        asyncio.run(arrived())
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=DEADLINE)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert mark(client, streams) == (format_id(pairs[-1][1].id), 0, 0)


def test_the_command_refuses_with_a_reason(redis_url: str, streams: str, database_url: str) -> None:
    unknown = start(redis_url, streams, database_url, "nonsense")
    _, errors = unknown.communicate(timeout=DEADLINE)
    assert unknown.returncode == 2
    assert "timescale" in errors.splitlines()[-1]
    no_tables = start(redis_url, streams, database_url, "timescale")
    _, errors = no_tables.communicate(timeout=DEADLINE)
    assert no_tables.returncode == 3
    assert "exchange migrate" in errors.splitlines()[-1]
