"""The gateway as a process: every part put together, started in order, and taken down in order.

The order that matters: the view follows the log before the first request is taken, so that no reply can come before its
reader; and at the end no more requests are taken, those under way are answered, and sockets are told why they close.
"""

import asyncio
import gc
import resource
import signal
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any, Final

import structlog
from aiohttp import web

from exchange.api.app import Door
from exchange.api.archived import Archived
from exchange.api.auth.identity import COST, Identity, random_subject
from exchange.api.auth.key_rows import KeyRows
from exchange.api.auth.keys import KeyStore
from exchange.api.auth.people import People
from exchange.api.auth.second_factor import SecondFactors
from exchange.api.auth.secrets import load_secrets
from exchange.api.auth.sessions import Sessions
from exchange.api.auth.store import Store
from exchange.api.auth.sub_accounts import SubAccounts
from exchange.api.auth.tokens import Tokens, load_key
from exchange.api.commanding import DEADLINE_S, CommandPath
from exchange.api.following import Follower
from exchange.api.gateway import Gateway
from exchange.api.headroom import Headroom, disk_of
from exchange.api.http.crowd import MAX_CONNECTIONS, Crowd
from exchange.api.limits.shared import SharedLimiter
from exchange.api.past.reads import Past
from exchange.api.symbols import Symbols
from exchange.api.v1.hub import Hub, ticking
from exchange.api.v3.streams.door import paths
from exchange.api.v3.streams.hub import Streams
from exchange.api.v3.streams.hub import ticking as streaming
from exchange.api.v3.userdata.feed import Feed
from exchange.api.v3.userdata.listening import ListenKeys
from exchange.api.v3.wsapi.lobby import PATH, Lobby
from exchange.api.websocket.line import GOING_AWAY
from exchange.effects import sandbox_mark
from exchange.effects.clock import AsyncClock
from exchange.effects.files import FileSnapshotStore
from exchange.effects.ports import LogUnavailable
from exchange.effects.redis.clock import SandboxClock
from exchange.effects.redis.counters import RedisCounters
from exchange.effects.redis.log import AsyncRedisLog
from exchange.projections.journal.database import DatabaseSegments
from exchange.projections.timescale.history import History
from exchange.settings import Settings

_logger = structlog.get_logger(__name__)

SEEDING_S: Final = 3.0
DRAIN_S: Final = 10.0
_BACKLOG: Final = 1024
_OWN_FILES: Final = 128


class Server:
    """One gateway. `start`, then `serve` until `stop` is set, then `aclose`."""

    def __init__(self, settings: Settings, *, password_cost: int = COST, deadline_s: float = DEADLINE_S) -> None:
        self.settings = settings
        self.stop = asyncio.Event()
        self._password_cost = password_cost
        self._deadline_s = deadline_s
        self._clock = AsyncClock()
        self._sandbox = sandbox_clock(settings)
        self.hub = Hub(self._sandbox or self._clock, self._clock)
        self._stack = AsyncExitStack()
        self._lives: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Read the log up to its end, then listen.

        Raises:
            MustStop, EffectError: the log cannot be used; see `roles.stops`.
            KeyUnusable: the key for tokens, or for secrets.
            OSError: the port is taken.
        """
        settings = self.settings
        token_key = load_key(settings.keys_dir)
        tokens = Tokens(token_key)
        clock = self._clock
        reads, questions = self._log(), self._log()
        history = people = archived = keys = None
        if settings.database_url:
            segments = DatabaseSegments(settings.database_url)
            self._stack.push_async_callback(segments.close)
            archived = Archived(segments)
            history = History(settings.database_url)
            self._stack.push_async_callback(history.close)
            mark = sandbox_mark.read(settings.home)
            new_subject = mark.subject if mark is not None else random_subject
            secrets = load_secrets(settings.keys_dir)
            store = Store(settings.database_url)
            self._stack.push_async_callback(store.close)
            identity = Identity(store, cost=self._password_cost, new_subject=new_subject)
            self._stack.callback(identity.close)
            key_store = Store(settings.database_url)
            self._stack.push_async_callback(key_store.close)
            keys = KeyStore(KeyRows(key_store), secrets, clock)
            self._stack.push_async_callback(keys.close)
            people = People(
                identity,
                Sessions(store, token_key, days=settings.session_days, token_minutes=settings.token_minutes),
                SecondFactors(store, secrets),
                SubAccounts(store),
            )
        hub = self.hub
        past = Past(history)
        streams = self.streams = Streams(self._sandbox or clock, past.base)
        counters = RedisCounters(settings.redis_for("gateway"), settings.limits_key)
        self._stack.push_async_callback(counters.aclose)
        seed = None if history is None else history.unfilled
        limiter = SharedLimiter(settings, counters, clock, self._sandbox or clock, seed)
        snapshots = FileSnapshotStore(settings.snapshots)
        feed = Feed(self._sandbox or clock, Symbols())
        follower = Follower(
            reads,
            questions,
            snapshots,
            self._sandbox or clock,
            questions.pin,
            history,
            audiences=[hub, streams, limiter.orders, feed],
        )
        await self._read_up(follower)
        embedded = settings.redis_url.startswith("unix:")
        headroom = Headroom(questions.room, disk_of(settings.home / "valkey") if embedded else lambda: None)
        commands = CommandPath(
            questions,
            follower,
            deadline_s=self._deadline_s,
            headroom=headroom,
            archived=archived,
            submit=questions.submit,
        )
        gateway = Gateway(
            settings,
            questions,
            clock,
            follower,
            commands,
            past,
            people,
            tokens,
            self._sandbox,
            keys=keys,
            limiter=limiter,
            counters=counters,
        )
        gateway.user_streams = ListenKeys(feed, counters, token_key, clock)
        streams.users = gateway.user_streams
        lobby = Lobby(gateway, feed)
        self._stack.push_async_callback(follower.stop)
        self._task(follower.run())
        if self._sandbox is not None:
            self._stack.callback(self._sandbox.close)
            self._task(self._sandbox.follow())
        self._task(headroom.follow(clock))
        self._task(limiter.run())
        if people is not None:
            self._task(people.sessions.follow(clock))
        if keys is not None:
            self._task(keys.follow())
        self._task(ticking(hub, lambda: follower.view))
        self._task(gateway.user_streams.follow())
        self._task(lobby.follow_keys())
        self._task(streaming(streams, lambda: follower.view))
        await self._listen(gateway, hub, streams, lobby)

    async def serve(self) -> None:
        """Go on until told to stop.

        Raises:
            MustStop: the log turned out not to be what it was.
            Exception: whatever ended one of the lives beside the requests. Without it the gateway would go on, and
                believe for ever what it no longer asks about (which sessions have ended, who is shut out).
        """
        if not self._lives:
            raise RuntimeError("start first")
        stopping = asyncio.create_task(self.stop.wait())
        done, _ = await asyncio.wait((stopping, *self._lives), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for life in done - {stopping}:
            life.result()

    async def aclose(self) -> None:
        """Answer what is under way, tell the sockets, let everything go."""
        await self._stack.aclose()

    def _log(self) -> AsyncRedisLog:
        settings = self.settings
        log = AsyncRedisLog(
            settings.redis_for("gateway"),
            settings.commands_key,
            settings.events_key,
            name="gateway",
            replicas=settings.replicas,
            replicas_on_disk=settings.replicas_on_disk,
            clock_key=settings.clock_key,
        )
        self._stack.push_async_callback(log.aclose)
        return log

    def _task(self, life: Coroutine[Any, Any, None]) -> None:
        """Let something go on until the end; `serve` looks after it."""
        task = asyncio.create_task(life)
        self._lives.append(task)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._stack.push_async_callback(end)

    async def _read_up(self, follower: Follower) -> None:
        """Wait for the log, as long as it takes: it may be starting too."""
        while not self.stop.is_set():
            try:
                if self._sandbox is not None:
                    await self._sandbox.refresh()
                await follower.start()
            except LogUnavailable as error:
                _logger.warning("waiting for the log", reason=str(error))
                try:
                    async with asyncio.timeout(0.5):
                        await self.stop.wait()
                except TimeoutError:
                    continue
            else:
                await follower.seeded(SEEDING_S)
                return

    async def _listen(self, gateway: Gateway, hub: Hub, streams: Streams, lobby: Lobby) -> None:
        settings = self.settings
        door = Door(
            gateway,
            hub,
            Crowd(most_connections(), shared=gateway.addresses.shared),
            {PATH: lobby.serve, **paths(gateway, streams)},
        )
        runner = web.ServerRunner(door.server, shutdown_timeout=DRAIN_S)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        self._stack.push_async_callback(door.connections.close, DRAIN_S)
        self._stack.push_async_callback(gateway.commands.drained, DRAIN_S)
        self._stack.push_async_callback(_hang_up, hub)
        self._stack.push_async_callback(streams.hang_up)
        self._stack.push_async_callback(lobby.close, DRAIN_S)
        listening = await asyncio.get_running_loop().create_server(
            door.connections,
            settings.host,
            settings.port,
            backlog=_BACKLOG,
            reuse_port=True if settings.gateways > 1 else None,
        )
        self._stack.callback(listening.close)


def sandbox_clock(settings: Settings) -> SandboxClock | None:
    """The clock of a sandbox; None outside one."""
    if not settings.sandbox:
        return None
    return SandboxClock(settings.redis_for("gateway"), settings.commands_key, settings.clock_key)


def most_connections() -> int:
    """As many as there may be, or as the system lets this process have files open, but for those it needs itself."""
    allowed, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != highest:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest, highest))
            allowed = highest
    if allowed == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(_OWN_FILES, min(MAX_CONNECTIONS, allowed - _OWN_FILES))


async def _hang_up(hub: Hub) -> None:
    hub.close_all(GOING_AWAY, "the gateway stops: reconnect")


def spare_collector() -> None:
    """Let the cyclic collector look seldom, and never at what was there before the first request.

    Orders, balances and entries hold no cycles, but the collector walks them all: at its usual pace it took a third of
    the gateway's time. What the web server leaves in cycles is still found.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        See `Server.start` and `Server.serve`.
    """
    server = Server(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop.set)
    try:
        await server.start()
        spare_collector()
        _logger.info("listening", host=settings.host, port=settings.port)
        await server.serve()
    finally:
        await server.aclose()
