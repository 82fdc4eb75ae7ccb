"""Hypothesis strategies for commands in one small world, told declaratively so that Hypothesis can shrink them.

They know nothing of what came before (the seeded flows do), and so reach other corners: numbers of every size, names
that were never made, commands in senseless order.
"""

from hypothesis import strategies as st

from exchange.commands.codec import FIELD
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
    ReleaseWithdrawal,
    SetMarketFees,
    SetMarketStatus,
    SettleWithdrawal,
    Withdraw,
)
from exchange.terms.amounts import MAX_AMOUNT, MAX_COUNT, MAX_FEE
from exchange.terms.stream import CommandEntry
from exchange.terms.words import MARKET_STATUSES, SIDES
from tests.property.flows import LOG_ID, entry

USERS = 3
_accounts = st.integers(100, 99 + USERS) | st.sampled_from((0, 1, 50, 100 + USERS, MAX_COUNT))
_assets = st.sampled_from(("AA", "QQ", "NONE"))
_markets = st.sampled_from(("AA-QQ", "AA-QQ", "AA-QQ", "QQ-AA", "NO-NE"))
_few = st.integers(0, 12)
_amounts = _few | st.integers(0, 2000) | st.integers(0, MAX_AMOUNT)
_names = st.sampled_from(("", "", "a", "b"))
_rates = st.integers(0, 5) | st.integers(0, MAX_FEE)
_numbers = st.integers(1, 12)
_sides = st.sampled_from(tuple(SIDES.values()))

WORLD: list[Command] = [
    OpenLog(LOG_ID, 1, 20),
    CreateAsset("AA", 0),
    CreateAsset("QQ", 2),
    CreateMarket("AA-QQ", 1, 1, 0, 1_000, 25_000),
    *(OpenAccount(f"user-{number}") for number in range(USERS)),
    *(Deposit(100 + number, asset, 1000, "first-" + asset) for number in range(USERS) for asset in ("AA", "QQ")),
]

_limits = st.builds(
    Place,
    _accounts,
    _markets,
    _sides,
    st.just("limit"),
    st.sampled_from(("gtc", "gtc", "gtc", "ioc")),
    st.integers(1, 5) | _amounts,
    _few | _amounts,
    st.just(0),
    _names,
)
_market_orders = st.builds(
    Place,
    _accounts,
    _markets,
    _sides,
    st.just("market"),
    st.just("ioc"),
    st.just(0),
    _few | _amounts,
    st.just(0),
    _names,
)
_spends = st.builds(
    Place,
    _accounts,
    _markets,
    st.just("buy"),
    st.just("market"),
    st.just("ioc"),
    st.just(0),
    st.just(0),
    _amounts.filter(bool),
    _names,
)
_cancels = st.builds(Cancel, _accounts, _numbers, st.just("")) | st.builds(
    Cancel, _accounts, st.just(0), st.sampled_from(("a", "b"))
)
_refs = st.sampled_from(("r1", "r2", "r3", "r4", "first-AA"))

commands: st.SearchStrategy[Command] = st.one_of(
    _limits,
    _limits,
    _limits,
    _market_orders,
    _spends,
    _cancels,
    st.builds(Amend, _accounts, _numbers, _few | _amounts),
    st.builds(Deposit, _accounts, _assets, _amounts, _refs),
    st.builds(Withdraw, _accounts, _assets, _amounts, _refs),
    st.builds(SettleWithdrawal, _numbers),
    st.builds(ReleaseWithdrawal, _numbers),
    st.builds(SetMarketStatus, _markets, st.sampled_from(tuple(MARKET_STATUSES.values()))),
    st.builds(SetMarketFees, _markets, _rates, _rates),
    st.builds(OpenAccount, st.sampled_from(("user-0", "more"))),
    st.builds(CreateAsset, _assets, st.integers(0, 18)),
    st.builds(CreateMarket, _markets, _amounts, _amounts, _amounts, _rates, _rates),
    st.builds(OpenLog, st.just(LOG_ID), st.integers(1, 3), st.integers(0, 50)),
)
"""One command, likely or not."""

poison: st.SearchStrategy[list[bytes]] = st.one_of(
    st.lists(st.binary(max_size=40), max_size=4),
    st.binary(max_size=200).map(lambda raw: [FIELD, raw]),
    st.text(max_size=60).map(lambda text: [FIELD, text.encode("utf-8", "surrogatepass")]),
)
"""The fields of an entry that is most likely no command."""


@st.composite
def flows(draw: st.DrawFn) -> list[CommandEntry]:
    """A world, almost whole, and up to forty entries in it."""
    world = list(WORLD)
    if draw(st.booleans()) and draw(st.booleans()):
        del world[draw(st.integers(0, len(world) - 1))]
    payloads: list[Command | list[bytes]] = [
        *world,
        *draw(st.lists(commands | commands | commands | poison, max_size=40)),
    ]
    entries = []
    ms = 0
    for seq, payload in enumerate(payloads, start=1):
        ms += draw(st.sampled_from((0, 0, 1, 15))) if seq > len(world) else 0
        entries.append(entry(ms, seq, payload))
    return entries
