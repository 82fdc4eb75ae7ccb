"""The machine's place in the log: ids go forward, every entry has its result, and nothing appended can stop it."""

import random
from collections import Counter

import orjson
import pytest

from exchange.commands.codec import FIELD, encode, frame
from exchange.engine import Machine
from exchange.engine.snapshot import Row, rows
from exchange.events.codec import chain, decode
from exchange.events.types import Rejected
from exchange.terms.codes import Code
from exchange.terms.stream import GENESIS_CHAIN, CommandEntry
from tests.property.comparison import MEMORY_ROWS
from tests.property.flows import flow
from tests.property.strategies import WORLD
from tests.unit.engine.venue import Venue, one

POISON = 4_000


def test_every_entry_has_a_result_with_its_id_chained_to_the_one_before() -> None:
    machine = Machine()
    before = GENESIS_CHAIN
    for entry in flow(seed=1):
        result = machine.step(entry)
        assert result.id == entry.id
        assert result.chain == chain(before, entry.id, frame(entry.fields), result.payload)
        assert (machine.head.id, machine.head.chain) == (result.id, result.chain)
        before = result.chain


@pytest.mark.parametrize("id", [(0, 0), (0, 1), (1, 1), (1, 0)])
def test_an_id_that_does_not_go_forward_is_an_error_of_the_caller(id: tuple[int, int]) -> None:
    machine = Machine()
    machine.step(CommandEntry((1, 1), [b"c", b"x"]))
    head = machine.head

    with pytest.raises(ValueError, match="does not come after"):
        machine.step(CommandEntry(id, [b"c", b"y"]))

    assert machine.head == head
    machine.step(CommandEntry((1, 2), [b"c", b"y"]))


def test_nothing_that_can_be_appended_stops_the_machine_or_changes_its_state() -> None:
    venue = Venue()
    venue.account(base=100, quote=100)
    machine = venue.machine
    dice = random.Random(20)
    good = [encode(command) for command in WORLD]
    codes: Counter[str] = Counter()
    before = _unremembering(machine)
    for number in range(POISON):
        fields = _poison(dice, dice.choice(good))
        result = machine.step(CommandEntry((10, number), fields))
        after = _unremembering(machine)
        for event in decode(result.payload).events:
            if isinstance(event, Rejected):
                codes[event.code] += 1
                assert after == before, fields
        before = after
    assert codes.total() > POISON * 0.95
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


def test_refusals_are_told_in_words_that_need_no_escape() -> None:
    machine = Machine()
    names = ['"', "\\", "\n", "\u00fc", "x" * 65, "a b", "\u2028", "more"]
    for number, name in enumerate(names, start=1):
        raw = orjson.dumps({"v": 1, "type": "open_account", "ref": "a", name: 1})
        result = machine.step(CommandEntry((1, number), [FIELD, raw]))
        rejected = one(decode(result.payload).events, Rejected)
        assert rejected.code == "unknown_field"
        assert rejected.field == ("more" if name == "more" else "")
