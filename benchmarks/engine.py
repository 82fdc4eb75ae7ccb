"""The engine alone: messages a second and memory, in a process of its own for each figure.

`step` is what the engine's process does for a command besides the streams: decode, decide, encode, chain. `rules` is
the deciding alone, from command objects to event objects. Both with balances, fees and remembered client order ids. The
figures named `worst` are those of the slowest regime.
"""

import argparse
import contextlib
import gc
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import flow, market
from benchmarks.report import Figure, child
from exchange.commands.types import Amend, Cancel, Command, Place
from exchange.engine import Machine, orders
from exchange.engine.state import State, Step
from exchange.terms.codes import Refused
from exchange.terms.stream import CommandEntry

UNIT = "messages/s"


def figures(size: int, open_orders: int) -> Iterator[Figure]:
    """All figures of this area; `size` messages a regime."""
    for mode, label in (("", ""), ("1", "interpreted_")):
        found = {
            regime: child("benchmarks.engine", "speed", regime, size, EXCHANGE_INTERPRETED=mode)
            for regime in flow.REGIMES
        }
        for regime, measured in found.items():
            if not mode:
                yield Figure(f"engine.{regime}_messages_per_s", measured["step"], UNIT)
        # Without "worst" in the second name: it is the name that others read.
        yield Figure(f"engine.{label or 'worst_'}messages_per_s", min(m["step"] for m in found.values()), UNIT)
        yield Figure(f"engine.{label}rules_worst_messages_per_s", min(m["rules"] for m in found.values()), UNIT)
        if not mode:
            yield Figure("engine.flow_trades_per_message", found["still"]["trades"], "trades/message")
            yield Figure("engine.flow_refused_share", found["still"]["refused"], "of messages")
    measured = child("benchmarks.engine", "memory", open_orders)
    yield Figure("engine.bytes_per_open_order", measured["bytes"], "bytes")


def speed(regime: str, size: int) -> dict[str, float]:
    """Messages a second by `step` and by `rules`, the better of two runs each; trades and refusals a message."""
    commands = list(market.commands(flow.messages(regime, size)))
    entries = market.entries(commands, first=1_000)
    step = max(_step(entries) for _ in range(2))
    rules, trades, refused = max(_rules(commands) for _ in range(2))
    return {"step": step, "rules": rules, "trades": trades / size, "refused": refused / size}


def _machine() -> Machine:
    machine = Machine()
    for entry in market.entries(market.setting()):
        machine.step(entry)
    return machine


def _step(entries: Sequence[CommandEntry]) -> float:
    machine = _machine()
    for entry in entries[: flow.PREFILL]:
        machine.step(entry)
    timed = entries[flow.PREFILL :]
    with _as_in_its_process():
        start = time.perf_counter()
        for entry in timed:
            machine.step(entry)
        return len(timed) / (time.perf_counter() - start)


def _rules(commands: Sequence[Command]) -> tuple[float, int, int]:
    state = _machine().state
    step = Step()
    _apply(state, step, commands[: flow.PREFILL], 0)
    traded = state.next_trade
    with _as_in_its_process():
        start = time.perf_counter()
        refused = _apply(state, step, commands[flow.PREFILL :], flow.PREFILL)
        seconds = time.perf_counter() - start
    return (len(commands) - flow.PREFILL) / seconds, state.next_trade - traded, refused


def _apply(state: State, step: Step, commands: Sequence[Command], first: int) -> int:
    """Decide commands; how many were refused."""
    refused = 0
    for place, command in enumerate(commands, first):
        step.begin((1_000 + place // 1000, place % 1000))
        try:
            if isinstance(command, Place):
                orders.place(state, step, command)
            elif isinstance(command, Cancel):
                orders.cancel(state, step, command)
            elif isinstance(command, Amend):
                orders.amend(state, step, command)
        except Refused:
            refused += 1
        step.postings.take()
    return refused


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
        account = 100 + n % market.ACCOUNTS
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
    parser.add_argument("what", choices=("speed", "memory"))
    parser.add_argument("arguments", nargs="+")
    args = parser.parse_args()
    if args.what == "speed":
        print(json.dumps(speed(args.arguments[0], int(args.arguments[1]))))
    else:
        print(json.dumps(memory(int(args.arguments[0]))))
