"""Start-up against a real server and a real folder: what may be trusted is used, everything else refuses with a reason.

The matrix of damaged snapshots, foreign logs, trimmed and changed streams.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.engine import Machine
from exchange.roles import snapshots
from exchange.roles.recovery import recover
from exchange.roles.stops import Gap, Mismatch
from exchange.terms.stream import CommandEntry, EventEntry, format_id, genesis_head
from tests.integration.trading import (
    all_commands,
    all_events,
    copy_log,
    hash_from_genesis,
    open_world,
    reasons,
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


# --- what refuses the start ------------------------------------------------------------------------------------------


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


# --- while others go on ----------------------------------------------------------------------------------------------


class Moving(FileSnapshotStore):
    """Lets something happen right after the snapshots were listed for the second time: the look that is acted on."""

    def __init__(self, folder: Path, happens: Callable[[], None]) -> None:
        super().__init__(folder)
        self._happens = happens
        self.looks = 0

    def names(self) -> list[str]:
        names = super().names()
        self.looks += 1
        if self.looks == 2:
            self._happens()
        return names


def test_a_start_during_which_the_snapshots_go_and_the_streams_are_trimmed_looks_again(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str, folder: Path
) -> None:
    engine = three_snapshots(log, store)
    older = store.names()

    def happens() -> None:
        for seed in range(20, 22):
            trade(engine, log, seed, 20)
            run(standby(log, store, keep=2).turn())
        assert not set(older) & set(store.names())
        second_newest = snapshots.position_of(store.names()[1])
        for name in ("commands", "events"):
            client.xtrim(f"{streams}:{name}", minid=format_id(second_newest), approximate=False)

    moving = Moving(folder, happens)
    machine = run(recover(log, moving))
    assert machine.head == run(log.head())
    assert moving.looks == 5, "it began again once, and no more"


def test_a_start_that_found_nothing_yet_looks_again_when_there_is_something(
    log: BlockingRedisLog, store: FileSnapshotStore, folder: Path
) -> None:
    """The streams were empty when it looked, and had snapshots beside them a moment later: that is no wrong log."""

    def happens() -> None:
        three_snapshots(log, store)

    moving = Moving(folder, happens)
    assert run(recover(log, moving)).head == run(log.head())
    assert moving.looks > 4, "it did not find the snapshots beside streams that it thought to be empty"
