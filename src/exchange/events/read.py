"""Reading events back: one reader for each, from the JSON object that the event wrote of itself.

What the engine published is trusted to be of this form: only what a member's type cannot hold is noticed.
"""

from collections.abc import Callable
from typing import Any, Final

from exchange.events.types import (
    Accepted,
    AccountOpened,
    AccountStatusSet,
    Activated,
    AllCanceled,
    Amended,
    AssetCreated,
    AuctionTrade,
    Canceled,
    Deposited,
    Done,
    Duplicate,
    Event,
    FeeTiersSet,
    Item,
    ListDone,
    ListOpened,
    LogOpened,
    MarketCreated,
    MarketFeesSet,
    MarketLimitsSet,
    MarketStatusSet,
    Prevented,
    Recorded,
    Rejected,
    Replenished,
    Rested,
    RulesSet,
    StpSet,
    SwitchFired,
    SwitchSet,
    Trade,
    TradeGroupSet,
    Transferred,
    Uncrossed,
    Waiting,
    WithdrawalReleased,
    WithdrawalReserved,
    WithdrawalSettled,
)
from exchange.terms.instructions import PLAIN, Instructions

Object = dict[str, Any]
"""A JSON object as it was read; a member that it lacks or has in another form raises what `codec` catches."""


def _trade(e: Object) -> Event:
    return Trade(
        e["trade"],
        e["market"],
        e["seq"],
        int(e["price"]),
        int(e["quantity"]),
        int(e["notional"]),
        e["taker_side"],
        e["maker_order"],
        e["taker_order"],
        e["maker"],
        e["taker"],
        int(e["maker_fee"]),
        int(e["taker_fee"]),
        int(e["maker_left"]),
        _amount(e, "rebate"),
    )


def _auction_trade(e: Object) -> Event:
    return AuctionTrade(
        e["trade"],
        e["market"],
        e["seq"],
        int(e["price"]),
        int(e["quantity"]),
        int(e["notional"]),
        e["taker_side"],
        e["buy_order"],
        e["sell_order"],
        e["buyer"],
        e["seller"],
        int(e["buy_price"]),
        int(e["sell_price"]),
        int(e["buy_shown"]),
        int(e["sell_shown"]),
        int(e["buy_fee"]),
        int(e["sell_fee"]),
        int(e["rebate"]),
        int(e["buy_left"]),
        int(e["sell_left"]),
    )


def _prevented(e: Object) -> Event:
    return Prevented(
        e["prevented"],
        e["market"],
        e["seq"],
        int(e["price"]),
        e["stp"],
        e["taker_side"],
        e["maker_order"],
        e["taker_order"],
        e["maker"],
        e["taker"],
        int(e["maker_quantity"]),
        int(e["taker_quantity"]),
        int(e["shown"]),
        int(e["maker_left"]),
    )


def _uncrossed(e: Object) -> Event:
    return Uncrossed(e["market"], int(e["price"]), int(e["quantity"]), _by(e))


def _accepted(e: Object) -> Event:
    return Accepted(
        e["order"],
        e["account"],
        e["market"],
        e["side"],
        e["order_type"],
        e["tif"],
        int(e["price"]),
        int(e["quantity"]),
        int(e["quote_amount"]),
        e["maker_fee"],
        e["taker_fee"],
        e["client_id"],
        _instructions(e),
        e.get("order_list", 0),
    )


_PLAIN_MEMBERS: Final = 13


def _instructions(e: Object) -> Instructions:
    if len(e) == _PLAIN_MEMBERS:
        return PLAIN
    read = Instructions(
        _amount(e, "stop_price"),
        e.get("trailing_bps", 0),
        _amount(e, "trailing_amount"),
        e.get("expires_ms", 0),
        e.get("post_only", ""),
        _amount(e, "display"),
        e.get("stp"),
        e.get("slippage_bps", 0),
    )
    return read if read.named() else PLAIN


def _waiting(e: Object) -> Event:
    return Waiting(e["order"], e["account"], e["market"], e["on"])


def _activated(e: Object) -> Event:
    return Activated(e["order"], e["account"], e["market"], e["by"])


def _rested(e: Object) -> Event:
    return Rested(
        e["order"],
        e["account"],
        e["market"],
        e["seq"],
        e["side"],
        int(e["price"]),
        int(e["quantity"]),
        _amount(e, "hidden"),
    )


def _replenished(e: Object) -> Event:
    return Replenished(
        e["order"],
        e["account"],
        e["market"],
        e["seq"],
        e["side"],
        int(e["price"]),
        int(e["quantity"]),
        int(e["hidden"]),
    )


def _done(e: Object) -> Event:
    return Done(e["order"], e["account"], e["market"], e["end"], int(e["left"]), e.get("reason", ""))


def _canceled(e: Object) -> Event:
    return Canceled(
        e["order"],
        e["account"],
        e["market"],
        e["seq"],
        e["side"],
        int(e["price"]),
        int(e["quantity"]),
        _amount(e, "hidden"),
        e.get("reason", ""),
    )


def _amended(e: Object) -> Event:
    return Amended(
        e["order"],
        e["account"],
        e["market"],
        e["seq"],
        e["side"],
        int(e["price"]),
        int(e["quantity"]),
        int(e["by"]),
        _amount(e, "hidden"),
    )


def _list_opened(e: Object) -> Event:
    return ListOpened(e["order_list"], e["account"], e["market"], e["kind"], e["client_id"], e["orders"])


def _list_done(e: Object) -> Event:
    return ListDone(e["order_list"], e["account"], e["market"])


def _all_canceled(e: Object) -> Event:
    return AllCanceled(e["account"], e["count"], e["more"])


def _item(e: Object) -> Event:
    return Item(e["index"], e.get("code", ""), e.get("field", ""), e.get("first", ""))


def _deposited(e: Object) -> Event:
    return Deposited(e["account"], e["asset"], int(e["amount"]), e["ref"], _by(e))


def _withdrawal_reserved(e: Object) -> Event:
    return WithdrawalReserved(e["withdrawal"], e["account"], e["asset"], int(e["amount"]), e["ref"])


def _withdrawal_settled(e: Object) -> Event:
    return WithdrawalSettled(e["withdrawal"], e["account"], e["asset"], int(e["amount"]), _by(e))


def _withdrawal_released(e: Object) -> Event:
    return WithdrawalReleased(e["withdrawal"], e["account"], e["asset"], int(e["amount"]), _by(e))


def _account_opened(e: Object) -> Event:
    return AccountOpened(e["account"], e["ref"])


def _market_status_set(e: Object) -> Event:
    return MarketStatusSet(e["market"], e["status"], _by(e))


def _market_fees_set(e: Object) -> Event:
    return MarketFeesSet(e["market"], e["maker_fee"], e["taker_fee"], e.get("tiered", False), _by(e))


def _market_limits_set(e: Object) -> Event:
    return MarketLimitsSet(
        e["market"],
        int(e["reference"]),
        e["bid_up"],
        e["bid_down"],
        e["ask_up"],
        e["ask_down"],
        e["slippage_bps"],
        e["max_orders"],
        e["max_conditional"],
        e["max_parts"],
        int(e["max_position"]),
        e["max_fills"],
        _by(e),
    )


def _fee_tiers_set(e: Object) -> Event:
    tiers = [(int(volume), maker, taker) for volume, maker, taker in e["tiers"]]
    return FeeTiersSet(e["asset"], tiers, _by(e))


def _account_status_set(e: Object) -> Event:
    return AccountStatusSet(e["account"], e["status"], _by(e))


def _stp_set(e: Object) -> Event:
    return StpSet(e["account"], e["stp"])


def _trade_group_set(e: Object) -> Event:
    return TradeGroupSet(e["account"], e["group"], _by(e))


def _switch_set(e: Object) -> Event:
    return SwitchSet(e["account"], e["at_ms"])


def _market_created(e: Object) -> Event:
    return MarketCreated(
        e["market"],
        int(e["tick_size"]),
        int(e["lot_size"]),
        int(e["min_notional"]),
        e["maker_fee"],
        e["taker_fee"],
        _by(e),
    )


def _asset_created(e: Object) -> Event:
    return AssetCreated(e["asset"], e["decimals"], _by(e))


def _log_opened(e: Object) -> Event:
    return LogOpened(e["log_id"], e["rules"], e["dedup_window_ms"], e.get("dedup_names", 0))


def _rules_set(e: Object) -> Event:
    return RulesSet(e["rules"], e["dedup_names"], _by(e))


def _recorded(e: Object) -> Event:
    return Recorded(e["by"], e["act"], e["subject"])


def _transferred(e: Object) -> Event:
    return Transferred(e["account"], e["to"], e["asset"], int(e["amount"]), e["ref"])


def _by(e: Object) -> str:
    """Who did it, if it says so."""
    by: str = e.get("by", "")
    return by


def _amount(e: Object, name: str) -> int:
    """An amount that is left out when it is zero."""
    given = e.get(name)
    return 0 if given is None else int(given)


READERS: Final[dict[str, Callable[[Object], Event]]] = {
    "rejected": lambda e: Rejected(e["code"], e["field"]),
    "duplicate": lambda e: Duplicate(e["first"]),
    "log_opened": _log_opened,
    "asset_created": _asset_created,
    "market_created": _market_created,
    "market_status_set": _market_status_set,
    "market_fees_set": _market_fees_set,
    "account_opened": _account_opened,
    "deposited": _deposited,
    "withdrawal_reserved": _withdrawal_reserved,
    "withdrawal_settled": _withdrawal_settled,
    "withdrawal_released": _withdrawal_released,
    "accepted": _accepted,
    "trade": _trade,
    "rested": _rested,
    "done": _done,
    "canceled": _canceled,
    "amended": _amended,
    "rules_set": _rules_set,
    "market_limits_set": _market_limits_set,
    "fee_tiers_set": _fee_tiers_set,
    "account_status_set": _account_status_set,
    "stp_set": _stp_set,
    "trade_group_set": _trade_group_set,
    "switch_set": _switch_set,
    "switch_fired": lambda e: SwitchFired(e["account"]),
    "list_opened": _list_opened,
    "list_done": _list_done,
    "waiting": _waiting,
    "activated": _activated,
    "replenished": _replenished,
    "prevented": _prevented,
    "item": _item,
    "all_canceled": _all_canceled,
    "auction_trade": _auction_trade,
    "uncrossed": _uncrossed,
    "transferred": _transferred,
    "recorded": _recorded,
}
"""A reader for each event, by its name."""
