"""Going on with a channel from a position: what was missed in between, in one message.

What the last entries changed is remembered as such, not as messages: a client that comes back is told of all that has
changed since its position, as it is now. Trades, fills and prevented matches it gets one by one, since they do not
change; an order, a balance or a level it gets once, however often it changed. That is how a slow reader's depth is put
together too.

Only so many entries are remembered, and a message holds only so much: who comes later begins with a snapshot.
"""

from collections import deque
from typing import Final

from exchange.api.errors import ApiError, GatewayCode
from exchange.projections.live import feeds, private
from exchange.projections.live.feeds import Channel, Levels
from exchange.projections.live.view import Change, LiveView
from exchange.terms.stream import START, StreamId

ENTRIES: Final = 10_000
"""How many of the last entries are remembered."""
MOST: Final = 1_000
"""The most trades, fills, orders or other things in one message."""

RESUMED: Final = feeds.PRIVATE | {feeds.TRADES, feeds.DEPTH}
"""The kinds of channels that go on from a position; the others begin with what is now in any case."""


class Missed:
    """The last entries' changes."""

    def __init__(self, most: int = ENTRIES) -> None:
        self._changes: deque[Change] = deque()
        self._most = most
        self._since: StreamId = START
        """Everything after this is remembered."""

    def begun(self, position: StreamId) -> None:
        """The view begins here: nothing before it counts."""
        self._changes.clear()
        self._since = position

    def add(self, change: Change) -> None:
        """Remember an entry's."""
        self._changes.append(change)
        if len(self._changes) > self._most:
            self._since = self._changes.popleft().position

    def after(self, position: StreamId) -> Change:
        """What changed after a position, as if it had been one entry.

        Raises:
            ApiError: that is too long ago.
        """
        if position < self._since:
            raise ApiError(GatewayCode.TOO_OLD, "after")
        later: list[Change] = []
        for change in reversed(self._changes):
            if change.position <= position:
                break
            later.append(change)
        together = Change(later[0].position if later else position)
        for change in reversed(later):
            _put_together(together, change)
        together.balances = list(dict.fromkeys(together.balances))
        return together


def update(view: LiveView, account: int | None, channel: Channel, missed: Change) -> bytes | None:
    """A channel's message of what was missed, told right after the view took the last of it in; None if nothing was.

    Raises:
        ApiError: it is too much for one message.
    """
    if channel.kind == feeds.DEPTH:
        found = missed.levels.get(channel.market)
        if found is None:
            return None
        levels = Levels(found[0])
        levels.touched |= found[1]
        return feeds.depth_update(view, channel.market, levels)
    if channel.kind == feeds.TRADES:
        trades = [trade for trade in missed.trades if trade.market == channel.market]
        _bound(len(trades))
        return feeds.trades_update(view, channel.market, trades) if trades else None
    if account is None:
        return None
    if channel.kind == feeds.FILLS:
        _bound(sum(owner == account for owner, _ in missed.fills))
    elif channel.kind == feeds.PREVENTED:
        _bound(sum(owner == account for owner, _ in missed.prevented))
    elif channel.kind == feeds.ORDERS:
        _bound(sum(order.account == account for order in missed.orders.values()))
    return private.UPDATES[channel.kind](view, account, missed)


def _put_together(together: Change, change: Change) -> None:
    together.trades += change.trades
    for market, (first_seq, touched) in change.levels.items():
        known = together.levels.get(market)
        if known is None:
            known = together.levels[market] = (first_seq, set())
        known[1].update(touched)
    together.orders |= change.orders
    together.lists |= change.lists
    together.fills += change.fills
    together.prevented += change.prevented
    together.balances += change.balances
    together.accounts |= change.accounts


def _bound(count: int) -> None:
    if count > MOST:
        raise ApiError(GatewayCode.TOO_OLD, "after")
