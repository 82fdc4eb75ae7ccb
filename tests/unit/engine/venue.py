"""A venue of one market to tell short stories in: every line of a test is one command and what it did.

Amounts are smallest units. After every command the invariants that hold of any state are checked too.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

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
    SetMarketStatus,
)
from exchange.engine import Machine
from exchange.engine.queries import balances, depth
from exchange.events.types import Accepted, AccountOpened, Event, Rejected, Trade
from exchange.terms.words import MARKET_STATUSES, OrderType, Side, TimeInForce
from tests.property.comparison import check_invariants
from tests.property.flows import LOG_ID, entry

BASE: Final = "TATA"
QUOTE: Final = "INR"
MARKET: Final = f"{BASE}-{QUOTE}"

_E = TypeVar("_E", bound=Event)


class Venue:
    """A log with the market TATA-INR; `decimals` are the base asset's."""

    def __init__(
        self,
        tick: int = 1,
        lot: int = 1,
        decimals: int = 0,
        min_notional: int = 0,
        maker_fee: int = 0,
        taker_fee: int = 0,
        window_ms: int = 60_000,
    ) -> None:
        self.machine = Machine()
        self.state = self.machine.state
        self._ms = 1
        self._seq = 0
        self._transfers = 0
        self.do(OpenLog(LOG_ID, 1, window_ms))
        self.do(CreateAsset(BASE, decimals))
        self.do(CreateAsset(QUOTE, 2))
        self.do(CreateMarket(MARKET, tick, lot, min_notional, maker_fee, taker_fee))

    # --- commands ----------------------------------------------------------------------------------------------------

    def do(self, command: Command | bytes) -> Sequence[Event]:
        """One command, next in the log; its events."""
        self._seq += 1
        self.machine.step(entry(self._ms, self._seq, command))
        check_invariants(self.state)
        return self.machine.outcome.events

    def wait(self, ms: int) -> None:
        """Let stream time pass before the next command."""
        self._ms += ms
        self._seq = 0

    def account(self, base: int = 0, quote: int = 0) -> int:
        """A new account with these funds."""
        opened = one(self.do(OpenAccount(f"holder-{self.state.next_account}")), AccountOpened)
        for asset, amount in ((BASE, base), (QUOTE, quote)):
            if amount:
                self._transfers += 1
                self.do(Deposit(opened.account, asset, amount, f"funds-{self._transfers}"))
        return opened.account

    def buy(
        self, account: int, price: int, quantity: int, tif: TimeInForce = "gtc", client_id: str = ""
    ) -> Sequence[Event]:
        """A limit order to buy."""
        return self._place(account, "buy", "limit", tif, price, quantity, 0, client_id)

    def sell(
        self, account: int, price: int, quantity: int, tif: TimeInForce = "gtc", client_id: str = ""
    ) -> Sequence[Event]:
        """A limit order to sell."""
        return self._place(account, "sell", "limit", tif, price, quantity, 0, client_id)

    def market_buy(self, account: int, quantity: int) -> Sequence[Event]:
        """A market order to buy a quantity."""
        return self._place(account, "buy", "market", "ioc", 0, quantity, 0, "")

    def market_sell(self, account: int, quantity: int) -> Sequence[Event]:
        """A market order to sell a quantity."""
        return self._place(account, "sell", "market", "ioc", 0, quantity, 0, "")

    def spend(self, account: int, quote_amount: int) -> Sequence[Event]:
        """A market order to buy for an amount of quote."""
        return self._place(account, "buy", "market", "ioc", 0, 0, quote_amount, "")

    def _place(
        self,
        account: int,
        side: Side,
        order_type: OrderType,
        tif: TimeInForce,
        price: int,
        quantity: int,
        quote_amount: int,
        client_id: str,
    ) -> Sequence[Event]:
        return self.do(Place(account, MARKET, side, order_type, tif, price, quantity, quote_amount, client_id))

    def cancel(self, account: int, order: int = 0, client_id: str = "") -> Sequence[Event]:
        """Take an order off the book."""
        return self.do(Cancel(account, order, client_id))

    def amend(self, account: int, order: int, quantity: int) -> Sequence[Event]:
        """Reduce an order to a new total."""
        return self.do(Amend(account, order, quantity))

    def status(self, status: str) -> Sequence[Event]:
        """Change the market's status."""
        return self.do(SetMarketStatus(MARKET, MARKET_STATUSES[status]))

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


def order_of(events: Sequence[Event]) -> int:
    """The number of the order that was accepted."""
    return one(events, Accepted).order


def fills(events: Sequence[Event]) -> list[tuple[int, int]]:
    """The trades as price and quantity, in order."""
    return [(trade.price, trade.quantity) for trade in all_of(events, Trade)]


def refusal(events: Sequence[Event]) -> tuple[str, str]:
    """Code and field of a refused command."""
    assert len(events) == 1, [event.json() for event in events]
    rejected = one(events, Rejected)
    return rejected.code, rejected.field
