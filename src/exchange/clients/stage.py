"""Everything a recording needs before its first order: two assets, a market nobody has used, two funded accounts.

One account rests, the other takes, so that no order meets its own owner. Both are new in each run, so that no client
order id was ever used, and hold enough to cover every order of the recording at once: money decides nothing here.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from exchange.clients.flow import Rest, Step, Take
from exchange.clients.judge import Units
from exchange.commands import codec
from exchange.commands.types import Command, CreateAsset, CreateMarket, Deposit, OpenAccount
from exchange.effects.redis.log import BlockingRedisLog, run
from exchange.events.codec import decode
from exchange.events.types import AccountOpened, AssetCreated, Event, MarketCreated, Outcome, Rejected
from exchange.terms.amounts import MAX_AMOUNT
from exchange.terms.stream import START, EventEntry, StreamId, format_id
from exchange.terms.words import MARKET_PATTERN

BASE_DECIMALS = 0
"""Of a base asset that is created here: whole shares."""

QUOTE_DECIMALS = 2
"""Of a quote asset that is created here: cents."""


_ENTRIES = 2_000


class DriveError(Exception):
    """The recording cannot be driven; the message says why and what to do."""


class ActionRefused(Exception):
    """The exchange refused what the recording says it took; the message names the action and the reason."""


class Stream(Protocol):
    """The two streams as a driver uses them, without waiting for more than it must.

    Both methods raise `EffectError` when the log cannot be reached or written.
    """

    def send(self, commands: Sequence[bytes]) -> list[StreamId]:
        """Append commands in order and give their ids."""

    def results(self, after: StreamId, wait_ms: int) -> list[EventEntry]:
        """Some event entries above `after`, in order; waits up to `wait_ms` for the first."""


class LogStream:
    """The streams of a real exchange."""

    def __init__(self, log: BlockingRedisLog) -> None:
        self._log = log

    def send(self, commands: Sequence[bytes]) -> list[StreamId]:
        """Append in one write."""
        return self._log.append_many(commands)

    def results(self, after: StreamId, wait_ms: int) -> list[EventEntry]:
        """Ask again as often as `wait_ms` takes: the log itself does not wait for long."""
        until = time.monotonic() + wait_ms / 1000
        left_ms = wait_ms
        while True:
            entries = run(self._log.events(after, _ENTRIES, left_ms))
            left_ms = int((until - time.monotonic()) * 1000)
            if entries or left_ms <= 0:
                return entries


class Stage(NamedTuple):
    """What was found or made: `after` is the last entry that was read, `made` what was absent and created."""

    market: str
    units: Units
    resting: int
    taking: int
    after: StreamId
    made: tuple[str, ...]


class Survey:
    """What the event stream tells of assets and of one market, from its beginning."""

    def __init__(self, market: str) -> None:
        self.market = market
        self.decimals: dict[str, int] = {}
        self.terms: MarketCreated | None = None
        self.used = False
        self.after: StreamId = START

    def read(self, stream: Stream) -> None:
        """Read all there is; entries that concern neither are not decoded."""
        quoted = f'"{self.market}"'.encode()
        while entries := stream.results(self.after, 0):
            for entry in entries:
                if quoted in entry.payload or b'"asset_created"' in entry.payload:
                    self._note(decode(entry.payload).events)
            self.after = entries[-1].id

    def _note(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, AssetCreated):
                self.decimals[event.asset] = event.decimals
            elif isinstance(event, MarketCreated):
                if event.market == self.market:
                    self.terms = event
            elif getattr(event, "seq", 0) and getattr(event, "market", "") == self.market:
                self.used = True


OpenAccounts = Callable[[], tuple[int, int]]
"""Opens the resting and the taking account in another way than by commands, and gives their numbers."""


def prepare(
    stream: Stream,
    market: str,
    steps: Sequence[Step],
    name: str,
    patience: float,
    open_accounts: OpenAccounts | None = None,
) -> Stage:
    """Create what is absent and fund the accounts; `name` is this run's, and stands in the accounts' references.

    Raises:
        DriveError: the market was used before, an asset cannot tell the recording's prices, or the exchange refuses or
            is silent for `patience` seconds.
        LobsterError: a price is finer than the quote asset.
    """
    if MARKET_PATTERN.fullmatch(market) is None:
        raise DriveError(f"{market!r} is no market's name: BASE-QUOTE, capital letters and digits, as AAPL-USD")
    survey = Survey(market)
    survey.read(stream)
    if survey.after == START:
        raise DriveError("the log is empty: start the exchange first (`exchange up`, or `exchange engine`)")
    if survey.used:
        raise DriveError(
            f"{market} has been traded before, and a recording needs a new market: "
            f"choose another name, as in --market {market.partition('-')[0]}2-{market.partition('-')[2]}"
        )
    base, _, quote = market.partition("-")
    ask = _Asker(stream, survey.after, patience)
    made: list[str] = []
    for asset, decimals in ((base, BASE_DECIMALS), (quote, QUOTE_DECIMALS)):
        if asset not in survey.decimals:
            ask(CreateAsset(asset, decimals))
            made.append(f"asset {asset} ({decimals} decimals)")
            survey.decimals[asset] = decimals
    units = Units(survey.decimals[base], survey.decimals[quote])
    if survey.terms is None:
        # 0.01 of the quote asset, one whole base unit: their product is a multiple of 10**base_decimals. No fees.
        ask(CreateMarket(market, units.price(100), units.size(1), 0, 0, 0))
        made.append(f"market {market} (tick 0.01, lot 1, no fees)")
    if open_accounts is None:
        resting = ask.open_account(f"drive:{market}:{name}:resting")
        taking = ask.open_account(f"drive:{market}:{name}:taking")
    else:
        resting, taking = open_accounts()
    made.append(f"accounts {resting} (rests) and {taking} (takes)")
    for account, needed in zip((resting, taking), _needs(steps, units), strict=True):
        for asset, amount in zip((base, quote), needed, strict=True):
            if amount:
                ask(Deposit(account, asset, min(amount, MAX_AMOUNT), f"drive:{name}:{asset}"))
    return Stage(market, units, resting, taking, ask.after, tuple(made))


class _Asker:
    """Sends one command and waits for its result; for the few before the flow."""

    def __init__(self, stream: Stream, after: StreamId, patience: float) -> None:
        self.after = after
        self._stream = stream
        self._wait_ms = int(patience * 1000)

    def __call__(self, command: Command) -> Outcome:
        (id,) = self._stream.send([codec.encode(command)])
        while entries := self._stream.results(self.after, self._wait_ms):
            for entry in entries:
                self.after = entry.id
                if entry.id == id:
                    return self._accepted(command, decode(entry.payload))
        raise DriveError(
            f"no result of command {format_id(id)} after {self._wait_ms / 1000:.0f} s: is `exchange engine` running?"
        )

    def open_account(self, ref: str) -> int:
        """A new account's number."""
        (opened,) = self(OpenAccount(ref)).events
        if not isinstance(opened, AccountOpened):
            raise DriveError(f"opening the account {ref} gave {type(opened).__name__}")
        return opened.account

    def _accepted(self, command: Command, outcome: Outcome) -> Outcome:
        for event in outcome.events:
            if isinstance(event, Rejected):
                raise DriveError(f"the exchange refuses {type(command).__name__}: {event.code} {event.field}".rstrip())
        return outcome


def _needs(steps: Iterable[Step], units: Units) -> list[tuple[int, int]]:
    """Base and quote amounts that cover every order at once: of the resting account, then of the taking one."""
    needs = [[0, 0], [0, 0]]
    whole = 10**units.base_decimals
    for step in steps:
        for action in step.actions:
            if isinstance(action, (Rest, Take)):
                need = needs[isinstance(action, Take)]
                size = units.size(action.size)
                if action.buy:
                    need[1] += -(-size * units.price(action.price) // whole)
                else:
                    need[0] += size
    return [(base, quote) for base, quote in needs]
