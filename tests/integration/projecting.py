"""Logs to project, and a second, plain telling of what the tables must hold afterwards.

`expected` reads the entries' JSON itself and thinks in whole histories (all trades at hand, then summed), so that it
shares nothing with the incremental fold that it checks.
"""

import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any

import asyncpg
import orjson
import redis

from exchange.commands.codec import encode
from exchange.commands.types import (
    Amend,
    Cancel,
    Command,
    OpenLog,
    ReleaseWithdrawal,
    SetMarketFees,
    SetMarketStatus,
    SettleWithdrawal,
)
from exchange.effects.redis_group import EventGroup
from exchange.effects.redis_log import AsyncRedisLog
from exchange.engine import Machine
from exchange.engine.state import State
from exchange.projections.timescale.projector import Projector
from exchange.projections.timescale.writer import Writer
from exchange.terms.stream import CommandEntry, EventEntry, format_id
from tests.integration.trading import trading, world

LOG_ID = "c0ffee" + 26 * "0"
NOON_MS = 1_760_000_000_000 // 86_400_000 * 86_400_000 + 43_200_000
MINUTE_MS = 60_000
INTERVALS = {"1s": 1, "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "4h": 14400, "1d": 86400}

Pair = tuple[CommandEntry, EventEntry]
Tables = dict[str, list[tuple[Any, ...]]]


def a_log(seed: int, length: int, *, log_id: str = LOG_ID, hours: int = 40) -> list[Pair]:
    """A log that the engine made: a world, `length` commands spread over the hours, refusals and poison among them."""
    dice = random.Random(seed)
    machine = Machine()
    pairs: list[Pair] = []
    ms, seq = NOON_MS, 0

    def append(raw: bytes) -> None:
        nonlocal ms, seq
        step = dice.choice((0, 0, 1, 7 * hours * 3_600_000 // (4 * (length + 1))))
        ms, seq = (ms + step, 0) if step else (ms, seq + 1)
        entry = CommandEntry((ms, seq), [b"c", raw])
        pairs.append((entry, machine.step(entry)))

    for command in [OpenLog(log_id, 1, 3_600_000), *world()]:
        append(encode(command))
    for command in islice(trading(seed), length):
        append(b"poison" if dice.random() < 0.01 else encode(command))
        for other in _besides(machine.state, dice):
            append(encode(other))
    return pairs


def _besides(state: State, dice: random.Random) -> Iterable[Command]:
    """What trading leaves out, on what is there: cancels and reductions that succeed, ends of withdrawals, changes of
    a market."""
    if state.orders and dice.random() < 0.3:
        order = state.orders[dice.choice(list(state.orders))]
        if dice.random() < 0.5:
            yield Cancel(order.account, order.id, "")
        else:
            yield Amend(order.account, order.id, 1_000_000 * dice.randint(1, order.lots))
    if state.withdrawals and dice.random() < 0.3:
        number = dice.choice(list(state.withdrawals))
        yield ReleaseWithdrawal(number) if dice.random() < 0.5 else SettleWithdrawal(number)
    if dice.random() < 0.01:
        yield SetMarketStatus("BTC-USD", "post_only")
        yield SetMarketFees("BTC-USD", dice.randint(0, 2000), dice.randint(0, 3000))
    elif state.markets["BTC-USD"].status != "open":
        yield SetMarketStatus("BTC-USD", "open")


def put(client: redis.Redis, streams: str, pairs: Sequence[Pair]) -> None:
    """Write both streams, ids included."""
    with client.pipeline(transaction=False) as pipeline:
        for command, entry in pairs:
            id = format_id(entry.id)
            pipeline.execute_command("XADD", f"{streams}:commands", id, *command.fields)  # type: ignore[no-untyped-call]
            fields = ("e", entry.payload, "h", entry.chain.hex())
            pipeline.execute_command("XADD", f"{streams}:events", id, *fields)  # type: ignore[no-untyped-call]
        pipeline.execute()


@asynccontextmanager
async def projecting(redis_url: str, streams: str, database_url: str, batch: int = 100) -> AsyncIterator[Projector]:
    """A projector over real connections."""
    log = AsyncRedisLog(redis_url, f"{streams}:commands", f"{streams}:events")
    group = EventGroup(redis_url, f"{streams}:events", "timescale")
    writer = Writer(database_url)
    try:
        yield Projector(log, group, writer, batch=batch, wait_ms=20)
    finally:
        await writer.close()
        await group.aclose()
        await log.aclose()


async def stored(database_url: str) -> Tables:
    """All rows of all tables, in the form of `expected`."""
    connection = await asyncpg.connect(database_url)
    try:
        return {table: [tuple(row) for row in await connection.fetch(query)] for table, query in _QUERIES.items()}
    finally:
        await connection.close()


_MS = "(extract(epoch FROM {}) * 1000)::bigint"
_CREATED = f"{_MS.format('created_at')}, created_entry, {_MS.format('updated_at')}, updated_entry"
_QUERIES = {
    "assets": "SELECT asset, decimals FROM assets ORDER BY 1",
    "markets": (
        "SELECT market, base, quote, tick_size::text, lot_size::text, min_notional::text, maker_fee, taker_fee, status "
        "FROM markets ORDER BY 1"
    ),
    "accounts": "SELECT account, ref FROM accounts ORDER BY 1",
    "orders": (
        "SELECT id, account, market, side, type, tif, price::text, quantity::text, quote_amount::text, filled::text, "
        f"filled_quote::text, fee::text, maker_fee, taker_fee, status, client_id, {_CREATED} FROM orders ORDER BY id"
    ),
    "trades": (
        f"SELECT market, trade, {_MS.format('ts')}, entry, seq, price::text, quantity::text, notional::text, "
        "taker_side, maker_order, taker_order, maker, taker, maker_fee::text, taker_fee::text FROM trades "
        "ORDER BY trade"
    ),
    "transfers": (
        f"SELECT kind, withdrawal, account, asset, amount::text, ref, state, {_CREATED} FROM transfers "
        "ORDER BY created_at, created_entry"
    ),
    "ledger": (
        f"SELECT {_MS.format('ts')}, entry, posting, account, asset, available::text, locked::text, reason FROM ledger "
        "ORDER BY ts, entry, posting"
    ),
    "candles": (
        f"SELECT market, interval, {_MS.format('start')}, open::text, high::text, low::text, close::text, "
        "volume::text, quote_volume::text, trades, first_trade, last_trade FROM candles ORDER BY 1, 2, 3"
    ),
}


def expected(entries: Iterable[EventEntry]) -> Tables:
    """What the tables must hold after these entries."""
    history = [
        (*entry.id, number, event, len(body["postings"]))
        for entry in entries
        for body in [orjson.loads(entry.payload)]
        for number, event in enumerate(body["events"])
    ]
    trades = [(ms, seq, e) for ms, seq, _, e, _ in history if e["type"] == "trade"]
    return {
        "assets": sorted((e["asset"], e["decimals"]) for *_, e, _ in history if e["type"] == "asset_created"),
        "markets": sorted(_market(history, e) for *_, e, _ in history if e["type"] == "market_created"),
        "accounts": [
            *[row for *_, e, _ in history if e["type"] == "log_opened" for row in ((0, "outside"), (1, "fees"))],
            *[(e["account"], e["ref"]) for *_, e, _ in history if e["type"] == "account_opened"],
        ],
        "orders": [_order(history, ms, seq, e) for ms, seq, _, e, _ in history if e["type"] == "accepted"],
        "trades": [
            (
                *(e["market"], e["trade"], ms, seq, e["seq"], e["price"], e["quantity"], e["notional"]),
                *(e["taker_side"], e["maker_order"], e["taker_order"], e["maker"], e["taker"]),
                *(e["maker_fee"], e["taker_fee"]),
            )
            for ms, seq, e in trades
        ],
        "transfers": [
            _transfer(history, ms, seq, e)
            for ms, seq, _, e, _ in history
            if e["type"] in {"deposited", "withdrawal_reserved"}
        ],
        "ledger": [
            (*entry.id, number, *posting, _reason(body["events"]))
            for entry in entries
            for body in [orjson.loads(entry.payload)]
            for number, posting in enumerate(body["postings"])
        ],
        "candles": sorted(_candles(trades)),
    }


def _market(history: list[Any], e: Any) -> tuple[Any, ...]:
    fees = [x for *_, x, _ in history if x["type"] == "market_fees_set" and x["market"] == e["market"]]
    statuses = [x for *_, x, _ in history if x["type"] == "market_status_set" and x["market"] == e["market"]]
    base, quote = e["market"].split("-")
    rates = (fees or [e])[-1]
    status = statuses[-1]["status"] if statuses else "open"
    sizes = (e["tick_size"], e["lot_size"], e["min_notional"])
    return (e["market"], base, quote, *sizes, rates["maker_fee"], rates["taker_fee"], status)


def _order(history: list[Any], ms: int, seq: int, e: Any) -> tuple[Any, ...]:
    number = e["order"]
    own = [
        (a, b, x)
        for a, b, _, x, _ in history
        if x["type"] != "rested" and number in {x.get("order"), x.get("maker_order"), x.get("taker_order")}
    ]
    fills = [x for *_, x in own if x["type"] == "trade"]
    filled = sum(int(x["quantity"]) for x in fills)
    cost = sum(int(x["notional"]) for x in fills)
    fee = sum(int(x["maker_fee"] if x["maker_order"] == number else x["taker_fee"]) for x in fills)
    totals = [x["quantity"] for *_, x in own if x["type"] == "amended"]
    quantity = totals[-1] if totals else e["quantity"]
    ends = [x["end"] for *_, x in own if x["type"] == "done"]
    if ends:
        status = ends[0]
    elif any(x["type"] == "canceled" for *_, x in own):
        status = "canceled"
    else:
        status = "filled" if filled == int(quantity) else "partially_filled" if filled else "open"
    return (
        *(number, e["account"], e["market"], e["side"], e["order_type"], e["tif"], e["price"], quantity),
        *(e["quote_amount"], str(filled), str(cost), str(fee), e["maker_fee"], e["taker_fee"], status),
        *(e["client_id"], ms, seq, own[-1][0], own[-1][1]),
    )


def _transfer(history: list[Any], ms: int, seq: int, e: Any) -> tuple[Any, ...]:
    if e["type"] == "deposited":
        return ("deposit", None, e["account"], e["asset"], e["amount"], e["ref"], "settled", ms, seq, ms, seq)
    ends = [
        (x["type"].removeprefix("withdrawal_"), a, b)
        for a, b, _, x, _ in history
        if x.get("withdrawal") == e["withdrawal"]
    ]
    state, end_ms, end_seq = ends[-1]
    head = ("withdrawal", e["withdrawal"], e["account"], e["asset"], e["amount"], e["ref"])
    return (*head, state, ms, seq, end_ms, end_seq)


def _reason(events: list[Any]) -> str:
    kinds = [e["type"] for e in events]
    if "trade" in kinds:
        return "trade"
    named = {"accepted": "order", "canceled": "cancel", "amended": "amend", "deposited": "deposit"}
    return str(named.get(kinds[0], kinds[0]))


def _candles(trades: list[Any]) -> Iterable[tuple[Any, ...]]:
    for interval, seconds in INTERVALS.items():
        buckets: dict[tuple[str, int], list[Any]] = {}
        for ms, _, e in trades:
            buckets.setdefault((e["market"], ms // (1000 * seconds) * 1000 * seconds), []).append(e)
        for (market, start), some in buckets.items():
            ordered = sorted(some, key=lambda e: int(e["trade"]))
            prices = [int(e["price"]) for e in ordered]
            yield (
                *(market, interval, start, ordered[0]["price"], str(max(prices)), str(min(prices))),
                *(ordered[-1]["price"], str(sum(int(e["quantity"]) for e in some))),
                *(str(sum(int(e["notional"]) for e in some)), len(some)),
                *(ordered[0]["trade"], ordered[-1]["trade"]),
            )
