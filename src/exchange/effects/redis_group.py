"""A consumer group on the event stream, for a projection whose own database holds its position.

The group is put back to that position whenever the projection begins, so that it delivers exactly what is not stored
yet, and its offset shows others (a trimmer, a monitor) how far the projection has come. It is never asked where the
projection stands.

Entries are handed out only while the server is the one that the position was compared with: a restarted server may have
lost its tail, and what it delivers next would be put on top of what is gone.
"""

from collections.abc import Sequence
from typing import cast

from redis.exceptions import ResponseError

from exchange.effects import redis_wire as wire
from exchange.effects.ports import LogUnavailable
from exchange.effects.redis_log import TIMEOUT, _Link
from exchange.terms.stream import EventEntry, StreamId, format_id

_CONSUMER = "projector"


class EventGroup:
    """One group with one consumer, over two connections: an acknowledgement does not wait for a read that waits."""

    def __init__(self, url: str, events_key: str, name: str, timeout: float = TIMEOUT) -> None:
        """Nothing is connected yet."""
        self._reads = _Link(url, timeout)
        self._acknowledgements = _Link(url, timeout)
        self._key = events_key
        self._name = name
        self._wait_ms = int(timeout * 600)
        self._incarnation = ""

    async def aclose(self) -> None:
        """Let the connections go."""
        await self._reads.close()
        await self._acknowledgements.close()

    async def begin(self, after: StreamId) -> None:
        """Put the group to a position, forgetting what it has handed out, and note which server this is.

        Raises:
            LogUnavailable: also when there is no event stream yet.
            LogFull, EffectError.
        """
        self._incarnation = ""
        *_, made, info = await self._reads.call_many(
            [
                # Together: at no moment does the group seem not to need the stream.
                ["MULTI"],
                ["XGROUP", "DESTROY", self._key, self._name],
                ["XGROUP", "CREATE", self._key, self._name, format_id(after)],
                ["EXEC"],
                ["INFO", "server"],
            ]
        )
        for reply in [made, info, *(made if isinstance(made, list) else [])]:
            if isinstance(reply, ResponseError):
                if "requires the key to exist" in str(reply):
                    raise LogUnavailable(f"there is no event stream {self._key} yet")
                raise wire.failure(reply)
        self._incarnation = wire.info_field(info, "run_id")

    async def read(self, count: int, wait_ms: int) -> list[EventEntry]:
        """The next entries, up to `count`; waits up to `wait_ms` for the first.

        Raises:
            LogUnavailable: also when the server or the group is no longer the one that `begin` saw.
            LogFull, EffectError.
        """
        group: wire.Command = ["XREADGROUP", "GROUP", self._name, _CONSUMER, "COUNT", count]
        wait: wire.Command = ["BLOCK", min(wait_ms, self._wait_ms)] if wait_ms > 0 else []
        read: wire.Command = [*group, *wait, "STREAMS", self._key, ">"]
        reply, info = await self._reads.call_many([read, ["INFO", "server"]])
        if isinstance(reply, ResponseError):
            if "NOGROUP" in str(reply):
                raise LogUnavailable(f"the group {self._name} is gone: the stream server has other data than before")
            raise wire.failure(reply)
        if isinstance(info, ResponseError):
            raise wire.failure(info)
        if wire.info_field(info, "run_id") != self._incarnation:
            raise LogUnavailable("the stream server was restarted")
        return wire.event_entries(wire.read_entries(reply))

    async def acknowledge(self, entries: Sequence[EventEntry]) -> None:
        """Say that entries are stored.

        Raises:
            LogUnavailable, LogFull, EffectError.
        """
        if entries:
            ids = cast(wire.Command, [format_id(entry.id) for entry in entries])
            await self._acknowledgements.call(["XACK", self._key, self._name, *ids])
