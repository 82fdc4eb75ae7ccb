"""Plain reads of a state, for who looks at a machine from outside. Nothing here changes anything."""

from exchange.engine.book import BookSide, Order
from exchange.engine.state import State


def depth(state: State, market: str, limit: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The best `limit` levels of a market: bids, then asks, each `(price, quantity)` in smallest units, best first.

    Raises:
        KeyError: there is no such market.
    """
    found = state.markets[market]
    return (
        _levels(found.bids, limit, found.tick_size, found.lot_size),
        _levels(found.asks, limit, found.tick_size, found.lot_size),
    )


def _levels(side: BookSide, limit: int, tick_size: int, lot_size: int) -> list[tuple[int, int]]:
    shown: list[tuple[int, int]] = []
    for place in range(min(limit, len(side.levels))):
        level = side.levels[side.price(place)]
        shown.append((level.ticks * tick_size, level.lots * lot_size))
    return shown


def balances(state: State, account: int) -> dict[str, tuple[int, int]]:
    """An account's balances by asset: `(available, locked)` in smallest units, assets in order.

    Raises:
        KeyError: there is no such account.
    """
    held = sorted(state.accounts[account].balances.items())
    return {asset: (balance.available, balance.locked) for asset, balance in held}


def open_orders(state: State, account: int) -> list[Order]:
    """An account's open orders, oldest first. Looks through all open orders."""
    return [order for _, order in sorted(state.orders.items()) if order.account == account]
