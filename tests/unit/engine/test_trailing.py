"""Trailing orders beyond the venue's own scenarios: absolute trails, what is tracked when, how many there may be."""

import pytest

from exchange.events.types import Waiting
from tests.unit.engine.venue import QUOTE, More, Trail, Venue, activated, fills, names, one, order_of, refusal

MOST = 1_000


def trail(venue: Venue, side: str, **more: int) -> int:
    """A trailing stop without a price of a rich account; its number."""
    place = venue.buy if side == "buy" else venue.sell
    said = More(
        order_type="stop_loss",
        trailing_amount=more.get("amount", 0),
        trailing_bps=more.get("bps", 0),
        stop_price=more.get("stop", 0),
    )
    events = place(venue.rich(), 0, 1, **said)
    assert names(events) == ["Accepted", "Waiting"]
    return order_of(events)


def test_an_absolute_trail_follows_the_highest_price_down() -> None:
    venue = Venue()
    venue.trade_at(100)
    number = trail(venue, "sell", amount=10)

    assert activated(venue.trade_at(95, 120, 115, 111)) == []
    assert activated(venue.trade_at(110)) == [number]


def test_an_absolute_trail_follows_the_lowest_price_up() -> None:
    venue = Venue()
    venue.trade_at(100)
    number = trail(venue, "buy", amount=10)

    assert activated(venue.trade_at(105, 80, 85, 89)) == []
    assert activated(venue.trade_at(90)) == [number]


@pytest.mark.parametrize("side,below,at", [("sell", 100, 99), ("buy", 102, 103)])
def test_a_trail_in_basis_points_is_not_rounded(side: str, below: int, at: int) -> None:
    venue = Venue()
    venue.trade_at(101)
    number = trail(venue, side, bps=150)  # 99.485 and 102.515

    assert activated(venue.trade_at(below)) == []
    assert activated(venue.trade_at(at)) == [number]


def test_without_a_last_price_a_sell_tracks_from_the_next_trade() -> None:
    venue = Venue()
    number = trail(venue, "sell", amount=10)

    assert activated(venue.trade_at(50, 60, 51)) == []
    assert activated(venue.trade_at(50)) == [number]


@pytest.mark.parametrize("said", [Trail(trailing_bps=100), Trail(trailing_amount=1)])
def test_without_a_last_price_a_buy_without_a_price_is_refused(said: Trail) -> None:
    venue = Venue()
    field = next(iter(said))

    events = venue.buy(venue.rich(), 0, 1, order_type="stop_loss", **said)

    assert refusal(events) == ("no_reference", field)
    assert names(venue.buy(venue.rich(), 50, 1, order_type="stop_loss_limit", **said)) == ["Accepted", "Waiting"]
    assert names(venue.buy(venue.rich(), 0, 1, order_type="stop_loss", stop_price=40, **said)) == [
        "Accepted",
        "Waiting",
    ]


def test_a_stop_price_that_is_met_already_starts_the_tracking_at_once() -> None:
    venue = Venue()
    venue.trade_at(100)
    number = trail(venue, "buy", amount=10, stop=90)  # a stop-loss buy: last >= 90

    assert activated(venue.trade_at(109)) == []
    assert activated(venue.trade_at(110)) == [number]


def test_it_is_not_triggered_by_the_first_price_it_tracks() -> None:
    venue = Venue()
    venue.trade_at(100)
    number = trail(venue, "sell", amount=10, stop=95)  # a stop-loss sell: last <= 95

    assert activated(venue.trade_at(60)) == []  # far below, but the first it tracks
    assert activated(venue.trade_at(51)) == []
    assert activated(venue.trade_at(50)) == [number]


def test_once_tracking_it_does_not_need_its_stop_price_again() -> None:
    venue = Venue()
    venue.trade_at(100)
    number = trail(venue, "sell", amount=10, stop=95)

    assert activated(venue.trade_at(95, 130, 121)) == []
    assert activated(venue.trade_at(120)) == [number]


def test_it_trades_with_more_than_it_locked_when_the_price_has_run_away() -> None:
    venue = Venue()
    venue.trade_at(100)
    buyer = venue.account(quote=300)
    venue.buy(buyer, 0, 2, order_type="stop_loss", trailing_amount=10)
    assert venue.held(buyer, QUOTE) == (80, 220)
    venue.sell(venue.rich(), 145, 2)

    assert fills(venue.trade_at(112)) == [(112, 1), (145, 2)]
    assert venue.held(buyer, QUOTE) == (10, 0)


def test_a_market_holds_a_thousand_of_them() -> None:
    venue = Venue()
    venue.trade_at(100)
    sellers = [venue.rich(), venue.rich()]
    with venue.crowd():
        for place in range(MOST):
            venue.sell(sellers[place % 2], 0, 1, order_type="stop_loss", trailing_bps=100)
    first = venue.state.next_order - MOST

    for stop in (0, 7):
        for said in (Trail(trailing_bps=100), Trail(trailing_amount=1)):
            events = venue.sell(sellers[0], 0, 1, order_type="stop_loss", stop_price=stop, **said)
            assert refusal(events) == ("too_many_orders", next(iter(said)))
    one(venue.sell(sellers[0], 0, 1, order_type="stop_loss", stop_price=7), Waiting)
    venue.cancel(sellers[0], first)
    one(venue.sell(sellers[0], 0, 1, order_type="stop_loss", trailing_bps=100), Waiting)
