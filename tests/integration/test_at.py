"""The market as it was: from the nearest snapshot, an older one, genesis or the journal; always the same."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis

from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.engine import Machine
from exchange.roles import replay, snapshots
from exchange.terms.stream import StreamId, format_id
from tests.integration.archiving import file_store, keep, trim
from tests.integration.trading import all_commands, all_events, three_snapshots

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def environ(redis_url: str, streams: str, tmp_path: Path) -> dict[str, str]:
    return {
        "REDIS_URL": redis_url,
        "EXCHANGE_STREAMS": streams,
        "EXCHANGE_HOME": str(tmp_path / "home"),
        "EXCHANGE_SNAPSHOTS": str(tmp_path / "snapshots"),
        "EXCHANGE_LOG_LEVEL": "error",
        "PYTHONPATH": str(REPOSITORY / "src"),
    }


def at(environ: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "exchange", "at", *arguments],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def report_at(environ: dict[str, str], *arguments: str) -> dict[str, Any]:
    done = at(environ, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def computed(log: BlockingRedisLog, position: StreamId) -> Machine:
    machine = Machine()
    for command in all_commands(log):
        if command.id > position:
            break
        machine.step(command)
    return machine


def test_every_position_is_the_same_from_wherever_it_is_come_to(
    log: BlockingRedisLog, store: FileSnapshotStore, folder: Path
) -> None:
    three_snapshots(log, store)
    empty = FileSnapshotStore(folder.with_name("none"))
    machine, seen = Machine(), 0
    for place, command in enumerate(all_commands(log)):
        machine.step(command)
        if place % 7 and snapshots.name_of(command.id) not in store.names():
            continue
        seen += 1
        wanted = snapshots.state_hash(machine)
        for one in (store, empty):
            found = run(replay.machine_at(log, one, command.id))
            assert found.head == machine.head
            assert snapshots.state_hash(found) == wanted
    assert seen >= 12
    (folder / store.names()[1]).write_bytes(b"damaged")
    last = all_events(log)[-1].id
    for name in store.names():
        position = snapshots.position_of(name)
        assert run(replay.machine_at(log, store, position)).head.id == position
    assert run(replay.machine_at(log, store, (last[0] + 1, 0))).head.id == last
    assert run(replay.machine_at(log, store, (1, 0))).head.id == (0, 0)


def test_the_nearest_snapshot_that_is_not_after_it_is_begun_with(
    log: BlockingRedisLog, store: FileSnapshotStore, folder: Path
) -> None:
    three_snapshots(log, store)
    newest, middle, oldest = (snapshots.position_of(name) for name in store.names())

    def begun(position: StreamId) -> StreamId | None:
        machine = run(replay.before(log, store, position))
        return None if machine is None else machine.head.id

    assert begun((newest[0] + 1, 0)) == begun(newest) == newest
    assert begun(before(newest)) == begun(middle) == middle
    assert begun(before(oldest)) is None
    lines = (folder / snapshots.name_of(middle)).read_bytes()
    (folder / snapshots.name_of(middle)).write_bytes(lines.replace(b'"format":', b'"formaT":', 1))
    assert begun(middle) == oldest


def before(id: StreamId) -> StreamId:
    return (id[0], id[1] - 1) if id[1] else (id[0] - 1, 2**64 - 1)


def test_the_command_shows_books_balances_and_orders(
    log: BlockingRedisLog, store: FileSnapshotStore, environ: dict[str, str]
) -> None:
    three_snapshots(log, store)
    newest, middle, _ = store.names()
    position = before(snapshots.position_of(newest))
    machine = computed(log, position)
    report = report_at(environ, format_id(position))
    assert report["id"] == format_id(machine.head.id)
    assert report["chain"] == machine.head.chain.hex()
    assert report["from"] == format_id(snapshots.position_of(middle))
    assert report["state_hash"] == snapshots.state_hash(machine)
    assert [order["id"] for order in report["orders"]] == sorted(machine.state.orders)
    assert report["accounts"].keys() == {str(id) for id, one in machine.state.accounts.items() if one.balances}
    genesis = report_at(environ, format_id(position), "--from", "genesis")
    assert genesis["from"] == "0-0"
    own = {"from", "commands", "seconds"}
    assert {name: genesis[name] for name in genesis.keys() - own} == {
        name: report[name] for name in report.keys() - own
    }

    account = next(iter(machine.state.orders.values())).account
    one = report_at(environ, format_id(position), "--market", "BTC-USD", "--account", str(account))
    assert list(one["accounts"]) == [str(account)]
    assert {order["account"] for order in one["orders"]} == {account}
    text = at(environ, format_id(position)).stdout
    assert report["state_hash"] in text
    assert f"order {report['orders'][0]['id']} " in text


def test_what_was_trimmed_is_read_from_the_journal(
    log: BlockingRedisLog,
    store: FileSnapshotStore,
    environ: dict[str, str],
    client: redis.Redis,
    streams: str,
    tmp_path: Path,
) -> None:
    three_snapshots(log, store)
    commands, events = all_commands(log), all_events(log)
    position = commands[len(commands) // 3].id
    wanted = snapshots.state_hash(computed(log, position))

    async def archive() -> None:
        async with file_store(tmp_path / "segments") as segments:
            await keep(segments, list(zip(commands, events, strict=True)), 16)

    asyncio.run(archive())
    trim(client, streams, snapshots.position_of(store.names()[0]))
    refused = at(environ, format_id(position), "--source", "streams")
    assert refused.returncode == 2
    assert "does not reach back" in refused.stderr
    environ["EXCHANGE_JOURNAL_FOLDER"] = str(tmp_path / "segments")
    for source in ((), ("--source", str(tmp_path / "segments"))):
        assert report_at(environ, format_id(position), *source)["state_hash"] == wanted
    now = report_at(environ, format_id(events[-1].id))
    assert now["chain"] == events[-1].chain.hex()
    whole = subprocess.run(
        [sys.executable, "-m", "exchange", "replay", "--json"],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert whole.returncode == 0, whole.stderr
    assert json.loads(whole.stdout)["commands"] == len(events)


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["1-0", "--market", "NO-SUCH"], 2, "there was no market NO-SUCH at 0-0"),
        (["9999999999999", "--account", "7"], 2, "there was no account 7"),
        (["yesterday"], 2, "neither an id"),
        (["1-0", "--from", "0" * 20 + "-" + "0" * 20 + ".snapshot"], 2, "cannot be used"),
        (["1-0", "--source", "nowhere"], 2, "no such source"),
    ],
)
def test_what_cannot_be_shown_says_why(
    log: BlockingRedisLog, environ: dict[str, str], arguments: list[str], code: int, said: str
) -> None:
    done = at(environ, *arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_changed_entry_on_the_way_is_named(
    log: BlockingRedisLog, store: FileSnapshotStore, environ: dict[str, str], client: redis.Redis, streams: str
) -> None:
    three_snapshots(log, store)
    oldest = snapshots.position_of(store.names()[-1])
    target = next(entry for entry in all_events(log) if entry.id > oldest)
    client.xdel(f"{streams}:events", format_id(target.id))
    done = at(environ, format_id((target.id[0], target.id[1] + 1)))
    assert done.returncode == 1
    assert format_id(target.id) in done.stderr
