"""Command sequences from a seed: small worlds in which everything happens soon.

Few accounts, prices of a handful of ticks and quantities of a handful of lots, so that orders cross all the time, queue
at the same price, and run out of money; a short memory, so that repetitions fall on both sides of its end; and, in
every sequence, commands that must be refused. A flow is plain data: any part of it is again a sequence of commands,
which is what lets a failing one be shrunk.
"""

import random
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import orjson

from exchange.commands.codec import FIELD, MAX_COMMAND_BYTES, decode, encode
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
from exchange.terms.amounts import MAX_AMOUNT, MAX_COUNT
from exchange.terms.codes import Refused
from exchange.terms.stream import CommandEntry
from exchange.terms.words import FEES, FIRST_USER, MARKET_STATUSES, OUTSIDE, SIDES
from tests.property.reference import Order, Reference

LOG_ID: Final = "0123456789abcdef0123456789abcdef"
DECIMALS: Final = {"AA": 0, "BB": 3, "QQ": 2, "WEI": 18}
GRIDS: Final = {"AA-QQ": (5, 1), "BB-QQ": (100, 10), "BB-AA": (1000, 1), "WEI-QQ": (10**10, 10**9)}
"""Tick and lot size of each market."""

FEE_RATES: Final = (0, 0, 1, 1000, 25_000, 100_000)
WINDOWS: Final = (0, 7, 60, 60, 1_000_000)
WORLD: Final = 4
"""How many accounts are opened at first."""

_T = TypeVar("_T")
_Payload = bytes | Command | list[bytes]


def flow(seed: int, length: int = 0) -> list[CommandEntry]:
    """The flow of a seed: a world and then `length` commands in it (10 to 80 when not told)."""
    dice = random.Random(seed)
    return _Flow(dice).make(length or dice.randint(10, 80))


def entry(ms: int, seq: int, payload: _Payload) -> CommandEntry:
    """A command, a command's bytes or an entry's very fields at a position."""
    if isinstance(payload, list):
        return CommandEntry((ms, seq), payload)
    return CommandEntry((ms, seq), [FIELD, encode(payload) if isinstance(payload, Command) else payload])


class _Flow:
    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._shadow = Reference()  # so that cancels and the like mostly name something that is there
        self._entries: list[CommandEntry] = []
        self._ms, self._seq = 1000, 0
        self._wait: int | None = None
        self._repeated: CommandEntry | None = None
        self._transfers = 0
        self._weighted: list[tuple[int, Callable[[], _Payload]]] = [
            (56, self._place),
            (11, self._cancel),
            (8, self._amend),
            (6, self._deposit),
            (5, self._withdraw),
            (4, self._finish_withdrawal),
            (4, self._status),
            (2, self._fees),
            (3, self._set_up),
            (5, self._poison),
            (8, self._again),
        ]

    def make(self, length: int) -> list[CommandEntry]:
        payloads = self._world()
        for payload in payloads:
            self._append(payload)
        weights = [weight for weight, _ in self._weighted]
        makers = [maker for _, maker in self._weighted]
        for maker in self._dice.choices(makers, weights, k=length):
            self._append(maker())
        return self._entries

    def _append(self, payload: _Payload) -> None:
        step = self._one((0, 0, 1, 1, 2, 5, 30)) if self._wait is None else self._wait
        self._wait = None
        self._ms, self._seq = (self._ms + step, 0) if step else (self._ms, self._seq + 1)
        made = entry(self._ms, self._seq, payload)
        self._entries.append(made)
        try:
            self._shadow.apply(made.id, decode(made.fields))
        except Refused:
            pass  # nothing that the choices to come could depend on

    def _world(self) -> list[_Payload]:
        dice = self._dice
        world: list[_Payload] = [OpenLog(LOG_ID, 2, 5)] if self._odd(0.95) else []
        world += [OpenLog(LOG_ID, 1, self._one(WINDOWS))]
        world += [CreateAsset(name, decimals) for name, decimals in DECIMALS.items()]
        world += [self._market(name) for name in dice.sample(sorted(GRIDS), k=dice.randint(1, 2))]
        world += [OpenAccount(f"user-{number}") for number in range(WORLD)]
        for account in range(FIRST_USER, FIRST_USER + WORLD):
            for asset in DECIMALS:
                if dice.random() < 0.9:
                    amount = dice.choice((20, 300, 4000)) * 10 ** min(DECIMALS[asset], 16)
                    world.append(Deposit(account, asset, amount, f"first-{asset}"))
        if dice.random() < 0.1:  # a world with holes, or one that begins in the middle
            world = [payload for payload in world if dice.random() < 0.85]
        return world

    def _one(self, choices: Sequence[_T]) -> _T:
        return choices[int(self._dice.random() * len(choices))]

    def _odd(self, usual: float = 0.96) -> bool:
        return self._dice.random() > usual

    def _account(self) -> int:
        if self._odd(0.985):
            return self._one((OUTSIDE, FEES, 2, FIRST_USER - 1, FIRST_USER + WORLD, MAX_COUNT))
        return FIRST_USER + int(self._dice.random() * WORLD)

    def _market_name(self) -> str:
        if self._odd(0.99):
            return self._one(("AA-BB", "NO-NE", "nonsense"))
        return self._one(tuple(self._shadow.markets) or tuple(GRIDS))

    def _name(self, share: float) -> str:
        return self._one(("a", "b", "c-3", "D.4", "e/5", "f:6")) if self._dice.random() < share else ""

    def _again(self) -> _Payload:
        """A retry: something sent before comes again, often just when it is about to be forgotten."""
        earlier = self._repeated
        if earlier is None or self._dice.random() < 0.6:
            earlier = self._repeated = self._one(self._entries)
        if self._shadow.opened is not None and self._dice.random() < 0.5:
            due = earlier.id[0] + self._shadow.opened.dedup_window_ms + self._one((-1, 0, 0, 1))
            if self._ms <= due < self._ms + 100:
                self._wait = due - self._ms
        return earlier.fields

    # --- orders ------------------------------------------------------------------------------------------------------

    def _place(self) -> _Payload:
        dice = self._dice
        market = self._market_name()
        tick, lot = GRIDS.get(market, (1, 1))
        price = tick * dice.randint(1, 6)
        quantity = lot * dice.randint(1, 9)
        if self._odd():
            price = self._one((price + 1, tick * MAX_COUNT, tick * (MAX_COUNT + 1), MAX_AMOUNT))
        if self._odd():
            quantity = self._one((0, quantity + 1, lot * MAX_COUNT, lot * (MAX_COUNT + 1), MAX_AMOUNT))
        side = self._one(tuple(SIDES.values()))
        account = self._account()
        name = self._name(0.3)
        kind = dice.random()
        if kind < 0.70:
            place = Place(account, market, side, "limit", "gtc", price, quantity, 0, name)
        elif kind < 0.80:
            place = Place(account, market, side, "limit", "ioc", price, quantity, 0, name)
        elif kind < 0.90:
            place = Place(account, market, side, "market", "ioc", 0, quantity, 0, name)
        else:
            spend = self._one((1, 5, 17, 100, 399, 10**6, 10**20)) * dice.randint(1, 3)
            return Place(account, market, "buy", "market", "ioc", 0, 0, spend, name)
        if self._odd(0.98):
            return self._with(place, "price", "0")
        return place

    def _cancel(self) -> _Payload:
        order = self._resting()
        if order is None or self._odd(0.8):
            name = self._name(0.7)
            account = self._account() if order is None else order.account
            return Cancel(account, 0 if name else self._dice.randint(1, 20), name)
        account = self._account() if self._odd() else order.account
        if order.client_id and self._dice.random() < 0.5:
            return Cancel(account, 0, order.client_id)
        return Cancel(account, order.id, "")

    def _amend(self) -> _Payload:
        order = self._resting()
        if order is None or self._odd(0.9):
            return Amend(self._account(), self._dice.randint(1, 20), 1)
        lot = order.market.lot_size
        quantity = lot * self._dice.randint(0, order.quantity // lot) + (1 if self._odd() else 0)
        return Amend(order.account, order.id, MAX_AMOUNT - MAX_AMOUNT % lot if self._odd(0.98) else quantity)

    def _resting(self) -> Order | None:
        return self._one(self._shadow.resting) if self._shadow.resting else None

    # --- money -------------------------------------------------------------------------------------------------------

    def _deposit(self) -> _Payload:
        account, asset, ref = self._transfer()
        room = MAX_AMOUNT - sum(self._shadow.balances().get((account, asset), (0, 0)))
        return Deposit(account, asset, self._amount(room), ref)

    def _withdraw(self) -> _Payload:
        account, asset, ref = self._transfer()
        return Withdraw(account, asset, self._amount(self._shadow.balances().get((account, asset), (0, 0))[0]), ref)

    def _transfer(self) -> tuple[int, str, str]:
        self._transfers += 1
        asset = "NONE" if self._odd(0.97) else self._one(tuple(DECIMALS))
        ref = self._one(("r1", "r2", "first-QQ")) if self._odd(0.8) else f"ref-{self._transfers}"
        return self._account(), asset, ref

    def _amount(self, limit: int) -> int:
        if self._odd(0.85):
            return max(0, min(MAX_AMOUNT, limit + self._one((-1, 0, 0, 1, 1, 10))))
        return self._one((0, MAX_AMOUNT)) if self._odd(0.95) else self._dice.randint(1, 900)

    def _finish_withdrawal(self) -> _Payload:
        number = self._dice.randint(1, len(self._shadow.withdrawals) + 1)
        return SettleWithdrawal(number) if self._dice.random() < 0.5 else ReleaseWithdrawal(number)

    # --- set-up ------------------------------------------------------------------------------------------------------

    def _market(self, name: str) -> CreateMarket:
        tick, lot = GRIDS.get(name, (1, 1))
        least = self._one((0, 0, 1, 10))
        return CreateMarket(name, tick, lot, least, self._one(FEE_RATES), self._one(FEE_RATES))

    def _status(self) -> _Payload:
        # Mostly back to open, or the flow would come to rest.
        status = "open" if self._dice.random() < 0.6 else self._one(tuple(MARKET_STATUSES))
        return SetMarketStatus(self._market_name(), MARKET_STATUSES[status])

    def _fees(self) -> _Payload:
        return SetMarketFees(self._market_name(), self._one(FEE_RATES), self._one(FEE_RATES))

    def _set_up(self) -> _Payload:
        return self._one(
            (
                OpenLog(LOG_ID, self._one((1, 2)), 5),
                CreateAsset(self._one(("AA", "NEW", "NEW2")), 4),
                OpenAccount(self._one(("user-1", "user-9", "outside", "fees"))),
                self._market(self._one(tuple(GRIDS))),
                self._market(self._one(("AA-NONE", "NONE-AA", "AA-AA", "QQ-BB", "QQ-AA"))),
                CreateMarket("AA-BB", 0, 1, 0, 0, 0),
                CreateMarket("AA-BB", 1, 0, 0, 0, 0),
                CreateMarket("BB-WEI", 10, 99, 0, 0, 0),
                CreateMarket("WEI-BB", MAX_AMOUNT, MAX_AMOUNT, 0, 0, 0),
            )
        )

    # --- what nobody should append -----------------------------------------------------------------------------------

    def _with(self, command: Command, name: str, value: object) -> bytes:
        body = orjson.loads(encode(command))
        body[name] = value
        return orjson.dumps(body)

    def _poison(self) -> _Payload:
        good = Place(FIRST_USER, "AA-QQ", "buy", "limit", "gtc", 5, 1, 0, "")
        body = encode(good)
        entries: list[_Payload] = [
            b"",
            b"null",
            b"[]",
            b'"place"',
            b'{"v":1',
            b"\xff\xfe",
            b"x" * (MAX_COMMAND_BYTES + 1),
            b"[" * 5000,
            body[: self._dice.randint(0, len(body) - 1)],
            body.replace(b"}", b',"side":"sell"}'),
            self._with(good, "v", self._one((0, 2, True, 1.0, "1", None))),
            self._with(good, "type", self._one(("", "take", 5, None, "Place"))),
            self._with(good, "extra", 1),
            self._with(good, "\n", 1),
            encode(Place(FIRST_USER, "AA-QQ", "buy", "limit", "gtc", 0, 1, 0, "")),
            b'{"v":1,"type":"amend","account":100,"order":1}',
            self._with(good, "account", self._one((True, -1, 1.5, "100", None, MAX_COUNT + 1))),
            self._with(
                good, "price", self._one((5, 5.0, "-5", "5.0", "1e3", "05", " 5", "\u0665", "", "1" * 31, None))
            ),
            self._with(good, "quantity", self._one((1, "NaN", "-1", "+1", "1_0", [], {}))),
            self._with(good, "client_id", self._one(("", "x" * 37, 'a"b', "\u00fc", "a\n", 7))),
            self._with(Place(FIRST_USER, "AA-QQ", "buy", "market", "ioc", 0, 0, 5, ""), "quote_amount", "0"),
            self._with(Place(FIRST_USER, "AA-QQ", "sell", "market", "ioc", 0, 1, 0, ""), "quote_amount", "5"),
            self._with(Place(FIRST_USER, "AA-QQ", "sell", "market", "ioc", 0, 1, 0, ""), "tif", "gtc"),
            self._with(Cancel(FIRST_USER, 1, ""), "client_id", "a"),
            [FIELD],
            [],
            [b"d", body],
            [FIELD, body, FIELD, body],
        ]
        return self._one(entries)
