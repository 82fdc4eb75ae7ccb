"""An engine with a live view beside it: commands go in as bytes, the view folds what the engine says."""

import random

from exchange.commands.codec import FIELD, encode
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
    SettleWithdrawal,
    Withdraw,
)
from exchange.engine import Machine
from exchange.events import codec
from exchange.events.types import Outcome
from exchange.projections.live.view import Change, LiveView
from exchange.terms.stream import CommandEntry
from exchange.terms.words import GTC, IOC, LIMIT, SIDES
from exchange.terms.words import MARKET as MARKET_ORDER
from tests.unit.live.traffic import Traffic, world

MARKET = "TATA-INR"
USERS = (100, 101, 102)
DAY = 86_400_000


class Pipeline:
    """The engine and its view; `ms` is the log's time, which the caller may move forward."""

    def __init__(self, *, ms: int = 20_000 * DAY) -> None:
        self.machine = Machine()
        self.view = LiveView()
        self.ms = ms
        self.outcomes: list[tuple[tuple[int, int], Outcome]] = []
        self._seq = 0

    def do(self, command: Command) -> Change:
        """One command through the engine, its entry through the codec, into the view."""
        self._seq += 1
        id = (self.ms, self._seq)
        entry = self.machine.step(CommandEntry(id, [FIELD, encode(command)]))
        outcome = codec.decode(entry.payload)
        self.outcomes.append((id, outcome))
        return self.view.apply(id, outcome)


def begun(seed: int) -> tuple[Pipeline, Traffic]:
    """The world of `traffic`, and what happens in it."""
    pipeline = Pipeline()
    for command in world():
        pipeline.do(command)
    return pipeline, Traffic(seed)


def opened(*, maker_fee: int = 1000, taker_fee: int = 2000) -> Pipeline:
    """A market between TATA (4 decimals, lots of 0.01) and INR (2 decimals, ticks of 0.05) and three funded users."""
    pipeline = Pipeline()
    pipeline.do(OpenLog("ab" * 16, 1, 3_600_000))
    pipeline.do(CreateAsset("TATA", 4))
    pipeline.do(CreateAsset("INR", 2))
    pipeline.do(CreateMarket(MARKET, 500, 100, 100, maker_fee, taker_fee))
    for number, user in enumerate(USERS):
        pipeline.do(OpenAccount(f"user-{number}"))
        pipeline.do(Deposit(user, "TATA", 10**12, "t"))
        pipeline.do(Deposit(user, "INR", 10**12, "i"))
    return pipeline


def limit(user: int, side: str, price: int, quantity: int, *, ioc: bool = False, client_id: str = "") -> Place:
    """A limit order; price and quantity in smallest units."""
    return Place(user, MARKET, SIDES[side], LIMIT, IOC if ioc else GTC, price, quantity, 0, client_id)


def market(user: int, side: str, quantity: int, *, quote_amount: int = 0) -> Place:
    """A market order."""
    return Place(user, MARKET, SIDES[side], MARKET_ORDER, IOC, 0, quantity, quote_amount, "")


def random_command(chance: random.Random, pipeline: Pipeline) -> Command:
    """Some command; most do something, some are refused."""
    user = chance.choice(USERS)
    side = chance.choice(["buy", "sell"])
    price = 500 * chance.randint(190, 210)
    quantity = 100 * chance.randint(1, 50)
    roll = chance.random()
    if roll < 0.5:
        client_id = f"c{chance.randint(0, 400)}" if chance.random() < 0.3 else ""
        return limit(user, side, price, quantity, ioc=chance.random() < 0.1, client_id=client_id)
    if roll < 0.6:
        if side == "buy" and chance.random() < 0.5:
            return market(user, side, 0, quote_amount=chance.randint(100, 10**6))
        return market(user, side, quantity)
    known = list(pipeline.view.orders) or [1]
    if roll < 0.8:
        return Cancel(user, chance.choice(known), "")
    if roll < 0.92:
        return Amend(user, chance.choice(known), quantity)
    if roll < 0.96:
        return Withdraw(user, "INR", chance.randint(1, 1000), f"w{chance.random()}")
    pending = list(pipeline.view.pending) or [1]
    if chance.random() < 0.5:
        return SettleWithdrawal(chance.choice(pending))
    return ReleaseWithdrawal(chance.choice(pending))
