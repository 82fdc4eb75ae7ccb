"""One request that was let through, as its handler sees it, whether it came by REST or by the WebSocket API."""

from exchange.api.auth.api_key import ApiKey
from exchange.api.gateway import Gateway
from exchange.api.limits.limiter import LimitReached
from exchange.api.v3 import faults
from exchange.api.v3.params import Params
from exchange.projections.live.records import LiveAccount, LiveMarket
from exchange.projections.live.view import LiveView


class Told:
    """An answer that is more than its data: another status (REST), or JSON that is written already."""

    __slots__ = ("data", "status")

    def __init__(self, data: object, status: int = 200) -> None:
        self.data = data
        self.status = status


class Call:
    """A request; `key` is None where none is asked for. `now_ms` is the market's time when it came; times in the answer
    are milliseconds times `unit`. `over` is the limit of orders that was reached, where the request said to go on."""

    __slots__ = ("address", "gateway", "key", "now_ms", "over", "params", "unit")

    def __init__(
        self, gateway: Gateway, params: Params, key: ApiKey | None, address: str, now_ms: int, unit: int = 1
    ) -> None:
        self.gateway = gateway
        self.params = params
        self.key = key
        self.address = address
        self.now_ms = now_ms
        self.unit = unit
        self.over: LimitReached | None = None

    @property
    def view(self) -> LiveView:
        """The live view as of now; it may be another object after the next await."""
        return self.gateway.view

    @property
    def account(self) -> LiveAccount:
        """The account that the key acts for.

        Raises:
            Fault: this log has no such account.
        """
        account = None if self.key is None else self.gateway.account_of(self.key)
        if account is None:
            raise faults.rejected_key()
        return account

    def market(self, name: str = "symbol") -> LiveMarket:
        """The market that a parameter names.

        Raises:
            Fault: it is missing, or there is no such market.
        """
        return self.market_of(self.params.text(name))

    def market_of(self, symbol: str) -> LiveMarket:
        """The market of a symbol.

        Raises:
            Fault: there is none.
        """
        found = self.gateway.symbols.market(self.view.markets, symbol)
        if found is None:
            raise faults.bad_symbol()
        return found

    def symbol(self, market: str) -> str:
        """The symbol of a market."""
        return self.gateway.symbols.symbol(self.view.markets, market)
