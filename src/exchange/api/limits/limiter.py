"""What the doors ask of the limits. Counts are of fixed windows of the wall clock.

The rules are the venue's (Binance: rest-api.md, LIMITS).
"""

from collections.abc import Mapping
from typing import Final, Literal, Protocol

LimitType = Literal["REQUEST_WEIGHT", "RAW_REQUESTS", "ORDERS", "CONNECTIONS"]
IntervalUnit = Literal["SECOND", "MINUTE", "HOUR", "DAY"]

UNIT_MS: Final[Mapping[IntervalUnit, int]] = {"SECOND": 1000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": 86_400_000}


class Limit:
    """At most `limit` of a kind in `number` units of time, by address (`ORDERS`: by account)."""

    __slots__ = ("kind", "limit", "number", "unit")

    def __init__(self, kind: LimitType, limit: int, number: int, unit: IntervalUnit) -> None:
        self.kind: LimitType = kind
        self.limit = limit
        self.number = number
        self.unit: IntervalUnit = unit

    @property
    def window_ms(self) -> int:
        """The length of a window."""
        return self.number * UNIT_MS[self.unit]

    @property
    def short(self) -> str:
        """As headers name the window: `1M`, `10S`."""
        return f"{self.number}{self.unit[0]}"


class LimitReached(Exception):
    """There was too much; `retry_after` in whole seconds. `banned`: the address is shut out until then, for having gone
    on after it was told."""

    def __init__(self, limit: Limit, retry_after: int, *, banned: bool = False) -> None:
        super().__init__(limit.kind, retry_after, banned)
        self.limit = limit
        self.retry_after = retry_after
        self.banned = banned


class Limiter(Protocol):
    """Counts, and refuses. What it counts of addresses it shares with the other gateways; orders it counts from the
    events that all gateways read. Nothing here waits: a request costs no round trip.

    `now_ms` is the wall's time where addresses are counted, the market's where orders are.
    """

    @property
    def limits(self) -> list[Limit]:
        """The limits in force, as exchangeInfo lists them; those that are off are not among them."""

    def request(self, address: str, weight: int, now_ms: int) -> None:
        """Count a request.

        Raises:
            LimitReached: there were too many already.
        """

    def weighed(self, address: str, now_ms: int) -> list[tuple[Limit, int]]:
        """The weight that an address has used, by limit."""

    def connection(self, address: str, now_ms: int) -> None:
        """Count a new WebSocket connection.

        Raises:
            LimitReached: there were too many already.
        """

    def place(self, account: int, orders: int, now_ms: int) -> None:
        """See that an account may place so many orders more; they count once their events are read, and until then,
        or until `forget`, as under way.

        Raises:
            LimitReached: it may not.
        """

    def forget(self, account: int, orders: int) -> None:
        """Orders that were under way have been accepted or refused."""

    def placed(self, account: int, now_ms: int) -> list[tuple[Limit, int]]:
        """The unfilled orders of an account, by limit (Binance: faqs/order_count_decrement.md)."""


class Unlimited:
    """Limits that are all off."""

    limits: Final[list[Limit]] = []

    def request(self, address: str, weight: int, now_ms: int) -> None:
        """See `Limiter`."""

    def weighed(self, address: str, now_ms: int) -> list[tuple[Limit, int]]:
        """See `Limiter`."""
        return []

    def connection(self, address: str, now_ms: int) -> None:
        """See `Limiter`."""

    def place(self, account: int, orders: int, now_ms: int) -> None:
        """See `Limiter`."""

    def forget(self, account: int, orders: int) -> None:
        """See `Limiter`."""

    def placed(self, account: int, now_ms: int) -> list[tuple[Limit, int]]:
        """See `Limiter`."""
        return []
