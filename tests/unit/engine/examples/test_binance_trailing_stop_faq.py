"""Binance Spot, `faqs/trailing-stop-faq.md`: scenarios A to E, the table of conditions, and the sample requests.

Prices are published in whole USDT with one half at the most, so they are given here in halves of one: `usdt("44,000")`.
A "series of linear trades" is a trade at every hundredth of the way and at its end.
"""

from collections.abc import Sequence

import pytest

from exchange.events.types import Activated, Event, Rested, Waiting
from exchange.terms.words import OrderType, Side
from tests.unit.engine.examples.reports import amount
from tests.unit.engine.venue import Venue, activated, ended, names, one, order, order_of, orders_of, refusal

TICK = 5


def usdt(text: str) -> int:
    """USDT with one decimal."""
    return amount(text, 1)


class Market:
    """A market in which somebody trades along the published prices."""

    def __init__(self, last: str) -> None:
        self.venue = Venue(tick=TICK)
        self._maker, self._taker = self.venue.rich(), self.venue.rich()
        self.owner = self.venue.rich()
        self.last = 0
        self.trade(usdt(last))

    def traded(self, price: int) -> Sequence[Event]:
        """One trade; its events."""
        self.venue.sell(self._maker, price, 1)
        self.last = price
        return self.venue.buy(self._taker, price, 1, tif="ioc")

    def trade(self, price: int) -> list[int]:
        """One trade; the orders that it activated."""
        return activated(self.traded(price))

    def run_to(self, end: str) -> None:
        """A series of linear trades from the last price to this one, none of which activates anything."""
        start, stop = self.last, usdt(end)
        for step in range(1, 101):
            price = (start + (stop - start) * step // 100) // TICK * TICK
            assert self.trade(price) == [], f"activated at {price / 10}"

    def triggers_at(self, order: int, price: str, limit: str, side: Side) -> None:
        """It is this price that activates the order, not one tick less, and the order then works at its limit."""
        trigger = usdt(price)
        away = TICK if self.last > trigger else -TICK
        self.run_to(f"{(trigger + away) / 10}")
        events = self.traded(trigger)
        assert activated(events) == [order]
        rested = one(events, Rested)
        assert (rested.order, rested.price, rested.side) == (order, usdt(limit), side)

    def place(self, kind: OrderType, side: Side, price: str, delta: int, stop: str = "", quantity: int = 1) -> int:
        """A trailing order with a limit price; its number."""
        place = self.venue.buy if side == "buy" else self.venue.sell
        events = place(
            self.owner,
            usdt(price),
            quantity,
            order_type=kind,
            trailing_bps=delta,
            stop_price=usdt(stop) if stop else 0,
        )
        assert names(events) == ["Accepted", "Waiting"]
        assert one(events, Waiting).on == "price"
        return order_of(events)


def test_scenario_a_trailing_stop_loss_limit_buy() -> None:
    market = Market("40,000")
    order = market.place("stop_loss_limit", "buy", "45,000", 500, stop="44,000")

    market.run_to("37,000")
    market.run_to("44,000")
    market.run_to("45,000")
    market.run_to("46,000")
    market.run_to("42,000")
    market.triggers_at(order, "44,100", limit="45,000", side="buy")


def test_scenario_b_trailing_stop_loss_limit_sell() -> None:
    market = Market("40,000")
    order = market.place("stop_loss_limit", "sell", "38,000", 1000, stop="39,000")

    market.run_to("41,500")
    market.run_to("39,000")
    market.run_to("37,000")
    market.run_to("41,000")
    market.triggers_at(order, "36,900", limit="38,000", side="sell")


def test_scenario_c_trailing_take_profit_limit_buy() -> None:
    market = Market("40,000")
    order = market.place("take_profit_limit", "buy", "38,500", 850, stop="38,000")

    market.run_to("42,000")
    market.run_to("38,000")
    market.run_to("37,000")
    market.run_to("39,000")
    market.run_to("38,000")
    market.triggers_at(order, "40,145", limit="38,500", side="buy")


def test_scenario_d_trailing_take_profit_limit_sell() -> None:
    market = Market("40,000")
    order = market.place("take_profit_limit", "sell", "41,000", 750, stop="42,000")

    market.run_to("41,500")
    market.run_to("39,000")
    market.run_to("42,000")
    market.run_to("45,000")
    market.run_to("44,000")
    market.run_to("46,500")
    market.triggers_at(order, "43,012.5", limit="41,000", side="sell")


def test_scenario_e_trailing_stop_without_a_stop_price() -> None:
    market = Market("40,000")
    order = market.place("stop_loss_limit", "sell", "39,000", 700)

    market.run_to("42,000")
    market.run_to("39,500")
    market.run_to("45,500")
    market.triggers_at(order, "42,315", limit="39,000", side="sell")


@pytest.mark.parametrize(
    "kind,side,above",
    [
        ("take_profit", "sell", True),
        ("take_profit_limit", "sell", True),
        ("stop_loss", "sell", False),
        ("stop_loss_limit", "sell", False),
        ("stop_loss", "buy", True),
        ("stop_loss_limit", "buy", True),
        ("take_profit", "buy", False),
        ("take_profit_limit", "buy", False),
    ],
)
def test_table_which_price_starts_the_tracking_and_which_movement_triggers(
    kind: OrderType, side: Side, above: bool
) -> None:
    market = Market("40,000")
    place = market.venue.buy if side == "buy" else market.venue.sell
    stop = usdt("41,000") if above else usdt("39,000")
    price = usdt("40,000") if kind.endswith("limit") else 0
    order = order_of(place(market.owner, price, 1, order_type=kind, trailing_bps=1000, stop_price=stop))

    # A movement of more than a tenth either way that does not meet the stop price's condition is ignored.
    market.run_to("36,000" if above else "44,000")
    market.run_to("40,000")
    market.run_to("41,000" if above else "39,000")
    if side == "sell":  # a decrease from the maximum
        market.run_to("42,000")
        market.run_to("37,805")
        assert market.trade(usdt("37,800")) == [order]
    else:  # an increase from the minimum
        market.run_to("38,000")
        market.run_to("41,795")
        assert market.trade(usdt("41,800")) == [order]


def test_bips_a_stop_loss_sell_of_100_triggers_after_a_decrease_of_one_percent() -> None:
    market = Market("40,000")
    order = order_of(market.venue.sell(market.owner, 0, 1, order_type="stop_loss", trailing_bps=100))

    market.run_to("39,600.5")
    assert market.trade(usdt("39,600")) == [order]


@pytest.mark.parametrize(
    "kind,side,price,delta,stop,trigger",
    [
        ("stop_loss_limit", "buy", "42,000", 500, "43,000", "42,000"),
        ("stop_loss_limit", "sell", "37,500", 250, "39,000", "39,000"),
        ("take_profit_limit", "buy", "38,000", 500, "36,000", "42,000"),
        ("take_profit_limit", "sell", "41,500", 175, "42,500", "39,300"),
    ],
)
def test_sample_requests_at_a_last_price_of_40000(
    kind: OrderType, side: Side, price: str, delta: int, stop: str, trigger: str
) -> None:
    market = Market("40,000")
    without = market.place(kind, side, price, delta)
    market.place(kind, side, price, delta, stop=stop)

    # The one without a stop price tracks from 40,000; the other one's condition is not met yet.
    assert market.trade(usdt(trigger)) == [without]


def test_a_trailing_order_is_part_of_an_oco_and_its_trigger_cancels_the_limit_leg() -> None:
    market = Market("40,000")
    limit, stop = orders_of(
        market.venue.place_list(
            "oco",
            order(market.owner, "sell", usdt("45,000"), 1, post_only="refuse"),
            order(market.owner, "sell", 0, 1, order_type="stop_loss", trailing_bps=500),
        )
    )
    market.run_to("38,005")

    events = market.traded(usdt("38,000"))

    assert (limit, "oco") in ended(events)
    assert one(events, Activated).order == stop


def test_a_delta_of_zero_or_of_the_whole_price_is_no_trail() -> None:
    market = Market("40,000")
    events = market.venue.sell(market.owner, 0, 1, order_type="stop_loss", trailing_bps=10_000)

    assert refusal(events) == ("invalid_field", "trailing_bps")
