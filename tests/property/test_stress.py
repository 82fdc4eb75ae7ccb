"""Books far larger than any sequence builds: every invariant still holds, and so does the arithmetic.

    pytest -m soak tests/property/test_stress.py

runs them at their full size (STRESS_ORDERS, a million); the default run has a small one.
"""

import os
import random

import pytest

from exchange.commands.types import (
    CreateAsset,
    CreateMarket,
    Deposit,
    Limits,
    OpenAccount,
    OpenLog,
    Place,
    SetMarketLimits,
)
from exchange.engine import Machine
from exchange.engine.snapshot import restore, rows
from exchange.events.types import Done, Rested, Trade
from exchange.terms.instructions import PLAIN, Instructions
from exchange.terms.words import Side
from tests.property.flows import LOG_ID, entry
from tests.property.invariants import check_invariants, held

MARKET = "AA-QQ"
ACCOUNTS = 100
LEVELS = 100_000


class Crowd:
    """A machine with many accounts that have all they need."""

    def __init__(self) -> None:
        self.machine = Machine()
        self._ms = 1_000
        for command in (
            OpenLog(LOG_ID, 2, 1_000),
            CreateAsset("AA", 0),
            CreateAsset("QQ", 0),
            CreateMarket(MARKET, 1, 1, 0, -50, 100),
            SetMarketLimits(MARKET, Limits(max_fills=1_000_000)),
            *(OpenAccount(f"user-{number}") for number in range(ACCOUNTS)),
            *(Deposit(100 + number, asset, 10**18, asset) for number in range(ACCOUNTS) for asset in ("AA", "QQ")),
        ):
            self._ms += 1
            self.machine.step(entry(self._ms, 0, command))

    def place(self, place: Place) -> None:
        self._ms += 1
        self.machine.step(entry(self._ms, 0, place))


def rest_many(crowd: Crowd, count: int) -> None:
    """So many open orders: plain ones, icebergs, stops, orders with a time."""
    dice = random.Random(count)
    for number in range(count):
        side: Side = "buy" if number % 2 else "sell"
        depth = int(dice.expovariate(0.002)) + 1
        price = 100_000 - depth if side == "buy" else 100_000 + depth
        given = PLAIN
        kind = number % 20
        if kind == 7:
            given = Instructions(display=2)
        elif kind == 11:
            given = Instructions(expires_ms=10**12 + number)
        elif kind == 13:
            given = Instructions(stop_price=100_000 + depth if side == "buy" else 100_000 - depth)
        tif = "gtd" if kind == 11 else "gtc"
        crowd.place(
            Place(
                100 + number % ACCOUNTS,
                MARKET,
                side,
                "stop_loss_limit" if kind == 13 else "limit",
                "gtd" if tif == "gtd" else "gtc",
                price,
                1 + number % 9 + 4 * (kind == 7),
                0,
                "",
                given,
            ),
        )


def check_crowd(count: int) -> None:
    crowd = Crowd()
    rest_many(crowd, count)
    state = crowd.machine.state
    assert len(state.orders) == count
    check_invariants(state)
    before = held(state)

    crowd.place(Place(100, MARKET, "buy", "market", "ioc", 0, count // 20, 0, ""))
    traded = sum(event.quantity for event in crowd.machine.outcome.events if isinstance(event, Trade))
    assert traded >= count // 20
    check_invariants(state)
    assert held(state) != before
    restored = restore(rows(crowd.machine))
    check_invariants(restored.state)
    assert restored.head == crowd.machine.head


def test_thousands_of_open_orders_keep_every_invariant() -> None:
    check_crowd(5_000)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_a_million_open_orders_keep_every_invariant() -> None:
    check_crowd(int(os.environ.get("STRESS_ORDERS", "1000000")))


def test_one_order_takes_a_hundred_thousand_levels() -> None:
    crowd = Crowd()
    for number in range(LEVELS):
        crowd.place(Place(100 + number % ACCOUNTS, MARKET, "sell", "limit", "gtc", 1 + number, 1, 0, ""))
    taker = Place(100, MARKET, "buy", "limit", "gtc", LEVELS, LEVELS + 1, 0, "")

    crowd.place(taker)

    events = crowd.machine.outcome.events
    trades = [event for event in events if isinstance(event, Trade)]
    assert [trade.price for trade in trades] == list(range(1, LEVELS + 1))
    assert sum(trade.notional for trade in trades) == LEVELS * (LEVELS + 1) // 2
    assert isinstance(events[-1], Rested) and events[-1].quantity == 1
    assert list(crowd.machine.state.orders) == [LEVELS + 1]
    check_invariants(crowd.machine.state)


def test_a_fill_or_kill_order_looks_through_a_hundred_thousand_levels_before_it_is_killed() -> None:
    crowd = Crowd()
    for number in range(LEVELS):
        crowd.place(Place(101 + number % (ACCOUNTS - 1), MARKET, "sell", "limit", "gtc", 1 + number, 1, 0, ""))
    before = held(crowd.machine.state)

    crowd.place(Place(100, MARKET, "buy", "limit", "fok", LEVELS, LEVELS + 1, 0, ""))

    last = crowd.machine.outcome.events[-1]
    assert isinstance(last, Done) and (last.end, last.reason) == ("expired", "fok")
    assert held(crowd.machine.state) == before
    check_invariants(crowd.machine.state)
