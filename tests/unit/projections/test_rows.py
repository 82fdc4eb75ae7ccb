"""The fold, without a database: batches applied to plain dictionaries, against a telling of the whole history."""

from typing import Any, get_args

import pytest

from exchange.engine import Machine
from exchange.events.codec import UnreadableEvent
from exchange.projections.timescale.order_rows import NULL
from exchange.projections.timescale.rows import COPIES, PLAIN_ORDERS, Batch, Unstorable
from exchange.projections.timescale.schema import LAST_MS, PROJECTED, instant
from exchange.projections.timescale.words import OrderStatus
from exchange.terms.stream import EventEntry
from tests.integration.projecting import Tables, a_log, a_log_of_everything, expected
from tests.property.flows import flow

COLUMNS = {table.name: [column.name for column in table.columns] for table in PROJECTED}
MOMENTS = {"ts", "start", "created_at", "updated_at", "opened_at", "activated_at"}
DEFAULTS = {"auction": "f"}


def entries(seed: int) -> list[EventEntry]:
    """The results of a flow, refusals and 18 decimals included; of every third seed one in which everything happens."""
    if seed % 3 == 0:
        return [entry for _, entry in a_log_of_everything(seed, 500)]
    machine = Machine()
    return [machine.step(command) for command in flow(seed, 150)]


class Memory:
    """Tables of dictionaries, to which a batch is applied as the database does it."""

    def __init__(self) -> None:
        self.tables: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS}

    def apply(self, batch: Batch) -> None:
        for kind, lines in batch.lines().items():
            table, columns = COPIES[kind]
            for line in lines:
                row = {column: DEFAULTS.get(column, NULL) for column in COLUMNS[table]}
                self.tables[table].append(row | dict(zip(columns, line.split("\t"), strict=True)))
        for number, change in batch.changed.items():
            (order,) = [row for row in self.tables["orders"] if row["id"] == str(number)]
            for name, by in (("filled", change.filled), ("filled_quote", change.filled_quote), ("fee", change.fee)):
                order[name] = str(int(order[name]) + by)
            order["status"] = change.status or order["status"]
            order["quantity"] = str(change.quantity or order["quantity"])
            order["updated_at"], order["updated_entry"] = change.moment, str(change.entry)
            if change.extra is not None:
                lost = change.extra.prevented + int(order["prevented"].replace(NULL, "0"))
                order["prevented"] = str(lost) if lost else NULL
                order["price"] = str(change.extra.price or order["price"])
                order["reason"] = change.extra.reason or order["reason"]
                order["activated_at"] = change.extra.activated or order["activated_at"]
        for number, moment, entry in batch.lists_done:
            (found,) = [row for row in self.tables["order_lists"] if row["id"] == str(number)]
            found |= {"status": "done", "updated_at": moment, "updated_entry": str(entry)}
        for withdrawal, state, moment, entry in batch.withdrawals:
            (transfer,) = [row for row in self.tables["transfers"] if row["withdrawal"] == str(withdrawal)]
            transfer |= {"state": state, "updated_at": moment, "updated_entry": str(entry)}
        for row in self.tables["markets"]:
            row |= {name: str(value) for name, value in batch.settings.markets.get(row["market"], {}).items()}
        for row in self.tables["accounts"]:
            row |= {name: str(value) for name, value in batch.settings.accounts.get(int(row["account"]), {}).items()}
        for candle in batch.candles.all:
            self._merge({name: getattr(candle, name) for name in COLUMNS["candles"]})

    def _merge(self, new: dict[str, Any]) -> None:
        key = ("market", "interval", "start")
        for old in self.tables["candles"]:
            if all(old[name] == new[name] for name in key):
                for name in ("volume", "quote_volume", "trades", "taker_volume", "taker_quote_volume"):
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
    *[name for name in COLUMNS["transfers"] if not name.startswith(("created", "updated", "to_"))],
    *["created_at", "created_entry", "updated_at", "updated_entry", "to_account"],
]


def _text(name: str, value: Any) -> str:
    if value is None:
        return NULL
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, list):
        return "{" + ",".join(map(str, value)) + "}"
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
    assert {opened.change.status for opened in batch.opened.values()} == set(get_args(OrderStatus))


def test_plain_orders_leave_out_what_they_have_none_of() -> None:
    batch = Batch()
    for _, entry in a_log(4, 100):
        batch.add(entry)
    plain = batch.lines()[PLAIN_ORDERS]
    assert len(plain) == len(batch.opened) > 0
    assert batch.lines()["orders"] == []
    assert {line.count("\t") + 1 for line in plain} == {COLUMNS["orders"].index("stop_price")}


def test_a_batch_counts_its_rows() -> None:
    history = entries(3)
    batch = Batch()
    assert (batch.rows, batch.entries) == (0, 0)
    for entry in history:
        batch.add(entry)
    assert batch.entries == len(history)
    added = sum(len(rows) for rows in expected(history).values())
    assert batch.rows == added + len(batch.withdrawals) + len(batch.lists_done)  # whose rows are added and changed
    assert batch.withdrawals
    assert batch.lists_done


def test_what_cannot_be_read_or_stored_is_refused() -> None:
    batch = Batch()
    with pytest.raises(UnreadableEvent, match="version 2"):
        batch.add(EventEntry((1, 0), b'{"v":2,"events":[],"postings":[]}', bytes(32)))
    empty = b'{"v":1,"events":[{"type":"rejected","code":"malformed","field":""}],"postings":[]}'
    batch.add(EventEntry((LAST_MS, 2**63 - 1), empty, bytes(32)))
    for id in ((LAST_MS + 1, 0), (2**64 - 1, 0), (1, 2**63)):
        with pytest.raises(Unstorable, match="beyond the last moment"):
            Batch().add(EventEntry(id, empty, bytes(32)))
