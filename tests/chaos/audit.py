"""The log against everything that claims to follow from it: a machine, the snapshots, the tables, journal and feeds.

Each check gives sentences about what differs, none when all is well.
"""

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import asyncpg

from exchange.cli._history import open_history
from exchange.effects.files import FileSnapshotStore
from exchange.engine import Machine
from exchange.engine.queries import depth
from exchange.roles import snapshots
from exchange.settings import Settings
from exchange.terms.stream import START, CommandEntry, EventEntry, StreamId, format_id
from exchange.terms.words import OPEN
from tests.chaos.readers import Reader, holes
from tests.chaos.record import Record
from tests.property.invariants import check_invariants, held

_READ = 1_000
_SECONDS = 600


class Story:
    """A log, whole, as one source tells it."""

    def __init__(self, commands: list[CommandEntry], entries: list[EventEntry]) -> None:
        self.commands = commands
        self.entries = entries

    @property
    def end(self) -> StreamId:
        """Where it ends."""
        return self.entries[-1].id if self.entries else START


async def read_story(settings: Settings, source: str) -> Story:
    """Everything that a source has."""
    async with open_history(settings, source) as log:
        commands: list[CommandEntry] = []
        while found := await log.commands(commands[-1].id if commands else START, _READ):
            commands += found
        entries: list[EventEntry] = []
        while more := await log.events(entries[-1].id if entries else START, _READ):
            entries += more
    return Story(commands, entries)


async def head(settings: Settings, source: str) -> StreamId:
    """Where a source ends."""
    async with open_history(settings, source) as log:
        return (await log.head()).id


async def last_command(settings: Settings) -> StreamId:
    """The last command that there is."""
    async with open_history(settings, "streams") as log:
        last = (await log.head()).id
        while found := await log.commands(last, _READ):
            last = found[-1].id
    return last


def recompute(story: Story) -> tuple[Machine, list[str]]:
    """The machine that the commands make from nothing, and the first entry that says something else."""
    machine = Machine()
    for command, entry in zip(story.commands, story.entries, strict=False):
        computed = machine.step(command)
        if (computed.id, computed.payload, computed.chain) != (entry.id, entry.payload, entry.chain):
            return machine, [f"entry {format_id(entry.id)} is {entry.payload!r}, computed {computed.payload!r}"]
    return machine, []


def check_state(machine: Machine, record: Record) -> Iterable[str]:
    """Money is conserved, every index agrees, the balances are the sum of all the log's postings, and nobody halted a
    market, as a standby in doubt would."""
    try:
        check_invariants(machine.state)
    except AssertionError as error:
        yield f"the state is not sound: {error}"
    for market in machine.state.markets.values():
        if market.status != OPEN:
            yield f"market {market.name} is {market.status}"
    posted = {key: (sums[0], sums[1]) for key, sums in record.postings.items() if any(sums)}
    if posted != held(machine.state):
        yield "the balances are not the sum of the log's postings"


def check_same(name: str, found: Story, whole: Story) -> Iterable[str]:
    """Another source tells the same, from its own beginning to the end."""
    if found.end != whole.end:
        yield f"{name} ends at {format_id(found.end)}, the log at {format_id(whole.end)}"
    for what, one, other in (
        ("commands", [(c.id, c.fields) for c in found.commands], [(c.id, c.fields) for c in whole.commands]),
        (
            "entries",
            [(e.id, e.payload, e.chain) for e in found.entries],
            [(e.id, e.payload, e.chain) for e in whole.entries],
        ),
    ):
        if len(one) > len(other) or one != other[len(other) - len(one) :]:
            yield f"{name} has other {what} than the log"


def check_snapshots(settings: Settings, machine_at: dict[StreamId, bytes]) -> Iterable[str]:
    """Every snapshot is whole, and of an entry of this log."""
    store = FileSnapshotStore(settings.snapshots)
    names = store.names()
    if not names:
        yield "there is no snapshot"
    for name in names:
        try:
            head = snapshots.verify(store.read(name)).head
        except (OSError, snapshots.Damaged, snapshots.TooNew) as error:
            yield f"snapshot {name}: {error}"
            continue
        if machine_at.get(head.id) != head.chain:
            yield f"snapshot {name} is of no entry of the log"


def ask_the_product(environ: Mapping[str, str], machine: Machine, *, thorough: bool) -> Iterable[str]:
    """`exchange replay` verifies the log and comes to the state that was computed here; thorough: interpreted and
    compiled, from genesis and from the newest snapshot. `exchange audit` finds nothing either."""
    ways = [(start, build) for start in ("snapshot", "genesis") for build in builds()]
    asked: list[tuple[tuple[str, ...], Mapping[str, str]]] = [
        (("replay", "--json", "--from", start), build) for start, build in (ways if thorough else ways[:1])
    ]
    asked += [(("audit", "verify"), {}), (("audit", "projection", "timescale"), {})]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda one: _command({**environ, **one[1]}, *one[0]), asked))
    wanted = snapshots.state_hash(machine)
    for (words, build), done in zip(asked, answers, strict=True):
        name = f"{' '.join(words)} {build or ''}".strip()
        if done.returncode != 0:
            yield f"{name}: exit code {done.returncode}: {(done.stdout + done.stderr).strip()[-600:]}"
        elif words[0] == "replay" and (found := json.loads(done.stdout)["state_hash"]) != wanted:
            yield f"{name}: it comes to state {found}, the machine to {wanted}"


def _command(environ: Mapping[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "exchange", *words],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def builds() -> list[dict[str, str]]:
    """The ways in which the engine can be run here."""
    plain = {"EXCHANGE_INTERPRETED": "1"}
    compiled = {"EXCHANGE_INTERPRETED": ""}
    status = subprocess.run(
        [sys.executable, "-m", "exchange.compiled"],
        env={**os.environ, **compiled},
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return [plain, compiled] if status == "compiled" else [plain]


async def projected(settings: Settings) -> StreamId:
    """How far the tables have come."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        row = await connection.fetchrow("SELECT position_ms, position_seq FROM projections WHERE name = 'timescale'")
    finally:
        await connection.close()
    return START if row is None else (row[0], row[1])


async def check_tables(settings: Settings, record: Record) -> list[str]:
    """Orders, trades and ledger in SQL are the log's, row for row."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        found = [
            *_differs("orders", await _orders(connection), _orders_of(record)),
            *_differs("trades", await _trades(connection), {trade.trade: tuple(trade[1:]) for trade in record.trades}),
            *_differs("ledger", await _sums(connection), {key: tuple(held) for key, held in record.postings.items()}),
        ]
        double = await connection.fetchval(
            "SELECT count(*) FROM (SELECT 1 FROM trades GROUP BY trade HAVING count(*) > 1) AS twice"
        )
        return [*found, *([f"{double} trades stand twice in SQL"] if double else [])]
    finally:
        await connection.close()


async def _orders(connection: asyncpg.Connection) -> dict[object, object]:
    rows = await connection.fetch("SELECT id, account, client_id, filled, status FROM orders")
    open_ones = {"open", "partially_filled", "waiting", "pending"}
    return {row[0]: (row[1], row[2], int(row[3]), row[4] not in open_ones) for row in rows}


def _orders_of(record: Record) -> dict[object, object]:
    return {
        order: (account, client_id, record.filled[order], order in record.ended)
        for order, (account, client_id) in record.orders.items()
    }


async def _trades(connection: asyncpg.Connection) -> dict[object, object]:
    rows = await connection.fetch("SELECT trade, market, price, quantity, maker_order, taker_order FROM trades")
    return {row[0]: (row[1], int(row[2]), int(row[3]), row[4], row[5]) for row in rows}


async def _sums(connection: asyncpg.Connection) -> dict[object, object]:
    rows = await connection.fetch("SELECT account, asset, sum(available), sum(locked) FROM ledger GROUP BY 1, 2")
    return {(row[0], row[1]): (int(row[2]), int(row[3])) for row in rows}


def _differs(name: str, found: dict[object, object], wanted: dict[object, object]) -> Iterable[str]:
    for key in sorted({*found, *wanted}, key=repr):
        if found.get(key) != wanted.get(key):
            yield f"{name} {key}: SQL has {found.get(key)}, the log {wanted.get(key)}"
            return


def check_feeds(readers: Sequence[Reader], machine: Machine, record: Record) -> Iterable[str]:
    """Every reader's book is the engine's, no step was missing, and no trade was left out."""
    trades: dict[str, list[int]] = defaultdict(list)
    for trade in record.trades:
        trades[trade.market].append(trade.trade)
    for reader in readers:
        yield from reader.heard.gaps
        yield from holes(reader.heard, trades)
        for market, book in reader.books.items():
            if (book.seq, book.sides) != (machine.state.markets[market].seq, engine_book(machine, market)):
                seq = machine.state.markets[market].seq
                yield f"a reader's book of {market} at {book.seq} is not the engine's at {seq}"


def engine_book(machine: Machine, market: str) -> dict[str, dict[Decimal, Decimal]]:
    """The engine's whole book in whole units."""
    found = machine.state.markets[market]
    price = -machine.state.assets[found.quote].decimals
    size = -machine.state.assets[found.base].decimals
    sides = depth(machine.state, market, len(found.bids.levels) + len(found.asks.levels))
    return {
        name: {Decimal(p).scaleb(price): Decimal(q).scaleb(size) for p, q in side}
        for name, side in zip(("bids", "asks"), sides, strict=True)
    }


def archives(settings: Settings) -> list[str]:
    """Where else the log is kept."""
    return ["journal", *([settings.journal_folder] if settings.journal_folder else [])]


def run_checks(*checks: Iterable[str]) -> list[str]:
    """What all of them found."""
    return [text for check in checks for text in check]
