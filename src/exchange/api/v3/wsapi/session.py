"""As whom a connection is logged on, and how a request is let through (Binance: web-socket-api.md, Request security).

A request brings key and signature, or leaves both out and is then its session's. A session's key is looked up again as
requests come: one that was taken back, has ended, or may no longer be used from here ends the session.
"""

from typing import Final

from exchange.api.auth.api_key import ApiKey
from exchange.api.gateway import Gateway
from exchange.api.v3 import faults
from exchange.api.v3.declared import Endpoint, Security
from exchange.api.v3.params import Params
from exchange.api.v3.security import SCOPES, key_of, see_signed, see_timely
from exchange.api.v3.wsapi.messages import Asked

KEY: Final = "apiKey"
_BESIDE: Final = (KEY, "returnRateLimits")
"""Parameters that any method may have."""
_AGAIN_MS: Final = 200
"""For how long a session's key is not looked up again."""


class SessionOver(Exception):
    """The key that a session was logged on with is no longer good."""


class Session:
    """One connection's. `limits` says whether answers show limits when requests do not say; times are milliseconds
    since the epoch."""

    def __init__(self, gateway: Gateway, address: str, *, limits: bool, unit: int = 1) -> None:
        self._gateway = gateway
        self.address = address
        self.limits = limits
        self.unit = unit
        self.connected_ms = gateway.clock.now_ms()
        self.key: ApiKey | None = None
        self.authorized_ms: int | None = None
        self._seen_ms = 0

    def log_on(self, key: ApiKey, now_ms: int) -> None:
        """From now on requests without a key are this key's."""
        self.key = key
        self.authorized_ms = self._seen_ms = now_ms

    def log_off(self) -> None:
        """Requests need a key of their own again."""
        self.key = self.authorized_ms = None

    async def let_through(self, endpoint: Endpoint, asked: Asked, now_ms: int) -> tuple[ApiKey | None, Params]:
        """The key by which a request is let through, and its parameters.

        Raises:
            SessionOver: it is its session's, whose key is no longer good.
            Fault: it is not let through, or has parameters that it cannot have.
            ApiError: the database cannot be asked.
        """
        values = asked.values
        given = values
        if KEY in values or asked.limits is not None:
            given = {name: value for name, value in values.items() if name not in _BESIDE}
        security = endpoint.security
        if security is Security.NONE:
            return None, Params(given, endpoint.known)
        own = self.key
        if own is None or KEY in values:
            key = await key_of(self._gateway.keys, values.get(KEY), security, self.address, now_ms)
            params = Params(given, endpoint.known)
            if security is not Security.KEY:
                see_timely(params, now_ms * 1000)
                see_signed(key, params, asked.payload())
            return key, params
        key = await self._still(own, now_ms)
        if not key.allows(SCOPES[security], self.address, now_ms):
            raise faults.rejected_key()
        params = Params(given, endpoint.known)
        if security is not Security.KEY:
            see_timely(params, now_ms * 1000)
            if "signature" in params:
                see_signed(key, params, asked.payload())
        return key, params

    async def own(self, now_ms: int) -> ApiKey:
        """The key that the connection is logged on with.

        Raises:
            Fault: it is not logged on.
            SessionOver: the key is no longer good.
            ApiError: the database cannot be asked.
        """
        if self.key is None:
            raise faults.rejected_key()
        return await self._still(self.key, now_ms)

    async def _still(self, own: ApiKey, now_ms: int) -> ApiKey:
        """The session's key as it is now."""
        if now_ms - self._seen_ms < _AGAIN_MS and not ended(own, now_ms):
            return own
        key = await self._gateway.keys.find(own.id)
        if key is None or not reachable(key, self.address, now_ms):
            raise SessionOver
        if self.key is own:
            self.key = key
            self._seen_ms = now_ms
        return key


def ended(key: ApiKey, now_ms: int) -> bool:
    """Whether a key's time is over."""
    return key.expires_ms is not None and key.expires_ms <= now_ms


def reachable(key: ApiKey, address: str, now_ms: int) -> bool:
    """Whether a key may be used for anything from an address now."""
    return any(key.allows(scope, address, now_ms) for scope in key.scopes)
