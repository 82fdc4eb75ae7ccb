"""API keys of the caller: made, listed, changed, taken back. With a sign-in token only: a key makes no keys.

A secret is in one answer, that to the request that made it, and nowhere else. What is done with keys is recorded in the
log: making and changing before it is done, taking back afterwards, since that must be possible whatever is away.
"""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

import structlog

from exchange.api.auth.api_key import READ, SCOPES, TRADE, KeyKind
from exchange.api.auth.key_rows import KeyRow
from exchange.api.auth.keys import random_text
from exchange.api.auth.signatures import MAX_PEM_CHARS, NotAKey, public_verifier
from exchange.api.contract.declared import Json, Shape, Text, Texts, Whole, Word, endpoint, optional
from exchange.api.contract.reading import Fields
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.gateway import Principal
from exchange.api.v1 import schemas
from exchange.api.v1.acting import record
from exchange.api.v1.call import Call, Reply
from exchange.api.v1.owning import own_account
from exchange.api.v1.refusals import COMMAND
from exchange.api.v1.signed import is_key
from exchange.projections.timescale.schema import LAST_MS
from exchange.terms.amounts import MAX_COUNT
from exchange.terms.codes import Code

MOST_NETWORKS: Final = 32
DEFAULT_SCOPES: Final = (READ, TRADE)

_KINDS: Final[dict[str, KeyKind]] = {"hmac": "hmac", "ed25519": "ed25519", "rsa": "rsa"}
_SCOPES: Final = {scope: scope for scope in SCOPES}
_LABEL: Final = Text(
    re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.@/-]{0,63}", re.ASCII),
    "A label is 1 to 64 of A-Z a-z 0-9 _ . @ / - and blank.",
)
_NETWORK: Final = Text(re.compile(r"[0-9A-Fa-f.:/]{2,64}", re.ASCII), "An address, or a network like 10.0.0.0/8.")
_MAPPED_BITS: Final = 96
"""How many bits say that an address of IPv6 is one of IPv4."""
_ENDS: Final = Whole(0, LAST_MS - 1)
"""When a key ends, in milliseconds since the epoch; zero: never."""

_CHANGING: Final[Shape] = {
    "label": optional(_LABEL),
    "scopes": optional(Texts(Word(_SCOPES), len(SCOPES))),
    "networks": optional(Texts(_NETWORK, MOST_NETWORKS)),
    "expires_at": optional(_ENDS),
}
_MAKING: Final[Shape] = {
    **_CHANGING,
    "label": _LABEL,
    "kind": optional(Word(_KINDS)),
    "public_key": optional(Text(most=MAX_PEM_CHARS)),
    "account": optional(Whole(0, MAX_COUNT)),
}

_KEY: Final[dict[str, Json]] = {
    "key": {"type": "string", "pattern": "^[A-Za-z0-9]{64}$"},
    "label": schemas.TEXT,
    "account": schemas.ID,
    "kind": schemas.word(_KINDS),
    "scopes": schemas.many(schemas.word(SCOPES)),
    "networks": schemas.many(schemas.TEXT),
    "created_at": schemas.TIME,
    "expires_at": schemas.maybe(schemas.TIME),
    "last_used_at": schemas.maybe(schemas.TIME),
}
API_KEY: Final = schemas.named("ApiKey", schemas.thing(**_KEY))
API_KEY_MADE: Final = schemas.named("ApiKeyMade", schemas.thing(**_KEY, secret=schemas.maybe(schemas.TEXT)))
_logger = structlog.get_logger(__name__)
_OWN: Final = frozenset([GatewayCode.DATABASE_UNAVAILABLE, GatewayCode.NO_ACCOUNT])


@endpoint(
    "Make an API key. The secret (kind hmac) is told this once.",
    body=_MAKING,
    answer=API_KEY_MADE,
    status=201,
    codes=COMMAND | _OWN | {GatewayCode.TOO_MANY_KEYS},
    position=False,
)
async def make(call: Call) -> Reply:
    """`POST api-keys`."""
    user = _user(call)
    body = await call.body()
    kind = body.choice("kind", _KINDS) if "kind" in body else "hmac"
    account = own_account(call, body.number("account")) if "account" in body else call.account
    public_key = body.text("public_key") if "public_key" in body else None
    if (public_key is None) != (kind == "hmac"):
        detail = f"A key of the kind {kind} {'has no' if kind == 'hmac' else 'needs a'} public_key."
        raise ApiError(Code.INVALID_FIELD, "public_key", detail=detail)
    if public_key is not None:
        try:
            public_verifier(kind, public_key)
        except NotAKey as error:
            raise ApiError(Code.INVALID_FIELD, "public_key", detail=str(error)) from None
    label = body.matched("label")
    scopes = _scopes(body) if "scopes" in body else list(DEFAULT_SCOPES)
    networks = _networks(body) if "networks" in body else []
    ends = _ends(call, body) if "expires_at" in body else None
    id = random_text()
    await _record(call, "key.created", id)
    keys = call.gateway.keys
    row, secret = await keys.make(id, user.subject, account.id, label, kind, public_key, scopes, networks, ends)
    return Reply({**_shown(row), "secret": secret}, status=201)


@endpoint(
    "The caller's API keys, oldest first.",
    answer=schemas.thing(api_keys=schemas.many(API_KEY)),
    codes=_OWN,
    position=False,
)
async def listing(call: Call) -> Reply:
    """`GET api-keys`."""
    rows = await call.gateway.keys.of_user(_user(call).subject)
    return Reply({"api_keys": [_shown(row) for row in rows]})


@endpoint(
    "Change an API key; what is left out stays as it is.",
    body=_CHANGING,
    answer=API_KEY,
    codes=COMMAND | _OWN | {GatewayCode.UNKNOWN_KEY, Code.MISSING_FIELD},
    position=False,
)
async def change(call: Call) -> Reply:
    """`PATCH api-keys/{id}`."""
    subject = _user(call).subject
    body = await call.body()
    values: dict[str, object] = {}
    if "label" in body:
        values["label"] = body.matched("label")
    if "scopes" in body:
        values["scopes"] = list(_scopes(body))
    if "networks" in body:
        values["networks"] = _networks(body)
    if "expires_at" in body:
        values["expires_at"] = _ends(call, body)
    if not values:
        raise ApiError(Code.MISSING_FIELD, detail=f"Nothing to change; known here are: {', '.join(_CHANGING)}.")
    id = _named(call)
    keys = call.gateway.keys
    if not any(row.id == id for row in await keys.of_user(subject)):
        raise ApiError(GatewayCode.UNKNOWN_KEY, "id")
    await _record(call, "key.changed", id)
    row = await keys.change(subject, id, values)
    if row is None:
        raise ApiError(GatewayCode.UNKNOWN_KEY, "id")
    return Reply(_shown(row))


@endpoint(
    "Take an API key back: requests with it are refused from now on.",
    answer=schemas.thing(revoked=schemas.COUNT),
    codes=_OWN | {GatewayCode.UNKNOWN_KEY},
    position=False,
)
async def revoke(call: Call) -> Reply:
    """`DELETE api-keys/{id}`."""
    subject = _user(call).subject
    id = _named(call)
    if not await call.gateway.keys.revoke(subject, id):
        raise ApiError(GatewayCode.UNKNOWN_KEY, "id")
    try:
        await _record(call, "key.revoked", id)
    except ApiError as error:
        _logger.warning("a key was taken back, which the log does not have", key=id, reason=error.message)
    return Reply({"revoked": 1})


async def _record(call: Call, act: str, id: str) -> None:
    gateway = call.gateway
    await record(gateway.commands, gateway.view, call.principal.subject, act, id)


def _user(call: Call) -> Principal:
    """The user who asks.

    Raises:
        ApiError: it is the operator, who has no keys.
    """
    principal = call.principal
    if principal.operator:
        raise ApiError(GatewayCode.NO_ACCOUNT)
    return principal


def _named(call: Call) -> str:
    """The key of the path; what cannot be one is not asked for."""
    id = call.path("id")
    if not is_key(id):
        raise ApiError(GatewayCode.UNKNOWN_KEY, "id")
    return id


def _scopes(body: Fields) -> list[str]:
    scopes = body.texts("scopes")
    if not scopes:
        raise ApiError(Code.INVALID_FIELD, "scopes", detail="A key may do something at least; take it back otherwise.")
    return [scope for scope in SCOPES if scope in scopes]


def _networks(body: Fields) -> list[str]:
    try:
        return [str(_network(text)) for text in body.texts("networks")]
    except ValueError:
        detail = "Networks are addresses, or networks without host bits, like 10.0.0.0/8."
        raise ApiError(Code.INVALID_FIELD, "networks", detail=detail) from None


def _network(text: str) -> IPv4Network | IPv6Network:
    """A network; one of IPv4 also where it is written in IPv6, since addresses are compared as such.

    Raises:
        ValueError: it is none.
    """
    network = ip_network(text)
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return network
    return IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))


def _ends(call: Call, body: Fields) -> int | None:
    ends = body.number("expires_at")
    if not ends:
        return None
    if ends <= call.gateway.clock.now_ms():
        raise ApiError(Code.INVALID_FIELD, "expires_at", detail="A key ends in the future, or never (0).")
    return ends


def _shown(row: KeyRow) -> Json:
    return {
        "key": row.id,
        "label": row.label,
        "account": row.account,
        "kind": row.kind,
        "scopes": list(row.scopes),
        "networks": list(row.networks),
        "created_at": row.created_ms,
        "expires_at": row.expires_ms,
        "last_used_at": row.last_used_ms,
    }
