"""A gateway with everything real around it: Valkey, PostgreSQL, the engine's role, and clients of both doors."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp

from exchange.api.auth.sessions import Sessions
from exchange.api.auth.store import Store
from exchange.api.auth.tokens import OPERATOR, Tokens, load_key
from exchange.api.server import Server
from exchange.effects.clock import AsyncClock
from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis.group import EventGroup
from exchange.effects.redis.log import AsyncRedisLog
from exchange.projections.timescale import database
from exchange.projections.timescale.history import History
from exchange.projections.timescale.people import metadata
from exchange.projections.timescale.projector import Projector
from exchange.projections.timescale.words import NAME
from exchange.projections.timescale.writer import Writer
from exchange.roles.engine import Engine
from exchange.settings import Settings

MARKET = "TATA-INR"
PASSWORD = "correct horse"
DEADLINE_S = 10.0

Json = dict[str, Any]


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    data: Json
    headers: dict[str, str]

    @property
    def code(self) -> str:
        """The error's code; empty when it is none."""
        return str(self.data["error"]["code"]) if "error" in self.data else ""

    @property
    def field(self) -> str | None:
        """The error's field."""
        found: str | None = self.data["error"]["field"]
        return found


class Client:
    """One caller of the REST API, perhaps signed in."""

    def __init__(self, session: aiohttp.ClientSession, base: str, token: str = "") -> None:
        self.session = session
        self.base = base
        self.token = token
        self.account = 0

    async def call(self, method: str, path: str, body: object = None, **options: Any) -> Answer:
        """One request; `body` is sent as JSON."""
        headers = dict(options.pop("headers", {}))
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
            options["data"] = json.dumps(body)
        url = path if path.startswith("http") else f"{self.base}{path}"
        async with self.session.request(method, url, headers=headers, **options) as response:
            text = await response.text()
            plain = text and response.content_type != "application/json"
            data = {"text": text} if plain else json.loads(text or "{}")
            return Answer(response.status, data, dict(response.headers))

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.call("GET", path, **options)

    async def post(self, path: str, body: object = None, **options: Any) -> Answer:
        return await self.call("POST", path, body, **options)

    async def limit(self, kind: str, price: str, quantity: str, **more: object) -> Answer:
        """Place a limit order."""
        order = {"type": "limit", "kind": kind, "market": MARKET, "price": price, "quantity": quantity}
        return await self.post("/api/v1/order", {**order, **more})

    async def market(self, kind: str, **size: object) -> Answer:
        """Place a market order."""
        return await self.post("/api/v1/order", {"type": "market", "kind": kind, "market": MARKET, **size})

    async def balances(self) -> dict[str, tuple[str, str]]:
        """Available and locked by asset."""
        answer = await self.get("/api/v1/balances")
        return {row["asset"]: (row["available"], row["locked"]) for row in answer.data["balances"]}


class Socket:
    """One WebSocket, with what came on it."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self._next = 0
        self._kept: list[Json] = []

    async def ask(self, method: str, *params: str, **more: object) -> Json:
        """A request's answer; channel messages that come before it are kept for `receive`."""
        self._next += 1
        await self.ws.send_str(json.dumps({"method": method, "params": list(params), "id": self._next, **more}))
        while True:
            message = await self._read()
            if message.get("id") == self._next:
                return message
            self._kept.append(message)

    async def receive(self, channel: str = "") -> Json:
        """The next channel message (of a channel)."""
        for place, message in enumerate(self._kept):
            if not channel or message["channel"] == channel:
                return self._kept.pop(place)
        while True:
            message = await self._read()
            if not channel or message.get("channel") == channel:
                return message
            self._kept.append(message)

    def forget(self, channel: str) -> None:
        """Drop what was kept of a channel."""
        self._kept = [message for message in self._kept if message["channel"] != channel]

    async def _read(self) -> Json:
        async with asyncio.timeout(DEADLINE_S):
            frame = await self.ws.receive()
        assert frame.type is aiohttp.WSMsgType.TEXT, frame
        decoded: Json = json.loads(frame.data)
        return decoded


class World:
    """Everything that runs. `settings` are those of the gateways."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        self.settings = settings
        self.session = session
        self.servers: list[Server] = []
        self._serving: list[asyncio.Task[None]] = []
        self._engine: asyncio.Task[None] | None = None
        self._engine_log: AsyncRedisLog | None = None
        self._stop_engine = False
        self._projector: asyncio.Task[None] | None = None
        self._stop_projector = False
        self._users = 0

    @property
    def base(self) -> str:
        """The first gateway's address."""
        return f"http://127.0.0.1:{self.settings.port}"

    async def start_engine(self) -> None:
        """Begin the engine's role."""
        self._stop_engine = False
        self._engine_log = AsyncRedisLog(self.settings.redis_url, self.settings.commands_key, self.settings.events_key)
        engine = Engine(self._engine_log, FileSnapshotStore(self.settings.snapshots), AsyncClock(), wait_ms=50)
        self._engine = asyncio.create_task(engine.run(lambda: self._stop_engine))

    async def stop_engine(self) -> None:
        """End the engine's role after its turn."""
        self._stop_engine = True
        if self._engine is not None:
            await self._engine
            self._engine = None
        if self._engine_log is not None:
            await self._engine_log.aclose()

    async def start_gateway(self, settings: Settings | None = None, **options: Any) -> Server:
        """Begin one more gateway (cheap passwords)."""
        server = Server(settings or self.settings, password_cost=4, **options)
        await server.start()
        self.servers.append(server)
        self._serving.append(asyncio.create_task(server.serve()))
        return server

    async def stop_gateways(self) -> None:
        """End all gateways."""
        for server in self.servers:
            server.stop.set()
        await asyncio.gather(*self._serving)
        for server in self.servers:
            await server.aclose()
        self.servers, self._serving = [], []

    async def start_projector(self) -> None:
        """Begin the projection into the database."""
        self._stop_projector = False
        settings = self.settings
        log = AsyncRedisLog(settings.redis_url, settings.commands_key, settings.events_key)
        group = EventGroup(settings.redis_url, settings.events_key, NAME)
        writer = Writer(settings.database_url)

        async def live() -> None:
            await Projector(log, group, writer, wait_ms=20).run(lambda: self._stop_projector)
            await writer.close()
            await group.aclose()
            await log.aclose()

        self._projector = asyncio.create_task(live())

    async def stop_projector(self) -> None:
        """End the projection after its turn."""
        self._stop_projector = True
        if self._projector is not None:
            await self._projector
            self._projector = None

    def anonymous(self) -> Client:
        """A client without a token."""
        return Client(self.session, self.base)

    def operator(self) -> Client:
        """A client with the operator's token."""
        token, _ = Tokens(load_key(self.settings.keys_dir)).issue(OPERATOR, AsyncClock().now_ms(), 15)
        return Client(self.session, self.base, token)

    async def user(self, **funds: str) -> Client:
        """A new user, signed in, with the given balances."""
        self._users += 1
        credentials = {"email": f"user{self._users}@example.org", "password": PASSWORD}
        client = self.anonymous()
        made = await client.post("/api/v1/signup", credentials)
        assert made.status == 201, made
        signed = await client.post("/api/v1/signin", credentials)
        assert signed.status == 200, signed
        client.token = signed.data["token"]
        client.account = signed.data["account"]
        operator = self.operator()
        for asset, amount in funds.items():
            paid = await operator.post(
                "/api/v1/deposits", {"asset": asset, "amount": amount, "account": client.account}
            )
            assert paid.status == 201, paid
        return client

    async def renew(self, client: Client) -> None:
        """Give a client a token of a new session, whatever has become of the old one and of the password."""
        key, now_ms = load_key(self.settings.keys_dir), AsyncClock().now_ms()
        subject = Tokens(key).verify(client.token, now_ms).subject
        store = Store(self.settings.database_url)
        session = await Sessions(store, key, days=1, token_minutes=15).begin(subject, "127.0.0.1", "renewed")
        await store.close()
        client.token, _ = Tokens(key).issue(subject, now_ms, 15, session.id)

    async def create_market(self) -> None:
        """TATA (4 decimals, lots of 1) against INR (2 decimals, ticks of 0.05)."""
        operator = self.operator()
        for asset, decimals in (("TATA", 4), ("INR", 2)):
            answer = await operator.post("/api/v1/admin/assets", {"asset": asset, "decimals": decimals})
            assert answer.status == 201, answer
        terms = {"tick_size": "0.05", "lot_size": "1", "min_notional": "1"}
        fees = {"maker_fee": "0.001", "taker_fee": "0.002345"}
        answer = await operator.post("/api/v1/admin/markets", {"market": MARKET, **terms, **fees})
        assert answer.status == 201, answer

    @asynccontextmanager
    async def socket(self, client: Client | None = None, **options: Any) -> AsyncIterator[Socket]:
        """A WebSocket, authenticated when a client is given."""
        async with self.session.ws_connect(f"{self.base}/api/v1/ws", **options) as ws:
            opened = Socket(ws)
            if client is not None:
                answer = await opened.ask("AUTH", client.token)
                assert "result" in answer, answer
            yield opened


@asynccontextmanager
async def world(settings: Settings, *, gateways: int = 1, **options: Any) -> AsyncIterator[World]:
    """Tables, engine, gateway and market; all taken down at the end."""
    if settings.database_url:
        await make_tables(settings.database_url)
    settings = replace(settings, port=free_port(), gateways=gateways)
    async with aiohttp.ClientSession(headers={"User-Agent": "tests"}) as session:
        made = World(settings, session)
        try:
            await made.start_engine()
            for _ in range(gateways):
                await made.start_gateway(**options)
            await eventually(lambda: healthy(made))
            await made.create_market()
            yield made
        finally:
            await made.stop_gateways()
            await made.stop_engine()
            await made.stop_projector()


@asynccontextmanager
async def beside(first: World) -> AsyncIterator[World]:
    """One more gateway of the same exchange, at an address of its own, where its clients are at home."""
    other = World(replace(first.settings, port=free_port()), first.session)
    try:
        await other.start_gateway()
        yield other
    finally:
        await other.stop_gateways()


async def make_tables(database_url: str) -> None:
    """The schema as it is meant to be."""
    engine = database.engine(database_url, pool_size=1)
    async with engine.connect() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()


async def healthy(world: World) -> bool:
    """Whether the gateway says so."""
    return (await world.anonymous().get("/healthz")).status == 200


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = DEADLINE_S) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what is waited for has no event to wait on
            await asyncio.sleep(0.02)


async def all_projected(world: World) -> bool:
    """Whether the database has come to the log's end."""
    log = AsyncRedisLog(world.settings.redis_url, world.settings.commands_key, world.settings.events_key)
    history = History(world.settings.database_url, pool_size=1)
    try:
        return await history.position() == await log.head()
    finally:
        await history.close()
        await log.aclose()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
