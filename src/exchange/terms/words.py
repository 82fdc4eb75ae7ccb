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

OrderType = Literal["limit", "market", "stop_loss", "stop_loss_limit", "take_profit", "take_profit_limit"]
LIMIT: Final = "limit"
MARKET: Final = "market"
STOP_LOSS: Final = "stop_loss"
STOP_LOSS_LIMIT: Final = "stop_loss_limit"
TAKE_PROFIT: Final = "take_profit"
TAKE_PROFIT_LIMIT: Final = "take_profit_limit"
ORDER_TYPES: Final[dict[str, OrderType]] = {
    "limit": "limit",
    "market": "market",
    "stop_loss": "stop_loss",
    "stop_loss_limit": "stop_loss_limit",
    "take_profit": "take_profit",
    "take_profit_limit": "take_profit_limit",
}
PRICED: Final[frozenset[OrderType]] = frozenset(["limit", "stop_loss_limit", "take_profit_limit"])
"""The types that have a limit price, and so may rest."""
CONDITIONAL: Final[frozenset[OrderType]] = frozenset(
    ["stop_loss", "stop_loss_limit", "take_profit", "take_profit_limit"]
)
"""The types that wait for the last price to reach their trigger."""

TimeInForce = Literal["gtc", "ioc", "fok", "gtd"]
GTC: Final = "gtc"
IOC: Final = "ioc"
FOK: Final = "fok"
GTD: Final = "gtd"
TIMES_IN_FORCE: Final[dict[str, TimeInForce]] = {"gtc": "gtc", "ioc": "ioc", "fok": "fok", "gtd": "gtd"}

PostOnly = Literal["", "refuse", "reprice"]
REFUSE: Final = "refuse"
REPRICE: Final = "reprice"
POST_ONLIES: Final[dict[str, PostOnly]] = {"refuse": "refuse", "reprice": "reprice"}

SelfTrade = Literal["none", "expire_taker", "expire_maker", "expire_both", "decrement"]
NONE: Final = "none"
EXPIRE_TAKER: Final = "expire_taker"
EXPIRE_MAKER: Final = "expire_maker"
EXPIRE_BOTH: Final = "expire_both"
DECREMENT: Final = "decrement"
SELF_TRADES: Final[dict[str, SelfTrade]] = {
    "none": "none",
    "expire_taker": "expire_taker",
    "expire_maker": "expire_maker",
    "expire_both": "expire_both",
    "decrement": "decrement",
}
"""What happens instead of a trade with oneself; the taker's mode decides (docs/rules.md)."""

ListKind = Literal["oco", "oto", "otoco"]
OCO: Final = "oco"
OTO: Final = "oto"
OTOCO: Final = "otoco"
LIST_KINDS: Final[dict[str, ListKind]] = {"oco": "oco", "oto": "oto", "otoco": "otoco"}

MarketStatus = Literal["open", "post_only", "auction", "cancel_only", "halted"]
OPEN: Final = "open"
POST_ONLY: Final = "post_only"
AUCTION: Final = "auction"
CANCEL_ONLY: Final = "cancel_only"
HALTED: Final = "halted"
MARKET_STATUSES: Final[dict[str, MarketStatus]] = {
    "open": "open",
    "post_only": "post_only",
    "auction": "auction",
    "cancel_only": "cancel_only",
    "halted": "halted",
}
"""`open`: everything. `post_only`: orders that would trade at once are refused. `auction`: orders gather without
trading until an `uncross`. `cancel_only`: no new orders; cancels and reductions go on. `halted`: no order entry of any
kind, cancels included. Time passes in all of them."""

AccountStatus = Literal["open", "frozen"]
FROZEN: Final = "frozen"
ACCOUNT_STATUSES: Final[dict[str, AccountStatus]] = {"open": "open", "frozen": "frozen"}

OrderEnd = Literal["filled", "expired", "expired_in_match", "canceled"]
"""How an order that was not on the book ended: wholly filled; expired by its own rules (immediate-or-cancel,
fill-or-kill, time, …); expired by self-trade prevention; cancelled by its owner while it waited."""

WaitsOn = Literal["price", "list"]
"""What a waiting order waits for: the last price to reach its trigger, or the working order of its list to be
filled."""

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
REASON_PATTERN: Final = re.compile(r"[a-z_]{0,32}")
REF_PATTERN: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
LOG_ID_PATTERN: Final = re.compile(r"[0-9a-f]{32}")
BY_PATTERN: Final = re.compile(r"[0-9a-f]{32}|operator")
"""Who did something: a person's number, or whoever holds the keys of the machine."""
ACT_PATTERN: Final = re.compile(r"[a-z][a-z0-9_.]{0,31}")
