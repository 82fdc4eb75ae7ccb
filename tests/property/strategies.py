"""Hypothesis strategies for commands in one small world, told declaratively so that Hypothesis can shrink them.

They know nothing of what came before (the seeded flows do), and so reach other corners: numbers of every size, names
that were never made, instructions that do not fit the type, commands in senseless order.
"""

from hypothesis import strategies as st

from exchange.commands.codec import FIELD
from exchange.commands.types import (
    Amend,
    Batch,
    Cancel,
    CancelAll,
    CancelList,
    CancelReplace,
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    Limits,
    OpenAccount,
    OpenLog,
    Place,
    PlaceList,
    Record,
    ReleaseWithdrawal,
    SetAccountStatus,
    SetFeeTiers,
    SetMarketFees,
    SetMarketLimits,
    SetMarketStatus,
    SetRules,
    SetStp,
    SetSwitch,
    SettleWithdrawal,
    SetTradeGroup,
    Tick,
    Tier,
    Transfer,
    Uncross,
    Withdraw,
)
from exchange.terms.amounts import MAX_AMOUNT, MAX_COUNT, MAX_FEE
from exchange.terms.instructions import PLAIN, Instructions
from exchange.terms.stream import CommandEntry
from exchange.terms.words import (
    ACCOUNT_STATUSES,
    CONDITIONAL,
    LIST_KINDS,
    MARKET_STATUSES,
    ORDER_TYPES,
    PRICED,
    SELF_TRADES,
    SIDES,
    TIMES_IN_FORCE,
)
from tests.property.flows import LOG_ID, entry

USERS = 3
BEGUN = 20
"""The millisecond at which the world stands."""

_accounts = st.integers(100, 99 + USERS)
_any_account = _accounts | _accounts | st.sampled_from((0, 1, 50, 100 + USERS, MAX_COUNT))
_assets = st.sampled_from(("AA", "QQ", "NONE"))
_markets = st.sampled_from(("AA-QQ", "AA-QQ", "AA-QQ", "QQ-AA", "NO-NE"))
_few = st.integers(1, 12)
_amounts = st.integers(0, 12) | st.integers(0, 2000) | st.integers(0, MAX_AMOUNT)
_prices = st.integers(1, 9)
_names = st.sampled_from(("", "", "a", "b"))
_rates = st.integers(0, 5) | st.integers(0, MAX_FEE)
_sides = st.sampled_from(tuple(SIDES.values()))
_stps = st.sampled_from(tuple(SELF_TRADES.values()))

WORLD: list[Command] = [
    OpenLog(LOG_ID, 3, 20, 4),
    CreateAsset("AA", 0),
    CreateAsset("QQ", 2),
    CreateMarket("AA-QQ", 1, 1, 0, 1_000, 25_000),
    *(OpenAccount(f"user-{number}") for number in range(USERS)),
    *(Deposit(100 + number, asset, 1000, "first-" + asset) for number in range(USERS) for asset in ("AA", "QQ")),
]


@st.composite
def _orders(draw: st.DrawFn, accounts: st.SearchStrategy[int] = _any_account) -> Place:
    """An order whose instructions fit its type; or, now and then, not."""
    kind = draw(st.sampled_from(("limit", "limit", "limit", *ORDER_TYPES.values())))
    priced = kind in PRICED
    tif = draw(st.sampled_from(("gtc", "gtc", *TIMES_IN_FORCE.values()))) if priced else "ioc"
    rests = tif in ("gtc", "gtd")
    spends = kind == "market" and draw(st.booleans())
    given = Instructions(stp=draw(st.none() | _stps))
    if kind in CONDITIONAL:
        given.stop_price = draw(st.just(0) | _prices)
        if given.stop_price == 0 or draw(st.booleans()):
            given.trailing_bps = draw(st.sampled_from((0, 1, 1000, 5000)))
            given.trailing_amount = 0 if given.trailing_bps else draw(st.integers(1, 3))
    if tif == "gtd":
        given.expires_ms = draw(st.integers(BEGUN, BEGUN + 60))
    if kind == "limit" and rests:
        given.post_only = draw(st.sampled_from(("", "", "refuse", "reprice")))
    if priced and rests:
        given.display = draw(st.sampled_from((0, 0, 1, 2)))
    if not priced:
        given.slippage_bps = draw(st.sampled_from((0, 0, 500, 5000)))
    if draw(st.integers(0, 30)) == 30:
        given.display, given.slippage_bps = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    return Place(
        draw(accounts),
        draw(_markets),
        draw(_sides),
        kind,
        tif,
        draw(_prices | _prices | _amounts) if priced else 0,
        0 if spends else draw(_few | _few | _amounts),
        draw(st.integers(1, 300)) if spends else 0,
        draw(_names),
        PLAIN if not given.named() else given,
    )


@st.composite
def _lists(draw: st.DrawFn) -> PlaceList:
    """Any legs, or a pair that fits around a price."""
    kind = draw(st.sampled_from(tuple(LIST_KINDS.values())))
    account, market = draw(_accounts), draw(_markets)
    orders = _orders(st.just(account))
    legs = [draw(orders) for _ in range(3 if kind == "otoco" else 2)]
    if kind != "oto" and draw(st.booleans()):
        side, quantity, middle = draw(_sides), draw(_few), draw(st.integers(2, 8))
        far, near = (middle + 1, middle - 1) if side == "sell" else (middle - 1, middle + 1)
        taking = Place(
            account, market, side, "limit", "gtc", far, quantity, 0, draw(_names), Instructions(post_only="refuse")
        )
        legs[-2:] = [taking, Place(account, market, side, "stop_loss", "ioc", 0, quantity, 0, "", Instructions(near))]
    if kind != "oco" and draw(st.booleans()):
        legs[0] = Place(account, market, draw(_sides), "limit", "gtc", draw(_prices), draw(_few), 0, "")
    return PlaceList(account, market, kind, draw(_names), legs)


_cancels = st.builds(Cancel, _any_account, _few, st.just("")) | st.builds(
    Cancel, _any_account, st.just(0), st.sampled_from(("a", "b"))
)
_amends = st.builds(Amend, _any_account, _few, _few | _amounts)
_refs = st.sampled_from(("r1", "r2", "r3", "r4", "first-AA"))
_people = st.sampled_from(("", "operator", "f" * 32))


@st.composite
def _replacements(draw: st.DrawFn) -> CancelReplace:
    account = draw(_accounts)
    cancel = draw(_cancels)
    cancel.account = account
    return CancelReplace(cancel, draw(_orders(st.just(account))), draw(st.booleans()))


@st.composite
def _batches(draw: st.DrawFn) -> Batch:
    account = draw(_accounts)
    items = draw(st.lists(_orders(st.just(account)) | _cancels | _amends, min_size=1, max_size=4))
    for item in items:
        item.account = account
    return Batch(account, list(items))


@st.composite
def _tables(draw: st.DrawFn) -> SetFeeTiers:
    volumes = [0, *sorted(draw(st.sets(st.integers(1, 300), max_size=3)))]
    rates = [(draw(_rates), draw(_rates)) for _ in volumes]
    tiers = [
        Tier(volume, -taker if draw(st.booleans()) else maker, taker)
        for volume, (maker, taker) in zip(volumes, rates, strict=True)
    ]
    return SetFeeTiers(draw(_assets), tiers if draw(st.booleans()) else [])


_limits = st.builds(
    Limits,
    reference=st.just(0) | _prices,
    bid_up=st.sampled_from((0, 0, 12_000)),
    bid_down=st.sampled_from((0, 0, 7_000)),
    ask_up=st.sampled_from((0, 0, 12_000)),
    ask_down=st.sampled_from((0, 0, 7_000)),
    slippage_bps=st.sampled_from((0, 0, 2_000)),
    max_orders=st.sampled_from((0, 0, 3)),
    max_conditional=st.sampled_from((0, 0, 1)),
    max_parts=st.sampled_from((0, 0, 2)),
    max_position=st.just(0) | _amounts,
    max_fills=st.integers(0, 3),
)
_statuses = st.sampled_from(tuple(MARKET_STATUSES.values()))

commands: st.SearchStrategy[Command] = st.one_of(
    _orders(),
    _orders(),
    _orders(),
    _lists(),
    _cancels,
    _amends,
    _replacements(),
    _batches(),
    st.builds(CancelAll, _any_account, st.sampled_from(("", "AA-QQ", "NO-NE"))),
    st.builds(CancelList, _any_account, st.integers(1, 4), st.just(""))
    | st.builds(CancelList, _any_account, st.just(0), st.sampled_from(("a", "b"))),
    st.builds(Deposit, _any_account, _assets, _amounts, _refs),
    st.builds(Withdraw, _any_account, _assets, _amounts, _refs),
    st.builds(Transfer, _any_account, _any_account, _assets, _amounts, _refs),
    st.builds(SettleWithdrawal, _few, _people) | st.builds(ReleaseWithdrawal, _few),
    st.builds(SetMarketStatus, _markets, st.just("open") | _statuses, _people),
    st.builds(Uncross, _markets, st.sampled_from(("open", "post_only", "cancel_only", "halted"))),
    st.builds(SetMarketFees, _markets, _rates, _rates, st.booleans()),
    st.builds(SetMarketLimits, _markets, _limits),
    _tables(),
    st.builds(SetStp, _any_account, _stps) | st.builds(SetTradeGroup, _any_account, st.integers(0, 2)),
    st.builds(SetSwitch, _any_account, st.integers(0, 30)),
    st.builds(SetAccountStatus, _any_account, st.just("open") | st.sampled_from(tuple(ACCOUNT_STATUSES.values()))),
    st.builds(Tick) | st.builds(Record, st.just("operator"), st.just("did"), _refs),
    st.builds(OpenAccount, st.sampled_from(("user-0", "more"))),
    st.builds(CreateAsset, _assets, st.integers(0, 18)),
    st.builds(CreateMarket, _markets, _amounts, _amounts, _amounts, _rates, _rates),
    st.builds(OpenLog, st.just(LOG_ID), st.integers(1, 4), st.integers(0, 50))
    | st.builds(SetRules, st.integers(0, 4), st.integers(0, 9)),
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
    if draw(st.integers(0, 9)) == 9:
        world[0] = OpenLog(LOG_ID, draw(st.sampled_from((1, 2))), 20)
    payloads: list[Command | list[bytes]] = [
        *world,
        *draw(st.lists(commands | commands | commands | poison, max_size=40)),
    ]
    entries = []
    ms = BEGUN
    for seq, payload in enumerate(payloads, start=1):
        ms += draw(st.sampled_from((0, 0, 1, 15))) if seq > len(world) else 0
        entries.append(entry(ms, seq, payload))
    return entries
