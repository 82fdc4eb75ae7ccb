"""The loop of a projection that writes: one turn after another, and patience.

What passes by itself (log or database away, a lost race) makes the projection forget what it has read and begin again
from its committed position, after growing pauses. Whoever finds another one at work stands by until it is gone.
Everything else ends the projection.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from exchange.effects.ports import LogFull, LogUnavailable
from exchange.events.tail import TailLost

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0
_STANDBY_PAUSE: Final = 0.5

_logger = structlog.get_logger(__name__)


class Busy(Exception):
    """Another process writes what this one would."""


async def turn_until(
    stopping: Callable[[], bool],
    turn: Callable[[], Awaitable[None]],
    forget: Callable[[], Awaitable[None]],
    *passing: type[Exception],
) -> None:
    """Call `turn` until `stopping()`; a turn that has begun is finished.

    Args:
        forget: called before it begins again.
        passing: what passes by itself, besides the log's being away, full, or restarted.
    """
    away: tuple[type[Exception], ...] = (LogUnavailable, LogFull, TailLost, *passing)
    pause = _FIRST_PAUSE
    standing_by = False
    while not stopping():
        try:
            await turn()
        except away as error:
            await forget()
            _logger.warning("waiting", reason=f"{type(error).__name__}: {error}", pause=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        except Busy:
            if not standing_by:
                _logger.info("standing by: another process does this work")
            standing_by = True
            await asyncio.sleep(_STANDBY_PAUSE)
        else:
            pause = _FIRST_PAUSE
            standing_by = False
