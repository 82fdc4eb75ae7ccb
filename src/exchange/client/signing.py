"""As whom a client asks: by an API key, or by email and password.

The idea: neither does any sending. A `Login` says what it has to ask before the next request can be signed (`before`),
and is told the answer (`took`); so the blocking and the asynchronous client share it.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from exchange.client.asks import Ask
from exchange.client.models import Reader

_EARLY_MS = 30_000
"""A token is renewed so long before it ends."""


@dataclass(frozen=True, slots=True)
class Session:
    """What signing in gives; times are milliseconds since the epoch."""

    token: str
    expires_at: int
    refresh_token: str
    refresh_expires_at: int


class Credentials(Protocol):
    """As whom to ask."""

    def before(self, now_ms: int) -> Ask[Session] | None:
        """What must be asked before a request can be signed, if anything."""

    def took(self, session: Session) -> None:
        """The answer to that."""

    def refused(self) -> bool:
        """It was refused. Whether `before` has something else to ask."""

    def headers(self, method: str, target: str, body: bytes, now_ms: int) -> Mapping[str, str]:
        """The headers that sign a request."""

    def words(self, now_ms: int) -> list[str]:
        """What AUTH says on a WebSocket."""


class Key:
    """An API key with its secret (HMAC-SHA256)."""

    def __init__(self, key: str, secret: str) -> None:
        self._key = key
        self._secret = secret.encode()

    def before(self, now_ms: int) -> Ask[Session] | None:
        """Nothing."""
        return None

    def took(self, session: Session) -> None:
        """Never."""
        raise TypeError("a key does not sign in")

    def refused(self) -> bool:
        """Never."""
        return False

    def headers(self, method: str, target: str, body: bytes, now_ms: int) -> Mapping[str, str]:
        """See `Credentials`; what is signed stands in docs/security.md."""
        signed = f"{now_ms}\n\n{method}\n{target}\n".encode() + body
        return {
            "X-Exchange-Key": self._key,
            "X-Exchange-Timestamp": str(now_ms),
            "X-Exchange-Signature": hmac.digest(self._secret, signed, "sha256").hex(),
        }

    def words(self, now_ms: int) -> list[str]:
        """See `Credentials`."""
        signed = f"{now_ms}\n\nAUTH\n/api/v1/ws\n".encode()
        return [self._key, str(now_ms), "", hmac.digest(self._secret, signed, "sha256").hex()]

    def __repr__(self) -> str:
        return f"Key({self._key!r})"  # never the secret


class Login:
    """A person's email and password; the session is renewed as needed, and begun again when it is over. Renewing that
    found nobody is tried again: a one-time code is not good for signing in a second time."""

    def __init__(self, email: str, password: str, code: str | None = None) -> None:
        self._credentials: dict[str, object] = {"email": email, "password": password}
        self._code = code
        self._session: Session | None = None

    def before(self, now_ms: int) -> Ask[Session] | None:
        """Signing in, or renewing."""
        session = self._session
        if session is None or session.refresh_expires_at <= now_ms:
            self._session = None
            body = self._credentials if self._code is None else {**self._credentials, "code": self._code}
            return Ask("POST", "signin", _session, {}, body, signed=False)
        if session.expires_at - _EARLY_MS > now_ms:
            return None
        return Ask("POST", "refresh", _session, {}, {"refresh_token": session.refresh_token}, signed=False)

    def took(self, session: Session) -> None:
        """Go on with this one."""
        self._session = session

    def refused(self) -> bool:
        """Sign in anew, unless it was signing in that was refused."""
        renewing, self._session = self._session is not None, None
        return renewing

    def headers(self, method: str, target: str, body: bytes, now_ms: int) -> Mapping[str, str]:
        """See `Credentials`."""
        if self._session is None:
            raise RuntimeError("ask `before` first")
        return {"Authorization": f"Bearer {self._session.token}"}

    def words(self, now_ms: int) -> list[str]:
        """See `Credentials`."""
        if self._session is None:
            raise RuntimeError("ask `before` first")
        return [self._session.token]

    def __repr__(self) -> str:
        return f"Login({self._credentials['email']!r})"  # never the password


def _session(body: object) -> Session:
    r = Reader(body)
    return Session(r.text("token"), r.whole("expires_at"), r.text("refresh_token"), r.whole("refresh_expires_at"))
