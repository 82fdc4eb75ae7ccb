"""The fold, without a database: batches applied to plain dictionaries, against a telling of the whole history."""

from typing import Any

import pytest

from exchange.engine import Machine
from exchange.events.codec import UnreadableEvent
from exchange.projections.timescale.rows import Batch, Unstorable
from exchange.projections.timescale.schema import LAST_MS, PROJECTED, instant
from exchange.terms.stream import EventEntry
from tests.integration.projecting import Tables, expected
from tests.property.flows import flow

COLUMNS = {table.name: [column.name for column in table.columns] for table in PROJECTED}
MOMENTS = {"ts", "start", "created_at", "updated_at", "opened_at"}


def entries(seed: int) -> list[EventEntry]:
    """The results of a flow in which everything happens, refusals and 18 decimals included."""
    machine = Machine()
    return [machine.step(command) for command in flow(seed, 150)]


class Memory:
    """Tables of dictionaries, to which a batch is applied as the database does it."""

    def __init__(self) -> None:
        self.tables: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS}

    def apply(self, batch: Batch) -> None:
        for table, lines in [*batch.added.items(), ("orders", [opened.line() for opened in batch.opened.values()])]:
            for line in lines:
                self.tables[table].append(dict(zip(COLUMNS[table], line.split("\t"), strict=True)))
        for number, change in batch.changed.items():
            (order,) = [row for row in self.tables["orders"] if row["id"] == str(number)]
            for name, by in (("filled", change.filled), ("filled_quote", change.filled_quote), ("fee", change.fee)):
                order[name] = str(int(order[name]) + by)
            order["status"] = change.status or order["status"]
            order["quantity"] = str(change.quantity or order["quantity"])
            order["updated_at"], order["updated_entry"] = change.moment, str(change.entry)
        for withdrawal, state, moment, entry in batch.withdrawals:
            (transfer,) = [row for row in self.tables["transfers"] if row["withdrawal"] == str(withdrawal)]
            transfer |= {"state": state, "updated_at": moment, "updated_entry": str(entry)}
        for row in self.tables["markets"]:
            row["status"] = batch.statuses.get(row["market"], row["status"])
            row["maker_fee"], row["taker_fee"] = batch.fees.get(row["market"], (row["maker_fee"], row["taker_fee"]))
        for candle in batch.candles.all:
            self._merge({name: getattr(candle, name) for name in COLUMNS["candles"]})

    def _merge(self, new: dict[str, Any]) -> None:
        key = ("market", "interval", "start")
        for old in self.tables["candles"]:
            if all(old[name] == new[name] for name in key):
                for name in ("volume", "quote_volume", "trades"):
                    old[name] += new[name]
                old["high"], old["low"] = max(old["high"], new["high"]), min(old["low"], new["low"])
                old["close"], old["last_trade"] = new["close"], new["last_trade"]
                return
        self.tables["candles"].append(new)


def comparable(tables: Tables) -> dict[str, list[tuple[str, ...]]]:
    """Everything as text, moments as text too, in one order."""
    made = {}
    for table, rows in tables.items():
        names = [name for name in COLUMNS[table] if not (table in _TIMELESS and name in MOMENTS)]
        made[table] = sorted(tuple(_text(name, value) for name, value in zip(names, row, strict=True)) for row in rows)
    return made


_TIMELESS = {"assets", "markets", "accounts"}
"""Tables whose moments `expected` leaves out."""

_TRANSFERS = [
    *[name for name in COLUMNS["transfers"] if not name.startswith(("created", "updated"))],
    *["created_at", "created_entry", "updated_at", "updated_entry"],
]


def _text(name: str, value: Any) -> str:
    if value is None:
        return r"\N"
    if name in MOMENTS and isinstance(value, int):
        return instant(value).isoformat(sep=" ", timespec="milliseconds")
    return str(value)


def folded(memory: Memory) -> Tables:
    return {
        table: [
            tuple(value for name, value in row.items() if not (table in _TIMELESS and name in MOMENTS)) for row in rows
        ]
        for table, rows in memory.tables.items()
    }


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("size", [1, 9, 1000])
def test_batches_of_any_size_make_the_same_tables(seed: int, size: int) -> None:
    history = entries(seed)
    memory = Memory()
    for start in range(0, len(history), size):
        batch = Batch()
        for entry in history[start : start + size]:
            batch.add(entry)
        memory.apply(batch)
        assert (batch.position, batch.chain) == (entry.id, entry.chain)
    truth = expected(history)
    truth["transfers"] = [  # `expected` has the moments last
        tuple(dict(zip(_TRANSFERS, row, strict=True))[name] for name in COLUMNS["transfers"])
        for row in truth["transfers"]
    ]
    assert comparable(folded(memory)) == comparable(truth)


def test_an_order_opened_and_ended_in_one_batch_is_one_row() -> None:
    batch = Batch()
    for entry in entries(3):
        batch.add(entry)
    assert batch.opened
    assert not batch.changed
    assert {opened.change.status for opened in batch.opened.values()} > {"filled", "canceled", "open"}


def test_a_batch_counts_its_rows() -> None:
    history = entries(5)
    batch = Batch()
    assert (batch.rows, batch.entries) == (0, 0)
    for entry in history:
        batch.add(entry)
    assert batch.entries == len(history)
    added = sum(len(rows) for rows in expected(history).values())
    assert batch.rows == added + len(batch.withdrawals)  # whose rows are added and changed
    assert batch.withdrawals


def test_what_cannot_be_read_or_stored_is_refused() -> None:
    batch = Batch()
    with pytest.raises(UnreadableEvent, match="version 2"):
        batch.add(EventEntry((1, 0), b'{"v":2,"events":[],"postings":[]}', bytes(32)))
    empty = b'{"v":1,"events":[{"type":"rejected","code":"malformed","field":""}],"postings":[]}'
    batch.add(EventEntry((LAST_MS, 2**63 - 1), empty, bytes(32)))
    for id in ((LAST_MS + 1, 0), (2**64 - 1, 0), (1, 2**63)):
        with pytest.raises(Unstorable, match="beyond the last moment"):
            Batch().add(EventEntry(id, empty, bytes(32)))
