"""A sandbox with everything real around it: its own stream server, an engine that waits by its clock, a gateway."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp

from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.clock import BlockingSandboxClock
from exchange.effects.redis.log import BlockingRedisLog
from exchange.effects.redis.log import run as drive
from exchange.embedded.valkey import ValkeyServer
from exchange.roles.engine import TICK_MS, Engine
from exchange.settings import Settings
from tests.integration.api_world import World, eventually, free_port, healthy, make_tables


class EngineThread:
    """The engine's role as its process lives it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopping = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._live)
        self._thread.start()

    def stop(self) -> None:
        """End it after its turn; raises what it died of."""
        self._stopping = True
        self._thread.join(10)
        if self._error is not None:
            raise self._error

    def _live(self) -> None:
        settings = self._settings
        log = BlockingRedisLog(
            settings.redis_url, settings.commands_key, settings.events_key, clock_key=settings.clock_key
        )
        clock = BlockingSandboxClock(settings.redis_url, settings.commands_key, settings.clock_key)
        engine = Engine(log, FileSnapshotStore(settings.snapshots), clock, wait_ms=TICK_MS)
        try:
            drive(engine.run(lambda: self._stopping))
        except BaseException as error:  # noqa: BLE001 - told to the test at the end
            self._error = error
        finally:
            clock.close()
            log.close()


class SandboxWorld(World):
    """The same as elsewhere, with the engine in a thread."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession, engine: EngineThread) -> None:
        super().__init__(settings, session)
        self.engine = engine


@asynccontextmanager
async def sandbox_world(
    source: Settings, home: Path, database_url: str, **options: Any
) -> AsyncIterator["SandboxWorld"]:
    """A made sandbox in service, without any market of its own."""
    server = ValkeyServer(home / "valkey", sockets=home / "run", log=home / "valkey.log", guarded=False)
    server.start()
    settings = replace(
        source,
        home=home,
        snapshots=home / "snapshots",
        redis_url=server.url,
        database_url=database_url,
        port=free_port(),
    )
    await make_tables(database_url)
    engine = EngineThread(settings)
    try:
        async with aiohttp.ClientSession() as session:
            made = SandboxWorld(settings, session, engine)
            try:
                await made.start_gateway(**options)
                await eventually(lambda: healthy(made))
                yield made
            finally:
                await made.stop_gateways()
    finally:
        engine.stop()
        server.stop()
