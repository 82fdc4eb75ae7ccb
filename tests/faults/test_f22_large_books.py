"""F22: a million open orders, and one order through a hundred thousand levels: exact, and every invariant holds.

    pytest -m soak tests/faults/test_f22_large_books.py

runs the million (STRESS_ORDERS); the default run has a small one. What a command may cost is in docs/rules.md.
"""

import os

import pytest

from exchange.commands.types import Place
from exchange.events.types import Done, Rested, Trade
from tests.property.crowd import ACCOUNTS, LEVELS, MARKET, Crowd, check_crowd
from tests.property.invariants import check_invariants, held


def test_f22_thousands_of_open_orders_keep_every_invariant() -> None:
    check_crowd(5_000)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_f22_a_million_open_orders_keep_every_invariant() -> None:
    check_crowd(int(os.environ.get("STRESS_ORDERS", "1000000")))


def test_f22_one_order_takes_a_hundred_thousand_levels() -> None:
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


def test_f22_a_fill_or_kill_order_looks_through_a_hundred_thousand_levels_before_it_is_killed() -> None:
    crowd = Crowd()
    for number in range(LEVELS):
        crowd.place(Place(101 + number % (ACCOUNTS - 1), MARKET, "sell", "limit", "gtc", 1 + number, 1, 0, ""))
    before = held(crowd.machine.state)

    crowd.place(Place(100, MARKET, "buy", "limit", "fok", LEVELS, LEVELS + 1, 0, ""))

    last = crowd.machine.outcome.events[-1]
    assert isinstance(last, Done) and (last.end, last.reason) == ("expired", "fok")
    assert held(crowd.machine.state) == before
    check_invariants(crowd.machine.state)
