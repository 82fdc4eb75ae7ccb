"""Requests of this door that a key signs, instead of carrying a token.

The idea: a request with a key is bound to everything that it does. What is signed is five lines: the timestamp and the
window as they are sent (an empty line where no window is), the method, the target as it stands in the request line
with its query, and the body, byte for byte. So nobody on the way can change anything, and what was caught works
neither elsewhere nor later than its window. Within the window it may come again: there is no nonce, and an order with
a client's id that comes again gives the first result.

A key never makes keys, never administers, and never acts for another account than its own.
"""

from typing import Final

from aiohttp import hdrs

from exchange.api.auth.api_key import READ, ApiKey
from exchange.api.auth.tokens import Claims
from exchange.api.contract.declared import Access
from exchange.api.contract.reading import digits
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.gateway import Gateway, Principal
from exchange.api.http.request import Request
from exchange.api.v1.owning import ACCOUNT
from exchange.terms.amounts import MAX_COUNT
from exchange.terms.codes import Code

KEY: Final = "X-Exchange-Key"
TIMESTAMP: Final = "X-Exchange-Timestamp"
WINDOW: Final = "X-Exchange-Window"
SIGNATURE: Final = "X-Exchange-Signature"

WINDOW_MS: Final = 5_000
MAX_WINDOW_MS: Final = 60_000
AHEAD_MS: Final = 1_000
"""How far a client's clock may be ahead of ours."""

SOCKET_METHOD: Final = "AUTH"
SOCKET_TARGET: Final = "/api/v1/ws"
_MAX_CHARS: Final = 1_400


def payload(timestamp: str, window: str, method: str, target: str, body: bytes) -> bytes:
    """What is signed; `window` is empty where none is sent."""
    return f"{timestamp}\n{window}\n{method}\n{target}\n".encode() + body


async def signed_request(gateway: Gateway, request: Request, access: Access) -> Principal:
    """Who signed a request, if their key may do what the route asks for.

    Raises:
        ApiError: it is not signed rightly, not meant for now, or the key may not do this.
    """
    headers = request.headers
    if hdrs.AUTHORIZATION in headers:
        raise ApiError(GatewayCode.MALFORMED_REQUEST, detail="Send a token or a key, not both.")
    scope = access.scope
    if scope is None:
        raise ApiError(GatewayCode.KEY_NOT_ALLOWED, detail="This is not for keys; send a token from /api/v1/signin.")
    principal = await _principal(
        gateway,
        headers[KEY],
        (headers.get(TIMESTAMP, ""), headers.get(WINDOW, ""), request.method, request.target),
        await request.read() if request.can_read_body else b"",
        headers.get(SIGNATURE, ""),
        gateway.addresses.of(request),
        scope,
    )
    account = headers.get(ACCOUNT)
    if account is not None and (principal.account is None or digits(account) != principal.account.id):
        raise ApiError(Code.UNKNOWN_ACCOUNT, "account")
    return principal


async def socket_principal(gateway: Gateway, params: list[str], address: str) -> Principal:
    """Who authenticates a WebSocket: `[token]`, or `[key, timestamp, window, signature]` with an empty window for the
    usual one; signed are method `AUTH`, target `/api/v1/ws` and an empty body.

    Raises:
        ApiError: it is neither.
    """
    if len(params) == 1:
        return await gateway.principal(params[0])
    if len(params) != 4:
        detail = "AUTH takes a token, or key, timestamp, window (may be empty) and signature."
        raise ApiError(Code.INVALID_FIELD, "params", detail=detail)
    key, timestamp, window, signature = params
    signed = (timestamp, window, SOCKET_METHOD, SOCKET_TARGET)
    return await _principal(gateway, key, signed, b"", signature, address, READ)


async def _principal(
    gateway: Gateway,
    id: str,
    signed: tuple[str, str, str, str],
    body: bytes,
    signature: str,
    address: str,
    scope: str,
) -> Principal:
    key = await gateway.keys.find(id) if is_key(id) else None
    now_ms = gateway.clock.now_ms()
    if key is None or not key.usable(address, now_ms):
        raise ApiError(GatewayCode.KEY_REFUSED)
    timestamp, window, *_ = signed
    see_timely(timestamp, window, now_ms)
    if len(signature) > _MAX_CHARS or not key.verify(payload(*signed, body), signature):
        raise ApiError(GatewayCode.BAD_SIGNATURE)
    if scope not in key.scopes:
        raise ApiError(GatewayCode.KEY_NOT_ALLOWED, detail=f"This key does not have the scope {scope}.")
    return await principal_of(gateway, key)


def is_key(text: str) -> bool:
    """Whether a text may be the name of a key."""
    return len(text) == 64 and text.isascii() and text.isalnum()


def see_timely(timestamp: str, window: str, now_ms: int) -> None:
    """See that a request is meant for now.

    Raises:
        ApiError: its timestamp is older than its window, or more than a second ahead; or either is malformed.
    """
    sent, lasting = digits(timestamp), digits(window) if window else WINDOW_MS
    if sent is None:
        detail = f"{TIMESTAMP} is milliseconds since the epoch."
        raise ApiError(Code.INVALID_FIELD, TIMESTAMP, detail=detail)
    if lasting is None or not 1 <= lasting <= MAX_WINDOW_MS:
        detail = f"{WINDOW} is a number of milliseconds up to {MAX_WINDOW_MS}."
        raise ApiError(Code.INVALID_FIELD, WINDOW, detail=detail)
    if sent - now_ms >= AHEAD_MS or now_ms - sent > lasting:
        raise ApiError(GatewayCode.OUTSIDE_WINDOW)


async def principal_of(gateway: Gateway, key: ApiKey) -> Principal:
    """Who acts by a key, for its account.

    Raises:
        ApiError: this log has no such account of the key's owner.
    """
    account = gateway.account_of(key)
    if account is None:
        await gateway.catch_up()
        account = gateway.account_of(key)
    if account is None:
        raise ApiError(GatewayCode.KEY_REFUSED, detail="This key's account is not in this log; make a new key.")
    expires_ms = MAX_COUNT if key.expires_ms is None else key.expires_ms
    return Principal(Claims(key.subject, expires_ms, ""), account, key)
