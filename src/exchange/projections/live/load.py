"""A live view begun from an engine's state: what a snapshot holds, put into the view's own shape.

The engine counts in ticks and lots, the view in smallest units as the events do. What a snapshot does not hold (what
open orders paid so far, their times, trades) stays unknown here; the database knows it.
"""

from exchange.engine import Machine
from exchange.engine.book import Order
from exchange.engine.state import State
from exchange.projections.live.orders import LiveOrder
from exchange.projections.live.records import Balance, LiveAccount, LiveMarket, WithdrawalRecord
from exchange.projections.live.view import LiveView
from exchange.terms.words import BUY, GTC, LIMIT, SELL


def view_of(machine: Machine) -> LiveView:
    """The view at a machine's position; it shares nothing with the machine."""
    state = machine.state
    view = LiveView(machine.head.id)
    view.log_id = state.log_id
    view.assets = {asset.name: asset.decimals for asset in state.assets.values()}
    for account in state.accounts.values():
        copy = view.accounts[account.id] = LiveAccount(account.id, account.ref)
        for asset, balance in account.balances.items():
            copy.balances[asset] = Balance(balance.available, balance.locked)
    view.refs = dict(state.refs)
    for withdrawal in state.withdrawals.values():
        view.pending[withdrawal.id] = WithdrawalRecord(
            withdrawal.id, withdrawal.account, withdrawal.asset, withdrawal.amount, None, None
        )
    for name in state.markets:
        _add_market(view, state, name)
    return view


def _add_market(view: LiveView, state: State, name: str) -> None:
    market = state.markets[name]
    copy = view.markets[name] = LiveMarket(
        name,
        state.assets[market.base].decimals,
        state.assets[market.quote].decimals,
        market.tick_size,
        market.lot_size,
        market.min_notional,
        market.maker_fee,
        market.taker_fee,
    )
    copy.status = market.status
    copy.seq = market.seq
    for side in (market.bids, market.asks):
        for ticks in side.prices():
            order = side.levels[ticks].oldest
            while order is not None:
                live = _order(order)
                copy.side(live.kind).add(live)
                view.open(live)
                order = order.newer


def _order(order: Order) -> LiveOrder:
    market = order.market
    live = LiveOrder(
        order.id,
        order.account,
        market.name,
        BUY if order.buy else SELL,
        LIMIT,
        GTC,
        order.ticks * market.tick_size,
        order.lots * market.lot_size,
        0,
        order.client_id,
        None,
    )
    live.filled = (order.lots - order.left) * market.lot_size
    live.shown = live.left
    if live.filled:
        live.paid = live.fee = None
    return live
