"""The pipeline from command stream to event stream: a real server, the engine's process, replay, recovery.

`commands_per_s` is live: this process appends the flow in batches of 500 with at most 5,000 results owed, while the
engine answers; the clock runs from the first append until the event stream has the last result. `engine_us`,
`server_us` and `load_us` are the processor time that each of the three took for one command meanwhile: on two cores
they add up to what limits the rate. `backlog_commands_per_s` is the engine with all commands waiting in the stream
before it starts, from its first batch on. `replay` is the rate that `exchange replay` tells of itself, every entry
compared. `recovery` is the time from starting the engine's process, with a snapshot of so many open orders and a
thousand verified entries after it, to the result of a new command.
"""

import json
import time
from collections.abc import Iterator, Sequence
from typing import Final

from benchmarks import flow, market
from benchmarks.report import Figure
from benchmarks.running import Running, wait
from exchange.commands.codec import encode
from exchange.commands.types import Cancel, Command, Place
from exchange.effects.files import FileSnapshotStore
from exchange.effects.redis import wire
from exchange.effects.redis.address import Address
from exchange.effects.redis.link import Link
from exchange.effects.redis.log import TIMEOUT, BlockingRedisLog, run
from exchange.engine import Machine
from exchange.roles import snapshots
from exchange.settings import Fsync
from exchange.terms.stream import CommandEntry, EventEntry, StreamId
from exchange.terms.words import FIRST_USER

UNIT: Final = "commands/s"
MILLION: Final = 1_000_000
_BATCH: Final = 500
_OWED: Final = 5_000
_LOOK_AGAIN: Final = 0.0005
_TAIL: Final = 1_000


def figures(size: int, fsyncs: Sequence[Fsync] = ("always", "everysec")) -> Iterator[Figure]:
    """Live and backlog rates for each `appendfsync`, and the replay of what the first live run left."""
    raws = [encode(command) for command in market.commands(flow.messages("still", size))]
    for place, fsync in enumerate(fsyncs):
        with Running(fsync) as running:
            yield from _live(running, fsync, raws)
            if place == 0:
                told = json.loads(running.command("replay", "--json"))
                yield Figure("replay.commands_per_s", told["commands_per_s"], UNIT)
        with Running(fsync) as running:
            yield Figure(f"pipeline.backlog_commands_per_s.{fsync}", _backlog(running, raws), UNIT)


def recovery(open_orders: int) -> Iterator[Figure]:
    """Seconds until an engine trades again; the name says with how many open orders."""
    label = "1m" if open_orders == MILLION else str(open_orders)
    with Running() as running:
        store = FileSnapshotStore(running.settings.snapshots)
        seconds = _write_history(running, store, open_orders)
        yield Figure(f"recovery.snapshot_seconds_{label}_open_orders", seconds, "s")
        log = running.log()
        last = log.append_many([encode(_resting(1, "last"))])[0]
        start = time.perf_counter()
        running.start("engine")
        wait(lambda: run(log.head()).id >= last)
        yield Figure(f"recovery.seconds_{label}_open_orders", time.perf_counter() - start, "s")
        log.close()


def _set(running: Running, log: BlockingRedisLog) -> StreamId:
    """Everything before the first order, through the engine; where the event stream ends then."""
    running.open()
    last = log.append_many([encode(command) for command in market.setting(open_log=False)])[-1]
    wait(lambda: run(log.head()).id >= last)
    return last


def _live(running: Running, fsync: Fsync, raws: Sequence[bytes]) -> Iterator[Figure]:
    settings = running.settings
    log = running.log()
    _set(running, log)
    log.close()
    appends = wire.Appends(settings.commands_key)
    batches = [raws[place : place + _BATCH] for place in range(0, len(raws), _BATCH)]
    requests = [appends.request(batch) for batch in batches]  # packed before the clock starts
    results = wire.request("XLEN", settings.events_key)
    link = Link(Address.of(settings.redis_url), TIMEOUT)
    before = _told(link, results)
    sent = seen = 0
    used = running.cpu_seconds()
    start = time.perf_counter()
    for batch, request in zip(batches, requests, strict=True):
        while sent - seen > _OWED - _BATCH:
            time.sleep(_LOOK_AGAIN)
            seen = _told(link, results) - before
        appended, told = link.ask(request, results)
        seen = _count(link.wait(told)) - before
        if any(isinstance(reply, wire.Refusal) for reply in appended.replies):
            raise RuntimeError(f"the stream server refused an append: {appended.replies}")
        sent += len(batch)
    while seen < sent:
        time.sleep(_LOOK_AGAIN)
        seen = _told(link, results) - before
    seconds = time.perf_counter() - start
    yield Figure(f"pipeline.commands_per_s.{fsync}", sent / seconds, UNIT)
    for who, after in running.cpu_seconds().items():
        yield Figure(f"pipeline.{who}_us.{fsync}", (after - used[who]) / sent * 1e6, "us")
    link.close()


def _told(link: Link, question: wire.Request) -> int:
    (answer,) = link.ask(question)
    return _count(link.wait(answer))


def _count(replies: list[object]) -> int:
    (count,) = replies
    if not isinstance(count, int):
        raise TypeError(f"the stream server does not count: {count!r}")
    return count


def _backlog(running: Running, raws: Sequence[bytes]) -> float:
    log = running.log()
    _set(running, log)
    running.end_roles()
    for place in range(0, len(raws), _BATCH):
        log.append_many(raws[place : place + _BATCH])
    log.close()
    running.start("engine")
    results = wire.request("XLEN", running.settings.events_key)
    link = Link(Address.of(running.settings.redis_url), TIMEOUT)
    before = _told(link, results)
    first = before
    while first == before:
        time.sleep(_LOOK_AGAIN)
        first = _told(link, results)
    start = time.perf_counter()
    while (seen := _told(link, results)) < before + len(raws):
        time.sleep(_LOOK_AGAIN)
    seconds = time.perf_counter() - start
    link.close()
    return (seen - first) / seconds


def _write_history(running: Running, store: FileSnapshotStore, open_orders: int) -> float:
    """A snapshot with so many resting orders, and streams that hold its last entry and a tail after it; seconds that
    writing the snapshot took, read back and verified."""
    machine = Machine()
    now = int(time.time() * 1000) - open_orders - 2 * _TAIL
    for entry in market.entries(market.setting(), first=now - 1_000):
        machine.step(entry)
    command, event = CommandEntry((0, 0), []), EventEntry((0, 0), b"", b"")
    for number in range(1, open_orders + 1):
        (command,) = market.entries([_resting(number, "r")], first=now + number)
        event = machine.step(command)
    start = time.perf_counter()
    snapshots.take(machine, store, now)
    seconds = time.perf_counter() - start
    tail = [(command, event)]
    for number in range(1, _TAIL + 1):
        order = 1 + number * open_orders // (2 * _TAIL)
        (command,) = market.entries([Cancel(_owner(order), order, "")], first=now + open_orders + number)
        tail.append((command, machine.step(command)))
    running.put(tail)
    return seconds


def _owner(number: int) -> int:
    return FIRST_USER + number % market.ACCOUNTS


def _resting(number: int, name: str) -> Command:
    price = (1 + number % 5_000) * market.TICK
    return Place(_owner(number), market.MARKET, "buy", "limit", "gtc", price, market.LOT, 0, f"{name}{number}")
