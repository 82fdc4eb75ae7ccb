"""Why an entry's balance changes were made: one word for all of them, since an entry's postings are net of everything
that it tells."""

from typing import Final

from exchange.events.types import (
    Accepted,
    Activated,
    Amended,
    AuctionTrade,
    Canceled,
    Deposited,
    Done,
    Event,
    Trade,
    Transferred,
    WithdrawalReleased,
    WithdrawalReserved,
    WithdrawalSettled,
)
from exchange.projections.timescale.words import Reason

_BY_TYPE: Final[dict[type[Event], Reason]] = {
    Deposited: "deposit",
    WithdrawalReserved: "withdrawal_reserved",
    WithdrawalSettled: "withdrawal_settled",
    WithdrawalReleased: "withdrawal_released",
    Transferred: "transfer",
    Trade: "trade",
    AuctionTrade: "trade",
    Accepted: "order",
    Activated: "order",
    Amended: "amend",
}

_PRECEDENCE: Final[tuple[Reason, ...]] = (
    "deposit",
    "withdrawal_reserved",
    "withdrawal_settled",
    "withdrawal_released",
    "transfer",
    "trade",
    "order",
    "cancel",
    "amend",
    "expire",
)


def reason_of(events: list[Event]) -> Reason:
    """The entry's reason; see `words.Reason`.

    Raises:
        ValueError: no event of it can have changed a balance.
    """
    first = events[0]
    if isinstance(first, Accepted):  # nearly all entries; nothing was due before it
        if isinstance(events[1], Trade):
            return "trade"
        if len(events) == 2:
            return "order"
    if len(events) == 1:
        only = _of(first)
        if only is not None:
            return only
    reasons = [reason for reason in map(_of, events) if reason is not None]
    return min(reasons, key=_PRECEDENCE.index)


def _of(event: Event) -> Reason | None:
    if isinstance(event, Canceled):
        return "cancel" if event.reason in ("", "switch") else "expire"
    if isinstance(event, Done):
        return "cancel" if event.end == "canceled" else "expire"
    return _BY_TYPE.get(type(event))
