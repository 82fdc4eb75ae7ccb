"""Counters that all gateways share, in the streams' server.

One call is one transaction and one round trip: no counter is left without an end when a connection breaks half-way.
The server writes every change to its disk before the next command, under `appendfsync always`: whoever counts gathers,
and calls seldom.
"""

from collections.abc import Sequence
from typing import Final, cast

from exchange.effects.ports import Count
from exchange.effects.redis import wire
from exchange.effects.redis.address import Address
from exchange.effects.redis.link import AsyncLink
from exchange.effects.redis.wire import Refusal, Request

DEADLINE_S: Final = 1.0
"""How long one call may take."""


class RedisCounters:
    """The `Counters` port, over a connection of its own that opens when first used."""

    def __init__(self, url: str, prefix: str, seconds: float = DEADLINE_S) -> None:
        """Nothing is connected yet.

        Args:
            url: the server's.
            prefix: of the keys, as `Settings.limits_key`; the rules of user `gateway` know no other.
            seconds: how long one call may take.

        Raises:
            ValueError: the URL makes no sense.
        """
        self._link = AsyncLink(Address.of(url), seconds)
        self._prefix = prefix

    async def aclose(self) -> None:
        """Let the connection go."""
        self._link.close()

    async def add(self, counts: Sequence[Count]) -> list[int]:
        """See `Counters.add`.

        Raises:
            LogUnavailable, LogFull, EffectError.
        """
        if not counts:
            return []
        steps = [wire.request("MULTI")]
        for count in counts:
            steps += self._steps(count)
        steps.append(wire.request("EXEC"))
        replies = await self._link.call(Request(b"".join([step.packed for step in steps]), len(steps)))
        for reply in replies:
            if isinstance(reply, Refusal):
                raise wire.refused(str(reply))
        return _totals(counts, cast(list[object], replies[-1]))

    def _steps(self, count: Count) -> list[Request]:
        key = f"{self._prefix}:{count.name}"
        if count.afresh:
            return [wire.request("SET", key, count.amount, "PX", count.ttl_ms)]
        if not count.amount:
            return [wire.request("GET", key)]
        return [wire.request("INCRBY", key, count.amount), wire.request("PEXPIRE", key, count.ttl_ms)]


def _totals(counts: Sequence[Count], done: list[object]) -> list[int]:
    """The totals, from what a transaction gave for each of its commands."""
    totals = []
    at = 0
    for count in counts:
        reply = done[at]
        if isinstance(reply, Refusal):
            raise wire.refused(str(reply))
        if count.afresh:
            totals.append(count.amount)
        elif not count.amount:
            totals.append(0 if reply is None else int(cast(bytes, reply)))
        else:
            totals.append(cast(int, reply))
            at += 1
        at += 1
    return totals
