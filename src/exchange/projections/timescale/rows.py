"""Entries of the event stream folded into rows. Pure: no server, no clock, nothing waits.

A batch holds what some entries change together: lines to add, in PostgreSQL's COPY text format, and changes to rows
that were there before. New lines are written straight from the events because a batch is mostly those (half the cost
of typed values in binary, measured). An order that was opened within the batch is one line, whatever happened to it
since. The texts in events come from alphabets without a tab, a backslash or a line feed (`terms.words`), so nothing is
escaped.

A batch says "add so much", never "set to so much": it must be applied exactly once, on top of exactly the entries
before it.
"""

from typing import Final

from exchange.events.codec import decode
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
    Rejected,
    Rested,
    Trade,
    WithdrawalReleased,
    WithdrawalReserved,
    WithdrawalSettled,
)
from exchange.projections.timescale.candles import Candles
from exchange.projections.timescale.schema import LAST_MS, instant
from exchange.projections.timescale.words import OrderStatus, Reason, TransferState
from exchange.terms.stream import EventEntry, StreamId, format_id
from exchange.terms.words import FEES, OUTSIDE

MAX_BIGINT: Final = 2**63 - 1
_NULL: Final = r"\N"


class Unstorable(Exception):
    """An entry that the tables cannot hold: its id is beyond the year 9999, which only a forged one is."""


class Change:
    """What happened to one order: fills to add, and the newest status and total quantity.

    `status` is None and `quantity` zero where they did not change. `moment` and `entry` are the last event's.
    """

    __slots__ = ("entry", "fee", "filled", "filled_quote", "moment", "quantity", "status")

    def __init__(self) -> None:
        self.filled = 0
        self.filled_quote = 0
        self.fee = 0
        self.status: OrderStatus | None = None
        self.quantity = 0
        self.moment = ""
        self.entry = 0

    def fill(self, trade: Trade, fee: int, status: OrderStatus) -> None:
        """Count a trade in."""
        self.filled += trade.quantity
        self.filled_quote += trade.notional
        self.fee += fee
        self.status = status


class Opened:
    """An order that was opened within the batch."""

    __slots__ = ("accepted", "change", "entry", "moment")

    def __init__(self, accepted: Accepted, moment: str, entry: int) -> None:
        self.accepted = accepted
        self.moment = moment
        self.entry = entry
        self.change = Change()
        self.change.status = "open"

    def line(self) -> str:
        """The row as it is at the end of the batch."""
        a = self.accepted
        c = self.change
        return (
            f"{a.order}\t{a.account}\t{a.market}\t{a.side}\t{a.order_type}\t{a.tif}\t{a.price}\t"
            f"{c.quantity or a.quantity}\t{a.quote_amount}\t{c.filled}\t{c.filled_quote}\t{c.fee}\t"
            f"{a.maker_fee}\t{a.taker_fee}\t{c.status}\t{a.client_id}\t"
            f"{self.moment}\t{self.entry}\t{c.moment}\t{c.entry}"
        )


class Batch:
    """What a run of entries changes.

    `added` holds lines by table, but for the orders: those are `opened`. `changed` are orders from before the batch,
    `withdrawals` the ends of withdrawals, `statuses` and `fees` those of markets. `position` and `chain` are the last
    entry's; `log_id` is set when the log's first command is among the entries.
    """

    def __init__(self) -> None:
        self.entries = 0
        self.position: StreamId = (0, 0)
        self.chain = b""
        self.log_id = ""
        self.added: dict[str, list[str]] = {
            "assets": [],
            "markets": [],
            "accounts": [],
            "trades": [],
            "transfers": [],
            "ledger": [],
        }
        self.opened: dict[int, Opened] = {}
        self.changed: dict[int, Change] = {}
        self.withdrawals: list[tuple[int, TransferState, str, int]] = []
        self.statuses: dict[str, str] = {}
        self.fees: dict[str, tuple[int, int]] = {}
        self.candles = Candles()
        self._ms = -1
        self._moment = ""

    @property
    def rows(self) -> int:
        """How many rows are added or changed."""
        return (
            sum(map(len, self.added.values()))
            + len(self.opened)
            + len(self.changed)
            + len(self.withdrawals)
            + len(self.candles.all)
        )

    def add(self, entry: EventEntry) -> None:
        """Fold the next entry.

        Raises:
            UnreadableEvent: its payload is of another version, or damaged.
            Unstorable: its id cannot be stored.
        """
        outcome = decode(entry.payload)
        ms, seq = entry.id
        if ms != self._ms:
            self._moment = _moment(entry.id)
            self._ms = ms
        for event in outcome.events:
            self._event(event, ms, seq)
        if outcome.postings:
            self._postings(outcome, seq)
        self.entries += 1
        self.position = entry.id
        self.chain = entry.chain

    def _postings(self, outcome: Outcome, seq: int) -> None:
        reason = _reason(outcome)
        moment = self._moment
        self.added["ledger"] += [
            f"{moment}\t{seq}\t{index}\t{p.account}\t{p.asset}\t{p.available}\t{p.locked}\t{reason}"
            for index, p in enumerate(outcome.postings)
        ]

    def _event(self, event: Event, ms: int, seq: int) -> None:
        if isinstance(event, Trade):
            self._trade(event, ms, seq)
        elif isinstance(event, Accepted):
            opened = self.opened[event.order] = Opened(event, self._moment, seq)
            opened.change.moment = self._moment
            opened.change.entry = seq
        elif isinstance(event, Done):
            self._change(event.order, seq).status = event.end
        elif isinstance(event, Canceled):
            self._change(event.order, seq).status = "canceled"
        elif isinstance(event, Amended):
            self._change(event.order, seq).quantity = event.quantity
        elif not isinstance(event, (Rested, Rejected, Duplicate)):
            self._rare(event, seq)

    def _trade(self, t: Trade, ms: int, seq: int) -> None:
        self.added["trades"].append(
            f"{t.market}\t{t.trade}\t{self._moment}\t{seq}\t{t.seq}\t{t.price}\t{t.quantity}\t{t.notional}\t"
            f"{t.taker_side}\t{t.maker_order}\t{t.taker_order}\t{t.maker}\t{t.taker}\t{t.maker_fee}\t{t.taker_fee}"
        )
        maker = self._change(t.maker_order, seq)
        maker.fill(t, t.maker_fee, "partially_filled" if t.maker_left else "filled")
        self._change(t.taker_order, seq).fill(t, t.taker_fee, "partially_filled")
        self.candles.add(ms, t)

    def _change(self, order: int, seq: int) -> Change:
        opened = self.opened.get(order)
        if opened is not None:
            change = opened.change
        else:
            found = self.changed.get(order)
            change = self.changed[order] = Change() if found is None else found
        change.moment = self._moment
        change.entry = seq
        return change

    def _rare(self, e: Event, seq: int) -> None:
        at = self._moment
        if isinstance(e, Deposited):
            self._transfer(f"deposit\t{_NULL}\t{e.account}\t{e.asset}\t{e.amount}\t{e.ref}\tsettled", seq)
        elif isinstance(e, WithdrawalReserved):
            self._transfer(f"withdrawal\t{e.withdrawal}\t{e.account}\t{e.asset}\t{e.amount}\t{e.ref}\treserved", seq)
        elif isinstance(e, WithdrawalSettled):
            self.withdrawals.append((e.withdrawal, "settled", at, seq))
        elif isinstance(e, WithdrawalReleased):
            self.withdrawals.append((e.withdrawal, "released", at, seq))
        elif isinstance(e, AccountOpened):
            self.added["accounts"].append(f"{e.account}\t{e.ref}\t{at}")
        elif isinstance(e, MarketCreated):
            base, quote = e.market.split("-")
            self.added["markets"].append(
                f"{e.market}\t{base}\t{quote}\t{e.tick_size}\t{e.lot_size}\t{e.min_notional}\t"
                f"{e.maker_fee}\t{e.taker_fee}\topen\t{at}"
            )
        elif isinstance(e, MarketStatusSet):
            self.statuses[e.market] = e.status
        elif isinstance(e, MarketFeesSet):
            self.fees[e.market] = (e.maker_fee, e.taker_fee)
        elif isinstance(e, AssetCreated):
            self.added["assets"].append(f"{e.asset}\t{e.decimals}\t{at}")
        elif isinstance(e, LogOpened):
            self.log_id = e.log_id
            self.added["accounts"] += [f"{OUTSIDE}\toutside\t{at}", f"{FEES}\tfees\t{at}"]
        else:
            raise TypeError(f"no table for {e!r}")

    def _transfer(self, middle: str, seq: int) -> None:
        self.added["transfers"].append(f"{self._moment}\t{seq}\t{middle}\t{self._moment}\t{seq}")


def _moment(id: StreamId) -> str:
    if id[0] > LAST_MS or id[1] > MAX_BIGINT:
        raise Unstorable(f"entry {format_id(id)} lies beyond the last moment that the tables hold")
    return instant(id[0]).isoformat(sep=" ", timespec="milliseconds")


_REASONS: Final[dict[type[Event], Reason]] = {
    Deposited: "deposit",
    WithdrawalReserved: "withdrawal_reserved",
    WithdrawalSettled: "withdrawal_settled",
    WithdrawalReleased: "withdrawal_released",
    Canceled: "cancel",
    Amended: "amend",
}


def _reason(outcome: Outcome) -> Reason:
    first = outcome.events[0]
    if isinstance(first, Accepted):
        return "trade" if isinstance(outcome.events[1], Trade) else "order"
    return _REASONS[type(first)]
