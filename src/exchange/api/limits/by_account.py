"""New orders of accounts, counted from the events that every gateway reads.

An account's count goes up by one with each order that is accepted, in all windows. It goes down when an order trades
for the first time: by one if it did so on coming in, by five if it rested before; by whatever window is running then,
whenever the order was placed, and never below zero. Cancelled and expired orders stay counted (Binance:
faqs/order_count_decrement.md, where five is the example's figure).

Windows are those of the market's time, by which entries have their ids. Between a request and its entry an order is
under way, and counts here; so a gateway is never below the truth for its own requests, and others' come with the log.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from exchange.api.limits.limiter import Limit, LimitReached
from exchange.events.types import Accepted, AuctionTrade, Outcome, Trade
from exchange.projections.live.view import Change, LiveView
from exchange.terms.stream import START, StreamId

TAKER_CREDIT: Final = 1
MAKER_CREDIT: Final = 5

_DAY_MS: Final = 86_400_000


class _Windows:
    """An account's counts, one for each limit."""

    __slots__ = ("counts", "ends_ms", "under_way")

    def __init__(self, number: int) -> None:
        self.counts = [0] * number
        self.ends_ms = [0] * number
        self.under_way = 0


class ByAccount:
    """Counts orders, as an audience of the follower. Limits that are zero are off."""

    def __init__(self, in_ten_seconds: int, in_a_day: int, begun: Callable[[], None]) -> None:
        """`begun` is called when counting begins, for the first time or again."""
        both = (Limit("ORDERS", in_ten_seconds, 10, "SECOND"), Limit("ORDERS", in_a_day, 1, "DAY"))
        self.limits: Sequence[Limit] = [limit for limit in both if limit.limit]
        self._accounts: dict[int, _Windows] = {}
        self._day_ends_ms = 0
        self._begun = begun
        self.begun_at: StreamId = START
        """Where counting began; the orders of this day before it are known when they were `seeded`."""

    def begun(self, view: LiveView) -> None:
        """Count afresh from here."""
        for account, windows in list(self._accounts.items()):
            windows.counts = [0] * len(self.limits)
            if not windows.under_way:
                del self._accounts[account]
        self.begun_at = view.position
        self._begun()

    def entry(self, view: LiveView, change: Change, outcome: Outcome) -> None:
        """Count what an entry accepted and what traded in it."""
        if not self.limits:
            return
        ms = change.position[0]
        traded: dict[int, list[int]] | None = None
        for event in outcome.events:
            if isinstance(event, Accepted):
                self._add(event.account, 1, ms)
            elif isinstance(event, Trade):
                traded = {} if traded is None else traded
                _sum(traded, event.maker_order, event.maker, event.quantity, MAKER_CREDIT)
                _sum(traded, event.taker_order, event.taker, event.quantity, TAKER_CREDIT)
            elif isinstance(event, AuctionTrade):
                traded = {} if traded is None else traded
                _sum(traded, event.buy_order, event.buyer, event.quantity, MAKER_CREDIT)
                _sum(traded, event.sell_order, event.seller, event.quantity, MAKER_CREDIT)
        if traded is not None:
            for number, (account, quantity, credit) in traded.items():
                order = view.order(account, number)
                if order is not None and order.filled == quantity:  # nothing had traded before this entry
                    self._add(account, -credit, ms)

    def turned(self, view: LiveView) -> None:
        """Nothing is told by turns."""

    def seed(self, begun_at: StreamId, day_ms: int, counts: Mapping[int, int]) -> None:
        """Add the orders that accounts placed on the day that began at `day_ms`, up to where counting began."""
        if begun_at != self.begun_at:
            return
        for place, limit in enumerate(self.limits):
            if limit.unit == "DAY":
                for account, count in counts.items():
                    windows = self._at(account, day_ms)
                    if windows.ends_ms[place] == day_ms + limit.window_ms:
                        windows.counts[place] += count

    def place(self, account: int, orders: int, now_ms: int) -> None:
        """See `Limiter.place`."""
        windows = self._at(account, now_ms)
        wanted = windows.under_way + orders
        for place in range(len(self.limits) - 1, -1, -1):  # the longest first: it says how long to wait
            if windows.counts[place] + wanted > self.limits[place].limit:
                raise LimitReached(self.limits[place], max(1, -(-(windows.ends_ms[place] - now_ms) // 1000)))
        windows.under_way = wanted

    def forget(self, account: int, orders: int) -> None:
        """See `Limiter.forget`."""
        windows = self._accounts.get(account)
        if windows is not None:
            windows.under_way = max(0, windows.under_way - orders)

    def placed(self, account: int, now_ms: int) -> list[tuple[Limit, int]]:
        """See `Limiter.placed`."""
        return list(zip(self.limits, self._at(account, now_ms).counts, strict=True))

    def _add(self, account: int, by: int, ms: int) -> None:
        windows = self._at(account, ms)
        windows.counts = [max(0, count + by) for count in windows.counts]

    def _at(self, account: int, ms: int) -> _Windows:
        """An account's windows at a moment. Time does not go back: an older moment finds the windows that there are."""
        windows = self._accounts.get(account)
        if windows is None:
            if ms >= self._day_ends_ms:
                self._forget_yesterday(ms)
            windows = self._accounts[account] = _Windows(len(self.limits))
        ends_ms = windows.ends_ms
        for place, limit in enumerate(self.limits):
            if ms >= ends_ms[place]:
                ends_ms[place] = ms - ms % limit.window_ms + limit.window_ms
                windows.counts[place] = 0
        return windows

    def _forget_yesterday(self, ms: int) -> None:
        """Who has placed nothing since the day began needs no windows."""
        self._day_ends_ms = ms - ms % _DAY_MS + _DAY_MS
        self._accounts = {
            account: windows
            for account, windows in self._accounts.items()
            if windows.under_way or max(windows.ends_ms, default=0) > ms
        }


def _sum(traded: dict[int, list[int]], order: int, account: int, quantity: int, credit: int) -> None:
    """What an order traded in an entry; how it did so first decides about the credit."""
    known = traded.get(order)
    if known is None:
        traded[order] = [account, quantity, credit]
    else:
        known[1] += quantity
