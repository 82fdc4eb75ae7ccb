"""The reads of orders under the second rules, against what happened: instructions, ends, lists, prevented matches,
reductions, rebates, auctions; and the tables of such a log, however they were made."""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import redis

from exchange.embedded.postgres import PostgresServer
from exchange.projections.timescale.history import History
from exchange.projections.timescale.migrations import migrate
from exchange.projections.timescale.writer import Writer
from tests.integration.projecting import (
    Pair,
    Tables,
    a_log,
    a_log_of_everything,
    batch,
    downgrade,
    expected,
    holding,
    pages,
    projecting,
    put,
    shown,
    stored,
    told,
)
from tests.unit.live.traffic import MARKETS, USERS


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return a_log_of_everything(32, 1200)


@pytest.fixture(scope="module")
def tables(pairs: list[Pair]) -> Tables:
    """What happened, as the test's own telling has it."""
    return expected([entry for _, entry in pairs])


@pytest.fixture(scope="module")
def filled(postgres: PostgresServer, pairs: list[Pair]) -> Iterator[str]:
    """A database that holds it, for tests that only read."""
    with holding(postgres, "order_reads", pairs) as url:
        yield url


@pytest.fixture
async def history(filled: str) -> Any:
    opened = History(filled)
    yield opened
    await opened.close()


async def test_the_tables_hold_what_happened(filled: str, tables: Tables) -> None:
    assert await stored(filled) == tables


@pytest.mark.parametrize("size", [1, 17])
async def test_the_tables_are_the_same_step_by_step(
    database_url: str, pairs: list[Pair], tables: Tables, size: int
) -> None:
    some = pairs[:500]
    await migrate(database_url, timescale="off", wait_seconds=10)
    writer = Writer(database_url)
    await writer.open()
    for start in range(0, len(some), size):
        await writer.write(batch(some[start : start + size]))
    await writer.close()
    assert await stored(database_url) == expected([entry for _, entry in some])


async def test_a_rebuild_makes_the_same_tables(
    redis_url: str, streams: str, database_url: str, pairs: list[Pair], tables: Tables
) -> None:
    await migrate(database_url, timescale="off", wait_seconds=10)
    with redis.Redis.from_url(redis_url) as client:
        put(client, streams, pairs)
    async with projecting(redis_url, streams, database_url, 50) as projector:
        await projector.catch_up()
        assert await stored(database_url) == tables
        await projector.rebuild()
        await projector.catch_up()
    assert await stored(database_url) == tables


async def test_orders_come_with_their_instructions_and_ends(history: History, tables: Tables) -> None:
    statuses: set[tuple[str, str]] = set()
    for account in USERS:
        read = await pages(partial(history.orders, account, limit=13), "id")
        assert [shown(row) for row in read] == [told(row) for row in tables["orders"] if row[1] == account][::-1]
        statuses.update((row.status, row.reason) for row in read)
    assert statuses > {("expired", "time"), ("expired", "oco"), ("expired", "list"), ("canceled", "switch")}
    assert {status for status, _ in statuses} >= {"waiting", "pending", "expired_in_match", "filled", "open"}


async def test_order_lists_come_in_pages_by_number_and_by_name(history: History, tables: Tables) -> None:
    for account in USERS:
        mine = [row for row in tables["order_lists"] if row[1] == account][::-1]
        read = await pages(partial(history.order_lists, account, limit=4), "id")
        assert [
            (*(r.id, r.account, r.market, r.kind, r.client_id, r.orders, r.status), *r.created, *r.updated)
            for r in read
        ] == mine
        done = await history.order_lists(account, status="done", market=MARKETS[0], limit=1000)
        assert done == [row for row in read if row.status == "done" and row.market == MARKETS[0]]
        assert await history.order_list(read[0].id) == read[0]
        named = next(row for row in read if row.client_id)
        assert await history.order_list_by_client_id(account, named.client_id) == named
        assert await history.order_list_by_client_id(account, "") is None


async def test_prevented_matches_come_by_account_market_and_order(history: History, tables: Tables) -> None:
    of_groups = 0
    for account in USERS:
        mine = [row for row in tables["prevented_matches"] if account in (row[10], row[11])][::-1]
        read = await pages(partial(history.prevented, account, limit=3), "id")
        assert [
            (
                *(r.id, r.ms, r.market, r.seq, str(r.price), r.stp, r.taker_side, r.maker_order, r.taker_order),
                *(r.maker, r.taker, str(r.maker_quantity), str(r.taker_quantity), str(r.maker_left)),
            )
            for r in read
        ] == [(row[0], row[1], *row[3:]) for row in mine]
        of_groups += sum(r.maker != r.taker for r in read)
        there = await history.prevented(account, market=MARKETS[1], limit=1000)
        assert there == [r for r in read if r.market == MARKETS[1]]
        for order in (read[0].maker_order, read[0].taker_order):
            found = await history.prevented(account, order=order)
            assert found == [r for r in read if order in (r.maker_order, r.taker_order)]
    assert of_groups > 0


async def test_reductions_come_by_order(history: History, tables: Tables) -> None:
    orders = {row[3]: row[4] for row in tables["amendments"]}
    twice = 0
    for order, account in orders.items():
        read = await pages(partial(history.amendments, account, order, limit=1), "key")
        assert [(*r.key, r.order, r.account, str(r.quantity), str(r.reduced_by)) for r in read] == [
            row for row in tables["amendments"] if row[3] == order
        ][::-1]
        twice += len(read) > 1
        assert await history.amendments(account + 1, order) == []
    assert twice > 0


async def test_fills_say_rebates_and_auctions(history: History, tables: Tables) -> None:
    trades = {row[1]: row for row in tables["trades"]}
    seen: set[tuple[bool, bool]] = set()
    for account in USERS:
        for fill in await history.fills(account, limit=1000):
            row = trades[fill.trade]
            rebate = int(row[15] or 0) if fill.liquidity == "maker" else 0
            assert (fill.rebate, fill.auction) == (rebate, row[16])
            seen.add((bool(fill.rebate), fill.auction))
    assert seen >= {(False, False), (True, False), (False, True)}
    for market in MARKETS:
        assert {trade.auction for trade in await history.trades(market, limit=1000)} == {True, False}


async def test_what_the_first_rules_wrote_stays_valid(database_url: str) -> None:
    """Rows from before the new columns read as plain orders, and go on."""
    some = a_log(41, 300)
    half = len(some) // 2
    await migrate(database_url, timescale="off", wait_seconds=10)
    writer = Writer(database_url)
    await writer.open()
    await writer.write(batch(some[:half]))
    await writer.close()
    await asyncio.to_thread(downgrade, database_url, "0002")  # as if the migrations had only come now
    assert (await migrate(database_url, timescale="off", wait_seconds=10)).before == "0002"
    assert await writer.open() is not None
    await writer.write(batch(some[half:]))
    await writer.close()
    whole = expected([entry for _, entry in some])
    before = some[half][0].id
    whole["amendments"] = [row for row in whole["amendments"] if row[:2] >= before]
    assert await stored(database_url) == whole
