"""The closed sets of words in the tables that the events do not already have."""

from typing import Final, Literal

NAME: Final = "timescale"
"""The projection's name: its consumer group and its row in `projections`."""

OrderStatus = Literal["open", "partially_filled", "filled", "canceled", "expired"]
"""`open` and `partially_filled` are on the book (or were market orders still at it within their command); the rest is
final."""

TransferKind = Literal["deposit", "withdrawal"]
TransferState = Literal["settled", "reserved", "released"]
"""A deposit is `settled` at once; a withdrawal is `reserved`, then `settled` or `released`."""

Reason = Literal[
    "deposit",
    "withdrawal_reserved",
    "withdrawal_settled",
    "withdrawal_released",
    "order",
    "trade",
    "cancel",
    "amend",
]
"""Why a balance changed: what the command brought about, `trade` when an order traded at all, `order` when it only
locked its funds."""

Liquidity = Literal["maker", "taker"]
