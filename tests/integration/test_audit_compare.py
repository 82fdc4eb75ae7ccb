"""`exchange audit diff` and `exchange audit projection`: two tellings of one history, held against each other."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
import redis

from exchange.effects.files import FileSnapshotStore
from exchange.engine import Machine
from exchange.projections.timescale.migrations import migrate
from exchange.projections.timescale.schema import PROJECTED
from exchange.projections.timescale.writer import Writer
from exchange.roles import snapshots
from exchange.settings import Settings
from exchange.terms.stream import CommandEntry, EventEntry
from tests.conftest import execute
from tests.integration.archiving import put
from tests.integration.audited import Past, a_past, ask, said
from tests.integration.projecting import a_log_of_everything, batch
from tests.unit.projections.segments import Pair

Make = Callable[..., Settings]
LENGTH = 300


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return a_log_of_everything(7, LENGTH)


@pytest.fixture
def past(make_settings: Make, client: redis.Redis, redis_url: str, pairs: list[Pair]) -> Past:
    return a_past(make_settings, client, redis_url, pairs, archived=200, snapshots_at=(60, 150, 250))


# diff


def test_a_log_and_its_archive_are_a_log_and_its_prefix(past: Past, redis_url: str) -> None:
    here = f"{redis_url}#{past.settings.streams}"
    told = ask(past.settings, "diff", here, "auto").json
    assert (told["relation"], told["common"], told["last"]) == ("equal", len(past.pairs), past.id(-1))
    told = ask(past.settings, "diff", here, str(past.segments)).json
    assert (told["relation"], told["common"], told["last"]) == ("second is a prefix of first", 200, past.id(199))
    shown = said(past.settings, "diff", "journal", "streams")
    assert shown.code == 0 and "relation    first is a prefix of second" in shown.out


@pytest.mark.parametrize("part", ["command", "payload", "chain", "entry"])
def test_where_two_logs_part_is_named_with_what_both_say(
    past: Past, client: redis.Redis, redis_url: str, part: str
) -> None:
    other = list(past.pairs)
    command, entry = other[123]
    if part == "command":
        other[123] = (CommandEntry(command.id, [b"c", b"{}"]), entry)
    elif part == "payload":
        other[123] = (command, EventEntry(entry.id, b"{}", entry.chain))
    elif part == "chain":
        other[123] = (command, EventEntry(entry.id, entry.payload, bytes(32)))
    else:
        del other[123]
    put(client, f"{past.settings.streams}-2", other)
    told = ask(past.settings, "diff", "streams", f"{redis_url}#{past.settings.streams}-2")
    assert (told.code, told.id) == (1, past.id(123))
    assert "after 123 common entries" in told.place
    difference = told.json["difference"]
    word = {"command": "command c", "payload": "result {", "chain": "chain ", "entry": f"entry {past.id(123)}"}[part]
    assert difference["expected"].startswith(word) and difference["expected"] != difference["found"]


def test_logs_are_compared_from_where_both_begin(past: Past, redis_url: str) -> None:
    past.trim(100)
    told = ask(past.settings, "diff", "streams", str(past.segments)).json
    assert (told["from"], told["common"], told["relation"]) == (past.id(100), 100, "second is a prefix of first")
    past.trim(220)
    apart = ask(past.settings, "diff", "streams", str(past.segments))
    assert apart.code == 2 and "not in both" in apart.json["error"]
    for wrong in ("redis://127.0.0.1:1", "redis://127.0.0.1:notaport", "/nowhere", f"{redis_url}#nothing-here"):
        assert ask(past.settings, "diff", "streams", wrong).code == 2, wrong


# projection timescale


async def projected(url: str, pairs: list[Pair]) -> None:
    await migrate(url, timescale="off", wait_seconds=10)
    writer = Writer(url)
    await writer.open()
    await writer.write(batch(pairs))
    await writer.close()


async def rows(url: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        found: list[asyncpg.Record] = await connection.fetch(statement)
        return found
    finally:
        await connection.close()


DAMAGE = {
    "orders": "UPDATE orders SET filled = filled + 1, status = 'open' WHERE id = 7",
    "trades": "DELETE FROM trades WHERE trade = 3",
    "ledger": "INSERT INTO ledger SELECT ts, entry, 99, account, asset, available, locked, reason FROM ledger LIMIT 1",
    "projections": "UPDATE projections SET chain = sha256('')",
}


def test_rows_that_are_not_what_the_log_makes_are_named(
    past: Past, make_settings: Make, redis_url: str, database_url: str, pairs: list[Pair]
) -> None:
    settings = make_settings(redis_url=redis_url, database_url=database_url)
    at = len(pairs) - 40  # the projector is behind
    assert ask(settings, "projection", "timescale", "--source", "streams").code == 2  # there is no schema
    asyncio.run(projected(database_url, list(pairs[:at])))
    told = ask(settings, "projection", "timescale", "--source", "streams")
    assert told.code == 0, told.error
    assert told.json["position"] == past.id(at - 1)
    assert set(told.json["rows"]) == {table.name for table in PROJECTED}
    assert min(told.json["rows"].values()) > 0
    for table, statement in DAMAGE.items():
        backup = f"CREATE TABLE backup AS SELECT * FROM {table}"
        asyncio.run(execute(database_url, f"{backup}; {statement}"))
        told = ask(settings, "projection", "timescale", "--source", "streams")
        assert (told.code, told.place) == (1, f"table {table}"), told.error
        difference = told.json["difference"]
        if table == "orders":
            assert difference["id"] == "id 7" and "filled " in difference["found"]
        if table == "trades":
            assert "trade 3" in difference["id"] and difference["found"] == "no such row"
        if table == "ledger":
            assert "posting 99" in difference["id"] and difference["expected"] == "no such row"
        restored = f"TRUNCATE {table}; INSERT INTO {table} SELECT * FROM backup; DROP TABLE backup"
        asyncio.run(execute(database_url, restored))
    assert ask(settings, "projection", "timescale", "--source", "streams").code == 0
    scratch = "SELECT datname FROM pg_database WHERE datname LIKE 'exchange_audit_%'"
    assert asyncio.run(rows(database_url, scratch)) == []


def test_a_role_that_may_not_make_a_scratch_database_is_told_what_it_lacks(
    past: Past, make_settings: Make, redis_url: str, database_url: str, pairs: list[Pair]
) -> None:
    asyncio.run(projected(database_url, list(pairs[:50])))
    name = f"reader_{past.settings.streams[-12:]}"
    grants = f"CREATE ROLE {name} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}"
    asyncio.run(execute(database_url, grants))
    before, _, after = database_url.partition("://")
    _, at, rest = after.partition("@")
    settings = make_settings(redis_url=redis_url, database_url=f"{before}://{name}{at or '@'}{rest if at else after}")
    try:
        told = ask(settings, "projection", "timescale", "--source", "streams")
    finally:
        asyncio.run(execute(database_url, f"DROP OWNED BY {name}; DROP ROLE {name}"))
    assert told.code == 2 and "CREATEDB" in told.json["error"], told.error


# projection snapshots


def test_snapshots_are_what_the_engine_computes(past: Past) -> None:
    told = said(past.settings, "projection", "snapshots")
    assert told.code == 0 and told.out.count("as computed") == 3
    past.trim(100)
    told = said(past.settings, "projection", "snapshots", "--source", "streams")
    assert told.code == 0, "its first snapshot is of an entry that is no longer there"
    assert told.out.count("as computed") == told.out.count("the others were computed from it") == 1
    for path in past.snapshots():
        path.unlink()
    assert ask(past.settings, "projection", "snapshots").code == 2


def test_a_snapshot_that_is_whole_and_wrong_is_named(past: Past, pairs: list[Pair], tmp_path: Path) -> None:
    """Whoever writes it has every checksum right; only computing the state tells."""
    machine = Machine()
    for command, _ in pairs[:151]:
        machine.step(command)
    account = max(machine.state.accounts)
    asset = next(iter(machine.state.accounts[account].balances))
    machine.state.accounts[account].balances[asset].available += 1
    past.snapshots()[1].unlink()
    snapshots.take(machine, FileSnapshotStore(past.settings.snapshots), 1)
    assert ask(past.settings, "verify").code == 0, "it is whole, and of this log"
    told = ask(past.settings, "projection", "snapshots")
    assert (told.code, told.id) == (1, past.id(150))
    assert f"[{account}, '{asset}'" in told.json["difference"]["found"] or asset in told.json["difference"]["found"]
