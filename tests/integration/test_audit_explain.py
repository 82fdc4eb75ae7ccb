"""Every order and every balance can be explained from the log, and the explanation is what the engine says."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
import redis

from exchange.audit import explaining
from exchange.audit.findings import Found
from exchange.cli._history import open_history
from exchange.commands.codec import encode
from exchange.commands.types import (
    Amend,
    Cancel,
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    OpenAccount,
    OpenLog,
    Place,
    SettleWithdrawal,
    Withdraw,
)
from exchange.effects.files import FileSnapshotStore
from exchange.engine import Machine
from exchange.events.codec import decode
from exchange.roles.replay import machine_at
from exchange.settings import Settings
from exchange.terms.stream import CommandEntry, StreamId, format_id
from tests.integration.archiving import put
from tests.integration.audited import a_past, ask, said
from tests.integration.projecting import a_log_of_everything
from tests.unit.projections.segments import Pair

Make = Callable[..., Settings]
MENTIONS = ("order", "maker_order", "taker_order", "buy_order", "sell_order")


def a_story(commands: list[Command]) -> list[Pair]:
    machine, pairs = Machine(), []
    for number, command in enumerate(commands):
        entry = CommandEntry((1_760_000_000_000 + 1000 * number, 0), [b"c", encode(command)])
        pairs.append((entry, machine.step(entry)))
    return pairs


@pytest.fixture
def story(make_settings: Make, client: redis.Redis, redis_url: str) -> Settings:
    """A seller (100) and a buyer (101)."""
    commands: list[Command] = [
        OpenLog("c0ffee" + 26 * "0", 2, 3_600_000, 1000),
        CreateAsset("BTC", 4),
        CreateAsset("USD", 2),
        CreateMarket("BTC-USD", 100, 100, 0, 1000, 2000),
        OpenAccount("seller"),
        OpenAccount("buyer"),
        Deposit(100, "BTC", 100_000, "d1"),
        Deposit(101, "USD", 1_000_000, "d2"),
        Place(100, "BTC-USD", "sell", "limit", "gtc", 20_000, 50_000, 0, "mine"),
        Place(101, "BTC-USD", "buy", "limit", "ioc", 20_000, 20_000, 0, ""),
        Amend(100, 1, 40_000),
        Withdraw(101, "USD", 50_000, "w1"),
        SettleWithdrawal(1),
        Cancel(100, 1, ""),
    ]
    return a_past(make_settings, client, redis_url, a_story(commands)).settings


def test_an_order_is_told_from_its_terms_to_its_end(story: Settings) -> None:
    told = said(story, "order", "1")
    assert told.code == 0, told.error
    assert told.out.splitlines() == [
        "order 1",
        "1760000008000-0  2025-10-09T08:53:28.000+00:00  place",
        (
            "    accepted for account 100: limit sell of 5.0000 BTC at 200.00 USD on BTC-USD, gtc, client order id "
            "mine, fee rates 0.001000 as maker, 0.002000 as taker"
        ),
        "    rests: 5.0000 BTC at 200.00 USD (book sequence 1)",
        "1760000009000-0  2025-10-09T08:53:29.000+00:00  place",
        (
            "    trade 1: sold 2.0000 BTC at 200.00 USD "
            "for 400.00 USD, fee 0.40 USD; maker against order 2, 3.0000 BTC "
            "left"
        ),
        "1760000010000-0  2025-10-09T08:53:30.000+00:00  amend",
        "    reduced by 1.0000 BTC to 4.0000 BTC in all",
        "1760000013000-0  2025-10-09T08:53:33.000+00:00  cancel",
        "    cancelled with 2.0000 BTC left: by its owner",
        "now         over",
    ]
    taker = ask(story, "order", "2").json
    assert taker["steps"][0]["told"][1:] == [
        "trade 1: bought 2.0000 BTC at 200.00 USD for 400.00 USD, fee 0.0040 BTC; taker against order 1",
        "filled",
    ]
    assert ask(story, "order", "3").code == 2


def test_a_balance_is_told_posting_by_posting(story: Settings) -> None:
    told = ask(story, "balance", "101", "USD").json
    assert (told["available"], told["locked"], told["position"]) == ("9100.00", "0.00", "1760000013000-0")
    assert [(row["causes"], row["available"], row["locked"], row["available_after"]) for row in told["movements"]] == [
        (["deposit of 10000.00 USD, reference d2"], "10000.00", "0.00", "10000.00"),
        (
            [
                (
                    "order 2 accepted for account 101: limit buy of 2.0000 BTC at 200.00 USD on BTC-USD, ioc, fee "
                    "rates 0.001000 as maker, 0.002000 as taker"
                ),
                (
                    "order 2, trade 1: bought 2.0000 BTC at 200.00 USD for 400.00 USD, fee 0.0040 BTC; "
                    "taker against order 1"
                ),
                "order 2 filled",
            ],
            "-400.00",
            "0.00",
            "9600.00",
        ),
        (["withdrawal 1 of 500.00 USD reserved, reference w1"], "-500.00", "500.00", "9100.00"),
        (["withdrawal 1 of 500.00 USD left"], "0.00", "-500.00", "9100.00"),
    ]
    before = ask(story, "balance", "101", "USD", "--until", "1760000011000-0").json
    assert (before["available"], before["locked"]) == ("9100.00", "500.00")
    shown = said(story, "balance", "1", "BTC")
    assert "    fees of trade 1" in shown.out
    assert "verified    0.0040 BTC" not in shown.out
    assert "0.0040 available, 0.0000 locked at 1760000013000-0, as the engine has it" in shown.out
    for wrong in (("999", "USD"), ("101", "EUR")):
        assert ask(story, "balance", *wrong).code == 2


def mentioned(pairs: list[Pair]) -> dict[int, list[StreamId]]:
    """Each order's entries, by a reading of the bytes that shares nothing with the audit's."""
    found: dict[int, list[StreamId]] = {}
    for _, entry in pairs:
        orders = set()
        body: dict[str, Any] = orjson.loads(entry.payload)
        for event in body["events"]:
            orders |= {event[name] for name in MENTIONS if name in event} | set(event.get("orders", ()))
        for order in orders:
            found.setdefault(order, []).append(entry.id)
    return found


async def test_all_that_can_happen_is_explained(make_settings: Make, client: redis.Redis, redis_url: str) -> None:
    pairs = a_log_of_everything(3, 450)
    settings = make_settings(redis_url=redis_url)
    put(client, settings.streams, pairs)
    store = FileSnapshotStore(settings.snapshots)
    orders = mentioned(pairs)
    assert len(orders) > 100
    kinds = {event["type"] for _, entry in pairs for event in orjson.loads(entry.payload)["events"]}
    assert {"prevented", "auction_trade", "activated", "replenished", "amended", "list_opened", "waiting"} <= kinds
    async with open_history(settings, "streams") as log:
        for order in sorted(orders)[::9]:
            steps, _ = await explaining.order(log, store, order)
            assert [format_id(step.id) for step in steps] == [format_id(id) for id in orders[order]]
        machine = await machine_at(log, store, pairs[-1][1].id)
        still = [order for order in sorted(machine.state.orders) if order in orders]
        assert len(still) > 5
        for order in still[::5]:
            _, now = await explaining.order(log, store, order)
            assert now.startswith("open with ")
        balances = [(id, asset) for id, account in machine.state.accounts.items() for asset in account.balances]
        assert len(balances) > 10
        for account, asset in balances:
            movements = [one async for one in explaining.balance(log, machine, account, asset)]
            assert movements
            assert all(one.told for one in movements), "a posting without a cause"
        for account, asset in balances[:4]:
            machine.state.accounts[account].balances[asset].available += 1
            with pytest.raises(Found, match=f"balance of account {account} in {asset}"):
                [one async for one in explaining.balance(log, machine, account, asset)]


def test_a_log_that_lies_about_an_order_or_has_no_beginning_is_told(
    make_settings: Make, client: redis.Redis, redis_url: str
) -> None:
    pairs = a_log_of_everything(3, 300)
    past = a_past(make_settings, client, redis_url, pairs, snapshots_at=(150,))
    machine = Machine()
    for command, _ in pairs:
        machine.step(command)
    order = next(order for id, order in machine.state.orders.items() if order.left < order.lots or id > 20)
    told = ask(past.settings, "order", str(order.id)).json
    assert told["now"].startswith("open with ")
    past.trim(150)
    assert ask(past.settings, "order", str(order.id)).code in {0, 2}
    refused = ask(past.settings, "balance", "100", next(iter(machine.state.assets)))
    assert refused.code == 2 and "beginning" in refused.json["error"]


def test_what_the_events_leave_of_an_order_is_held_against_the_engine() -> None:
    machine = Machine()
    scale = explaining.scale_of(machine)
    pairs = a_log_of_everything(3, 300)
    for command, _ in pairs:
        machine.step(command)
    order = next(iter(machine.state.orders.values()))
    trace = explaining._Trace(order.id)
    for _, entry in pairs:
        for event in decode(entry.payload).events:
            trace.follow(event)
    assert explaining._standing(machine, trace, scale).startswith("open")
    order.left -= 1
    with pytest.raises(Found, match="left by the log"):
        explaining._standing(machine, trace, scale)
    trace.ended = True
    with pytest.raises(Found, match="ended by the log"):
        explaining._standing(machine, trace, scale)
    del machine.state.orders[order.id]
    assert explaining._standing(machine, trace, scale) == "over"
    trace.ended = False
    with pytest.raises(Found, match="open by the log"):
        explaining._standing(machine, trace, scale)
