"""F21: amounts are exact integers with bounds: what is beyond them is refused by name, at every door, in no time, and
what is just within them trades to the last unit."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable

import orjson
import pytest

from exchange.commands.codec import encode
from exchange.commands.types import CreateAsset, CreateMarket, Deposit, OpenAccount, OpenLog, Place
from exchange.engine import Machine
from exchange.events.codec import decode
from exchange.events.types import Rejected, Trade
from exchange.settings import Settings
from exchange.terms.amounts import MAX_AMOUNT, MAX_COUNT
from exchange.terms.stream import CommandEntry
from tests.integration.api_world import MARKET, World, world
from tests.property.invariants import check_invariants

MONSTERS = (
    "1e999999",
    "-1",
    "+1",
    "0x10",
    "1_0",
    " 1",
    "1 ",
    "NaN",
    "Infinity",
    "\uff11\uff12",  # full-width digits
    "\u0663",  # an Arabic digit
    "9" * 31,
    "9" * 10_000,
    f"0.{'0' * 40}1",
    "1.",
    ".5",
    "00",
    "",
)
"""Texts that are no amounts, some of which a careless reader takes for one, or takes a minute over."""

TYPES: tuple[object, ...] = (1, 1.5, 10**40, True, None, [], {}, ["1"], {"amount": "1"})
"""Values that are no texts."""


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as made:
        yield made


async def test_f21_no_text_is_an_amount_that_is_not_one(place: World) -> None:
    """Every field of an order and of a transfer, at the gateway's door."""
    user = await place.user(INR="1000")
    began = time.process_time()
    asked = 0
    for odd in (*MONSTERS, *TYPES):
        for field in ("price", "quantity"):
            order = {"type": "limit", "kind": "buy", "market": MARKET, "price": "10", "quantity": "1", field: odd}
            answer = await user.post("/api/v1/order", order)
            assert 400 <= answer.status < 500, (odd, answer)
            assert answer.field == field, (odd, answer)
            asked += 1
        answer = await user.post("/api/v1/deposits", {"asset": "INR", "amount": odd})
        assert 400 <= answer.status < 500, (odd, answer)
        asked += 1
    assert time.process_time() - began < 0.1 * asked
    assert await user.balances() == {"INR": ("1000.00", "0.00")}
    print(f"{asked} amounts that are none, all refused")


def test_f21_what_is_beyond_the_bounds_is_refused_and_what_is_within_is_exact() -> None:
    """The engine's own door: the command stream, where amounts are texts of digits."""
    machine = Machine()
    step = _Steps(machine)
    for command in (
        OpenLog("0" * 32, 2, 1_000),
        CreateAsset("AA", 0),
        CreateAsset("QQ", 0),
        CreateMarket("AA-QQ", 1, 1, 0, 0, 0),
        OpenAccount("seller"),
        OpenAccount("buyer"),
        Deposit(100, "AA", MAX_COUNT, "a"),
        Deposit(101, "QQ", MAX_AMOUNT, "b"),
    ):
        assert step.take(encode(command)) == ""
    beyond = [MAX_COUNT + 1, 2**63, 2**64, 10**18, MAX_AMOUNT]
    codes: Counter[str] = Counter()
    for amount in beyond:
        codes[step.take(encode(Place(100, "AA-QQ", "sell", "limit", "gtc", 1, amount, 0, "")))] += 1
        codes[step.take(encode(Place(100, "AA-QQ", "sell", "limit", "gtc", amount, 1, 0, "")))] += 1
    assert set(codes) == {"out_of_range"}
    assert step.take(encode(Deposit(101, "QQ", 1, "c"))) == "balance_limit"
    for text in (str(MAX_AMOUNT + 1), *(odd for odd in MONSTERS if odd != "")):
        raw = {"v": 1, "type": "deposit", "account": 101, "asset": "QQ", "amount": text, "ref": "d"}
        assert step.take(orjson.dumps(raw)) == "invalid_field", text
    check_invariants(machine.state)

    # The largest price times the largest quantity is beyond any 64 bits, and is paid to the last unit.
    assert step.take(encode(Place(100, "AA-QQ", "sell", "limit", "gtc", 10**14, MAX_COUNT, 0, ""))) == ""
    assert step.take(encode(Place(101, "AA-QQ", "buy", "limit", "ioc", 10**14, MAX_COUNT, 0, ""))) == ""
    (trade,) = [event for event in machine.outcome.events if isinstance(event, Trade)]
    assert trade.notional == 10**14 * MAX_COUNT
    assert machine.state.accounts[100].balances["QQ"].available == 10**29
    check_invariants(machine.state)


class _Steps:
    """Feeds a machine raw commands."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._number = 0

    def take(self, raw: bytes) -> str:
        """The code of the refusal, or nothing."""
        self._number += 1
        entry = self._machine.step(CommandEntry((1, self._number), [b"c", raw]))
        return next((event.code for event in decode(entry.payload).events if isinstance(event, Rejected)), "")
