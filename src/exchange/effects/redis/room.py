"""How much room the stream server has, as its INFO says it."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from exchange.effects.redis import wire
from exchange.effects.redis.wire import Refusal, Request

QUESTION: Final = Request(wire.request("INFO", "memory").packed + wire.request("INFO", "persistence").packed, 2)


class Room(NamedTuple):
    """Memory in bytes (what counts towards the limit, and the limit; 0 is none), and whether the last write to the disk
    went well."""

    used: int
    limit: int
    writes: bool = True


def room_of(replies: Sequence[object]) -> Room:
    """Read the replies to `QUESTION`.

    Raises:
        EffectError: the server refuses to say.
    """
    for reply in replies:
        if isinstance(reply, Refusal):
            raise wire.refused(str(reply))
    memory, disk = replies
    used, aside, limit = (
        int(wire.info_field(memory, field) or 0) for field in ("used_memory", "mem_not_counted_for_evict", "maxmemory")
    )
    return Room(used - aside, limit, wire.info_field(disk, "aof_last_write_status") != "err")
