"""What an entry means for accounts, as the venue's events: reports of orders, lists, balances (Binance:
user-data-stream.md).

Events of one entry come in this order: reports in the order in which things happened, lists, money that came or went,
and last all balances that changed, as they are now. Amounts have all the decimals of their assets; times are
milliseconds times `unit`. What this exchange does not know (strategies, smart order routing, pegging) has no field.
"""

from collections.abc import Callable, Mapping
from typing import Final

from exchange.api.v3.shapes.placed import commission
from exchange.api.v3.shapes.words import (
    NEVER,
    client_id_of,
    contingency_of,
    expiry_of,
    list_client_id_of,
    side_of,
    status_of,
    stp_of,
    tif_of,
    trailing_ms,
    type_of,
    working_ms,
)
from exchange.api.v3.userdata.stories import before, fee_of, orders_of
from exchange.events.types import (
    Accepted,
    Activated,
    Amended,
    AuctionTrade,
    Canceled,
    Deposited,
    Done,
    Event,
    ListDone,
    ListOpened,
    Outcome,
    Prevented,
    Trade,
    Transferred,
    Waiting,
    WithdrawalSettled,
)
from exchange.projections.live.orders import EXPIRED, EXPIRED_IN_MATCH, FILLED, OPEN, LiveOrder
from exchange.projections.live.records import LiveMarket
from exchange.projections.live.view import Change, LiveView
from exchange.terms.amounts import format_decimal
from exchange.terms.words import BUY

Json = dict[str, object]
SymbolOf = Callable[[str], str]
"""The symbol of a market."""

_IDS_PER_MS: Final = 4096
_REJECTED: Final[Mapping[str, str]] = {
    "insufficient_funds": "INSUFFICIENT_BALANCES",
    "would_trigger": "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY",
    "would_take": "WOULD_MATCH_IMMEDIATELY",
    "leg_prices": "OCO_BAD_PRICES",
}


class Entry:
    """One entry that was folded into the view; `now_ms` is when its events are told."""

    def __init__(self, view: LiveView, change: Change, outcome: Outcome, now_ms: int, symbol_of: SymbolOf) -> None:
        self._view = view
        self._change = change
        self._events = outcome.events
        self._symbol_of = symbol_of
        self._ms, self._seq = change.position
        self._now_ms = max(now_ms, self._ms)

    def told(self, account: int, unit: int = 1) -> list[Json]:
        """The events for an account, in order."""
        reports = _Reports(self._view, self._change, self._events, account, self._symbol_of, unit)
        found = reports.found
        for event in self._events:
            if isinstance(event, (ListOpened, ListDone)):
                told = self._list(event, account, unit)
                if told is not None:
                    found.append(told)
        for event in self._events:
            found += self._moved(event, account, unit)
        balances = self._balances(account)
        if balances:
            found.append({"e": "outboundAccountPosition", "E": 0, "u": self._ms * unit, "B": balances})
        for one in found:
            one["E"] = self._now_ms * unit
        return found

    def _list(self, event: ListOpened | ListDone, account: int, unit: int) -> Json | None:
        order_list = self._change.lists.get(event.order_list)
        if order_list is None or order_list.account != account:
            return None
        symbol = self._symbol_of(order_list.market)
        opened = isinstance(event, ListOpened)
        return {
            "e": "listStatus",
            "E": 0,
            "s": symbol,
            "g": order_list.id,
            "c": contingency_of(order_list),
            "l": "EXEC_STARTED" if opened else "ALL_DONE",
            "L": "EXECUTING" if opened else "ALL_DONE",
            "r": "NONE",
            "C": list_client_id_of(order_list),
            "T": self._ms * unit,
            "O": [{"s": symbol, "i": id, "c": self._name(account, id)} for id in order_list.orders],
        }

    def _name(self, account: int, id: int) -> str:
        order = self._change.orders.get(id) or self._view.order(account, id)
        return f"o-{id}" if order is None else client_id_of(order)

    def _moved(self, event: Event, account: int, unit: int) -> list[Json]:
        """Money that came in or went out."""
        moves: list[tuple[int, int]] = []
        if isinstance(event, Deposited):
            moves = [(event.account, event.amount)]
        elif isinstance(event, WithdrawalSettled):
            moves = [(event.account, -event.amount)]
        elif isinstance(event, Transferred):
            moves = [(event.account, -event.amount), (event.to, event.amount)]
        else:
            return []
        delta = [amount for owner, amount in moves if owner == account]
        decimals = self._view.assets[event.asset]
        at = self._ms * unit
        return [
            {"e": "balanceUpdate", "E": 0, "a": event.asset, "d": format_decimal(amount, decimals), "T": at}
            for amount in delta
        ]

    def _balances(self, account: int) -> list[Json]:
        held = self._view.accounts[account].balances
        shown: list[Json] = []
        for asset in dict.fromkeys([asset for owner, asset in self._change.balances if owner == account]):
            balance, decimals = held[asset], self._view.assets[asset]
            free, locked = format_decimal(balance.available, decimals), format_decimal(balance.locked, decimals)
            shown.append({"a": asset, "f": free, "l": locked})
        return shown


class _Reports:
    """The `executionReport`s of one account and entry, in `found`."""

    def __init__(
        self,
        view: LiveView,
        change: Change,
        events: list[Event],
        account: int,
        symbol_of: SymbolOf,
        unit: int,
    ) -> None:
        self.found: list[Json] = []
        self._view = view
        self._change = change
        self._events = events
        self._account = account
        self._symbol_of = symbol_of
        self._unit = unit
        self._ms, self._seq = change.position
        self._orders: dict[int, LiveOrder] = {}
        self._last: dict[int, Json] = {}
        for index, event in enumerate(events):
            for id in orders_of(event):
                after = change.orders.get(id)
                if after is not None and after.account == account:
                    self._step(index, event, after)

    def _step(self, index: int, event: Event, after: LiveOrder) -> None:
        order = self._orders.get(after.id)
        if order is None:
            order = self._orders[after.id] = before(after, self._events, self._ms)
        left = order.left
        if not isinstance(event, Accepted):
            order.tell(event, self._ms)
        if isinstance(event, (Accepted, Activated)):
            following = self._next(index, order.id)
            if isinstance(following, Waiting):
                order.tell(following, self._ms)
            self._report(index, order, "NEW")
        elif isinstance(event, (Trade, AuctionTrade)):
            self._traded(index, event, order)
        elif isinstance(event, Prevented):
            self._prevented(index, event, order, left)
        elif isinstance(event, Amended):
            self._report(index, order, "REPLACED", client_id_of(order))
        elif isinstance(event, Done) and event.end in (FILLED, EXPIRED_IN_MATCH):
            last = self._last.get(order.id)
            if last is not None:  # it ended with what was reported last
                last["X"] = status_of(order)
                last["q"] = self._view.markets[order.market].format.base(order.quantity or order.filled)
                last["w"] = False
        elif isinstance(event, (Canceled, Done)):
            by_hand = status_of(order) == "CANCELED"
            told = self._report(
                index, order, "CANCELED" if by_hand else "EXPIRED", client_id_of(order) if by_hand else ""
            )
            if by_hand:
                told["c"] = f"c-{self._ms}-{self._seq}"  # as the answer to a cancel without a name calls it

    def _next(self, index: int, order: int) -> Event | None:
        """An order's next event after one."""
        for event in self._events[index + 1 :]:
            if order in orders_of(event):
                return event
        return None

    def _traded(self, index: int, event: Trade | AuctionTrade, order: LiveOrder) -> None:
        market = self._view.markets[order.market]
        form = market.format
        told = self._report(index, order, "TRADE")
        maker = event.maker_order == order.id if isinstance(event, Trade) else event.taker_side != order.kind
        rebate = event.rebate if maker else 0
        told["l"] = form.base(event.quantity)
        told["L"] = form.quote(event.price)
        told["Y"] = form.quote(event.notional)
        told["n"], told["N"] = commission(order.kind == BUY, fee_of(event, order), rebate, market)
        told["t"] = event.trade
        told["m"] = maker

    def _prevented(self, index: int, event: Prevented, order: LiveOrder, left: int) -> None:
        """What self-trade prevention took off an order, which may be all of a quote amount; its other side is reported
        with what that lost, if anything."""
        makes = event.maker_order == order.id
        lost = event.maker_quantity if makes else event.taker_quantity
        if not lost:
            following = self._next(index, order.id)
            if not isinstance(following, Done) or following.end != EXPIRED_IN_MATCH:
                return
        market = self._view.markets[order.market]
        form = market.format
        told = self._report(index, order, "TRADE_PREVENTION")
        makers = event.maker_left + event.maker_quantity
        takers = left if not makes else event.taker_quantity or makers
        quantity = min(makers, takers) if takers > 0 else makers
        told["v"] = event.prevented
        told["B"] = form.base(lost)
        told["u"] = self._view.accounts[order.account].group or NEVER
        told["U"] = event.taker_order if makes else event.maker_order
        told["Cs"] = told["s"]
        told["pl"] = form.base(quantity)
        told["pL"] = form.quote(event.price)
        told["pY"] = form.quote(quantity * event.price // 10**market.base_decimals)

    def _report(self, index: int, order: LiveOrder, nature: str, original: str = "") -> Json:
        unit, ms = self._unit, self._ms
        market: LiveMarket = self._view.markets[order.market]
        form = market.format
        working = working_ms(order)
        instructions = order.instructions
        nothing = form.base(0)
        told: Json = {
            "e": "executionReport",
            "E": 0,
            "s": self._symbol_of(order.market),
            "c": client_id_of(order),
            "S": side_of(order.kind),
            "o": type_of(order),
            "f": tif_of(order),
            "q": form.base(order.quantity or order.filled),
            "p": form.quote(order.price),
            "P": form.quote(instructions.stop_price),
            "F": form.base(instructions.display),
            "g": order.order_list or NEVER,
            "C": original,
            "x": nature,
            "X": status_of(order),
            "r": _REJECTED.get(order.reason, "NONE") if order.status == EXPIRED else "NONE",
            "i": order.id,
            "l": nothing,
            "z": form.base(order.filled),
            "L": form.quote(0),
            "n": "0",
            "N": None,
            "T": ms * unit,
            "t": NEVER,
            "I": ms * _IDS_PER_MS + (self._seq * 64 + index) % _IDS_PER_MS,
            "w": order.status == OPEN,
            "m": False,
            "M": False,
            "O": NEVER if order.created is None else order.created * unit,
            "Z": form.quote(NEVER if order.paid is None else order.paid),
            "Y": form.quote(0),
            "Q": form.quote(order.quote_amount),
            "V": stp_of(order),
        }
        if working != NEVER:
            told["W"] = working * unit
        if instructions.trailing_bps:
            told["d"] = instructions.trailing_bps
            told["D"] = max(NEVER, trailing_ms(order) * unit)
        if order.prevented:
            told["A"] = form.base(order.prevented)
        expiry = expiry_of(order)
        if expiry:
            told["eR"] = expiry
        self._last[order.id] = told
        self.found.append(told)
        return told
