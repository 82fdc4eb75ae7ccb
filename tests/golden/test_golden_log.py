"""A log of the past replays to the same bytes for ever."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from exchange.commands import types as commands
from exchange.commands.codec import decode
from exchange.commands.types import (
    Administrative,
    Amend,
    Cancel,
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    OpenAccount,
    OpenLog,
    Place,
    Record,
    ReleaseWithdrawal,
    SetMarketFees,
    SetMarketStatus,
    SettleWithdrawal,
    Transfer,
    Withdraw,
)
from exchange.engine import Machine
from exchange.events.base import Event
from exchange.events.codec import decode as decode_events
from exchange.events.types import EVENT_NAMES, Act, Done, Item, Prevented, Recorded, Rejected, RulesSet, Transferred
from exchange.terms.codes import Code, Refused
from exchange.terms.stream import format_id
from tests.golden.golden_log import NAMES, GoldenLog, escaped, summary, unescaped
from tests.property.comparison import Comparison

FIRST_CHAIN = "8cd19798409104afb80197a543f13ce018f1243a4a5b93d5cea921d4d319a4ac"
"""The chain hash of the log of the first rules, as the engine of the first rules gave it."""

FIRST_COMMANDS = {
    *(Place, Cancel, Amend, Deposit, Withdraw, SettleWithdrawal, ReleaseWithdrawal),
    *(OpenLog, OpenAccount, CreateAsset, CreateMarket, SetMarketStatus, SetMarketFees),
}


class Later(NamedTuple):
    """What rules that came after a log's added."""

    commands: frozenset[type[Command]] = frozenset()
    events: frozenset[type[Event]] = frozenset()
    codes: frozenset[str] = frozenset()


LATER = Later(
    frozenset([Transfer, Record]),
    frozenset([Transferred, Recorded]),
    frozenset(["same_account", "not_same_group"]),
)
"""What the third rules added to the second."""


def told(log: GoldenLog) -> Iterator[Event]:
    for _, payload in log.events():
        yield from decode_events(payload.encode()).events


def read(log: GoldenLog) -> Iterator[tuple[int, Command]]:
    """Each readable command with the rules that it was read under."""
    machine = Machine()
    for entry in log.commands():
        rules = machine.state.rules
        machine.step(entry)
        try:
            yield rules, decode(entry.fields, rules)
        except Refused:
            continue


@pytest.mark.parametrize("name", NAMES)
def test_the_golden_log_gives_the_bytes_it_has_always_given(name: str) -> None:
    log = GoldenLog(name)
    machine = Machine()
    for command, (id, payload) in zip(log.commands(), log.events(), strict=True):
        result = machine.step(command)
        assert (format_id(result.id), result.payload.decode()) == (id, payload), command.fields

    assert summary(machine) == log.expected()


def test_the_log_of_the_first_rules_has_kept_its_hash() -> None:
    assert GoldenLog("rules_1").expected()["chain"] == FIRST_CHAIN


@pytest.mark.parametrize("name", NAMES)
def test_the_golden_log_is_what_the_reference_says(name: str) -> None:
    comparison = Comparison(rows_too=True)
    for command in GoldenLog(name).commands():
        comparison.step(command)


def test_the_log_of_the_first_rules_has_every_command_every_event_and_every_refusal_of_them() -> None:
    log = GoldenLog("rules_1")
    assert {kind for _, command in read(log) for kind in [type(command)]} == FIRST_COMMANDS
    assert len({type(event) for event in told(log)}) == 18
    assert len({event.code for event in told(log) if isinstance(event, Rejected)}) == 31


@pytest.mark.parametrize("name, later", [("rules_2", LATER), ("rules_3", Later())])
def test_the_log_has_every_command_every_event_and_every_refusal_of_its_rules(name: str, later: Later) -> None:
    log = GoldenLog(name)
    every = {kind for kind in vars(commands).values() if isinstance(kind, type) and issubclass(kind, Command)}
    assert {type(command) for _, command in read(log)} == every - {Command, Administrative} - later.commands
    events = list(told(log))
    assert set(EVENT_NAMES) - set(map(type, events)) == {RulesSet} | later.events
    refused = {event.code for event in events if isinstance(event, (Rejected, Item))}
    assert {code.value for code in Code} - refused == {"expiring"} | later.codes
    assert {event.stp for event in events if isinstance(event, Prevented)} == {
        *("expire_taker", "expire_maker", "expire_both", "decrement"),
    }
    reasons = {event.reason for event in events if isinstance(event, Done)}
    assert reasons >= {"", "band", "slippage", "work", "fok", "time", "oco", "list", "switch"}


def test_the_log_of_the_third_rules_tells_of_every_kind_of_act_who_it_was_and_of_some_not() -> None:
    acts = [event for event in told(GoldenLog("rules_3")) if isinstance(event, Act)]
    kinds = {type(act) for act in acts}
    assert {type(act) for act in acts if act.by} == kinds
    assert {type(act) for act in acts if not act.by} == kinds - {Recorded}


@pytest.mark.parametrize("name, first, later", [("switched", 1, LATER.events), ("switched_3", 2, Later().events)])
def test_the_switched_log_has_lived_under_both_rules(name: str, first: int, later: frozenset[type[Event]]) -> None:
    log = GoldenLog(name)
    lived = list(read(log))
    before = [command for rules, command in lived if rules == first]
    after = [command for rules, command in lived if rules == first + 1]
    assert sum(isinstance(command, Place) for command in before) > 50
    assert sum(isinstance(command, Place) for command in after) > 50
    assert {rules for rules, _ in lived} == {0, first, first + 1}
    assert set(EVENT_NAMES) - {type(event) for event in told(log)} == later


def test_any_field_can_be_written_in_a_line_and_read_back() -> None:
    field = bytes(range(256)) + b"\\x41\\n"

    assert unescaped(escaped(field)) == field
    assert escaped(field).isprintable()
