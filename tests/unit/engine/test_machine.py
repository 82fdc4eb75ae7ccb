"""The machine's place in the log: ids go forward, every entry has its result, and nothing appended can stop it."""

import orjson
import pytest

from exchange.commands.codec import FIELD, frame
from exchange.engine import Machine
from exchange.events.codec import chain, decode
from exchange.events.types import Rejected
from exchange.terms.stream import GENESIS_CHAIN, CommandEntry
from tests.property.flows import flow
from tests.unit.engine.venue import one


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


def test_refusals_are_told_in_words_that_need_no_escape() -> None:
    machine = Machine()
    names = ['"', "\\", "\n", "\u00fc", "x" * 65, "a b", "\u2028", "more"]
    for number, name in enumerate(names, start=1):
        raw = orjson.dumps({"v": 1, "type": "open_account", "ref": "a", name: 1})
        result = machine.step(CommandEntry((1, number), [FIELD, raw]))
        rejected = one(decode(result.payload).events, Rejected)
        assert rejected.code == "unknown_field"
        assert rejected.field == ("more" if name == "more" else "")
