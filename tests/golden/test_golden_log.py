"""A log of the past replays to the same bytes for ever."""

import json

from exchange.commands.codec import decode
from exchange.commands.types import (
    Amend,
    Cancel,
    CreateAsset,
    CreateMarket,
    Deposit,
    OpenAccount,
    OpenLog,
    Place,
    ReleaseWithdrawal,
    SetMarketFees,
    SetMarketStatus,
    SettleWithdrawal,
    Withdraw,
)
from exchange.engine import Machine
from exchange.events.codec import decode as decode_events
from exchange.events.types import EVENT_NAMES, Rejected
from exchange.terms.codes import Code, Refused
from exchange.terms.stream import format_id
from tests.golden.golden_log import EXPECTED, escaped, read_commands, read_events, summary, unescaped
from tests.property.comparison import Comparison


def test_the_golden_log_gives_the_bytes_it_has_always_given() -> None:
    machine = Machine()
    for command, (id, payload) in zip(read_commands(), read_events(), strict=True):
        result = machine.step(command)
        assert (format_id(result.id), result.payload.decode()) == (id, payload), command.fields

    assert summary(machine) == json.loads(EXPECTED.read_text())


def test_the_golden_log_is_what_the_reference_says() -> None:
    comparison = Comparison(rows_too=True)
    for command in read_commands():
        comparison.step(command)


def test_the_golden_log_has_every_command_every_event_and_every_refusal() -> None:
    events = [event for _, payload in read_events() for event in decode_events(payload.encode()).events]
    assert {type(event) for event in events} == set(EVENT_NAMES)
    assert {event.code for event in events if isinstance(event, Rejected)} == {code.value for code in Code}
    kinds = set()
    for entry in read_commands():
        try:
            kinds.add(type(decode(entry.fields)))
        except Refused:
            continue
    money = {Deposit, Withdraw, SettleWithdrawal, ReleaseWithdrawal}
    assert kinds == money | {
        Place, Cancel, Amend, OpenLog, OpenAccount, CreateAsset, CreateMarket, SetMarketStatus, SetMarketFees
    }  # fmt: skip


def test_any_field_can_be_written_in_a_line_and_read_back() -> None:
    field = bytes(range(256)) + b"\\x41\\n"

    assert unescaped(escaped(field)) == field
    assert escaped(field).isprintable()
