"""What administrators did is told from the log itself: who, what, and whether it was done."""

from collections.abc import Callable

import pytest
import redis

from exchange.commands.codec import encode
from exchange.commands.types import (
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    OpenAccount,
    OpenLog,
    Record,
    SetMarketStatus,
    SetRules,
    SetTradeGroup,
    Transfer,
)
from exchange.engine import Machine
from exchange.settings import Settings
from exchange.terms.stream import CommandEntry, format_id
from tests.integration.audited import Past, a_past, ask, said
from tests.unit.projections.segments import Pair

Make = Callable[..., Settings]
ANNA = "a" * 32
BEGUN = 1_760_000_000_000


def a_log(commands: list[Command]) -> list[Pair]:
    machine, pairs = Machine(), []
    for number, command in enumerate(commands):
        entry = CommandEntry((BEGUN + 1000 * number, 0), [b"c", encode(command)])
        pairs.append((entry, machine.step(entry)))
    return pairs


@pytest.fixture
def past(make_settings: Make, client: redis.Redis, redis_url: str) -> Past:
    """A log that began under the second rules."""
    commands: list[Command] = [
        OpenLog("c0ffee" + 26 * "0", 2, 3_600_000, 1000),
        CreateAsset("BTC", 4),
        SetRules(3, 1000),
        CreateAsset("USD", 2, "operator"),
        CreateMarket("BTC-USD", 100, 100, 0, 1000, 2000, ANNA),
        SetMarketStatus("BTC-EUR", "halted", ANNA),
        OpenAccount("holder"),
        OpenAccount("holder/1"),
        Deposit(100, "USD", 10_000, "own"),
        Deposit(100, "USD", 5_000, "gift", ANNA),
        SetTradeGroup(100, 7, "operator"),
        SetTradeGroup(101, 7, "operator"),
        Transfer(100, 101, "USD", 4_000, "t1"),
        Record(ANNA, "role.granted", "b" * 32),
    ]
    return a_past(make_settings, client, redis_url, a_log(commands))


def test_the_trail_tells_who_did_what_refusals_included(past: Past) -> None:
    told = ask(past.settings, "acts")
    assert told.code == 0, told.error
    assert [(act["by"], act["act"], act["refused"]) for act in told.json["acts"]] == [
        (None, "create_asset", None),
        (None, "set_rules", None),
        ("operator", "create_asset", None),
        (ANNA, "create_market", None),
        (ANNA, "set_market_status", "unknown_market"),
        (ANNA, "deposit", None),
        ("operator", "set_trade_group", None),
        ("operator", "set_trade_group", None),
        (ANNA, "role.granted", None),
    ]
    assert told.json["acts"][5]["details"] == {"account": 100, "asset": "USD", "amount": "5000", "ref": "gift"}
    assert told.json["acts"][-1] == {
        "id": f"{BEGUN + 13_000}-0",
        "time": BEGUN + 13_000,
        "by": ANNA,
        "act": "role.granted",
        "details": {"subject": "b" * 32},
        "refused": None,
    }


def test_the_trail_of_one_person_or_kind_can_be_asked_for_up_to_a_moment(past: Past) -> None:
    def kinds(*asked: str) -> list[str]:
        return [act["act"] for act in ask(past.settings, "acts", *asked).json["acts"]]

    assert kinds("--by", ANNA) == ["create_market", "set_market_status", "deposit", "role.granted"]
    assert kinds("--kind", "set_trade_group") == ["set_trade_group", "set_trade_group"]
    assert kinds("--by", "operator", "--until", f"{BEGUN + 3000}-0") == ["create_asset"]
    assert kinds("--by", "b" * 32) == []
    lines = said(past.settings, "acts", "--kind", "set_market_status").out.splitlines()
    assert lines == [
        (
            f"{BEGUN + 5000}-0  2025-10-09T08:53:25.000+00:00  {ANNA}  set_market_status  "
            "market=BTC-EUR status=halted  refused: unknown_market"
        ),
        "verified    1 acts, every entry up to here chained to the one before",
    ]


def test_a_trail_out_of_a_log_that_was_changed_is_a_difference(past: Past, client: redis.Redis) -> None:
    key = past.settings.commands_key
    client.delete(key)
    *before, (last, _) = past.pairs
    forged = CommandEntry(last.id, [b"c", encode(Record("c" * 32, "role.granted", "b" * 32))])
    for command in [*(command for command, _ in before), forged]:
        client.execute_command("XADD", key, format_id(command.id), *command.fields)  # type: ignore[no-untyped-call]

    told = ask(past.settings, "acts")

    assert (told.code, told.id) == (1, format_id(last.id))


def test_a_transfer_is_told_from_both_sides(past: Past) -> None:
    sentence = "transfer of 40.00 USD from account 100 to account 101, reference t1"
    for account, available in ((100, "110.00"), (101, "40.00")):
        told = ask(past.settings, "balance", str(account), "USD").json
        assert told["movements"][-1]["causes"] == [sentence]
        assert told["available"] == available
