"""The closed sets of words in the tables that the events do not already have."""

from typing import Final, Literal

NAME: Final = "timescale"
"""The projection's name: its consumer group and its row in `projections`."""

OrderStatus = Literal[
    "open", "partially_filled", "waiting", "pending", "filled", "canceled", "expired", "expired_in_match"
]
"""`open` and `partially_filled` are on the book (or were market orders still at it within their command), `waiting` is
for a trigger price, `pending` for the working order of a list; the rest is final."""

ListStatus = Literal["open", "done"]

TransferKind = Literal["deposit", "withdrawal", "transfer"]
TransferState = Literal["settled", "reserved", "released"]
"""A deposit or transfer is `settled` at once; a withdrawal is `reserved`, then `settled` or `released`."""

Reason = Literal[
    "deposit",
    "withdrawal_reserved",
    "withdrawal_settled",
    "withdrawal_released",
    "transfer",
    "order",
    "trade",
    "cancel",
    "amend",
    "expire",
]
"""Why a balance changed: what the command brought about, due orders and activations included. A transfer is named even
where orders ended beside it; else `trade` when anything traded, `order` when one was only accepted or activated, and so
on in this order."""

Liquidity = Literal["maker", "taker"]
