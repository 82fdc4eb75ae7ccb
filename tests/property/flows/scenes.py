"""Short scenes: commands that belong together, because dice alone would seldom bring them about in that order."""

from exchange.commands.types import (
    Batch,
    Command,
    Limits,
    Place,
    PlaceList,
    SetMarketLimits,
    SetMarketStatus,
    Tick,
    Uncross,
)
from exchange.terms.instructions import PLAIN, Instructions
from exchange.terms.words import SELF_TRADES, OrderType, Side, TimeInForce
from tests.property.flows.choosing import Choice
from tests.property.reference import Market


class Scenes:
    """Each returns what is to be appended next, nothing when the world does not allow it."""

    def __init__(self, choice: Choice) -> None:
        self._c = choice

    def of_theme(self) -> list[Command]:
        """A scene that belongs to the flow's theme."""
        c = self._c
        scenes = {
            "poor": (self.squeeze, self.squeeze, self.kill_or_fill, self.sell_all),
            "amounts": (self.sell_all,),
            "selves": (self.kill_or_fill,),
            "markets": (self.everywhere, self.everywhere, self.auctions),
            "stops": (self.trails,),
        }.get(c.theme)
        return c.one(scenes)() if scenes else []

    def squeeze(self) -> list[Command]:
        """Asks one above the other, a stop with all of an account's money at the best, and who triggers it."""
        c = self._c
        market = self._market()
        if market is None:
            return []
        account = self._account()
        price = self._above(market)
        affordable = market.lots_for(price, c.shadow.available(account, market.quote))
        sizes = [c.dice.randint(1, 6) for _ in range(4)]
        asks: list[Command] = [
            _limit(self._account(), market, "sell", price + step * market.tick_size, size)
            for step, size in enumerate(sizes)
        ]
        given = Instructions(stop_price=price, stp=c.one((None, None, "expire_maker")))
        waits = Place(account, market.name, "buy", "stop_loss", "ioc", 0, affordable, 0, "", given)
        return [*asks, waits, _limit(self._account(), market, "buy", price, 1, "ioc")]

    def kill_or_fill(self) -> list[Command]:
        """An iceberg of another before one's own order in a level, more behind, and a fill-or-kill order for about as
        much."""
        c = self._c
        market = self._market()
        if market is None:
            return []
        account, stranger = self._account(), self._account()
        price = self._above(market)
        lots = c.dice.randint(2, 9)
        if c.theme == "poor":
            affordable = market.lots_for(price, c.shadow.available(account, market.quote)) // market.lot_size
            lots = max(1, affordable + c.one((-1, 0, 0)))
        size = max(1, lots - 1) if c.often(0.5) else 4
        iceberg = Instructions(display=market.lot_size) if size > 1 else PLAIN
        given = Instructions(stp="expire_maker" if c.often(0.4) else c.one(tuple(SELF_TRADES.values())))
        unpriced = c.theme == "poor" or c.often(0.3)
        kind: OrderType = "market" if unpriced else "limit"
        limit = 0 if unpriced else price + c.one((0, market.tick_size))
        quantity = lots * market.lot_size
        return [
            _limit(stranger, market, "sell", price, size, given=iceberg),
            _limit(account, market, "sell", price, c.dice.randint(1, 3)),
            _limit(stranger, market, "sell", price + market.tick_size, 5),
            Place(account, market.name, "buy", kind, "fok", limit, quantity, 0, "", given),
        ]

    def sell_all(self) -> list[Command]:
        """A sale that is to bring about as much as all of an account's base is worth, into bids of two prices."""
        c = self._c
        market = self._market()
        if market is None:
            return []
        account, stranger = self._account(), self._richest(market.quote)
        price, tick = self._above(market), market.tick_size
        held = c.shadow.available(account, market.base) // market.lot_size
        amount = market.notional(price, held * market.lot_size)
        amount += c.one((0, market.notional(price, market.lot_size) - 1, market.notional(price, market.lot_size)))
        return [
            _limit(stranger, market, "buy", price, held + c.one((0, 1, 2))),
            _limit(stranger, market, "buy", max(tick, price - tick), 5),
            Place(account, market.name, "sell", "market", "ioc", 0, 0, max(1, amount), ""),
        ]

    def everywhere(self) -> list[Command]:
        """Depth and stops in all markets, then one command that trades in all of them."""
        c = self._c
        made: list[Command] = []
        last: list[Command] = []
        seller, buyer = self._account(), self._account()
        for market in c.shadow.by_name():
            tick, lot = market.tick_size, market.lot_size
            facing = c.shadow.book(market, "buy")
            price = facing[0].price if facing else 5 * tick
            made += [_limit(buyer, market, "buy", price, 1), _limit(buyer, market, "buy", max(tick, price - tick), 9)]
            if market.last > price:
                stop = Instructions(stop_price=price)
                for account in (seller, buyer):
                    made.append(Place(account, market.name, "sell", "stop_loss", "ioc", 0, lot, 0, "", stop))
            last.append(_limit(seller, market, "sell", price, 1, "ioc"))
        c.dice.shuffle(last)
        return [*made, Batch(seller, last)] if last else []

    def auctions(self) -> list[Command]:
        """Auctions in all markets that end together, but not in one command."""
        made: list[Command] = []
        last: list[Command] = []
        seller, buyer = self._account(), self._account()
        for market in self._c.shadow.by_name():
            made += [SetMarketStatus(market.name, "auction"), SetMarketLimits(market.name, Limits(max_fills=1))]
            for price in (4 * market.tick_size, 5 * market.tick_size):
                made += [_limit(seller, market, "sell", price, 1), _limit(buyer, market, "buy", price, 1)]
            last.append(Uncross(market.name, "open"))
        self._c.dice.shuffle(last)
        return [*made, *last, Tick()]

    def trails(self) -> list[Command]:
        """A trail that its list calls after a newer one began; then the price comes back by both."""
        c = self._c
        market = self._market()
        if market is None:
            return []
        tick, lot = market.tick_size, market.lot_size
        one, other, seller = self._account(), self._account(), self._account()
        facing = c.shadow.book(market, "buy")
        price = max(4 * tick, facing[0].price if facing else 0)
        before = sum(order.left for order in facing if order.price >= price) // lot
        trail = Instructions(trailing_amount=tick)
        pending = Place(one, market.name, "sell", "stop_loss", "ioc", 0, lot, 0, "", trail)
        return [
            PlaceList(one, market.name, "oto", "", [_limit(one, market, "buy", price, 1), pending]),
            Place(other, market.name, "sell", "stop_loss", "ioc", 0, lot, 0, "", trail),
            *(_limit(seller, market, "buy", price - step * tick, 3) for step in (1, 2)),
            _limit(seller, market, "sell", price, before + 1, "ioc"),
            _limit(seller, market, "sell", price - tick, 1, "ioc"),
        ]

    def _market(self) -> Market | None:
        found = [market for market in self._c.shadow.by_name() if market.status == "open"]
        return self._c.one(found) if found else None

    def _account(self) -> int:
        """One that is there, if any is."""
        users = [account for account in self._c.shadow.accounts if account >= 100]
        return self._c.one(users) if users else 100

    def _richest(self, asset: str) -> int:
        """Who has most of an asset."""
        users = [account for account in self._c.shadow.accounts if account >= 100] or [100]
        return max(users, key=lambda account: self._c.shadow.available(account, asset))

    def _above(self, market: Market) -> int:
        """A price at which nothing that is on the book buys."""
        bids = self._c.shadow.book(market, "buy")
        return (bids[0].price if bids else 4 * market.tick_size) + market.tick_size


def _limit(
    account: int,
    market: Market,
    side: Side,
    price: int,
    lots: int,
    tif: TimeInForce = "gtc",
    given: Instructions = PLAIN,
) -> Place:
    return Place(account, market.name, side, "limit", tif, price, lots * market.lot_size, 0, "", given)
