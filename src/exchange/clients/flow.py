"""From recorded events to orders: what has to be sent to an exchange so that its book follows the recorded one.

| recorded                 | sent                                                                          |
|--------------------------|-------------------------------------------------------------------------------|
| 1 new order              | a limit order that rests                                                      |
| 2 partial cancel         | a reduction that keeps the order's place                                      |
| 3 delete                 | a cancel                                                                      |
| 4 execution              | an immediate-or-cancel order of that size and price from the other side       |
| 5, 6, 7                  | nothing: they do not change the visible book                                  |

The idea: the flow keeps a plain reference book of its own, order by order, so that it knows for each event *which*
order is meant. Each level of the opening book is one anonymous order; a 2, 3 or 4 that names an unknown order acts on
the anonymous order of its level, and is skipped when there is none (liquidity from beyond the recorded levels).

An execution of an order that is not first in its queue cannot happen under price-time priority (the recorded venue had
reasons that are not in the file). To keep the book that follows right, down to every queue, the queue is rebuilt
around it: the orders ahead are cancelled, the execution then meets the named order, and what is left of the queue is
cancelled and placed again in its recorded order. No level's total is another afterwards. An order that was placed again
carries its name with a generation: `l17`, `l17.1`, `l17.2`…

The flow says what should come out as well (`Execution`), but whether it did is decided elsewhere, from what the
exchange published: never from this book.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from exchange.clients.lobster import DELETE, EXECUTE, NEW, REDUCE, LobsterError, Message


class Rest(NamedTuple):
    """Place a limit order that rests."""

    name: str
    buy: bool
    price: int
    size: int


class Take(NamedTuple):
    """Place an immediate-or-cancel limit order."""

    name: str
    buy: bool
    price: int
    size: int


class Remove(NamedTuple):
    """Cancel an order by its name."""

    name: str


class Reduce(NamedTuple):
    """Reduce an order to a new total, its filled part included."""

    name: str
    total: int


Action = Rest | Take | Remove | Reduce


class Execution(NamedTuple):
    """What an execution must show: `maker` is the order's name without a generation; `known` orders were placed in the
    recording, the others are anonymous; `first` says whether it stood first in its queue before the event."""

    maker: str
    known: bool
    first: bool
    buy: bool
    price: int
    size: int


class Step(NamedTuple):
    """One recorded event and what it takes; number 0 is the opening book."""

    number: int
    time_ns: int
    actions: Sequence[Action]
    execution: Execution | None


def base_name(name: str) -> str:
    """An order's name without its generation."""
    return name.partition(".")[0]


def order_name(order: int) -> str:
    """The client order id of a recorded order."""
    return f"l{order}"


def anonymous_name(buy: bool, price: int) -> str:
    """The client order id of the order that stands for a level of the opening book."""
    return f"{'bid' if buy else 'ask'}{price}"


class _Order:
    """An order of the reference book; `total` counts what was placed under its present name, less reductions."""

    def __init__(self, base: str, buy: bool, price: int, size: int) -> None:
        self.base = base
        self.buy = buy
        self.price = price
        self.left = size
        self.total = size
        self.generation = 0

    @property
    def name(self) -> str:
        return f"{self.base}.{self.generation}" if self.generation else self.base


class Flow:
    """Turns messages into steps, one after the other.

    `counts` tells what was met: `skipped_hidden` (types 5–7), `anonymous` (events that name an unknown order),
    `no_level` (those of them that met none), `oversize` (those that took more than was there), `executions`,
    `known_executions`, `first_executions`, `rebuilt_queues`.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._orders: dict[str, _Order] = {}
        self._queues: dict[tuple[bool, int], dict[str, _Order]] = {}

    def open(self, levels: Sequence[tuple[bool, int, int]]) -> Step:
        """The opening book: one anonymous order for each `(buy, price, size)`."""
        actions = [self._rest(anonymous_name(buy, price), buy, price, size) for buy, price, size in levels]
        return Step(0, 0, actions, None)

    def step(self, message: Message) -> Step:
        """The next recorded event.

        Raises:
            LobsterError: the recording contradicts itself (an open order is placed again).
        """
        if message.kind == NEW:
            name = order_name(message.order)
            if name in self._orders:
                raise LobsterError(f"event {message.number}: order {message.order} is open already")
            return self._told(message, [self._rest(name, message.buy, message.price, message.size)])
        if message.kind not in (REDUCE, DELETE, EXECUTE):
            self.counts["skipped_hidden"] += 1
            return self._told(message, [])
        order = self._orders.get(order_name(message.order))
        known = order is not None
        if order is None:
            self.counts["anonymous"] += 1
            order = self._orders.get(anonymous_name(message.buy, message.price))
            if order is None:
                self.counts["no_level"] += 1
                return self._told(message, [])
            if message.size > order.left:
                self.counts["oversize"] += 1
        if message.kind == EXECUTE:
            return self._execute(message, order, known)
        whole = message.size >= order.left or (known and message.kind == DELETE)
        return self._told(message, [self._remove(order) if whole else self._reduce(order, message.size)])

    def _told(self, message: Message, actions: Sequence[Action], execution: Execution | None = None) -> Step:
        return Step(message.number, message.time_ns, actions, execution)

    def _execute(self, message: Message, order: _Order, known: bool) -> Step:
        queue = list(self._queues[(order.buy, order.price)].values())
        place = queue.index(order)
        execution = Execution(order.base, known, place == 0, order.buy, order.price, message.size)
        self.counts["executions"] += 1
        self.counts["known_executions"] += known
        self.counts["first_executions"] += known and place == 0
        take = Take(f"t{message.number}", not order.buy, message.price, message.size)
        if place == 0:
            self._fill(order, message.size)
            return self._told(message, [take], execution)
        self.counts["rebuilt_queues"] += 1
        actions: list[Action] = [self._remove(ahead) for ahead in queue[:place]]
        actions.append(take)
        self._fill(order, message.size)
        rest = [other for other in queue if other.left]
        actions += [self._remove(behind) for behind in rest[place:]]
        actions += [self._again(other) for other in rest]
        return self._told(message, actions, execution)

    def _rest(self, name: str, buy: bool, price: int, size: int) -> Rest:
        self._join(_Order(name, buy, price, size))
        return Rest(name, buy, price, size)

    def _again(self, order: _Order) -> Rest:
        order.generation += 1
        order.total = order.left
        self._join(order)
        return Rest(order.name, order.buy, order.price, order.left)

    def _join(self, order: _Order) -> None:
        self._orders[order.base] = order
        self._queues.setdefault((order.buy, order.price), {})[order.base] = order

    def _remove(self, order: _Order) -> Remove:
        del self._orders[order.base]
        queue = self._queues[(order.buy, order.price)]
        del queue[order.base]
        if not queue:
            del self._queues[(order.buy, order.price)]
        return Remove(order.name)

    def _reduce(self, order: _Order, size: int) -> Reduce:
        order.left -= size
        order.total -= size
        return Reduce(order.name, order.total)

    def _fill(self, order: _Order, size: int) -> None:
        order.left -= min(size, order.left)
        if order.left == 0:
            self._remove(order)
