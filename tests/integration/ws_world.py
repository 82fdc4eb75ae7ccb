"""A client of the WebSocket API for tests, and API keys to sign with."""

import asyncio
import base64
import hmac
import json
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.integration.api_world import DEADLINE_S, Client, Json, World


class Signer:
    """An API key with what signs for it."""

    def __init__(self, id: str, secret: str = "", private: Ed25519PrivateKey | None = None) -> None:
        self.id = id
        self._secret = secret
        self._private = private

    def sign(self, payload: bytes) -> str:
        """A signature of bytes."""
        if self._private is not None:
            return base64.b64encode(self._private.sign(payload)).decode()
        return hmac.digest(self._secret.encode(), payload, "sha256").hex()

    def signed(self, **params: object) -> Json:
        """Parameters of the WebSocket API with key, time and signature."""
        told: Json = {"timestamp": now_ms(), **params, "apiKey": self.id}
        payload = "&".join(f"{name}={written(told[name])}" for name in sorted(told))
        return {**told, "signature": self.sign(payload.encode())}

    def query(self, **params: object) -> str:
        """A signed query string."""
        text = "&".join(f"{name}={value}" for name, value in {**params, "timestamp": now_ms()}.items())
        return f"{text}&signature={self.sign(text.encode())}"


class Api:
    """One connection to the WebSocket API; events that come between answers are kept in `events`."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.events: deque[Json] = deque()
        self.answers: dict[object, Json] = {}
        self._next = 0

    async def send(self, method: str, params: Json | None = None, **frame: object) -> object:
        """Send a request; its id."""
        self._next += 1
        asked: Json = {"id": self._next, "method": method, **frame}
        if params is not None:
            asked["params"] = params
        await self.ws.send_str(json.dumps(asked))
        return asked["id"]

    async def ask(self, method: str, params: Json | None = None, **frame: object) -> Json:
        """A request's answer."""
        return await self.answer(await self.send(method, params, **frame))

    async def answer(self, id: object) -> Json:
        """The answer to a request that was sent."""
        while id not in self.answers:
            await self._read()
        return self.answers.pop(id)

    async def event(self, kind: str = "") -> Json:
        """The next event (of a kind), as it came."""
        while True:
            for place, told in enumerate(self.events):
                if not kind or told["event"]["e"] == kind:
                    del self.events[place]
                    return told
            await self._read()

    async def closed(self) -> tuple[int | None, list[Json]]:
        """Read until the connection is closed: the code, and the answers that still came."""
        async with asyncio.timeout(DEADLINE_S):
            rest: list[Json] = [json.loads(frame.data) async for frame in self.ws]
        return self.ws.close_code, rest

    async def _read(self) -> None:
        async with asyncio.timeout(DEADLINE_S):
            frame = await self.ws.receive()
        assert frame.type is aiohttp.WSMsgType.TEXT, frame
        told: Json = json.loads(frame.data)
        if "event" in told:
            self.events.append(told)
        else:
            self.answers[told["id"]] = told


async def hmac_key(client: Client, **options: Any) -> Signer:
    """A new HMAC key of a user."""
    made = await client.post("/api/v1/api-keys", {"label": "test", **options})
    assert made.status == 201, made
    return Signer(made.data["key"], made.data["secret"])


async def ed25519_key(client: Client, **options: Any) -> Signer:
    """A new Ed25519 key of a user."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    made = await client.post("/api/v1/api-keys", {"label": "test", "kind": "ed25519", "public_key": public, **options})
    assert made.status == 201, made
    return Signer(made.data["key"], private=private)


@asynccontextmanager
async def connected(world: World, query: str = "") -> AsyncIterator[Api]:
    """A connection."""
    async with world.session.ws_connect(f"{world.base}/ws-api/v3{query}") as ws:
        yield Api(ws)


def now_ms() -> int:
    """The wall's time."""
    return time.time_ns() // 1_000_000


def written(value: object) -> str:
    """A value as it is signed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
