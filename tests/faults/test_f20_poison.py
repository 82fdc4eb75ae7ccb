"""F20: whatever is appended has one rejection for its result and changes nothing; a machine that breaks half-way
through a command halts, and nothing at or after that command is published."""

import random
from collections import Counter

import orjson
import pytest
import redis

from exchange.commands.codec import FIELD, encode
from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.engine import Machine
from exchange.engine.snapshot import Row, rows
from exchange.events.codec import decode
from exchange.events.types import Rejected
from exchange.roles.recovery import recover
from exchange.roles.stops import Halted
from exchange.terms.codes import Code
from exchange.terms.stream import CommandEntry, EventEntry, format_id
from tests.integration.trading import (
    POISON,
    add_raw,
    all_commands,
    all_events,
    assert_sound,
    drain,
    open_world,
    some,
    trade,
)
from tests.property.comparison import MEMORY_ROWS
from tests.property.strategies import WORLD
from tests.unit.engine.venue import Venue

MANY = 4_000


def test_f20_poison_commands_get_one_rejection_each_and_trading_goes_on(
    log: BlockingRedisLog, store: FileSnapshotStore, client: redis.Redis, streams: str
) -> None:
    engine = open_world(log, store)
    before = list(rows(run(recover(log, store))))[1:]
    ids = []
    for fields in POISON:
        add_raw(client, f"{streams}:commands", fields)
        ids.append(all_commands(log)[-1].id)
    drain(engine, log)
    entries = {entry.id: entry for entry in all_events(log)}
    for id in ids:
        (event,) = orjson.loads(entries[id].payload)["events"]
        assert event["type"] == "rejected"
        assert orjson.loads(entries[id].payload)["postings"] == []
    assert list(rows(assert_sound(log)))[1:] == before, "a refused command changed the state"
    trade(engine, log, 1, 20)
    assert_sound(log)


def test_f20_nothing_that_can_be_appended_stops_the_machine_or_changes_its_state() -> None:
    venue = Venue()
    venue.account(base=100, quote=100)
    machine = venue.machine
    dice = random.Random(20)
    good = [encode(command) for command in WORLD]
    codes: Counter[str] = Counter()
    before = _unremembering(machine)
    for number in range(MANY):
        fields = _poison(dice, dice.choice(good))
        result = machine.step(CommandEntry((10, number), fields))
        after = _unremembering(machine)
        for event in decode(result.payload).events:
            if isinstance(event, Rejected):
                codes[event.code] += 1
                assert after == before, fields
        before = after
    assert codes.total() > MANY * 0.95
    assert set(codes) >= {
        code.value
        for code in (
            Code.MALFORMED,
            Code.TOO_LARGE,
            Code.UNKNOWN_VERSION,
            Code.UNKNOWN_TYPE,
            Code.UNKNOWN_FIELD,
            Code.MISSING_FIELD,
            Code.INVALID_FIELD,
        )
    }


def _unremembering(machine: Machine) -> list[Row]:
    return [row for row in rows(machine) if row[0] != "header" and row[0] not in MEMORY_ROWS]


def _poison(dice: random.Random, good: bytes) -> list[bytes]:
    kind = dice.randrange(9)
    if kind == 0:
        return [dice.randbytes(dice.randrange(30)) for _ in range(dice.randrange(5))]
    if kind == 1:
        return [FIELD, good[: dice.randrange(len(good))]]
    if kind == 2:
        return [FIELD, good + dice.choice((b"}", b"{}", b"x", b"\x00"))]
    if kind == 3:
        return [FIELD, b" " * 16_384 + good]
    if kind == 4:
        return [FIELD, dice.choice((b"[", b'{"v":')) * dice.randrange(1, 3_000)]
    if kind == 5:
        return [dice.choice((b"", b"C", b"d", b"c\x00")), good]
    if kind == 6:
        return [FIELD, good, FIELD, good]
    body = orjson.loads(good)
    name = dice.choice(sorted(body))
    if kind == 7:
        del body[name]
    else:
        odd: list[object] = [
            None,
            True,
            False,
            1.5,
            -1,
            2**63,
            "",
            "\u0000",
            '"',
            "\u00e4",
            "-1",
            "1e5",
            "9" * 31,
            [],
            {},
            [[]],
            {"a": 1},
        ]
        body[dice.choice((name, name, "more"))] = dice.choice(odd)
    return [FIELD, orjson.dumps(body)]


def test_f20_a_machine_that_breaks_halts_the_engine_after_what_was_whole(
    log: BlockingRedisLog, store: FileSnapshotStore
) -> None:
    engine = open_world(log, store)
    replica = run(engine._memory.replica())
    ids = log.append_many(some(1, 10))
    honest = Machine.step

    def breaks(machine: Machine, entry: CommandEntry) -> EventEntry:
        if entry.id == ids[6]:
            raise ZeroDivisionError("in mid-apply")
        return honest(machine, entry)

    replica.machine = Breaking(replica.machine, breaks)  # type: ignore[assignment]
    with pytest.raises(Halted, match=format_id(ids[6])) as caught:
        run(engine.turn())
    assert caught.value.id == ids[6]
    assert run(log.head()).id == ids[5]
    with pytest.raises(Halted):
        run(engine.turn())
    assert run(log.head()).id == ids[5]


class Breaking:
    """A machine with another `step`."""

    def __init__(self, machine: Machine, step: object) -> None:
        self._machine = machine
        self._step = step

    def step(self, entry: CommandEntry) -> EventEntry:
        return self._step(self._machine, entry)  # type: ignore[no-any-return, operator]

    def __getattr__(self, name: str) -> object:
        return getattr(self._machine, name)
