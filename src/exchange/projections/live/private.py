"""The private feeds: what an entry changed for one account, as the messages of `docs/api.md`.

They are written entry by entry, and only for accounts that listen: a change's orders and lists are as they are now, so
they must be written before the next entry is folded.
"""

from collections.abc import Callable
from typing import Final

from exchange.projections.live import shapes
from exchange.projections.live.feeds import ACCOUNT, BALANCES, FILLS, LISTS, ORDERS, PREVENTED, message
from exchange.projections.live.shapes import Json
from exchange.projections.live.view import Change, LiveView


def concerned(change: Change) -> set[int]:
    """The accounts for which an entry changed anything."""
    accounts = {account for account, _ in change.balances}
    accounts.update(order.account for order in change.orders.values())
    accounts.update(changed.account for changed in change.lists.values())
    accounts.update(account for account, _ in change.prevented)
    return accounts | change.accounts


def orders_snapshot(view: LiveView, account: int, limit: int) -> bytes:
    """An account's newest open orders, newest first."""
    newest = sorted(view.accounts[account].open.values(), key=lambda order: -order.id)[:limit]
    return message(
        ORDERS, "snapshot", view.position, [shapes.order(order, view.markets[order.market]) for order in newest]
    )


def orders_update(view: LiveView, account: int, change: Change) -> bytes | None:
    """An account's orders that an entry changed, or None when it changed none of them."""
    mine = [order for order in change.orders.values() if order.account == account]
    if not mine:
        return None
    return message(
        ORDERS, "update", change.position, [shapes.order(order, view.markets[order.market]) for order in mine]
    )


def lists_snapshot(view: LiveView, account: int, limit: int) -> bytes:
    """An account's newest open lists, newest first."""
    newest = sorted(view.accounts[account].lists.values(), key=lambda opened: -opened.id)[:limit]
    return message(LISTS, "snapshot", view.position, [shapes.order_list(opened) for opened in newest])


def lists_update(_view: LiveView, account: int, change: Change) -> bytes | None:
    """An account's lists that an entry opened or ended, or None."""
    mine = [changed for changed in change.lists.values() if changed.account == account]
    if not mine:
        return None
    return message(LISTS, "update", change.position, [shapes.order_list(changed) for changed in mine])


def fills_update(view: LiveView, account: int, change: Change) -> bytes | None:
    """An account's fills of an entry, or None."""
    mine = [fill for owner, fill in change.fills if owner == account]
    if not mine:
        return None
    return message(
        FILLS, "update", change.position, [shapes.fill(fill, view.markets[fill.trade.market]) for fill in mine]
    )


def prevented_update(view: LiveView, account: int, change: Change) -> bytes | None:
    """The trades with oneself that an entry did not make, or None."""
    mine = [match for owner, match in change.prevented if owner == account]
    if not mine:
        return None
    shown = [shapes.prevented(match, view.markets[match.event.market]) for match in mine]
    return message(PREVENTED, "update", change.position, shown)


def balances(view: LiveView, account: int) -> list[Json]:
    """An account's balances, by asset."""
    held = view.accounts[account].balances
    return [shapes.balance(asset, view.assets[asset], balance) for asset, balance in sorted(held.items())]


def balances_snapshot(view: LiveView, account: int) -> bytes:
    """All of an account's balances, by asset."""
    return message(BALANCES, "snapshot", view.position, balances(view, account))


def balances_update(view: LiveView, account: int, change: Change) -> bytes | None:
    """An account's balances that an entry changed, as they are now, or None."""
    changed = [asset for owner, asset in change.balances if owner == account]
    if not changed:
        return None
    held = view.accounts[account].balances
    data = [shapes.balance(asset, view.assets[asset], held[asset]) for asset in changed]
    return message(BALANCES, "update", change.position, data)


def account_snapshot(view: LiveView, account: int) -> bytes:
    """An account's settings."""
    return message(ACCOUNT, "snapshot", view.position, shapes.account(view.accounts[account]))


def account_update(view: LiveView, account: int, change: Change) -> bytes | None:
    """An account's settings, if an entry changed them: its switch included, when it fires."""
    if account not in change.accounts:
        return None
    return message(ACCOUNT, "update", change.position, shapes.account(view.accounts[account]))


UPDATES: Final[dict[str, Callable[[LiveView, int, Change], bytes | None]]] = {
    ACCOUNT: account_update,
    LISTS: lists_update,
    ORDERS: orders_update,
    FILLS: fills_update,
    PREVENTED: prevented_update,
    BALANCES: balances_update,
}
"""What writes each channel's message, in the order in which an entry's messages are sent."""
