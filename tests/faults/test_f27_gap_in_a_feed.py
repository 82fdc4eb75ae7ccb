"""F27: each message of a feed carries its sequence, and snapshot and updates are the book, through every reconnect."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable

import pytest

from exchange.settings import Settings
from tests.integration.api_books import Book, flow
from tests.integration.api_world import MARKET, World, world


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as made:
        yield made


async def test_f27_snapshot_and_updates_are_the_book_through_reconnects_and_resyncs(place: World) -> None:
    users = [await place.user(INR="1000000", TATA="10000") for _ in range(3)]
    chance = random.Random(5)
    books = [Book() for _ in range(4)]
    over = asyncio.Event()

    async def keep(book: Book) -> None:
        """Follow the feed; now and then lose the connection, or ask for the channel again."""
        channel = f"depth@{MARKET}"
        while True:
            async with place.socket() as feed:
                await feed.ask("SUBSCRIBE", channel)
                for _ in range(chance.randint(20, 60)):
                    try:
                        async with asyncio.timeout(0.3):
                            message = await feed.receive(channel)
                    except TimeoutError:
                        if over.is_set():
                            return
                        continue
                    assert book.take(message), "a step is missing"
                    if chance.random() < 0.03:
                        await feed.ask("UNSUBSCRIBE", channel)
                        feed.forget(channel)
                        await feed.ask("SUBSCRIBE", channel)

    async with asyncio.TaskGroup() as group:
        for book in books:
            group.create_task(keep(book))
        async with asyncio.TaskGroup() as flows:
            for number, user in enumerate(users):
                flows.create_task(flow(user, number, 120))
        over.set()
    depth = (await place.anonymous().get(f"/api/v1/depth?market={MARKET}&limit=5000")).data
    for book in books:
        assert book.equals(depth)
        assert book.updates > 30
    assert sum(book.resyncs for book in books) > 8
