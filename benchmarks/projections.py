"""The database behind the log: how fast it is filled, how fast candles come out of it, how fast the log is archived
and read back, and what an archived entry takes.

The log is made up: one trade of two orders every so many seconds over the last four weeks, so that every interval has
candles. The projector runs in a process of its own, on real servers, until it has it all; a row is a row added or
changed. A candle query is the history's own, 500 candles (all there are of `1d`), median of 50.
"""

import json
import logging
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Final

import structlog
import uvloop

from benchmarks import market
from benchmarks.report import Figure, child
from benchmarks.running import Running
from exchange.commands.types import Command, Place
from exchange.effects.ports import Log
from exchange.effects.redis.group import EventGroup
from exchange.effects.redis.log import AsyncRedisLog
from exchange.effects.redis.trim import RedisTrimmer
from exchange.engine import Machine
from exchange.projections.journal import archiver
from exchange.projections.journal import history as journal_history
from exchange.projections.journal.archive import Archive
from exchange.projections.journal.archiver import Journal
from exchange.projections.journal.database import DatabaseSegments
from exchange.projections.journal.stores import opened
from exchange.projections.timescale.history import History
from exchange.projections.timescale.projector import Projector
from exchange.projections.timescale.words import NAME
from exchange.projections.timescale.writer import Writer
from exchange.terms.stream import START, CommandEntry, EventEntry, Head
from exchange.terms.words import FIRST_USER

INTERVALS: Final = ("1m", "5m", "1h", "1d")
_WEEKS_MS: Final = 28 * 24 * 3600 * 1000
_QUERIES: Final = 50


def figures(trades: int) -> Iterator[Figure]:
    """Rows a second, entries a second, milliseconds a query."""
    with Running(database=True) as running:
        running.put(_history(trades))
        settings = running.settings
        measured = child(
            "benchmarks.projections",
            settings.redis_url,
            settings.commands_key,
            settings.events_key,
            settings.database_url,
        )
        yield Figure("projector.rows_per_s", measured.pop("rows"), "rows/s")
        yield Figure("projector.entries_per_s", measured.pop("entries"), "entries/s")
        yield Figure("journal.entries_per_s", measured.pop("archived"), "entries/s")
        yield Figure("journal.bytes_per_entry", measured.pop("bytes"), "bytes")
        yield Figure("journal.read_entries_per_s", measured.pop("read"), "entries/s")
        for interval, milliseconds in measured.items():
            yield Figure(f"candles.query_ms.{interval}", milliseconds, "ms")


def _history(trades: int) -> Iterator[tuple[CommandEntry, EventEntry]]:
    machine = Machine()
    first = int(time.time() * 1000) - _WEEKS_MS
    for entry in market.entries(market.setting(), first=first - 1_000):
        yield entry, machine.step(entry)
    for number in range(trades):
        at = first + number * _WEEKS_MS // trades
        price = (100_000 + number % 977) * market.TICK
        for place, side in enumerate(("sell", "buy")):
            owner = FIRST_USER + (number + place) % market.ACCOUNTS
            name = f"{side}{number}"
            command: Command = Place(
                owner, market.MARKET, "sell" if place == 0 else "buy", "limit", "gtc", price, market.LOT, 0, name
            )
            (made,) = market.entries([command])
            entry = CommandEntry((at, place), made.fields)
            yield entry, machine.step(entry)


async def measure(redis_url: str, commands_key: str, events_key: str, database_url: str) -> dict[str, float]:
    """Rows and entries a second of a projector that begins with nothing, then milliseconds a query by interval."""
    log = AsyncRedisLog(redis_url, commands_key, events_key)
    group = EventGroup(redis_url, events_key, NAME)
    writer = Writer(database_url)
    history = History(database_url)
    try:
        work = await Projector(log, group, writer).catch_up()
        found = {"rows": work.rows_per_s, "entries": work.entries / work.seconds}
        for interval in INTERVALS:
            taken = []
            for _ in range(_QUERIES):
                start = time.perf_counter()
                await history.candles(market.MARKET, interval, limit=500)
                taken.append((time.perf_counter() - start) * 1000)
            found[interval] = statistics.median(taken)
        return found | await archive(log, redis_url, commands_key, events_key, database_url)
    finally:
        await history.close()
        await writer.close()
        await group.aclose()
        await log.aclose()


async def archive(
    log: AsyncRedisLog, redis_url: str, commands_key: str, events_key: str, database_url: str
) -> dict[str, float]:
    """Entries a second of a journal that begins with nothing and writes to the database alone; the bytes that an entry
    takes there; entries a second, both sides, checked, of who reads them back."""
    group = EventGroup(redis_url, events_key, archiver.NAME)
    table = DatabaseSegments(database_url)
    trimmer = RedisTrimmer(redis_url, commands_key, events_key)
    journal = Journal(
        log,
        Archive(table, None),
        group,
        trimmer,
        _NoSnapshots(),
        every=10_000,
        seconds=1.0,
        keep=0,
        trim_seconds=3600.0,
    )
    try:
        end = (await log.head()).id
        began = time.perf_counter()
        await journal.run(lambda: journal.position >= end)
        archived = time.perf_counter() - began
        entries, size = 0, 0
        place = START
        while (stored := await table.after(place)) is not None:
            entries, size, place = opened(stored).header.total, size + len(stored.data), stored.key
        past = journal_history.History(table, None)
        began, place = time.perf_counter(), START
        while batch := await past.commands(place, 1_000):
            await past.events(place, len(batch))
            place = batch[-1].id
        read = time.perf_counter() - began
        return {"archived": entries / archived, "bytes": size / entries, "read": entries / read}
    finally:
        await table.close()
        await trimmer.aclose()
        await group.aclose()


class _NoSnapshots:
    async def newest(self, log: Log, count: int) -> list[Head]:
        return []


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(json.dumps(uvloop.run(measure(*sys.argv[1:]))))
