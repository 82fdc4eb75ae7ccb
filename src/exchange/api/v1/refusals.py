"""Which codes a route may refuse with: sets by what a handler does, and what follows from its declaration.

A route names only what is its own; the rest is derived here, so that no list has to be kept by hand at forty places.
"""

from collections.abc import Iterable
from typing import Final

from exchange.api.contract.declared import Access, Amount, Codes, Endpoint, Kind, Objects
from exchange.api.errors import GatewayCode
from exchange.terms.codes import Code

G = GatewayCode

COMMAND: Final[Codes] = frozenset([
    G.LOG_UNAVAILABLE, G.LOG_FULL, G.UNKNOWN_OUTCOME, G.BUSY, Code.LOG_NOT_OPEN, Code.EXPIRING, Code.ACCOUNT_FROZEN,
    Code.TOO_LARGE, Code.UNKNOWN_TYPE, Code.UNKNOWN_VERSION, Code.UNKNOWN_ACCOUNT,
])  # fmt: skip
"""Whatever is asked of the engine."""

MONEY: Final[Codes] = COMMAND | {
    G.REF_REUSED, G.RESULT_GONE, G.DATABASE_UNAVAILABLE, Code.UNKNOWN_ASSET, Code.INSUFFICIENT_FUNDS,
    Code.BALANCE_LIMIT, Code.HOUSE_ACCOUNT,
}  # fmt: skip

CANCELING: Final[Codes] = COMMAND | {Code.UNKNOWN_ORDER, Code.MARKET_CLOSED}

AMENDING: Final[Codes] = CANCELING | {Code.UNKNOWN_MARKET, Code.NOT_A_REDUCTION, Code.BELOW_FILLED, Code.OFF_LOT}

PLACING: Final[Codes] = COMMAND | {
    G.CLIENT_ORDER_ID_REUSED, G.RESULT_GONE, G.TOO_MANY_NEW_ORDERS, G.DATABASE_UNAVAILABLE, Code.UNKNOWN_MARKET,
    Code.HOUSE_ACCOUNT, Code.MARKET_CLOSED,
    Code.WOULD_TAKE, Code.OFF_TICK, Code.OFF_LOT, Code.BELOW_MIN_NOTIONAL, Code.INSUFFICIENT_FUNDS,
    Code.ALREADY_EXPIRED, Code.OUTSIDE_BAND, Code.TOO_MANY_PARTS, Code.TOO_MANY_ORDERS, Code.POSITION_LIMIT,
    Code.WOULD_TRIGGER, Code.NO_REFERENCE, Code.BALANCE_LIMIT,
}  # fmt: skip

PAST: Final[Codes] = frozenset([G.DATABASE_UNAVAILABLE, Code.UNKNOWN_MARKET])
"""Reads that may need the database."""

_ALWAYS: Final[Codes] = frozenset([
    G.MALFORMED_REQUEST, G.BODY_TOO_LARGE, G.UNSUPPORTED_MEDIA_TYPE, G.REQUEST_TOO_SLOW, G.VIEW_BEHIND, G.INTERNAL,
    G.TOO_MANY_REQUESTS, G.SHUT_OUT,
    Code.UNKNOWN_FIELD, Code.INVALID_FIELD,
])  # fmt: skip
_TOKEN: Final[Codes] = frozenset([G.UNAUTHORIZED, G.LOG_UNAVAILABLE])
_KEY: Final[Codes] = frozenset([
    G.KEY_REFUSED, G.BAD_SIGNATURE, G.OUTSIDE_WINDOW, G.KEY_NOT_ALLOWED, G.KEY_UNREADABLE, G.BUSY,
    G.DATABASE_UNAVAILABLE,
])  # fmt: skip
_ADMIN: Final[Codes] = frozenset([G.FORBIDDEN, G.DATABASE_UNAVAILABLE])
_AMOUNT: Final[Codes] = frozenset([
    G.NOT_A_STRING, G.MALFORMED_AMOUNT, G.TOO_PRECISE, Code.OUT_OF_RANGE, Code.NOT_POSITIVE,
])  # fmt: skip


def refusals(access: Access, declared: Endpoint) -> Codes:
    """Every code that a route may answer with."""
    codes = _ALWAYS | declared.codes
    if access is not Access.PUBLIC:
        codes |= _TOKEN
    if access.scope is not None:
        codes |= _KEY
    if access.personal:
        codes |= {G.NO_ACCOUNT, Code.UNKNOWN_ACCOUNT}
    if access is Access.ADMIN:
        codes |= _ADMIN
    kinds = list(_kinds([*declared.query.values(), *(declared.body or {}).values()]))
    if any(kind.required for kind in kinds):
        codes |= {Code.MISSING_FIELD}
    if any(isinstance(kind, Amount) for kind in kinds):
        codes |= _AMOUNT
    return codes


def _kinds(declared: Iterable[Kind]) -> Iterable[Kind]:
    for kind in declared:
        yield kind
        if isinstance(kind, Objects):
            for shape in kind.shapes:
                yield from _kinds(shape.values())
