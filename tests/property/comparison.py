"""The engine beside the reference, one command at a time, with everything that must hold after each.

Three tellings of the same history are held against each other: the engine's own state, the reference's, and what a
reader of the event stream can build from the published payloads alone. Any difference raises `Difference`.
"""

from collections.abc import Sequence

from exchange.commands.codec import FIELD, decode, encode
from exchange.commands.types import Command
from exchange.engine import Machine
from exchange.engine.snapshot import restore, rows
from exchange.engine.special import BOOK, PENDING, QUEUED, TRIGGER, shown
from exchange.engine.state import State
from exchange.events.codec import decode as decode_events
from exchange.events.codec import encode as encode_events
from exchange.events.types import Outcome
from exchange.terms.codes import Refused
from exchange.terms.stream import CommandEntry, format_id
from tests.property.invariants import check_invariants, held, in_priority, place
from tests.property.reader import Reader
from tests.property.reference import Reference, netted

__all__ = ["MEMORY_ROWS", "Comparison", "Difference", "check_invariants", "check_restored", "readable"]

Row = list[object]
MEMORY_ROWS = frozenset(["remembered", "kept"])
"""The rows that a refused command may change: what is remembered of results."""

_PLACES = {"resting": BOOK, "waiting": TRIGGER, "pending": PENDING, "triggered": QUEUED, "called": QUEUED}


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
        """Both hear a command, and everything is compared.

        Raises:
            Difference: they, or the published payload, do not agree, or an invariant does not hold.
        """
        before = self._unremembering() if self._rows_too else []
        outcome = self.hear(entry)
        if self._rows_too and _changed_nothing(outcome):
            self._same("rows after a refusal", self._unremembering(), before)
        try:
            check_invariants(self.machine.state)
            self._reader.check(self.machine.state)
        except AssertionError as error:
            raise Difference(f"after {self._at}: {error}") from error
        self._same_state()

    def hear(self, entry: CommandEntry) -> Outcome:
        """Both hear a command, and only what they tell is compared.

        Raises:
            Difference: they, or the published payload, do not agree.
        """
        self._at = f"{format_id(entry.id)} {entry.fields!r:.300}"
        command = readable(entry.fields, self.reference.rules)
        if isinstance(command, Command):
            written = encode(command)
            self._same("command read back", encode(decode([FIELD, written], self.reference.rules)), written)
        expected = self.reference.apply(entry.id, command)
        published = self.machine.step(entry)
        outcome = self.machine.outcome
        self.outcomes.append(outcome)
        self._same("id", published.id, entry.id)
        self._same("events", told(outcome), told(expected))
        self._same("postings", netted(outcome.postings), netted(expected.postings))
        self._same("payload read back", encode_events(decode_events(published.payload)), published.payload)
        try:
            self._reader.read(decode_events(published.payload))
        except AssertionError as error:
            raise Difference(f"after {self._at}: {error}") from error
        return outcome

    def _same_state(self) -> None:
        state = self.machine.state
        reference = self.reference
        self._same("rules", state.rules, reference.rules)
        self._same("balances", held(state), reference.balances())
        self._same("open orders", _open_orders(state), _expected_orders(reference))
        accounts = {id: (a.status, a.stp, a.group, a.switch_ms) for id, a in state.accounts.items()}
        expected = {id: (a.status, a.stp, a.group, a.switch_ms) for id, a in reference.accounts.items()}
        self._same("accounts", accounts, expected)
        for name, market in state.markets.items():
            counterpart = reference.markets[name]
            self._same(
                f"{name}",
                (market.status, market.last * market.tick_size, market.seq, market.uncrossing is not None),
                (counterpart.status, counterpart.last, counterpart.seq, counterpart.uncrossing is not None),
            )
            for side, found in (("buy", market.bids), ("sell", market.asks)):
                self._same(
                    f"{name} {side} queue",
                    [order.id for order in in_priority(found)],
                    [order.id for order in reference.book(counterpart, "buy" if side == "buy" else "sell")],
                )
        lists = {id: [order.id for order in found.live()] for id, found in state.lists.items()}
        self._same("lists", lists, {found.id: [o.id for o in found.members if o.open] for found in reference.lists})

    def _unremembering(self) -> list[Row]:
        return [row for row in list(rows(self.machine))[1:] if row[0] not in MEMORY_ROWS]

    def _same(self, what: str, found: object, expected: object) -> None:
        if found != expected:
            raise Difference(f"after {self._at}: {what}\n  engine   : {found}\n  reference: {expected}")


def _changed_nothing(outcome: Outcome) -> bool:
    return [type(event).__name__ for event in outcome.events] in (["Rejected"], ["Duplicate"], [])


def _open_orders(state: State) -> dict[int, tuple[object, ...]]:
    """Everything about an open order that matters to it."""
    found: dict[int, tuple[object, ...]] = {}
    for order in state.orders.values():
        tick, lot = order.market.tick_size, order.market.lot_size
        resting = place(order) == BOOK
        found[order.id] = (
            place(order),
            order.ticks * tick,
            order.lots * lot,
            order.left * lot,
            shown(order) * lot if resting else 0,
            order.special.extreme * tick if order.special and order.special.trailing() and not resting else 0,
            order.rates.maker,
            order.rates.taker,
        )
    return found


def _expected_orders(reference: Reference) -> dict[int, tuple[object, ...]]:
    return {
        order.id: (
            _PLACES[order.standing],
            order.price,
            order.quantity,
            order.left,
            order.shown,
            order.tracked if order.standing != "resting" else 0,
            order.maker_fee,
            order.taker_fee,
        )
        for order in reference.open_orders()
    }


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
    check_invariants(restored.state)
    for entry in entries[at:]:
        one, other = machine.step(entry), restored.step(entry)
        assert other.payload == one.payload, f"after {format_id(entry.id)} {entry.fields!r:.300}"
        assert other.chain == one.chain
    assert list(rows(restored)) == list(rows(machine))


def readable(fields: list[bytes], rules: int) -> Command | Refused:
    """The command, or why it cannot be read: the codec has its own tests, the reference judges what is read."""
    try:
        return decode(fields, rules)
    except Refused as refused:
        return refused


def told(outcome: Outcome) -> list[str]:
    """The events as they are written."""
    return [event.json() for event in outcome.events]
