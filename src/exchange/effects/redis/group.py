"""A projection's mark on the event stream: a consumer group that is told how far the projection has come.

Nothing is read through the group. The server moves a group when it hands out, and may carry out the request of a
reader that has died since: who takes what comes next would then miss what the dead one was given. So the projection
reads on from its own position (see `events.tail.read_on`) and moves the group there after each commit.

To others (an operator, whoever trims) the group shows what is still needed: it follows the projection's position,
nothing in it is pending, and `XINFO GROUPS` shows its lag. It must never be asked where the projection stands, and
never be moved ahead of what is committed. To move it twice or late does no harm, so a plain client will do.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from exchange.effects.ports import EffectError, LogUnavailable
from exchange.effects.redis import wire
from exchange.effects.redis.log import TIMEOUT
from exchange.terms.stream import START, EventEntry, StreamId, format_id


class EventGroup:
    """One group, over one connection that is opened when first used."""

    def __init__(self, url: str, events_key: str, name: str, timeout: float = TIMEOUT) -> None:
        self._client: Redis = Redis.from_url(
            url, protocol=2, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0)
        )
        self._key = events_key
        self._name = name
        self._nth: tuple[StreamId, int] | None = None

    async def aclose(self) -> None:
        """Let the connection go."""
        await self._client.aclose()

    async def begin(self, at: StreamId) -> None:
        """Put the group to a position. Makes the group if it is not there, and so the stream.

        Raises:
            LogUnavailable, LogFull, EffectError.
        """
        pipeline = self._client.pipeline(transaction=False)
        pipeline.xgroup_create(self._key, self._name, format_id(at), mkstream=True)
        pipeline.xinfo_stream(self._key)
        pipeline.xinfo_groups(self._key)
        made, stream, groups = await _replies(pipeline)
        for reply in (made, stream, groups):
            if isinstance(reply, ResponseError) and "BUSYGROUP" not in str(reply):
                raise _failure(reply)
        self._nth = self._numbered(at, stream, groups)
        await self._put(at)

    async def move(self, entries: Sequence[EventEntry]) -> None:
        """Put the group to the last of these entries, which follow the ones that it was moved to before.

        Raises:
            LogUnavailable: also when the group is gone.
            LogFull, EffectError.
        """
        last = entries[-1].id
        if self._nth is not None and self._nth[0] <= last:
            id, number = self._nth
            self._nth = last, number + sum(entry.id > id for entry in entries)
        await self._put(last)

    async def _put(self, id: StreamId) -> None:
        number = self._nth[1] if self._nth is not None and self._nth[0] == id else None
        pipeline = self._client.pipeline(transaction=False)
        pipeline.xgroup_setid(self._key, self._name, format_id(id), entries_read=number)
        (reply,) = await _replies(pipeline)
        if isinstance(reply, ResponseError):
            if "NOGROUP" in str(reply) or "requires the key to exist" in str(reply):
                raise LogUnavailable(f"the group {self._name} is gone: the stream server has other data than before")
            raise _failure(reply)

    def _numbered(
        self, at: StreamId, stream: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]
    ) -> tuple[StreamId, int] | None:
        """An id from `at` on, and how many entries were ever added up to it: the server does not count up to an id in
        the middle, and needs the number to tell the lag. None if it does not count at all."""
        added = stream.get("entries-added")
        if added is None:
            return None
        for group in groups:
            if group["name"] == self._name.encode() and wire.stream_id(group["last-delivered-id"]) == at:
                number = group.get("entries-read")
                if number is not None:
                    return at, number
        if at == START:
            return START, added - stream["length"]
        return wire.stream_id(stream["last-generated-id"]), added


async def _replies(pipeline: Pipeline) -> list[Any]:
    """The replies in order, refusals among them as `ResponseError`s.

    Raises:
        LogUnavailable, EffectError.
    """
    try:
        return await pipeline.execute(raise_on_error=False)
    except (RedisError, OSError) as error:
        raise _failure(error) from error


def _failure(error: Exception) -> EffectError:
    """What an error of the client library means to a projection."""
    if isinstance(error.__cause__, RedisError):
        return _failure(error.__cause__)  # the library wraps what goes wrong on a unix socket's log-in
    if isinstance(error, AuthenticationError):
        return wire.refused(f"NOAUTH {error}")
    if isinstance(error, ResponseError):
        return wire.refused(f"{error.status_code or ''} {error}".strip())
    return LogUnavailable(f"{type(error).__name__}: {error}")
