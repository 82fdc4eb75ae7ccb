"""Other matching engines in Python on the same flow as ours, in the same run, each in a process of its own.

The flow is the still one without reductions, which few of them have: limit orders, immediate orders and cancels, as
calls in each engine's own terms, without codec, log or network. Ours still moves balances, takes fees and remembers
client order ids; theirs only match. An engine without immediate orders places a limit order and cancels what is left of
it. Each gets the same messages until they are done or `SECONDS` are over. `errors` counts calls that raised.

`peers.<name>_times` says how many times as many messages a second ours did.
"""

import argparse
import contextlib
import importlib.metadata
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, Final

from benchmarks import flow, market
from benchmarks.flow import Message
from benchmarks.report import Figure, Skipped, child
from exchange.engine import Machine

SECONDS: Final = 3.0
PREFILL: Final = 1_000

Handler = Callable[[Message], None]


def figures(size: int) -> Iterator[Figure]:
    """Ours, then each peer that is installed, with the ratio.

    Raises:
        Skipped: none is installed.
    """
    found = [(name, package) for name, (package, _) in PEERS.items() if _installed(package)]
    if not found:
        raise Skipped("no other engine is installed: `make bench` installs requirements-bench.lock")
    ours = child("benchmarks.peers", "exchange", size)["rate"]
    yield Figure("peers.exchange_messages_per_s", ours, "messages/s")
    for name, _ in found:
        measured = child("benchmarks.peers", name, size)
        if not measured:
            continue
        yield Figure(f"peers.{name}_messages_per_s", measured["rate"], "messages/s")
        yield Figure(f"peers.{name}_times", ours / measured["rate"], "times")
        if measured["errors"]:
            yield Figure(f"peers.{name}_errors", measured["errors"] / measured["done"], "of messages")


def measure(name: str, size: int) -> dict[str, float]:
    """Messages a second, how many were done, and how many raised; nothing when something it imports is absent."""
    messages = [m for m in flow.messages("still", size, PREFILL) if m.kind != "reduce"]
    try:
        handle = _exchange(messages) if name == "exchange" else PEERS[name][1]()
    except ImportError:
        return {}
    errors = 0
    for message in messages[:PREFILL]:
        with contextlib.suppress(Exception):
            handle(message)
    done = 0
    start = time.perf_counter()
    end = start + SECONDS
    for message in messages[PREFILL:]:
        try:
            handle(message)
        except Exception:  # noqa: BLE001 - whatever a peer raises is its result
            errors += 1
        done += 1
        if done % 64 == 0 and time.perf_counter() > end:
            break
    return {"rate": done / (time.perf_counter() - start), "done": done, "errors": errors}


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _exchange(messages: Sequence[Message]) -> Handler:
    machine = Machine()
    for entry in market.entries(market.setting()):
        machine.step(entry)
    prepared = iter(list(market.commands(messages)))

    def handle(message: Message) -> None:
        machine.decide((1_000, message.order), next(prepared))

    return handle


def _lightmatchingengine() -> Handler:
    peer = import_module("lightmatchingengine.lightmatchingengine")
    engine = peer.LightMatchingEngine()
    numbers: dict[int, int] = {}

    def handle(message: Message) -> None:
        if message.kind == "cancel":
            engine.cancel_order(numbers[message.order], market.MARKET)
            return
        side = peer.Side.BUY if message.buy else peer.Side.SELL
        order, _ = engine.add_order(market.MARKET, message.price, message.quantity, side)
        numbers[message.order] = order.order_id
        if message.kind == "ioc" and order.leaves_qty > 0:
            engine.cancel_order(order.order_id, market.MARKET)

    return handle


def _fastlob() -> Handler:
    peer = import_module("fastlob")
    logging.disable(logging.CRITICAL)
    book = peer.Orderbook("peer")
    book._alive = True  # noqa: SLF001 - start() would leave a thread behind that only looks for expired orders
    numbers: dict[int, str] = {}

    def handle(message: Message) -> None:
        if message.kind == "cancel":
            book.cancel(numbers[message.order])
            return
        side = peer.OrderSide.BID if message.buy else peer.OrderSide.ASK
        result = book(peer.OrderParams(side, message.price, message.quantity))
        numbers[message.order] = result.orderid()
        if message.kind == "ioc":
            book.cancel(result.orderid())

    return handle


def _order_matching() -> Handler:
    import_module("loguru").logger.remove()
    sides = import_module("order_matching.enums").Side
    limit_order = import_module("order_matching.order").LimitOrder
    several = import_module("order_matching.orders").Orders
    engine = import_module("order_matching.matching_engine").MatchingEngine(seed=1)
    now = datetime(2026, 1, 1)  # noqa: DTZ001 - it compares with naive ones

    def handle(message: Message) -> None:
        nonlocal now
        now += timedelta(milliseconds=1)
        name = str(message.order)
        if message.kind == "cancel":
            if engine.unprocessed_orders.find_order_by_id(name) is not None:
                engine.cancel_order(name)
            return
        order = limit_order(
            side=sides.BUY if message.buy else sides.SELL,
            price=float(message.price),
            size=float(message.quantity),
            timestamp=now,
            order_id=name,
            trader_id="t",
        )
        engine.place(several([order]))
        engine.match(now)
        if message.kind == "ioc" and engine.unprocessed_orders.find_order_by_id(name) is not None:
            engine.cancel_order(name)

    return handle


def _matching_engine() -> Handler:
    domain = import_module("matching_engine.domain")
    engine = import_module("matching_engine.engine").MatchingEngine()
    seq = 0

    def handle(message: Message) -> None:
        nonlocal seq
        seq += 1
        command: Any
        if message.kind == "cancel":
            command = domain.CancelOrder(message.order, 1)
        else:
            command = domain.NewOrder(
                message.order,
                1,
                domain.Side.BUY if message.buy else domain.Side.SELL,
                message.price,
                message.quantity,
                domain.OrderType.LIMIT,
                domain.TimeInForce.GTC if message.kind == "limit" else domain.TimeInForce.IOC,
                False,
                domain.SelfTradePrevention.NONE,
            )
        engine.process(domain.SequencedCommand(seq, seq, command))

    return handle


PEERS: Final[dict[str, tuple[str, Callable[[], Handler]]]] = {
    "matching_engine": ("matching-engine", _matching_engine),
    "lightmatchingengine": ("lightmatchingengine", _lightmatchingengine),
    "fastlob": ("fastlob", _fastlob),
    "order_matching": ("order-matching", _order_matching),
}
"""By name: the package, and what makes its handler. `matching-engine` needs Python 3.12."""

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=["exchange", *PEERS])
    parser.add_argument("size", type=int)
    args = parser.parse_args()
    print(json.dumps(measure(args.name, args.size)))
