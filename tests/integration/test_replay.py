"""`exchange replay` as a process: the same bytes on any machine, differences found and named, exit codes kept."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.engine import Machine
from exchange.roles import snapshots
from exchange.terms.amounts import format_decimal
from exchange.terms.stream import CommandEntry, EventEntry, format_id
from tests.integration.trading import (
    POISON,
    add_raw,
    all_commands,
    all_events,
    copy_log,
    drain,
    open_world,
    some,
    standby,
)

REPOSITORY = Path(__file__).parent.parent.parent


@pytest.fixture
def store(tmp_path: Path) -> FileSnapshotStore:
    return FileSnapshotStore(tmp_path / "home" / "snapshots")


@pytest.fixture
def log(redis_url: str, streams: str, store: FileSnapshotStore, client: redis.Redis) -> Iterator[BlockingRedisLog]:
    """A log of some hundred commands with every kind of poison among them, and two snapshots."""
    opened = BlockingRedisLog(redis_url, f"{streams}:commands", f"{streams}:events")
    engine = open_world(opened, store)
    for seed in range(2):
        opened.append_many(some(seed, 300))
        drain(engine, opened)
        run(standby(opened, store).turn())
    for fields in POISON:
        add_raw(client, f"{streams}:commands", fields)
    opened.append_many(some(2, 200))
    drain(engine, opened)
    yield opened
    opened.close()


@pytest.fixture
def environ(redis_url: str, streams: str, tmp_path: Path) -> dict[str, str]:
    return {
        "REDIS_URL": redis_url,
        "EXCHANGE_STREAMS": streams,
        "EXCHANGE_HOME": str(tmp_path / "home"),
        "EXCHANGE_LOG_LEVEL": "error",
        "PYTHONPATH": str(REPOSITORY / "src"),
    }


def replay(environ: dict[str, str], *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "exchange", "replay", *arguments],
        env=os.environ | environ | more,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def report_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_the_whole_log_is_verified_and_counted(log: BlockingRedisLog, environ: dict[str, str]) -> None:
    done = replay(environ, "--json")
    assert done.returncode == 0, done.stderr
    report = report_of(done)
    events = all_events(log)
    assert report["verified"] is True
    assert report["commands"] == len(events) == len(all_commands(log))
    assert report["head"] == format_id(events[-1].id)
    assert report["chain"] == events[-1].chain.hex()
    assert report["events"]["trade"] > 0
    assert report["events"]["log_opened"] == 1
    assert sum(report["refusals"].values()) == report["events"]["rejected"]
    assert report["refusals"]["malformed"] >= len(POISON) - 11
    text = replay(environ)
    assert text.returncode == 0
    assert report["state_hash"] in text.stdout
    assert f"verified    {len(events):,} commands" in text.stdout


def test_from_any_snapshot_the_end_is_the_same(
    log: BlockingRedisLog, environ: dict[str, str], store: FileSnapshotStore
) -> None:
    whole = report_of(replay(environ, "--json"))
    newest, older = store.names()
    for where, begin in (("snapshot", newest), (older, older)):
        report = report_of(replay(environ, "--json", "--from", where))
        assert report["state_hash"] == whole["state_hash"]
        assert report["from"] == format_id(snapshots.position_of(begin))
        assert 0 < report["commands"] < whole["commands"]


@pytest.mark.parametrize("until", ["id", "time", "iso"])
def test_until_shows_books_and_balances_as_they_were(
    log: BlockingRedisLog, environ: dict[str, str], until: str
) -> None:
    commands = all_commands(log)
    place = 400
    id = commands[place].id
    machine = Machine()
    if until == "id":
        argument = format_id(id)
        reached = [command for command in commands if command.id <= id]
    else:
        argument = str(id[0]) if until == "time" else iso(id[0])
        reached = [command for command in commands if command.id[0] <= id[0]]
    for command in reached:
        machine.step(command)
    done = replay(environ, "--json", "--until", argument, "--market", "BTC-USD")
    assert done.returncode == 0, done.stderr
    report = report_of(done)
    assert report["head"] == format_id(machine.head.id)
    assert report["state_hash"] == snapshots.state_hash(machine)
    book = report["books"]["BTC-USD"]
    market = machine.state.markets["BTC-USD"]
    assert book["seq"] == market.seq
    best = market.bids.levels[market.bids.price(0)]
    assert book["bids"][0] == [
        format_decimal(best.ticks * market.tick_size, 6),
        format_decimal(best.lots * market.lot_size, 8),
    ]
    assert len(book["asks"]) == len(market.asks.levels)
    account = machine.state.accounts[100].balances["USD"]
    shown = report["accounts"]["100"]["balances"]["USD"]
    assert shown == [format_decimal(account.available, 6), format_decimal(account.locked, 6)]
    text = replay(environ, "--until", argument)
    assert f"BTC-USD  open, sequence {market.seq}" in text.stdout


def test_a_snapshot_after_the_end_is_no_beginning(
    log: BlockingRedisLog, environ: dict[str, str], store: FileSnapshotStore
) -> None:
    newest = store.names()[0]
    until = max(command.id for command in all_commands(log) if command.id < snapshots.position_of(newest))
    done = replay(environ, "--until", format_id(until), "--from", newest)
    assert done.returncode == 2
    assert "after --until" in done.stderr


def iso(ms: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds")


@pytest.mark.parametrize("stream", ["commands", "events"])
@pytest.mark.parametrize("place", [0, 1, 300, -1])
def test_one_flipped_bit_is_found_and_named(
    log: BlockingRedisLog, environ: dict[str, str], client: redis.Redis, streams: str, stream: str, place: int
) -> None:
    """The log is copied with one bit of one entry turned."""
    commands, events = all_commands(log), all_events(log)
    place %= len(events)
    copy = f"{streams}-copy"
    if stream == "commands":
        fields = commands[place].fields
        commands[place] = CommandEntry(commands[place].id, [fields[0], flipped(fields[1])])
    else:
        entry = events[place]
        events[place] = EventEntry(entry.id, flipped(entry.payload), entry.chain)
    copy_log(client, copy, commands, events)
    done = replay(environ, "--json", EXCHANGE_STREAMS=copy, EXCHANGE_SNAPSHOTS="nowhere")
    report = report_of(done)
    assert report["verified"] is False
    assert format_id(events[place].id) in done.stderr
    assert done.returncode == 1
    assert report["commands"] == place
    difference = report["difference"]
    assert difference["id"] == format_id(events[place].id)
    assert difference["expected"] != difference["found"]
    if stream == "events":
        assert difference["expected"]["e"] == all_events(log)[place].payload.decode()


def flipped(data: bytes) -> bytes:
    """Turn one bit in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def test_a_missing_entry_is_a_difference(
    log: BlockingRedisLog, environ: dict[str, str], client: redis.Redis, streams: str
) -> None:
    gone = format_id(all_events(log)[200].id)
    client.xdel(f"{streams}:events", gone)
    done = replay(environ)
    assert done.returncode == 1
    assert f"Gap: command {gone} has no entry" in done.stderr


def test_a_trimmed_log_cannot_be_replayed_from_genesis_but_from_a_snapshot(
    log: BlockingRedisLog, environ: dict[str, str], client: redis.Redis, streams: str, store: FileSnapshotStore
) -> None:
    anchor = format_id(snapshots.position_of(store.names()[0]))
    for stream in ("commands", "events"):
        client.xtrim(f"{streams}:{stream}", minid=anchor, approximate=False)
    done = replay(environ)
    assert done.returncode == 2
    assert "Trimmed" in done.stderr
    assert replay(environ, "--from", "snapshot").returncode == 0


@pytest.mark.parametrize(
    "arguments, more, said",
    [
        (["--from", "0" * 20 + "-" + "0" * 20 + ".snapshot"], {}, "cannot be used"),
        (["--from", "../../etc/passwd"], {}, "not a snapshot's name"),
        (["--market", "NO-SUCH"], {}, "there is no market NO-SUCH"),
        ([], {"REDIS_URL": "redis://127.0.0.1:1/0"}, "LogUnavailable"),
        ([], {"REDIS_URL": ""}, "set REDIS_URL"),
        (["--until", "yesterday"], {}, "neither an id"),
    ],
)
def test_what_cannot_run_says_why_with_exit_code_2(
    log: BlockingRedisLog, environ: dict[str, str], arguments: list[str], more: dict[str, str], said: str
) -> None:
    done = replay(environ, *arguments, **more)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_log_is_verified_as_such(redis_url: str, environ: dict[str, str]) -> None:
    done = replay(environ, "--json")
    assert done.returncode == 0, done.stderr
    assert report_of(done)["commands"] == 0
