"""The generated sequences reach what there is: every event, refusal, reason to stop, mode and type, many times over."""

from collections import Counter
from collections.abc import Iterator

from exchange.commands import types as commands
from exchange.commands.codec import decode
from exchange.commands.types import Administrative, Command
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
    LIST_KINDS,
    MARKET_STATUSES,
    ORDER_TYPES,
    POST_ONLIES,
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

INSTRUCTIONS = (
    *("stop_price", "trailing_bps", "trailing_amount", "expires_ms", "post_only", "display", "stp", "slippage_bps"),
)

_Key = tuple[object, ...]
_KINDS = [kind for kind in vars(commands).values() if isinstance(kind, type) and issubclass(kind, Command)]


def wanted() -> Iterator[_Key]:
    """Everything that has to happen."""
    yield from (("command", kind) for kind in _KINDS if kind not in (Command, Administrative))
    yield from (("event", kind) for kind in EVENT_NAMES)
    yield from (("code", code) for code in Code if code not in DIRECTED)
    yield from (("item", what) for what in ("done", "refused", "repeated"))
    yield from (("done", "expired", reason) for reason in (*STOPS, *(code.value for code in REFUSALS_WHEN_CALLED)))
    yield from (("done", "filled", ""), ("done", "expired_in_match", ""))
    yield from (("done", "canceled", ""), ("done", "canceled", "switch"))
    yield from (("canceled", reason) for reason in ("", "switch", "time", "oco", "list"))
    yield from (("order", kind, tif) for kind in PRICED for tif in TIMES_IN_FORCE)
    yield from (("order", kind, "ioc") for kind in ORDER_TYPES if kind not in PRICED)
    yield from (("order", "market", "fok"), ("amount", "buy"), ("amount", "sell"))
    yield from (("prevented", mode) for mode in SELF_TRADES if mode != "none")
    yield from (("list", kind) for kind in LIST_KINDS)
    yield from (("instruction", name) for name in INSTRUCTIONS)
    yield from (("post_only", mode) for mode in POST_ONLIES)
    yield from (("status", status) for status in MARKET_STATUSES)
    yield from ((kind, what) for kind in (Waiting, Activated) for what in ("price", "list"))
    yield from (("rebate", kind) for kind in (Trade, AuctionTrade))
    yield from (("hidden", what) for what in ("rested", "canceled"))
    yield from (("amended", what) for what in ("hidden", "seen", "waiting"))


def test_the_generated_sequences_reach_everything_there_is() -> None:
    seen: Counter[_Key] = Counter()
    for seed in range(SEQUENCES):
        machine = Machine()
        for entry in flow(seed):
            try:
                command: Command | Refused = decode(entry.fields, machine.state.rules)
            except Refused as refused:
                command = refused
            machine.step(entry)
            _count(seen, command, machine.outcome)
    assert [key for key in wanted() if seen[key] < LEAST] == []
    assert seen["event", Trade] > 3 * SEQUENCES
    assert seen["event", AuctionTrade] > SEQUENCES / 3


def _count(counts: Counter[_Key], command: Command | Refused, outcome: Outcome) -> None:
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
