"""Logs, assets, markets and accounts are made by commands, each refusal with its code."""

import pytest

from exchange.commands.types import (
    RULES,
    Cancel,
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    OpenAccount,
    OpenLog,
    SetMarketFees,
    SetMarketStatus,
)
from exchange.engine import Machine
from exchange.events.types import (
    AccountOpened,
    AssetCreated,
    Event,
    LogOpened,
    MarketCreated,
    MarketFeesSet,
    MarketStatusSet,
)
from exchange.terms.words import FIRST_USER
from tests.property.flows import LOG_ID, entry
from tests.unit.engine.venue import BASE, MARKET, QUOTE, Venue, one, refusal


def told_by(machine: Machine, command: Command) -> list[Event]:
    ms, seq = machine.head.id
    machine.step(entry(ms, seq + 1, command))
    return machine.outcome.events


def test_a_log_refuses_everything_until_it_is_opened() -> None:
    machine = Machine()
    commands: list[Command] = [
        CreateAsset("AA", 0),
        OpenAccount("a"),
        Deposit(FIRST_USER, "AA", 1, "r"),
        Cancel(FIRST_USER, 1, ""),
        SetMarketStatus("AA-QQ", "open"),
    ]
    for command in commands:
        assert refusal(told_by(machine, command)) == ("log_not_open", "")

    opened = one(told_by(machine, OpenLog(LOG_ID, 1, 5)), LogOpened)

    assert (opened.log_id, opened.rules, opened.dedup_window_ms) == (LOG_ID, 1, 5)
    one(told_by(machine, CreateAsset("AA", 0)), AssetCreated)


@pytest.mark.parametrize("rules", [1, 2, 3])
def test_a_log_opens_under_rules_that_the_engine_knows_and_only_once(rules: int) -> None:
    machine = Machine()

    assert refusal(told_by(machine, OpenLog(LOG_ID, RULES + 1, 5))) == ("unknown_rules", "rules")
    one(told_by(machine, OpenLog(LOG_ID, rules, 5)), LogOpened)
    assert refusal(told_by(machine, OpenLog("f" * 32, 1, 7))) == ("log_already_open", "")
    assert refusal(told_by(machine, OpenLog("f" * 32, 2, 7))) == ("log_already_open", "")

    assert (machine.state.log_id, machine.state.dedup_window_ms) == (LOG_ID, 5)


def test_a_log_is_not_opened_under_the_second_rules_in_the_words_of_the_first() -> None:
    machine = Machine()
    raw = f'{{"v":1,"type":"open_log","log_id":"{LOG_ID}","rules":2,"dedup_window_ms":5}}'.encode()

    machine.step(entry(1, 1, raw))

    assert refusal(machine.outcome.events) == ("unknown_rules", "rules")
    one(told_by(machine, OpenLog(LOG_ID, 1, 5)), LogOpened)


def test_an_asset_is_made_once() -> None:
    venue = Venue()

    assert refusal(venue.do(CreateAsset(BASE, 7))) == ("asset_exists", "asset")

    assert venue.state.assets[BASE].decimals == 0


@pytest.mark.parametrize(
    "market,tick,lot,expected",
    [
        (MARKET, 0, 0, ("market_exists", "market")),
        (f"{BASE}-NONE", 1, 1, ("unknown_asset", "market")),
        (f"NONE-{BASE}", 1, 1, ("unknown_asset", "market")),
        ("NONE-NONE", 1, 1, ("unknown_asset", "market")),
        (f"{BASE}-{BASE}", 1, 1, ("invalid_field", "market")),
        (f"{QUOTE}-{BASE}", 0, 0, ("not_positive", "tick_size")),
        (f"{QUOTE}-{BASE}", 1, 0, ("not_positive", "lot_size")),
        (f"{QUOTE}-{BASE}", 1, 99, ("inexact_market", "tick_size")),
        (f"{QUOTE}-{BASE}", 10, 5, ("inexact_market", "tick_size")),
    ],
)
def test_a_market_that_could_not_work_is_refused(market: str, tick: int, lot: int, expected: tuple[str, str]) -> None:
    venue = Venue()

    assert refusal(venue.do(CreateMarket(market, tick, lot, 0, 0, 0))) == expected

    assert list(venue.state.markets) == [MARKET]


@pytest.mark.parametrize("tick,lot", [(1, 100), (100, 1), (20, 5), (25, 4), (300, 1)])
def test_a_market_is_let_in_when_tick_times_lot_is_whole(tick: int, lot: int) -> None:
    venue = Venue()

    made = one(venue.do(CreateMarket(f"{QUOTE}-{BASE}", tick, lot, 3, 4, 5)), MarketCreated)

    assert (made.tick_size, made.lot_size, made.min_notional, made.maker_fee, made.taker_fee) == (tick, lot, 3, 4, 5)
    market = venue.state.markets[made.market]
    assert (market.status, market.seq, market.unit) == ("open", 0, tick * lot // 100)


def test_accounts_are_numbered_from_the_first_user_on() -> None:
    venue = Venue()

    numbers = [one(venue.do(OpenAccount(ref)), AccountOpened).account for ref in ("a", "b", "c")]

    assert numbers == [FIRST_USER, FIRST_USER + 1, FIRST_USER + 2]
    assert refusal(venue.do(OpenAccount("b"))) == ("account_exists", "ref")


def test_the_names_of_the_houses_accounts_are_taken() -> None:
    venue = Venue()

    assert refusal(venue.do(OpenAccount("outside"))) == ("account_exists", "ref")
    assert refusal(venue.do(OpenAccount("fees"))) == ("account_exists", "ref")


def test_statuses_and_fees_are_set_on_markets_that_exist() -> None:
    venue = Venue()

    assert one(venue.status("halted"), MarketStatusSet).status == "halted"
    assert one(venue.do(SetMarketFees(MARKET, 7, 8)), MarketFeesSet).taker_fee == 8
    assert refusal(venue.do(SetMarketStatus("NO-NE", "open"))) == ("unknown_market", "market")
    assert refusal(venue.do(SetMarketFees("NO-NE", 0, 0))) == ("unknown_market", "market")


def test_markets_have_sequences_of_their_own() -> None:
    venue = Venue()
    venue.do(CreateMarket(f"{QUOTE}-{BASE}", 1, 100, 0, 0, 0))
    account = venue.account(base=10, quote=100)
    venue.sell(account, price=10, quantity=5)
    venue.sell(account, price=10, quantity=5)

    assert [venue.state.markets[name].seq for name in (MARKET, f"{QUOTE}-{BASE}")] == [2, 0]
