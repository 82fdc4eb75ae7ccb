"""After a sandbox's clock was moved: whatever fell due happens before anybody goes on.

A command does only so much of what is due at its time, and the rest at the next one. So ticks follow until one of them
finds nothing left to do; who moved the clock then sees the market as it is at the new time, and the same moves give the
same log.
"""

import time
from typing import Final

from exchange.commands.codec import encode
from exchange.commands.types import Tick
from exchange.effects.ports import Clock, Log, LogUnavailable
from exchange.events.codec import decode
from exchange.terms.stream import EventEntry, StreamId, format_id

TICK: Final = encode(Tick())
SECONDS: Final = 30.0
_POLL_S: Final = 0.002


async def settled(log: Log, clock: Clock, tick: StreamId, seconds: float = SECONDS) -> StreamId:
    """Wait until the tick of this id has its result, and append others until one has nothing left to do.

    Returns:
        The last one's id.

    Raises:
        LogUnavailable: also when the engine gives no result for so long; the clock stays where it was moved to.
    """
    until = time.monotonic() + seconds
    while decode((await _result(log, clock, tick, until)).payload).events:
        tick = await log.append(TICK)
    return tick


async def _result(log: Log, clock: Clock, id: StreamId, until: float) -> EventEntry:
    while (entry := await log.event(id)) is None:
        if time.monotonic() > until:
            raise LogUnavailable(f"the clock was moved, but the engine gives no result for its tick {format_id(id)}")
        await clock.sleep(_POLL_S)
    return entry
