"""Building a machine's state back from a snapshot's rows, aside: nobody sees it before it is whole.

Rows of earlier formats are shorter; what they do not tell is what the rules of their time did not have.
"""

from heapq import heappush
from typing import Final

from exchange.commands.types import Limits, Tier
from exchange.engine import funds
from exchange.engine.accounts import ORDER, Account, Remembered
from exchange.engine.book import Order, Rates
from exchange.engine.closing import rises
from exchange.engine.entry import register
from exchange.engine.market import Market, Uncrossing
from exchange.engine.special import BOOK, TRIGGER, OrderList, Special
from exchange.engine.state import Asset, State, Withdrawal
from exchange.terms.instructions import Instructions
from exchange.terms.stream import Head
from exchange.terms.words import (
    ACCOUNT_STATUSES,
    FEES,
    LIST_KINDS,
    MARKET_STATUSES,
    ORDER_TYPES,
    POST_ONLIES,
    SELF_TRADES,
    TIMES_IN_FORCE,
)

Row = list[object]

KINDS: Final = "oldwt"
"""What stands for ORDER, LIST, DEPOSIT, WITHDRAWAL and TRANSFER in rows."""


class SnapshotError(Exception):
    """Rows that are no snapshot of this format; the message says which row and why."""


class NewerFormat(SnapshotError):
    """Rows of a format that only a newer version can read."""


class Restoring:
    """A state that is being built."""

    def __init__(self, newest: int) -> None:
        self._newest = newest
        self._state = State()
        self._head: Head | None = None
        self._ended = False
        self._rates: dict[tuple[int, int], Rates] = {}

    def whole(self) -> tuple[State, Head]:
        """The state and the head it stands on.

        Raises:
            SnapshotError: rows are missing.
        """
        if self._head is None or not self._ended:
            raise SnapshotError("the snapshot is not whole: its header or its last row is missing")
        return self._state, self._head

    def row(self, row: Row) -> None:
        """Take the next row.

        Raises:
            SnapshotError: it cannot stand here.
            KeyError, IndexError, TypeError, ValueError, AttributeError: it is not such a row.
        """
        kind = row[0]
        if self._ended or (self._head is None) != (kind == "header"):
            raise SnapshotError(f"a row {kind!r} where none can be")
        if kind == "order":
            self._order(row)
        elif kind == "balance":
            balance = self._state.accounts[_int(row[1])].balance(_str(row[2]))
            balance.available = int(_str(row[3]))
            balance.locked = int(_str(row[4]))
        elif kind == "remembered" or kind == "kept":
            self._remembered(row)
        elif kind == "account":
            self._account(row)
        elif kind == "volume":
            self._volume(row)
        elif kind == "withdrawal":
            id = _int(row[1])
            self._state.withdrawals[id] = Withdrawal(id, _int(row[2]), _str(row[3]), int(_str(row[4])))
        elif kind == "list":
            self._list(row)
        elif kind == "market":
            self._market(row)
        elif kind == "queue":
            market = self._state.markets[_str(row[1])]
            market.queue.extend([self._state.orders[_int(id)] for id in _list(row[2])])
        elif kind == "asset":
            name = _str(row[1])
            self._state.assets[name] = Asset(name, _int(row[2]))
        elif kind == "tiers":
            tiers = [_list(tier) for tier in _list(row[2])]
            self._state.tiers[_str(row[1])] = [Tier(int(_str(t[0])), _int(t[1]), _int(t[2])) for t in tiers]
        elif kind == "header":
            self._header(row)
        elif kind == "end":
            self._end()
        else:
            raise SnapshotError(f"a row of unknown kind {kind!r}")

    def _header(self, row: Row) -> None:
        format = _int(row[1])
        if format > self._newest:
            raise NewerFormat(
                f"the snapshot has format {format}, this version reads up to {self._newest}: run the newer version"
            )
        state = self._state
        state.log_id = _str(row[2])
        state.rules = _int(row[3])
        state.dedup_window_ms = _int(row[4])
        self._head = Head((_int(row[5]), _int(row[6])), bytes.fromhex(_str(row[7])))
        state.next_account = _int(row[8])
        state.next_order = _int(row[9])
        state.next_trade = _int(row[10])
        state.next_withdrawal = _int(row[11])
        if format > 1:
            state.dedup_names = _int(row[12])
            state.next_list = _int(row[13])
            state.next_prevented = _int(row[14])

    def _account(self, row: Row) -> None:
        account = Account(_int(row[1]), _str(row[2]))
        self._state.accounts[account.id] = account
        self._state.refs[account.ref] = account.id
        if len(row) > 3:
            account.status = ACCOUNT_STATUSES[_str(row[3])]
            account.stp = SELF_TRADES[_str(row[4])]
            account.group = _int(row[5])
            account.switch_ms = _int(row[6])
            if account.switch_ms:
                heappush(self._state.switches, (account.switch_ms, account.id))

    def _volume(self, row: Row) -> None:
        volume = self._state.accounts[_int(row[1])].volume(_str(row[2]))
        volume.day = _int(row[3])
        volume.today = int(_str(row[4]))
        for past in _list(row[5]):
            day, notional = _list(past)
            volume.past.append((_int(day), int(_str(notional))))

    def _list(self, row: Row) -> None:
        order_list = OrderList(_int(row[1]), _int(row[2]), LIST_KINDS[_str(row[3])], _str(row[4]))
        order_list.pair = row[5] is True
        order_list.ids = [_int(id) for id in _list(row[6])]
        order_list.orders = [None for _ in order_list.ids]
        self._state.lists[order_list.id] = order_list

    def _market(self, row: Row) -> None:
        name = _str(row[1])
        base, quote = name.split("-")
        house = self._state.accounts[FEES]
        market = Market(
            name,
            base,
            quote,
            int(_str(row[2])),
            int(_str(row[3])),
            int(_str(row[4])),
            int(_str(row[5])),
            self._shared(_int(row[6]), _int(row[7])),
            house.balance(base),
            house.balance(quote),
        )
        market.status = MARKET_STATUSES[_str(row[8])]
        market.seq = _int(row[9])
        if len(row) > 10:
            market.pinned = row[10] is True
            market.last = _int(row[11])
            market.limit(_limits(_list(row[12])))
            if row[13] is not None:
                ticks, lots, status, *by = _list(row[13])
                market.uncrossing = Uncrossing(_int(ticks), _int(lots), MARKET_STATUSES[_str(status)])
                if by:
                    market.uncrossing.by = _str(by[0])
        self._state.markets[name] = market

    def _shared(self, maker: int, taker: int) -> Rates:
        found = self._rates.get((maker, taker))
        if found is None:
            found = Rates(maker, taker)
            self._rates[maker, taker] = found
        return found

    def _order(self, row: Row) -> None:
        state = self._state
        market = state.markets[_str(row[3])]
        order = Order(
            _int(row[1]),
            state.seat(state.accounts[_int(row[2])], market),
            row[4] is True,
            _int(row[5]),
            _int(row[6]),
            _int(row[7]),
            self._shared(_int(row[8]), _int(row[9])),
            None,
            None,
        )
        shown = order.left
        if len(row) > 11:
            special = self._special(_list(row[11]), order, market)
            order.special = special
            if special.display:
                shown = special.shown
        if order.special is None or order.special.place == BOOK:
            market.side(order.buy).add(order, shown, order.left - shown)
        state.orders[order.id] = order

    def _special(self, row: Row, order: Order, market: Market) -> Special:
        stp = _str(row[8])
        post_only = _str(row[6])
        instructions = Instructions(
            int(_str(row[2])),
            _int(row[3]),
            int(_str(row[4])),
            _int(row[5]),
            POST_ONLIES[post_only] if post_only else "",
            int(_str(row[7])),
            SELF_TRADES[stp] if stp else None,
            _int(row[9]),
        )
        special = Special(ORDER_TYPES[_str(row[0])], TIMES_IN_FORCE[_str(row[1])], instructions)
        special.place = _int(row[10])
        special.bound = row[11] is True
        special.conditional = row[12] is True
        special.stop = instructions.stop_price // market.tick_size
        special.trail = instructions.trailing_amount // market.tick_size
        special.extreme = _int(row[13])
        special.funding = _int(row[14])
        special.display = instructions.display // market.lot_size
        special.shown = _int(row[15])
        special.prevented = _int(row[16])
        number = _int(row[17])
        if number:
            order_list = self._state.lists[number]
            special.order_list = order_list
            order_list.orders[order_list.ids.index(order.id)] = order
        if special.place == TRIGGER:
            if special.trailing():
                market.trailing[order.id] = order
            elif rises(order, special):
                market.rising.add(special.stop, order)
            else:
                market.falling.add(special.stop, order)
        return special

    def _remembered(self, row: Row) -> None:
        account = self._state.accounts[_int(row[1])]
        kind = KINDS.index(_str(row[2]))
        result = Remembered(account.id, kind, _str(row[3]), _int(row[4]), _int(row[5]))
        result.order = _int(row[6])
        if row[7] is True:
            account.names(kind)[result.name] = result
            order = self._state.orders.get(result.order) if kind == ORDER else None
            if order is not None:
                order.name = result
        if row[0] == "kept":
            result.swept = True
        else:
            self._state.remembered.append(result)

    def _end(self) -> None:
        state = self._state
        for id in sorted(state.orders):
            register(state, state.orders[id])
        for order_list in state.lists.values():
            if order_list.pair:
                a, b = order_list.live()[-2:]
                order_list.locked = funds.pair_locks(a, b)
        for market in state.markets.values():
            if market.queue or market.uncrossing is not None:
                state.unfinished[market.name] = market
        self._ended = True


def _limits(row: Row) -> Limits:
    numbers = [int(_str(value)) if place in (0, 9) else _int(value) for place, value in enumerate(row)]
    return Limits(*numbers)


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"a number expected, not {value!r}")
    return value


def _str(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text expected, not {value!r}")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"a list expected, not {value!r}")
    return value
