"""Whether rows may be carried on with a log: every combination of what the database and the log can hold."""

import pytest

from exchange.engine import Machine
from exchange.projections.timescale.anchor import CannotProject, anchored, verdict
from exchange.terms.stream import CommandEntry, EventEntry, Head, genesis_head
from tests.property.flows import flow

COMMANDS = flow(1, 20)
MACHINE = Machine()
ENTRIES = [MACHINE.step(command) for command in COMMANDS]
END = Head(ENTRIES[-1].id, ENTRIES[-1].chain)


def test_rows_are_anchored_by_id_and_chain_together() -> None:
    assert anchored(END, ENTRIES[-1])
    assert not anchored(END, None)
    assert not anchored(END, EventEntry(END.id, ENTRIES[-1].payload, bytes(31) + b"\x01"))
    assert not anchored(genesis_head(), EventEntry((0, 0), b"", bytes(32)))


def test_nothing_goes_on_with_nothing_or_with_a_whole_log() -> None:
    assert verdict(genesis_head(), None, None) == "go on"
    assert verdict(genesis_head(), ENTRIES[0], COMMANDS[0]) == "go on"


def test_rows_of_no_entry_are_made_again_from_a_whole_log() -> None:
    assert verdict(END, ENTRIES[0], COMMANDS[0]) == "rebuild"


def test_rows_are_not_given_up_for_an_empty_stream() -> None:
    with pytest.raises(CannotProject, match="REDIS_URL"):
        verdict(END, None, None)


@pytest.mark.parametrize("position", [genesis_head(), END])
@pytest.mark.parametrize(
    "first,command",
    [
        (ENTRIES[5], COMMANDS[5]),  # both trimmed
        (ENTRIES[5], COMMANDS[0]),  # one trimmed
        (ENTRIES[0], COMMANDS[5]),
        (ENTRIES[0], None),
        (ENTRIES[0], CommandEntry(COMMANDS[0].id, [b"c", b"{}"])),  # changed
        (EventEntry(ENTRIES[0].id, ENTRIES[0].payload + b" ", ENTRIES[0].chain), COMMANDS[0]),
        (EventEntry(ENTRIES[0].id, ENTRIES[0].payload, b""), COMMANDS[0]),
    ],
)
def test_a_log_without_its_beginning_builds_nothing(
    position: Head, first: EventEntry, command: CommandEntry | None
) -> None:
    with pytest.raises(CannotProject, match="not the beginning of a log"):
        verdict(position, first, command)
