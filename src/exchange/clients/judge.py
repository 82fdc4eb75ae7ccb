"""What a correct replay of recorded flow shows, checked against what the exchange published.

The judge is told each step before its commands are sent, and then the result of each of those commands in stream order.
It folds the results into a book of its own (`published`) and compares after each recorded event:

* the book, to `LEVELS` levels a side (or as many as were recorded), with the recorded books as far as there are any;
* the distinct best quotes, in order, with the recorded ones as far as there are any;
* each execution: one trade, of the recorded size at the recorded price, which was the best, against the named order;
  the named order first in its queue before the event exactly when the recording's own queue says so;
* each other command: taken as it was meant, nothing traded that should rest, nothing refused.

It goes on after a mismatch, so that the count is known too, and keeps the first ones whole.
"""

from collections import Counter, deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from exchange.clients.flow import Action, Execution, Reduce, Remove, Rest, Step, Take, base_name
from exchange.clients.lobster import PRICE_DECIMALS, BookRow, LobsterError, Quote
from exchange.clients.published import PublishedBook
from exchange.events.types import Amended, Canceled, Event, Outcome, Rejected, Rested, Trade

LEVELS: Final = 20
"""How deep books are compared: a recording of 50 levels knows nothing of orders beyond its window, and deeper levels
are the first to show it."""

_KEPT: Final = 20
_PRICE_SCALE: Final = 10**PRICE_DECIMALS
_RESULTS: Final[dict[type[Action], type[Event]]] = {Rest: Rested, Remove: Canceled, Reduce: Amended}


class Units(NamedTuple):
    """How a recording's prices and sizes are counted on the exchange."""

    base_decimals: int
    quote_decimals: int

    def price(self, recorded: int) -> int:
        """A recorded price in the quote asset's smallest units.

        Raises:
            LobsterError: the price is finer than the asset.
        """
        price, rest = divmod(recorded * int(10**self.quote_decimals), _PRICE_SCALE)
        if rest:
            raise LobsterError(f"price {recorded} (× 10⁻⁴) is finer than {self.quote_decimals} decimals can tell")
        return price

    def size(self, recorded: int) -> int:
        """A recorded size in the base asset's smallest units."""
        return recorded * int(10**self.base_decimals)


class Mismatch(NamedTuple):
    """Something that should not be: at which recorded event, what, and the two sides of it."""

    event: int
    what: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"event {self.event}: {self.what}: expected {self.expected}, got {self.got}"


class Judge:
    """Compares a replay with its recording.

    `counts`: `books` and `quotes` that were equal, `trades`, `known` executions, `at_best` and `at_head` of those,
    `results` of commands seen. `mismatches` holds the first ones, `wrong` counts all.
    """

    def __init__(self, market: str, units: Units, levels: Sequence[BookRow], quotes: Sequence[Quote]) -> None:
        self.book = PublishedBook(market)
        self.counts: Counter[str] = Counter()
        self.mismatches: list[Mismatch] = []
        self.wrong = 0
        self._units = units
        self._levels = levels
        self._quotes = quotes
        self._quotes_met = 0
        self._last_quote = (0, 0, 0, 0)
        self._steps: deque[Step] = deque()
        self._done = 0

    def expect(self, step: Step) -> None:
        """Tell the judge what is about to be sent; steps in order."""
        self._steps.append(step)
        self._settle()

    def result(self, outcome: Outcome) -> None:
        """Tell the judge the published result of the next command.

        Raises:
            BookError: the published events contradict each other.
        """
        self.counts["results"] += 1
        step = self._steps[0]
        if self._done == 0 and step.execution is not None:
            self._before(step, step.execution)
        for event in outcome.events:
            self.book.apply(event)
        self._check(step, step.actions[self._done], outcome.events)
        self._done += 1
        self._settle()

    def stranger(self, outcome: Outcome) -> None:
        """Tell the judge a result that is not ours: nobody else may touch the market while it is replayed.

        Raises:
            BookError: the published events contradict each other.
        """
        seq = self.book.seq
        for event in outcome.events:
            self.book.apply(event)
        if self.book.seq != seq:
            number = self._steps[0].number if self._steps else 0
            self._mismatch(number, "the market", "nobody else's orders", "a book change that was not ours")

    def finish(self, complete: bool) -> None:
        """All results are in; `complete` when the whole recording was driven."""
        if self._steps:
            self._mismatch(self._steps[0].number, "the results", "one for each command", "fewer")
        if complete and self._quotes_met < len(self._quotes):
            self._mismatch(0, "distinct best quotes", str(len(self._quotes)), str(self._quotes_met))

    def _settle(self) -> None:
        """Compare the book after each step whose results are all in."""
        while self._steps and self._done == len(self._steps[0].actions):
            step = self._steps.popleft()
            self._done = 0
            if step.number:
                self._compare_book(step.number)
                self._compare_quote(step.number)

    def _before(self, step: Step, execution: Execution) -> None:
        """The named order's place before anything of the event was done."""
        if not execution.known:
            return
        price = self._units.price(execution.price)
        self.counts["known"] += 1
        best = self.book.best(execution.buy)[0]
        if best == price:
            self.counts["at_best"] += 1
        else:
            self._mismatch(step.number, "the best price before an execution", str(price), str(best))
        name = self.book.name_of.get(self.book.first(execution.buy, price), "nobody")
        first = base_name(name) == execution.maker
        if first:
            self.counts["at_head"] += 1
        if first != execution.first:
            self._mismatch(step.number, "the head of the queue", execution.maker, name)

    def _check(self, step: Step, action: Action, events: Sequence[Event]) -> None:
        """The result of one command against what it was meant to do."""
        refusals = [event for event in events if isinstance(event, Rejected)]
        if refusals:
            self._mismatch(step.number, self._tell(action), "acceptance", refusals[0].code)
            return
        trades = [event for event in events if isinstance(event, Trade)]
        self.counts["trades"] += len(trades)
        if isinstance(action, Take):
            self._check_trade(step, trades)
        elif trades:
            self._mismatch(step.number, self._tell(action), "no trade", f"{len(trades)}")
        elif not any(isinstance(event, _RESULTS[type(action)]) for event in events):
            got = ", ".join(type(event).__name__ for event in events) or "nothing"
            self._mismatch(step.number, self._tell(action), _RESULTS[type(action)].__name__, got)

    def _check_trade(self, step: Step, trades: Sequence[Trade]) -> None:
        wanted = step.execution
        if wanted is None:
            raise AssertionError(f"step {step.number} takes and names nobody")
        expected = (wanted.maker, self._units.price(wanted.price), self._units.size(wanted.size))
        got = [(base_name(self.book.name_of.get(t.maker_order, "?")), t.price, t.quantity) for t in trades]
        if got != [expected]:
            self._mismatch(step.number, "the execution (maker, price, quantity)", str([expected]), str(got))

    def _compare_book(self, number: int) -> None:
        if number > len(self._levels):
            return
        row = self._levels[number - 1]
        depth = min(LEVELS, row.depth)
        equal = True
        for buy, recorded in ((False, row.asks), (True, row.bids)):
            expected = [(self._units.price(price), self._units.size(size)) for price, size in recorded[:depth]]
            got = self.book.top(buy, depth)
            if got != expected:
                equal = False
                at = next(i for i in range(depth) if got[i : i + 1] != expected[i : i + 1])
                what = f"{'bid' if buy else 'ask'} level {at + 1} (price, quantity)"
                self._mismatch(number, what, str(expected[at : at + 1]), str(got[at : at + 1]))
        self.counts["books"] += equal

    def _compare_quote(self, number: int) -> None:
        if self._quotes_met == len(self._quotes):
            return
        quote = self.book.best(False) + self.book.best(True)
        if quote == self._last_quote:
            return
        self._last_quote = quote
        recorded = self._quotes[self._quotes_met]
        self._quotes_met += 1
        expected = (
            self._units.price(recorded.ask),
            self._units.size(recorded.ask_size),
            self._units.price(recorded.bid),
            self._units.size(recorded.bid_size),
        )
        if quote == expected:
            self.counts["quotes"] += 1
        else:
            what = f"best quote {self._quotes_met} (ask, quantity, bid, quantity)"
            self._mismatch(number, what, str(expected), str(quote))

    def _tell(self, action: Action) -> str:
        return f"{type(action).__name__.lower()} {action.name}"

    def _mismatch(self, event: int, what: str, expected: str, got: str) -> None:
        self.wrong += 1
        if len(self.mismatches) < _KEPT:
            self.mismatches.append(Mismatch(event, what, expected, got))
