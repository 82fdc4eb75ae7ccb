"""Command sequences from a seed: small worlds in which everything happens soon.

Few accounts, prices of a handful of ticks and quantities of a handful of lots, so that orders cross all the time, queue
at the same price, are triggered, and run out of money; short times, so that orders expire and names are forgotten; low
bounds; and, in every sequence, commands that must be refused. Most flows are of the third rules, some of earlier ones,
some go over in the middle. A flow is plain data: any part of it is again a sequence of commands, which is what lets a
failing one be shrunk.
"""

import random
from collections.abc import Callable

from exchange.commands.codec import FIELD, decode, encode
from exchange.commands.types import Administrative, Command, Tick
from exchange.terms.codes import Refused
from exchange.terms.stream import CommandEntry
from tests.property.flows.choosing import LOG_ID, PEOPLE, Choice
from tests.property.flows.orders import Orders
from tests.property.flows.poison import poison
from tests.property.flows.scenes import Scenes
from tests.property.flows.settings import Settings

__all__ = ["LOG_ID", "entry", "flow"]

DAY_MS = 86_400_000

_Payload = bytes | Command | list[bytes]
_Maker = Callable[[], _Payload | None]


def flow(seed: int, length: int = 0, rules: int = 0, *, goes_over: bool = False) -> list[CommandEntry]:
    """The flow of a seed: a world and then `length` commands in it (10 to 80 when not told), under these rules and,
    when it goes over, newer ones from the middle on; when the rules are not told, both are the seed's."""
    dice = random.Random(seed)
    if not rules:
        rules, goes_over = dice.choices(_BEGINNINGS, _WEIGHTS)[0]
    return _Flow(dice, rules, goes_over).make(length or dice.randint(10, 80))


_BEGINNINGS = ((1, False), (1, True), (2, False), (2, True), (3, False))
_WEIGHTS = (10, 8, 12, 8, 62)


def entry(ms: int, seq: int, payload: _Payload) -> CommandEntry:
    """A command, a command's bytes or an entry's very fields at a position."""
    if isinstance(payload, list):
        return CommandEntry((ms, seq), payload)
    return CommandEntry((ms, seq), [FIELD, encode(payload) if isinstance(payload, Command) else payload])


class _Flow:
    def __init__(self, dice: random.Random, rules: int, goes_over: bool) -> None:
        self._c = Choice(dice, rules)
        self._goes_over = goes_over
        self._entries: list[CommandEntry] = []
        self._seq = 0
        self._wait: int | None = None
        self._repeated: CommandEntry | None = None
        orders, settings = Orders(self._c), Settings(self._c)
        self._settings = settings
        self._scenes = Scenes(self._c)
        self._first: list[tuple[int, _Maker]] = [
            (56, orders.place),
            (11, orders.cancel),
            (8, orders.amend),
            (6, settings.deposit),
            (5, settings.withdraw),
            (4, settings.finish_withdrawal),
            (6, settings.status),
            (2, settings.fees),
            (3, settings.set_up),
            (5, lambda: poison(self._c)),
            (8, self._again),
        ]
        self._second: list[tuple[int, _Maker]] = [
            *self._first,
            (36, orders.place),
            (12, orders.place_list),
            (2, orders.cancel_list),
            (6, orders.cancel_replace),
            (6, orders.batch),
            (7, orders.ladder),
            (2, orders.cancel_all),
            (3, settings.limits),
            (2, settings.tiers),
            (2, settings.account_status),
            (2, settings.stp),
            (2, settings.group),
            (3, settings.switch),
            (7, settings.uncross),
            (3, Tick),
            (1, settings.rules),
        ]
        self._third: list[tuple[int, _Maker]] = [
            *self._second,
            (9, settings.transfer),
            (2, settings.record),
        ]
        self._lists: list[tuple[int, _Maker]] = [(1, orders.place_list)]

    def make(self, length: int) -> list[CommandEntry]:
        for command in self._settings.world():
            self._append(command)
        over = self._c.dice.randint(0, length) if self._goes_over else -1
        for number in range(length):
            if number == over:
                self._append(self._settings.rules())
            makers = (self._first, self._first, self._second, self._third)[self._c.shadow.rules]
            if self._c.theme == "lists" and self._c.shadow.rules >= 2 and self._c.often(0.3):
                makers = self._lists
            maker = self._c.dice.choices([maker for _, maker in makers], [weight for weight, _ in makers])[0]
            payload = maker()
            if payload is not None:
                self._append(payload)
            if self._c.shadow.rules >= 2 and self._c.often(0.15):
                for command in self._scenes.of_theme():
                    self._append(command)
        return self._entries

    def _append(self, payload: _Payload) -> None:
        c = self._c
        step = c.one((0, 0, 1, 1, 2, 5, 30)) if self._wait is None else self._wait
        if self._wait is None and c.often(0.003):
            step = DAY_MS * c.one((1, 15, 29, 30)) - c.one((0, 0, 1, 1000))
        self._wait = None
        self._seq = 0 if step else self._seq + 1
        c.now += step
        if isinstance(payload, Administrative) and c.often(0.3 if c.shadow.rules >= 3 else 0.02):
            payload.by = c.one(PEOPLE)
        made = entry(c.now, self._seq, payload)
        self._entries.append(made)
        try:
            c.shadow.hear(made.id, decode(made.fields, c.shadow.rules))
        except Refused:
            pass  # nothing that the choices to come could depend on

    def _again(self) -> _Payload:
        """A retry: something sent before comes again, often just when it is about to be forgotten."""
        c = self._c
        earlier = self._repeated
        if earlier is None or c.often(0.6):
            earlier = self._repeated = c.one(self._entries)
        if c.shadow.rules and c.often(0.5):
            due = earlier.id[0] + c.shadow.dedup_window_ms + c.one((-1, 0, 0, 1))
            if c.now <= due < c.now + 100:
                self._wait = due - c.now
        return earlier.fields
