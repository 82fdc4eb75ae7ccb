"""Who listens to which account. Events are written once for all who listen alike, and only where somebody does."""

from collections.abc import Callable
from functools import partial

import orjson

from exchange.api.symbols import Symbols
from exchange.api.v3.userdata.reports import Entry
from exchange.effects.ports import Clock
from exchange.events.types import Outcome
from exchange.projections.live import private
from exchange.projections.live.view import Change, LiveView

Send = Callable[[bytes], None]


class _Listener:
    """Who listens: where events go, who is told that some were missed, and the unit of its times."""

    __slots__ = ("lost", "send", "unit")

    def __init__(self, send: Send, lost: Callable[[], None], unit: int) -> None:
        self.send = send
        self.lost = lost
        self.unit = unit


class Feed:
    """An audience of the follower's. `clock` is the market's."""

    def __init__(self, clock: Clock, symbols: Symbols) -> None:
        self._clock = clock
        self._symbols = symbols
        self._listeners: dict[int, set[_Listener]] = {}

    def listen(self, account: int, send: Send, lost: Callable[[], None], unit: int = 1) -> Callable[[], None]:
        """Send an account's events, JSON objects with times in milliseconds times `unit`, until what this gives is
        called. Neither `send` nor `lost`, which is called when events were missed, may wait or raise."""
        listener = _Listener(send, lost, unit)
        self._listeners.setdefault(account, set()).add(listener)

        def stop() -> None:
            here = self._listeners.get(account)
            if here is not None:
                here.discard(listener)
                if not here:
                    del self._listeners[account]

        return stop

    def begun(self, view: LiveView) -> None:
        """A view was built: what happened before its position is not told any more."""
        for listener in [one for here in self._listeners.values() for one in here]:
            listener.lost()

    def entry(self, view: LiveView, change: Change, outcome: Outcome) -> None:
        """An entry was folded in."""
        listeners = self._listeners
        if not listeners:
            return
        concerned = private.concerned(change) & listeners.keys()
        if not concerned:
            return
        entry = Entry(view, change, outcome, self._clock.now_ms(), partial(self._symbols.symbol, view.markets))
        for account in sorted(concerned):
            written: dict[int, list[bytes]] = {}
            for listener in list(listeners[account]):
                events = written.get(listener.unit)
                if events is None:
                    told = entry.told(account, listener.unit)
                    events = written[listener.unit] = [orjson.dumps(event) for event in told]
                for event in events:
                    listener.send(event)

    def turned(self, view: LiveView) -> None:
        """Nothing waits for the end of a turn."""
