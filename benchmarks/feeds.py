"""What a feed takes from a command's publishing to each subscriber, by the number of subscribers.

One trade every hundredth of a second in one market, published straight to the log at fixed times, whatever became of
the one before; a gateway; so many raw connections to the market's `@trade` stream in a process of their own (see
`subscribers`). Every delay counts from the time at which the order was to be published, on the one clock that all
processes share, so a publisher or gateway that falls behind shows. Engine, log, gateway, publisher and subscribers
share the same cores.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, Self
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks import market
from benchmarks.report import Figure, child
from benchmarks.running import Running, wait
from exchange.commands.codec import encode
from exchange.commands.types import Place
from exchange.terms.words import BUY, FIRST_USER, SELL

RATE: Final = 100
"""Updates a second."""
LONGEST_S: Final = 15.0
"""Before the first ping, which would be counted as part of a message."""

_PRICE: Final = 5_000 * market.TICK
_SEVERAL: Final = 1_000_000


def figures(seconds: float, subscribers: Sequence[int] = (100, 1000)) -> Iterator[Figure]:
    """Delays in milliseconds, and what a message costs the gateway, for each number of subscribers."""
    seconds = min(seconds, LONGEST_S)
    with Feeds() as feeds:
        for count in subscribers:
            measured = feeds.measure(count, seconds)
            yield Figure(f"feed.p50_ms.subscribers_{count}", measured["p50"], "ms")
            yield Figure(f"feed.p99_ms.subscribers_{count}", measured["p99"], "ms")
            yield Figure(f"feed.max_ms.subscribers_{count}", measured["max"], "ms")
            yield Figure(f"feed.gateway_cpu_us_per_message.subscribers_{count}", measured["gateway_cpu_us"], "us")


class Feeds(Running):
    """An exchange with a gateway and a market in which somebody sells without end."""

    def __init__(self) -> None:
        super().__init__("always")
        self.settings = replace(self.settings, limit_connections=0)
        self._gateway = 0

    def __enter__(self) -> Self:
        super().__enter__()
        self.open()
        resting = Place(FIRST_USER, market.MARKET, SELL, "limit", "gtc", _PRICE, _SEVERAL * market.LOT, 0, "")
        log = self.log()
        log.append_many([encode(command) for command in (*market.setting(open_log=False), resting)])
        log.close()
        self._gateway = self.start("api").pid
        wait(self._selling)
        return self

    def measure(self, subscribers: int, seconds: float) -> dict[str, float]:
        """Trade for so long; see `subscribers.measure` for what they found."""
        count = max(1, round(RATE * seconds))
        begin = time.monotonic() + 1.0 + 0.005 * subscribers
        publishing = threading.Thread(target=self._publish, args=(begin, count))
        publishing.start()
        try:
            options = ("--subscribers", subscribers, "--messages", count, "--rate", RATE, "--begin", begin)
            return child("benchmarks.subscribers", self.settings.port, *options, "--gateway", self._gateway)
        finally:
            publishing.join()

    def _publish(self, begin: float, count: int) -> None:
        order = encode(Place(FIRST_USER + 1, market.MARKET, BUY, "limit", "ioc", _PRICE, market.LOT, 0, ""))
        log = self.log()
        for number in range(count):
            time.sleep(max(0.0, begin + number / RATE - time.monotonic()))
            log.append_many([order])
        log.close()

    def _selling(self) -> bool:
        try:
            with urlopen(f"{self.url}/api/v3/depth?symbol=BTCUSDT&limit=5", timeout=5) as answer:
                return b'"asks":[[' in answer.read()
        except (URLError, ConnectionError):
            return False
