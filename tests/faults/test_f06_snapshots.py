"""F6: a snapshot that is damaged, of a newer format or newer rules, or of another log is refused with a reason, and an
older one used; one that only a newer version can read refuses the start."""

from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from exchange.commands.types import RULES
from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.engine.snapshot import FORMAT
from exchange.roles import snapshots
from exchange.roles.recovery import recover
from exchange.roles.stops import NewerFormat
from tests.integration.trading import (
    hash_from_genesis,
    reasons,
    three_snapshots,
)


def test_f06_a_snapshot_with_any_flipped_bit_is_passed_over(
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


def test_f06_with_every_snapshot_damaged_the_log_is_replayed_from_genesis(
    log: BlockingRedisLog, store: FileSnapshotStore, folder: Path
) -> None:
    three_snapshots(log, store)
    for name in store.names():
        (folder / name).write_bytes(b"gone\n")
    wanted = hash_from_genesis(log)
    machine, refused = reasons(log, store)
    assert snapshots.state_hash(machine) == wanted
    assert len(refused) == 3


def test_f06_a_snapshot_whose_rows_lie_under_a_true_checksum_is_passed_over(
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


@pytest.mark.parametrize("field", ["snapshot", "format"])
def test_f06_a_whole_snapshot_of_a_newer_format_refuses_the_start(
    log: BlockingRedisLog, store: FileSnapshotStore, folder: Path, field: str
) -> None:
    three_snapshots(log, store)
    newest = store.names()[0]
    lines = list(store.read(newest))
    header = orjson.dumps(orjson.loads(lines[0]) | {field: 99})
    rewrite(folder / newest, header, lines[1:-1])
    with pytest.raises(NewerFormat, match="99"):
        run(recover(log, store))


def test_f06_one_foreign_snapshot_among_own_ones_is_passed_over(
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


def test_f06_a_snapshot_of_newer_rules_refuses_the_start_of_an_older_version(
    log: BlockingRedisLog, store: FileSnapshotStore
) -> None:
    engine = three_snapshots(log, store)
    machine = run(engine._memory.replica()).machine
    machine.state.rules = 99
    snapshots.take(machine, store, 0)
    with pytest.raises(
        NewerFormat, match=rf"follows rules 99, this version knows rules up to {RULES}.*Run the version"
    ):
        run(recover(log, store))
