"""Logs to project, and a second, plain telling of what the tables must hold afterwards.

`expected` reads the entries' JSON itself and thinks in whole histories (all trades at hand, then summed), so that it
shares nothing with the incremental fold that it checks.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import islice
from typing import Any, TypeVar

import asyncpg
import orjson
import redis
import sqlalchemy as sa

from alembic import command as migrations
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
from exchange.effects.redis.group import EventGroup
from exchange.effects.redis.log import AsyncRedisLog
from exchange.embedded.postgres import PostgresServer
from exchange.engine import Machine
from exchange.engine.state import State
from exchange.projections.journal.stores import SegmentSource
from exchange.projections.timescale import database
from exchange.projections.timescale.history import OrderRow
from exchange.projections.timescale.migrations import config, migrate
from exchange.projections.timescale.projector import Projector
from exchange.projections.timescale.rows import Batch
from exchange.projections.timescale.writer import Writer
from exchange.terms.stream import CommandEntry, EventEntry, format_id
from tests.integration.trading import trading, world
from tests.unit.live.traffic import Traffic
from tests.unit.live.traffic import world as everything

LOG_ID = "c0ffee" + 26 * "0"
NOON_MS = 1_760_000_000_000 // 86_400_000 * 86_400_000 + 43_200_000
MINUTE_MS = 60_000
INTERVALS = {"1s": 1, "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "4h": 14400, "1d": 86400}

Pair = tuple[CommandEntry, EventEntry]
Tables = dict[str, list[tuple[Any, ...]]]
Row = TypeVar("Row")


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


def a_log_of_everything(seed: int, length: int) -> list[Pair]:
    """A log under the newest rules in which every event occurs."""
    traffic = Traffic(seed)
    machine = Machine()
    pairs: list[Pair] = []
    ms, seq = NOON_MS, 0

    def append(command: Command) -> None:
        nonlocal ms, seq
        step = traffic.step_ms()
        ms, seq = (ms + step, 0) if step else (ms, seq + 1)
        entry = CommandEntry((ms, seq), [b"c", encode(command)])
        pairs.append((entry, machine.step(entry)))

    for command in everything():
        append(command)
    for _ in range(length):
        append(traffic.next(machine.state, ms))
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
async def projecting(
    redis_url: str, streams: str, database_url: str, batch: int = 100, archive: SegmentSource | None = None
) -> AsyncIterator[Projector]:
    """A projector over real connections."""
    log = AsyncRedisLog(redis_url, f"{streams}:commands", f"{streams}:events")
    group = EventGroup(redis_url, f"{streams}:events", "timescale")
    writer = Writer(database_url)
    try:
        yield Projector(log, group, writer, archive=archive, batch=batch, wait_ms=20)
    finally:
        await writer.close()
        await group.aclose()
        await log.aclose()


def batch(pairs: Sequence[Pair]) -> Batch:
    """All entries as one batch."""
    made = Batch()
    for _, entry in pairs:
        made.add(entry)
    return made


@contextmanager
def holding(postgres: PostgresServer, name: str, pairs: Sequence[Pair]) -> Iterator[str]:
    """A database that holds all of it."""
    admin = postgres.database_url("postgres")
    url = postgres.database_url(name)

    async def make() -> None:
        connection = await asyncpg.connect(admin)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()
        await migrate(url, timescale="off", wait_seconds=10)
        writer = Writer(url)
        await writer.open()
        await writer.write(batch(pairs))
        await writer.close()

    async def drop() -> None:
        connection = await asyncpg.connect(admin)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()

    asyncio.run(make())
    yield url
    asyncio.run(drop())


async def pages(read: Callable[..., Awaitable[list[Row]]], key: str) -> list[Row]:
    """All rows, page by page; `key` names what the next page is below."""
    rows: list[Row] = []
    page = await read(before=None)
    while page:
        rows += page
        page = await read(before=getattr(page[-1], key))
    return rows


def shown(row: OrderRow) -> tuple[Any, ...]:
    """An order that was read, as `told` has it."""
    i = row.instructions
    return (
        *(row.id, row.account, row.market, row.side, row.type, row.tif, str(row.price), str(row.quantity)),
        *(str(row.quote_amount), str(row.filled), str(row.filled_quote), str(row.fee), row.status, row.client_id),
        *(*row.created, *row.updated, _text(i.stop_price), i.trailing_bps or None, _text(i.trailing_amount)),
        *(i.expires_ms or None, i.post_only or None, _text(i.display), i.stp, i.slippage_bps or None),
        *(row.order_list or None, _text(row.prevented), row.reason or None, row.activated_ms),
    )


def _text(amount: int) -> str | None:
    return str(amount) if amount else None


def told(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """An order of `expected` without the fee rates, which the reads leave out."""
    return (*row[:12], *row[14:])


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
        "SELECT market, base, quote, tick_size::text, lot_size::text, min_notional::text, maker_fee, taker_fee, "
        "status, reference::text, bid_up, bid_down, ask_up, ask_down, slippage_bps, max_orders, max_conditional, "
        "max_parts, max_fills, max_position::text FROM markets ORDER BY 1"
    ),
    "accounts": "SELECT account, ref, status, stp, trade_group, switch_ms FROM accounts ORDER BY 1",
    "orders": (
        "SELECT id, account, market, side, type, tif, price::text, quantity::text, quote_amount::text, filled::text, "
        f"filled_quote::text, fee::text, maker_fee, taker_fee, status, client_id, {_CREATED}, stop_price::text, "
        "trailing_bps, trailing_amount::text, expires_ms, post_only, display::text, stp, slippage_bps, order_list, "
        f"prevented::text, reason, {_MS.format('activated_at')} FROM orders ORDER BY id"
    ),
    "order_lists": (
        f"SELECT id, account, market, kind, client_id, orders, status, {_CREATED} FROM order_lists ORDER BY id"
    ),
    "amendments": (
        f"SELECT {_MS.format('ts')}, entry, event, order_id, account, quantity::text, reduced_by::text FROM amendments "
        "ORDER BY ts, entry, event"
    ),
    "prevented_matches": (
        f"SELECT prevented, {_MS.format('ts')}, entry, market, seq, price::text, stp, taker_side, maker_order, "
        "taker_order, maker, taker, maker_quantity::text, taker_quantity::text, maker_left::text "
        "FROM prevented_matches ORDER BY prevented"
    ),
    "trades": (
        f"SELECT market, trade, {_MS.format('ts')}, entry, seq, price::text, quantity::text, notional::text, "
        "taker_side, maker_order, taker_order, maker, taker, maker_fee::text, taker_fee::text, rebate::text, auction "
        "FROM trades ORDER BY trade"
    ),
    "transfers": (
        f"SELECT kind, withdrawal, account, asset, amount::text, ref, state, {_CREATED}, to_account FROM transfers "
        "ORDER BY created_at, created_entry"
    ),
    "acts": f"SELECT {_MS.format('ts')}, entry, event, by, act, subject, details FROM acts ORDER BY ts, entry, event",
    "ledger": (
        f"SELECT {_MS.format('ts')}, entry, posting, account, asset, available::text, locked::text, reason FROM ledger "
        "ORDER BY ts, entry, posting"
    ),
    "candles": (
        f"SELECT market, interval, {_MS.format('start')}, open::text, high::text, low::text, close::text, "
        "volume::text, quote_volume::text, trades, first_trade, last_trade, taker_volume::text, "
        "taker_quote_volume::text FROM candles ORDER BY 1, 2, 3"
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
    trades = [(ms, seq, e) for ms, seq, _, e, _ in history if e["type"] in {"trade", "auction_trade"}]
    return {
        "assets": sorted((e["asset"], e["decimals"]) for *_, e, _ in history if e["type"] == "asset_created"),
        "markets": sorted(_market(history, e) for *_, e, _ in history if e["type"] == "market_created"),
        "accounts": [
            *[
                _account(history, *one)
                for *_, e, _ in history
                if e["type"] == "log_opened"
                for one in ((0, "outside"), (1, "fees"))
            ],
            *[_account(history, e["account"], e["ref"]) for *_, e, _ in history if e["type"] == "account_opened"],
        ],
        "orders": [_order(history, ms, seq, e) for ms, seq, _, e, _ in history if e["type"] == "accepted"],
        "order_lists": [_list(history, ms, seq, e) for ms, seq, _, e, _ in history if e["type"] == "list_opened"],
        "amendments": [
            (*(ms, seq, number, e["order"], e["account"], e["quantity"]), _sum(e["by"], e.get("hidden", "0")))
            for ms, seq, number, e, _ in history
            if e["type"] == "amended"
        ],
        "prevented_matches": [
            (
                *(e["prevented"], ms, seq, e["market"], e["seq"], e["price"], e["stp"], e["taker_side"]),
                *(e["maker_order"], e["taker_order"], e["maker"], e["taker"]),
                *(e["maker_quantity"], e["taker_quantity"], e["maker_left"]),
            )
            for ms, seq, _, e, _ in history
            if e["type"] == "prevented"
        ],
        "trades": [
            (
                *(e["market"], e["trade"], ms, seq, e["seq"], e["price"], e["quantity"], e["notional"]),
                *(e["taker_side"], *_sides(e)),
            )
            for ms, seq, e in trades
        ],
        "transfers": [
            _transfer(history, ms, seq, e)
            for ms, seq, _, e, _ in history
            if e["type"] in {"deposited", "withdrawal_reserved", "transferred"}
        ],
        "acts": [
            (ms, seq, number, e["by"], e.get("act", e["type"]), _subject(e), orjson.dumps(e).decode())
            for ms, seq, number, e, _ in history
            if "by" in e and e["type"] not in {"amended", "activated"}
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
    limits = [x for *_, x, _ in history if x["type"] == "market_limits_set" and x["market"] == e["market"]]
    names = ("bid_up", "bid_down", "ask_up", "ask_down", "slippage_bps", "max_orders", "max_conditional", "max_parts")
    held = ("0", *[0] * 9, "0")
    if limits:
        last = limits[-1]
        held = (last["reference"], *[last[name] for name in names], last["max_fills"], last["max_position"])
    return (e["market"], base, quote, *sizes, rates["maker_fee"], rates["taker_fee"], status, *held)


def _account(history: list[Any], number: int, ref: str) -> tuple[Any, ...]:
    def last(kinds: set[str], name: str, otherwise: Any) -> Any:
        found = [x for *_, x, _ in history if x["type"] in kinds and x["account"] == number]
        return found[-1].get(name, 0) if found else otherwise

    return (
        *(number, ref, last({"account_status_set"}, "status", "open"), last({"stp_set"}, "stp", "none")),
        *(last({"trade_group_set"}, "group", 0), last({"switch_set", "switch_fired"}, "at_ms", 0)),
    )


def _list(history: list[Any], ms: int, seq: int, e: Any) -> tuple[Any, ...]:
    ends = [(a, b) for a, b, _, x, _ in history if x["type"] == "list_done" and x["order_list"] == e["order_list"]]
    head = (e["order_list"], e["account"], e["market"], e["kind"], e["client_id"], e["orders"])
    return (*head, "done" if ends else "open", ms, seq, *(ends or [(ms, seq)])[-1])


def _sides(e: Any) -> tuple[Any, ...]:
    """Orders, accounts, fees of maker and taker, the rebate, whether it was an auction's."""
    if e["type"] == "trade":
        orders = (e["maker_order"], e["taker_order"], e["maker"], e["taker"])
        return (*orders, e["maker_fee"], e["taker_fee"], e.get("rebate"), False)
    bought = (e["buy_order"], e["buyer"], e["buy_fee"])
    sold = (e["sell_order"], e["seller"], e["sell_fee"])
    newer = max(bought, sold)
    older = min(bought, sold)
    rebate = None if e["rebate"] == "0" else e["rebate"]
    return (*[side for pair in zip(older, newer, strict=True) for side in pair], rebate, True)


def _sum(*amounts: str) -> str:
    return str(sum(map(int, amounts)))


def _order(history: list[Any], ms: int, seq: int, e: Any) -> tuple[Any, ...]:
    number = e["order"]
    names = ("order", "maker_order", "taker_order", "buy_order", "sell_order")
    everything = [(a, b, x) for a, b, _, x, _ in history if number in [x.get(name) for name in names]]
    own = [
        (a, b, x)
        for a, b, x in everything
        if x["type"] not in {"rested", "replenished"} and not (x["type"] == "prevented" and _lost(x, number) == 0)
    ]
    fills = [x for *_, x in own if x["type"] in {"trade", "auction_trade"}]
    filled = sum(int(x["quantity"]) for x in fills)
    cost = sum(int(x["notional"]) for x in fills)
    fee = sum(_fee(x, number) for x in fills)
    prevented = sum(_lost(x, number) for *_, x in own if x["type"] == "prevented")
    quantity = ([e["quantity"]] + [x["quantity"] for *_, x in own if x["type"] == "amended"])[-1]
    prices = [e["price"]] + [x["price"] for *_, x in everything if x["type"] == "rested"]
    called = [a for a, _, x in own if x["type"] == "activated"]
    reasons = [x.get("reason") for *_, x in own if x["type"] in {"done", "canceled"}]
    rare = [e.get(name) for name in ("stop_price", "trailing_bps", "trailing_amount", "expires_ms", "post_only")]
    rare += [e.get(name) for name in ("display", "stp", "slippage_bps", "order_list")]
    return (
        *(number, e["account"], e["market"], e["side"], e["order_type"], e["tif"], prices[-1], quantity),
        *(e["quote_amount"], str(filled), str(cost), str(fee), e["maker_fee"], e["taker_fee"]),
        *(_status([x for *_, x in own], number, filled), e["client_id"], ms, seq, own[-1][0], own[-1][1], *rare),
        *(str(prevented) if prevented else None, (reasons or [None])[-1], (called or [None])[-1]),
    )


def _lost(x: Any, number: int) -> int:
    """What an order lost in a prevented match."""
    return int(x["maker_quantity"] if x["maker_order"] == number else x["taker_quantity"])


def _fee(x: Any, number: int) -> int:
    for role in ("maker", "taker", "buy", "sell"):
        if x.get(f"{role}_order") == number:
            return int(x[f"{role}_fee"])
    raise AssertionError(f"{x} is no trade of {number}")


def _status(own: list[Any], number: int, filled: int) -> str:
    """What the last word on an order is; a trade or a prevented match may be it."""
    last = own[-1]
    if last["type"] == "done":
        return str(last["end"])
    if last["type"] == "canceled":
        return "canceled" if last.get("reason", "switch") == "switch" else "expired"
    if last["type"] == "waiting":
        return {"price": "waiting", "list": "pending"}[last["on"]]
    if last["type"] == "prevented" and last["maker_order"] == number and last["maker_left"] == "0":
        return "expired_in_match"
    for role in ("maker", "buy", "sell"):
        if last["type"] != "prevented" and last.get(f"{role}_order") == number and last[f"{role}_left"] == "0":
            return "filled"
    stays = [x["type"] for x in own if x["type"] in {"accepted", "waiting", "activated"}]
    if stays[-1] == "waiting":
        return {"price": "waiting", "list": "pending"}[[x["on"] for x in own if x["type"] == "waiting"][-1]]
    return "partially_filled" if filled else "open"


def _transfer(history: list[Any], ms: int, seq: int, e: Any) -> tuple[Any, ...]:
    if e["type"] == "deposited":
        return ("deposit", None, e["account"], e["asset"], e["amount"], e["ref"], "settled", ms, seq, ms, seq, None)
    if e["type"] == "transferred":
        head = ("transfer", None, e["account"], e["asset"], e["amount"], e["ref"])
        return (*head, "settled", ms, seq, ms, seq, e["to"])
    ends = [
        (x["type"].removeprefix("withdrawal_"), a, b)
        for a, b, _, x, _ in history
        if x.get("withdrawal") == e["withdrawal"]
    ]
    state, end_ms, end_seq = ends[-1]
    head = ("withdrawal", e["withdrawal"], e["account"], e["asset"], e["amount"], e["ref"])
    return (*head, state, ms, seq, end_ms, end_seq, None)


def _subject(e: Any) -> str:
    """What an act was done to."""
    return str(next(e[name] for name in ("subject", "withdrawal", "account", "market", "asset", "rules") if name in e))


def _reason(events: list[Any]) -> str:
    kinds = {e["type"] for e in events}
    named = {
        "deposited": "deposit",
        "transferred": "transfer",
        "trade": "trade",
        "auction_trade": "trade",
        "accepted": "order",
        "activated": "order",
        "owner's": "cancel",
        "amended": "amend",
        "its own": "expire",
        **{f"withdrawal_{end}": f"withdrawal_{end}" for end in ("reserved", "settled", "released")},
    }
    for e in events:
        if e["type"] in {"canceled", "done"}:
            kinds.add("owner's" if e.get("end", "canceled") == "canceled" and e.get("reason") in OWNERS else "its own")
    transfers = [kind for kind in kinds if kind == "deposited" or kind.startswith("withdrawal_")]
    ranked = [
        *transfers,
        "transferred",
        "trade",
        "auction_trade",
        "accepted",
        "activated",
        "owner's",
        "amended",
        "its own",
    ]
    return named[next(kind for kind in ranked if kind in kinds)]


OWNERS = (None, "switch")


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
                *(
                    str(sum(int(e[size]) for e in some if e["taker_side"] == "buy"))
                    for size in ("quantity", "notional")
                ),
            )


def downgrade(url: str, revision: str) -> None:
    """Take the schema back."""

    async def back() -> None:
        engine = database.engine(url, pool_size=1)
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="READ COMMITTED")
            await connection.run_sync(undo)
            await connection.commit()
        await engine.dispose()

    def undo(connection: sa.Connection) -> None:
        alembic = config()
        alembic.attributes["connection"] = connection
        migrations.downgrade(alembic, revision)

    asyncio.run(back())
