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
    Act,
    Activated,
    Amended,
    AuctionTrade,
    Canceled,
    Done,
    Event,
    ListDone,
    ListOpened,
    Outcome,
    Prevented,
    Rested,
    Trade,
    Waiting,
)
from exchange.projections.timescale.candles import Candles
from exchange.projections.timescale.order_rows import NULL, Change, Opened
from exchange.projections.timescale.rare_rows import SettingsRows, TransferEnd, act, transfer
from exchange.projections.timescale.reasons import reason_of
from exchange.projections.timescale.schema import LAST_MS, PROJECTED, instant
from exchange.terms.stream import EventEntry, StreamId, format_id
from exchange.terms.words import BUY

MAX_BIGINT: Final = 2**63 - 1

PLAIN_ORDERS: Final = "plain orders"
PLAIN_TRADES: Final = "plain trades"

_ALL: Final = {table.name: [column.name for column in table.columns] for table in PROJECTED}
COPIES: Final[dict[str, tuple[str, list[str]]]] = {
    **{name: (name, columns) for name, columns in _ALL.items()},
    PLAIN_ORDERS: ("orders", _ALL["orders"][: _ALL["orders"].index("stop_price")]),
    PLAIN_TRADES: ("trades", _ALL["trades"][: _ALL["trades"].index("rebate")]),
}
"""The table and the columns of each kind of line; orders and trades have a kind that leaves the rare columns out."""


class Unstorable(Exception):
    """An entry that the tables cannot hold: its id is beyond the year 9999, which only a forged one is."""


class Batch:
    """What a run of entries changes.

    `added` holds lines by kind (`COPIES`), but for the orders: those are `opened`. `changed` are orders from before the
    batch, `withdrawals` the ends of withdrawals, `lists_done` those of lists; `settings` what markets and accounts are
    now. `position` and `chain` are the last entry's; `log_id` is set when the log's first command is among
    the entries.
    """

    def __init__(self) -> None:
        self.entries = 0
        self.position: StreamId = (0, 0)
        self.chain = b""
        self.added: dict[str, list[str]] = {kind: [] for kind in COPIES if kind not in ("orders", "candles")}
        self.opened: dict[int, Opened] = {}
        self.changed: dict[int, Change] = {}
        self.withdrawals: list[TransferEnd] = []
        self.lists_done: list[tuple[int, str, int]] = []
        self.settings = SettingsRows(self.added)
        self.candles = Candles()
        self._ms = -1
        self._moment = ""

    @property
    def log_id(self) -> str:
        """The log's identity, when its first command is among the entries."""
        return self.settings.log_id

    @property
    def rows(self) -> int:
        """How many rows are added or changed."""
        return (
            sum(map(len, self.added.values()))
            + len(self.opened)
            + len(self.changed)
            + len(self.withdrawals)
            + len(self.lists_done)
            + len(self.candles.all)
        )

    def lines(self) -> dict[str, list[str]]:
        """All lines to add, by kind."""
        plain, whole = [], []
        for opened in self.opened.values():
            if opened.simple and opened.change.extra is None:
                plain.append(opened.line())
            else:
                whole.append(opened.whole_line())
        return {**self.added, PLAIN_ORDERS: plain, "orders": whole}

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
        for index, event in enumerate(outcome.events):
            self._event(event, ms, seq, index)
        if outcome.postings:
            self._postings(outcome, seq)
        self.entries += 1
        self.position = entry.id
        self.chain = entry.chain

    def _postings(self, outcome: Outcome, seq: int) -> None:
        reason = reason_of(outcome.events)
        moment = self._moment
        self.added["ledger"] += [
            f"{moment}\t{seq}\t{index}\t{p.account}\t{p.asset}\t{p.available}\t{p.locked}\t{reason}"
            for index, p in enumerate(outcome.postings)
        ]

    def _event(self, event: Event, ms: int, seq: int, index: int) -> None:
        if isinstance(event, Accepted):
            self.opened[event.order] = Opened(event, self._moment, seq)
        elif isinstance(event, Rested):
            opened = self.opened.get(event.order)
            if opened is None or opened.accepted.price != event.price:
                self._change(event.order, seq).rarer().price = event.price
        elif isinstance(event, Trade):
            self._trade(event, ms, seq)
        elif isinstance(event, Done):
            change = self._change(event.order, seq)
            change.status = event.end
            if event.reason:
                change.rarer().reason = event.reason
        elif isinstance(event, Canceled):
            change = self._change(event.order, seq)
            change.status = "canceled"
            if event.reason:
                change.rarer().reason = event.reason
                if event.reason != "switch":
                    change.status = "expired"
        elif isinstance(event, Amended):
            self._change(event.order, seq).quantity = event.quantity
            self.added["amendments"].append(
                f"{self._moment}\t{seq}\t{index}\t{event.order}\t{event.account}\t{event.quantity}\t"
                f"{event.by + event.hidden}"
            )
        elif not self._rarer(event, ms, seq):
            if isinstance(event, Act) and event.by:
                act(self.added, event, self._moment, seq, index)
            if not transfer(self.added, self.withdrawals, event, self._moment, seq):
                self.settings.add(event, self._moment)

    def _rarer(self, event: Event, ms: int, seq: int) -> bool:
        if isinstance(event, Waiting):
            self._change(event.order, seq).status = "waiting" if event.on == "price" else "pending"
        elif isinstance(event, Activated):
            change = self._change(event.order, seq)
            change.status = "open"
            change.rarer().activated = self._moment
        elif isinstance(event, Prevented):
            self._prevented(event, seq)
        elif isinstance(event, AuctionTrade):
            self._auction_trade(event, ms, seq)
        elif isinstance(event, ListOpened):
            orders = ",".join(map(str, event.orders))
            self.added["order_lists"].append(
                f"{event.order_list}\t{event.account}\t{event.market}\t{event.kind}\t{event.client_id}\t{{{orders}}}\t"
                f"open\t{self._moment}\t{seq}\t{self._moment}\t{seq}"
            )
        elif isinstance(event, ListDone):
            self.lists_done.append((event.order_list, self._moment, seq))
        else:
            return False
        return True

    def _trade(self, t: Trade, ms: int, seq: int) -> None:
        line = (
            f"{t.market}\t{t.trade}\t{self._moment}\t{seq}\t{t.seq}\t{t.price}\t{t.quantity}\t{t.notional}\t"
            f"{t.taker_side}\t{t.maker_order}\t{t.taker_order}\t{t.maker}\t{t.taker}\t{t.maker_fee}\t{t.taker_fee}"
        )
        if t.rebate:
            self.added["trades"].append(f"{line}\t{t.rebate}\tf")
        else:
            self.added[PLAIN_TRADES].append(line)
        maker = self._change(t.maker_order, seq)
        maker.fill(t, t.maker_fee, "partially_filled" if t.maker_left else "filled")
        self._change(t.taker_order, seq).fill(t, t.taker_fee, "partially_filled")
        self.candles.add(ms, t)

    def _auction_trade(self, t: AuctionTrade, ms: int, seq: int) -> None:
        buyer = (t.buy_order, t.buyer, t.buy_fee)
        seller = (t.sell_order, t.seller, t.sell_fee)
        maker, taker = (seller, buyer) if t.taker_side == BUY else (buyer, seller)
        self.added["trades"].append(
            f"{t.market}\t{t.trade}\t{self._moment}\t{seq}\t{t.seq}\t{t.price}\t{t.quantity}\t{t.notional}\t"
            f"{t.taker_side}\t{maker[0]}\t{taker[0]}\t{maker[1]}\t{taker[1]}\t{maker[2]}\t{taker[2]}\t"
            f"{t.rebate or NULL}\tt"
        )
        for order, fee, left in ((t.buy_order, t.buy_fee, t.buy_left), (t.sell_order, t.sell_fee, t.sell_left)):
            self._change(order, seq).fill(t, fee, "partially_filled" if left else "filled")
        self.candles.add(ms, t)

    def _prevented(self, p: Prevented, seq: int) -> None:
        self.added["prevented_matches"].append(
            f"{p.prevented}\t{self._moment}\t{seq}\t{p.market}\t{p.seq}\t{p.price}\t{p.stp}\t{p.taker_side}\t"
            f"{p.maker_order}\t{p.taker_order}\t{p.maker}\t{p.taker}\t{p.maker_quantity}\t{p.taker_quantity}\t"
            f"{p.maker_left}"
        )
        if p.taker_quantity:
            self._change(p.taker_order, seq).rarer().prevented += p.taker_quantity
        if p.maker_quantity:
            maker = self._change(p.maker_order, seq)
            maker.rarer().prevented += p.maker_quantity
            if p.maker_left == 0:
                maker.status = "expired_in_match"

    def _change(self, order: int, seq: int) -> Change:
        opened = self.opened.get(order)
        change = self.changed.get(order) if opened is None else opened.change
        if change is None:
            change = self.changed[order] = Change(None, self._moment, seq)
        else:
            change.moment = self._moment
            change.entry = seq
        return change


def _moment(id: StreamId) -> str:
    if id[0] > LAST_MS or id[1] > MAX_BIGINT:
        raise Unstorable(f"entry {format_id(id)} lies beyond the last moment that the tables hold")
    return instant(id[0]).isoformat(sep=" ", timespec="milliseconds")
