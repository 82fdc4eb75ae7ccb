"""How this door refuses: `Fault`, with the venue's published codes and wording (Binance: errors.md).

    Fault              becomes `{"code", "msg"}`, with an HTTP status

Clients choose their exceptions by code and by text, so both stay as published.
"""

from typing import Final

Json = dict[str, object]

UNKNOWN: Final = -1000
DISCONNECTED: Final = -1001
UNAUTHORIZED: Final = -1002
TOO_MANY_REQUESTS: Final = -1003
UNEXPECTED: Final = -1006
TIMEOUT: Final = -1007
SERVER_BUSY: Final = -1008
INVALID_MESSAGE: Final = -1013
UNKNOWN_COMPOSITION: Final = -1014
TOO_MANY_ORDERS: Final = -1015
SHUTTING_DOWN: Final = -1016
UNSUPPORTED: Final = -1020
INVALID_TIMESTAMP: Final = -1021
INVALID_SIGNATURE: Final = -1022
ILLEGAL_CHARS: Final = -1100
TOO_MANY_PARAMETERS: Final = -1101
MANDATORY: Final = -1102
UNREAD: Final = -1104
EMPTY: Final = -1105
NOT_REQUIRED: Final = -1106
OVERFLOW: Final = -1108
BAD_PRECISION: Final = -1111
TIF_NOT_REQUIRED: Final = -1114
INVALID_TIF: Final = -1115
INVALID_TYPE: Final = -1116
INVALID_SIDE: Final = -1117
BAD_INTERVAL: Final = -1120
BAD_SYMBOL: Final = -1121
INVALID_SYMBOL_STATUS: Final = -1122
INVALID_LISTEN_KEY: Final = -1125
BAD_WINDOW: Final = -1131
MORE_THAN_HOURS: Final = -1127
BAD_COMBINATION: Final = -1128
INVALID_PARAMETER: Final = -1130
BAD_STRATEGY: Final = -1134
INVALID_JSON: Final = -1135
BAD_RESTRICTIONS: Final = -1145
OCO_TYPE_REJECTED: Final = -1158
OCO_ICEBERG_TIF: Final = -1160
BUY_LIMIT_BELOW: Final = -1165
SELL_LIMIT_ABOVE: Final = -1166
BOTH_LIMIT: Final = -1168
BUY_STOP_ABOVE: Final = -1196
SELL_STOP_BELOW: Final = -1197
BUY_PROFIT_BELOW: Final = -1198
SELL_PROFIT_ABOVE: Final = -1199
OCO_SIDES: Final = (
    BUY_LIMIT_BELOW,
    SELL_LIMIT_ABOVE,
    BOTH_LIMIT,
    BUY_STOP_ABOVE,
    SELL_STOP_BELOW,
    BUY_PROFIT_BELOW,
    SELL_PROFIT_ABOVE,
)
"""A pair whose orders are not where they must be."""
STATUS_MISMATCH: Final = -1220
DUPLICATE_SYMBOLS: Final = -1151
NEW_ORDER_REJECTED: Final = -2010
CANCEL_REJECTED: Final = -2011
NO_SUCH_ORDER: Final = -2013
BAD_KEY_FORMAT: Final = -2014
REJECTED_KEY: Final = -2015
CANCEL_REPLACE_PARTLY: Final = -2021
CANCEL_REPLACE_FAILED: Final = -2022
SUBSCRIPTION_ACTIVE: Final = -2035
SUBSCRIPTION_INACTIVE: Final = -2036
AMEND_REJECTED: Final = -2038
WRONG_CLIENT_ID: Final = -2039
NO_REFERENCE_PRICE: Final = -2043

TOO_MANY_SUBSCRIPTIONS: Final = -1191
INVALID_TIME_UNIT: Final = -1194
NO_MORE_SUBSCRIPTIONS: Final = -2042


class Fault(Exception):
    """A refusal. `data` goes with it where the venue's does (cancelReplace), `retry_after` is in whole seconds."""

    def __init__(
        self, code: int, msg: str, *, status: int = 400, data: Json | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(code, msg)
        self.code = code
        self.msg = msg
        self.status = status
        self.data = data
        self.retry_after = retry_after

    def body(self) -> Json:
        """As it is answered."""
        told: Json = {"code": self.code, "msg": self.msg}
        return told if self.data is None else {**told, "data": self.data}


def mandatory(name: str) -> Fault:
    """A parameter that must be there is not, or cannot be read."""
    return Fault(MANDATORY, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def either(one: str, other: str) -> Fault:
    """One of two parameters must be there, and neither is."""
    return Fault(MANDATORY, f"Param '{one}' or '{other}' must be sent, but both were empty/null!")


def needless(name: str) -> Fault:
    """A parameter has no place in such a request."""
    return Fault(NOT_REQUIRED, f"Parameter '{name}' sent when not required.")


def combination() -> Fault:
    """Parameters that each may be given, but not together."""
    return Fault(BAD_COMBINATION, "Combination of optional parameters invalid.")


def illegal(name: str, pattern: str) -> Fault:
    """A parameter has characters that it must not have, or has no such form."""
    return Fault(ILLEGAL_CHARS, f"Illegal characters found in parameter '{name}'; legal range is '{pattern}'.")


def invalid(name: str) -> Fault:
    """A parameter's value makes no sense."""
    return Fault(INVALID_PARAMETER, f"Data sent for parameter '{name}' is not valid.")


def bad_symbol() -> Fault:
    """There is no such market."""
    return Fault(BAD_SYMBOL, "Invalid symbol.")


def rejected_key() -> Fault:
    """The key is unknown, over, or may not do this, from here."""
    return Fault(REJECTED_KEY, "Invalid API-key, IP, or permissions for action.", status=401)
