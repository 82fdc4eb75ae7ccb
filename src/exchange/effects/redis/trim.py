"""Trimming both streams of a log, as one.

One transaction trims both at the same id, so no reader, and no crash, ever sees one reach further back than the other.
The trim is exact (MINID without `~`): what stands at the horizon stays, for everybody to compare with what they know.
"""

from typing import Final, cast

from exchange.effects.failpoints import reached
from exchange.effects.redis import wire
from exchange.effects.redis.address import Address
from exchange.effects.redis.link import AsyncLink
from exchange.effects.redis.log import TIMEOUT
from exchange.effects.redis.wire import Refusal, Request
from exchange.terms.stream import StreamId, format_id

_NO_KEY: Final = "ERR no such key"


class RedisTrimmer:
    """The `Trimmer` over a connection of its own, opened when first used."""

    def __init__(self, url: str, commands_key: str, events_key: str, timeout: float = TIMEOUT) -> None:
        """Nothing is connected yet.

        Raises:
            ValueError: the URL makes no sense.
        """
        self._link = AsyncLink(Address.of(url), timeout)
        self._commands_key = commands_key
        self._events_key = events_key

    async def aclose(self) -> None:
        """Let the connection go."""
        self._link.close()

    async def trim(self, horizon: StreamId) -> int:
        """See `Trimmer.trim`."""
        keys = self._commands_key, self._events_key
        steps = [wire.request("MULTI")]
        steps += [wire.request("XTRIM", key, "MINID", format_id(horizon)) for key in keys]
        steps += [wire.request("XLEN", self._events_key), wire.request("EXEC")]
        reached("before_trim")
        replies = await self._link.call(Request(b"".join([step.packed for step in steps]), len(steps)))
        reached("after_trim")
        for reply in replies:
            if isinstance(reply, Refusal):
                raise wire.refused(str(reply))
        done = cast(list[object], replies[-1])
        for reply in done:
            if isinstance(reply, Refusal):
                raise wire.refused(str(reply))
        return cast(int, done[-1])

    async def groups(self) -> dict[str, StreamId]:
        """See `Trimmer.groups`."""
        (reply,) = await self._link.call(wire.request("XINFO", "GROUPS", self._events_key))
        if isinstance(reply, Refusal):
            if str(reply).startswith(_NO_KEY):
                return {}
            raise wire.refused(str(reply))
        found = {}
        for group in cast(list[list[object]], reply):
            told = dict(zip(group[::2], group[1::2], strict=True))
            found[cast(bytes, told[b"name"]).decode(errors="replace")] = wire.stream_id(told[b"last-delivered-id"])
        return found
