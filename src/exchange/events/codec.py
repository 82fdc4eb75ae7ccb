"""An entry's payload and the chain.

A payload is `{"v":1,"events":[…],"postings":[…]}`: the JSON that the events wrote of themselves. The chain is a
running SHA-256 over the hash before, the id, the command's bytes and the payload, so that a published head vouches for
every byte of history on both sides.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

import orjson

from exchange.events.types import (
    Accepted,
    AccountOpened,
    Amended,
    AssetCreated,
    Canceled,
    Deposited,
    Done,
    Duplicate,
    Event,
    LogOpened,
    MarketCreated,
    MarketFeesSet,
    MarketStatusSet,
    Outcome,
    Posting,
    Rejected,
    Rested,
    Trade,
    WithdrawalReleased,
    WithdrawalReserved,
    WithdrawalSettled,
)
from exchange.terms.stream import StreamId

VERSION: Final = 1


class UnreadableEvent(Exception):
    """A payload that this version cannot read: of another version, or damaged."""


def encode(outcome: Outcome) -> bytes:
    """Write an outcome as an entry's payload."""
    events = ",".join([event.json() for event in outcome.events])
    postings = ",".join([posting.json() for posting in outcome.postings])
    return f'{{"v":1,"events":[{events}],"postings":[{postings}]}}'.encode()


def chain(before: bytes, id: StreamId, framed_command: bytes, payload: bytes) -> bytes:
    """The chain hash after an entry: SHA-256 of `before`, the id's text, a line feed, the command's framed fields, a
    line feed and the payload (32 bytes)."""
    return sha256(b"%b%d-%d\n%b\n%b" % (before, id[0], id[1], framed_command, payload)).digest()


def decode(payload: bytes) -> Outcome:
    """Read an entry's payload.

    Raises:
        UnreadableEvent: it is not a payload of this version.
    """
    try:
        body: dict[str, Any] = orjson.loads(payload)
        if body["v"] != VERSION:
            raise UnreadableEvent(f"event payload of version {body['v']!r}; this reader knows {VERSION}")
        events = [_READERS[event["type"]](event) for event in body["events"]]
        postings = [
            Posting(account, asset, int(available), int(locked))
            for account, asset, available, locked in body["postings"]
        ]
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise UnreadableEvent(f"event payload cannot be read: {error!r}") from error
    return Outcome(events, postings)


_Object = dict[str, Any]


def _trade(e: _Object) -> Event:
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
    )


def _accepted(e: _Object) -> Event:
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
    )


def _rested(e: _Object) -> Event:
    return Rested(e["order"], e["account"], e["market"], e["seq"], e["side"], int(e["price"]), int(e["quantity"]))


def _done(e: _Object) -> Event:
    return Done(e["order"], e["account"], e["market"], e["end"], int(e["left"]))


def _canceled(e: _Object) -> Event:
    return Canceled(e["order"], e["account"], e["market"], e["seq"], e["side"], int(e["price"]), int(e["quantity"]))


def _amended(e: _Object) -> Event:
    return Amended(
        e["order"],
        e["account"],
        e["market"],
        e["seq"],
        e["side"],
        int(e["price"]),
        int(e["quantity"]),
        int(e["by"]),
    )


def _rejected(e: _Object) -> Event:
    return Rejected(e["code"], e["field"])


def _duplicate(e: _Object) -> Event:
    return Duplicate(e["first"])


def _deposited(e: _Object) -> Event:
    return Deposited(e["account"], e["asset"], int(e["amount"]), e["ref"])


def _withdrawal_reserved(e: _Object) -> Event:
    return WithdrawalReserved(e["withdrawal"], e["account"], e["asset"], int(e["amount"]), e["ref"])


def _withdrawal_settled(e: _Object) -> Event:
    return WithdrawalSettled(e["withdrawal"], e["account"], e["asset"], int(e["amount"]))


def _withdrawal_released(e: _Object) -> Event:
    return WithdrawalReleased(e["withdrawal"], e["account"], e["asset"], int(e["amount"]))


def _account_opened(e: _Object) -> Event:
    return AccountOpened(e["account"], e["ref"])


def _market_status_set(e: _Object) -> Event:
    return MarketStatusSet(e["market"], e["status"])


def _market_fees_set(e: _Object) -> Event:
    return MarketFeesSet(e["market"], e["maker_fee"], e["taker_fee"])


def _market_created(e: _Object) -> Event:
    return MarketCreated(
        e["market"],
        int(e["tick_size"]),
        int(e["lot_size"]),
        int(e["min_notional"]),
        e["maker_fee"],
        e["taker_fee"],
    )


def _asset_created(e: _Object) -> Event:
    return AssetCreated(e["asset"], e["decimals"])


def _log_opened(e: _Object) -> Event:
    return LogOpened(e["log_id"], e["rules"], e["dedup_window_ms"])


_READERS: Final[dict[str, Callable[[_Object], Event]]] = {
    "trade": _trade,
    "accepted": _accepted,
    "rested": _rested,
    "done": _done,
    "canceled": _canceled,
    "amended": _amended,
    "rejected": _rejected,
    "duplicate": _duplicate,
    "deposited": _deposited,
    "withdrawal_reserved": _withdrawal_reserved,
    "withdrawal_settled": _withdrawal_settled,
    "withdrawal_released": _withdrawal_released,
    "account_opened": _account_opened,
    "market_status_set": _market_status_set,
    "market_fees_set": _market_fees_set,
    "market_created": _market_created,
    "asset_created": _asset_created,
    "log_opened": _log_opened,
}
