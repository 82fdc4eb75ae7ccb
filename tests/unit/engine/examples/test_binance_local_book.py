"""Binance Spot, `web-socket-streams.md`, "How to manage a local order book correctly": the seven steps.

The stream's update ids are a market's sequences here: an entry that changed the book is one update event, `U` the first
and `u` the last sequence in it, with the new total of every level it touched. The snapshot is the engine's depth with
the sequence it stands at.
"""

import random
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from exchange.engine.queries import depth
from exchange.events.types import Amended as Reduced
from exchange.events.types import AuctionTrade, Canceled, Event, Prevented, Replenished, Rested, Trade
from exchange.terms.words import SelfTrade
from tests.unit.engine.venue import MARKET, Venue, orders_of

Levels = dict[int, int]

_MODES: tuple[SelfTrade, ...] = ("none", "expire_maker", "expire_both", "decrement")


@dataclass
class Update:
    """A depth update: first and last update id, new totals by price."""

    first: int
    last: int
    bids: Levels
    asks: Levels


@dataclass
class Snapshot:
    last_update_id: int
    bids: Levels
    asks: Levels


class MissedEvents(Exception):
    """The local book must be discarded."""


class Stream:
    """What a server makes of the events: it keeps totals and sends those that changed."""

    def __init__(self) -> None:
        self._totals: dict[str, Levels] = {"buy": {}, "sell": {}}

    def update(self, events: list[Event]) -> Update | None:
        changed: dict[str, set[int]] = {"buy": set(), "sell": set()}
        seqs: list[int] = []
        for event in events:
            for side, price, change in _changes(event):
                totals = self._totals[side]
                totals[price] = totals.get(price, 0) + change
                changed[side].add(price)
            seq: int = getattr(event, "seq", 0)
            if seq:
                seqs.append(seq)
        if not seqs:
            return None
        bids, asks = ({price: self._totals[side][price] for price in changed[side]} for side in ("buy", "sell"))
        return Update(seqs[0], seqs[-1], bids, asks)


def _changes(event: Event) -> list[tuple[str, int, int]]:
    """The book changes that an event tells, as its docstring has them: side, price, change of the level's total."""
    if isinstance(event, (Rested, Replenished)):
        return [(event.side, event.price, event.quantity)]
    if isinstance(event, Canceled):
        return [(event.side, event.price, -event.quantity)]
    if isinstance(event, Reduced):
        return [(event.side, event.price, -event.by)] if event.seq else []
    if isinstance(event, Trade):
        return [("sell" if event.taker_side == "buy" else "buy", event.price, -event.quantity)]
    if isinstance(event, Prevented):
        return [("sell" if event.taker_side == "buy" else "buy", event.price, -event.shown)] if event.seq else []
    if isinstance(event, AuctionTrade):
        return [("buy", event.buy_price, -event.buy_shown), ("sell", event.sell_price, -event.sell_shown)]
    return []


@dataclass
class LocalBook:
    """The client's side: the update procedure."""

    update_id: int
    bids: Levels = field(default_factory=dict)
    asks: Levels = field(default_factory=dict)

    def apply(self, update: Update) -> None:
        if update.last < self.update_id:
            return
        if update.first > self.update_id + 1:
            raise MissedEvents
        for levels, changes in ((self.bids, update.bids), (self.asks, update.asks)):
            for price, quantity in changes.items():
                if quantity:
                    levels[price] = quantity
                else:
                    levels.pop(price, None)
        self.update_id = update.last


class Busy:
    """A venue in which everything that changes a book happens, and the stream it makes."""

    def __init__(self, seed: int) -> None:
        self.venue = Venue()
        self._accounts = [self.venue.rich() for _ in range(3)]
        self._dice = random.Random(seed)
        self._stream = Stream()
        self._open: list[tuple[int, int]] = []
        self._told = len(self.venue.told)

    def go(self, commands: int) -> list[Update]:
        return [update for _ in range(commands) if (update := self._one()) is not None]

    def _one(self) -> Update | None:
        dice = self._dice
        account = dice.choice(self._accounts)
        kind = dice.random()
        if kind < 0.7 or not self._open:
            price, quantity = dice.randint(90, 110), dice.randint(1, 9)
            display = dice.randint(1, quantity - 1) if quantity > 1 and dice.random() < 0.4 else 0
            place = self.venue.buy if dice.random() < 0.5 else self.venue.sell
            stp = dice.choice(_MODES)
            events = place(account, price, quantity, display=display, stp=stp)
            self._open += [(account, number) for number in orders_of(events)]
        else:
            owner, number = dice.choice(self._open)
            if kind < 0.85:
                events = self.venue.cancel(owner, number)
            else:
                events = self.venue.amend(owner, number, dice.randint(1, 8))
        return self._stream.update(list(events))

    def snapshot(self) -> Snapshot:
        bids, asks = depth(self.venue.state, MARKET, 5000)
        return Snapshot(self.venue.state.markets[MARKET].seq, dict(bids), dict(asks))


@pytest.mark.parametrize("seed", range(5))
def test_the_seven_steps(seed: int) -> None:
    busy = Busy(seed)
    busy.go(30)
    stale = busy.snapshot()
    busy.go(10)
    # 1, 2: open the stream and buffer; note the U of the first event.
    buffered = busy.go(20)
    noted = buffered[0].first
    # 3, 4: a snapshot that is strictly older than that is of no use; get another.
    assert stale.last_update_id < noted
    snapshot = busy.snapshot()
    assert snapshot.last_update_id >= noted
    buffered += busy.go(20)
    # 5: discard what the snapshot has already; the first that remains has its id in [U;u] or follows it at once.
    buffered = [update for update in buffered if update.last > snapshot.last_update_id]
    assert buffered[0].first <= snapshot.last_update_id + 1 <= buffered[0].last
    # 6, 7: the snapshot is the book; apply the buffered events, then all others.
    book = LocalBook(snapshot.last_update_id, snapshot.bids, snapshot.asks)
    for update in buffered + busy.go(50):
        book.apply(update)

    end = busy.snapshot()
    assert (book.update_id, book.bids, book.asks) == (end.last_update_id, end.bids, end.asks)
    assert end.bids and end.asks


def test_the_first_id_of_an_event_follows_the_last_one_of_the_event_before() -> None:
    updates = Busy(7).go(200)

    for before, after in pairwise(updates):
        assert after.first == before.last + 1


def test_an_event_that_was_missed_is_noticed() -> None:
    busy = Busy(3)
    busy.go(30)
    snapshot = busy.snapshot()
    book = LocalBook(snapshot.last_update_id, snapshot.bids, snapshot.asks)
    updates = busy.go(10)

    book.apply(updates[0])
    with pytest.raises(MissedEvents):
        book.apply(updates[2])


def test_a_level_that_is_used_up_is_published_as_zero() -> None:
    venue, stream = Venue(), Stream()
    seller, buyer = venue.rich(), venue.rich()
    stream.update(list(venue.sell(seller, 10, 5)))

    update = stream.update(list(venue.buy(buyer, 10, 5)))

    assert update is not None
    assert (update.asks, update.bids) == ({10: 0}, {})
