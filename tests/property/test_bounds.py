"""The bounds that no short sequence meets: a thousand at a command, and no more. Engine and reference agree there."""

from collections import Counter
from collections.abc import Callable

from exchange.commands.types import (
    Batch,
    Cancel,
    CancelAll,
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    OpenAccount,
    OpenLog,
    Place,
    SetMarketStatus,
    SetSwitch,
    Tick,
    Uncross,
)
from exchange.events.types import EVENT_NAMES, AllCanceled, Rejected
from exchange.terms.instructions import PLAIN, Instructions
from exchange.terms.words import Side
from tests.property.comparison import Comparison
from tests.property.flows import LOG_ID, entry

MANY = 1_005
TRADER, OTHER = 100, 101
MARKET = "AA-QQ"


class Both:
    """Engine and reference, compared at every command that is not part of a long set-up."""

    def __init__(self) -> None:
        self.comparison = Comparison()
        self.now = 1_000
        for command in (
            OpenLog(LOG_ID, 3, 1_000),
            CreateAsset("AA", 0),
            CreateAsset("QQ", 0),
            CreateMarket(MARKET, 1, 1, 0, 0, 0),
            OpenAccount("trader"),
            OpenAccount("other"),
            *(Deposit(account, asset, 10**9, asset) for account in (TRADER, OTHER) for asset in ("AA", "QQ")),
        ):
            self.do(command)

    def do(self, command: Command, later_ms: int = 1) -> Counter[str]:
        """How often each event was told."""
        self.now += later_ms
        self.comparison.step(entry(self.now, 0, command))
        return Counter(EVENT_NAMES[type(event)] for event in self.comparison.outcomes[-1].events)

    def many(self, order: Callable[[int], Place]) -> None:
        """A thousand and five orders, told but not compared one by one."""
        for first in range(0, MANY, 20):
            self.now += 1
            items: list[Command] = [order(number) for number in range(first, min(first + 20, MANY))]
            self.comparison.hear(entry(self.now, 0, Batch(TRADER, items)))

    def refused_with(self) -> str:
        last = self.comparison.outcomes[-1].events[-1]
        assert isinstance(last, Rejected)
        return last.code


def order(price: int, side: Side = "buy", account: int = TRADER, expires_ms: int = 0) -> Place:
    given = Instructions(expires_ms=expires_ms) if expires_ms else PLAIN
    return Place(account, MARKET, side, "limit", "gtd" if expires_ms else "gtc", price, 1, 0, "", given)


def stop(given: Instructions, account: int = TRADER) -> Place:
    return Place(account, MARKET, "sell", "stop_loss", "ioc", 0, 1, 0, "", given)


def test_a_thousand_orders_expire_at_a_command_and_nothing_trades_until_all_have() -> None:
    both = Both()
    both.many(lambda number: order(1 + number % 50, expires_ms=9_000))
    both.do(order(1, account=OTHER))
    both.now = 8_999

    told = both.do(order(1, "sell", account=OTHER))  # into orders whose time has passed
    assert told == Counter(canceled=1_000, rejected=1)
    assert both.refused_with() == "expiring"

    assert both.do(Uncross(MARKET, "open")) == Counter(canceled=5, rejected=1)
    assert both.refused_with() == "not_in_auction"
    assert both.do(order(1, "sell", account=OTHER)) == Counter(accepted=1, trade=1, done=1)


def test_every_command_that_could_trade_waits_for_what_expires_and_the_others_do_not() -> None:
    both = Both()
    both.many(lambda number: order(2, expires_ms=9_000))
    both.many(lambda number: order(3, expires_ms=9_001))
    both.do(SetMarketStatus(MARKET, "auction"))
    both.now = 9_001

    assert both.do(Uncross(MARKET, "open"))["rejected"] == 1
    assert both.refused_with() == "expiring"
    assert both.do(Batch(OTHER, [Cancel(OTHER, 1, "")]))["rejected"] == 1
    assert both.refused_with() == "expiring"
    assert both.do(Tick()) == Counter(canceled=10)


def test_an_expiring_refusal_is_not_remembered() -> None:
    both = Both()
    both.many(lambda number: order(2, expires_ms=9_000))
    both.now = 8_999
    named = Place(OTHER, MARKET, "buy", "limit", "gtc", 1, 1, 0, "name")

    assert both.do(named)["rejected"] == 1
    assert both.do(named) == Counter(canceled=5, accepted=1, rested=1)


def test_a_thousand_activations_happen_at_a_command_and_the_others_at_the_next() -> None:
    both = Both()
    both.do(order(500, "sell", account=OTHER))
    both.do(order(500))  # the last price
    both.many(lambda number: stop(Instructions(stop_price=499 - number % 7)))
    for price in range(400, 420):
        both.do(Place(OTHER, MARKET, "buy", "limit", "gtc", price, 60, 0, ""))

    told = both.do(Place(TRADER, MARKET, "sell", "limit", "ioc", 419, 1, 0, ""))
    assert told["activated"] == 1_000
    assert both.do(Tick())["activated"] == 5


def test_a_market_has_a_thousand_trailing_orders() -> None:
    both = Both()
    both.many(lambda number: stop(Instructions(trailing_bps=100)))
    assert len(both.comparison.machine.state.orders) == 1_000

    both.do(stop(Instructions(trailing_amount=3), account=OTHER))
    assert both.refused_with() == "too_many_orders"


def test_cancel_all_takes_a_thousand_and_says_that_there_are_more() -> None:
    both = Both()
    both.many(lambda number: order(1 + number % 50))

    assert both.do(CancelAll(TRADER, ""))["canceled"] == 1_000
    first = both.comparison.outcomes[-1].events[-1]
    assert isinstance(first, AllCanceled) and (first.count, first.more) == (1_000, True)
    both.do(CancelAll(TRADER, MARKET))
    second = both.comparison.outcomes[-1].events[-1]
    assert isinstance(second, AllCanceled) and (second.count, second.more) == (5, False)


def test_a_switch_takes_a_thousand_orders_at_a_command_and_fires_when_the_last_is_gone() -> None:
    both = Both()
    both.many(lambda number: order(1 + number % 50))
    both.do(SetSwitch(TRADER, 500))

    assert both.do(order(1, "sell", account=OTHER), later_ms=500) == Counter(canceled=1_000, rejected=1)
    assert both.refused_with() == "expiring"
    assert both.do(Tick()) == Counter(canceled=5, switch_fired=1)
