"""Trades, aggregates, windows and candles of any period: the database's and the tape's joined, against plain sums of
the trades themselves."""

import asyncio
import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from exchange.api.errors import ApiError, GatewayCode
from exchange.api.past.reads import Past
from exchange.embedded.postgres import PostgresServer
from exchange.events.codec import decode
from exchange.projections.live.aggregates import Aggregate, aggregates
from exchange.projections.live.candle import Candle
from exchange.projections.live.periods import LENGTHS, Period
from exchange.projections.live.tape import DAY_MS, MINUTE_MS, Tape, TapeTrade
from exchange.projections.live.view import LiveView
from exchange.projections.timescale.candles import cut
from exchange.projections.timescale.history import AggregateRow, History, Piece
from exchange.projections.timescale.migrations import migrate
from exchange.terms.stream import StreamId
from tests.integration.projecting import Pair, a_log, downgrade, holding

MARKET = "BTC-USD"
DATABASE_ENDS = 0.8
"""How much of the log the database has; the rest only the tape knows."""
TAPE_BEGINS = 0.5


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return a_log(31, 900, hours=75)


@pytest.fixture(scope="module")
def trades(pairs: list[Pair]) -> list[TapeTrade]:
    """Every trade of the log, by the tape's reading of single entries."""
    found: list[TapeTrade] = []
    for _, entry in pairs:
        tape = Tape()
        tape.apply(entry.id, decode(entry.payload))
        found += tape.market(MARKET).trades
    return found


@pytest.fixture(scope="module")
def filled(postgres: PostgresServer, pairs: list[Pair]) -> Iterator[str]:
    with holding(postgres, "market_history", pairs[: int(len(pairs) * DATABASE_ENDS)]) as url:
        yield url


@pytest.fixture
async def history(filled: str) -> Any:
    opened = History(filled)
    yield opened
    await opened.close()


class Seen:
    """As much of a view as the reads of markets look at."""

    def __init__(self, pairs: list[Pair], begins: float) -> None:
        at = int(len(pairs) * begins)
        position: StreamId = pairs[at - 1][1].id if at else (0, 0)
        self.tape = Tape(position, position[0])
        for _, entry in pairs[at:]:
            self.tape.apply(entry.id, decode(entry.payload))
        self.position = pairs[-1][1].id


def seen(pairs: list[Pair], begins: float = TAPE_BEGINS) -> LiveView:
    return cast(LiveView, Seen(pairs, begins))


def known(trades: list[TapeTrade], history_end: StreamId) -> list[TapeTrade]:
    """What the database has of them."""
    return [trade for trade in trades if trade.ms <= history_end[0]]


def told(one: Aggregate | AggregateRow) -> tuple[Any, ...]:
    return (one.first, one.last, one.price, one.quantity, one.taker_side, one.ms)


def plainly(trades: list[TapeTrade]) -> list[tuple[Any, ...]]:
    """Aggregates from their definition: neighbours that agree in moment, taker's order and price."""
    groups: list[list[TapeTrade]] = []
    for trade in trades:
        last = groups[-1][-1] if groups else None
        if last is not None and (last.ms, last.taker_order, last.price) == (trade.ms, trade.taker_order, trade.price):
            groups[-1].append(trade)
        else:
            groups.append([trade])
    return [
        (some[0].id, some[-1].id, some[0].price, sum(t.quantity for t in some), some[0].taker_side, some[0].ms)
        for some in groups
    ]


async def test_aggregates_of_the_tape_and_of_the_database_are_the_same(
    history: History, trades: list[TapeTrade]
) -> None:
    mine = known(trades, (await history.position()).id)
    whole = plainly(mine)
    assert len(whole) < len(mine), "some trades are aggregated"
    assert [told(one) for one in aggregates(mine)] == whole
    assert [told(row) for row in await history.aggregates_from(MARKET, 0, limit=1000)] == whole[:1000]
    assert [told(row) for row in await history.aggregates_between(MARKET, None, None, limit=1000)] == whole[-1000:]


@pytest.mark.parametrize("limit", [1, 7])
async def test_pages_of_trades_and_aggregates_meet_each_one_once(
    history: History, pairs: list[Pair], trades: list[TapeTrade], limit: int
) -> None:
    past, view = Past(history), seen(pairs)
    walked: list[int] = []
    first = 0
    while page := await past.trades(view, MARKET, from_id=first, limit=limit):
        walked += [trade.id for trade in page]
        first = walked[-1] + 1
    assert walked == [trade.id for trade in trades]
    met: list[tuple[Any, ...]] = []
    first = 0
    while found := await past.aggregates(view, MARKET, from_id=first, start_ms=None, end_ms=None, limit=limit):
        met += [told(one) for one in found]
        first = met[-1][0] + 1  # in the midst of the aggregate, perhaps: the next page begins with the next one
    assert met == plainly(trades)


async def test_pages_of_aggregates_by_time_go_forwards_from_a_start_and_else_backwards(
    history: History, pairs: list[Pair], trades: list[TapeTrade]
) -> None:
    past, view, dice = Past(history), seen(pairs), random.Random(5)
    whole = plainly(trades)
    first_ms, last_ms = trades[0].ms, trades[-1].ms
    for _ in range(60):
        start = dice.choice([None, dice.randint(first_ms - 9, last_ms + 9), dice.choice(trades).ms])
        end = dice.choice([None, dice.randint(first_ms - 9, last_ms + 9), dice.choice(trades).ms])
        limit = dice.choice([1, 5, 50, 1000])
        inside = [one for one in whole if (start is None or one[-1] >= start) and (end is None or one[-1] <= end)]
        wanted = inside[-limit:] if start is None else inside[:limit]
        found = await past.aggregates(view, MARKET, from_id=None, start_ms=start, end_ms=end, limit=limit)
        assert [told(one) for one in found] == wanted, (start, end, limit)


async def test_the_latest_trades_are_whole_to_the_last_entry(
    history: History, pairs: list[Pair], trades: list[TapeTrade]
) -> None:
    past = Past(history)
    for begins in (0.0, 0.5, 0.79):
        for limit in (1, 30, 1000):
            found = await past.trades(seen(pairs, begins), MARKET, from_id=None, limit=limit)
            assert [trade.id for trade in found] == [trade.id for trade in trades][-limit:]


async def test_nothing_is_told_while_the_database_has_not_come_to_where_the_tape_begins(
    history: History, pairs: list[Pair]
) -> None:
    past, view = Past(history), seen(pairs, 0.95)
    with pytest.raises(ApiError) as behind:
        await past.trades(view, MARKET, from_id=1, limit=5)
    assert behind.value.code is GatewayCode.VIEW_BEHIND
    with pytest.raises(ApiError) as behind:
        await past.klines(view, MARKET, Period("1h"), start_ms=0, end_ms=None, limit=9, now_ms=pairs[-1][1].id[0])
    assert behind.value.code is GatewayCode.VIEW_BEHIND


def numbers(candle: Candle) -> tuple[int, ...]:
    return (
        *(candle.ms, candle.open, candle.high, candle.low, candle.close, candle.volume, candle.quote_volume),
        *(candle.trades, candle.first_trade, candle.last_trade, candle.taker_volume, candle.taker_quote_volume),
    )


def summed(start: int, inside: list[TapeTrade], before: int) -> tuple[int, ...]:
    """A candle from the definition."""
    if not inside:
        return (start, before, before, before, before, 0, 0, 0, -1, -1, 0, 0)
    prices = [trade.price for trade in inside]
    bought = [trade for trade in inside if trade.taker_side == "buy"]
    return (
        *(start, prices[0], max(prices), min(prices), prices[-1], sum(trade.quantity for trade in inside)),
        *(sum(trade.notional for trade in inside), len(inside), inside[0].id, inside[-1].id),
        *(sum(trade.quantity for trade in bought), sum(trade.notional for trade in bought)),
    )


def begins(ms: int, interval: str, offset: int) -> int:
    """Where the period of a moment begins, by the calendar."""
    local = datetime.fromtimestamp(ms / 1000, timezone(timedelta(minutes=offset))).replace(microsecond=0)
    count, unit = int(interval[:-1]), interval[-1]
    if unit == "s":
        return int(local.timestamp()) * 1000
    if unit == "m":
        return int(local.replace(minute=local.minute // count * count, second=0).timestamp()) * 1000
    if unit == "h":
        return int(local.replace(hour=local.hour // count * count, minute=0, second=0).timestamp()) * 1000
    midnight = local.replace(hour=0, minute=0, second=0)
    if unit == "d":
        midnight -= timedelta(days=(midnight.date() - datetime(1970, 1, 1).date()).days % count)  # noqa: DTZ001
    elif unit == "w":
        midnight -= timedelta(days=midnight.weekday())
    else:
        midnight = midnight.replace(day=1)
    return int(midnight.timestamp()) * 1000


@pytest.mark.parametrize("interval", LENGTHS)
async def test_candles_of_every_interval_in_any_time_zone_are_what_the_trades_say(
    history: History, pairs: list[Pair], trades: list[TapeTrade], interval: str
) -> None:
    past, dice = Past(history), random.Random(interval)
    now_ms = pairs[-1][1].id[0] + 5000
    shown = 0
    for offset in (0, 0, 480, 345, -720, 840, -150, dice.randint(-720, 840)):
        view = seen(pairs, dice.choice([0.0, 0.5, 0.79]))
        start = dice.choice([None, 0, dice.randint(trades[0].ms, now_ms), dice.choice(trades).ms])
        end = dice.choice([None, None, dice.randint(trades[0].ms, now_ms)])
        limit = dice.choice([1, 20, 1000])
        found = await past.klines(
            view, MARKET, Period(interval, offset), start_ms=start, end_ms=end, limit=limit, now_ms=now_ms
        )
        buckets: dict[int, list[TapeTrade]] = {}
        for trade in trades:
            buckets.setdefault(begins(trade.ms, interval, offset), []).append(trade)
        opens = [candle.ms for candle in found]
        shown += len(opens)
        assert opens == [begins(ms, interval, offset) for ms in opens]
        assert len(opens) <= limit
        latest = min(now_ms, now_ms if end is None else end)
        if start is None:
            assert not opens or opens[-1] == begins(latest, interval, offset)
        elif opens:
            assert opens[0] >= max(start, min(buckets))
            assert opens[-1] <= latest
            assert opens[0] - 1 < max(start, min(buckets)) or begins(opens[0] - 1, interval, offset) < max(
                start, min(buckets)
            )
        for candle, following in zip(found, [*opens, None][1:], strict=True):
            before = [trade.price for trade in trades if trade.ms < candle.ms]
            assert numbers(candle) == summed(candle.ms, buckets.get(candle.ms, []), before[-1] if before else 0)
            if following is not None:
                assert begins(following - 1, interval, offset) == candle.ms, "no period is left out"
        if start == 0 and limit == 1000 and end is None and interval not in ("1s", "1m", "3m"):
            assert sum(candle.trades for candle in found) == len(trades)
    assert shown


async def test_windows_of_any_length_are_what_the_trades_say(
    history: History, pairs: list[Pair], trades: list[TapeTrade]
) -> None:
    past = Past(history)
    now_ms = pairs[-1][1].id[0] + 5000
    for starts in (0.0, 0.5, 0.79):
        view = seen(pairs, starts)
        for minutes in (1, 59, 60, 23 * 60, 24 * 60, 2 * 24 * 60, 7 * 24 * 60):
            since = now_ms - now_ms % MINUTE_MS - minutes * MINUTE_MS
            inside = [trade for trade in trades if trade.ms >= since]
            window = (await past.windows(view, [MARKET], since, now_ms))[MARKET]
            assert (None if window is None else numbers(window)) == (summed(since, inside, 0) if inside else None)


async def test_what_the_database_has_of_a_long_period_goes_on_from_the_tape(
    history: History, pairs: list[Pair], trades: list[TapeTrade]
) -> None:
    past, view = Past(history), seen(pairs)
    start = begins(trades[-1].ms, "1M", 345)
    base, seam = await past.base(view, MARKET, start)
    assert base is not None
    assert numbers(base) == summed(start, [trade for trade in trades if start <= trade.ms < seam], 0)
    assert view.tape.market(MARKET).known_since("1m") <= seam
    assert await past.base(view, MARKET, trades[-1].ms // 1000 * 1000) == (None, trades[-1].ms // 1000 * 1000)


def test_the_migration_fills_the_columns_of_candles_from_before(postgres: PostgresServer, pairs: list[Pair]) -> None:
    with holding(postgres, "taker_volumes", pairs[:400]) as url:

        async def again() -> tuple[list[Any], list[Any]]:
            connection = await asyncpg.connect(url)
            query = "SELECT * FROM candles ORDER BY market, interval, start"
            truth = await connection.fetch(query)
            await asyncio.to_thread(downgrade, url, "0007")
            await migrate(url, timescale="off", wait_seconds=10)
            made = await connection.fetch(query)
            await connection.close()
            return [tuple(row) for row in truth], [tuple(row) for row in made]

        truth, made = asyncio.run(again())
    assert truth == made
    assert sum(row[-1] for row in made) > 0


class Explained(History):
    """Keeps how the database means to answer."""

    plans: list[str]

    async def _rows(self, query: sa.Executable) -> Any:
        assert isinstance(query, sa.Select)
        dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
        compiled = query.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        async with self._connection() as connection:
            plan = await connection.scalars(sa.text(f"EXPLAIN {compiled}"))
            self.plans.append("\n".join(plan))
        return await super()._rows(query)


async def test_no_page_looks_through_all_trades(database_url: str) -> None:
    await migrate(database_url, timescale="off", wait_seconds=10)
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO trades SELECT 'BTC-USD', n, to_timestamp(n), n, n, 1, 1, 1, 'buy', n, n, 1, 1, 0, 0, NULL, false"
        " FROM generate_series(1, 30000) AS n"
    )
    await connection.execute(
        "INSERT INTO candles SELECT 'BTC-USD', '1s', ts, 1, 1, 1, 1, 1, 1, 1, trade, trade, 1, 1 FROM trades"
    )
    await connection.execute("ANALYZE")
    await connection.close()
    history = Explained(database_url)
    history.plans = []
    middle = 15_000_000
    await history.trades_from(MARKET, 15_000, limit=100)
    await history.aggregates_from(MARKET, 15_000, limit=100)
    for start, end in ((None, None), (middle, None), (None, middle), (0, 10 * middle), (middle, middle + 5000)):
        assert await history.aggregates_between(MARKET, start, end, limit=100)
    await history.first_second(MARKET)
    await history.close_before(MARKET, middle)
    await history.close()
    assert len(history.plans) == 9
    for plan in history.plans:
        assert "Seq Scan" not in plan, plan
        assert "Index Scan" in plan or "Index Only Scan" in plan, plan


async def test_any_stretch_of_seconds_is_the_sum_of_its_pieces(history: History, trades: list[TapeTrade]) -> None:
    mine = known(trades, (await history.position()).id)
    dice = random.Random(8)
    for _ in range(40):
        since = dice.randint(mine[0].ms - DAY_MS, mine[-1].ms) // 1000 * 1000
        until = since + dice.choice([1, 59, 3600, 90_000, 200_000]) * 1000
        found = await history.sums([Piece(MARKET, *piece) for piece in cut(since, until)])
        inside = [trade for trade in mine if since <= trade.ms < until]
        assert sum(row.trades for row in found if row) == len(inside)
        assert sum(row.volume for row in found if row) == sum(trade.quantity for trade in inside)
    assert await history.sums([]) == []
    assert await history.first_second(MARKET) == mine[0].ms // 1000 * 1000
    assert await history.first_second("ETH-USD") is None
    assert await history.close_before("ETH-USD", mine[-1].ms) == 0
