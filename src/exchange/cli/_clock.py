"""The clock that a blocking role waits by."""

from exchange.effects.clock import BlockingClock
from exchange.effects.ports import Clock
from exchange.effects.redis.clock import BlockingSandboxClock
from exchange.roles.engine import TICK_MS
from exchange.roles.turns import WAIT_MS
from exchange.settings import Settings


def wait_ms(settings: Settings) -> int:
    """How long a role's turn may wait for something to do: in a sandbox, whose clock may run fast, only shortly."""
    return TICK_MS if settings.sandbox else WAIT_MS


def open_clock(settings: Settings, user: str = "engine") -> Clock:
    """The machine's own clock; in a sandbox, the sandbox's, as this user of the stream server.

    Raises:
        SettingsError: it is a sandbox, and no stream server is known.
    """
    if not settings.sandbox:
        return BlockingClock()
    return BlockingSandboxClock(settings.redis_for(user), settings.commands_key, settings.clock_key)
