"""The limits in force: by address, shared with the other gateways, and by account, counted from the log.

Requests are decided at once. Beside them `run` tells the other gateways what was counted, at most every `EVERY_S`, and
learns the totals; while the counters' server is away each gateway counts alone, and tells the rest when it is back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from exchange.api.limits.by_account import ByAccount
from exchange.api.limits.by_address import DAY_MS, ByAddress
from exchange.api.limits.limiter import Limit
from exchange.effects.ports import Clock, Counters, EffectError
from exchange.projections.timescale.database import DatabaseRefused, DatabaseUnavailable
from exchange.settings import Settings
from exchange.terms.stream import StreamId

EVERY_S: Final = 0.05
"""How often the counters' server is told at most."""
_LONGEST_PAUSE_S: Final = 1.0
_SEED_PAUSE_S: Final = 5.0
_LONGEST_SEED_PAUSE_S: Final = 300.0

Seed = Callable[[int, StreamId], Awaitable[Mapping[int, int]]]
"""Gives for each account its orders placed since a moment and up to a position that have not traded."""

_logger = structlog.get_logger(__name__)


class SharedLimiter:
    """The `Limiter` of a gateway. `orders` is an audience of the follower; `run` goes on beside everything else.

    `clock` is the wall's, `time` the market's, by which entries have their ids. Without `counters` this gateway counts
    alone; without `seed` the day's orders are those since the log was read.
    """

    def __init__(
        self, settings: Settings, counters: Counters | None, clock: Clock, time: Clock, seed: Seed | None = None
    ) -> None:
        self._changed, self._begun = asyncio.Event(), asyncio.Event()
        self._addresses = addresses = ByAddress(
            settings.limit_weight, settings.limit_raw, settings.limit_connections, self._changed.set
        )
        self.orders = orders = ByAccount(settings.limit_orders_10s, settings.limit_orders_day, self._begun.set)
        self._counters = counters
        self._clock = clock
        self._time = time
        self._seed = seed
        self.alone = counters is None
        """Whether the other gateways could not be told lately."""
        self.request, self.weighed, self.connection = addresses.request, addresses.weighed, addresses.connection
        self.place, self.forget, self.placed = orders.place, orders.forget, orders.placed

    @property
    def limits(self) -> list[Limit]:
        """See `Limiter.limits`: in the venue's order."""
        places = {"REQUEST_WEIGHT": 0, "ORDERS": 1, "RAW_REQUESTS": 2, "CONNECTIONS": 3}
        return sorted([*self._addresses.limits, *self.orders.limits], key=lambda limit: places[limit.kind])

    async def run(self) -> None:
        """Share and seed until cancelled."""
        await asyncio.gather(self._share(), self._seed_days())

    async def _share(self) -> None:
        if self._counters is None:
            return
        pause = EVERY_S
        while True:
            if self._addresses.silent:
                self._changed.clear()
                await self._changed.wait()
            pause = EVERY_S if await self._tell(self._counters) else min(2 * pause, _LONGEST_PAUSE_S)
            await self._clock.sleep(pause)

    async def _tell(self, counters: Counters) -> bool:
        """Tell the others, and learn the totals; whether that went well."""
        told = self._addresses.untold(self._clock.now_ms())
        try:
            totals = await counters.add(told.counts)
        except EffectError as error:
            self._addresses.kept(told)
            if not self.alone:
                _logger.warning("limits are counted by this gateway alone", reason=str(error))
            self.alone = True
            return False
        except BaseException:
            self._addresses.kept(told)
            raise
        if self.alone:
            _logger.info("limits are shared with the other gateways again")
        self.alone = False
        self._addresses.told(told, totals)
        return True

    async def _seed_days(self) -> None:
        """Add what accounts placed on this day before counting began, each time that it begins."""
        if self._seed is None or not any(limit.unit == "DAY" for limit in self.orders.limits):
            return
        pause = _SEED_PAUSE_S
        while True:
            await self._begun.wait()
            self._begun.clear()
            begun_at, now_ms = self.orders.begun_at, self._time.now_ms()
            day_ms = now_ms - now_ms % DAY_MS
            if begun_at[0] < day_ms:
                continue
            try:
                counts = await self._seed(day_ms, begun_at)
            except (DatabaseUnavailable, DatabaseRefused) as error:
                _logger.warning("the day's orders before this start are not known yet", reason=str(error))
                self._begun.set()
                await self._clock.sleep(pause)
                pause = min(2 * pause, _LONGEST_SEED_PAUSE_S)
            else:
                self.orders.seed(begun_at, day_ms, counts)
                pause = _SEED_PAUSE_S
