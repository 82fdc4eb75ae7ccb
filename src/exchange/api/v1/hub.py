"""The hub: takes what each turn of the follower changed to the sockets that subscribed to it.

A message is written and framed once and handed to every subscriber as the same bytes. What is private is written entry
by entry and only for accounts that listen. Tickers, candles and indications are written by the clock. For a subscriber
that does not read, depth is put together: which levels changed since when is all that is remembered, because the book
has their totals when it reads again.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from exchange.api.errors import ApiError, GatewayCode
from exchange.api.v1 import resuming
from exchange.api.websocket import frames
from exchange.api.websocket.line import RESTARTED
from exchange.api.websocket.outbox import Outbox
from exchange.effects.ports import Clock
from exchange.events.types import Outcome
from exchange.projections.live import feeds, private
from exchange.projections.live.feeds import AuctionFeed, CandleFeed, Channel, Gathered, Levels, TickerFeed
from exchange.projections.live.view import Change, LiveView
from exchange.terms.stream import StreamId

MAX_CONNECTIONS: Final = 10_000
MAX_SUBSCRIPTIONS: Final = 200
SNAPSHOT_ORDERS: Final = 500

EXPIRED: Final = 4001

_TICK_S: Final = 0.25
_NOTHING: Final[Mapping[str, bytes | None]] = {}


class Subscriber:
    """A connection as the hub sees it: where its messages go, what it subscribed to, whose it is."""

    def __init__(self, outbox: Outbox, view: Callable[[], LiveView]) -> None:
        self.outbox = outbox
        outbox.drained = self._catch_up
        self._view = view
        self._behind: dict[str, Levels] = {}
        self.channels: dict[str, Channel] = {}
        self.account: int | None = None
        self.expires_ms = 0
        self.ended: Callable[[], bool] = lambda: False
        """Whether the session or key that it was authenticated with is no more; asked every second, asks nobody."""

    @property
    def behind(self) -> bool:
        """Whether depth is being put together for a client that does not read."""
        return bool(self._behind)

    def depth(self, market: str, levels: Levels, frame: bytes) -> None:
        """Send a market's depth update, or remember its levels."""
        if not self.outbox.held:
            self.outbox.put_frame(frame)
        elif self.outbox.closing is None:
            self._behind.setdefault(market, Levels(levels.first_seq)).touched.update(levels.touched)

    def forget(self, market: str) -> None:
        """The market's depth is no longer wanted."""
        self._behind.pop(market, None)

    def _catch_up(self) -> None:
        """The client reads again: the levels that changed meanwhile, as they are now, between two turns."""
        behind, self._behind = self._behind, {}
        for market, levels in behind.items():
            self.outbox.put(feeds.depth_update(self._view(), market, levels))


class Hub:
    """All connections of this process."""

    def __init__(self, clock: Clock, wall: Clock | None = None) -> None:
        self._clock = clock
        self._wall = wall or clock
        self._everyone: set[Subscriber] = set()
        self._public: dict[str, set[Subscriber]] = {}
        self._private: dict[int, set[Subscriber]] = {}
        self._tickers: dict[str, TickerFeed] = {}
        self._candles: dict[str, CandleFeed] = {}
        self._auctions: dict[str, AuctionFeed] = {}
        self._gathered = Gathered()
        self._missed = resuming.Missed()

    def __len__(self) -> int:
        """How many connections there are."""
        return len(self._everyone)

    def everyone(self) -> list[Subscriber]:
        """All connections."""
        return list(self._everyone)

    def join(self, subscriber: Subscriber) -> None:
        """A new connection.

        Raises:
            ApiError: there are too many.
        """
        if len(self._everyone) >= MAX_CONNECTIONS:
            raise ApiError(GatewayCode.BUSY)
        self._everyone.add(subscriber)

    def leave(self, subscriber: Subscriber) -> None:
        """A connection is gone."""
        self._everyone.discard(subscriber)
        self.unsubscribe(subscriber, list(subscriber.channels.values()))

    def missed(
        self, view: LiveView, subscriber: Subscriber, channels: list[Channel], after: StreamId
    ) -> dict[str, bytes | None]:
        """For channels that go on from a position, what was missed since, by name; None where that is nothing.

        Raises:
            ApiError: that is too long ago, or too much.
        """
        missed = self._missed.after(after)
        return {
            channel.name: resuming.update(view, subscriber.account, channel, missed)
            for channel in channels
            if channel.kind in resuming.RESUMED
        }

    def subscribe(
        self,
        view: LiveView,
        subscriber: Subscriber,
        channels: list[Channel],
        missed: Mapping[str, bytes | None] = _NOTHING,
    ) -> None:
        """Begin with channels that exist, with what was `missed` or a snapshot where there is one; those it has already
        stay as they are."""
        fresh = [channel for channel in channels if channel.name not in subscriber.channels]
        for channel in fresh:
            subscriber.channels[channel.name] = channel
            if channel.kind in feeds.PRIVATE and subscriber.account is not None:
                self._private.setdefault(subscriber.account, set()).add(subscriber)
            else:
                self._public.setdefault(channel.name, set()).add(subscriber)
            first = missed[channel.name] if channel.name in missed else self._first_message(view, subscriber, channel)
            if first is not None:
                subscriber.outbox.put(first)

    def unsubscribe(self, subscriber: Subscriber, channels: list[Channel]) -> None:
        """End channels; those it does not have are passed over."""
        for channel in channels:
            if subscriber.channels.pop(channel.name, None) is None:
                continue
            if channel.kind == feeds.DEPTH:
                subscriber.forget(channel.market)
            if channel.kind not in feeds.PRIVATE:
                listeners = self._public[channel.name]
                listeners.discard(subscriber)
                if not listeners:
                    del self._public[channel.name]
                    self._tickers.pop(channel.name, None)
                    self._candles.pop(channel.name, None)
                    self._auctions.pop(channel.name, None)
        account = subscriber.account
        if account in self._private and not feeds.PRIVATE & subscriber.channels.keys():
            self._private[account].discard(subscriber)
            if not self._private[account]:
                del self._private[account]

    def begun(self, view: LiveView) -> None:
        """What was told before may be void: everybody has to begin again."""
        self._gathered = Gathered()
        self._missed.begun(view.position)
        self.close_all(RESTARTED, "the view was built again: reconnect and begin from snapshots")

    def entry(self, view: LiveView, change: Change, _: Outcome) -> None:
        """An entry was folded in: gather what is public, write what is private."""
        self._gathered.add(change)
        self._missed.add(change)
        if not self._private:
            return
        for account in sorted(private.concerned(change) & self._private.keys()):
            for kind, update in private.UPDATES.items():
                message = update(view, account, change)
                if message is None:
                    continue
                frame = frames.text(message)
                for subscriber in self._private[account]:
                    if kind in subscriber.channels:
                        subscriber.outbox.put_frame(frame)

    def turned(self, view: LiveView) -> None:
        """A turn is over: write what it changed in public."""
        gathered, self._gathered = self._gathered, Gathered()
        for market, trades in gathered.trades.items():
            listeners = self._public.get(f"{feeds.TRADES}@{market}")
            if listeners:
                _tell(listeners, feeds.trades_update(view, market, trades))
        for market, levels in gathered.levels.items():
            listeners = self._public.get(f"{feeds.DEPTH}@{market}")
            if listeners:
                frame = frames.text(feeds.depth_update(view, market, levels))
                for subscriber in listeners:
                    subscriber.depth(market, levels, frame)
        for market in gathered.markets:
            listeners = self._public.get(f"{feeds.MARKET}@{market}")
            if listeners:
                _tell(listeners, feeds.market_message(view, market, "update"))
        for ticker in self._tickers.values():
            if ticker.market in gathered.levels:
                ticker.touched = True
        for auction in self._auctions.values():
            auction.uncrossed = gathered.uncrossed.get(auction.market, auction.uncrossed)
            if auction.market in gathered.levels or auction.market in gathered.markets:
                auction.touched = True
        for candle in self._candles.values():
            if candle.channel.market in gathered.trades:
                candle.touched = True

    def close_all(self, code: int, reason: str) -> None:
        """Close every connection."""
        for subscriber in self.everyone():
            subscriber.outbox.close(code, reason)

    def tick(self, view: LiveView, *, second: bool) -> None:
        """A quarter of a second has passed, or with `second` a whole one."""
        now_ms = self._clock.now_ms()
        for channel, candle in self._candles.items():
            for message in candle.due(view, now_ms):
                _tell(self._public[channel], message)
        for channel, auction in self._auctions.items():
            indication = auction.due(view)
            if indication is not None:
                _tell(self._public[channel], indication)
        if not second:
            return
        for channel, ticker in self._tickers.items():
            due = ticker.due(view, now_ms)
            if due is not None:
                _tell(self._public[channel], due)
        wall_ms = self._wall.now_ms()
        for subscriber in self.everyone():
            if subscriber.account is not None and (subscriber.expires_ms <= wall_ms or subscriber.ended()):
                subscriber.outbox.close(EXPIRED, "the token, session or key has ended: sign in again")

    def _first_message(self, view: LiveView, subscriber: Subscriber, channel: Channel) -> bytes | None:
        now_ms = self._clock.now_ms()
        if channel.kind == feeds.DEPTH:
            return feeds.depth_snapshot(view, channel.market)
        if channel.kind == feeds.TICKER:
            ticker = self._tickers.setdefault(channel.name, TickerFeed(channel.market))
            return ticker.snapshot(view, now_ms)
        if channel.kind == feeds.KLINE:
            candle = self._candles.setdefault(channel.name, CandleFeed(channel, now_ms))
            return candle.snapshot(view, now_ms)
        if channel.kind == feeds.MARKET:
            return feeds.market_message(view, channel.market, "snapshot")
        if channel.kind == feeds.AUCTION_FEED:
            auction = self._auctions.setdefault(channel.name, AuctionFeed(channel.market))
            return auction.snapshot(view)
        return None if subscriber.account is None else _private(view, subscriber.account, channel.kind)


def _tell(listeners: set[Subscriber], message: bytes) -> None:
    frame = frames.text(message)
    for subscriber in listeners:
        subscriber.outbox.put_frame(frame)


def _private(view: LiveView, account: int, kind: str) -> bytes | None:
    """A private channel's snapshot, if it has one."""
    if kind == feeds.ORDERS:
        return private.orders_snapshot(view, account, SNAPSHOT_ORDERS)
    if kind == feeds.LISTS:
        return private.lists_snapshot(view, account, SNAPSHOT_ORDERS)
    if kind == feeds.BALANCES:
        return private.balances_snapshot(view, account)
    if kind == feeds.ACCOUNT:
        return private.account_snapshot(view, account)
    return None


async def ticking(hub: Hub, view: Callable[[], LiveView]) -> None:
    """Let the hub's clock go until cancelled; `view` gives the view as of now."""
    turn = 0
    while True:
        await asyncio.sleep(_TICK_S)
        turn += 1
        hub.tick(view(), second=turn % 4 == 0)
