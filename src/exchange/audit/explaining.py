"""Explaining one order or one balance from the log: each entry that touched it, in words, and what the engine says.

The whole history is read; entries that cannot be about what is asked for are passed over by a look at their bytes.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import orjson

from exchange.audit import words
from exchange.audit.findings import CannotAudit, Found
from exchange.audit.walking import pairs
from exchange.audit.words import Scale
from exchange.effects.ports import Log, SnapshotStore
from exchange.engine import Machine
from exchange.events.codec import decode
from exchange.events.types import (
    Accepted,
    Amended,
    AuctionTrade,
    Canceled,
    Done,
    Event,
    Outcome,
    Prevented,
    Trade,
)
from exchange.roles.recovery import beginning
from exchange.roles.replay import machine_at
from exchange.terms.stream import START, CommandEntry, StreamId, format_id

_LISTED: Final = rb'"orders":\[(?:[0-9]+,)*'


@dataclass(frozen=True)
class Step:
    """One entry: its id, the kind of its command, and what it did, in words."""

    id: StreamId
    command: str
    told: list[str]


@dataclass(frozen=True)
class Movement:
    """One posting: what it changed, why, and the balance after it (smallest units)."""

    id: StreamId
    command: str
    available: int
    locked: int
    available_after: int
    locked_after: int
    told: list[str]


def scale_of(machine: Machine) -> Scale:
    """How the amounts of a machine's assets are written."""
    return Scale({name: asset.decimals for name, asset in machine.state.assets.items()})


async def order(log: Log, store: SnapshotStore, number: int) -> tuple[list[Step], str]:
    """What happened to an order, and where it stands now.

    Raises:
        Found: the log's telling and the engine's state do not agree.
        CannotAudit: there is no such order in the log.
        EffectError, MustStop: see `walking.translated`.
    """
    head = await log.head()
    machine = await machine_at(log, store, head.id)
    scale = scale_of(machine)
    mentions = re.compile(rb'order":%d[,}]|%b%d[],]' % (number, _LISTED, number), re.ASCII)
    steps: list[Step] = []
    trace = _Trace(number)
    async for command, id, outcome in _mentioning(log, head.id, mentions):
        told = [sentence for event in outcome.events if (sentence := words.of_order(event, number, scale))]
        for event in outcome.events:
            trace.follow(event)
        if told:
            steps.append(Step(id, kind(command), told))
    if not steps:
        raise CannotAudit(f"the log has no order {number}")
    return steps, _standing(machine, trace, scale)


class _Trace:
    """What the events say is left of an order (base units; None when its beginning was not read), and whether it has
    ended."""

    def __init__(self, order: int) -> None:
        self.order = order
        self.left: int | None = None
        self.ended = False

    def follow(self, event: Event) -> None:
        """The next event, about whatever order."""
        if isinstance(event, Trade):
            if event.maker_order == self.order:
                self._less(event.quantity, ends=event.maker_left == 0)
            elif event.taker_order == self.order:
                self._less(event.quantity)
        elif isinstance(event, AuctionTrade):
            if event.buy_order == self.order:
                self._less(event.quantity, ends=event.buy_left == 0)
            elif event.sell_order == self.order:
                self._less(event.quantity, ends=event.sell_left == 0)
        elif isinstance(event, Prevented):
            if event.maker_order == self.order:
                self._less(event.maker_quantity, ends=event.maker_left == 0 and event.maker_quantity > 0)
            elif event.taker_order == self.order:
                self._less(event.taker_quantity)
        elif isinstance(event, Accepted) and event.order == self.order:
            self.left = event.quantity
        elif isinstance(event, Amended) and event.order == self.order:
            self._less(event.by + event.hidden)
        elif isinstance(event, (Canceled, Done)) and event.order == self.order:
            self.ended = True

    def _less(self, by: int, *, ends: bool = False) -> None:
        self.left = None if self.left is None else self.left - by
        self.ended = self.ended or ends


def _standing(machine: Machine, trace: _Trace, scale: Scale) -> str:
    """What the engine says of the order at the head.

    Raises:
        Found: the log says otherwise.
    """
    place, at = f"order {trace.order}", format_id(machine.head.id)
    found = machine.state.orders.get(trace.order)
    if found is None:
        if not trace.ended:
            raise Found(place, at, "its end in the log, as the engine has it no more", "it is open by the log")
        return "over"
    if trace.ended:
        raise Found(place, at, "open, as the engine has it", "ended by the log")
    market = found.market
    left = found.left * market.lot_size
    if trace.left is None:
        return f"open with {scale.base(left, market.name)} left; its beginning is not in what was read"
    if trace.left != left:
        raise Found(place, at, f"{left} left, as the engine has it", f"{trace.left} left by the log")
    return f"open with {scale.base(left, market.name)} left"


async def balance(log: Log, machine: Machine, account: int, asset: str) -> AsyncIterator[Movement]:
    """Each posting of an account in an asset up to a machine's position, oldest first; at the end the running balance
    was the machine's.

    Raises:
        Found: it was not.
        CannotAudit: there is no such account or asset at that position.
        Trimmed: the log does not reach back to its beginning, where every balance is zero.
        EffectError: see `walking.translated`.
    """
    await beginning(log, await log.head())
    holder = machine.state.accounts.get(account)
    if holder is None or asset not in machine.state.assets:
        missing = f"account {account}" if holder is None else f"asset {asset}"
        raise CannotAudit(f"there is no {missing} at {format_id(machine.head.id)}")
    scale = scale_of(machine)
    available = locked = 0
    mentions = re.compile(rb'\[%d,"%b","' % (account, asset.encode()))
    async for command, id, outcome in _mentioning(log, machine.head.id, mentions):
        for posting in outcome.postings:
            if posting.account != account or posting.asset != asset:
                continue
            available += posting.available
            locked += posting.locked
            told = [cause for event in outcome.events if (cause := words.of_account(event, account, scale))]
            yield Movement(id, kind(command), posting.available, posting.locked, available, locked, told)
    own = holder.balances.get(asset)
    state = (own.available, own.locked) if own is not None else (0, 0)
    if (available, locked) != state:
        raise Found(
            f"balance of account {account} in {asset}",
            format_id(machine.head.id),
            f"{state[0]} available and {state[1]} locked by the engine",
            f"{available} and {locked} by the postings",
        )


async def _mentioning(
    log: Log, end: StreamId, mentions: re.Pattern[bytes]
) -> AsyncIterator[tuple[CommandEntry, StreamId, Outcome]]:
    async for batch in pairs(log, START, end):
        for command, entry in batch:
            if mentions.search(entry.payload) is not None:
                yield command, entry.id, decode(entry.payload)


def kind(command: CommandEntry) -> str:
    """A command's type as it says itself."""
    try:
        body: object = orjson.loads(command.fields[1])
    except (orjson.JSONDecodeError, IndexError):
        return "unreadable"
    found = body.get("type") if isinstance(body, dict) else None
    return found if isinstance(found, str) else "unreadable"
