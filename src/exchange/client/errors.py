"""What goes wrong between a program and the exchange.

ExchangeError
├── Refused          the exchange says no: `code`, `field`, `status` (docs/api.md lists the codes)
├── TryAgain         not now: nothing was carried out; wait `retry_after` seconds, then ask again
├── UnknownOutcome   it may or may not have been carried out: repeat it with the same client_order_id or ref
└── Unreadable       an answer that no exchange gives: something else is at this address
"""

from collections.abc import Mapping

NOT_NOW = 503
TIMED_OUT = 504
TOO_MANY = (418, 429)
_PERHAPS = ("log_unavailable",)
"""A refusal with 503 after which the request may have been carried out all the same."""


class ExchangeError(Exception):
    """Anything of this kind."""


class Refused(ExchangeError):
    """The exchange says no. `position` is the log's entry that says so, if it was the engine."""

    def __init__(self, status: int, code: str, message: str, field: str | None, position: str | None = None) -> None:
        super().__init__(f"{code}: {message}" + (f" ({field})" if field else ""))
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.position = position


class TryAgain(ExchangeError):
    """Not now; nothing was carried out."""

    def __init__(self, code: str, message: str, retry_after: int | None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.retry_after = retry_after


class UnknownOutcome(ExchangeError):
    """It may or may not have been carried out."""


class Unreadable(ExchangeError):
    """Not an answer of an exchange."""


def of(status: int, body: object, headers: Mapping[str, str]) -> ExchangeError:
    """The error that an answer is; `headers` by names in any case."""
    told = body.get("error") if isinstance(body, dict) else None
    if not isinstance(told, dict):
        return Unreadable(f"an answer with status {status} that is not the exchange's: {str(body)[:200]}")
    code, message, field = str(told.get("code")), str(told.get("message")), told.get("field")
    if status == TIMED_OUT or (status == NOT_NOW and code in _PERHAPS):
        return UnknownOutcome(f"{code}: {message}")
    if status == NOT_NOW or status in TOO_MANY:
        wait = headers.get("Retry-After", "")
        return TryAgain(code, message, int(wait) if wait.isdecimal() else None)
    return Refused(status, code, message, None if field is None else str(field), headers.get("X-Exchange-Position"))
