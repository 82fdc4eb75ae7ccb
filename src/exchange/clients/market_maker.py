"""Two people who keep the demo markets alive: one quotes, the other takes. Clients of the public API, like anybody.

Each market has a loop of either persona. A turn asks how things stand (open orders, balances, top of the book), decides
with the pure rules of `quoting`, and acts. Nothing is remembered between turns but the reference price and the random
numbers, so it does not matter what happened in between: a lost answer, a new gateway, an exchange that was away. What
was left in the book by a run that was killed is found in the first turn like any other order.
"""

import asyncio
import itertools
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from exchange.clients.public_api import ApiError, PublicApi, Refused
from exchange.clients.quoting import Limits, OpenOrder, Quote, Reference, Terms, changes, desired
from exchange.terms.amounts import format_decimal, parse_decimal

_logger = structlog.get_logger(__name__)

DEFAULT_ANCHOR: Final = "100"
_LEVEL_VALUE: Final = 20_000
"""What a level is worth, in whole units of the quote asset."""

_FUNDED_LEVELS: Final = 60
_BOUND_LEVELS: Final = 20
_STOP_SECONDS: Final = 8.0
_LONGEST_PAUSE: Final = 5.0
_PAGE: Final = 500


@dataclass(frozen=True)
class Plan:
    """What to make a market in: `markets` maps names to the price to come back to, empty for "where it is".

    `interval` is the seconds between two turns; `levels` how many are quoted a side.
    """

    markets: Mapping[str, str]
    seed: str = "1"
    levels: int = 5
    interval: float = 1.0


@dataclass
class _Market:
    """One market's terms and sizes: `target` is the base held when there is nothing to even out, in lots."""

    terms: Terms
    anchor: int
    limits: Limits
    target: int
    quote_target: int
    reference: Reference
    rng: random.Random
    status: str = "open"
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))


class MarketMaker:
    """Both personas on one exchange; `run` is their life."""

    def __init__(self, maker: PublicApi, taker: PublicApi, plan: Plan) -> None:
        self._maker = maker
        self._taker = taker
        self._plan = plan
        self._run = secrets.token_hex(3)

    async def run(self, stopping: asyncio.Event) -> None:
        """Quote and take until `stopping` is set, then take every order back; nothing the exchange does ends it."""
        markets = await self._wait_for_markets(stopping)
        loops = [
            asyncio.create_task(self._repeat(stopping, market, turn, rng))
            for market in markets
            for turn, rng in (
                (self._quote, random.Random(f"{self._plan.seed}:{market.terms.name}:pace")),  # noqa: S311
                (self._take, random.Random(f"{self._plan.seed}:{market.terms.name}:take")),  # noqa: S311
            )
        ]
        if markets:
            _logger.info("making markets", markets=[market.terms.name for market in markets])
        await stopping.wait()
        if loops:
            _, late = await asyncio.wait(loops, timeout=_STOP_SECONDS / 2)
            for loop in late:
                loop.cancel()
        await self._leave()

    async def _repeat(
        self,
        stopping: asyncio.Event,
        market: _Market,
        turn: Callable[[_Market, random.Random], Awaitable[None]],
        rng: random.Random,
    ) -> None:
        pause = self._plan.interval
        while not stopping.is_set():
            try:
                await turn(market, rng)
            except ApiError as error:
                pause = min(2 * pause, max(_LONGEST_PAUSE, self._plan.interval))
                _logger.warning("the exchange does not do as asked", market=market.terms.name, reason=str(error))
            else:
                pause = self._plan.interval
            await _wait(stopping, pause * (0.5 + rng.random()))

    # --- the one that quotes ------------------------------------------------------------------------------------------

    async def _quote(self, market: _Market, _rng: random.Random) -> None:
        """Move the reference, and make the book look as it should around it."""
        api, terms = self._maker, market.terms
        inventory = await self._fund(api, market) - market.target
        standing = await self._standing(api, terms)
        reference = market.reference.move()
        wanted: list[Quote] = []
        if market.status == "open":
            wanted = desired(reference, market.limits, inventory, market.rng)
        stale, missing = changes(wanted, standing, tolerance=max(1, reference * 2 // 10_000))
        for order in stale:
            await self._cancel(api, order)
        for quote in missing:
            await self._place(
                api, market, quote, {"price": terms.price(quote.ticks), "quantity": terms.quantity(quote.lots)}
            )

    # --- the one that takes -------------------------------------------------------------------------------------------

    async def _take(self, market: _Market, rng: random.Random) -> None:
        """One order that trades at once: by quantity, by amount, or with a limit. Towards its target when it is off."""
        api, terms = self._taker, market.terms
        held = await self._fund(api, market)
        lean = 50 - 40 * (held - market.target) // max(market.target, 1)
        buy = rng.randrange(100) < lean
        lots = max(1, market.limits.lots * rng.randint(5, 120) // 100)
        depth = await api.get("/depth", market=terms.name, limit=1)
        facing = depth["asks"] if buy else depth["bids"]
        if not facing or market.status != "open":
            return
        best = terms.ticks(facing[0][0])
        lots = max(lots, terms.lots_for(0, best))
        quote = Quote(buy, best, lots)
        pick = rng.randrange(10)
        if pick < 3:
            reach = max(1, best * 10 // 10_000)
            price = terms.price(max(1, best + reach if buy else best - reach))
            body = {"price": price, "quantity": terms.quantity(lots), "time_in_force": "ioc"}
        elif pick < 5 and buy:
            cost = lots * best * terms.tick_size * terms.lot_size // int(10**terms.base_decimals)
            body = {"type": "market", "quote_amount": format_decimal(max(cost, 1), terms.quote_decimals)}
        else:
            body = {"type": "market", "quantity": terms.quantity(lots)}
        await self._place(api, market, quote, body)

    # --- what both do -------------------------------------------------------------------------------------------------

    async def _place(self, api: PublicApi, market: _Market, quote: Quote, body: Mapping[str, str]) -> None:
        """Place an order under a client order id of its own; a refusal is told, and no reason to stop the turn."""
        order = {
            "type": "limit",
            "kind": "buy" if quote.buy else "sell",
            "market": market.terms.name,
            "client_order_id": f"mm-{self._run}-{next(market.numbers)}-{market.terms.name}"[:36],
        }
        try:
            await api.post("/order", order | dict(body))
        except Refused as refusal:
            _logger.info("order refused", market=market.terms.name, code=refusal.code)
            if refusal.code in {"market_closed", "would_take"}:
                await self._look_at_status(api, market)

    async def _cancel(self, api: PublicApi, order: OpenOrder) -> None:
        try:
            await api.delete(f"/order/{order.id}")
        except Refused as refusal:
            if refusal.code != "unknown_order":  # it traded meanwhile
                raise

    async def _standing(self, api: PublicApi, terms: Terms) -> list[OpenOrder]:
        """Our open orders in a market, oldest first."""
        found: list[OpenOrder] = []
        before: dict[str, int] = {}
        while True:
            answer = await api.get("/orders", market=terms.name, limit=_PAGE, **before)
            for order in answer["orders"]:
                left = terms.lots(order["quantity"]) - terms.lots(order["filled"])
                found.append(OpenOrder(int(order["id"]), order["kind"] == "buy", terms.ticks(order["price"]), left))
            if len(answer["orders"]) < _PAGE:
                return found[::-1]
            before = {"before": found[-1].id}

    async def _fund(self, api: PublicApi, market: _Market) -> int:
        """See that there is money to work with, as far as the faucet gives some; the lots of base that we hold."""
        terms = market.terms
        held = {
            balance["asset"]: (balance["available"], balance["locked"])
            for balance in (await api.get("/balances"))["balances"]
        }
        totals: list[int] = []
        for asset, decimals, wanted in (
            (terms.base, terms.base_decimals, market.target * terms.lot_size),
            (terms.quote, terms.quote_decimals, market.quote_target),
        ):
            total = sum(parse_decimal(text, decimals) for text in held.get(asset, ()))
            if total < wanted // 3:
                await self._deposit(api, asset, format_decimal(wanted - total, decimals))
                total = wanted
            totals.append(total)
        return totals[0] // terms.lot_size

    async def _deposit(self, api: PublicApi, asset: str, amount: str) -> None:
        ref = f"mm-{self._run}-{secrets.token_hex(6)}"
        try:
            await api.post("/deposits", {"asset": asset, "amount": amount, "ref": ref})
        except Refused as refusal:
            _logger.warning("no money from the faucet", asset=asset, amount=amount, code=refusal.code)
        else:
            _logger.info("deposited", asset=asset, amount=amount)

    async def _look_at_status(self, api: PublicApi, market: _Market) -> None:
        for told in (await api.get("/markets"))["markets"]:
            if told["market"] == market.terms.name:
                market.status = told["status"]

    async def _leave(self) -> None:
        """Take every order back, as far as the exchange can be reached within the time there is."""
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                for api in (self._maker, self._taker):
                    while orders := (await api.get("/orders", limit=_PAGE))["orders"]:
                        for order in orders:
                            await self._cancel(api, OpenOrder(int(order["id"]), True, 0, 0))
        except (ApiError, TimeoutError) as error:
            _logger.warning("orders may be left in the book", reason=str(error) or "no time left")

    # --- at the beginning ---------------------------------------------------------------------------------------------

    async def _wait_for_markets(self, stopping: asyncio.Event) -> list[_Market]:
        """All markets of the plan, once they all exist; none when asked to stop before that."""
        told: set[str] = set()
        while not stopping.is_set():
            try:
                found = {market["market"]: market for market in (await self._maker.get("/markets"))["markets"]}
                missing = set(self._plan.markets) - set(found)
                if not missing:
                    decimals = {
                        asset["asset"]: int(asset["decimals"]) for asset in (await self._maker.get("/assets"))["assets"]
                    }
                    return [
                        await self._market(found[name], decimals, anchor) for name, anchor in self._plan.markets.items()
                    ]
                if missing != told:
                    _logger.info("waiting for markets", missing=sorted(missing))
                    told = missing
            except ApiError as error:
                _logger.warning("waiting for the exchange", reason=str(error))
            await _wait(stopping, 1.0)
        return []

    async def _market(self, told: Mapping[str, str], decimals: Mapping[str, int], anchor: str) -> _Market:
        """A market with its sizes, and a reference that goes on from the last price."""
        name, base, quote = told["market"], told["base"], told["quote"]
        terms = Terms(
            name,
            base,
            quote,
            decimals[base],
            decimals[quote],
            parse_decimal(told["tick_size"], decimals[quote]),
            parse_decimal(told["lot_size"], decimals[base]),
            parse_decimal(told["min_notional"], decimals[quote]),
        )
        ticker = await self._maker.get("/ticker", market=name)
        last = ticker["last"] or ticker["bid"] or ticker["ask"]
        home = terms.ticks(anchor or last or DEFAULT_ANCHOR)
        value = _LEVEL_VALUE * int(10**terms.quote_decimals)
        lots = terms.lots_for(value, home)
        floor = 20 * self._plan.levels
        seed = f"{self._plan.seed}:{name}"
        return _Market(
            terms,
            home,
            Limits(self._plan.levels, lots, _BOUND_LEVELS * lots),
            _FUNDED_LEVELS * lots,
            _FUNDED_LEVELS * value,
            Reference(terms.ticks(last) if last else home, home, seed, floor),
            random.Random(f"{seed}:sizes"),  # noqa: S311
            told["status"],
        )


async def _wait(stopping: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        pass
