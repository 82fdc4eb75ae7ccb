"""Why a command is refused: one closed set with stable codes.

The API's error table, its documentation and the events take the codes and their texts from here.
"""

from enum import StrEnum
from typing import Final


class Code(StrEnum):
    """A stable code for each refusal; the value is what stands in a `rejected` event."""

    # The command itself cannot be read.
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    UNKNOWN_VERSION = "unknown_version"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_FIELD = "unknown_field"
    MISSING_FIELD = "missing_field"
    INVALID_FIELD = "invalid_field"
    # The log.
    LOG_NOT_OPEN = "log_not_open"
    LOG_ALREADY_OPEN = "log_already_open"
    UNKNOWN_RULES = "unknown_rules"
    # Assets, markets, accounts.
    ASSET_EXISTS = "asset_exists"
    UNKNOWN_ASSET = "unknown_asset"
    MARKET_EXISTS = "market_exists"
    UNKNOWN_MARKET = "unknown_market"
    INEXACT_MARKET = "inexact_market"
    ACCOUNT_EXISTS = "account_exists"
    UNKNOWN_ACCOUNT = "unknown_account"
    HOUSE_ACCOUNT = "house_account"
    # Orders.
    MARKET_CLOSED = "market_closed"
    WOULD_TAKE = "would_take"
    NOT_POSITIVE = "not_positive"
    OFF_TICK = "off_tick"
    OFF_LOT = "off_lot"
    OUT_OF_RANGE = "out_of_range"
    BELOW_MIN_NOTIONAL = "below_min_notional"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    UNKNOWN_ORDER = "unknown_order"
    NOT_A_REDUCTION = "not_a_reduction"
    BELOW_FILLED = "below_filled"
    EXPIRING = "expiring"
    ACCOUNT_FROZEN = "account_frozen"
    ALREADY_EXPIRED = "already_expired"
    OUTSIDE_BAND = "outside_band"
    TOO_MANY_PARTS = "too_many_parts"
    TOO_MANY_ORDERS = "too_many_orders"
    POSITION_LIMIT = "position_limit"
    WOULD_TRIGGER = "would_trigger"
    NO_REFERENCE = "no_reference"
    CLIENT_ID_USED = "client_id_used"
    LEG_PRICES = "leg_prices"
    UNKNOWN_LIST = "unknown_list"
    BOOK_CROSSED = "book_crossed"
    NOT_IN_AUCTION = "not_in_auction"
    # Money.
    BALANCE_LIMIT = "balance_limit"
    UNKNOWN_WITHDRAWAL = "unknown_withdrawal"
    SAME_ACCOUNT = "same_account"
    NOT_SAME_GROUP = "not_same_group"


MESSAGES: Final[dict[Code, str]] = {
    Code.MALFORMED: "The command is not a readable JSON object.",
    Code.TOO_LARGE: "The command is larger than 16 KiB.",
    Code.UNKNOWN_VERSION: "The command's version is not known to this engine.",
    Code.UNKNOWN_TYPE: "The command's type is not known to this engine.",
    Code.UNKNOWN_FIELD: "The command has a field that its type does not have.",
    Code.MISSING_FIELD: "A required field is missing.",
    Code.INVALID_FIELD: "The field's value has the wrong type or form.",
    Code.LOG_NOT_OPEN: "The log has not been opened: its first command must be open_log.",
    Code.LOG_ALREADY_OPEN: "The log is already open.",
    Code.UNKNOWN_RULES: "This engine does not know that version of the rules, or the log has it already.",
    Code.ASSET_EXISTS: "The asset exists already.",
    Code.UNKNOWN_ASSET: "There is no such asset.",
    Code.MARKET_EXISTS: "The market exists already.",
    Code.UNKNOWN_MARKET: "There is no such market.",
    Code.INEXACT_MARKET: (
        "tick_size times lot_size must be a whole multiple of one whole base unit, so that every notional is exact."
    ),
    Code.ACCOUNT_EXISTS: "An account with this reference exists already.",
    Code.UNKNOWN_ACCOUNT: "There is no such account.",
    Code.HOUSE_ACCOUNT: "Accounts of the house cannot do this.",
    Code.MARKET_CLOSED: "The market's status does not allow this.",
    Code.WOULD_TAKE: "The order would trade at once, and the market takes only resting orders now.",
    Code.NOT_POSITIVE: "The amount must be greater than zero.",
    Code.OFF_TICK: "The price is not a multiple of the market's tick size.",
    Code.OFF_LOT: "The quantity is not a multiple of the market's lot size.",
    Code.OUT_OF_RANGE: "The amount is beyond the largest that the market takes.",
    Code.BELOW_MIN_NOTIONAL: "The order's value is below the market's smallest notional.",
    Code.INSUFFICIENT_FUNDS: "The available balance does not cover this.",
    Code.UNKNOWN_ORDER: "There is no such open order.",
    Code.NOT_A_REDUCTION: "The new quantity must be smaller than the order's quantity.",
    Code.BELOW_FILLED: "The new quantity must be greater than what is already filled; cancel instead.",
    Code.EXPIRING: "Many orders are expiring at this moment: try again at once.",
    Code.ACCOUNT_FROZEN: "The account is frozen: it can cancel, nothing else.",
    Code.ALREADY_EXPIRED: "The order's time has passed already.",
    Code.OUTSIDE_BAND: "The price is too far from the market's reference price.",
    Code.TOO_MANY_PARTS: "The order would show too small a part: the market limits into how many it may be cut.",
    Code.TOO_MANY_ORDERS: "The account or the market has as many open orders of this kind as the market allows.",
    Code.POSITION_LIMIT: "The account would hold more of the asset than the market allows.",
    Code.WOULD_TRIGGER: "The order would trigger immediately.",
    Code.NO_REFERENCE: "The market has no last price yet that the trail could start from.",
    Code.CLIENT_ID_USED: "A leg's client order id is in use already.",
    Code.LEG_PRICES: "The legs' types, sides, quantities or prices do not fit together around the last price.",
    Code.UNKNOWN_LIST: "There is no such open order list.",
    Code.BOOK_CROSSED: "The book is crossed: uncross it before trading goes on.",
    Code.NOT_IN_AUCTION: "The market is not in an auction.",
    Code.BALANCE_LIMIT: "The balance would pass the largest amount that can be held.",
    Code.UNKNOWN_WITHDRAWAL: "There is no such pending withdrawal.",
    Code.SAME_ACCOUNT: "Money cannot be moved from an account to itself.",
    Code.NOT_SAME_GROUP: "Money can be moved only between accounts of one trade group.",
}


class Refused(Exception):
    """A command that is refused: the state is untouched, and the entry is one `rejected` event.

    `field` names the command's field at fault, or is empty.
    """

    def __init__(self, code: Code, field: str = "") -> None:
        super().__init__(code, field)
        self.code = code
        self.field = field
