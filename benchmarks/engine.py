"""The engine alone: messages a second, what a message costs as the book grows, and memory; each figure in a process of
its own, as the engine runs in its: without the cyclic collector, with balances, fees and remembered client order ids.

`engine.worst_messages_per_s` is the deciding alone: `Machine.decide`, from a command that has been read to its outcome
as events and balance changes. `engine.step_worst_messages_per_s` is all that the engine's process does for a command
besides the streams: read it, decide, write the outcome, chain it (`Machine.step`). `worst` is the slowest of the four
regimes of `flow`; the `interpreted` figures are of the same source without the compiler.

Commands are made beforehand, some thousands at a time, and only the loop that hands them over is timed, in the CPU time
of the process: who else uses the machine counts less. `ns_per_message.open_…` is the time for one message of the still
regime while about so many orders are open.
"""

import argparse
import contextlib
import gc
import json
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks import flow, market
from benchmarks.report import Figure, child
from exchange.commands.types import Command, Place
from exchange.engine import Machine
from exchange.events.types import Amended, Canceled, Event, Rejected, Trade
from exchange.terms.stream import StreamId
from exchange.terms.words import FIRST_USER, IOC

UNIT: Final = "messages/s"
OPEN: Final = {"1k": 1_000, "10k": 10_000, "100k": 100_000, "1m": 1_000_000}
_CHUNK: Final = 20_000
_PART: Final = 5
"""The whole step is measured with a fifth of the orders, what is interpreted with a fifth of these."""

_COUNTED: Final = 10_000
"""New orders whose fate is counted."""


def figures(size: int, open_orders: int) -> Iterator[Figure]:
    """All figures of this area; `size` new orders a regime, `open_orders` to measure memory with."""
    decided = {regime: child("benchmarks.engine", "decide", regime, size)["rate"] for regime in flow.REGIMES}
    for regime, rate in decided.items():
        yield Figure(f"engine.{regime}_messages_per_s", rate, UNIT)
    yield Figure("engine.worst_messages_per_s", min(decided.values()), UNIT)
    part = size // _PART
    few = part // _PART
    yield Figure("engine.step_worst_messages_per_s", _worst("step", part), UNIT)
    # Without "worst" in its name: it is the name that others read.
    yield Figure("engine.interpreted_messages_per_s", _worst("decide", few, EXCHANGE_INTERPRETED="1"), UNIT)
    yield Figure("engine.interpreted_step_worst_messages_per_s", _worst("step", few, EXCHANGE_INTERPRETED="1"), UNIT)
    for label, count in OPEN.items():
        if count <= size:
            measured = child("benchmarks.engine", "open", count, part)
            yield Figure(f"engine.ns_per_message.open_{label}", 1e9 / measured["rate"], "ns")
    measured = child("benchmarks.engine", "memory", open_orders)
    yield Figure("engine.bytes_per_open_order", measured["bytes"], "bytes")
    for name, share in shares("still", _COUNTED).items():
        yield Figure(f"engine.flow_{name}", share, "of messages" if name.endswith("_per_message") else "of orders")


def _worst(what: str, size: int, **environment: str) -> float:
    return min(child("benchmarks.engine", what, regime, size, **environment)["rate"] for regime in flow.REGIMES)


def decide(regime: str, size: int, prefill: int = flow.PREFILL) -> dict[str, float]:
    """Messages a second from command to outcome."""
    machine = _machine()
    commands = market.commands(flow.messages(regime, size, prefill))
    place = 0
    for command in islice(commands, prefill):
        machine.decide(market.id_at(place, 1_000), command)
        place += 1
    done = 0
    seconds = 0.0
    for chunk in _chunks(commands):
        ids = [market.id_at(place + number, 1_000) for number in range(len(chunk))]
        place += len(chunk)
        done += len(chunk)
        with _as_in_its_process():
            seconds += _timed(machine.decide, ids, chunk)
    return {"rate": done / seconds, "open": len(machine.state.orders)}


def _timed(decide: Callable[[StreamId, Command], object], ids: list[StreamId], commands: list[Command]) -> float:
    start = time.process_time()
    for id, command in zip(ids, commands, strict=True):
        decide(id, command)
    return time.process_time() - start


def step(regime: str, size: int) -> dict[str, float]:
    """Messages a second from entry to entry."""
    machine = _machine()
    entries = market.entries(market.commands(flow.messages(regime, size)), first=1_000)
    for entry in entries[: flow.PREFILL]:
        machine.step(entry)
    timed = entries[flow.PREFILL :]
    with _as_in_its_process():
        start = time.process_time()
        for entry in timed:
            machine.step(entry)
        return {"rate": len(timed) / (time.process_time() - start)}


def shares(regime: str, size: int) -> dict[str, float]:
    """What became of the orders of a flow, told by the engine.

    `cancelled_share` and `reduced_share` of the limit orders whose end came, `immediate_share` of all orders,
    `refused_per_message`, `trades_per_message`.
    """
    machine = _machine()
    limits: set[int] = set()
    told: list[Event] = []
    place = immediate = 0
    for place, command in enumerate(market.commands(flow.messages(regime, size))):
        if isinstance(command, Place):
            if command.tif == IOC:
                immediate += 1
            else:
                limits.add(machine.state.next_order)
        told += machine.decide(market.id_at(place, 1_000), command).events
    ended = limits - machine.state.orders.keys()
    placed = len(limits) + immediate - flow.PREFILL
    sent = place + 1 - flow.PREFILL
    return {
        "cancelled_share": _share((event.order for event in told if isinstance(event, Canceled)), ended),
        "reduced_share": _share((event.order for event in told if isinstance(event, Amended)), ended),
        "immediate_share": immediate / placed,
        "refused_per_message": sum(isinstance(event, Rejected) for event in told) / sent,
        "trades_per_message": sum(isinstance(event, Trade) for event in told) / sent,
    }


def _share(orders: Iterable[int], of: set[int]) -> float:
    return len(of.intersection(orders)) / max(1, len(of))


def _machine() -> Machine:
    machine = Machine()
    for entry in market.entries(market.setting()):
        machine.step(entry)
    return machine


def _chunks(commands: Iterator[Command]) -> Iterator[list[Command]]:
    while chunk := list(islice(commands, _CHUNK)):
        yield chunk


@contextlib.contextmanager
def _as_in_its_process() -> Iterator[None]:
    """Without the cyclic collector, as the engine's process runs."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def memory(count: int) -> dict[str, float]:
    """What an open order adds to the process: order, level, client order id, remembered result."""
    machine = _machine()
    gc.collect()
    before = _resident()
    for n in range(count):
        account = FIRST_USER + n % market.ACCOUNTS
        price = (1 + n % 2_000) * market.TICK
        command = Place(account, market.MARKET, "buy", "limit", "gtc", price, market.LOT, 0, f"client-{n}")
        machine.step(market.entries([command], first=1_000 + n)[0])
    gc.collect()
    if len(machine.state.orders) != count:
        raise RuntimeError(f"{len(machine.state.orders)} orders rest, not {count}")
    return {"bytes": (_resident() - before) / count}


def _resident() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status does not tell VmRSS")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("decide", "step", "open", "memory", "shares"))
    parser.add_argument("arguments", nargs="+")
    args = parser.parse_args()
    first, *rest = args.arguments
    numbers = [int(number) for number in rest]
    if args.what == "decide":
        print(json.dumps(decide(first, *numbers)))
    elif args.what == "step":
        print(json.dumps(step(first, *numbers)))
    elif args.what == "shares":
        print(json.dumps(shares(first, *numbers)))
    elif args.what == "open":
        print(json.dumps(decide("still", numbers[0], prefill=int(first))))
    else:
        print(json.dumps(memory(int(first))))
