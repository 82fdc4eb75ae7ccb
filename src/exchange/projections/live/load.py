"""A live view begun from an engine's state: what a snapshot holds, put into the view's own shape.

The engine counts in ticks and lots, the view in smallest units as the events do. What a snapshot does not hold (what
open orders paid so far, their times, members of lists that have ended, trades) stays unknown here; the database knows
it.
"""

from exchange.engine import Machine
from exchange.engine.accounts import Account
from exchange.engine.book import Order
from exchange.engine.market import Market
from exchange.engine.special import BOOK, PENDING, QUEUED, OrderList, Special, shown
from exchange.engine.state import State
from exchange.projections.live.orders import OPEN, WAITING, LiveList, LiveOrder
from exchange.projections.live.orders import PENDING as IS_PENDING
from exchange.projections.live.records import Balance, LiveAccount, LiveMarket, WithdrawalRecord
from exchange.projections.live.view import LiveView
from exchange.terms.instructions import PLAIN
from exchange.terms.words import BUY, GTC, LIMIT, SELL


def view_of(machine: Machine) -> LiveView:
    """The view at a machine's position; it shares nothing with the machine that ever changes."""
    state = machine.state
    view = LiveView(machine.head.id)
    view.log_id = state.log_id
    view.rules = state.rules
    view.assets = {asset.name: asset.decimals for asset in state.assets.values()}
    view.fee_tiers = {
        asset: [(tier.volume, tier.maker_fee, tier.taker_fee) for tier in tiers] for asset, tiers in state.tiers.items()
    }
    view.accounts = {account.id: _account(account) for account in state.accounts.values()}
    view.refs = dict(state.refs)
    for withdrawal in state.withdrawals.values():
        view.pending[withdrawal.id] = WithdrawalRecord(
            withdrawal.id, withdrawal.account, withdrawal.asset, withdrawal.amount, None, None
        )
    for market in state.markets.values():
        view.markets[market.name] = _market(state, market)
    for _, order_list in sorted(state.lists.items()):
        view.open_list(_list(order_list))
    _add_orders(view, state)
    return view


def _account(account: Account) -> LiveAccount:
    copy = LiveAccount(account.id, account.ref)
    copy.status = account.status
    copy.stp = account.stp
    copy.group = account.group
    copy.switch_ms = account.switch_ms
    for asset, balance in account.balances.items():
        copy.balances[asset] = Balance(balance.available, balance.locked)
    for asset, volume in account.volumes.items():
        days = [*volume.past, (volume.day, volume.today)]
        copy.volume(asset).days = {day: traded for day, traded in days if traded}
    return copy


def _market(state: State, market: Market) -> LiveMarket:
    copy = LiveMarket(
        market.name,
        state.assets[market.base].decimals,
        state.assets[market.quote].decimals,
        market.tick_size,
        market.lot_size,
        market.min_notional,
        market.rates.maker,
        market.rates.taker,
    )
    copy.tiered = not market.pinned
    copy.limits = market.limits
    copy.last = market.last * market.tick_size
    copy.status = market.status
    copy.seq = market.seq
    return copy


def _list(order_list: OrderList) -> LiveList:
    live = order_list.live()
    market = live[0].market.name
    orders = [order.id for order in live]
    return LiveList(order_list.id, order_list.account, market, order_list.kind, order_list.client_id, orders, None)


def _add_orders(view: LiveView, state: State) -> None:
    """Those on the books in the order of their queues, the others by number."""
    for name, market in state.markets.items():
        copy = view.markets[name]
        for side in (market.bids, market.asks):
            for ticks in side.prices():
                order = side.levels[ticks].oldest
                while order is not None:
                    live = _order(order)
                    copy.side(live.kind).add(live)
                    view.open(live)
                    order = order.newer
    for _, order in sorted(state.orders.items()):
        special = order.special
        if special is not None and special.place != BOOK:
            live = _order(order)
            live.status = IS_PENDING if _is_pending(special) else WAITING
            view.open(live)


def _is_pending(special: Special) -> bool:
    """Whether an order waits for its list: queued, it still does if the list has called it and its price has not."""
    if special.place != QUEUED:
        return special.place == PENDING
    return special.order_list is not None and not special.bound and not special.order_list.pair


def _order(order: Order) -> LiveOrder:
    market = order.market
    special = order.special
    live = LiveOrder(
        order.id,
        order.account,
        market.name,
        BUY if order.buy else SELL,
        LIMIT if special is None else special.order_type,
        GTC if special is None else special.tif,
        order.ticks * market.tick_size,
        order.lots * market.lot_size,
        0,
        order.client_id,
        None,
        PLAIN if special is None else special.instructions,
        0 if special is None or special.order_list is None else special.order_list.id,
    )
    prevented = 0 if special is None else special.prevented
    live.prevented = prevented * market.lot_size
    live.filled = (order.lots - order.left - prevented) * market.lot_size
    live.status = OPEN
    if special is None or special.place == BOOK:
        live.shown = shown(order) * market.lot_size
        live.hidden = live.left - live.shown
    if live.filled:
        live.paid = live.fee = None
    return live
