"""Under version 1 of the rules every command is read, or refused, as the engine of that time did it.

`golden/commands_1.txt` was recorded with that engine's own reader: whole commands, commands with a field too few, too
many or wrong, and commands of version 2, each with its answer.
"""

import json
from pathlib import Path

import pytest

from exchange.commands.codec import FIELD, decode, encode
from exchange.commands.types import Command, OpenLog, SetRules
from exchange.terms.amounts import MAX_COUNT
from exchange.terms.codes import Refused
from tests.golden.golden_log import unescaped
from tests.property.flows import LOG_ID
from tests.unit.test_commands_codec import values

RECORDED = Path(__file__).parents[1] / "golden" / "commands_1.txt"

SINCE = {"type", "instructions", "tiered", "dedup_names", "by"}
"""What commands have since got: version 1 gives it to none."""


def recorded() -> list[tuple[str, bytes]]:
    lines = RECORDED.read_text("ascii").splitlines()
    return [(answer, unescaped(raw)) for answer, raw in (line.split("\t") for line in lines)]


def answer(raw: bytes, rules: int) -> str:
    try:
        command = decode([FIELD, raw], rules)
    except Refused as refused:
        return f"{refused.code.value} {refused.field}"
    told = [value for name, value in values(command).items() if name not in SINCE]
    return f"{type(command).__name__} {json.dumps(told, separators=(',', ':'))}"


@pytest.mark.parametrize("rules", [0, 1])
def test_every_recorded_entry_is_read_as_it_was(rules: int) -> None:
    for expected, raw in recorded():
        assert answer(raw, rules) == expected, raw


def test_the_record_has_whole_commands_and_every_kind_of_fault() -> None:
    answers = {expected.split()[0] for expected, _ in recorded()}

    assert answers >= {"missing_field", "invalid_field", "unknown_field", "not_positive", "unknown_type"}
    assert answers >= {"unknown_version", "Place", "Cancel", "Amend", "Withdraw", "SetMarketStatus", "CreateMarket"}
    assert sum(expected.startswith("Place ") for expected, _ in recorded()) > 50


def test_what_version_one_could_read_version_two_reads_alike() -> None:
    for expected, raw in recorded():
        if expected[0].isupper():
            assert answer(raw, 2) == expected, raw


@pytest.mark.parametrize("rules", [0, 1, 2])
def test_the_rules_can_be_changed_under_every_version(rules: int) -> None:
    command: Command = SetRules(2, 1_000)

    assert values(decode([FIELD, encode(command)], rules)) == values(command)


@pytest.mark.parametrize("rules", [0, 1, 2])
def test_a_log_can_be_opened_with_a_number_of_names_from_version_two_on(rules: int) -> None:
    later = OpenLog(LOG_ID, 2, 60_000, 1_000_000)
    assert values(decode([FIELD, encode(later)], rules)) == values(later)

    first = encode(OpenLog(LOG_ID, 1, 60_000))[:-1] + b',"dedup_names":5}'
    assert answer(first, rules) == "unknown_field dedup_names"


def test_a_later_version_without_a_number_of_names_is_as_unknown_as_it_was_to_the_first_engine() -> None:
    raw = encode(OpenLog(LOG_ID, 1, 60_000)).replace(b'"rules":1', b'"rules":2')

    read = decode([FIELD, raw], 0)

    assert isinstance(read, OpenLog)
    assert (read.rules, read.dedup_names) == (MAX_COUNT, 0)
