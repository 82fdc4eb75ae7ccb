"""Every way in which the gateway refuses, with its HTTP status, in one table.

    ApiError              what a route raises; becomes `{"error": {"code", "message", "field"}}`

Codes are the engine's own (`terms.codes`) and the gateway's (`GatewayCode`): two closed sets that share no value but
those that mean the same. An answer never says more than its code's text, so nothing of the inside leaks.
"""

from enum import StrEnum
from typing import Final

from exchange.terms.codes import MESSAGES, Code
from exchange.terms.stream import StreamId

Json = dict[str, object]


class GatewayCode(StrEnum):
    """Why the gateway refuses before, or instead of, asking the engine."""

    # The request cannot be read.
    MALFORMED_REQUEST = "malformed_request"
    NOT_A_STRING = "not_a_string"
    MALFORMED_AMOUNT = "malformed_amount"
    TOO_PRECISE = "too_precise"
    BODY_TOO_LARGE = "body_too_large"
    REQUEST_TOO_SLOW = "request_too_slow"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    # Who asks.
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NO_ACCOUNT = "no_account"
    WRONG_CREDENTIALS = "wrong_credentials"
    CODE_REQUIRED = "code_required"
    WRONG_CODE = "wrong_code"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    ORIGIN_REFUSED = "origin_refused"
    TOO_MANY_REQUESTS = "too_many_requests"
    TOO_MANY_NEW_ORDERS = "too_many_new_orders"
    SHUT_OUT = "shut_out"
    # Which key asks.
    KEY_REFUSED = "key_refused"
    BAD_SIGNATURE = "bad_signature"
    OUTSIDE_WINDOW = "outside_window"
    KEY_NOT_ALLOWED = "key_not_allowed"
    KEY_UNREADABLE = "key_unreadable"
    UNKNOWN_KEY = "unknown_key"
    TOO_MANY_KEYS = "too_many_keys"
    # People.
    TOTP_ON = "totp_on"
    TOTP_OFF = "totp_off"
    UNKNOWN_SESSION = "unknown_session"
    UNKNOWN_USER = "unknown_user"
    TOO_MANY_SUB_ACCOUNTS = "too_many_sub_accounts"
    LABEL_USED = "label_used"
    # What is asked.
    CLIENT_ORDER_ID_REUSED = "client_order_id_reused"
    CLIENT_LIST_ID_REUSED = "client_list_id_reused"
    REF_REUSED = "ref_reused"
    RESULT_GONE = "result_gone"
    FAUCET_OFF = "faucet_off"
    FAUCET_LIMIT = "faucet_limit"
    MARKET_HALTED = "market_halted"
    # Not now.
    UNKNOWN_OUTCOME = "unknown_outcome"
    LOG_UNAVAILABLE = "log_unavailable"
    LOG_FULL = "log_full"
    DATABASE_UNAVAILABLE = "database_unavailable"
    VIEW_BEHIND = "view_behind"
    BUSY = "busy"
    INTERNAL = "internal"
    # The WebSocket's own.
    UNKNOWN_METHOD = "unknown_method"
    UNKNOWN_CHANNEL = "unknown_channel"
    TOO_MANY_SUBSCRIPTIONS = "too_many_subscriptions"
    TOO_OLD = "too_old"


G = GatewayCode

GATEWAY_ERRORS: Final[dict[GatewayCode, tuple[int, str]]] = {
    G.MALFORMED_REQUEST: (400, "The request cannot be read."),
    G.NOT_A_STRING: (400, 'Amounts are decimal strings, like "101.25": a JSON number loses digits.'),
    G.MALFORMED_AMOUNT: (
        400,
        (
            'An amount is plain decimal digits with at most one point, like "101.25": no sign, exponent, blank or '
            "leading zero, and at most 30 digits before the point."
        ),
    ),
    G.TOO_PRECISE: (400, "The amount has more decimals than the asset has."),
    G.BODY_TOO_LARGE: (413, "The body is larger than 16 KiB."),
    G.REQUEST_TOO_SLOW: (408, "The request did not come in time; send it again, faster."),
    G.UNSUPPORTED_MEDIA_TYPE: (415, "Send the body as Content-Type: application/json, not compressed."),
    G.NOT_FOUND: (404, "There is nothing at this address; docs/api.md lists all routes."),
    G.METHOD_NOT_ALLOWED: (405, "This address does not take that method; the Allow header names those it takes."),
    G.UNAUTHORIZED: (401, "Send Authorization: Bearer with a valid token from /api/v1/signin."),
    G.FORBIDDEN: (403, "This is for administrators."),
    G.NO_ACCOUNT: (403, "This token has no account of its own; sign in as a user."),
    G.WRONG_CREDENTIALS: (401, "There is no user with this email and password."),
    G.CODE_REQUIRED: (401, "Send the code of your authenticator app, or a recovery code, as code."),
    G.WRONG_CODE: (401, "This code is wrong, over, or was used before; wait for the next one."),
    G.TOO_MANY_ATTEMPTS: (429, "Too many failed attempts; wait as long as Retry-After says."),
    G.ORIGIN_REFUSED: (403, "A browser may open this WebSocket only from a page of this host."),
    G.TOO_MANY_REQUESTS: (429, "Too many requests from your address; wait as long as Retry-After says."),
    G.TOO_MANY_NEW_ORDERS: (429, "Too many new orders that have not traded; wait as long as Retry-After says."),
    G.SHUT_OUT: (418, "Your address went on after it was told to wait: it is shut out as long as Retry-After says."),
    G.TOTP_ON: (409, "One-time codes are on already; turn them off first."),
    G.TOTP_OFF: (409, "There are no one-time codes to confirm or to turn off; begin with POST totp."),
    G.UNKNOWN_SESSION: (404, "There is no such session, or it has ended."),
    G.UNKNOWN_USER: (404, "There is no such user."),
    G.TOO_MANY_SUB_ACCOUNTS: (409, "A user has at most 20 sub-accounts."),
    G.LABEL_USED: (409, "Another of your sub-accounts has this label."),
    G.KEY_REFUSED: (401, "There is no such key, it was taken back, it is over, or it may not be used from here."),
    G.BAD_SIGNATURE: (401, "This is not the key's signature of this request; docs/api.md says what is signed."),
    G.OUTSIDE_WINDOW: (
        401,
        "The request's timestamp is older than its window, or more than a second ahead; GET time tells ours.",
    ),
    G.KEY_NOT_ALLOWED: (403, "This key does not have the scope for this."),
    G.KEY_UNREADABLE: (
        401,
        "The exchange cannot read this key's secret any more; make a new key, or ask the operator to look at its log.",
    ),
    G.UNKNOWN_KEY: (404, "You have no such key."),
    G.TOO_MANY_KEYS: (409, "A user has at most 30 keys; take one back first."),
    G.CLIENT_ORDER_ID_REUSED: (409, "This client_order_id was used lately for another order; choose a new one."),
    G.CLIENT_LIST_ID_REUSED: (409, "This client_list_id was used lately for another order list; choose a new one."),
    G.REF_REUSED: (409, "This ref was used lately for another transfer; choose a new one."),
    G.RESULT_GONE: (
        409,
        "This was asked before, and its first result is no longer in the log; look it up instead of repeating it.",
    ),
    G.FAUCET_OFF: (403, "Deposits are credited by an administrator here; the faucet is for demo mode."),
    G.FAUCET_LIMIT: (403, "The faucet gives no more of this asset at once, or to this account."),
    G.MARKET_HALTED: (
        409,
        "The market is halted. Put it to cancel_only first; once what happened is understood, open it from there.",
    ),
    G.UNKNOWN_OUTCOME: (
        504,
        (
            "The engine did not answer in time: this may or may not have been carried out. Query by client order id, "
            "or repeat it with the same client_order_id or ref."
        ),
    ),
    G.LOG_UNAVAILABLE: (503, "The log cannot be reached now; try again."),
    G.LOG_FULL: (503, "The log has no room now; nothing was carried out. Try again later."),
    G.DATABASE_UNAVAILABLE: (503, "The database cannot be reached now; trading goes on without it. Try again later."),
    G.VIEW_BEHIND: (503, "This gateway has not read the log up to that position yet; try again."),
    G.BUSY: (503, "Too many such requests at once; try again."),
    G.INTERNAL: (500, "Something went wrong inside; it was recorded."),
    G.UNKNOWN_METHOD: (400, "Methods are SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS and AUTH."),
    G.UNKNOWN_CHANNEL: (
        404,
        (
            "Channels are trades@M, depth@M, ticker@M, kline@M_1m, market@M and auction@M, with M a market, and "
            "orders, lists, fills, prevented, balances and account."
        ),
    ),
    G.TOO_OLD: (409, "Too much has happened since that position: subscribe without after, and begin with snapshots."),
    G.TOO_MANY_SUBSCRIPTIONS: (429, "A connection holds at most 200 subscriptions."),
}

ENGINE_STATUS: Final[dict[Code, int]] = {
    Code.MALFORMED: 400,
    Code.TOO_LARGE: 400,
    Code.UNKNOWN_VERSION: 500,
    Code.UNKNOWN_TYPE: 500,
    Code.UNKNOWN_FIELD: 400,
    Code.MISSING_FIELD: 400,
    Code.INVALID_FIELD: 400,
    Code.LOG_NOT_OPEN: 503,
    Code.LOG_ALREADY_OPEN: 409,
    Code.UNKNOWN_RULES: 400,
    Code.ASSET_EXISTS: 409,
    Code.UNKNOWN_ASSET: 404,
    Code.MARKET_EXISTS: 409,
    Code.UNKNOWN_MARKET: 404,
    Code.INEXACT_MARKET: 422,
    Code.ACCOUNT_EXISTS: 409,
    Code.UNKNOWN_ACCOUNT: 404,
    Code.HOUSE_ACCOUNT: 403,
    Code.MARKET_CLOSED: 409,
    Code.WOULD_TAKE: 409,
    Code.NOT_POSITIVE: 422,
    Code.OFF_TICK: 422,
    Code.OFF_LOT: 422,
    Code.OUT_OF_RANGE: 422,
    Code.BELOW_MIN_NOTIONAL: 422,
    Code.INSUFFICIENT_FUNDS: 422,
    Code.UNKNOWN_ORDER: 404,
    Code.NOT_A_REDUCTION: 422,
    Code.BELOW_FILLED: 422,
    Code.EXPIRING: 503,
    Code.ACCOUNT_FROZEN: 403,
    Code.ALREADY_EXPIRED: 422,
    Code.OUTSIDE_BAND: 422,
    Code.TOO_MANY_PARTS: 422,
    Code.TOO_MANY_ORDERS: 409,
    Code.POSITION_LIMIT: 422,
    Code.WOULD_TRIGGER: 409,
    Code.NO_REFERENCE: 409,
    Code.CLIENT_ID_USED: 409,
    Code.LEG_PRICES: 422,
    Code.UNKNOWN_LIST: 404,
    Code.BOOK_CROSSED: 409,
    Code.NOT_IN_AUCTION: 409,
    Code.BALANCE_LIMIT: 422,
    Code.UNKNOWN_WITHDRAWAL: 404,
    Code.SAME_ACCOUNT: 422,
    Code.NOT_SAME_GROUP: 409,
}

OUTSIDE_NAMES: Final[dict[str, str]] = {
    "side": "kind",
    "order_type": "type",
    "tif": "time_in_force",
    "client_id": "client_order_id",
    "order": "id",
    "order_list": "id",
    "withdrawal": "id",
    "expires_ms": "expires_at",
    "group": "trade_group",
}
"""The commands' field names that the API calls otherwise."""

RETRY_AFTER_S: Final = 1


class ApiError(Exception):
    """A refusal; `detail` replaces the code's text where it can say more. Never put anything secret into it."""

    def __init__(
        self,
        code: GatewayCode | Code,
        field: str | None = None,
        *,
        detail: str = "",
        retry_after: int | None = None,
        position: StreamId | None = None,
    ) -> None:
        super().__init__(code, field)
        self.code: GatewayCode | Code = code
        self.field = field
        self.position = position
        """The entry that says so, when it is the engine that refuses."""
        if isinstance(code, GatewayCode):
            self.status, self.message = GATEWAY_ERRORS[code]
        else:
            self.status, self.message = ENGINE_STATUS[code], MESSAGES[code]
        self.message = detail or self.message
        self.retry_after = RETRY_AFTER_S if retry_after is None and self.status == 503 else retry_after

    def body(self) -> Json:
        """The one error shape."""
        return {"error": {"code": self.code.value, "message": self.message, "field": self.field}}


def refusal(code: str, field: str, position: StreamId | None = None) -> ApiError:
    """What a `rejected` event at a position says, for the outside."""
    try:
        known = Code(code)
    except ValueError:
        detail = f"The engine refused for a reason new to this gateway: {code}."
        return ApiError(GatewayCode.INTERNAL, detail=detail, position=position)
    outside = OUTSIDE_NAMES.get(field, field)
    if known is Code.UNKNOWN_LIST and field == "client_id":
        outside = "client_list_id"
    return ApiError(known, outside or None, position=position)


def table() -> str:
    """All codes as the table of `docs/api.md`."""
    rows = [(code.value, *entry) for code, entry in GATEWAY_ERRORS.items()]
    rows += [(code.value, status, MESSAGES[code]) for code, status in ENGINE_STATUS.items()]
    lines = [
        f"| {status} | `{code}` | {text} |" for code, status, text in sorted(rows, key=lambda row: (row[1], row[0]))
    ]
    return "\n".join(["| status | code | |", "|---|---|---|", *lines])
