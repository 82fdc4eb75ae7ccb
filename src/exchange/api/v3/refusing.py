"""What the house's own refusals are called at this door."""

from collections.abc import Mapping
from typing import Final

from exchange.api.contract.declared import AnyCode
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.limits.limiter import LimitReached
from exchange.api.v3 import faults
from exchange.api.v3.faults import Fault

G = GatewayCode

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
    G.LOG_FULL: (503, faults.DISCONNECTED, "Internal error; unable to process your request. Please try again."),
    G.DATABASE_UNAVAILABLE: (
        503,
        faults.DISCONNECTED,
        "Internal error; unable to process your request. Please try again.",
    ),
    G.VIEW_BEHIND: (503, faults.DISCONNECTED, "Internal error; unable to process your request. Please try again."),
    G.BUSY: (
        503,
        faults.SERVER_BUSY,
        "Server is currently overloaded with other requests. Please try again in a few minutes.",
    ),
}
_UNKNOWN: Final = (faults.UNKNOWN, "An unknown error occurred while processing the request.")


def of(error: ApiError) -> Fault:
    """A refusal of the house."""
    status, code, msg = _FAULTS.get(error.code) or (error.status, *_UNKNOWN)
    return Fault(code, msg, status=status, retry_after=error.retry_after)


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
    msg = (
        f"Too much request weight used; current limit is {limit.limit} request weight per {every}. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    )
    return Fault(faults.TOO_MANY_REQUESTS, msg, status=429, retry_after=reached.retry_after)
