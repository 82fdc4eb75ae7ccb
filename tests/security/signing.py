"""Programs that sign with keys of each kind, at both doors."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from yarl import URL

from exchange.api.v1.signed import payload
from tests.integration.api_world import Answer, Client, Json

KINDS = ("hmac", "ed25519", "rsa")
_RSA = rsa.generate_private_key(65537, 2048)
_ED25519 = Ed25519PrivateKey.generate()

Sign = Callable[[bytes], str]


def now_ms() -> int:
    """The wall's time."""
    return time.time_ns() // 1_000_000


def public_key(kind: str) -> str | None:
    """The public key that tests make keys of."""
    if kind == "hmac":
        return None
    key = _ED25519.public_key() if kind == "ed25519" else _RSA.public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def signing(kind: str, secret: str = "") -> Sign:
    """What makes signatures of a kind."""
    if kind == "hmac":
        return lambda signed: hmac.digest(secret.encode(), signed, "sha256").hex()
    if kind == "ed25519":
        return lambda signed: base64.b64encode(_ED25519.sign(signed)).decode()
    return lambda signed: base64.b64encode(_RSA.sign(signed, PKCS1v15(), SHA256())).decode()


@dataclass
class Program:
    """A program with a key, at the addresses of a client."""

    client: Client
    key: str
    sign: Sign
    made: Json

    async def ask(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        at: int | None = None,
        window: str = "",
        **headers: str,
    ) -> Answer:
        """A signed request to `/api/v1`; `headers` (with `_` for `-`) replace those that are right."""
        raw = b"" if body is None else json.dumps(body).encode()
        timestamp = str(now_ms() if at is None else at)
        signature = self.sign(payload(timestamp, window, method, target, raw))
        sent = {
            "X-Exchange-Key": self.key,
            "X-Exchange-Timestamp": timestamp,
            "X-Exchange-Signature": signature,
            **({"X-Exchange-Window": window} if window else {}),
            **({"Content-Type": "application/json"} if raw else {}),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return await self.send(method, target, raw, sent)

    async def send(self, method: str, target: str, raw: bytes, headers: dict[str, str]) -> Answer:
        """A request as it is, without the client's token."""
        url = URL(self.client.base + target, encoded=True)
        async with self.client.session.request(method, url, data=raw or None, headers=headers) as response:
            return Answer(response.status, json.loads(await response.read()), dict(response.headers))

    def query(self, params: dict[str, Any], *, at: int | None = None, signature: str | None = None) -> str:
        """Parameters of `/api/v3` with timestamp and signature."""
        stamped = {**params, "timestamp": now_ms() if at is None else at}
        text = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in stamped.items())
        return f"{text}&signature={quote(signature or self.sign(text.encode()), safe='')}"

    async def compatible(self, method: str, path: str, query: str = "", **params: Any) -> Answer:
        """A signed request to `/api/v3`; `query` as it is, or made of the parameters."""
        target = f"{path}?{query or self.query(params)}"
        return await self.send(method, target, b"", {"X-MBX-APIKEY": self.key})


async def program(client: Client, kind: str = "hmac", **fields: object) -> Program:
    """A program of a user's, with a new key."""
    pem = public_key(kind)
    body = {"label": "a program", "kind": kind, **({"public_key": pem} if pem else {}), **fields}
    made = await client.post("/api/v1/api-keys", body)
    assert made.status == 201, made
    return Program(client, made.data["key"], signing(kind, made.data["secret"] or ""), made.data)
