"""What happens by itself when its time has come: orders expire, switches fire, unfinished work goes on.

Nothing here waits for a clock: it is done at the beginning of each command, by the command's time, and within its
budget. Entries of the heaps that an order or account has no more are passed over when they come up.
"""

from heapq import heappop

from exchange.engine import auction, waiting
from exchange.engine.accounts import Account
from exchange.engine.closing import end
from exchange.engine.orders import oldest
from exchange.engine.state import State, Step
from exchange.events.setup import SwitchFired


def catch_up(state: State, step: Step) -> None:
    """Do what is due."""
    timers = state.timers
    if timers and timers[0][0] <= step.ms:
        _expire(state, step)
    switches = state.switches
    if switches and switches[0][0] <= step.ms and not step.expiring:
        _fire(state, step)
    if state.unfinished and not step.expiring:
        for _, market in sorted(state.unfinished.items()):
            if market.uncrossing is not None:
                auction.go_on(state, step, market)
            else:
                waiting.work_off(state, step, market)


def _expire(state: State, step: Step) -> None:
    timers = state.timers
    while timers and timers[0][0] <= step.ms:
        ms, id = timers[0]
        order = state.orders.get(id)
        if order is not None and order.special is not None and order.special.instructions.expires_ms == ms:
            if step.budget == 0:
                step.expiring = True
                return
            step.budget -= 1
            end(state, step, order, "time")
        heappop(timers)


def _fire(state: State, step: Step) -> None:
    switches = state.switches
    while switches and switches[0][0] <= step.ms:
        ms, id = switches[0]
        account = state.accounts[id]
        if account.switch_ms == ms:
            if not _emptied(state, step, account):
                step.expiring = True
                return
            account.switch_ms = 0
            step.emit(SwitchFired(id))
        heappop(switches)


def _emptied(state: State, step: Step, account: Account) -> bool:
    """Cancel the account's orders as far as the budget goes; whether none is left."""
    markets = [state.markets[name] for name in account.seats]
    while step.budget > 0:
        ids = oldest(account, markets, 1)
        if not ids:
            return True
        step.budget -= 1
        end(state, step, state.orders[ids[0]], "switch")
    return not oldest(account, markets, 1)
