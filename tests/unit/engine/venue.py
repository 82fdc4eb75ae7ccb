"""A venue of one market to tell short stories in: every line of a test is one command and what it did.

Amounts are smallest units. After every command the invariants that hold of any state are checked too, and that its
events have the form they promise: a market's sequences without a gap, a refusal or a repetition last and alone.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypedDict, TypeVar, Unpack

from exchange.commands.types import (
    RULES,
    Amend,
    Batch,
    Cancel,
    CancelAll,
    CancelList,
    CancelReplace,
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    Limits,
    OpenAccount,
    OpenLog,
    Place,
    PlaceList,
    SetMarketLimits,
    SetMarketStatus,
    SetSwitch,
    Tick,
    Uncross,
)
from exchange.engine import Machine
from exchange.engine.queries import balances, depth
from exchange.events.types import (
    Accepted,
    AccountOpened,
    Activated,
    AuctionTrade,
    Canceled,
    Done,
    Duplicate,
    Event,
    Item,
    Rejected,
    Rested,
    Trade,
)
from exchange.terms.instructions import PLAIN, Instructions
from exchange.terms.words import (
    BUY,
    GTC,
    GTD,
    IOC,
    MARKET_STATUSES,
    PRICED,
    SELL,
    ListKind,
    OrderType,
    PostOnly,
    SelfTrade,
    Side,
    TimeInForce,
)
from exchange.terms.words import LIMIT as LIMIT_TYPE
from exchange.terms.words import MARKET as MARKET_TYPE
from tests.property.comparison import check_invariants
from tests.property.flows import LOG_ID, entry

BASE: Final = "TATA"
QUOTE: Final = "INR"
MARKET: Final = f"{BASE}-{QUOTE}"
OTHER: Final = f"{QUOTE}-{BASE}"
"""A second market, for who makes it (`Venue.second_market`)."""

usual_rules = RULES
"""The rules of a venue that is not told which; the fixture `either_rules` changes it."""

_E = TypeVar("_E", bound=Event)


class Trail(TypedDict, total=False):
    """A trail, of one kind or the other."""

    trailing_bps: int
    trailing_amount: int


class More(Trail, total=False):
    """What an order may say beyond account, side, price and quantity."""

    order_type: OrderType
    tif: TimeInForce
    quote_amount: int
    client_id: str
    market: str
    stop_price: int
    expires_ms: int
    post_only: PostOnly
    display: int
    stp: SelfTrade | None
    slippage_bps: int


def order(
    account: int,
    side: Side,
    price: int = 0,
    quantity: int = 0,
    *,
    order_type: OrderType | None = None,
    tif: TimeInForce | None = None,
    quote_amount: int = 0,
    client_id: str = "",
    market: str = MARKET,
    stop_price: int = 0,
    trailing_bps: int = 0,
    trailing_amount: int = 0,
    expires_ms: int = 0,
    post_only: PostOnly = "",
    display: int = 0,
    stp: SelfTrade | None = None,
    slippage_bps: int = 0,
) -> Place:
    """An order; its type, when not told, is `limit` with a price and `market` without, and its time in force the usual
    one of the type (`gtd` with `expires_ms`)."""
    kind = order_type or (LIMIT_TYPE if price else MARKET_TYPE)
    usual: TimeInForce = IOC if kind not in PRICED else GTD if expires_ms else GTC
    said = (stop_price, trailing_bps, trailing_amount, expires_ms, post_only, display, stp, slippage_bps)
    instructions = Instructions(*said) if any(said) else PLAIN
    return Place(account, market, side, kind, tif or usual, price, quantity, quote_amount, client_id, instructions)


class Venue:
    """A log with the market TATA-INR, under the newest rules unless told otherwise; `decimals` are the base asset's."""

    def __init__(
        self,
        tick: int = 1,
        lot: int = 1,
        decimals: int = 0,
        min_notional: int = 0,
        maker_fee: int = 0,
        taker_fee: int = 0,
        window_ms: int = 60_000,
        names: int = 0,
        rules: int = 0,
        start_ms: int = 1,
    ) -> None:
        self.machine = Machine()
        self.state = self.machine.state
        self.told: list[Event] = []
        self.now = start_ms
        self._checking = True
        self._seq = 0
        self._transfers = 0
        self._seqs: dict[str, int] = {}
        self.do(OpenLog(LOG_ID, rules or usual_rules, window_ms, names))
        self.do(CreateAsset(BASE, decimals))
        self.do(CreateAsset(QUOTE, 2))
        self.do(CreateMarket(MARKET, tick, lot, min_notional, maker_fee, taker_fee))

    # --- commands ----------------------------------------------------------------------------------------------------

    def do(self, command: Command | bytes) -> Sequence[Event]:
        """One command, next in the log; its events."""
        self._seq += 1
        self.machine.step(entry(self.now, self._seq, command))
        if self._checking:
            check_invariants(self.state)
        events = self.machine.outcome.events
        self._check_form(events)
        self.told += events
        return events

    def _check_form(self, events: Sequence[Event]) -> None:
        for place, event in enumerate(events, start=1):
            if isinstance(event, (Rejected, Duplicate)):
                assert place == len(events), "something is told after a refusal"
            seq = getattr(event, "seq", 0)
            if seq:
                market: str = getattr(event, "market")  # noqa: B009 - every event with a sequence has it
                assert seq == self._seqs.get(market, 0) + 1, f"{market}: sequence {seq} after {self._seqs.get(market)}"
                self._seqs[market] = seq

    @contextmanager
    def crowd(self) -> Iterator[None]:
        """Many commands of one kind: the invariants, whose check takes longer the more orders are open, are checked
        after the last of them only."""
        self._checking = False
        yield
        self._checking = True
        check_invariants(self.state)

    def wait(self, ms: int) -> None:
        """Let stream time pass before the next command."""
        self.now += ms
        self._seq = 0

    def tick(self) -> Sequence[Event]:
        """The empty command."""
        return self.do(Tick())

    def second_market(self) -> None:
        """The market INR-TATA."""
        self.do(CreateMarket(OTHER, 1, 100, 0, 0, 0))

    def account(self, base: int = 0, quote: int = 0) -> int:
        """A new account with these funds."""
        opened = one(self.do(OpenAccount(f"holder-{self.state.next_account}")), AccountOpened)
        for asset, amount in ((BASE, base), (QUOTE, quote)):
            if amount:
                self._transfers += 1
                self.do(Deposit(opened.account, asset, amount, f"funds-{self._transfers}"))
        return opened.account

    def rich(self) -> int:
        """A new account that has enough of everything."""
        return self.account(base=10**18, quote=10**18)

    def buy(self, account: int, price: int = 0, quantity: int = 0, **more: Unpack[More]) -> Sequence[Event]:
        """An order to buy: limit with a price, else market unless `order_type` says what."""
        return self.do(order(account, BUY, price, quantity, **more))

    def sell(self, account: int, price: int = 0, quantity: int = 0, **more: Unpack[More]) -> Sequence[Event]:
        """An order to sell; see `buy`."""
        return self.do(order(account, SELL, price, quantity, **more))

    def market_buy(self, account: int, quantity: int) -> Sequence[Event]:
        """A market order to buy a quantity."""
        return self.buy(account, 0, quantity)

    def market_sell(self, account: int, quantity: int) -> Sequence[Event]:
        """A market order to sell a quantity."""
        return self.sell(account, 0, quantity)

    def spend(self, account: int, quote_amount: int) -> Sequence[Event]:
        """A market order to buy for an amount of quote."""
        return self.buy(account, quote_amount=quote_amount)

    def receive(self, account: int, quote_amount: int) -> Sequence[Event]:
        """A market order to sell for an amount of quote."""
        return self.sell(account, quote_amount=quote_amount)

    def place_list(self, kind: ListKind, *legs: Place, client_id: str = "") -> Sequence[Event]:
        """An order list of the first leg's account and market."""
        return self.do(PlaceList(legs[0].account, legs[0].market, kind, client_id, list(legs)))

    def cancel(self, account: int, order: int = 0, client_id: str = "") -> Sequence[Event]:
        """End an open order."""
        return self.do(Cancel(account, order, client_id))

    def cancel_list(self, account: int, order_list: int = 0, client_id: str = "") -> Sequence[Event]:
        """End an open order list."""
        return self.do(CancelList(account, order_list, client_id))

    def cancel_all(self, account: int, market: str = "") -> Sequence[Event]:
        """End all open orders of an account."""
        return self.do(CancelAll(account, market))

    def amend(self, account: int, order: int, quantity: int) -> Sequence[Event]:
        """Reduce an order to a new total."""
        return self.do(Amend(account, order, quantity))

    def replace(self, account: int, order: int, place: Place, stop_on_failure: bool = True) -> Sequence[Event]:
        """End one order and place another."""
        return self.do(CancelReplace(Cancel(account, order, ""), place, stop_on_failure))

    def batch(self, account: int, *items: Command) -> Sequence[Event]:
        """Several commands in one."""
        return self.do(Batch(account, list(items)))

    def switch(self, account: int, timeout_ms: int) -> Sequence[Event]:
        """Set the dead man's switch."""
        return self.do(SetSwitch(account, timeout_ms))

    def status(self, status: str, market: str = MARKET) -> Sequence[Event]:
        """Change the market's status."""
        return self.do(SetMarketStatus(market, MARKET_STATUSES[status]))

    def uncross(self, status: str = "open") -> Sequence[Event]:
        """End the call auction."""
        return self.do(Uncross(MARKET, MARKET_STATUSES[status]))

    def limits(self, limits: Limits) -> None:
        """Replace the market's limits."""
        self.do(SetMarketLimits(MARKET, limits))

    def trade_at(self, *prices: int) -> Sequence[Event]:
        """One lot changes hands at each price, between accounts that do nothing else; the last trade's events."""
        maker, taker = self.rich(), self.rich()
        lot = self.state.markets[MARKET].lot_size
        events: Sequence[Event] = []
        for price in prices:
            self.sell(maker, price, lot)
            events = self.buy(taker, price, lot, tif="ioc")
            assert (price, lot) in fills(events), [event.json() for event in events]
        return events

    # --- what has come of it -----------------------------------------------------------------------------------------

    def held(self, account: int, asset: str) -> tuple[int, int]:
        """Available and locked."""
        return balances(self.state, account).get(asset, (0, 0))

    def bids(self) -> list[tuple[int, int]]:
        """The bids' levels as price and quantity, best first."""
        return depth(self.state, MARKET, 100)[0]

    def asks(self) -> list[tuple[int, int]]:
        """The asks' levels as price and quantity, best first."""
        return depth(self.state, MARKET, 100)[1]


def one(events: Sequence[Event], kind: type[_E]) -> _E:
    """The only event of a kind."""
    found = all_of(events, kind)
    assert len(found) == 1, [event.json() for event in events]
    return found[0]


def all_of(events: Sequence[Event], kind: type[_E]) -> list[_E]:
    """The events of a kind, in order."""
    return [event for event in events if isinstance(event, kind)]


def names(events: Sequence[Event]) -> list[str]:
    """The events' classes by name, in order."""
    return [type(event).__name__ for event in events]


def order_of(events: Sequence[Event]) -> int:
    """The number of the order that was accepted."""
    return one(events, Accepted).order


def orders_of(events: Sequence[Event]) -> list[int]:
    """The numbers of the orders that were accepted."""
    return [accepted.order for accepted in all_of(events, Accepted)]


def fills(events: Sequence[Event]) -> list[tuple[int, int]]:
    """The trades as price and quantity, in order."""
    return [(trade.price, trade.quantity) for trade in all_of(events, Trade)]


def makers(events: Sequence[Event]) -> list[tuple[int, int]]:
    """The trades as maker's order and quantity, in order."""
    return [(trade.maker_order, trade.quantity) for trade in all_of(events, Trade)]


def pairs(events: Sequence[Event]) -> list[tuple[int, int, int]]:
    """The trades of an uncrossing as buying order, selling order and quantity, in order."""
    return [(trade.buy_order, trade.sell_order, trade.quantity) for trade in all_of(events, AuctionTrade)]


def refusal(events: Sequence[Event]) -> tuple[str, str]:
    """Code and field of a refused command that nothing was due before."""
    assert len(events) == 1, [event.json() for event in events]
    rejected = one(events, Rejected)
    return rejected.code, rejected.field


def end_of(events: Sequence[Event]) -> tuple[str, int, str]:
    """How the only order that is done ended: end, left, reason."""
    done = one(events, Done)
    return done.end, done.left, done.reason


def ended(events: Sequence[Event]) -> list[tuple[int, str]]:
    """Order and reason of all that was taken off the book or done, in order."""
    return [(event.order, event.reason) for event in events if isinstance(event, (Canceled, Done))]


def activated(events: Sequence[Event]) -> list[int]:
    """The orders whose time has come, in order."""
    return [event.order for event in all_of(events, Activated)]


def rested(events: Sequence[Event]) -> list[tuple[int, int, int]]:
    """What came to rest, as price, shown and hidden quantity, in order."""
    return [(event.price, event.quantity, event.hidden) for event in all_of(events, Rested)]


def items(events: Sequence[Event]) -> list[tuple[int, str, str]]:
    """The parts of a command of several, as index, code and field."""
    return [(item.index, item.code, item.field) for item in all_of(events, Item)]
