"""What the house's own refusals are called at this door (Binance: errors.md).

Two closed sets are covered, `Code` and `GatewayCode`. What the engine refuses is called by what was asked of it
(`Asked`): an unknown order is `-2011` to who cancels and `-2038` to who amends. A test sees that no code is left out.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from exchange.api.contract.declared import AnyCode
from exchange.api.errors import ENGINE_STATUS, ApiError, GatewayCode
from exchange.api.limits.limiter import LimitReached
from exchange.api.v3 import faults
from exchange.api.v3.faults import Fault
from exchange.terms.codes import Code

G = GatewayCode


class Asked(IntEnum):
    """What was asked of the engine; the value is the code of its refusals."""

    PLACING = faults.NEW_ORDER_REJECTED
    CANCELING = faults.CANCEL_REJECTED
    AMENDING = faults.AMEND_REJECTED


_TRY_AGAIN: Final = "Internal error; unable to process your request. Please try again."
_DUPLICATE: Final = "Duplicate order sent."
_OVERLOADED: Final = "Server is currently overloaded with other requests. Please try again in a few minutes."

_FAULTS: Final[Mapping[AnyCode, tuple[int, int, str]]] = {
    G.UNKNOWN_OUTCOME: (
        504,
        faults.TIMEOUT,
        "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    ),
    G.LOG_UNAVAILABLE: (
        503,
        faults.UNEXPECTED,
        "An unexpected response was received from the message bus. Execution status unknown.",
    ),
    G.LOG_FULL: (503, faults.DISCONNECTED, _TRY_AGAIN),
    G.DATABASE_UNAVAILABLE: (503, faults.DISCONNECTED, _TRY_AGAIN),
    G.VIEW_BEHIND: (503, faults.DISCONNECTED, _TRY_AGAIN),
    G.BUSY: (503, faults.SERVER_BUSY, _OVERLOADED),
    G.CLIENT_ORDER_ID_REUSED: (400, faults.NEW_ORDER_REJECTED, _DUPLICATE),
    G.CLIENT_LIST_ID_REUSED: (400, faults.NEW_ORDER_REJECTED, _DUPLICATE),
    G.RESULT_GONE: (400, faults.NEW_ORDER_REJECTED, _DUPLICATE),
    G.UNAUTHORIZED: (401, faults.UNAUTHORIZED, "You are not authorized to execute this request."),
    G.FORBIDDEN: (403, faults.UNAUTHORIZED, "You are not authorized to execute this request."),
    G.NOT_FOUND: (404, faults.UNKNOWN, "There is nothing at this address; docs/compatibility.md lists what is served."),
    G.METHOD_NOT_ALLOWED: (
        405,
        faults.UNKNOWN,
        "This address does not take that method; the Allow header tells which.",
    ),
    G.BODY_TOO_LARGE: (413, faults.UNKNOWN, "The body is larger than 16 KiB."),
    G.REQUEST_TOO_SLOW: (408, faults.UNKNOWN, "The request did not come in time; send it again, faster."),
    G.UNSUPPORTED_MEDIA_TYPE: (
        415,
        faults.UNKNOWN,
        "Send parameters in the query string, or as application/x-www-form-urlencoded.",
    ),
    G.MALFORMED_REQUEST: (400, faults.UNKNOWN, "The request cannot be read."),
    G.NO_ACCOUNT: (401, faults.REJECTED_KEY, "Invalid API-key, IP, or permissions for action."),
}
"""HTTP status, code and text of what the gateway refuses; what is not here is −1000 with its own status."""

_UNKNOWN: Final = (faults.UNKNOWN, "An unknown error occurred while processing the request.")

_ACTION: Final[Mapping[Code, str]] = {
    Code.HOUSE_ACCOUNT: "This account may not place or cancel orders.",
    Code.ACCOUNT_FROZEN: "This action is disabled on this account.",
    Code.MARKET_CLOSED: "Market is closed.",
    Code.WOULD_TAKE: "Order would immediately match and take.",
    Code.INSUFFICIENT_FUNDS: "Account has insufficient balance for requested action.",
    Code.UNKNOWN_ORDER: "Unknown order sent.",
    Code.UNKNOWN_LIST: "Unknown order sent.",
    Code.NOT_A_REDUCTION: "Order amend (quantity increase) is not supported.",
    Code.BELOW_FILLED: "The new quantity is not above what is filled already; cancel the order instead.",
    Code.WOULD_TRIGGER: "Order would trigger immediately.",
    Code.CLIENT_ID_USED: _DUPLICATE,
    Code.LEG_PRICES: "The relationship of the prices for the orders is not correct.",
}
"""What is refused with the code of what was asked."""

PRICE_FILTER: Final = "PRICE_FILTER"
LOT_SIZE: Final = "LOT_SIZE"
NOTIONAL: Final = "NOTIONAL"

_BY_FIELD: Final[Mapping[str, str]] = {
    "price": PRICE_FILTER,
    "stop_price": PRICE_FILTER,
    "trailing_amount": PRICE_FILTER,
    "quantity": LOT_SIZE,
    "display": LOT_SIZE,
    "quote_amount": NOTIONAL,
}
_FILTERS: Final[Mapping[Code, str]] = {
    Code.NOT_POSITIVE: "",
    Code.OFF_TICK: PRICE_FILTER,
    Code.OFF_LOT: LOT_SIZE,
    Code.OUT_OF_RANGE: "",
    Code.BELOW_MIN_NOTIONAL: NOTIONAL,
    Code.OUTSIDE_BAND: "PERCENT_PRICE_BY_SIDE",
    Code.TOO_MANY_PARTS: "ICEBERG_PARTS",
    Code.TOO_MANY_ORDERS: "MAX_NUM_ALGO_ORDERS",
    Code.POSITION_LIMIT: "MAX_POSITION",
}
"""The filter that an order failed; empty: its field says which."""

_OTHERS: Final[Mapping[Code, tuple[int, int, str]]] = {
    Code.UNKNOWN_MARKET: (400, faults.BAD_SYMBOL, "Invalid symbol."),
    Code.UNKNOWN_ACCOUNT: (401, faults.REJECTED_KEY, "Invalid API-key, IP, or permissions for action."),
    Code.MISSING_FIELD: (400, faults.UNKNOWN_COMPOSITION, "Unsupported order combination."),
    Code.INVALID_FIELD: (400, faults.UNKNOWN_COMPOSITION, "Unsupported order combination."),
    Code.EXPIRING: (503, faults.SERVER_BUSY, _OVERLOADED),
    Code.LOG_NOT_OPEN: (503, faults.DISCONNECTED, _TRY_AGAIN),
    Code.NO_REFERENCE: (400, faults.NO_REFERENCE_PRICE, "This symbol doesn't have a reference price."),
}


CANCELING: Final = frozenset([faults.MANDATORY, faults.BAD_SYMBOL, faults.BAD_RESTRICTIONS, faults.CANCEL_REJECTED])
AMENDING: Final = frozenset(
    [faults.MANDATORY, faults.BAD_SYMBOL, faults.INVALID_MESSAGE, faults.BAD_PRECISION, faults.AMEND_REJECTED]
)
PLACING: Final = frozenset(
    [
        faults.MANDATORY, faults.BAD_SYMBOL, faults.INVALID_MESSAGE, faults.UNKNOWN_COMPOSITION, faults.NOT_REQUIRED,
        faults.OVERFLOW, faults.BAD_PRECISION, faults.TIF_NOT_REQUIRED, faults.INVALID_TIF, faults.INVALID_TYPE,
        faults.INVALID_SIDE, faults.BAD_COMBINATION, faults.INVALID_PARAMETER, faults.BAD_STRATEGY,
        faults.TOO_MANY_ORDERS, faults.NEW_ORDER_REJECTED, faults.NO_REFERENCE_PRICE,
    ]
)  # fmt: skip
"""What requests of a kind may be refused with, beyond what any request may."""


def of(error: ApiError) -> Fault:
    """A refusal of the house; of the engine's only those that are called the same whatever was asked."""
    if isinstance(error.code, Code) and error.code in _OTHERS:
        status, code, msg = _OTHERS[error.code]
    else:
        status, code, msg = _FAULTS.get(error.code) or (error.status, *_UNKNOWN)
    return Fault(code, msg, status=status, retry_after=error.retry_after)


def refused(code: str, field: str, asked: Asked) -> Fault:
    """A refusal of the engine's, as its entry tells it."""
    try:
        known = Code(code)
    except ValueError:
        return Fault(*_UNKNOWN, status=500)  # an engine newer than this gateway
    if known is Code.INVALID_FIELD and field == "display":
        return Fault(asked, "IcebergQty exceeds QTY.")
    action = _ACTION.get(known)
    if action is not None:
        return Fault(asked, action)
    name = _FILTERS.get(known)
    if name is not None:
        if known is Code.TOO_MANY_ORDERS and not field:
            name = "MAX_NUM_ORDERS"
        return filter_failure(name or _BY_FIELD.get(field, LOT_SIZE))
    other = _OTHERS.get(known)
    if other is not None:
        return Fault(other[1], other[2], status=other[0], retry_after=1 if other[0] == 503 else None)
    return Fault(*_UNKNOWN, status=ENGINE_STATUS[known])


def filter_failure(name: str) -> Fault:
    """An order that does not pass a filter of its market (Binance: filters.md)."""
    return Fault(faults.INVALID_MESSAGE, f"Filter failure: {name}")


def of_limit(reached: LimitReached, now_ms: int) -> Fault:
    """A limit that was reached (Binance: errors.md, -1003 and -1015)."""
    limit = reached.limit
    every = f"{limit.number} {limit.unit}"
    if reached.banned:
        until = now_ms + 1000 * reached.retry_after
        msg = (
            f"Way too much request weight used; IP banned until {until}. "
            "Please use WebSocket Streams for live updates to avoid bans."
        )
        return Fault(faults.TOO_MANY_REQUESTS, msg, status=418, retry_after=reached.retry_after)
    if limit.kind == "ORDERS":
        msg = f"Too many new orders; current limit is {limit.limit} orders per {every}."
        return Fault(faults.TOO_MANY_ORDERS, msg, status=429, retry_after=reached.retry_after)
    if limit.kind != "REQUEST_WEIGHT":
        what = "connections" if limit.kind == "CONNECTIONS" else "requests"
        msg = f"Too many {what}; current limit is {limit.limit} {what} per {every}."
        return Fault(faults.TOO_MANY_REQUESTS, msg, status=429, retry_after=reached.retry_after)
    msg = (
        f"Too much request weight used; current limit is {limit.limit} request weight per {every}. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    )
    return Fault(faults.TOO_MANY_REQUESTS, msg, status=429, retry_after=reached.retry_after)
