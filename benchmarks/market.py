"""The market that figures come from, and the flow as its commands.

BTC-USDT with 8 and 6 decimals, tick 0.01, lot 0.0001, maker fee 0.1 %, taker fee 0.2 %; 50 accounts that hold enough.
Every order has a client order id, as a careful client's has; so the engine remembers it.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from benchmarks.flow import Message
from exchange.commands.codec import encode
from exchange.commands.types import (
    RULES,
    Amend,
    Cancel,
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    OpenAccount,
    OpenLog,
    Place,
)
from exchange.roles.genesis import DEDUP_NAMES, DEDUP_WINDOW_MS
from exchange.terms.stream import CommandEntry, StreamId
from exchange.terms.words import BUY, FIRST_USER, SELL

MARKET: Final = "BTC-USDT"
TICK: Final = 10_000
LOT: Final = 10_000
ACCOUNTS: Final = 50
_ENOUGH: Final = 10**16
"""A hundred million BTC, ten thousand million USDT: more than any flow needs, and still within a machine word."""


def setting(open_log: bool = True) -> Iterator[Command]:
    """Everything before the first order; without `open_log` for a log that an engine has opened."""
    if open_log:
        yield OpenLog("b" * 32, RULES, DEDUP_WINDOW_MS, DEDUP_NAMES)
    yield CreateAsset("BTC", 8)
    yield CreateAsset("USDT", 6)
    yield CreateMarket(MARKET, TICK, LOT, 0, 1000, 2000)
    for place in range(ACCOUNTS):
        yield OpenAccount(f"bench{place}")
    for place in range(ACCOUNTS):
        for asset in ("BTC", "USDT"):
            yield Deposit(FIRST_USER + place, asset, _ENOUGH, f"bench-{asset}")


def commands(flow: Iterable[Message]) -> Iterator[Command]:
    """The flow; orders get the engine's own numbers because it counts accepted orders from 1, and accepts all."""
    for message in flow:
        account = FIRST_USER + message.order % ACCOUNTS
        if message.kind == "cancel":
            yield Cancel(account, message.order, "")
        elif message.kind == "reduce":
            yield Amend(account, message.order, message.quantity * LOT)
        else:
            yield Place(
                account,
                MARKET,
                BUY if message.buy else SELL,
                "limit",
                "gtc" if message.kind == "limit" else "ioc",
                message.price * TICK,
                message.quantity * LOT,
                0,
                f"b{message.order}",
            )


def id_at(place: int, first: int = 1) -> StreamId:
    """The position of a command: a thousand stand in a millisecond, from millisecond `first` on."""
    return first + place // 1000, place % 1000


def entries(source: Iterable[Command], first: int = 1) -> list[CommandEntry]:
    """Commands as they stand in a stream; positions as `id_at` has them."""
    return [CommandEntry(id_at(place, first), [b"c", encode(command)]) for place, command in enumerate(source)]
