"""Start-up against a real server and a real folder: what may be trusted is used, everything else refuses with a reason.

The matrix of damaged snapshots, foreign logs, trimmed and changed streams.
"""

from hashlib import sha256
from pathlib import Path

import orjson
import pytest
import redis

from exchange.effects.clock import BlockingClock
from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis_log import BlockingRedisLog, run
from exchange.engine import Machine
from exchange.engine.snapshot import FORMAT
from exchange.roles import snapshots
from exchange.roles.engine import Engine
from exchange.roles.recovery import recover
from exchange.roles.stops import Gap, Mismatch, NewerFormat, Trimmed, WrongLog
from exchange.terms.stream import CommandEntry, EventEntry, format_id, genesis_head
from tests.integration.trading import (
    all_commands,
    all_events,
    copy_log,
    hash_from_genesis,
    open_world,
    reasons,
    some,
    standby,
    three_snapshots,
    trade,
)

# --- what is used ----------------------------------------------------------------------------------------------------


def test_an_empty_log_gives_an_empty_machine(log: BlockingRedisLog, store: FileSnapshotStore) -> None:
    assert run(recover(log, store)).head == genesis_head()


def test_snapshot_and_replay_give_the_state_of_a_replay_from_genesis(
    log: BlockingRedisLog, store: FileSnapshotStore
) -> None:
    three_snapshots(log, store)
    wanted = hash_from_genesis(log)
    machine, refused = reasons(log, store)
    assert snapshots.state_hash(machine) == wanted
    assert refused == []
    assert machine.head == run(log.head())


def test_a_snapshot_with_any_flipped_bit_is_passed_over(
    log: BlockingRedisLog, store: FileSnapshotStore, folder: Path
) -> None:
    three_snapshots(log, store)
    newest = store.names()[0]
    path = folder / newest
    whole = path.read_bytes()
    flips = 0
    trailer = whole.rindex(b"\n", 0, -1)
    for place in [*range(200), *range(200, trailer, max(1, trailer // 300)), *range(trailer, len(whole))]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        with pytest.raises(snapshots.Damaged):
            snapshots.verify(store.read(newest))
        flips += 1
    assert flips >= 500
    for added in (b"\n" + whole, whole + b"\n", whole + whole, whole.replace(b"\n", b"\n\n", 1)):
        path.write_bytes(added)
        with pytest.raises(snapshots.Damaged):
            snapshots.verify(store.read(newest))
    path.write_bytes(b"")
    wanted = hash_from_genesis(log)
    machine, refused = reasons(log, store)
    assert len(refused) == 1
    assert snapshots.state_hash(machine) == wanted


def test_with_every_snapshot_damaged_the_log_is_replayed_from_genesis(
    log: BlockingRedisLog, store: FileSnapshotStore, folder: Path
) -> None:
    three_snapshots(log, store)
    for name in store.names():
        (folder / name).write_bytes(b"gone\n")
    wanted = hash_from_genesis(log)
    machine, refused = reasons(log, store)
    assert snapshots.state_hash(machine) == wanted
    assert len(refused) == 3


def test_a_snapshot_whose_rows_lie_under_a_true_checksum_is_passed_over(
    log: BlockingRedisLog, store: FileSnapshotStore, folder: Path
) -> None:
    """A checksum vouches for bytes, not for sense: rows and header must agree, and rows must be a machine's."""
    three_snapshots(log, store)
    newest = store.names()[0]
    lines = list(store.read(newest))
    for change in (
        lambda body: [*body[:-1], b'[["order",1]]'],
        lambda body: body[:-1],
        lambda body: [*body, b'[["end"]]'],
        lambda body: [body[0].replace(b'["header",%d,"' % FORMAT, b'["header",%d,"0' % FORMAT), *body[1:]],
    ):
        rewrite(folder / newest, lines[0], change(lines[1:-1]))
        _, refused = reasons(log, store)
        assert len(refused) == 1


def rewrite(path: Path, header: bytes, body: list[bytes]) -> None:
    """A file with a checksum that holds."""
    text = b"".join(line + b"\n" for line in [header, *body])
    path.write_bytes(text + orjson.dumps({"sha256": sha256(text).hexdigest()}) + b"\n")


# --- what refuses the start ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["snapshot", "format"])
def test_a_whole_snapshot_of_a_newer_format_refuses_the_start(
    log: BlockingRedisLog, store: FileSnapshotStore, folder: Path, field: str
) -> None:
    three_snapshots(log, store)
    newest = store.names()[0]
    lines = list(store.read(newest))
    header = orjson.dumps(orjson.loads(lines[0]) | {field: 99})
    rewrite(folder / newest, header, lines[1:-1])
    with pytest.raises(NewerFormat, match="99"):
        run(recover(log, store))


def test_empty_streams_beside_snapshots_refuse_the_start(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str
) -> None:
    three_snapshots(log, store)
    client.delete(f"{streams}:commands", f"{streams}:events")
    with pytest.raises(WrongLog, match="empty"):
        run(recover(log, store))
    engine = Engine(log, store, BlockingClock(), wait_ms=1)
    with pytest.raises(WrongLog):
        run(engine.turn())
    assert not client.exists(f"{streams}:commands"), "the engine opened a new log over an old one's snapshots"


def test_the_snapshots_of_another_log_refuse_the_start(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str, tmp_path: Path
) -> None:
    three_snapshots(log, store)
    client.delete(f"{streams}:commands", f"{streams}:events")
    three_snapshots(log, FileSnapshotStore(tmp_path / "elsewhere"))
    with pytest.raises(WrongLog, match="snapshots are of log"):
        run(recover(log, store))


def test_one_foreign_snapshot_among_own_ones_is_passed_over(
    log: BlockingRedisLog, store: FileSnapshotStore, redis_url: str, streams: str, tmp_path: Path, folder: Path
) -> None:
    three_snapshots(log, store)
    foreign = BlockingRedisLog(redis_url, f"{streams}-2:commands", f"{streams}-2:events")
    elsewhere = FileSnapshotStore(tmp_path / "elsewhere")
    three_snapshots(foreign, elsewhere)
    name = elsewhere.names()[0]
    (tmp_path / "elsewhere" / name).rename(folder / name)
    assert store.names()[0] == name
    wanted = hash_from_genesis(log)
    machine, refused = reasons(log, store)
    assert len(refused) == 1
    assert snapshots.state_hash(machine) == wanted


@pytest.mark.parametrize("trimmed", [("commands",), ("events",), ("commands", "events")])
def test_streams_trimmed_past_every_snapshot_refuse_the_start(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str, trimmed: tuple[str, ...]
) -> None:
    three_snapshots(log, store)
    after = format_id(all_events(log)[-10].id)
    for stream in trimmed:
        client.xtrim(f"{streams}:{stream}", minid=after, approximate=False)
    with pytest.raises(Gap):
        run(recover(log, store))


def test_trimming_the_command_of_the_last_result_away_refuses_the_start(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str
) -> None:
    """Commands that nobody has answered are gone with it, and no reader would notice."""
    three_snapshots(log, store)
    run(standby(log, store).turn())
    log.append_many(some(9, 5))
    client.xtrim(f"{streams}:commands", minid=format_id(all_commands(log)[-2].id), approximate=False)
    with pytest.raises(Trimmed):
        run(recover(log, store))


def test_streams_trimmed_up_to_an_older_snapshot_start(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str, folder: Path
) -> None:
    three_snapshots(log, store)
    wanted = hash_from_genesis(log)
    newest, older, _ = store.names()
    anchor = format_id(snapshots.position_of(older))
    for stream in ("commands", "events"):
        client.xtrim(f"{streams}:{stream}", minid=anchor, approximate=False)
    assert snapshots.state_hash(run(recover(log, store))) == wanted
    (folder / newest).write_bytes(b"")
    assert snapshots.state_hash(run(recover(log, store))) == wanted
    (folder / older).write_bytes(b"")
    with pytest.raises(Trimmed):
        run(recover(log, store))


def test_an_emptied_event_stream_refuses_the_start(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str
) -> None:
    open_world(log, store)
    client.xtrim(f"{streams}:events", maxlen=0, approximate=False)
    with pytest.raises(Trimmed):
        run(recover(log, store))


@pytest.mark.parametrize("stream", ["commands", "events"])
@pytest.mark.parametrize("place", [0, 5, -1])
def test_a_missing_entry_refuses_the_start(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str, stream: str, place: int
) -> None:
    open_world(log, store)
    id = format_id(all_events(log)[place].id)
    if stream == "events" and place == -1:
        # The last result missing is no gap: it is computed again.
        client.xdel(f"{streams}:events", id)
        machine = run(recover(log, store))
        assert machine.head == run(log.head())
        return
    client.xdel(f"{streams}:{stream}", id)
    with pytest.raises(Gap):
        run(recover(log, store))


def test_a_snapshot_ahead_of_the_log_is_passed_over_for_an_older(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str
) -> None:
    """A server that lost its tail: the newest snapshot tells of entries that are no longer there."""
    three_snapshots(log, store)
    lost = [format_id(entry.id) for entry in all_events(log)[-30:]]
    client.xdel(f"{streams}:events", *lost)
    client.xdel(f"{streams}:commands", *lost)
    wanted = hash_from_genesis(log)
    machine, refused = reasons(log, store)
    assert len(refused) == 1
    assert snapshots.state_hash(machine) == wanted


def test_a_snapshot_of_another_history_with_the_same_ids_is_passed_over(
    log: BlockingRedisLog, store: FileSnapshotStore, redis_url: str, streams: str, client: redis.Redis
) -> None:
    """The same log's identity, the same positions, one deposit of another amount: only the chain tells."""
    three_snapshots(log, store)
    commands = all_commands(log)
    place = next(number for number, command in enumerate(commands) if b'"deposit"' in command.fields[1])
    changed = commands[place].fields[1].replace(b'"amount":"1', b'"amount":"2', 1)
    commands[place] = CommandEntry(commands[place].id, [b"c", changed])
    machine = Machine()
    copy_log(client, f"{streams}-fork", commands, [machine.step(command) for command in commands])
    fork = BlockingRedisLog(redis_url, f"{streams}-fork:commands", f"{streams}-fork:events")
    started, refused = reasons(fork, store)
    assert len(refused) == 3
    assert snapshots.state_hash(started) == snapshots.state_hash(machine)
    fork.close()


@pytest.mark.parametrize("what", ["payload", "chain", "command"])
def test_a_changed_entry_is_named(
    log: BlockingRedisLog, store: FileSnapshotStore, redis_url: str, streams: str, what: str, client: redis.Redis
) -> None:
    engine = open_world(log, store)
    trade(engine, log, 1, 30)
    commands, events = all_commands(log), all_events(log)
    place = len(events) - 10
    changed = f"{streams}-changed"
    command, entry = commands[place], events[place]
    if what == "payload":
        events[place] = EventEntry(entry.id, entry.payload.replace(b'"v":1', b'"v":2'), entry.chain)
    elif what == "chain":
        events[place] = EventEntry(entry.id, entry.payload, bytes([entry.chain[0] ^ 1]) + entry.chain[1:])
    else:
        commands[place] = CommandEntry(command.id, [b"c", command.fields[1].replace(b"}", b" }")])
    copy_log(client, changed, commands, events)
    with pytest.raises(Mismatch) as caught:
        run(recover(BlockingRedisLog(redis_url, f"{changed}:commands", f"{changed}:events"), store))
    assert caught.value.id == events[place].id
    assert format_id(events[place].id) in str(caught.value)
