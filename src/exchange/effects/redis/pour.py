"""Pouring a log into a stream server that has none, under the ids that it had.

It goes into keys of its own, which take the streams' names in one transaction at the end: a server never shows half a
log under the real names, whenever this ends. Each batch is added only where the one before it ended. It takes a user
who may delete and rename, and no role is such a user.
"""

from collections.abc import Sequence
from typing import Final, cast

from exchange.effects.failpoints import reached
from exchange.effects.ports import EffectError, Fenced, LogFull
from exchange.effects.redis import wire
from exchange.effects.redis.address import Address
from exchange.effects.redis.link import AsyncLink
from exchange.effects.redis.log import TIMEOUT
from exchange.effects.redis.wire import Refusal, Request
from exchange.terms.stream import CommandEntry, EventEntry, Head, format_id, genesis_head

_SUFFIX: Final = ":pouring"


class NotEmpty(EffectError):
    """There is a log already where one was to be poured."""


class RedisPouring:
    """The `Target` of `roles.pouring`, over a connection of its own."""

    def __init__(self, url: str, commands_key: str, events_key: str, timeout: float = TIMEOUT) -> None:
        """Nothing is connected yet.

        Raises:
            ValueError: the URL makes no sense.
        """
        self._link = AsyncLink(Address.of(url), timeout)
        self._keys = commands_key, events_key
        self._new = commands_key + _SUFFIX, events_key + _SUFFIX

    async def aclose(self) -> None:
        """Let the connection go."""
        self._link.close()

    async def begin(self) -> None:
        """See that no log is there, and clear away what an earlier attempt left.

        Raises:
            NotEmpty: one is.
            LogUnavailable, EffectError.
        """
        await self._refuse_used()
        await self._call("UNLINK", *self._new)

    async def add(self, built_on: Head, commands: Sequence[CommandEntry], entries: Sequence[EventEntry]) -> None:
        """Add commands and their results, all or none, after the entry that was added last.

        Raises:
            Fenced: the keys end somewhere else; somebody else pours.
            LogUnavailable, LogFull, EffectError.
        """
        await self._call("WATCH", *self._new)
        ends = [cast(wire.Raw, await self._call("XREVRANGE", key, "+", "-", "COUNT", 1)) for key in self._new]
        top = wire.first_event(ends[1])
        there = Head(top.id, top.chain) if top is not None else genesis_head()
        under = wire.stream_id(ends[0][0][0]) if ends[0] else genesis_head().id
        if there != built_on or under != built_on.id:
            raise Fenced(f"what was poured ends on {there!r}, not on {built_on!r}: another restore is at work")
        steps = []
        for command, entry in zip(commands, entries, strict=True):
            id = format_id(entry.id)
            steps.append(wire.request("XADD", self._new[0], id, *command.fields))
            steps.append(wire.request("XADD", self._new[1], id, "e", entry.payload, "h", entry.chain.hex()))
        await self._transaction(steps)

    async def finish(self) -> None:
        """Give what was poured the streams' names.

        Raises:
            NotEmpty: somebody was faster.
            LogUnavailable, EffectError.
        """
        reached("before_pour")
        await self._call("WATCH", *self._keys)
        await self._refuse_used()
        await self._transaction(
            [wire.request("RENAME", new, key) for new, key in zip(self._new, self._keys, strict=True)]
        )
        reached("after_pour")

    async def _refuse_used(self) -> None:
        for key in self._keys:
            if await self._call("EXISTS", key):
                info = cast(list[object], await self._call("XINFO", "STREAM", key))
                told = dict(zip(info[::2], info[1::2], strict=True))
                if told[b"length"] or told[b"last-generated-id"] != b"0-0":
                    raise NotEmpty(
                        f"the stream server has a log already ({told[b'length']} entries in {key}): a log is restored "
                        "into an empty server only. Stop the exchange and move the server's data away first."
                    )

    async def _transaction(self, steps: Sequence[Request]) -> None:
        packed = b"".join([wire.request("MULTI").packed, *[step.packed for step in steps], wire.request("EXEC").packed])
        replies = await self._link.call(Request(packed, len(steps) + 2))
        for reply in replies:
            if isinstance(reply, Refusal):
                raise wire.refused(str(reply))
        done = cast(list[object] | None, replies[-1])
        if done is None:
            raise Fenced("the keys changed meanwhile: another restore is at work")
        for reply in done:
            if isinstance(reply, Refusal):
                raise wire.refused(str(reply))

    async def _call(self, *command: wire.Argument) -> object:
        (reply,) = await self._link.call(wire.request(*command))
        if isinstance(reply, Refusal):
            refusal = wire.refused(str(reply))
            if "NOPERM" in str(reply) and not isinstance(refusal, LogFull):
                raise EffectError(
                    f"the stream server does not let this user restore ({reply}): name one in REDIS_URL who may also "
                    "XADD, UNLINK, RENAME and WATCH"
                )
            raise refusal
        return reply
