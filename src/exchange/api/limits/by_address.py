"""What addresses have asked for, and who is shut out for having gone on after being told to wait.

The idea: a count is the last total known of all gateways plus what was counted here since, so it is at hand without
asking anybody. `untold` takes what has changed since the last time, `told` brings the totals back; whoever asks the
other gateways does it in between. Where nobody answers, the counts are this gateway's own.

Addresses of IPv6 count by their first 64 bits: that is what one customer is given. However many come, only so many are
remembered, and of these only so many in a minute are told to the others.
"""

import socket
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from exchange.api.limits.limiter import Limit, LimitReached
from exchange.effects.ports import Count

MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 60 * MINUTE_MS
FIVE_MINUTES_MS: Final = 5 * MINUTE_MS

PATIENCE: Final = 100
"""Refusals in a minute after which an address is shut out."""
BANS_MS: Final = tuple(minutes * MINUTE_MS for minutes in (2, 10, 60, 6 * 60, 24 * 60, 3 * 24 * 60))
"""How long, the first time and each further time (Binance: rest-api.md, IP Limits: from 2 minutes to 3 days)."""
REMEMBERED_MS: Final = 3 * DAY_MS
"""A ban counts as an earlier one for so long after its end."""

MOST: Final = 50_000
"""The most addresses that are remembered."""
MOST_TOLD: Final = 20_000
"""The most addresses in a minute that the others are told of: their counters stand in memory too."""
AT_ONCE: Final = 500
"""The most addresses in one telling."""

_SLACK_MS: Final = MINUTE_MS
"""Counters outlive their window by this: gateways' clocks differ."""
_LEVELS: Final = 16
"""A ban is told as one number: its end, times this, plus how often there was one."""


class _Tally:
    """A count within a window that ends at `end_ms`; `untold` is the part of `total` that the others do not know."""

    __slots__ = ("end_ms", "kind", "total", "untold", "window_ms")

    def __init__(self, kind: str, window_ms: int) -> None:
        self.kind = kind
        self.window_ms = window_ms
        self.end_ms = 0
        self.total = 0
        self.untold = 0

    def turn(self, now_ms: int) -> None:
        """Begin with the window of this moment."""
        self.end_ms = now_ms - now_ms % self.window_ms + self.window_ms
        self.total = self.untold = 0


class _Visitor:
    """An address; `level` is how often it was shut out."""

    __slots__ = ("banned_ms", "connections", "dirty", "level", "minute", "name", "new_ban", "raw", "refused", "weight")

    def __init__(self, name: str) -> None:
        self.name = name
        self.weight = _Tally("w", MINUTE_MS)
        self.raw = _Tally("r", FIVE_MINUTES_MS)
        self.connections = _Tally("c", FIVE_MINUTES_MS)
        self.refused = _Tally("o", MINUTE_MS)
        self.banned_ms = 0
        self.level = 0
        self.new_ban = False
        self.dirty = False
        self.minute = 0


class Told(NamedTuple):
    """Changes that are being told, and of what."""

    counts: list[Count]
    of: list[tuple[_Visitor, _Tally | None, int]]
    """For each the visitor and the tally with its window's end; no tally for a ban."""


class ByAddress:
    """Counts requests and connections of addresses. Limits that are zero are off."""

    def __init__(
        self,
        weight: int,
        raw: int,
        connections: int,
        changed: Callable[[], None],
        *,
        most: int = MOST,
        most_told: int = MOST_TOLD,
    ) -> None:
        """`changed` is called when there is something to tell; at most `most` addresses are remembered, and `most_told`
        told in a minute."""
        self._weight = Limit("REQUEST_WEIGHT", weight, 1, "MINUTE")
        self._raw = Limit("RAW_REQUESTS", raw, 5, "MINUTE")
        self._connections = Limit("CONNECTIONS", connections, 5, "MINUTE")
        self._changed = changed
        self._off = not (weight or raw)
        self._told_of = {kind for kind, limit in (("w", weight), ("r", raw), ("c", connections), ("o", 1)) if limit}
        self._most = most
        self._most_told = most_told
        self._visitors: OrderedDict[str, _Visitor] = OrderedDict()
        self._dirty: dict[_Visitor, None] = {}
        self._minute = 0
        self._told = 0

    def __len__(self) -> int:
        """How many addresses are remembered."""
        return len(self._visitors)

    @property
    def limits(self) -> list[Limit]:
        """Those in force."""
        return [limit for limit in (self._weight, self._raw, self._connections) if limit.limit]

    @property
    def silent(self) -> bool:
        """Whether there is nothing to tell."""
        return not self._dirty

    def request(self, address: str, weight: int, now_ms: int) -> None:
        """See `Limiter.request`."""
        if self._off:
            return
        visitor = self._visitors.get(address) or self._visitor(address)
        if now_ms < visitor.banned_ms:
            raise LimitReached(self._weight, _seconds(visitor.banned_ms - now_ms), banned=True)
        raw = visitor.raw
        if now_ms >= raw.end_ms:
            raw.turn(now_ms)
            if visitor.name in self._visitors:
                self._visitors.move_to_end(visitor.name)
        if raw.total >= self._raw.limit > 0:
            self._refuse(visitor, self._raw, raw, now_ms)
        used = visitor.weight
        if now_ms >= used.end_ms:
            used.turn(now_ms)
        if used.total + weight > self._weight.limit > 0:
            self._refuse(visitor, self._weight, used, now_ms)
        raw.total += 1
        raw.untold += 1
        used.total += weight
        used.untold += weight
        if not visitor.dirty:
            self._mark(visitor)

    def weighed(self, address: str, now_ms: int) -> list[tuple[Limit, int]]:
        """See `Limiter.weighed`."""
        if not self._weight.limit:
            return []
        visitor = self._visitors.get(address) or self._visitors.get(place_of(address))
        if visitor is None or now_ms >= visitor.weight.end_ms:
            return [(self._weight, 0)]
        return [(self._weight, visitor.weight.total)]

    def connection(self, address: str, now_ms: int) -> None:
        """See `Limiter.connection`."""
        if not self._connections.limit:
            return
        visitor = self._visitors.get(address) or self._visitor(address)
        if now_ms < visitor.banned_ms:
            raise LimitReached(self._connections, _seconds(visitor.banned_ms - now_ms), banned=True)
        tally = visitor.connections
        if now_ms >= tally.end_ms:
            tally.turn(now_ms)
        if tally.total >= self._connections.limit:
            self._refuse(visitor, self._connections, tally, now_ms)
        tally.total += 1
        tally.untold += 1
        self._mark(visitor)

    def untold(self, now_ms: int) -> Told:
        """Take what the others do not know, of some addresses: what of this is in doubt comes back to `kept`."""
        if self._minute != now_ms // MINUTE_MS:
            self._minute, self._told = now_ms // MINUTE_MS, 0
        told = Told([], [])
        for visitor in list(self._dirty)[:AT_ONCE]:
            del self._dirty[visitor]
            visitor.dirty = False
            if visitor.minute != self._minute:
                if self._told >= self._most_told:
                    continue
                visitor.minute = self._minute
                self._told += 1
            self._tell(visitor, told, now_ms)
        return told

    def told(self, told: Told, totals: Sequence[int]) -> None:
        """What was taken is known to the others, and these are the totals."""
        for (visitor, tally, end_ms), total in zip(told.of, totals, strict=True):
            if tally is None:
                until_ms, level = divmod(total, _LEVELS)
                if until_ms > visitor.banned_ms:
                    visitor.banned_ms, visitor.level = until_ms, level
            elif tally.end_ms == end_ms:
                tally.total = total + tally.untold

    def kept(self, told: Told) -> None:
        """What was taken may not have come to the others: tell it again. Twice is better than never; it is a bound."""
        for (visitor, tally, end_ms), count in zip(told.of, told.counts, strict=True):
            if tally is None:
                visitor.new_ban = visitor.new_ban or count.afresh
            elif tally.end_ms == end_ms:
                tally.untold += count.amount
            if self._visitors.get(visitor.name) is visitor:
                self._mark(visitor)

    def _tell(self, visitor: _Visitor, told: Told, now_ms: int) -> None:
        for tally in (visitor.weight, visitor.raw, visitor.connections, visitor.refused):
            if tally.untold and now_ms < tally.end_ms and tally.kind in self._told_of:
                name = f"{tally.kind}:{tally.end_ms // tally.window_ms}:{visitor.name}"
                told.counts.append(Count(name, tally.untold, tally.window_ms + _SLACK_MS))
                told.of.append((visitor, tally, tally.end_ms))
                tally.untold = 0
        ban = Count(f"b:{visitor.name}", 0, REMEMBERED_MS)
        if visitor.new_ban:
            visitor.new_ban = False
            left_ms = max(0, visitor.banned_ms - now_ms)
            ban = ban._replace(
                amount=visitor.banned_ms * _LEVELS + visitor.level, ttl_ms=left_ms + REMEMBERED_MS, afresh=True
            )
        told.counts.append(ban)
        told.of.append((visitor, None, 0))

    def _refuse(self, visitor: _Visitor, limit: Limit, tally: _Tally, now_ms: int) -> None:
        """Refuse, and shut out who has been refused too often.

        Raises:
            LimitReached: always.
        """
        refused = visitor.refused
        if now_ms >= refused.end_ms:
            refused.turn(now_ms)
        refused.total += 1
        refused.untold += 1
        self._mark(visitor)
        if refused.total <= PATIENCE:
            raise LimitReached(limit, _seconds(tally.end_ms - now_ms))
        earlier = visitor.level if now_ms < visitor.banned_ms + REMEMBERED_MS else 0
        visitor.level = min(earlier + 1, len(BANS_MS))
        visitor.banned_ms = now_ms + BANS_MS[visitor.level - 1]
        visitor.new_ban = True
        raise LimitReached(limit, _seconds(visitor.banned_ms - now_ms), banned=True)

    def _visitor(self, address: str) -> _Visitor:
        name = place_of(address)
        visitor = self._visitors.get(name)
        if visitor is None:
            if len(self._visitors) >= self._most:
                _, forgotten = self._visitors.popitem(last=False)
                self._dirty.pop(forgotten, None)
            visitor = self._visitors[name] = _Visitor(name)
        return visitor

    def _mark(self, visitor: _Visitor) -> None:
        visitor.dirty = True
        self._dirty[visitor] = None
        self._changed()


def place_of(address: str) -> str:
    """What an address counts as: itself, or the network of its first 64 bits."""
    if ":" not in address:
        return address
    try:
        return socket.inet_pton(socket.AF_INET6, address.partition("%")[0])[:8].hex() + "::/64"
    except OSError:
        return address


def _seconds(ms: int) -> int:
    """Whole seconds, rounded up, so that who waits them has waited long enough."""
    return max(1, -(-ms // 1000))
