"""Gateways as processes of their own, to be killed."""

import asyncio
import os
import sys
from pathlib import Path

import aiohttp

from exchange.effects.redis.log import AsyncRedisLog
from exchange.events.codec import decode
from exchange.settings import Settings, variable
from exchange.terms.stream import START
from tests.integration.api_world import Client


async def gateway_process(settings: Settings, err: Path, failpoint: str = "") -> asyncio.subprocess.Process:
    """`exchange api` as a process of its own, which may be killed at a fail-point."""
    names = ("home", "snapshots", "host", "port", "gateways", "redis_url", "database_url", "streams", "demo")
    environ = {variable(name): str(getattr(settings, name)) for name in names}
    with err.open("wb") as file:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "exchange",
            "api",
            env={**os.environ, **environ, "PYTHONPATH": "src", "EXCHANGE_FAILPOINT": failpoint},
            stderr=file,
            cwd=Path(__file__).parent.parent.parent,
        )


async def up(client: Client) -> bool:
    """Whether somebody listens and is healthy."""
    try:
        return (await client.get("/healthz")).status == 200
    except aiohttp.ClientConnectionError:
        return False


async def all_events(settings: Settings) -> list[object]:
    """Every event of the log."""
    log = AsyncRedisLog(settings.redis_url, settings.commands_key, settings.events_key)
    entries = await log.events(START, 10_000)
    await log.aclose()
    return [event for entry in entries for event in decode(entry.payload).events]
