"""A book for programs that are not asynchronous: it keeps itself in a thread of its own."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from exchange.client.awaiting import AsyncClient
from exchange.client.books import Gap, LocalBook
from exchange.client.errors import ExchangeError
from exchange.client.models import Level

_PAUSE_S = 1.0


class BookFollower:
    """A market's book, as a context manager: it follows the exchange from `with` on, and connects again when the
    connection is lost. What it shows is always the book at one sequence of the market, whole."""

    def __init__(self, url: str, market: str) -> None:
        self.market = market
        self.problem: str | None = "not connected yet"
        """Why the book does not follow now; what it shows is old then."""
        self._url = url
        self._book = LocalBook(market)
        self._changed = threading.Condition()
        self._closed = False
        self._stop: Callable[[], object] = bool
        self._thread = threading.Thread(target=self._run, name=f"book {market}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop following."""
        with self._changed:
            self._closed = True
            self._stop()
        self._thread.join()

    @property
    def seq(self) -> int:
        """The sequence that the book stands at; -1 before the first."""
        with self._changed:
            return self._book.seq

    def top(self, levels: int | None = None) -> tuple[list[Level], list[Level]]:
        """Bids and asks of one moment, best first."""
        with self._changed:
            return self._book.bids(levels), self._book.asks(levels)

    def wait(self, seq: int = 0, seconds: float = 10.0) -> None:
        """Wait until the book stands at a sequence or later; without one, until there is a book.

        Raises:
            TimeoutError: it does not come to that.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._book.seq >= seq, seconds):
                raise TimeoutError(
                    f"the book of {self.market} has not come to {seq}: {self.problem or 'no change came'}"
                )

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            task = loop.create_task(self._follow())
            with self._changed:
                if self._closed:
                    task.cancel()
                self._stop = lambda: loop.call_soon_threadsafe(task.cancel)
            with suppress(asyncio.CancelledError):  # closed
                loop.run_until_complete(task)

    async def _follow(self) -> None:
        while True:
            try:
                async with AsyncClient(self._url) as exchange, exchange.feed() as feed:
                    await feed.subscribe(f"depth@{self.market}")
                    async for message in feed.messages():
                        self._take(message)
            except (ExchangeError, Gap) as error:
                self.problem = str(error)
            await asyncio.sleep(_PAUSE_S)

    def _take(self, message: dict[str, object]) -> None:
        with self._changed:
            self._book.take(message)
            self.problem = None
            self._changed.notify_all()
