"""Orders, lists and their changes: every type, time in force, instruction and mode, mostly as they may be given."""

from collections.abc import Callable

from exchange.commands.types import (
    Amend,
    Batch,
    Cancel,
    CancelAll,
    CancelList,
    CancelReplace,
    Command,
    Place,
    PlaceList,
)
from exchange.terms.amounts import MAX_AMOUNT, MAX_COUNT
from exchange.terms.instructions import PLAIN, Instructions
from exchange.terms.words import (
    CONDITIONAL,
    LIST_KINDS,
    PRICED,
    SELF_TRADES,
    SIDES,
    OrderType,
    PostOnly,
    Side,
    TimeInForce,
)
from tests.property.flows.choosing import GRIDS, Choice
from tests.property.reference import Market
from tests.property.reference.checks import bought_for
from tests.property.reference.model import other

_TYPE_SHARES: dict[OrderType, int] = {
    "limit": 11,
    "market": 3,
    "stop_loss": 2,
    "take_profit": 1,
    "stop_loss_limit": 2,
    "take_profit_limit": 1,
}
_TYPES = [kind for kind, share in _TYPE_SHARES.items() for _ in range(share)]
_TIMES: tuple[TimeInForce, ...] = ("gtc", "gtc", "gtc", "gtc", "gtc", "gtc", "gtc", "ioc", "fok", "gtd", "gtd")
_AMOUNTS = (1, 5, 17, 60, 100, 399, 10**6, 10**20)


class Orders:
    """Makes commands about orders."""

    def __init__(self, choice: Choice) -> None:
        self._c = choice

    # --- one order ---------------------------------------------------------------------------------------------------

    def place(self) -> Place:
        c = self._c
        name = c.market_name()
        return self._place(c.account(), name, c.shadow.markets.get(name))

    def _place(self, account: int, name: str, market: Market | None) -> Place:
        c = self._c
        if c.shadow.rules < 2 or market is None:
            return self._plain(account, name)
        kind: OrderType = c.one(_TYPES)
        if c.theme in ("stops", "poor") and c.often(0.4):
            kind = c.one(("stop_loss", "stop_loss", "take_profit", "stop_loss_limit", "take_profit_limit"))
            kind = "stop_loss" if c.theme == "poor" else kind
        elif c.theme == "amounts" and c.often(0.4):
            kind = "market"
        if market.status == "auction" and c.often(0.8):
            kind = "limit"
        side = c.one(tuple(SIDES.values()))
        tick, lot = market.tick_size, market.lot_size
        quantity = self._quantity(lot)
        price = self._price(market, side) if kind in PRICED else 0
        tif: TimeInForce = c.one(_TIMES) if kind in PRICED else "ioc"
        if market.status == "auction" and c.often(0.9):
            tif = "gtd" if tif == "gtd" or c.often(0.3) else "gtc"
        amount = 0
        if kind == "market":
            if c.often(0.8 if c.theme == "amounts" else 0.4):
                amount, quantity = self._amount(account, market, side), 0
            elif c.often(0.5):
                tif = "fok"
        if tif == "fok" and c.often(0.7):
            facing = c.shadow.book(market, other(side))[: c.dice.randint(1, 4)]
            quantity = max(lot, sum(maker.left for maker in facing) + lot * c.one((-1, 0, 0, 1)))
        given = self._instructions(market, side, kind, tif, quantity // lot)
        expected = price or given.stop_price or tick * c.ticks_around(market)
        if c.theme == "poor" and kind == "market" and quantity and side == "buy" and c.often(0.5):
            bought = bought_for(c.shadow, market, c.shadow.available(account, market.quote))
            quantity = max(lot, sum(lots for _, lots in bought) + lot * c.one((-1, 0, 0, 1)))
        elif c.theme == "poor" and side == "buy" and quantity and expected % tick == 0 and c.often(0.8):
            affordable = market.lots_for(expected, c.shadow.available(account, market.quote))
            quantity = min(max(quantity, affordable), 40 * lot)
        if kind in CONDITIONAL and c.often(0.03):
            given.stop_price += c.one((1, -tick, tick * MAX_COUNT))
            given.stop_price = max(given.stop_price, 0 if given.trailing_bps or given.trailing_amount else tick)
        return Place(account, name, side, kind, tif, price, quantity, amount, c.name(0.25), given)

    def _plain(self, account: int, name: str) -> Place:
        """An order of the first rules."""
        c = self._c
        tick, lot = GRIDS.get(name, (1, 1))
        side = c.one(tuple(SIDES.values()))
        price, quantity, client_id = tick * c.dice.randint(1, 6), self._quantity(lot), c.name(0.3)
        if c.often(0.04):
            price = c.one((price + 1, tick * MAX_COUNT, tick * (MAX_COUNT + 1), MAX_AMOUNT, 0))
        kind = c.dice.random()
        if kind < 0.80:
            return Place(account, name, side, "limit", "gtc" if kind < 0.7 else "ioc", price, quantity, 0, client_id)
        if kind < 0.90:
            return Place(account, name, side, "market", "ioc", 0, quantity, 0, client_id)
        spend = c.one(_AMOUNTS) * c.dice.randint(1, 3)
        return Place(account, name, "buy", "market", "ioc", 0, 0, spend, client_id)

    def _price(self, market: Market, side: Side) -> int:
        c = self._c
        tick = market.tick_size
        facing = c.shadow.book(market, other(side))
        if facing and c.often(0.35):
            return max(tick, facing[0].price + tick * c.one((-2, -1, 0, 0, 0, 1, 2)))
        if c.often(0.02):
            return c.one((tick + 1, tick * MAX_COUNT, tick * (MAX_COUNT + 1), MAX_AMOUNT, 0))
        middle = c.ticks_around(market) if c.often(0.5) else 5
        return tick * max(1, middle + c.dice.randint(-3, 3))

    def _amount(self, account: int, market: Market, side: Side) -> int:
        """About what a few of the facing orders are worth, or what the account has, or anything."""
        c = self._c
        facing = c.shadow.book(market, other(side))[: c.dice.randint(1, 3)]
        if not facing or c.often(0.3):
            return c.one(_AMOUNTS) * c.dice.randint(1, 3)
        if side == "sell" and c.often(0.8 if c.theme == "poor" else 0.3):
            held = c.shadow.available(account, market.base) // market.lot_size * market.lot_size
            least = market.notional(facing[0].price, market.lot_size)
            return max(1, market.notional(facing[0].price, held) + c.one((-1, 0, 1, least - 1, least)))
        if side == "buy" and c.often(0.2):
            return max(1, c.shadow.available(account, market.quote) + c.one((-1, 0, 1)))
        worth = sum(market.notional(maker.price, c.one((maker.left, maker.shown))) for maker in facing)
        return max(1, worth + c.one((-1, 0, 0, 0, 1)))

    def _quantity(self, lot: int) -> int:
        c = self._c
        if c.theme == "auction" and c.often(0.8):
            return lot * c.one((2, 2, 4))
        quantity = lot * c.dice.randint(1, 9)
        if c.often(0.03):
            return c.one((0, quantity + 1, lot * MAX_COUNT, lot * (MAX_COUNT + 1), MAX_AMOUNT))
        return quantity

    def _instructions(self, market: Market, side: Side, kind: OrderType, tif: TimeInForce, lots: int) -> Instructions:
        c = self._c
        tick = market.tick_size
        stop = bps = trail = expires = display = slippage = 0
        post_only: PostOnly = ""
        if kind in CONDITIONAL:
            stop, bps, trail = self._trigger(market, side, kind)
        if tif == "gtd":
            soon = (3, 4, 6, 8) if market.status == "auction" else (6, 8, 31, 40, 60, 100)
            expires = c.now + c.one(soon) if c.often(0.97) else max(1, c.now - c.one((0, 1)))
        if kind in PRICED and tif in ("gtc", "gtd") and market.status != "auction":
            if kind == "limit" and c.often(0.2):
                post_only = c.one(("refuse", "reprice", "reprice"))
            if c.often(0.25) and lots > 1:
                display = market.lot_size * c.dice.randint(1, max(1, min(3, lots - 1)))
                if c.often(0.03):
                    display = c.one((lots * market.lot_size, display + 1, market.lot_size * (MAX_COUNT + 1)))
        if kind not in PRICED and c.often(0.25):
            slippage = c.one((1, 1000, 3000, 9999))
        stp = c.one(tuple(SELF_TRADES.values())) if c.often(0.6 if c.theme == "selves" else 0.25) else None
        if not (stop or bps or trail or expires or post_only or display or stp or slippage):
            return PLAIN
        if trail and c.often(0.02):
            trail = c.one((trail + 1, tick * (MAX_COUNT + 1)))
        return Instructions(stop, bps, trail, expires, post_only, display, stp, slippage)

    def _trigger(self, market: Market, side: Side, kind: OrderType) -> tuple[int, int, int]:
        """Stop price, trail in basis points, trail as an amount."""
        c = self._c
        up = (side == "buy") == (kind in ("stop_loss", "stop_loss_limit"))
        away = c.dice.randint(1, 1 if c.theme == "poor" else 3) if c.often(0.9) else c.dice.randint(-2, 0)
        stop = market.tick_size * max(1, c.ticks_around(market) + (away if up else -away))
        if c.often(0.7):
            return stop, 0, 0
        if not c.often(0.4):
            stop = 0
        if c.often(0.5):
            return stop, c.one((1, 500, 1000, 2500, 5000)), 0
        return stop, 0, market.tick_size * c.dice.randint(1, 3)

    # --- lists -------------------------------------------------------------------------------------------------------

    def place_list(self) -> PlaceList | None:
        c = self._c
        market = c.market()
        if market is None:
            return None
        kind = c.one(tuple(LIST_KINDS.values()))
        account = c.account()
        side = c.one(tuple(SIDES.values()))
        if kind == "oco":
            legs = self._pair(market, account, side)
        else:
            legs = [self._working(market, account)]
            legs += self._pair(market, account, side) if kind == "otoco" else [self._pending(market, account)]
        if c.often(0.05):
            legs[-1].quantity += market.lot_size
        if c.often(0.04):
            legs[c.dice.randrange(len(legs))] = self._place(account, market.name, market)
        for leg in legs:
            if c.often(0.25):
                leg.client_id = c.name(1.0)
        return PlaceList(account, market.name, kind, c.name(0.3), legs)

    def _working(self, market: Market, account: int) -> Place:
        c = self._c
        while True:
            leg = self._place(account, market.name, market)
            if leg.order_type == "limit" or c.often(0.02):
                return leg

    def _pending(self, market: Market, account: int) -> Place:
        c = self._c
        while True:
            leg = self._place(account, market.name, market)
            if leg.order_type == "limit" and c.often(0.3):
                leg.price = market.tick_size * c.one((1, 12))
            if not leg.quote_amount or c.often(0.05):
                return leg

    def _pair(self, market: Market, account: int, side: Side) -> list[Place]:
        c = self._c
        tick = market.tick_size
        quantity = market.lot_size * c.dice.randint(1, 5)
        middle = c.ticks_around(market)
        sign = 1 if side == "sell" else -1
        far = tick * max(1, middle + sign * c.dice.randint(1, 3))
        near = tick * max(1, middle - sign * c.dice.randint(1, 3))
        if c.often(0.05):
            far, near = near, far
        stp = c.one(tuple(SELF_TRADES.values())) if c.often(0.2) else None
        pick = c.dice.random()
        if pick < 0.6:
            given = Instructions(post_only="refuse" if c.often(0.97) else "", stp=stp)
            taking = Place(account, market.name, side, "limit", "gtc", far, quantity, 0, "", given)
            if c.often(0.2):
                given.expires_ms, taking.tif = c.now + c.one((31, 45, 60)), "gtd"
            if quantity > market.lot_size and c.often(0.2):
                given.display = market.lot_size
        else:
            given = Instructions(far, stp=stp)
            if c.often(0.15):
                given = Instructions(far if c.often(0.3) else 0, trailing_bps=c.one((500, 2500)), stp=stp)
            limit = tick * max(1, far // tick + sign * c.dice.randint(-1, 1))
            taking = Place(account, market.name, side, "take_profit_limit", "gtc", limit, quantity, 0, "", given)
            if pick < 0.8:
                taking.order_type, taking.tif, taking.price = "take_profit", "ioc", 0
        trigger = Instructions(near, stp=stp)
        if c.often(0.15):
            trigger = Instructions(near if c.often(0.3) else 0, trailing_amount=tick * c.dice.randint(1, 2))
        if c.often(0.5):
            stopping = Place(account, market.name, side, "stop_loss", "ioc", 0, quantity, 0, "", trigger)
        else:
            limit = tick * max(1, near // tick - sign * c.dice.randint(0, 1))
            tif: TimeInForce = c.one(("gtc", "gtc", "ioc", "fok"))
            stopping = Place(account, market.name, side, "stop_loss_limit", tif, limit, quantity, 0, "", trigger)
        return [taking, stopping] if c.often(0.7) else [stopping, taking]

    def cancel_list(self) -> CancelList:
        c = self._c
        if c.shadow.lists and c.often(0.9):
            found = c.one(c.shadow.lists)
            if found.client_id and c.often(0.5):
                return CancelList(found.account, 0, found.client_id)
            return CancelList(found.account if c.often(0.95) else c.account(), found.id, "")
        return CancelList(c.account(), c.dice.randint(1, 9), "") if c.often(0.5) else CancelList(c.account(), 0, "a")

    # --- changes -----------------------------------------------------------------------------------------------------

    def cancel(self) -> Cancel:
        c = self._c
        order = c.open_order()
        if order is None or c.often(0.2):
            name = c.name(0.7)
            account = c.account() if order is None else order.account
            return Cancel(account, 0 if name else c.dice.randint(1, 20), name)
        account = c.account() if c.often(0.04) else order.account
        if order.client_id and c.often(0.5):
            return Cancel(account, 0, order.client_id)
        return Cancel(account, order.id, "")

    def amend(self) -> Amend:
        c = self._c
        order = c.open_order()
        if order is None or c.often(0.1):
            return Amend(c.account(), c.dice.randint(1, 20), 1)
        lot = order.market.lot_size
        quantity = lot * c.dice.randint(0, order.quantity // lot) + (1 if c.often(0.04) else 0)
        return Amend(order.account, order.id, MAX_AMOUNT - MAX_AMOUNT % lot if c.often(0.02) else quantity)

    def cancel_replace(self) -> CancelReplace:
        c = self._c
        cancel = self.cancel()
        old = next((order for order in c.shadow.orders if order.id == cancel.order), None)
        market = old.market if old is not None and c.often(0.9) else c.market()
        place = self._place(cancel.account, market.name if market else "NO-NE", market)
        return CancelReplace(cancel, place, c.often(0.5))

    def cancel_all(self) -> CancelAll:
        return CancelAll(self._c.account(), self._c.market_name() if self._c.often(0.6) else "")

    def ladder(self) -> Batch | None:
        """A few orders beside each other: depth to walk into."""
        c = self._c
        market = c.market()
        if market is None:
            return None
        account, side = c.account(), c.one(tuple(SIDES.values()))
        away = 1 if side == "sell" else -1
        items: list[Command] = []
        for step in range(c.dice.randint(3, 6)):
            price = market.tick_size * max(1, c.ticks_around(market) + away * step)
            lots = c.dice.randint(1, 4)
            given = Instructions(display=market.lot_size) if lots > 1 and c.often(0.3) else PLAIN
            items.append(Place(account, market.name, side, "limit", "gtc", price, lots * market.lot_size, 0, "", given))
        return Batch(account, items)

    def batch(self) -> Batch:
        c = self._c
        account = c.account()
        makers: list[Callable[[], Command]] = [self.place, self.place, self.place, self.cancel, self.amend]
        items: list[Command] = []
        for _ in range(c.dice.randint(1, 5)):
            item = c.one(makers)()
            assert isinstance(item, (Place, Cancel, Amend))
            item.account = account
            if isinstance(item, (Cancel, Amend)) and item.order:
                mine = c.shadow.open_orders(account)
                item.order = c.one(mine).id if mine else item.order
            items.append(item)
        return Batch(account, items)
