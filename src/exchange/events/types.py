"""The events by name: one class for each, each writing its own JSON; the classes stand in `base`, `setup`, `transfers`,
`orders` and `trades`.

Amounts are integers of the smallest unit and stand in JSON as strings; ids, sequences and rates stand as numbers. The
JSON is formatted rather than serialised (180 ns against 430 ns): every string in an event comes from an alphabet that
JSON need not escape (`terms.words`).

`seq` is the market's own sequence number: it goes up by one with each event that changes the market's visible book, and
only with those, so that every feed made from the log agrees on it; zero where an event of such a type changed nothing
visible. Members that an event rarely has are left out when they are zero or empty, so that entries of the first rules
keep their bytes.
"""

from typing import Final

from exchange.events.base import Act, Duplicate, Event, Item, Outcome, Posting, Rejected
from exchange.events.orders import (
    Accepted,
    Activated,
    AllCanceled,
    Amended,
    Canceled,
    Done,
    ListDone,
    ListOpened,
    Replenished,
    Rested,
    Waiting,
)
from exchange.events.setup import (
    AccountOpened,
    AccountStatusSet,
    AssetCreated,
    FeeTiersSet,
    LogOpened,
    MarketCreated,
    MarketFeesSet,
    MarketLimitsSet,
    MarketStatusSet,
    Recorded,
    RulesSet,
    StpSet,
    SwitchFired,
    SwitchSet,
    TradeGroupSet,
)
from exchange.events.trades import AuctionTrade, Prevented, Trade, Uncrossed
from exchange.events.transfers import (
    Deposited,
    Transferred,
    WithdrawalReleased,
    WithdrawalReserved,
    WithdrawalSettled,
)

__all__ = [
    "EVENT_NAMES",
    "Accepted",
    "AccountOpened",
    "AccountStatusSet",
    "Act",
    "Activated",
    "AllCanceled",
    "Amended",
    "AssetCreated",
    "AuctionTrade",
    "Canceled",
    "Deposited",
    "Done",
    "Duplicate",
    "Event",
    "FeeTiersSet",
    "Item",
    "ListDone",
    "ListOpened",
    "LogOpened",
    "MarketCreated",
    "MarketFeesSet",
    "MarketLimitsSet",
    "MarketStatusSet",
    "Outcome",
    "Posting",
    "Prevented",
    "Recorded",
    "Rejected",
    "Replenished",
    "Rested",
    "RulesSet",
    "StpSet",
    "SwitchFired",
    "SwitchSet",
    "Trade",
    "TradeGroupSet",
    "Transferred",
    "Uncrossed",
    "Waiting",
    "WithdrawalReleased",
    "WithdrawalReserved",
    "WithdrawalSettled",
]

EVENT_NAMES: Final[dict[type[Event], str]] = {
    Rejected: "rejected",
    Duplicate: "duplicate",
    LogOpened: "log_opened",
    AssetCreated: "asset_created",
    MarketCreated: "market_created",
    MarketStatusSet: "market_status_set",
    MarketFeesSet: "market_fees_set",
    AccountOpened: "account_opened",
    Deposited: "deposited",
    WithdrawalReserved: "withdrawal_reserved",
    WithdrawalSettled: "withdrawal_settled",
    WithdrawalReleased: "withdrawal_released",
    Accepted: "accepted",
    Trade: "trade",
    Rested: "rested",
    Done: "done",
    Canceled: "canceled",
    Amended: "amended",
    RulesSet: "rules_set",
    MarketLimitsSet: "market_limits_set",
    FeeTiersSet: "fee_tiers_set",
    AccountStatusSet: "account_status_set",
    StpSet: "stp_set",
    TradeGroupSet: "trade_group_set",
    SwitchSet: "switch_set",
    SwitchFired: "switch_fired",
    ListOpened: "list_opened",
    ListDone: "list_done",
    Waiting: "waiting",
    Activated: "activated",
    Replenished: "replenished",
    Prevented: "prevented",
    Item: "item",
    AllCanceled: "all_canceled",
    AuctionTrade: "auction_trade",
    Uncrossed: "uncrossed",
    Transferred: "transferred",
    Recorded: "recorded",
}
