"""The closed sets of words that commands, events and the outside use, as they are written on the wire.

They are literals rather than enum members because the engine compares and formats them for every command; mypy holds
the sets closed all the same.
"""

import re
from typing import Final, Literal

Side = Literal["buy", "sell"]
BUY: Final = "buy"
SELL: Final = "sell"
SIDES: Final[dict[str, Side]] = {"buy": "buy", "sell": "sell"}

OrderType = Literal["limit", "market"]
LIMIT: Final = "limit"
MARKET: Final = "market"
ORDER_TYPES: Final[dict[str, OrderType]] = {"limit": "limit", "market": "market"}

TimeInForce = Literal["gtc", "ioc"]
GTC: Final = "gtc"
IOC: Final = "ioc"
TIMES_IN_FORCE: Final[dict[str, TimeInForce]] = {"gtc": "gtc", "ioc": "ioc"}

MarketStatus = Literal["open", "post_only", "cancel_only", "halted"]
OPEN: Final = "open"
POST_ONLY: Final = "post_only"
CANCEL_ONLY: Final = "cancel_only"
HALTED: Final = "halted"
MARKET_STATUSES: Final[dict[str, MarketStatus]] = {
    "open": "open",
    "post_only": "post_only",
    "cancel_only": "cancel_only",
    "halted": "halted",
}
"""`open`: everything. `post_only`: orders that would trade at once are refused. `cancel_only`: no new orders; cancels
and reductions go on. `halted`: no order entry of any kind, cancels included."""

OrderEnd = Literal["filled", "expired"]
"""How an order that never rested ended: wholly filled, or its rest expired (immediate-or-cancel, market)."""

OUTSIDE: Final = 0
"""The account that stands for the outside world: what users deposited is what it owes."""
FEES: Final = 1
"""The account that fees are paid to."""
FIRST_USER: Final = 100
"""Accounts below this number belong to the house."""

# The alphabets leave out everything that JSON would have to escape: events are formatted, not serialised.
ASSET_PATTERN: Final = re.compile(r"[A-Z0-9]{1,16}")
MARKET_PATTERN: Final = re.compile(r"[A-Z0-9]{1,16}-[A-Z0-9]{1,16}")
CLIENT_ID_PATTERN: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,36}")
REF_PATTERN: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
LOG_ID_PATTERN: Final = re.compile(r"[0-9a-f]{32}")
