"""Batches into PostgreSQL: all rows of a batch and the position after it are one transaction.

The position is both the proof that a batch was applied and the fence against applying it on top of anything else: the
first statement of each transaction moves it from where the writer thinks it is, and finds no row if somebody else has.
One session lock says who writes; a second projector waits for it.
"""

import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from exchange.effects.failpoints import reached
from exchange.projections.timescale import database
from exchange.projections.timescale.database import DatabaseUnavailable
from exchange.projections.timescale.rare_rows import Value
from exchange.projections.timescale.rows import COPIES, Batch
from exchange.projections.timescale.schema import PROJECTED
from exchange.projections.timescale.words import NAME
from exchange.projections.turns import Busy
from exchange.terms.stream import GENESIS_CHAIN, START, Head

LOCK: Final = 0x70726F6A_74730001
"""The advisory lock of the one that writes."""

_CLOSE_SECONDS: Final = 2.0
_WRITE_SECONDS: Final = 120.0
"""How long one statement may take before the database counts as away."""

_OWNED: Final = [table.name for table in PROJECTED]

_MOVE: Final = (
    "UPDATE projections SET position_ms = $2, position_seq = $3, chain = $4,"
    " log_id = CASE WHEN $5 = '' THEN log_id ELSE $5 END, updated_at = now()"
    " WHERE name = $1 AND position_ms = $6 AND position_seq = $7 AND chain = $8"
)

_CHANGE_ORDERS: Final = (
    "UPDATE orders AS o SET filled = o.filled + c.filled::numeric, filled_quote = o.filled_quote + c.quote::numeric,"
    " fee = o.fee + c.fee::numeric, status = coalesce(c.status, o.status),"
    " quantity = coalesce(c.quantity::numeric, o.quantity), updated_at = c.moment::timestamptz, updated_entry = c.entry"
    " FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[])"
    " AS c(id, filled, quote, fee, status, quantity, moment, entry) WHERE o.id = c.id"
)

_CHANGE_RARE: Final = (
    "UPDATE orders AS o SET prevented = nullif(coalesce(o.prevented, 0) + c.prevented::numeric, 0),"
    " price = coalesce(c.price::numeric, o.price), reason = coalesce(c.reason, o.reason),"
    " activated_at = coalesce(c.activated::timestamptz, o.activated_at)"
    " FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[])"
    " AS c(id, prevented, price, reason, activated) WHERE o.id = c.id"
)

_ADD_CANDLES: Final = (
    "INSERT INTO candles AS c SELECT market, interval, to_timestamp(start / 1000), open::numeric, high::numeric,"
    " low::numeric, close::numeric, volume::numeric, quote::numeric, trades, first_trade, last_trade,"
    " taker::numeric, taker_quote::numeric"
    " FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],"
    " $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[], $14::text[])"
    " AS n(market, interval, start, open, high, low, close, volume, quote, trades, first_trade, last_trade,"
    " taker, taker_quote)"
    " ON CONFLICT (market, interval, start) DO UPDATE SET high = greatest(c.high, excluded.high),"
    " low = least(c.low, excluded.low), close = excluded.close, volume = c.volume + excluded.volume,"
    " quote_volume = c.quote_volume + excluded.quote_volume, trades = c.trades + excluded.trades,"
    " last_trade = excluded.last_trade, taker_volume = c.taker_volume + excluded.taker_volume,"
    " taker_quote_volume = c.taker_quote_volume + excluded.taker_quote_volume"
)
"""Later batches hold later trades: the open stays, the close is the newer one's. All intervals are whole seconds."""

_END_WITHDRAWALS: Final = (
    "UPDATE transfers AS t SET state = e.state, updated_at = e.moment::timestamptz, updated_entry = e.entry"
    " FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[]) AS e(withdrawal, state, moment, entry)"
    " WHERE t.withdrawal = e.withdrawal"
)

_END_LISTS: Final = (
    "UPDATE order_lists AS l SET status = 'done', updated_at = e.moment::timestamptz, updated_entry = e.entry"
    " FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS e(id, moment, entry) WHERE l.id = e.id"
)


class Overtaken(Exception):
    """The stored position is not where this writer left it: somebody else moved it."""


class Inconsistent(Exception):
    """A row that a batch changes is not there, or one that it adds is: somebody else wrote to the tables."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"the tables are not what the position says ({found}): somebody else wrote to them. Make them again with "
            "`exchange project timescale --rebuild`."
        )


class Writer:
    """The one connection that writes the projection's tables."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._position = Head(START, GENESIS_CHAIN)
        self.log_id = ""

    async def open(self) -> Head:
        """Connect if need be, take the lock, and read the position, which may be anywhere after a lost connection.

        Raises:
            Busy: somebody else holds the lock; ask again later.
            DatabaseUnavailable, DatabaseRefused.
        """
        if self._connection is None or self._connection.is_closed():
            self._connection = await database.connect(self._url, command_seconds=_WRITE_SECONDS)
            try:
                async with self._translated() as connection:
                    taken = await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK)
            except BaseException:
                await self.close()
                raise
            if not taken:
                await self.close()
                raise Busy
        async with self._translated() as connection:
            await connection.execute(
                "INSERT INTO projections (name, position_ms, position_seq, chain, log_id) VALUES ($1, 0, 0, $2, '')"
                " ON CONFLICT (name) DO NOTHING",
                NAME,
                GENESIS_CHAIN,
            )
            row = await connection.fetchrow(
                "SELECT position_ms, position_seq, chain, log_id FROM projections WHERE name = $1", NAME
            )
        if row is None:
            raise Overtaken
        self._position = Head((row["position_ms"], row["position_seq"]), row["chain"])
        self.log_id = row["log_id"]
        return self._position

    async def close(self) -> None:
        """Let the connection and the lock go."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.close(timeout=_CLOSE_SECONDS)
            except database.FAILURES:
                connection.terminate()  # it was broken already

    async def reset(self) -> None:
        """Empty the tables and go back to the beginning of the log.

        Raises:
            DatabaseUnavailable, DatabaseRefused.
        """
        async with self._translated() as connection, connection.transaction():
            await connection.execute(f"TRUNCATE {', '.join(_OWNED)}")
            await connection.execute(
                "UPDATE projections SET position_ms = 0, position_seq = 0, chain = $2, log_id = '', updated_at = now()"
                " WHERE name = $1",
                NAME,
                GENESIS_CHAIN,
            )
        self._position = Head(START, GENESIS_CHAIN)
        self.log_id = ""

    async def write(self, batch: Batch) -> None:
        """Apply a batch and move the position, or do nothing.

        Raises:
            Overtaken: the position is not where it was.
            Inconsistent: see there.
            DatabaseUnavailable: whether it was applied is not known; `open` tells.
            DatabaseRefused.
        """
        after = Head(batch.position, batch.chain)
        async with self._translated() as connection, connection.transaction():
            await self._move(connection, after, batch.log_id)
            for kind, lines in batch.lines().items():
                await _copy(connection, kind, lines)
            await _changes(connection, batch)
            await _settings(connection, batch)
            reached("before_commit")
        self._position = after
        self.log_id = batch.log_id or self.log_id

    async def _move(self, connection: "asyncpg.Connection[asyncpg.Record]", to: Head, log_id: str) -> None:
        before = self._position
        moved = await connection.execute(
            _MOVE, NAME, to.id[0], to.id[1], to.chain, log_id, before.id[0], before.id[1], before.chain
        )
        if moved != "UPDATE 1":
            raise Overtaken

    @asynccontextmanager
    async def _translated(self) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
        if self._connection is None:
            raise DatabaseUnavailable("not connected")
        try:
            yield self._connection
        except asyncpg.UniqueViolationError as error:
            raise Inconsistent(str(error)) from error
        except database.FAILURES as error:
            told = database.translate(error)
            if isinstance(told, DatabaseUnavailable):
                await self.close()
            if told is None:
                raise
            raise told from error


async def _copy(connection: "asyncpg.Connection[asyncpg.Record]", kind: str, lines: Sequence[str]) -> None:
    if lines:
        source = io.BytesIO(("\n".join(lines) + "\n").encode())
        table, columns = COPIES[kind]
        await connection.copy_to_table(table, source=source, columns=columns, format="text")


async def _changes(connection: "asyncpg.Connection[asyncpg.Record]", batch: Batch) -> None:
    if batch.changed:
        changes = batch.changed.values()
        columns: list[list[Any]] = [
            list(batch.changed),
            [str(c.filled) for c in changes],
            [str(c.filled_quote) for c in changes],
            [str(c.fee) for c in changes],
            [c.status for c in changes],
            [str(c.quantity) if c.quantity else None for c in changes],
            [c.moment for c in changes],
            [c.entry for c in changes],
        ]
        _expect(await connection.execute(_CHANGE_ORDERS, *columns), len(changes), "orders")
    rare = [(id, extra) for id, change in batch.changed.items() if (extra := change.extra) is not None]
    if rare:
        columns = [
            [id for id, _ in rare],
            [str(extra.prevented) for _, extra in rare],
            [str(extra.price) if extra.price else None for _, extra in rare],
            [extra.reason for _, extra in rare],
            [extra.activated for _, extra in rare],
        ]
        _expect(await connection.execute(_CHANGE_RARE, *columns), len(rare), "orders")
    if batch.lists_done:
        ends: list[Any] = list(zip(*batch.lists_done, strict=True))
        _expect(await connection.execute(_END_LISTS, *ends), len(batch.lists_done), "order_lists")
    if batch.withdrawals:
        ends = list(zip(*batch.withdrawals, strict=True))
        _expect(await connection.execute(_END_WITHDRAWALS, *ends), len(batch.withdrawals), "transfers")
    if batch.candles.all:
        found = batch.candles.all
        columns = [
            [c.market for c in found],
            [c.interval for c in found],
            [c.start for c in found],
            *[[str(getattr(c, name)) for c in found] for name in _CANDLE_AMOUNTS],
            [c.trades for c in found],
            [c.first_trade for c in found],
            [c.last_trade for c in found],
            [str(c.taker_volume) for c in found],
            [str(c.taker_quote_volume) for c in found],
        ]
        await connection.execute(_ADD_CANDLES, *columns)


async def _settings(connection: "asyncpg.Connection[asyncpg.Record]", batch: Batch) -> None:
    for market, values in batch.settings.markets.items():
        await _set(connection, "markets", "market", market, values)
    for account, values in batch.settings.accounts.items():
        await _set(connection, "accounts", "account", account, values)


async def _set(
    connection: "asyncpg.Connection[asyncpg.Record]",
    table: str,
    key: str,
    row: str | int,
    values: dict[str, Value],
) -> None:
    """Set columns of one row."""
    assignments = ", ".join([f"{column} = ${place}" for place, column in enumerate(values, 2)])
    query = f"UPDATE {table} SET {assignments} WHERE {key} = $1"  # noqa: S608 (all three are this code's own names)
    done = await connection.execute(query, row, *values.values())
    _expect(done, 1, table)


_CANDLE_AMOUNTS: Final = ("open", "high", "low", "close", "volume", "quote_volume")


def _expect(done: str, rows: int, table: str) -> None:
    if done != f"UPDATE {rows}":
        raise Inconsistent(f"{done} instead of {rows} in {table}")
