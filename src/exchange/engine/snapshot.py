"""The whole machine as rows of plain values, and back.

The rows are canonical: equal states give equal rows in equal order, down to the order within each level, so their hash
is the state's hash. What can be worked out from the rest (counts, heaps, what a pair binds) is not in them. How rows
become bytes in a file is not the engine's business.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from exchange.engine.accounts import Account, Balance, Remembered
from exchange.engine.book import Order
from exchange.engine.machine import Machine
from exchange.engine.market import Market, Uncrossing
from exchange.engine.memory import is_open
from exchange.engine.restoring import KINDS, NewerFormat, Restoring, Row, SnapshotError
from exchange.engine.special import BOOK, Special
from exchange.engine.state import State

FORMAT: Final = 3
"""The newest version of the rows; all up to it are read, newer ones refused."""

__all__ = ["FORMAT", "NewerFormat", "Row", "SnapshotError", "format_of", "restore", "rows"]


def format_of(state: State) -> int:
    """The version that a state's rows are written in: a log of earlier rules has nothing that the third added, and the
    versions of those rules can go on reading it."""
    return FORMAT if state.rules > 2 else 2


def restore(source: Iterable[Row]) -> Machine:
    """Build the machine that gave these rows.

    Raises:
        NewerFormat: the rows are of a newer format.
        SnapshotError: the rows are not whole, or not rows of a machine.
    """
    restoring = Restoring(FORMAT)
    number = 0
    try:
        for row in source:
            restoring.row(row)
            number += 1
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise SnapshotError(f"row {number} cannot be read: {error!r}") from error
    state, head = restoring.whole()
    return Machine(state, head)


def rows(machine: Machine) -> Iterator[Row]:
    """The machine as rows. The machine must not step while they are being taken."""
    state = machine.state
    head = machine.head
    yield [
        "header",
        format_of(state),
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
        state.dedup_names,
        state.next_list,
        state.next_prevented,
    ]
    for _, asset in sorted(state.assets.items()):
        yield ["asset", asset.name, asset.decimals]
    for name, tiers in sorted(state.tiers.items()):
        yield ["tiers", name, [[str(tier.volume), tier.maker_fee, tier.taker_fee] for tier in tiers]]
    for _, account in sorted(state.accounts.items()):
        yield from _account_rows(account)
    for _, withdrawal in sorted(state.withdrawals.items()):
        yield [
            "withdrawal",
            withdrawal.id,
            withdrawal.account,
            withdrawal.asset,
            str(withdrawal.amount),
        ]
    for id, order_list in sorted(state.lists.items()):
        kind, client_id, pair = order_list.kind, order_list.client_id, order_list.pair
        yield ["list", id, order_list.account, kind, client_id, pair, list(order_list.ids)]
    waiting = _waiting(state)
    for _, market in sorted(state.markets.items()):
        yield from _market_rows(market, waiting.get(market.name, []))
    yield from _memory_rows(state)
    yield ["end"]


def _account_rows(account: Account) -> Iterator[Row]:
    yield ["account", account.id, account.ref, account.status, account.stp, account.group, account.switch_ms]
    for _, balance in sorted(account.balances.items()):
        if _held(balance):
            yield ["balance", account.id, balance.asset, str(balance.available), str(balance.locked)]
    for asset, volume in sorted(account.volumes.items()):
        if volume.today or volume.past:
            past = [[day, str(notional)] for day, notional in volume.past]
            yield ["volume", account.id, asset, volume.day, str(volume.today), past]


def _held(balance: Balance) -> bool:
    return balance.available != 0 or balance.locked != 0


def _waiting(state: State) -> dict[str, list[Order]]:
    """The orders that are open and not on a book, by market, oldest first."""
    found: dict[str, list[Order]] = {}
    for _, order in sorted(state.orders.items()):
        special = order.special
        if special is not None and special.place != BOOK:
            found.setdefault(order.seat.market.name, []).append(order)
    return found


def _market_rows(market: Market, waiting: list[Order]) -> Iterator[Row]:
    limits = market.limits
    uncrossing = market.uncrossing
    yield [
        "market",
        market.name,
        str(market.tick_size),
        str(market.lot_size),
        str(market.unit),
        str(market.min_notional),
        market.rates.maker,
        market.rates.taker,
        market.status,
        market.seq,
        market.pinned,
        market.last,
        [
            str(limits.reference),
            limits.bid_up,
            limits.bid_down,
            limits.ask_up,
            limits.ask_down,
            limits.slippage_bps,
            limits.max_orders,
            limits.max_conditional,
            limits.max_parts,
            str(limits.max_position),
            limits.max_fills,
        ],
        None if uncrossing is None else _uncrossing_row(uncrossing),
    ]
    for side in (market.bids, market.asks):
        for ticks in side.prices():
            order = side.levels[ticks].oldest
            while order is not None:
                yield _order_row(order)
                order = order.newer
    for order in waiting:
        yield _order_row(order)
    if market.queue:
        yield ["queue", market.name, [order.id for order in market.queue]]


def _uncrossing_row(uncrossing: Uncrossing) -> Row:
    row: Row = [uncrossing.ticks, uncrossing.lots, uncrossing.status]
    if uncrossing.by:
        row.append(uncrossing.by)
    return row


def _order_row(order: Order) -> Row:
    row: Row = [
        "order",
        order.id,
        order.seat.account.id,
        order.seat.market.name,
        order.buy,
        order.ticks,
        order.lots,
        order.left,
        order.rates.maker,
        order.rates.taker,
        order.client_id,
    ]
    if order.special is not None:
        row.append(_special_row(order.special))
    return row


def _special_row(special: Special) -> Row:
    instructions = special.instructions
    return [
        special.order_type,
        special.tif,
        str(instructions.stop_price),
        instructions.trailing_bps,
        str(instructions.trailing_amount),
        instructions.expires_ms,
        instructions.post_only,
        str(instructions.display),
        instructions.stp or "",
        instructions.slippage_bps,
        special.place,
        special.bound,
        special.conditional,
        special.extreme,
        special.funding,
        special.shown,
        special.prevented,
        0 if special.order_list is None else special.order_list.id,
    ]


def _memory_rows(state: State) -> Iterator[Row]:
    """First the sweep's queue in its order, then what only an open order or list keeps. A result in the queue whose
    name has since been given to a newer one is marked as not current."""
    for result in state.remembered:
        names = state.accounts[result.account()].names(result.kind())
        yield _memory_row("remembered", result, names.get(result.name) is result)
    for _, account in sorted(state.accounts.items()):
        for names in (account.lists, account.orders):
            for _, result in sorted(names.items()):
                if result.swept:
                    assert is_open(state, result)
                    yield _memory_row("kept", result, True)


def _memory_row(row: str, result: Remembered, current: bool) -> Row:
    kind = KINDS[result.kind()]
    return [row, result.account(), kind, result.name, result.ms, result.seq, result.order, current]
