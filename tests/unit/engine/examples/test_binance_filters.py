"""Binance Spot, `filters.md`: each filter that there is here, with the values of its published sample.

A market has one tick and one lot, so `minPrice` and `minQty` are these, and the largest values are fixed (10**15 ticks
or lots, `TRAILING_DELTA` 1 to 9,999). The multipliers are those around the last price (`avgPriceMins` 0). There is no
`MARKET_LOT_SIZE`, `MAX_ASSET`, `MAX_NUM_ICEBERG_ORDERS`, `MAX_NUM_ORDER_AMENDS` or `MAX_NUM_ORDER_LISTS`, no upper
notional, and no filter of the whole exchange.
"""

import pytest

from exchange.commands.types import Limits
from exchange.events.types import Accepted, Rested
from exchange.terms.words import Side
from tests.unit.engine.examples.reports import amount
from tests.unit.engine.venue import MARKET, Venue, fills, one, order_of, refusal

DECIMALS = 8


def units(text: str) -> int:
    return amount(text, DECIMALS)


def venue(tick: str = "0.01", lot: str = "0.001", min_notional: str = "0") -> Venue:
    return Venue(tick=units(tick), lot=units(lot), decimals=DECIMALS, min_notional=units(min_notional))


def test_price_filter() -> None:
    it = venue(tick="0.00000100", lot="1")  # tickSize and minPrice
    trader = it.rich()

    one(it.buy(trader, units("0.00000100"), units("1")), Rested)
    one(it.buy(trader, units("0.00000300"), units("1")), Rested)
    assert refusal(it.buy(trader, units("0.00000150"), units("1"))) == ("off_tick", "price")
    stop = it.sell(trader, 0, units("1"), order_type="stop_loss", stop_price=units("0.00000150"))
    assert refusal(stop) == ("off_tick", "stop_price")


def test_lot_size() -> None:
    it = venue(lot="0.00100000")  # stepSize and minQty
    trader = it.rich()

    one(it.buy(trader, units("1"), units("0.00100000")), Rested)
    assert refusal(it.buy(trader, units("1"), units("0.00150000"))) == ("off_lot", "quantity")
    assert refusal(it.buy(trader, units("1"), units("0.00050000"))) == ("off_lot", "quantity")
    iceberg = it.buy(trader, units("1"), units("0.01"), display=units("0.00150000"))
    assert refusal(iceberg) == ("off_lot", "display")


def test_min_notional() -> None:
    it = venue(min_notional="0.00100000")
    trader = it.rich()

    one(it.buy(trader, units("0.10"), units("0.01")), Rested)
    assert refusal(it.buy(trader, units("0.10"), units("0.009"))) == ("below_min_notional", "quantity")


def test_notional_with_apply_min_to_market_false() -> None:
    it = venue(min_notional="10.00000000")
    maker, trader = it.rich(), it.rich()
    it.sell(maker, units("100"), units("1"))

    assert refusal(it.buy(trader, units("100"), units("0.099"))) == ("below_min_notional", "quantity")
    one(it.buy(trader, units("100"), units("0.100")), Accepted)
    assert fills(it.market_buy(trader, units("0.001"))) == [(units("100"), units("0.001"))]


@pytest.mark.parametrize(
    "side,lowest,highest",
    [("buy", "20.00", "120.00"), ("sell", "80.00", "500.00")],
)
def test_percent_price_by_side(side: Side, lowest: str, highest: str) -> None:
    """BidMultiplierUp 1.2, bidMultiplierDown 0.2, askMultiplierUp 5, askMultiplierDown 0.8, around a price of 100."""
    it = venue()
    it.trade_at(units("100"))
    it.limits(Limits(bid_up=12_000, bid_down=2_000, ask_up=50_000, ask_down=8_000))
    trader = it.rich()
    place = it.buy if side == "buy" else it.sell

    assert order_of(place(trader, units(lowest), units("1")))
    assert order_of(place(trader, units(highest), units("1")))
    outside = ("outside_band", "price")
    assert refusal(place(trader, units(lowest) - units("0.01"), units("1"))) == outside
    assert refusal(place(trader, units(highest) + units("0.01"), units("1"))) == outside


def test_percent_price_is_the_same_band_on_both_sides() -> None:
    """MultiplierUp 1.3000, multiplierDown 0.7000."""
    it = venue()
    it.trade_at(units("100"))
    it.limits(Limits(bid_up=13_000, bid_down=7_000, ask_up=13_000, ask_down=7_000))
    trader = it.rich()

    for place, price in ((it.buy, "70"), (it.sell, "130")):
        assert order_of(place(trader, units(price), units("1")))
    for place, price in ((it.buy, "69.99"), (it.sell, "130.01"), (it.buy, "130.01"), (it.sell, "69.99")):
        assert refusal(place(trader, units(price), units("1"))) == ("outside_band", "price")


def test_iceberg_parts_of_10() -> None:
    """The number of parts is CEIL(qty / icebergQty)."""
    it = venue()
    it.limits(Limits(max_parts=10))
    trader = it.rich()

    one(it.buy(trader, units("1"), units("10"), display=units("1")), Rested)
    one(it.buy(trader, units("1"), units("9.001"), display=units("1")), Rested)
    eleven = it.buy(trader, units("1"), units("10.001"), display=units("1"))
    assert refusal(eleven) == ("too_many_parts", "display")


def test_max_num_orders_of_25_counts_conditional_orders_too() -> None:
    it = venue()
    it.limits(Limits(max_orders=25))
    trader, other = it.rich(), it.rich()
    for _ in range(24):
        it.buy(trader, units("1"), units("1"))
    one(it.sell(trader, 0, units("1"), order_type="stop_loss", stop_price=units("1")), Accepted)

    assert refusal(it.buy(trader, units("1"), units("1"))) == ("too_many_orders", "")
    one(it.buy(other, units("1"), units("1")), Rested)


def test_max_num_algo_orders_of_5() -> None:
    it = venue()
    it.limits(Limits(max_conditional=5))
    trader = it.rich()
    orders = [order_of(it.sell(trader, 0, units("1"), order_type="stop_loss", stop_price=units("1"))) for _ in range(5)]

    sixth = it.buy(trader, units("1"), units("1"), order_type="take_profit_limit", stop_price=units("1"))
    assert refusal(sixth) == ("too_many_orders", "order_type")
    one(it.buy(trader, units("1"), units("1")), Rested)
    it.cancel(trader, orders[0])
    one(it.buy(trader, units("1"), units("1"), order_type="take_profit_limit", stop_price=units("1")), Accepted)


def test_max_position_of_10() -> None:
    """Free and locked balance of the base asset, and the quantity of all open BUY orders."""
    it = venue()
    it.limits(Limits(max_position=units("10.00000000")))
    trader = it.account(base=units("6"), quote=units("1000"))
    it.sell(trader, units("5"), units("2"))  # 4 free, 2 locked
    one(it.buy(trader, units("1"), units("3")), Rested)

    assert refusal(it.buy(trader, units("1"), units("1.001"))) == ("position_limit", "quantity")
    one(it.buy(trader, units("1"), units("1")), Rested)
    assert refusal(it.buy(trader, units("1"), units("0.001"))) == ("position_limit", "quantity")
    one(it.sell(trader, units("5"), units("1")), Rested)


@pytest.mark.parametrize("delta", [10, 2000])
def test_trailing_delta_within_the_published_bounds_is_taken(delta: int) -> None:
    it = venue()
    it.trade_at(units("100"))

    accepted = one(it.sell(it.rich(), 0, units("1"), order_type="stop_loss", trailing_bps=delta), Accepted)

    assert accepted.instructions.trailing_bps == delta
    assert accepted.market == MARKET
