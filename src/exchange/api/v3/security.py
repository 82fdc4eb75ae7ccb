"""Keys, timestamps and signatures of requests (Binance: rest-api.md, Request Security, and faqs/api_key_types.md)."""

from typing import Final

from exchange.api.auth.api_key import READ, TRADE, ApiKey, Keys
from exchange.api.contract.reading import digits
from exchange.api.v3 import faults
from exchange.api.v3.declared import Security
from exchange.api.v3.faults import Fault
from exchange.api.v3.params import Params
from exchange.terms.amounts import AmountError, parse_decimal

KEY_HEADER: Final = "X-MBX-APIKEY"
MAX_KEY_CHARS: Final = 128

_WINDOW_US: Final = 5_000_000
_MAX_WINDOW_US: Final = 60_000_000
_AHEAD_US: Final = 1_000_000
_MICROSECONDS: Final = 10**14

SCOPES: Final = {Security.KEY: READ, Security.USER_DATA: READ, Security.TRADE: TRADE}
"""What a key must be allowed."""


async def key_of(keys: Keys, text: str | None, security: Security, address: str, now_ms: int) -> ApiKey:
    """The key that a request names, if it may do what is asked.

    Raises:
        Fault: it is missing, malformed, unknown, over, or may not.
        ApiError: the database cannot be asked.
    """
    if not text or len(text) > MAX_KEY_CHARS or not text.isascii() or not text.isalnum():
        raise Fault(faults.BAD_KEY_FORMAT, "API-key format invalid.", status=401)
    key = await keys.find(text)
    if key is None or not key.allows(SCOPES[security], address, now_ms):
        raise faults.rejected_key()
    return key


def payload(query: str, body: str) -> bytes:
    """What is signed of a REST request: query and body, one right after the other, but for the signature itself. That
    of the query counts; where it has one, the body is signed whole, so that nothing can be put into it."""
    signed = _unsigned(query)
    return (signed + (body if len(signed) < len(query) else _unsigned(body))).encode()


def see_timely(params: Params, now_us: int) -> None:
    """See that a request is meant for now.

    Raises:
        Fault: its timestamp is missing, too old for its window, or more than a second ahead.
    """
    sent = digits(params.text("timestamp"))
    if sent is None:
        raise faults.illegal("timestamp", "^[0-9]{1,20}$")
    if sent < _MICROSECONDS:
        sent *= 1000
    window = _WINDOW_US
    if "recvWindow" in params:
        try:
            window = parse_decimal(params.text("recvWindow"), 3)
        except AmountError:
            raise faults.illegal("recvWindow", "^([0-9]{1,5})(\\.[0-9]{1,3})?$") from None
        if window > _MAX_WINDOW_US:
            raise Fault(faults.BAD_WINDOW, "recvWindow must be less than 60000.")
    if sent >= now_us + _AHEAD_US:
        msg = "Timestamp for this request was 1000ms ahead of the server's time."
        raise Fault(faults.INVALID_TIMESTAMP, msg)
    if now_us - sent > window:
        raise Fault(faults.INVALID_TIMESTAMP, "Timestamp for this request is outside of the recvWindow.")


def see_signed(key: ApiKey, params: Params, signed: bytes) -> None:
    """See that a request is the key holder's.

    Raises:
        Fault: its signature is missing or wrong.
    """
    if "signature" not in params:
        raise faults.mandatory("signature")
    if not key.verify(signed, params.text("signature")):
        raise Fault(faults.INVALID_SIGNATURE, "Signature for this request is not valid.")


def _unsigned(text: str) -> str:
    """A query string or form without its signature, wherever that stands."""
    if text.startswith("signature="):
        return text.partition("&")[2]
    before, found, after = text.partition("&signature=")
    if not found:
        return text
    rest = after.partition("&")
    return before + rest[1] + rest[2]
