"""Activations: in which order, to a fixed point, within a bound that carries over to the next command."""

from exchange.commands.types import Limits, Uncross
from exchange.events.types import Activated, Rejected, Trade
from tests.unit.engine.venue import (
    BASE,
    MARKET,
    OTHER,
    QUOTE,
    Venue,
    activated,
    all_of,
    end_of,
    fills,
    names,
    one,
    order,
    order_of,
)

BOUND = 1_000


def test_rising_triggers_come_first_from_the_lowest_then_falling_ones_from_the_highest() -> None:
    venue = Venue()
    trader = venue.rich()

    def rising(stop: int) -> int:
        return order_of(venue.sell(trader, 1000, 1, order_type="take_profit_limit", stop_price=stop))

    def falling(stop: int) -> int:
        return order_of(venue.buy(trader, 1, 1, order_type="take_profit_limit", stop_price=stop))

    down = [falling(100), falling(110), falling(110)]
    up = [rising(100), rising(90), rising(90)]

    assert activated(venue.trade_at(100)) == [up[1], up[2], up[0], down[1], down[2], down[0]]


def test_trailing_orders_come_last_by_their_number() -> None:
    venue = Venue()
    venue.trade_at(100)
    trader = venue.rich()
    later = order_of(venue.buy(trader, 1, 1, order_type="stop_loss_limit", trailing_bps=1000))
    first = order_of(venue.buy(trader, 1, 1, order_type="stop_loss_limit", trailing_amount=5))
    fixed = order_of(venue.buy(trader, 1, 1, order_type="stop_loss_limit", stop_price=110))

    assert activated(venue.trade_at(110)) == [fixed, later, first]


def test_one_activation_sets_off_the_next_until_nothing_more_is_triggered() -> None:
    venue = Venue()
    for price in (94, 89, 84):
        venue.buy(venue.rich(), price, 1)
    venue.trade_at(100)
    seller = venue.account(base=9)
    stops = [order_of(venue.sell(seller, 0, 1, order_type="stop_loss", stop_price=stop)) for stop in (85, 90, 95, 80)]

    events = venue.sell(venue.rich(), 94, 1)

    assert fills(events) == [(94, 1), (89, 1), (84, 1)]
    assert activated(events) == [stops[2], stops[1], stops[0]]
    assert venue.held(seller, BASE) == (6, 1)  # the third found nobody; the fourth still waits at 80


def test_what_is_queued_is_worked_off_before_what_is_triggered_later() -> None:
    venue = Venue()
    venue.trade_at(100)
    venue.buy(venue.rich(), 90, 1)
    seller = venue.account(base=9)
    first = order_of(venue.sell(seller, 0, 1, order_type="stop_loss", stop_price=99))
    second = order_of(venue.sell(seller, 0, 1, order_type="stop_loss", stop_price=95))
    third = order_of(venue.sell(seller, 0, 1, order_type="stop_loss", stop_price=91))

    # 95 triggers the first two; the first one's trade at 90 triggers the third, behind the second.
    assert activated(venue.trade_at(95)) == [first, second, third]


def test_an_order_that_is_triggered_stays_so_when_the_price_comes_back() -> None:
    venue = Venue()
    venue.trade_at(100)
    venue.sell(venue.rich(), 99, 1)
    buyer, seller = venue.rich(), venue.rich()
    first = order_of(venue.buy(buyer, 99, 1, order_type="stop_loss_limit", stop_price=105))
    second = order_of(venue.sell(seller, 200, 1, order_type="take_profit_limit", stop_price=105))

    # The first one's trade makes the last price 99 again.
    venue.sell(venue.rich(), 105, 1)
    events = venue.buy(venue.rich(), 105, 2, tif="ioc")

    assert fills(events) == [(99, 1), (105, 1)]
    assert activated(events) == [first, second]


def test_a_limit_order_that_an_activation_puts_down_is_met_by_the_next() -> None:
    venue = Venue()
    venue.trade_at(100)
    seller, buyer = venue.rich(), venue.rich()
    limit = order_of(venue.sell(seller, 90, 1, order_type="stop_loss_limit", stop_price=99))
    market = order_of(venue.buy(buyer, 0, 1, order_type="take_profit", stop_price=98))

    events = venue.trade_at(98)

    assert activated(events) == [limit, market]
    assert [(trade.maker_order, trade.taker_order) for trade in all_of(events, Trade)][1:] == [(limit, market)]


def test_markets_have_queues_of_their_own() -> None:
    venue = Venue()
    venue.second_market()
    trader, maker = venue.rich(), venue.rich()
    there = order_of(venue.sell(trader, 0, 100, order_type="stop_loss", stop_price=100, market=OTHER))
    here = order_of(venue.sell(trader, 0, 1, order_type="stop_loss", stop_price=100))
    for market, lot in ((OTHER, 100), (MARKET, 1)):
        venue.status("auction", market)
        venue.sell(maker, 100, lot, market=market)
        venue.buy(maker, 100, lot, market=market)
        assert activated(venue.do(Uncross(market, "post_only"))) == []

    assert activated(venue.status("open", MARKET)) == [here]
    assert activated(venue.status("open", OTHER)) == [there]


def test_markets_that_traded_in_one_command_are_gone_through_by_name() -> None:
    venue = Venue()
    venue.second_market()
    trader, maker = venue.rich(), venue.rich()
    here = order_of(venue.sell(trader, 0, 1, order_type="stop_loss", stop_price=100))
    there = order_of(venue.sell(trader, 0, 100, order_type="stop_loss", stop_price=100, market=OTHER))
    venue.sell(maker, 100, 1)
    venue.sell(maker, 100, 100, market=OTHER)

    events = venue.batch(trader, order(trader, "buy", 100, 1), order(trader, "buy", 100, 100, market=OTHER))

    assert [trade.market for trade in all_of(events, Trade)] == [MARKET, OTHER]
    assert activated(events) == [there, here]  # INR-TATA before TATA-INR


# --- markets that are not open ----------------------------------------------------------------------------------------


def closed_with_a_queue() -> tuple[Venue, int, int]:
    """A market that was uncrossed at 100 to `post_only`, with an activated-to-be sell of 3 in its queue."""
    venue = Venue()
    seller = venue.account(base=3)
    number = order_of(venue.sell(seller, 0, 3, order_type="stop_loss", stop_price=100))
    venue.status("auction")
    venue.sell(venue.rich(), 100, 1)
    venue.buy(venue.rich(), 100, 1)
    assert activated(venue.uncross("post_only")) == []
    return venue, seller, number


def test_activations_wait_until_the_market_is_open() -> None:
    venue, seller, number = closed_with_a_queue()
    venue.buy(venue.rich(), 90, 2)
    assert activated(venue.tick()) == []
    assert venue.held(seller, BASE) == (0, 3)

    events = venue.status("open")

    assert activated(events) == [number]
    assert names(events)[0] == "MarketStatusSet"
    assert fills(events) == [(90, 2)]


def test_a_queued_order_can_be_cancelled_and_reduced() -> None:
    venue, seller, number = closed_with_a_queue()
    venue.amend(seller, number, 2)
    assert venue.held(seller, BASE) == (1, 2)

    assert end_of(venue.cancel(seller, number)) == ("canceled", 2, "")

    assert venue.held(seller, BASE) == (3, 0)
    assert activated(venue.status("open")) == []


def test_a_queued_order_may_end_by_its_time() -> None:
    venue = Venue()
    seller = venue.account(base=3)
    venue.sell(seller, 50, 3, order_type="stop_loss_limit", stop_price=100, expires_ms=venue.now + 10)
    venue.status("auction")
    venue.sell(venue.rich(), 100, 1)
    venue.buy(venue.rich(), 100, 1)
    venue.uncross("post_only")
    venue.wait(10)

    events = venue.status("open")

    assert names(events) == ["Done", "MarketStatusSet"]
    assert venue.held(seller, BASE) == (3, 0)


# --- the bound --------------------------------------------------------------------------------------------------------


def stops(count: int) -> tuple[Venue, int]:
    """A market with this many stops at 100, and their owner."""
    venue = Venue()
    owner = venue.rich()
    venue.rich()
    with venue.crowd():
        for _ in range(count):
            venue.sell(owner, 500, 1, order_type="stop_loss_limit", stop_price=100)
    return venue, owner


def test_a_command_sets_off_a_thousand_and_the_next_command_goes_on() -> None:
    venue, owner = stops(2 * BOUND + 3)

    events = venue.trade_at(100)
    assert len(activated(events)) == BOUND
    assert venue.asks() == [(500, BOUND)]
    # The price has gone away from the trigger, what is queued stays queued; step 3 and 5 share one bound.
    events = venue.buy(owner, 1, 1)
    assert len(activated(events)) == BOUND
    assert names(events)[-2:] == ["Accepted", "Rested"]
    events = venue.tick()
    assert (names(events), venue.asks()) == (["Activated", "Rested"] * 3, [(500, 2 * BOUND + 3)])
    assert names(venue.tick()) == []


def test_expiries_and_activations_share_the_bound() -> None:
    venue, owner = stops(10)
    maker, taker = venue.rich(), venue.rich()
    with venue.crowd():
        for _ in range(BOUND - 4):
            venue.buy(owner, 1, 1, expires_ms=venue.now + 10)
    venue.sell(maker, 100, 1)
    venue.wait(10)

    events = venue.buy(taker, 100, 1)

    assert names(events).count("Canceled") == BOUND - 4
    assert (fills(events), len(activated(events))) == ([(100, 1)], 4)
    assert len(activated(venue.tick())) == 6


def test_a_refused_command_still_lets_the_queue_go_on() -> None:
    venue, owner = stops(BOUND + 2)
    venue.trade_at(100)

    events = venue.cancel(owner, 10**6)

    assert names(events) == ["Activated", "Rested", "Activated", "Rested", "Rejected"]
    assert one(events, Rejected).code == "unknown_order"


def test_activations_do_not_count_against_the_bound_of_work_of_one_taker() -> None:
    venue = Venue()
    seller = venue.account(base=5)
    for price in (90, 89, 88):
        venue.buy(venue.rich(), price, 1)
    venue.limits(Limits(max_fills=2))
    venue.sell(seller, 0, 5, order_type="stop_loss", stop_price=100)

    events = venue.trade_at(100)

    assert fills(events) == [(100, 1), (90, 1), (89, 1)]
    assert one(events, Activated).by == "price"
    assert venue.held(seller, QUOTE) == (179, 0)
