"""The whole machine as rows of plain values, and back.

The rows are canonical: equal states give equal rows in equal order, down to the order within each level, so their hash
is the state's hash. How rows become bytes in a file is not the engine's business.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from exchange.engine import memory
from exchange.engine.accounts import Account, Remembered
from exchange.engine.book import Market, Order
from exchange.engine.machine import Machine
from exchange.engine.state import Asset, State, Withdrawal
from exchange.terms.stream import Head
from exchange.terms.words import MARKET_STATUSES

FORMAT: Final = 1
"""The version of the rows; a machine refuses newer ones."""

Row = list[object]


class SnapshotError(Exception):
    """Rows that are no snapshot of this format; the message says which row and why."""


class NewerFormat(SnapshotError):
    """Rows of a format that only a newer version can read."""


def rows(machine: Machine) -> Iterator[Row]:
    """The machine as rows. The machine must not step while they are being taken."""
    state = machine.state
    head = machine.head
    yield [
        "header",
        FORMAT,
        state.log_id,
        state.rules,
        state.dedup_window_ms,
        head.id[0],
        head.id[1],
        head.chain.hex(),
        state.next_account,
        state.next_order,
        state.next_trade,
        state.next_withdrawal,
    ]
    for _, asset in sorted(state.assets.items()):
        yield ["asset", asset.name, asset.decimals]
    for id, account in sorted(state.accounts.items()):
        yield ["account", id, account.ref]
        for _, balance in sorted(account.balances.items()):
            yield ["balance", id, balance.asset, str(balance.available), str(balance.locked)]
    for _, withdrawal in sorted(state.withdrawals.items()):
        yield [
            "withdrawal",
            withdrawal.id,
            withdrawal.account,
            withdrawal.asset,
            str(withdrawal.amount),
        ]
    for _, market in sorted(state.markets.items()):
        yield from _market_rows(market)
    yield from _memory_rows(state)
    yield ["end"]


def _market_rows(market: Market) -> Iterator[Row]:
    yield [
        "market",
        market.name,
        str(market.tick_size),
        str(market.lot_size),
        str(market.unit),
        str(market.min_notional),
        market.maker_fee,
        market.taker_fee,
        market.status,
        market.seq,
    ]
    for side in (market.bids, market.asks):
        for ticks in side.prices():
            order = side.levels[ticks].oldest
            while order is not None:
                yield [
                    "order",
                    order.id,
                    order.account,
                    market.name,
                    order.buy,
                    order.ticks,
                    order.lots,
                    order.left,
                    order.maker_fee,
                    order.taker_fee,
                    order.client_id,
                ]
                order = order.newer


def _memory_rows(state: State) -> Iterator[Row]:
    """First the sweep's queue in its order, then what only an open order keeps. A result in the queue whose name has
    since been given to a newer one is marked as not current."""
    for result in state.remembered:
        names = memory.names(state.accounts[result.account], result.kind)
        yield _memory_row("remembered", result, names.get(result.name) is result)
    for _, account in sorted(state.accounts.items()):
        for _, result in sorted(account.orders.items()):
            if result.swept:
                yield _memory_row("kept", result, True)


def _memory_row(kind: str, result: Remembered, current: bool) -> Row:
    return [
        kind,
        result.account,
        result.kind,
        result.name,
        result.id[0],
        result.id[1],
        result.order,
        current,
    ]


def restore(source: Iterable[Row]) -> Machine:
    """Build the machine that gave these rows.

    Raises:
        NewerFormat: the rows are of a newer format.
        SnapshotError: the rows are not whole, or not rows of a machine.
    """
    restoring = _Restoring()
    number = 0
    try:
        for row in source:
            restoring.row(row)
            number += 1
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise SnapshotError(f"row {number} cannot be read: {error!r}") from error
    return restoring.machine()


class _Restoring:
    """A machine that is being built aside; nobody sees it before it is whole."""

    def __init__(self) -> None:
        self._state = State()
        self._head: Head | None = None
        self._ended = False

    def machine(self) -> Machine:
        if self._head is None or not self._ended:
            raise SnapshotError("the snapshot is not whole: its header or its last row is missing")
        return Machine(self._state, self._head)

    def row(self, row: Row) -> None:
        kind = row[0]
        if self._ended or (self._head is None) != (kind == "header"):
            raise SnapshotError(f"a row {kind!r} where none can be")
        if kind == "order":
            self._order(row)
        elif kind == "balance":
            self._balance(row)
        elif kind == "account":
            self._account(row)
        elif kind == "remembered" or kind == "kept":
            self._remembered(row)
        elif kind == "withdrawal":
            id = _int(row[1])
            self._state.withdrawals[id] = Withdrawal(id, _int(row[2]), _str(row[3]), int(_str(row[4])))
        elif kind == "market":
            self._market(row)
        elif kind == "asset":
            name = _str(row[1])
            self._state.assets[name] = Asset(name, _int(row[2]))
        elif kind == "header":
            self._header(row)
        elif kind == "end":
            self._ended = True
        else:
            raise SnapshotError(f"a row of unknown kind {kind!r}")

    def _header(self, row: Row) -> None:
        format = _int(row[1])
        if format > FORMAT:
            raise NewerFormat(
                f"the snapshot has format {format}, this version reads up to {FORMAT}: run the newer version"
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

    def _account(self, row: Row) -> None:
        id = _int(row[1])
        ref = _str(row[2])
        self._state.accounts[id] = Account(id, ref)
        self._state.refs[ref] = id

    def _balance(self, row: Row) -> None:
        balance = self._state.accounts[_int(row[1])].balance(_str(row[2]))
        balance.available = int(_str(row[3]))
        balance.locked = int(_str(row[4]))

    def _market(self, row: Row) -> None:
        name = _str(row[1])
        base, quote = name.split("-")
        market = Market(
            name,
            base,
            quote,
            int(_str(row[2])),
            int(_str(row[3])),
            int(_str(row[4])),
            int(_str(row[5])),
            _int(row[6]),
            _int(row[7]),
        )
        market.status = MARKET_STATUSES[_str(row[8])]
        market.seq = _int(row[9])
        self._state.markets[name] = market

    def _order(self, row: Row) -> None:
        account = self._state.accounts[_int(row[2])]
        market = self._state.markets[_str(row[3])]
        order = Order(
            _int(row[1]),
            account.id,
            market,
            row[4] is True,
            _int(row[5]),
            _int(row[6]),
            _int(row[7]),
            _int(row[8]),
            _int(row[9]),
            _str(row[10]),
            account.balance(market.base),
            account.balance(market.quote),
        )
        market.side(order.buy).add(order)
        self._state.orders[order.id] = order

    def _remembered(self, row: Row) -> None:
        account = self._state.accounts[_int(row[1])]
        result = Remembered(account.id, _str(row[2]), _str(row[3]), (_int(row[4]), _int(row[5])), _int(row[6]))
        if row[7] is True:
            memory.names(account, result.kind)[result.name] = result
        if row[0] == "kept":
            result.swept = True
        else:
            self._state.remembered.append(result)


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"a number expected, not {value!r}")
    return value


def _str(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text expected, not {value!r}")
    return value
