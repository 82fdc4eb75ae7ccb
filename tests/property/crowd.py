"""Books far larger than any sequence builds: every invariant still holds, and so does the arithmetic."""

import random

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
from exchange.events.types import Trade
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
            OpenLog(LOG_ID, 3, 1_000),
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
