"""The engine beside the reference, one command at a time, with everything that must hold after each.

Three tellings of the same history are held against each other: the engine's own state, the reference's, and what a
reader of the event stream can build from the published payloads alone. Any difference raises `Difference`.
"""

from collections.abc import Iterable, Sequence

from exchange.commands.codec import decode
from exchange.commands.types import Command
from exchange.engine import Machine
from exchange.engine.book import BookSide, Order
from exchange.engine.queries import depth
from exchange.engine.snapshot import restore, rows
from exchange.engine.state import State
from exchange.events.codec import decode as decode_events
from exchange.events.codec import encode as encode_events
from exchange.events.types import Amended, Canceled, Duplicate, MarketCreated, Outcome, Rejected, Rested, Trade
from exchange.terms.codes import Refused
from exchange.terms.stream import CommandEntry, format_id
from exchange.terms.words import FIRST_USER
from tests.property.reference import Holding, Reference, netted

Row = list[object]
MEMORY_ROWS = frozenset(["remembered", "kept"])
"""The rows that a refused command may change: what is remembered of results."""


class Difference(AssertionError):
    """The engine did something else than it must; the message says after which command, what, and what instead."""


class Comparison:
    """An engine and a reference that hear the same commands.

    `rows_too` also checks, at every command that changes nothing, that not a row of the state has changed: slower.
    """

    def __init__(self, rows_too: bool = False) -> None:
        self.machine = Machine()
        self.reference = Reference()
        self.outcomes: list[Outcome] = []
        self._reader = Reader()
        self._rows_too = rows_too
        self._at = ""

    def step(self, entry: CommandEntry) -> None:
        """Both hear a command.

        Raises:
            Difference: they, or the published payload, do not agree, or an invariant does not hold.
        """
        self._at = f"{format_id(entry.id)} {entry.fields!r:.300}"
        command = readable(entry.fields)
        before = self._unremembering() if self._rows_too else []
        expected = self.reference.apply(entry.id, command)
        published = self.machine.step(entry)
        outcome = self.machine.outcome
        self.outcomes.append(outcome)
        self._same("id", published.id, entry.id)
        self._same("events", told(outcome), told(expected))
        self._same("postings", netted(outcome.postings), netted(expected.postings))
        self._same("payload read back", encode_events(decode_events(published.payload)), published.payload)
        if self._rows_too and isinstance(outcome.events[0], (Rejected, Duplicate)):
            self._same("rows after a refusal", self._unremembering(), before)
        try:
            check_invariants(self.machine.state)
            self._reader.read(decode_events(published.payload))
            self._reader.check(self.machine.state)
        except AssertionError as error:
            raise Difference(f"after {self._at}: {error}") from error
        self._same_state()

    def _same_state(self) -> None:
        state = self.machine.state
        self._same("balances", held(state), self.reference.balances())
        for name, market in state.markets.items():
            for side, found in (("buy", market.bids), ("sell", market.asks)):
                lot = market.lot_size
                queue = [
                    (order.id, order.ticks * market.tick_size, order.lots * lot, order.left * lot)
                    for order in in_priority(found)
                ]
                expected = [
                    (order.id, order.price, order.quantity, order.left)
                    for order in self.reference.book(name, "buy" if side == "buy" else "sell")
                ]
                self._same(f"{name} {side} queue", queue, expected)

    def _unremembering(self) -> list[Row]:
        return [row for row in list(rows(self.machine))[1:] if row[0] not in MEMORY_ROWS]

    def _same(self, what: str, found: object, expected: object) -> None:
        if found != expected:
            raise Difference(f"after {self._at}: {what}\n  engine   : {found}\n  reference: {expected}")


class Reader:
    """What somebody who reads only the event stream knows: balances, levels, sequences."""

    def __init__(self) -> None:
        self._balances: dict[Holding, tuple[int, int]] = {}
        self._levels: dict[str, dict[str, dict[int, int]]] = {}
        self._seqs: dict[str, int] = {}

    def read(self, outcome: Outcome) -> None:
        """Take in an entry. Over it, each asset's postings sum to zero, and sequences go up by one."""
        sums: dict[str, int] = {}
        for holding, change in netted(outcome.postings).items():
            was = self._balances.get(holding, (0, 0))
            self._balances[holding] = (was[0] + change[0], was[1] + change[1])
            sums[holding[1]] = sums.get(holding[1], 0) + change[0] + change[1]
        assert not any(sums.values()), f"postings do not sum to zero: {sums}"
        for event in outcome.events:
            if isinstance(event, MarketCreated):
                self._levels[event.market] = {"buy": {}, "sell": {}}
                self._seqs[event.market] = 0
            elif isinstance(event, Trade):
                maker_side = "sell" if event.taker_side == "buy" else "buy"
                self._change(event.market, event.seq, maker_side, event.price, -event.quantity)
            elif isinstance(event, Rested):
                self._change(event.market, event.seq, event.side, event.price, event.quantity)
            elif isinstance(event, Canceled):
                self._change(event.market, event.seq, event.side, event.price, -event.quantity)
            elif isinstance(event, Amended):
                self._change(event.market, event.seq, event.side, event.price, -event.by)

    def _change(self, market: str, seq: int, side: str, price: int, change: int) -> None:
        assert seq == self._seqs[market] + 1, f"{market}: sequence {seq} after {self._seqs[market]}"
        self._seqs[market] = seq
        level = self._levels[market][side]
        level[price] = level.get(price, 0) + change
        assert level[price] >= 0, f"{market}: {side} level {price} is negative"
        if level[price] == 0:
            del level[price]

    def check(self, state: State) -> None:
        """The engine's own state is what its events tell."""
        told = {holding: parts for holding, parts in self._balances.items() if parts != (0, 0)}
        assert held(state) == told, "the postings do not add up to the balances"
        for name, market in state.markets.items():
            assert market.seq == self._seqs[name]
            bids, asks = depth(state, name, 10**6)
            assert bids == sorted(self._levels[name]["buy"].items(), reverse=True), f"{name}: bids are not as told"
            assert asks == sorted(self._levels[name]["sell"].items()), f"{name}: asks are not as told"


def check_invariants(state: State) -> None:
    """What must hold of any state, from the state alone.

    Raises:
        AssertionError: it does not.
    """
    sums: dict[str, int] = {}
    for (account, asset), (available, locked) in held(state).items():
        sums[asset] = sums.get(asset, 0) + available + locked
        if account >= FIRST_USER:
            assert available >= 0 and locked >= 0, f"account {account} holds {available} + {locked} {asset}"
        else:
            assert locked == 0
    assert not any(sums.values()), f"money is not conserved: {sums}"
    bound: dict[Holding, int] = {}
    for order in state.orders.values():
        market = order.market
        asset = market.quote if order.buy else market.base
        amount = order.left * (order.ticks * market.unit if order.buy else market.lot_size)
        bound[order.account, asset] = bound.get((order.account, asset), 0) + amount
    for withdrawal in state.withdrawals.values():
        holding = (withdrawal.account, withdrawal.asset)
        bound[holding] = bound.get(holding, 0) + withdrawal.amount
    assert {holding: locked for holding, (_, locked) in held(state).items() if locked} == bound, "locks are off"
    resting = 0
    for market in state.markets.values():
        best_bid, best_ask = market.bids.best(), market.asks.best()
        if best_bid is not None and best_ask is not None:
            assert best_bid.ticks < best_ask.ticks, f"{market.name} is crossed"
        for side in (market.bids, market.asks):
            for level in side.levels.values():
                orders = in_level(side, level.ticks)
                assert orders, f"{market.name} has an empty level"
                assert level.lots == sum(order.left for order in orders), f"{market.name}: a level's total is off"
                assert level.count == len(orders)
                assert [order.id for order in orders] == sorted(order.id for order in orders), "queue out of order"
                assert all(0 < order.left <= order.lots and state.orders[order.id] is order for order in orders)
                resting += len(orders)
    assert resting == len(state.orders), "an order is indexed that rests nowhere"
    _check_memory(state)


def _check_memory(state: State) -> None:
    """Nothing is remembered for ever: a name is in the sweep's queue, or kept by the open order that it names."""
    queued = {id(result) for result in state.remembered}
    for account in state.accounts.values():
        for names in (account.orders, account.deposits, account.withdrawals):
            for name, result in names.items():
                assert result.name == name
                if result.swept:
                    assert result.order in state.orders, f"{name!r} is kept by an order that has closed"
                else:
                    assert id(result) in queued, f"{name!r} is remembered for ever"


def check_restored(entries: Sequence[CommandEntry], at: int) -> None:
    """A machine that is taken down and restored after `at` commands has the same rows and goes on identically.

    Raises:
        AssertionError: it does not.
    """
    machine = Machine()
    for entry in entries[:at]:
        machine.step(entry)
    taken = list(rows(machine))
    restored = restore(taken)
    assert list(rows(restored)) == taken
    assert restored.head == machine.head
    for entry in entries[at:]:
        one, other = machine.step(entry), restored.step(entry)
        assert other.payload == one.payload
        assert other.chain == one.chain
    assert list(rows(restored)) == list(rows(machine))


def readable(fields: list[bytes]) -> Command | Refused:
    """The command, or why it cannot be read: the codec has its own tests, the reference judges what is read."""
    try:
        return decode(fields)
    except Refused as refused:
        return refused


def told(outcome: Outcome) -> list[str]:
    """The events as they are written."""
    return [event.json() for event in outcome.events]


def held(state: State) -> dict[Holding, tuple[int, int]]:
    """All balances that are not all zero."""
    return {
        (account.id, asset): (balance.available, balance.locked)
        for account in state.accounts.values()
        for asset, balance in account.balances.items()
        if balance.available or balance.locked
    }


def in_level(side: BookSide, ticks: int) -> list[Order]:
    """A level's orders, oldest first, walked in both directions."""
    level = side.levels[ticks]
    forwards: list[Order] = []
    order = level.oldest
    while order is not None:
        forwards.append(order)
        order = order.newer
    backwards: list[Order] = []
    order = level.newest
    while order is not None:
        backwards.append(order)
        order = order.older
    assert forwards == backwards[::-1], "a level's links do not agree"
    return forwards


def in_priority(side: BookSide) -> Iterable[Order]:
    """A side's orders, first to trade first."""
    for place in range(len(side.levels)):
        yield from in_level(side, side.price(place))
