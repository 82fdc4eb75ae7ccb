"""The reads: every page of everything, against what happened; and what they say when the database is away."""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import orjson
import pytest

from exchange.embedded.postgres import PostgresServer
from exchange.projections.timescale.candles import INTERVALS
from exchange.projections.timescale.database import DatabaseRefused, DatabaseUnavailable
from exchange.projections.timescale.history import CandleRow, History
from exchange.projections.timescale.migrations import migrate
from exchange.projections.timescale.writer import Writer
from exchange.terms.stream import genesis_head
from tests.integration.projecting import (
    MINUTE_MS,
    NOON_MS,
    Pair,
    Tables,
    a_log,
    batch,
    expected,
    holding,
    pages,
    shown,
    told,
)

Row = TypeVar("Row")
ACCOUNTS = range(100, 108)
BASE, QUOTE = "BTC", "USD"


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return a_log(21, 500)


@pytest.fixture(scope="module")
def tables(pairs: list[Pair]) -> Tables:
    """What happened, as the test's own telling has it."""
    return expected([entry for _, entry in pairs])


@pytest.fixture(scope="module")
def filled(postgres: PostgresServer, pairs: list[Pair]) -> Iterator[str]:
    """A database that holds it, for tests that only read."""
    with holding(postgres, "history_reads", pairs) as url:
        yield url


@pytest.fixture
async def history(filled: str) -> Any:
    opened = History(filled)
    yield opened
    await opened.close()


async def test_orders_come_in_pages_newest_first(history: History, tables: Tables) -> None:
    for account in ACCOUNTS:
        read = await pages(partial(history.orders, account, limit=7), "id")
        assert [shown(row) for row in read] == [told(row) for row in tables["orders"] if row[1] == account][::-1]


async def test_orders_can_be_narrowed(history: History, tables: Tables) -> None:
    some = await history.orders(101, statuses=["canceled", "expired"], limit=1000)
    assert [row.id for row in some] == [
        row[0] for row in tables["orders"] if row[1] == 101 and row[14] in {"canceled", "expired"}
    ][::-1]
    assert some
    assert await history.orders(101, market="ETH-USD") == []
    assert await history.orders(101, statuses=[]) == []


async def test_one_order_by_number_or_by_client_id(history: History, tables: Tables) -> None:
    named = next(row for row in tables["orders"] if row[15])
    found = await history.order(named[0])
    assert found is not None
    assert shown(found) == told(named)
    assert await history.order_by_client_id(named[1], named[15]) == found
    assert await history.order_by_client_id(named[1] + 1, named[15]) is None
    assert await history.order_by_client_id(named[1], "") is None
    assert await history.order(10**9) is None


async def test_fills_are_both_sides_of_the_trades(history: History, tables: Tables) -> None:
    of_itself = 0
    for account in ACCOUNTS:
        sides = []
        for row in tables["trades"]:
            market, trade, ms, _, seq, price, quantity, notional, taker_side = row[:9]
            maker_order, taker_order, maker, taker, maker_fee, taker_fee = row[9:15]
            maker_side = {"buy": "sell", "sell": "buy"}[taker_side]
            common = (trade, market, seq, ms, int(price), int(quantity), int(notional))
            if maker == account:
                sides.append((2 * trade, *common, maker_order, maker_side, "maker", int(maker_fee)))
            if taker == account:
                sides.append((2 * trade + 1, *common, taker_order, taker_side, "taker", int(taker_fee)))
            of_itself += maker == taker == account
        read = await pages(partial(history.fills, account, limit=3), "id")
        assert [
            (
                *(f.id, f.trade, f.market, f.seq, f.ms, f.price, f.quantity, f.notional),
                *(f.order, f.side, f.liquidity, f.fee),
            )
            for f in read
        ] == sides[::-1]
        assert all(f.account == account and f.fee_asset == (BASE if f.side == "buy" else QUOTE) for f in read)
        order = read[0].order
        assert await history.fills(account, order=order) == [f for f in read if f.order == order]
    assert of_itself > 0  # an account that trades with itself has both sides, also across a page's edge


async def test_trades_come_in_pages(history: History, tables: Tables) -> None:
    read = await pages(partial(history.trades, "BTC-USD", limit=50), "trade")
    assert [
        (t.market, t.trade, t.ms, t.seq, str(t.price), str(t.quantity), str(t.notional), t.taker_side) for t in read
    ] == [(*row[:3], *row[4:9]) for row in tables["trades"]][::-1]
    assert await history.trades("ETH-USD") == []


def candle(row: CandleRow) -> tuple[Any, ...]:
    amounts = (row.open, row.high, row.low, row.close, row.volume, row.quote_volume)
    return (
        *(row.market, row.interval, row.start_ms, *map(str, amounts)),
        *(row.trades, row.first_trade, row.last_trade, str(row.taker_volume), str(row.taker_quote_volume)),
    )


@pytest.mark.parametrize("interval", INTERVALS)
async def test_candles_from_a_start_or_up_to_an_end(history: History, tables: Tables, interval: str) -> None:
    every = [row for row in tables["candles"] if row[1] == interval]
    assert [candle(row) for row in await history.candles("BTC-USD", interval, limit=1000)] == every
    starts = [row[2] for row in every]
    middle = starts[len(starts) // 2]
    first = await history.candles("BTC-USD", interval, start_ms=middle, limit=3)
    assert [row.start_ms for row in first] == [start for start in starts if start >= middle][:3]
    last = await history.candles("BTC-USD", interval, end_ms=middle, limit=3)
    assert [row.start_ms for row in last] == [start for start in starts if start < middle][-3:]
    between = await history.candles("BTC-USD", interval, start_ms=starts[0] + 1, end_ms=middle, limit=1000)
    assert [row.start_ms for row in between] == [start for start in starts if starts[0] < start < middle]
    assert await history.candles("BTC-USD", "2h") == []


async def test_transfers_come_in_pages(history: History, tables: Tables) -> None:
    for account in ACCOUNTS:
        read = await pages(partial(history.transfers, account, limit=2), "created")
        assert [
            (
                *(t.kind, t.withdrawal or None, t.account, t.asset, str(t.amount), t.ref, t.state),
                *(*t.created, *t.updated, t.to or None),
            )
            for t in read
        ] == [row for row in tables["transfers"] if row[2] == account][::-1]
        only = await history.transfers(account, kind="withdrawal", limit=1000)
        assert only == [t for t in read if t.kind == "withdrawal"]


async def test_the_ledger_comes_in_pages(history: History, tables: Tables) -> None:
    for account in (0, 1, *ACCOUNTS):
        read = await pages(partial(history.ledger, account, limit=11), "key")
        assert [(*r.key, r.account, r.asset, str(r.available), str(r.locked), r.reason) for r in read] == [
            row for row in tables["ledger"] if row[3] == account
        ][::-1]
        only = await history.ledger(account, asset=QUOTE, limit=1000)
        assert only == [r for r in read if r.asset == QUOTE]


async def test_a_page_is_never_larger_than_the_limit(history: History, tables: Tables) -> None:
    assert len(tables["ledger"]) > 1000
    busiest = max(ACCOUNTS, key=lambda account: sum(row[3] == account for row in tables["ledger"]))
    assert len(await history.ledger(busiest, limit=2)) == 2
    assert len(await history.ledger(busiest, limit=0)) == 1
    assert len(await history.ledger(busiest, limit=-5)) == 1


async def test_a_day_and_the_tail_after_it_make_the_whole(database_url: str, pairs: list[Pair]) -> None:
    """Read while the projection moves on: minute candles and the entries above their position are always all trades."""
    await migrate(database_url, timescale="off", wait_seconds=10)
    history, writer = History(database_url), Writer(database_url)
    start = NOON_MS - 10 * MINUTE_MS
    volumes = []
    try:
        assert await history.position() == genesis_head()
        await writer.open()
        done = asyncio.Event()

        async def write() -> None:
            for part in range(0, len(pairs), 5):
                await writer.write(batch(pairs[part : part + 5]))
            done.set()

        writing = asyncio.create_task(write())
        while not done.is_set():
            day = await history.day(start)
            tail = [
                event
                for _, entry in pairs
                if entry.id > day.position.id
                for event in orjson.loads(entry.payload)["events"]
                if event["type"] == "trade"
            ]
            volumes.append(sum(row.volume for row in day.candles) + sum(int(event["quantity"]) for event in tail))
        await writing
        last = await history.day(start, market="BTC-USD")
        assert last.position == await history.position()
        assert last.position.chain == pairs[-1][1].chain
        assert last.candles == await history.candles("BTC-USD", "1m", start_ms=start, limit=1000)
        assert (await history.day(start, market="ETH-USD")).candles == []
    finally:
        await writer.close()
        await history.close()
    assert len(volumes) > 2
    assert set(volumes) == {sum(row.volume for row in last.candles)}


async def test_a_database_away_is_one_clear_error_and_passes(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres", sockets=tmp_path / "run", log=tmp_path / "log", durable=False)
    server.start()
    history = History(server.url)
    try:
        with pytest.raises(DatabaseRefused, match="exchange migrate"):
            await history.position()
        await migrate(server.url, timescale="off", wait_seconds=10)
        assert await history.position() == genesis_head()
        server.stop()
        for ask in (history.position(), history.order(1), history.day(0), history.fills(100)):
            with pytest.raises(DatabaseUnavailable):
                await ask
        server.start()
        assert await history.position() == genesis_head()
        # A connection that was cut while it lay in the pool is not the asker's trouble.
        connection = await asyncpg.connect(server.url)
        await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        await connection.close()
        assert await history.position() == genesis_head()
    finally:
        await history.close()
        server.stop()
