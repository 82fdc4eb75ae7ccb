"""The venue's words for what an order is and has become (Binance: enums.md).

Nothing here looks at anything but the order or list itself, so that answers, streams and reports say the same.
"""

from collections.abc import Mapping
from typing import Final

from exchange.projections.live.orders import (
    CANCELED,
    DONE,
    EXPIRED,
    EXPIRED_IN_MATCH,
    FILLED,
    OPEN,
    PENDING,
    WAITING,
    LiveList,
    LiveOrder,
)
from exchange.terms.words import BUY, CONDITIONAL, FOK, IOC, LIMIT, OCO, PRICED, SELF_TRADES, SelfTrade, Side

NEVER: Final = -1
"""How a time is written that has not come, and a list's number where there is none."""

TYPES: Final[Mapping[str, str]] = {
    "limit": "LIMIT",
    "market": "MARKET",
    "stop_loss": "STOP_LOSS",
    "stop_loss_limit": "STOP_LOSS_LIMIT",
    "take_profit": "TAKE_PROFIT",
    "take_profit_limit": "TAKE_PROFIT_LIMIT",
}
LIMIT_MAKER: Final = "LIMIT_MAKER"
TIMES: Final[Mapping[str, str]] = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK", "gtd": "GTD"}
MODES: Final[Mapping[SelfTrade, str]] = {mode: mode.upper() for mode in SELF_TRADES.values()}

_STATUSES: Final[Mapping[str, str]] = {
    OPEN: "NEW",
    WAITING: "NEW",
    PENDING: "PENDING_NEW",
    FILLED: "FILLED",
    CANCELED: "CANCELED",
    EXPIRED: "EXPIRED",
    EXPIRED_IN_MATCH: "EXPIRED_IN_MATCH",
}
_EXPIRED_BY: Final[Mapping[str, str]] = {
    "fok": "UNFILLED_FOK_ORDER_EXPIRED",
    "oco": "OCO_TRIGGER",
    "time": "EXCHANGE_CANCELED",
    "work": "EXCHANGE_CANCELED",
    "band": "EXECUTION_RULE_PRICE_RANGE_EXCEEDED",
    "slippage": "EXECUTION_RULE_PRICE_RANGE_EXCEEDED",
    "funds": "INSUFFICIENT_LIQUIDITY",
}


def status_of(order: LiveOrder) -> str:
    """An order's status. One that ended because another of its list was cancelled counts as cancelled too."""
    if order.status == OPEN and order.filled:
        return "PARTIALLY_FILLED"
    if order.status == EXPIRED and order.reason == "list":
        return "CANCELED"
    return _STATUSES[order.status]


def type_of(order: LiveOrder) -> str:
    """An order's type: a limit order that must not take is a `LIMIT_MAKER`."""
    if order.type == LIMIT and order.instructions.post_only:
        return LIMIT_MAKER
    return TYPES[order.type]


def tif_of(order: LiveOrder) -> str:
    """An order's time in force; the venue calls orders without a price `GTC`."""
    if order.type not in PRICED and order.tif != FOK:
        return "GTC"
    return TIMES[order.tif]


def side_of(kind: Side) -> str:
    """`BUY` or `SELL`."""
    return "BUY" if kind == BUY else "SELL"


def stp_of(order: LiveOrder) -> str:
    """The self-trade prevention in force."""
    mode = order.instructions.stp
    return "NONE" if mode is None else MODES[mode]


def client_id_of(order: LiveOrder) -> str:
    """The client's id, or the one that an order without is shown and found under."""
    return order.client_id or f"o-{order.id}"


def list_client_id_of(order_list: LiveList) -> str:
    """The same of an order list."""
    return order_list.client_id or f"l-{order_list.id}"


def contingency_of(order_list: LiveList) -> str:
    """`OCO` or `OTO`; the venue calls one that triggers a pair `OTO` too."""
    return "OCO" if order_list.kind == OCO else "OTO"


def list_status_of(order_list: LiveList) -> tuple[str, str]:
    """A list's `listStatusType` and `listOrderStatus`."""
    return ("ALL_DONE", "ALL_DONE") if order_list.status == DONE else ("EXEC_STARTED", "EXECUTING")


def expiry_of(order: LiveOrder) -> str:
    """Why an expired order has expired; empty if it has not, or not by its rules."""
    if order.status != EXPIRED or order.reason == "list":
        return ""
    if not order.reason:
        return (
            "UNFILLED_IOC_QUANTITY_EXPIRED" if order.type in PRICED and order.tif == IOC else "INSUFFICIENT_LIQUIDITY"
        )
    return _EXPIRED_BY.get(order.reason, "REJECTED")


def working_ms(order: LiveOrder) -> int:
    """When an order came to the book or began to trade; −1: it has not."""
    if order.status in (WAITING, PENDING):
        return NEVER
    if order.activated is not None:
        return order.activated
    if order.type in CONDITIONAL:
        return NEVER
    return order.created or NEVER


def trailing_ms(order: LiveOrder) -> int:
    """When a trailing order began to follow the price; −1: it has not. One that has a stop price first waits for that,
    and the events do not tell when it came: it is shown from its activation."""
    if order.activated is not None and order.status != WAITING:
        return order.activated
    if order.instructions.stop_price or order.status == PENDING:
        return NEVER
    return order.activated or order.created or NEVER
