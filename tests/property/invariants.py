"""What must hold of any state of the engine, seen from the state alone."""

from collections.abc import Iterable

from exchange.engine.book import BookSide, Order
from exchange.engine.market import Market
from exchange.engine.special import BOOK, NOWHERE, PENDING, QUEUED, TRIGGER, OrderList, Special, shown
from exchange.engine.state import State
from exchange.terms.words import AUCTION, FIRST_USER
from tests.property.reference import Holding


def check_invariants(state: State) -> None:
    """Money is conserved, what is locked is what orders, lists and withdrawals bind, and every index says the same.

    Raises:
        AssertionError: one of them does not hold.
    """
    _check_money(state)
    resting = 0
    for market in state.markets.values():
        resting += _check_book(state, market)
        _check_waiting(state, market)
    on_book = [order for order in state.orders.values() if place(order) == BOOK]
    assert resting == len(on_book), "an order is indexed that rests nowhere"
    for order_list in state.lists.values():
        _check_list(state, order_list)
    _check_seats(state)
    _check_timers(state)
    _check_memory(state)


def held(state: State) -> dict[Holding, tuple[int, int]]:
    """All balances that are not all zero."""
    return {
        (account.id, asset): (balance.available, balance.locked)
        for account in state.accounts.values()
        for asset, balance in account.balances.items()
        if balance.available or balance.locked
    }


def place(order: Order) -> int:
    """Where an order is: one of the engine's places."""
    return BOOK if order.special is None else order.special.place


def in_level(side: BookSide, ticks: int) -> list[Order]:
    """A level's orders, oldest first, walked in both directions."""
    level = side.levels[ticks]
    forwards: list[Order] = []
    order = level.oldest
    while order is not None:
        forwards.append(order)
        order = order.newer
    backwards: list[Order] = []
    order = level.newest
    while order is not None:
        backwards.append(order)
        order = order.older
    assert forwards == backwards[::-1], "a level's links do not agree"
    return forwards


def in_priority(side: BookSide) -> Iterable[Order]:
    """A side's orders, first to trade first."""
    for depth in range(len(side.levels)):
        yield from in_level(side, side.price(depth))


def _check_money(state: State) -> None:
    sums: dict[str, int] = {}
    for (account, asset), (available, locked) in held(state).items():
        sums[asset] = sums.get(asset, 0) + available + locked
        if account >= FIRST_USER:
            assert available >= 0 and locked >= 0, f"account {account} holds {available} + {locked} {asset}"
        else:
            assert locked == 0
    assert not any(sums.values()), f"money is not conserved: {sums}"
    bound: dict[Holding, int] = {}
    for order in state.orders.values():
        asset = order.market.quote if order.buy else order.market.base
        holding = (order.account, asset)
        bound[holding] = bound.get(holding, 0) + _binds(order)
    for withdrawal in state.withdrawals.values():
        holding = (withdrawal.account, withdrawal.asset)
        bound[holding] = bound.get(holding, 0) + withdrawal.amount
    bound = {holding: amount for holding, amount in bound.items() if amount}
    assert {holding: locked for holding, (_, locked) in held(state).items() if locked} == bound, "locks are off"


def _binds(order: Order) -> int:
    """What an order binds; of a pair the larger, told by the one that binds more (of equals by the older)."""
    special = order.special
    amount = _would_bind(order)
    if special is None or special.order_list is None:
        return amount
    partner = special.order_list.partner(order)
    if partner is None:
        return amount
    other = _would_bind(partner)
    return amount if (amount, partner.id) > (other, order.id) else 0


def _would_bind(order: Order) -> int:
    special = order.special
    market = order.market
    if special is not None:
        called = special.place == QUEUED and special.order_list is not None and not _waited(special)
        if special.place == PENDING or called:
            return 0
    if not order.buy:
        return order.left * market.lot_size
    ticks = order.ticks or (special.funding if special is not None else 0)
    return order.left * ticks * market.unit


def _waited(special: Special) -> bool:
    """Whether a queued order of a list waited for its price (and not for the list)."""
    assert special.order_list is not None
    return special.bound or special.order_list.pair


def _check_book(state: State, market: Market) -> int:
    if market.status != AUCTION and market.uncrossing is None and market.status in ("open", "post_only"):
        assert not market.crossed(), f"{market.name} is crossed"
    resting = 0
    for side in (market.bids, market.asks):
        for level in side.levels.values():
            orders = in_level(side, level.ticks)
            assert orders, f"{market.name} has an empty level"
            assert level.lots == sum(shown(order) for order in orders), f"{market.name}: a level's total is off"
            assert level.hidden == sum(order.left - shown(order) for order in orders), f"{market.name}: hidden is off"
            assert level.count == len(orders)
            plain = [order.id for order in orders if order.special is None]
            assert plain == sorted(plain), "queue out of order"
            for order in orders:
                assert 0 < shown(order) <= order.left <= order.lots and state.orders[order.id] is order
                assert place(order) == BOOK
            resting += len(orders)
    return resting


def _check_waiting(state: State, market: Market) -> None:
    mine = [order for order in state.orders.values() if order.market is market]
    assert {order.id for order in market.queue} <= {order.id for order in mine if place(order) == QUEUED}
    trailing = {order.id for order in mine if order.special and order.special.trailing() and place(order) == TRIGGER}
    assert set(market.trailing) == trailing
    if market.queue or market.uncrossing is not None:
        assert state.unfinished[market.name] is market
    for order in mine:
        assert place(order) != NOWHERE, f"order {order.id} is nowhere"


def _check_list(state: State, order_list: OrderList) -> None:
    live = order_list.live()
    assert live, f"list {order_list.id} is open and has no members"
    for order in live:
        assert state.orders[order.id] is order
        assert order.special is not None and order.special.order_list is order_list


def _check_seats(state: State) -> None:
    for account in state.accounts.values():
        for seat in account.seats.values():
            orders = []
            order = seat.first
            while order is not None:
                assert order.seat is seat and state.orders[order.id] is order
                orders.append(order)
                order = order.following
            assert [order.id for order in orders] == sorted(order.id for order in orders)
            assert seat.count == len(orders)
            assert seat.buying == sum(order.left for order in orders if order.buy)
            assert seat.conditional == len([order for order in orders if order.special and order.special.conditional])
    seated = sum(seat.count for account in state.accounts.values() for seat in account.seats.values())
    assert seated == len(state.orders), "an order stands in no seat"


def _check_timers(state: State) -> None:
    held_back = [market.uncrossing for market in state.markets.values() if market.uncrossing is not None]
    timers = {*state.timers, *(timer for uncrossing in held_back for timer in uncrossing.timers)}
    for order in state.orders.values():
        if order.special is not None and order.special.tif == "gtd":
            assert (order.special.instructions.expires_ms, order.id) in timers, f"nobody will end order {order.id}"
    switches = {*state.switches, *(switch for uncrossing in held_back for switch in uncrossing.switches)}
    for account in state.accounts.values():
        if account.switch_ms:
            assert (account.switch_ms, account.id) in switches, f"nobody will fire account {account.id}'s switch"


def _check_memory(state: State) -> None:
    """Nothing is remembered for ever: a name is in the sweep's queue, or kept by what is open and bears it."""
    queued = {id(result) for result in state.remembered}
    for account in state.accounts.values():
        for names in (account.orders, account.lists, account.deposits, account.withdrawals):
            for name, result in names.items():
                assert result.name == name
                if result.swept:
                    kept = -result.order in state.lists if result.order < 0 else result.order in state.orders
                    assert kept, f"{name!r} is kept by what has closed"
                else:
                    assert id(result) in queued, f"{name!r} is remembered for ever"
