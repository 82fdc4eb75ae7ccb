"""The judge: a log that is whole passes, and each single thing that is wrong with one is found."""

from collections.abc import Callable

import pytest

from exchange.commands.codec import encode
from exchange.commands.types import (
    CreateAsset,
    CreateMarket,
    Deposit,
    OpenAccount,
    OpenLog,
    Place,
    Withdraw,
)
from exchange.engine import Machine
from exchange.terms.stream import CommandEntry, EventEntry
from tests.simulation import checks
from tests.simulation.checks import Violation
from tests.simulation.clients import Answer

Log = tuple[list[CommandEntry], list[EventEntry]]

COMMANDS = [
    OpenLog("0" * 32, 1, 1_000_000),
    CreateAsset("GOLD", 2),
    CreateAsset("INR", 2),
    CreateMarket("GOLD-INR", 100, 1, 1, 1_000, 2_000),
    OpenAccount("a"),
    OpenAccount("b"),
    Deposit(100, "GOLD", 50, "d1"),
    Deposit(101, "INR", 5_000, "d2"),
    Place(100, "GOLD-INR", "sell", "limit", "gtc", 10_000, 7, 0, "s1"),
    Place(101, "GOLD-INR", "buy", "limit", "gtc", 10_000, 3, 0, "b1"),
    Place(101, "GOLD-INR", "buy", "limit", "gtc", 10_000, 3, 0, "b1"),
    Withdraw(101, "INR", 100, "w1"),
]


def _log() -> Log:
    machine = Machine()
    commands = [CommandEntry((1_000 + place, 0), [b"c", encode(command)]) for place, command in enumerate(COMMANDS)]
    return commands, [machine.step(command) for command in commands]


def _judge(commands: list[CommandEntry], events: list[EventEntry]) -> None:
    checks.one_entry_each(commands, events)
    checks.chain_holds(commands, events)
    results = checks.bodies(events)
    checks.once_each(commands, results)
    folded = checks.money_conserved(results)
    checks.machine_agrees(checks.replayed(commands, events), folded)


def test_a_whole_log_passes() -> None:
    _judge(*_log())


def _change(events: list[EventEntry], place: int, old: bytes, new: bytes) -> None:
    entry = events[place]
    assert old in entry.payload
    events[place] = EventEntry(entry.id, entry.payload.replace(old, new), entry.chain)


def _drop_event(commands: list[CommandEntry], events: list[EventEntry]) -> None:
    del events[5]


def _drop_last_event(commands: list[CommandEntry], events: list[EventEntry]) -> None:
    del events[-1]


def _drop_command(commands: list[CommandEntry], events: list[EventEntry]) -> None:
    del commands[5]


def _double_event(commands: list[CommandEntry], events: list[EventEntry]) -> None:
    events.insert(5, events[4])


def _swap_events(commands: list[CommandEntry], events: list[EventEntry]) -> None:
    events[7], events[8] = events[8], events[7]


def _flip_payload(commands: list[CommandEntry], events: list[EventEntry]) -> None:
    _change(events, 6, b'"amount":"50"', b'"amount":"51"')


def _flip_command(commands: list[CommandEntry], events: list[EventEntry]) -> None:
    commands[6] = CommandEntry(commands[6].id, [b"c", commands[6].fields[1].replace(b'"50"', b'"51"')])


def _flip_chain(commands: list[CommandEntry], events: list[EventEntry]) -> None:
    events[3] = EventEntry(events[3].id, events[3].payload, bytes(32))


@pytest.mark.parametrize(
    "damage",
    [
        _drop_event,
        _drop_last_event,
        _drop_command,
        _double_event,
        _swap_events,
        _flip_payload,
        _flip_command,
        _flip_chain,
    ],
)
def test_a_damaged_log_is_found(damage: Callable[[list[CommandEntry], list[EventEntry]], None]) -> None:
    commands, events = _log()
    damage(commands, events)
    with pytest.raises(Violation):
        _judge(commands, events)


def test_money_made_from_nothing_is_found() -> None:
    _, events = _log()
    _change(events, 6, b'[100,"GOLD","50","0"]', b'[100,"GOLD","51","0"]')
    with pytest.raises(Violation, match="makes or destroys money"):
        checks.money_conserved(checks.bodies(events))


def test_a_balance_below_zero_is_found() -> None:
    _, events = _log()
    _change(events, 8, b'"-7","7"', b'"-70","70"')
    with pytest.raises(Violation, match="below zero"):
        checks.money_conserved(checks.bodies(events))


def test_postings_that_are_not_the_engines_balances_are_found() -> None:
    commands, events = _log()
    folded = checks.money_conserved(checks.bodies(events))
    folded.balances[100, "GOLD"][0] += 1
    with pytest.raises(Violation, match="the postings say"):
        checks.machine_agrees(checks.replayed(commands, events), folded)


def test_a_second_effect_of_one_request_is_found() -> None:
    commands, events = _log()
    events[10] = EventEntry(events[10].id, events[9].payload, events[10].chain)
    results = checks.bodies(events)
    with pytest.raises(Violation, match="accepted twice"):
        checks.once_each(commands, results)
    results[10] = {"events": [{"type": "rejected", "code": "insufficient_funds", "field": "quantity"}], "postings": []}
    with pytest.raises(Violation, match="took effect again"):
        checks.once_each(commands, results)


def test_another_result_than_the_engines_is_found() -> None:
    commands, events = _log()
    _change(events, 9, b'"taker_fee":"1"', b'"taker_fee":"2"')
    with pytest.raises(Violation, match="a new engine says"):
        checks.replayed(commands, events)


def test_an_answer_may_be_missing_only_after_a_cut_of_a_lossy_log() -> None:
    _, events = _log()
    kept = Answer(b"", events[4].id, events[4].payload, 0)
    gone = Answer(b"", (9_999, 0), b"{}", 0)
    assert checks.answers_stand([kept], events, cuts=0, lossy=False) == 0
    assert checks.answers_stand([kept, gone], events, cuts=1, lossy=True) == 1
    with pytest.raises(Violation):
        checks.answers_stand([gone], events, cuts=1, lossy=False)
    with pytest.raises(Violation):
        checks.answers_stand([gone], events, cuts=0, lossy=True)


def test_a_machine_that_differs_in_one_row_is_found() -> None:
    commands, events = _log()
    one, other = checks.replayed(commands, events), checks.replayed(commands, events)
    checks.same_state(one, other, "the other")
    other.state.accounts[100].balances["GOLD"].available += 1
    with pytest.raises(Violation, match="the other has"):
        checks.same_state(one, other, "the other")
