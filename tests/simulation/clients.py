"""The clients: they want things, ask any gateway, and ask again with the same words until they are answered.

A request is decided once and its bytes never change; its client order id (or transfer reference) is what makes asking
again safe. An answer is noted with everything that a judge needs later. Now and then a request is sent twice, or
garbage is appended by somebody who has the server's address.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from exchange.commands.codec import encode
from exchange.commands.types import (
    Amend,
    Cancel,
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    OpenAccount,
    Place,
    ReleaseWithdrawal,
    SetMarketStatus,
    SettleWithdrawal,
    SetTradeGroup,
    Transfer,
    Withdraw,
)
from exchange.effects.ports import Clock, LogFull, LogUnavailable
from exchange.terms.instructions import Instructions
from exchange.terms.stream import StreamId
from exchange.terms.words import FIRST_USER, Side
from tests.simulation.log import SimLog
from tests.simulation.scheduler import Wait

BASE = "GOLD"
QUOTE = "INR"
MARKET = f"{BASE}-{QUOTE}"
TICK = 100
PATIENCE_S = 2.0
DUPLICATED = 0.03


class Unanswered(Exception):
    """The gateway gave no result: it died, refused for now, or does not know; asking again is safe."""


@dataclass(slots=True)
class Answer:
    """A result as a client got it: the entry's id and payload, and how many cuts the log had suffered when it was
    published."""

    raw: bytes
    id: StreamId
    payload: bytes
    cuts: int


Submit = Callable[[bytes], Wait[tuple[StreamId, bytes]]]


class Client:
    """One client with one account, which asks for one thing after the other.

    `submit` hands a command's bytes to some gateway; the wait that it gives may also never end.
    """

    def __init__(
        self,
        number: int,
        random: Random,
        clock: Clock,
        submit: Submit,
        answered: Callable[[bytes, StreamId, bytes], None],
    ) -> None:
        self.name = f"client-{number}"
        self.account = FIRST_USER + number
        self.number = number
        self.asked = 0
        self.done = False
        self._random = random
        self._clock = clock
        self._submit = submit
        self._answered = answered

    async def trade(self, requests: int) -> None:
        """Deposit, then ask for so many things, then be done."""
        for asset in (BASE, QUOTE):
            amount = 40 if asset == BASE else 40 * 100
            await self.ask(Deposit(self.account, asset, amount, f"first-{asset}-{self.number}"))
        for _ in range(requests):
            await self.ask(self._wish())
        self.done = True

    async def ask(self, command: Command) -> None:
        """Ask until answered."""
        raw = encode(command)
        self.asked += 1
        while True:
            if self._random.random() < DUPLICATED:
                self._submit(raw)
            reply = self._submit(raw)
            self._give_up_on(reply)
            try:
                id, payload = await reply
            except Unanswered:
                await self._clock.sleep(0.005 + 0.02 * self._random.random())
                raw = self._again(raw)
            else:
                self._answered(raw, id, payload)
                return

    def _again(self, raw: bytes) -> bytes:
        """The bytes to ask with again: the same."""
        return raw

    def _give_up_on(self, reply: Wait[tuple[StreamId, bytes]]) -> None:
        reply.scheduler.later(int(PATIENCE_S * 1_000_000), lambda: reply.fail(Unanswered("no patience left")))

    def _wish(self) -> Command:
        random = self._random
        dice = random.random()
        serial = self.asked
        key = f"c{self.number}-{serial}"
        if dice < 0.62:
            return self._order(key, serial)
        if dice < 0.74:
            return Cancel(self.account, 0, f"c{self.number}-{1 + int(random.random() * serial)}")
        if dice < 0.80:
            return Amend(self.account, 1 + int(random.random() * 12), 1 + int(random.random() * 6))
        if dice < 0.87:
            asset = BASE if random.random() < 0.5 else QUOTE
            return Deposit(self.account, asset, 1 + int(random.random() * 900), f"in-{key}")
        if dice < 0.92:
            asset = BASE if random.random() < 0.5 else QUOTE
            return Withdraw(self.account, asset, 1 + int(random.random() * 12), f"out-{key}")
        if dice < 0.97:
            asset = BASE if random.random() < 0.5 else QUOTE
            to = FIRST_USER + (self.number ^ 1)
            return Transfer(self.account, to, asset, 1 + int(random.random() * 40), f"to-{key}")
        withdrawal = 1 + int(random.random() * 3)
        return SettleWithdrawal(withdrawal) if random.random() < 0.5 else ReleaseWithdrawal(withdrawal)

    def _order(self, key: str, serial: int) -> Command:
        """An order near one price, so that orders meet; some cannot be paid for, some expire, some wait
        for a price. The quantity is the request's own
        among this client's, so that an order tells which request it came from."""
        random = self._random
        side: Side = "buy" if random.random() < 0.5 else "sell"
        quantity = serial
        kind = random.random()
        if kind < 0.75:
            price = TICK * (98 + int(random.random() * 5))
            if kind < 0.15:
                soon = Instructions(expires_ms=self._clock.now_ms() + 1 + int(random.random() * 2_000))
                return Place(self.account, MARKET, side, "limit", "gtd", price, quantity, 0, key, soon)
            if kind < 0.2:
                stop = Instructions(stop_price=TICK * (98 + int(random.random() * 5)))
                return Place(self.account, MARKET, side, "stop_loss_limit", "gtc", price, quantity, 0, key, stop)
            return Place(self.account, MARKET, side, "limit", "gtc", price, quantity, 0, key)
        if kind < 0.9:
            price = TICK * (95 + int(random.random() * 11))
            return Place(self.account, MARKET, side, "limit", "ioc", price, quantity, 0, key)
        return Place(self.account, MARKET, side, "market", "ioc", 0, quantity, 0, key)


async def set_up(admin: Client, clients: int) -> None:
    """Assets, the market, and the clients' accounts, in an order that gives each its number; all are of one group."""
    await admin.ask(CreateAsset(BASE, 2, "operator"))
    await admin.ask(CreateAsset(QUOTE, 2, "operator"))
    await admin.ask(CreateMarket(MARKET, TICK, 1, 1, 1_000, 2_000, "operator"))
    for number in range(clients):
        await admin.ask(OpenAccount(f"client-{number}"))
        await admin.ask(SetTradeGroup(FIRST_USER + number, 1, "operator"))


async def meddle(log: SimLog, clock: Clock, random: Random, times: int) -> None:
    """Append what no gateway would: garbage, odd fields, and the operator's acts, which have no client order id."""
    for _ in range(times):
        await clock.sleep(random.random() * 0.3)
        try:
            await log.append_fields(_oddity(random))
        except (LogUnavailable, LogFull):
            continue


def _oddity(random: Random) -> list[bytes]:
    kind = int(random.random() * 9)
    if kind == 0:
        return [b"c", bytes(int(random.random() * 256) for _ in range(12))]
    if kind == 1:
        return [b"x", b"1", b"y", b"2"]
    if kind == 2:
        return [b"c", b'{"v":9,"type":"place"}']
    if kind == 3:
        return [b"c", b'{"v":1,"type":"no_such"}']
    if kind == 4:
        return [b"c", b"{" + b'"a":1,' * 3_000 + b'"b":2}']
    if kind == 5:
        return [b"c", encode(Place(FIRST_USER, MARKET, "buy", "limit", "gtc", 10**29, 10**29, 0, "huge"))]
    if kind == 6:
        return [b"c", b'{"v":1,"type":"deposit","account":1e2,"asset":"INR","amount":"5","ref":"r"}']
    if kind == 7:
        return [b"c", encode(SetMarketStatus(MARKET, "post_only"))]
    return [b"c", encode(SetMarketStatus(MARKET, "open"))]
