"""The loop of a role: one turn after another until it is told to stop, and patience while the log is away.

A turn does one batch. What it raises decides: an unavailable log puts the role's memory in doubt, a full one leaves the
batch to be offered again, and both are waited out with growing pauses. A difference makes the role recover, if the log
was trimmed past its position. Everything else ends the role.
"""

from collections.abc import Awaitable, Callable

import structlog

from exchange.effects.ports import Clock, LogFull, LogUnavailable
from exchange.roles.memory import Memory
from exchange.roles.stops import Diverged, Trimmed

_logger = structlog.get_logger(__name__)

WAIT_MS = 200
"""How long a turn waits for something to do, and so how long a stop may take."""

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 1.0

Stopping = Callable[[], bool]


async def turn_until(stopping: Stopping, turn: Callable[[], Awaitable[object]], memory: Memory, clock: Clock) -> None:
    """Call `turn` until `stopping()`; a turn that has begun is finished.

    Raises:
        MustStop: see `stops`.
        EffectError: the log refused in a way that waiting does not cure, such as a wrong password.
    """
    pause = _FIRST_PAUSE
    while not stopping():
        try:
            await _turn(turn, memory)
        except LogUnavailable as error:
            memory.doubt()
            reason = f"log unavailable: {error}"
        except LogFull as error:
            reason = f"log full: {error}"
        else:
            pause = _FIRST_PAUSE
            continue
        _logger.warning("waiting for the log", reason=reason, pause=pause)
        await clock.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


async def _turn(turn: Callable[[], Awaitable[object]], memory: Memory) -> None:
    try:
        await turn()
    except Trimmed:
        raise
    except Diverged as difference:
        if not await memory.trimmed():
            raise
        _logger.warning("the log was trimmed past this position: recovering", reason=str(difference))
