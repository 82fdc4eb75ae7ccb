"""The clients: each one account, one connection at a time, and a diary of everything it was told.

A trader wants one thing after another, as its own dice say, and sends it to whichever gateway answers. Of the things
with a name it sends 3 % twice: at the same moment, or again later. Where it got no result it goes on, and asks again
later under the same name: at once now and then, and in peace until it knows.
"""

import asyncio
import json
import random
import time
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

import aiohttp

from tests.chaos.told import NAMED, Answer, Asked, Json, Kind

TWICE: Final = 0.03
TIMEOUT_S: Final = 8.0
LONGEST_MS: Final = 2_000
"""So long, at most, does an order with a time of its own rest."""
_KEPT_ORDERS: Final = 60


class Market(NamedTuple):
    """A market, and where its traders' prices lie: `middle` in ticks, `lots` the largest quantity; a tick is
    `10**-price_places` quote units, a lot `10**-size_places` base units."""

    name: str
    middle: int
    lots: int
    price_places: int
    size_places: int

    def price(self, ticks: int) -> str:
        """A price as the API wants it."""
        return _decimal(ticks, self.price_places)

    def size(self, lots: int) -> str:
        """A quantity as the API wants it."""
        return _decimal(lots, self.size_places)


def _decimal(units: int, places: int) -> str:
    return f"{units // 10**places}.{units % 10**places:0{places}d}" if places else str(units)


class Open(NamedTuple):
    """An order that was open when it was last heard of."""

    id: int
    market: Market
    lots: int


class Trader:
    """One account's client. `diary` has all that it ever wanted."""

    def __init__(
        self, url: str, account: int, token: str, treasurer: str, markets: Sequence[Market], seed: int
    ) -> None:
        """`treasurer` is the token that pays money in; empty: nobody pays."""
        self.account = account
        self.diary: list[Asked] = []
        self._url = url
        self._token = token
        self._treasurer = treasurer
        self._markets = markets
        self._dice = random.Random(seed)
        self._session: aiohttp.ClientSession | None = None
        self._number = 0
        self._open: deque[Open] = deque(maxlen=_KEPT_ORDERS)
        self._again: deque[tuple[float, Asked]] = deque()

    async def close(self) -> None:
        """Let the connections go."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def trade(self, over: asyncio.Event, rate: float) -> None:
        """Want things, about `rate` a second, until it is over."""
        while not over.is_set():
            await self._want()
            while self._again and self._again[0][0] < time.monotonic():
                await self._send(self._again.popleft()[1])
            away = bool(self.diary) and not self.diary[-1].answers[-1].status
            await asyncio.sleep(self._dice.uniform(0.2, 0.8) if away else self._dice.uniform(0, 2 / rate))

    async def find_out(self) -> int:
        """Ask once more for everything whose outcome is unknown; how many have none yet."""
        unknown = [asked for asked in self.diary if not asked.known]
        for asked in unknown:
            await self._send(asked)
        return sum(not asked.known for asked in unknown)

    async def _want(self) -> None:
        asked, more = self._wish()
        self.diary.append(asked)
        twice = self._dice.random() < TWICE
        if twice and self._dice.random() < 0.5:
            await asyncio.gather(self._send(asked), self._send(asked))
        else:
            await self._send(asked)
            if twice:
                self._again.append((time.monotonic() + self._dice.uniform(0.05, 5.0), asked))
        if not asked.known and self._dice.random() < 0.5:
            self._again.append((time.monotonic() + self._dice.uniform(0.1, 1.0), asked))
        if more is not None and asked.acked:
            self._remember(asked.acked[0].body, *more)

    def _remember(self, body: Json, market: Market, lots: int) -> None:
        for order in body.get("legs", [body]):
            if order.get("status") in {"open", "waiting"}:
                self._open.append(Open(order["id"], market, lots))

    def _wish(self) -> tuple[Asked, tuple[Market, int] | None]:
        """The next wish, and for those that may leave an order open its market and lots."""
        dice = self._dice
        roll = dice.random()
        if self._open and roll < 0.22:
            return self._cancel(), None
        if self._open and roll < 0.28:
            return self._amend(), None
        if roll < 0.32:
            return self._transfer(), None
        market = dice.choice(self._markets)
        lots = dice.randint(1, market.lots)
        if roll < 0.36:
            return self._pair(market, lots), (market, lots)
        return self._order(market, lots), (market, lots)

    def _order(self, market: Market, lots: int) -> Asked:
        dice = self._dice
        kind = dice.choice(["buy", "sell"])
        spread = max(1, market.middle // 100)
        ticks = market.middle + dice.randint(-spread, spread)
        body: Json = {"market": market.name, "kind": kind, "type": "limit", "client_order_id": self._name("o")}
        roll = dice.random()
        if roll < 0.10:
            body |= {"type": "market", "quantity": market.size(lots)}
        elif roll < 0.14:
            body |= {
                "type": "market",
                "quote_amount": _decimal(market.middle * dice.randint(1, 3), market.price_places),
            }
        elif roll < 0.20:
            up = kind == "buy"
            stop = market.middle + (1 if up else -1) * dice.randint(1, spread)
            body |= {"type": "stop_loss", "quantity": market.size(lots)}
            body |= (
                {"stop_price": market.price(stop)} if dice.random() < 0.5 else {"trailing_bps": dice.randint(10, 90)}
            )
        else:
            body |= {"price": market.price(ticks), "quantity": market.size(lots)}
            body |= self._limited(market, lots, roll)
        return self._asked("place", body["client_order_id"], "POST", "/order", body)

    def _limited(self, market: Market, lots: int, roll: float) -> Json:
        """What a limit order has beside price and quantity."""
        if roll < 0.28:
            return {"time_in_force": self._dice.choice(["ioc", "fok"])}
        if roll < 0.34:
            return {"time_in_force": "gtd", "expires_at": int(time.time() * 1000) + self._dice.randint(200, LONGEST_MS)}
        if roll < 0.40:
            return {"post_only": self._dice.choice(["refuse", "reprice"])}
        if roll < 0.46 and lots > 3:
            return {"display": market.size(max(1, lots // 3))}
        if roll < 0.50:
            return {"stp": self._dice.choice(["expire_taker", "expire_maker", "expire_both", "decrement"])}
        return {}

    def _pair(self, market: Market, lots: int) -> Asked:
        """A sell order list, one of two: what comes in above, or the emergency exit below."""
        reach = max(2, market.middle // 20)
        legs = [
            {"type": "limit", "price": market.price(market.middle + reach), "post_only": "refuse"},
            {"type": "stop_loss", "stop_price": market.price(market.middle - reach)},
        ]
        legs = [{**leg, "kind": "sell", "quantity": market.size(lots)} for leg in legs]
        name = self._name("l")
        body = {"kind": "oco", "market": market.name, "client_list_id": name, "legs": legs}
        return self._asked("list", name, "POST", "/order-lists", body)

    def _cancel(self) -> Asked:
        order = self._take_one()
        return self._asked("cancel", str(order.id), "DELETE", f"/order/{order.id}", None)

    def _amend(self) -> Asked:
        order = self._take_one()
        lots = max(1, order.lots * self._dice.randint(40, 90) // 100)
        base_units = order.market.size(lots)
        # The record knows quantities in smallest units: the campaign gives base assets as many places as their lots.
        return self._asked("amend", f"{order.id}:{lots}", "PATCH", f"/order/{order.id}", {"quantity": base_units})

    def _transfer(self) -> Asked:
        market = self._dice.choice(self._markets)
        asset = self._dice.choice(market.name.split("-"))
        body: Json = {"asset": asset, "amount": str(self._dice.randint(1, 9)), "ref": self._name("t")}
        if self._treasurer and self._dice.random() < 0.5:
            body["account"] = self.account
            return self._asked("deposit", body["ref"], "POST", "/deposits", body)
        return self._asked("withdraw", body["ref"], "POST", "/withdrawals", body)

    def _take_one(self) -> Open:
        place = self._dice.randrange(len(self._open))
        order = self._open[place]
        del self._open[place]
        return order

    def _name(self, sort: str) -> str:
        self._number += 1
        return f"{sort}{self.account}-{self._number}"

    def _asked(self, kind: Kind, name: str, method: str, path: str, body: Json | None) -> Asked:
        return Asked(kind, self.account, name, method, f"/api/v1{path}", body)

    async def _send(self, asked: Asked) -> None:
        """Ask once, and write down what is answered."""
        token = self._treasurer if asked.kind == "deposit" else self._token
        try:
            asked.answers.append(await self._once(asked, token))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            asked.answers.append(Answer(0, {"error": {"code": type(error).__name__}}, ""))

    async def _once(self, asked: Asked, token: str) -> Answer:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
            self._session = aiohttp.ClientSession(timeout=timeout)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        data = None if asked.body is None else json.dumps(asked.body)
        if data is None:
            del headers["Content-Type"]
        async with self._session.request(asked.method, self._url + asked.path, data=data, headers=headers) as response:
            body: Json = json.loads(await response.read())
            return Answer(response.status, body, response.headers.get("X-Exchange-Position", ""))


def sent_twice(diary: Sequence[Asked]) -> int:
    """How many things with a name were asked for more than once."""
    return sum(len(asked.answers) > 1 for asked in diary if asked.kind in NAMED)
