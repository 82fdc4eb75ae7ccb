"""What took effect, read from the log and from nothing else: commands beside their entries, sorted by who asked.

It believes entries as they are published; whether they are what a machine computes is judged elsewhere. Amounts are
kept as they are in the log, in smallest units.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from exchange.commands import codec
from exchange.commands.types import Amend, Cancel, Command, Deposit, Place, PlaceList, Withdraw
from exchange.events.codec import decode
from exchange.events.types import (
    Accepted,
    Amended,
    AssetCreated,
    Canceled,
    Deposited,
    Done,
    Duplicate,
    Event,
    ListOpened,
    MarketCreated,
    Outcome,
    Posting,
    Prevented,
    Rejected,
    Rested,
    Trade,
    WithdrawalReserved,
)
from exchange.terms.codes import Refused
from exchange.terms.stream import CommandEntry, EventEntry, StreamId, format_id

Key = tuple[str, int, str]


class Effect(NamedTuple):
    """Something that a command of this key did: where, and which of the entry's events began it."""

    id: StreamId
    event: Event
    outcome: Outcome


class Traded(NamedTuple):
    """A trade, as the log has it."""

    trade: int
    market: str
    price: int
    quantity: int
    maker_order: int
    taker_order: int


@dataclass
class Record:
    """The log, sorted. Every list is in the log's order."""

    entries: int = 0
    asked: dict[Key, list[StreamId]] = field(default_factory=lambda: defaultdict(list))
    """Every command that could be read, repetitions included."""
    effects: dict[Key, list[Effect]] = field(default_factory=lambda: defaultdict(list))
    refusals: dict[Key, list[str]] = field(default_factory=lambda: defaultdict(list))
    ended: dict[int, StreamId] = field(default_factory=dict)
    """Orders that are over, and since when."""
    orders: dict[int, tuple[int, str]] = field(default_factory=dict)
    """Account and client order id of each order."""
    trades: list[Traded] = field(default_factory=list)
    filled: Counter[int] = field(default_factory=Counter)
    """What each order has traded, in base units."""
    postings: dict[tuple[int, str], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    """Available and locked of each account and asset: the sum of all balance changes."""
    decimals: dict[str, int] = field(default_factory=dict)
    markets: dict[str, tuple[str, str]] = field(default_factory=dict)
    flaws: list[str] = field(default_factory=list)
    """What is wrong with the log itself: entries without command, money out of nothing."""

    def amount(self, text: str, asset: str) -> int:
        """A decimal string as the log has it."""
        return int(Decimal(text).scaleb(self.decimals[asset]))


def read(commands: Sequence[CommandEntry], entries: Sequence[EventEntry]) -> Record:
    """Sort a whole log."""
    record = Record(entries=len(entries))
    by_id = {command.id: command for command in commands}
    if len(by_id) != len(commands) or len({entry.id for entry in entries}) != len(entries):
        record.flaws.append("an id stands twice in a stream")
    for command in commands[len(entries) :] if len(commands) > len(entries) else []:
        record.flaws.append(f"command {format_id(command.id)} has no entry")
    for entry in entries:
        found = by_id.get(entry.id)
        if found is None:
            record.flaws.append(f"entry {format_id(entry.id)} has no command")
            continue
        _take(record, entry.id, _command(found), decode(entry.payload))
    return record


def _command(entry: CommandEntry) -> Command | None:
    try:
        return codec.decode(entry.fields)
    except Refused:
        return None


def _take(record: Record, id: StreamId, command: Command | None, outcome: Outcome) -> None:
    key = None if command is None else _key(command)
    if key is not None:
        record.asked[key].append(id)
    for event in outcome.events:
        _set_up(record, event)
        effect = _effect(event)
        if effect is not None:
            record.effects[effect].append(Effect(id, event, outcome))
        if isinstance(event, Rejected) and key is not None:
            record.refusals[key].append(event.code)
        if isinstance(event, Accepted):
            record.orders[event.order] = (event.account, event.client_id)
        if isinstance(event, Trade):
            _trade(record, event)
        for order in _ends(event):
            if order in record.ended:
                record.flaws.append(f"order {order} ends twice, the second time in {format_id(id)}")
            record.ended[order] = id
        if isinstance(event, Duplicate) and key is not None and len(record.asked[key]) < 2:
            record.flaws.append(f"{key} is called a repetition in {format_id(id)} and is the first of its name")
    _post(record, id, outcome.postings)


def _key(command: Command) -> Key | None:
    if isinstance(command, Place) and command.client_id:
        return "place", command.account, command.client_id
    if isinstance(command, PlaceList) and command.client_id:
        return "list", command.account, command.client_id
    if isinstance(command, Deposit):
        return "deposit", command.account, command.ref
    if isinstance(command, Withdraw):
        return "withdraw", command.account, command.ref
    if isinstance(command, Cancel) and command.order:
        return "cancel", command.account, str(command.order)
    if isinstance(command, Amend):
        return "amend", command.account, f"{command.order}:{command.quantity}"
    return None


def _effect(event: Event) -> Key | None:
    """Whose wish an event fulfils."""
    if isinstance(event, Accepted):
        return ("place", event.account, event.client_id) if event.client_id else None
    if isinstance(event, ListOpened):
        return "list", event.account, event.client_id
    if isinstance(event, Deposited):
        return "deposit", event.account, event.ref
    if isinstance(event, WithdrawalReserved):
        return "withdraw", event.account, event.ref
    if isinstance(event, Canceled) and not event.reason:
        return "cancel", event.account, str(event.order)
    if isinstance(event, Done) and event.end == "canceled" and not event.reason:
        return "cancel", event.account, str(event.order)
    if isinstance(event, Amended):
        return "amend", event.account, f"{event.order}:{event.quantity}"
    return None


def _trade(record: Record, event: Trade) -> None:
    traded = Traded(event.trade, event.market, event.price, event.quantity, event.maker_order, event.taker_order)
    record.trades.append(traded)
    for order in (event.maker_order, event.taker_order):
        record.filled[order] += event.quantity


def _ends(event: Event) -> list[int]:
    """The orders that are over with this event. A taker's end is told by its own `done`, or it rests."""
    if isinstance(event, (Canceled, Done)):
        return [event.order]
    if isinstance(event, Trade) and not event.maker_left:
        return [event.maker_order]
    if isinstance(event, Prevented) and event.maker_quantity and not event.maker_left:
        return [event.maker_order]
    return []


def _set_up(record: Record, event: Event) -> None:
    if isinstance(event, AssetCreated):
        record.decimals[event.asset] = event.decimals
    elif isinstance(event, MarketCreated):
        base, _, quote = event.market.partition("-")
        record.markets[event.market] = (base, quote)


def _post(record: Record, id: StreamId, postings: Sequence[Posting]) -> None:
    sums: dict[str, int] = defaultdict(int)
    for posting in postings:
        held = record.postings[posting.account, posting.asset]
        held[0] += posting.available
        held[1] += posting.locked
        sums[posting.asset] += posting.available + posting.locked
    for asset, total in sums.items():
        if total:
            record.flaws.append(f"entry {format_id(id)} makes {total} {asset} out of nothing")


def status_after(effect: Effect, order: int) -> str:
    """What an order is after the entry that accepted it: open, waiting, or how it ended."""
    status = ""
    events = effect.outcome.events
    for event in events[events.index(effect.event) :]:
        if isinstance(event, Rested) and event.order == order:
            status = "open"
        elif isinstance(event, Trade) and event.maker_order == order and not event.maker_left:
            status = "filled"
        elif isinstance(event, Prevented) and event.maker_order == order and not event.maker_left:
            status = "expired_in_match"
        elif isinstance(event, Canceled) and event.order == order:
            status = "canceled" if event.reason in {"", "switch"} else "expired"
        elif isinstance(event, Done) and event.order == order:
            status = event.end
    return status or "waiting"


def fills_of(effect: Effect, order: int) -> list[tuple[int, int, int]]:
    """What an order traded in the entry that accepted it: trade, price, quantity."""
    return [
        (event.trade, event.price, event.quantity)
        for event in effect.outcome.events
        if isinstance(event, Trade) and order in {event.maker_order, event.taker_order}
    ]
