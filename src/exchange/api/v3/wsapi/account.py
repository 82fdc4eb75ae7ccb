"""Methods about the connection itself: logging on and off, user data (Binance: web-socket-api.md, Authentication
requests and User Data Stream requests).

Only Ed25519 keys can log on, as at the venue: a session makes signatures rare, and these are the ones that nobody but
the client can make. Keys of every kind can sign single requests, and subscribe to user data by signature.
"""

from typing import TYPE_CHECKING, Final

from exchange.api.auth.api_key import ApiKey
from exchange.api.contract.declared import optional
from exchange.api.gateway import Gateway
from exchange.api.v3 import faults
from exchange.api.v3.call import Call
from exchange.api.v3.declared import Endpoint, Security, Whole, endpoint
from exchange.api.v3.faults import Fault
from exchange.api.v3.params import Params
from exchange.api.v3.wsapi.messages import Json

if TYPE_CHECKING:
    from exchange.api.v3.wsapi.connection import Connection

MAX_SUBSCRIPTIONS: Final = 1_000
"""User data subscriptions of a connection at a time."""
MAX_EVER: Final = 65_535
"""User data subscriptions in a connection's life."""

_MILLISECONDS: Final = {"type": "integer"}
_STATUS: Final = {
    "type": "object",
    "properties": {
        "apiKey": {"type": ["string", "null"]},
        "authorizedSince": {"type": ["integer", "null"]},
        "connectedSince": _MILLISECONDS,
        "returnRateLimits": {"type": "boolean"},
        "serverTime": _MILLISECONDS,
        "userDataStream": {"type": "boolean"},
    },
    "required": ["apiKey", "authorizedSince", "connectedSince", "returnRateLimits", "serverTime", "userDataStream"],
    "additionalProperties": False,
}
_SUBSCRIBED: Final = {
    "type": "object",
    "properties": {"subscriptionId": {"type": "integer"}},
    "required": ["subscriptionId"],
    "additionalProperties": False,
}


class SocketCall(Call):
    """A request about its own connection."""

    __slots__ = ("connection",)

    def __init__(
        self, gateway: Gateway, params: Params, key: ApiKey | None, address: str, now_ms: int, connection: "Connection"
    ) -> None:
        super().__init__(gateway, params, key, address, now_ms, connection.session.unit)
        self.connection = connection


@endpoint(
    "Log the connection on with a key.", security=Security.USER_DATA, weight=2, answer=_STATUS, method="session.logon"
)
async def logon(call: Call) -> object:
    """`session.logon`: requests may leave out key and signature from now on."""
    connection, key = _connection(call), _key(call)
    if key.kind != "ed25519":
        msg = "Only Ed25519 keys can log on: sign each request instead, or make an Ed25519 key."
        raise Fault(faults.UNSUPPORTED, msg)
    connection.log_on(key)
    return _status(connection)


@endpoint("As whom the connection is logged on.", weight=2, answer=_STATUS, method="session.status")
async def status(call: Call) -> object:
    """`session.status`."""
    return _status(_connection(call))


@endpoint("Log the connection off.", weight=2, answer=_STATUS, method="session.logout")
async def logout(call: Call) -> object:
    """`session.logout`: the subscription that was the session's ends with it, those by signature go on."""
    connection = _connection(call)
    connection.log_off()
    return _status(connection)


@endpoint("Subscribe to the session's user data.", weight=2, answer=_SUBSCRIBED, method="userDataStream.subscribe")
async def subscribe(call: Call) -> object:
    """`userDataStream.subscribe`."""
    connection = _connection(call)
    key = await connection.session.own(connection.now_ms())
    return {"subscriptionId": connection.subscribe(key, by_session=True)}


@endpoint(
    "Subscribe to an account's user data by signature.",
    security=Security.USER_DATA,
    weight=2,
    answer=_SUBSCRIBED,
    method="userDataStream.subscribe.signature",
)
async def subscribe_signed(call: Call) -> object:
    """`userDataStream.subscribe.signature`: with any kind of key, logged on or not."""
    if "signature" not in call.params:
        raise faults.mandatory("signature")
    return {"subscriptionId": _connection(call).subscribe(_key(call), by_session=False)}


@endpoint(
    "End one user data subscription, or all.",
    params={"subscriptionId": optional(Whole(0, MAX_EVER))},
    weight=2,
    answer={"type": "object", "additionalProperties": False},
    method="userDataStream.unsubscribe",
)
async def unsubscribe(call: Call) -> object:
    """`userDataStream.unsubscribe`."""
    _connection(call).unsubscribe(call.params.whole("subscriptionId") if "subscriptionId" in call.params else None)
    return {}


@endpoint(
    "The connection's user data subscriptions.",
    weight=2,
    answer={"type": "array", "items": _SUBSCRIBED},
    method="session.subscriptions",
)
async def subscriptions(call: Call) -> object:
    """`session.subscriptions`."""
    return [{"subscriptionId": number} for number in sorted(_connection(call).subscriptions)]


METHODS: Final[tuple[Endpoint, ...]] = (
    logon,
    status,
    logout,
    subscribe,
    subscribe_signed,
    unsubscribe,
    subscriptions,
)


def _status(connection: "Connection") -> Json:
    session = connection.session
    unit = session.unit
    authorized = session.authorized_ms
    return {
        "apiKey": None if session.key is None else session.key.id,
        "authorizedSince": None if authorized is None else authorized * unit,
        "connectedSince": session.connected_ms * unit,
        "returnRateLimits": session.limits,
        "serverTime": connection.now_ms() * unit,
        "userDataStream": bool(connection.subscriptions),
    }


def _connection(call: Call) -> "Connection":
    if not isinstance(call, SocketCall):
        raise TypeError("this is a method of the WebSocket API only")
    return call.connection


def _key(call: Call) -> ApiKey:
    if call.key is None:
        raise TypeError("a signed request has a key")
    return call.key
