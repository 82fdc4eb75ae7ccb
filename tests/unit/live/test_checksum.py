"""The checksum of a book's top is the published one."""

import random
from binascii import crc32

from exchange.projections.live import feeds, shapes
from exchange.projections.live.checksum import checksum
from exchange.projections.live.orders import LiveOrder
from exchange.projections.live.records import LiveMarket
from exchange.terms.words import BUY, GTC, LIMIT, SELL, Side
from tests.unit.live.pipeline import MARKET, USERS, limit, opened, random_command


def test_the_published_book_has_the_published_checksum() -> None:
    """Kraken's guide "Book Checksum": ten asks from 0.05005 up, ten bids from 0.05000 down, all of 0.00000500."""
    market = LiveMarket("ETH-BTC", 8, 5, 5, 1, 1, 0, 0)
    asks = [5005, 5010, 5015, 5020, 5025, 5030, 5035, 5040, 5045, 5050]
    bids = [5000, 4995, 4990, 4980, 4975, 4970, 4965, 4960, 4955, 4950]
    sides: tuple[tuple[Side, list[int]], ...] = ((SELL, asks), (BUY, bids))
    for kind, prices in sides:
        for number, price in enumerate(prices):
            order = LiveOrder(number, 100, market.name, kind, LIMIT, GTC, price, 500, 0, "", 0)
            order.shown = 500
            market.side(kind).add(order)
    assert market.format.price(5005) == "0.05005"
    assert market.format.quantity(500) == "0.00000500"
    assert checksum(market) == 974947235


def by_hand(bids: list[list[str]], asks: list[list[str]]) -> int:
    """As a client computes it from what it was told."""
    text = "".join(part.replace(".", "").lstrip("0") for level in asks[:10] + bids[:10] for part in level)
    return crc32(text.encode())


def test_a_client_computes_the_same_from_the_levels_that_it_sees() -> None:
    pipeline, chance = opened(), random.Random(7)
    market = pipeline.view.markets[MARKET]
    assert checksum(market) == 0
    seen = set()
    for _ in range(500):
        pipeline.do(random_command(chance, pipeline))
        bids, asks, _complete = shapes.depth(market, 10)
        assert checksum(market) == by_hand(bids, asks)
        seen.add(checksum(market))
    assert len(seen) > 100


def test_what_lies_deeper_than_ten_levels_changes_nothing() -> None:
    pipeline = opened()
    for number in range(10):
        pipeline.do(limit(USERS[0], "buy", 500 * (100 - number), 100))
    before = checksum(pipeline.view.markets[MARKET])
    change = pipeline.do(limit(USERS[0], "buy", 500 * 50, 100))
    assert checksum(pipeline.view.markets[MARKET]) == before
    first_seq, touched = change.levels[MARKET]
    levels = feeds.Levels(first_seq)
    levels.touched |= touched
    assert b'"checksum":%d' % before in feeds.depth_update(pipeline.view, MARKET, levels)
    assert b'"checksum":%d' % before in feeds.depth_snapshot(pipeline.view, MARKET)
