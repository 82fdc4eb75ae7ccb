"""Where the past is read from."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from exchange.effects.ports import Log
from exchange.effects.redis_log import AsyncRedisLog
from exchange.settings import Settings, SettingsError


@asynccontextmanager
async def open_history(settings: Settings, source: str = "auto") -> AsyncIterator[Log]:
    """The log of these settings.

    Raises:
        SettingsError: they name none, or there is no such source.
    """
    if source not in {"auto", "streams"}:
        raise SettingsError(f"--source must be auto or streams, not {source!r}")
    if not settings.redis_url:
        raise SettingsError("no stream server is known: set REDIS_URL, or start `exchange up` in this EXCHANGE_HOME")
    log = AsyncRedisLog(settings.redis_url, settings.commands_key, settings.events_key)
    try:
        yield log
    finally:
        await log.aclose()
