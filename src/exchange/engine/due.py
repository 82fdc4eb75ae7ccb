"""What happens by itself when its time has come: uncrossings go on, orders expire, switches fire, activations go on.

Nothing here waits for a clock: it is done at the beginning of each command, by the command's time, and within its
budget. Entries of the heaps that an order or account has no more are passed over when they come up.
"""

from heapq import heappop

from exchange.engine import auction, waiting
from exchange.engine.accounts import Account
from exchange.engine.closing import end
from exchange.engine.market import Market, Uncrossing
from exchange.engine.orders import oldest
from exchange.engine.state import State, Step
from exchange.events.setup import SwitchFired


def catch_up(state: State, step: Step) -> None:
    """Do what is due."""
    unfinished: list[Market] = []
    if state.unfinished:
        unfinished = [market for _, market in sorted(state.unfinished.items())]
        for market in unfinished:
            if market.uncrossing is not None and auction.go_on(state, step, market):
                waiting.look(market)
    timers = state.timers
    if timers and timers[0][0] <= step.ms:
        _expire(state, step)
    switches = state.switches
    if switches and switches[0][0] <= step.ms and not step.expiring:
        _fire(state, step)
    if not step.expiring:
        for market in unfinished:
            waiting.work_off(state, step, market)


def _expire(state: State, step: Step) -> None:
    timers = state.timers
    while timers and timers[0][0] <= step.ms:
        ms, id = timers[0]
        order = state.orders.get(id)
        if order is not None and order.special is not None and order.special.instructions.expires_ms == ms:
            uncrossing = order.seat.market.uncrossing
            if uncrossing is not None:
                uncrossing.timers.append((ms, id))
            elif step.budget == 0:
                step.expiring = True
                return
            else:
                step.budget -= 1
                end(state, step, order, "time")
        heappop(timers)


def _fire(state: State, step: Step) -> None:
    switches = state.switches
    while switches and switches[0][0] <= step.ms:
        ms, id = switches[0]
        account = state.accounts[id]
        if account.switch_ms == ms:
            markets = [state.markets[name] for name in account.seats]
            _cancel(state, step, account, [market for market in markets if market.uncrossing is None])
            if oldest(account, [market for market in markets if market.uncrossing is None], 1):
                step.expiring = True
                return
            held = _held(account, markets)
            if held is not None:
                held.switches.append((ms, id))
            else:
                account.switch_ms = 0
                step.emit(SwitchFired(id))
        heappop(switches)


def _cancel(state: State, step: Step, account: Account, markets: list[Market]) -> None:
    """Cancel the account's orders, oldest first, as far as the budget goes."""
    while step.budget > 0:
        ids = oldest(account, markets, 1)
        if not ids:
            return
        step.budget -= 1
        end(state, step, state.orders[ids[0]], "switch")


def _held(account: Account, markets: list[Market]) -> Uncrossing | None:
    """The uncrossing in which the account still has orders, if there is one."""
    for market in markets:
        if market.uncrossing is not None and account.seats[market.name].count:
            return market.uncrossing
    return None
