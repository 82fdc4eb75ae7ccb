"""The generated sequences reach what there is: every event, refusal, reason to stop, mode and type, many times over."""

from collections import Counter

import pytest

from exchange.commands import types as commands
from exchange.commands.codec import decode
from exchange.commands.types import Command
from exchange.engine import Machine
from exchange.events.types import (
    EVENT_NAMES,
    Accepted,
    Activated,
    Amended,
    AuctionTrade,
    Canceled,
    Done,
    Item,
    ListOpened,
    MarketStatusSet,
    Outcome,
    Prevented,
    Rejected,
    Rested,
    Trade,
    Waiting,
)
from exchange.terms.codes import Code, Refused
from exchange.terms.words import (
    CONDITIONAL,
    LIST_KINDS,
    MARKET_STATUSES,
    ORDER_TYPES,
    PRICED,
    SELF_TRADES,
    TIMES_IN_FORCE,
)
from tests.property.flows import flow

SEQUENCES = 1_200
"""How many of the default run's sequences are looked at."""

LEAST = 3
"""How often each thing happens in them at least."""

STOPS = ("", "band", "slippage", "work", "funds", "fok", "time", "oco", "list")
"""Why an order expires off the book, the refusals of called orders apart."""

REFUSALS_WHEN_CALLED = (Code.WOULD_TAKE, Code.OUTSIDE_BAND, Code.WOULD_TRIGGER, Code.INSUFFICIENT_FUNDS)

DIRECTED = (Code.EXPIRING,)
"""What no short sequence meets: `test_bounds` has it."""

_KINDS = [kind for kind in vars(commands).values() if isinstance(kind, type) and issubclass(kind, Command)]


@pytest.fixture(scope="module")
def seen() -> Counter[tuple[object, ...]]:
    counts: Counter[tuple[object, ...]] = Counter()
    for seed in range(SEQUENCES):
        machine = Machine()
        for entry in flow(seed):
            try:
                command: Command | Refused = decode(entry.fields, machine.state.rules)
            except Refused as refused:
                command = refused
            machine.step(entry)
            _count(counts, command, machine.outcome)
    return counts


def _count(counts: Counter[tuple[object, ...]], command: Command | Refused, outcome: Outcome) -> None:
    if not any(isinstance(event, Rejected) for event in outcome.events):
        counts["command", type(command)] += 1
    for event in outcome.events:
        counts["event", type(event)] += 1
        if isinstance(event, Rejected):
            counts["code", event.code] += 1
        elif isinstance(event, Item):
            counts["item", "refused" if event.code else "repeated" if event.first else "done"] += 1
        elif isinstance(event, Accepted):
            counts["order", event.order_type, event.tif] += 1
            counts["list member", bool(event.order_list)] += 1
            for name, value in event.instructions.named():
                counts["instruction", name] += 1
                if name == "post_only":
                    counts["post_only", value] += 1
            if event.quote_amount:
                counts["amount", event.side] += 1
        elif isinstance(event, Done):
            counts["done", event.end, event.reason] += 1
        elif isinstance(event, Canceled):
            counts["canceled", event.reason] += 1
            counts["hidden", "canceled"] += event.hidden > 0
        elif isinstance(event, Prevented):
            counts["prevented", event.stp] += 1
        elif isinstance(event, ListOpened):
            counts["list", event.kind] += 1
        elif isinstance(event, (Waiting, Activated)):
            counts[type(event), event.on if isinstance(event, Waiting) else event.by] += 1
        elif isinstance(event, (Trade, AuctionTrade)):
            counts["rebate", type(event)] += event.rebate > 0
        elif isinstance(event, Rested):
            counts["hidden", "rested"] += event.hidden > 0
        elif isinstance(event, Amended):
            counts["amended", "hidden" if event.hidden else "seen" if event.seq else "waiting"] += 1
        elif isinstance(event, MarketStatusSet):
            counts["status", event.status] += 1


def test_every_command_has_an_effect(seen: Counter[tuple[object, ...]]) -> None:
    effective = [kind for kind in _KINDS if kind is not Command]
    assert [kind.__name__ for kind in effective if seen["command", kind] < LEAST] == []


def test_every_event_is_told(seen: Counter[tuple[object, ...]]) -> None:
    assert [name for kind, name in EVENT_NAMES.items() if seen["event", kind] < 5 * LEAST] == []
    assert seen["event", Trade] > 3 * SEQUENCES
    assert seen["event", AuctionTrade] > SEQUENCES / 10


def test_every_refusal_is_given(seen: Counter[tuple[object, ...]]) -> None:
    assert [code.value for code in Code if code not in DIRECTED and seen["code", code] < LEAST] == []
    assert [what for what in ("done", "refused", "repeated") if seen["item", what] < LEAST] == []


def test_every_end_and_every_reason_for_it_is_reached(seen: Counter[tuple[object, ...]]) -> None:
    expired = [*STOPS, *[code.value for code in REFUSALS_WHEN_CALLED]]
    assert [reason for reason in expired if seen["done", "expired", reason] < LEAST] == []
    ends = [("filled", ""), ("expired_in_match", ""), ("canceled", ""), ("canceled", "switch")]
    assert [end for end in ends if seen["done", *end] < LEAST] == []
    assert [reason for reason in ("", "switch", "time", "oco", "list") if seen["canceled", reason] < LEAST] == []


def test_every_type_mode_and_instruction_is_used(seen: Counter[tuple[object, ...]]) -> None:
    orders = [("market", "ioc"), ("market", "fok")]
    orders += [(kind, tif) for kind in sorted(PRICED) for tif in TIMES_IN_FORCE.values()]
    orders += [(kind, "ioc") for kind in sorted(CONDITIONAL - PRICED)]
    assert {kind for kind, _ in orders} == set(ORDER_TYPES)
    assert [order for order in orders if seen["order", *order] < LEAST] == []
    assert [mode for mode in SELF_TRADES if mode != "none" and seen["prevented", mode] < LEAST] == []
    assert [kind for kind in LIST_KINDS if seen["list", kind] < LEAST] == []
    given = ("stop_price", "trailing_bps", "trailing_amount", "expires_ms", "post_only", "display", "stp")
    assert [name for name in (*given, "slippage_bps") if seen["instruction", name] < LEAST] == []
    assert [mode for mode in ("refuse", "reprice") if seen["post_only", mode] < LEAST] == []
    assert [side for side in ("buy", "sell") if seen["amount", side] < LEAST] == []
    assert [status for status in MARKET_STATUSES if seen["status", status] < LEAST] == []


def test_what_is_rare_about_them_happens(seen: Counter[tuple[object, ...]]) -> None:
    for kind in (Waiting, Activated):
        assert [what for what in ("price", "list") if seen[kind, what] < LEAST] == []
    assert [kind.__name__ for kind in (Trade, AuctionTrade) if seen["rebate", kind] < LEAST] == []
    assert [what for what in ("rested", "canceled") if seen["hidden", what] < LEAST] == []
    assert [what for what in ("hidden", "seen", "waiting") if seen["amended", what] < LEAST] == []
