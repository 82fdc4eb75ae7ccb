"""Binance Spot, `rest-api.md` (Order lists): the price restrictions of an OCO, the rules of OTO and OTOCO, and the
sample answers.

LTCBTC with eight decimals. The type `LIMIT_MAKER` is `limit` with post-only `refuse` here.
"""

import pytest

from exchange.commands.types import Place
from exchange.events.types import Accepted, ListDone, ListOpened
from exchange.terms.words import Side
from tests.unit.engine.examples.reports import amount, report
from tests.unit.engine.venue import (
    BASE,
    Venue,
    activated,
    all_of,
    ended,
    names,
    one,
    order,
    orders_of,
    refusal,
    rested,
)

DECIMALS = 8


def units(text: str) -> int:
    return amount(text, DECIMALS)


def venue(last: str = "") -> Venue:
    it = Venue(tick=units("0.01"), lot=units("0.01"), decimals=DECIMALS)
    if last:
        it.trade_at(units(last))
    return it


def limit_maker(account: int, side: Side, price: str) -> Place:
    return order(account, side, units(price), units("5"), post_only="refuse")


def stop_loss(account: int, side: Side, stop: str) -> Place:
    return order(account, side, 0, units("5"), order_type="stop_loss", stop_price=units(stop))


def stop_loss_limit(account: int, side: Side, stop: str) -> Place:
    return order(account, side, units(stop), units("5"), order_type="stop_loss_limit", stop_price=units(stop))


def take_profit(account: int, side: Side, stop: str) -> Place:
    return order(account, side, 0, units("5"), order_type="take_profit", stop_price=units(stop))


def take_profit_limit(account: int, side: Side, stop: str) -> Place:
    return order(account, side, units(stop), units("5"), order_type="take_profit_limit", stop_price=units(stop))


def test_sample_answer_of_an_oco() -> None:
    """Order 10: STOP_LOSS_LIMIT SELL 5 at 1, stop 1, iceberg 1. Order 11: LIMIT_MAKER SELL 5 at 3."""
    it = venue()
    owner = it.account(base=units("5"))
    stop = order(
        owner,
        "sell",
        units("1.00000000"),
        units("5.00000000"),
        order_type="stop_loss_limit",
        stop_price=units("1.00000000"),
        display=units("1.00000000"),
    )

    events = it.place_list("oco", limit_maker(owner, "sell", "3.00000000"), stop, client_id="lH1YDkuQKWiXVXHPSKYEIp")

    opened = one(events, ListOpened)
    assert (opened.kind, opened.client_id, opened.orders) == ("oco", "lH1YDkuQKWiXVXHPSKYEIp", orders_of(events))
    assert {accepted.order_list for accepted in all_of(events, Accepted)} == {opened.order_list}
    assert [report(it, number).status for number in opened.orders] == ["NEW", "NEW"]
    assert it.asks() == [(units("3"), units("5"))]
    assert it.held(owner, BASE) == (0, units("5"))  # once, not twice

    it.trade_at(units("1"))  # the stop's turn: it shows one of its five
    assert it.asks() == [(units("1"), units("1"))]
    assert [report(it, number).status for number in opened.orders] == ["EXPIRED", "NEW"]


_SELL_ABOVE = {"limit_maker": limit_maker, "take_profit": take_profit, "take_profit_limit": take_profit_limit}
_STOPS = {"stop_loss": stop_loss, "stop_loss_limit": stop_loss_limit}


@pytest.mark.parametrize("profit", sorted(_SELL_ABOVE))
@pytest.mark.parametrize("stop", sorted(_STOPS))
@pytest.mark.parametrize(
    "side,beyond,before",
    [("sell", "2.01", "1.99"), ("buy", "1.99", "2.01")],
)
def test_price_restrictions_of_an_oco_around_a_last_price_of_2(
    profit: str, stop: str, side: Side, beyond: str, before: str
) -> None:
    """SELL: limit price or take-profit's stop price > last > stop price. BUY: the reverse."""
    it = venue(last="2")
    owner = it.rich()
    refused = ("leg_prices", "legs")
    made_profit, made_stop = _SELL_ABOVE[profit], _STOPS[stop]

    for wrong in (
        (made_profit(owner, side, "2"), made_stop(owner, side, before)),
        (made_profit(owner, side, beyond), made_stop(owner, side, "2")),
        (made_profit(owner, side, before), made_stop(owner, side, beyond)),
    ):
        assert refusal(it.place_list("oco", *wrong)) == refused
    right = (made_profit(owner, side, beyond), made_stop(owner, side, before))
    one(it.place_list("oco", *right), ListOpened)
    one(it.place_list("oco", *reversed(right)), ListOpened)


def test_a_take_profit_limit_is_compared_by_its_price() -> None:
    it = venue(last="2")
    owner = it.rich()

    for price, fits in (("1.99", False), ("2.01", True)):
        leg = order(owner, "sell", units(price), units("5"), order_type="take_profit_limit", stop_price=units("2.50"))
        events = it.place_list("oco", leg, stop_loss(owner, "sell", "1"))
        assert ("ListOpened" in names(events)) == fits


def test_an_oco_is_one_profit_and_one_stop_of_one_side_and_quantity() -> None:
    it = venue(last="2")
    owner = it.rich()
    profit, stop = limit_maker(owner, "sell", "3"), stop_loss(owner, "sell", "1")
    plain = order(owner, "sell", units("3"), units("5"))
    smaller = order(owner, "sell", units("3"), units("4"), post_only="refuse")

    for legs in (
        (profit, take_profit(owner, "sell", "3")),
        (stop, stop_loss_limit(owner, "sell", "1")),
        (plain, stop),
        (smaller, stop),
        (limit_maker(owner, "buy", "1"), stop),
    ):
        assert refusal(it.place_list("oco", *legs)) == ("leg_prices", "legs")


def test_activation_of_one_order_immediately_cancels_the_other() -> None:
    it = venue(last="2")
    owner = it.rich()
    limit, stop = orders_of(it.place_list("oco", limit_maker(owner, "sell", "3"), stop_loss(owner, "sell", "1")))

    assert (stop, "oco") in ended(it.buy(it.rich(), units("3"), units("1")))
    assert report(it, limit).status == "PARTIALLY_FILLED"

    limit, stop = orders_of(it.place_list("oco", limit_maker(owner, "sell", "4"), stop_loss(owner, "sell", "1")))
    assert (limit, "oco") in ended(it.trade_at(units("1")))
    assert report(it, stop).status == "EXPIRED"  # a market order that found nobody


def test_sample_answer_of_an_oto() -> None:
    """Order 4: LIMIT SELL 1 at 1, working, NEW. Order 5: MARKET BUY 5, pending, PENDING_NEW."""
    it = venue()
    owner = it.rich()

    working, pending = orders_of(
        it.place_list(
            "oto",
            order(owner, "sell", units("1.00000000"), units("1.00000000")),
            order(owner, "buy", 0, units("5.00000000")),
        )
    )
    assert [report(it, number).status for number in (working, pending)] == ["NEW", "PENDING_NEW"]

    events = it.buy(it.rich(), units("1"), units("1"))

    assert activated(events) == [pending]
    assert [report(it, number).status for number in (working, pending)] == ["FILLED", "EXPIRED"]
    one(events, ListDone)


def test_an_oto_whose_working_order_fills_immediately_still_begins_with_a_pending_order() -> None:
    it = venue()
    owner = it.rich()
    it.buy(it.rich(), units("1"), units("1"))

    events = it.place_list(
        "oto",
        order(owner, "sell", units("1"), units("1")),
        order(owner, "buy", units("0.50"), units("5")),
    )

    assert names(events)[:3] == ["ListOpened", "Accepted", "Accepted"]
    assert names(events).index("Waiting") < names(events).index("Activated") < names(events).index("Rested")
    assert rested(events) == [(units("0.50"), units("5"), 0)]


def test_a_pending_order_may_be_of_any_type_but_a_market_order_by_quote_amount() -> None:
    it = venue(last="2")
    owner = it.rich()
    working = order(owner, "buy", units("1"), units("5"))
    for pending in (
        order(owner, "sell", units("3"), units("5")),
        order(owner, "sell", 0, units("5")),
        limit_maker(owner, "sell", "3"),
        stop_loss(owner, "sell", "0.50"),
        stop_loss_limit(owner, "sell", "0.50"),
        take_profit(owner, "sell", "3"),
        take_profit_limit(owner, "sell", "3"),
    ):
        one(it.place_list("oto", working, pending), ListOpened)

    wrong = order(owner, "sell", quote_amount=units("5"))
    assert refusal(it.place_list("oto", working, wrong)) == ("leg_prices", "legs")
    assert (
        refusal(it.place_list("oto", stop_loss(owner, "sell", "1"), limit_maker(owner, "sell", "3")))[0] == "leg_prices"
    )


@pytest.mark.parametrize("cancelled", [0, 1])
def test_cancelling_either_order_of_an_oto_ends_the_other(cancelled: int) -> None:
    it = venue()
    owner = it.rich()
    orders = orders_of(
        it.place_list("oto", order(owner, "sell", units("3"), units("5")), order(owner, "buy", units("1"), units("5")))
    )

    events = it.cancel(owner, orders[cancelled])

    assert ended(events)[0] == (orders[cancelled], "")
    assert ended(events)[1] == (orders[1 - cancelled], "list")
    one(events, ListDone)


def test_sample_answer_of_an_otoco() -> None:
    """Order 6: LIMIT SELL 1 at 1, working. Order 7: STOP_LOSS_LIMIT BUY 5 at 1, stop 6, IOC. Order 8: LIMIT_MAKER BUY 5
    at 3. Both pending."""
    it = venue()
    owner = it.rich()
    events = it.place_list(
        "otoco",
        order(owner, "sell", units("1.00000000"), units("1.00000000")),
        order(
            owner,
            "buy",
            units("1.00000000"),
            units("5.00000000"),
            order_type="stop_loss_limit",
            tif="ioc",
            stop_price=units("6.00000000"),
        ),
        limit_maker(owner, "buy", "3.00000000"),
        client_id="RumwQpBaDctlUu5jyG5rs0",
    )
    working, stop, limit = orders_of(events)
    assert [report(it, number).status for number in (working, stop, limit)] == ["NEW", "PENDING_NEW", "PENDING_NEW"]

    events = it.buy(it.rich(), units("1"), units("1"))

    assert set(activated(events)) == {stop, limit}
    assert [report(it, number).status for number in (working, stop, limit)] == ["FILLED", "NEW", "NEW"]
    assert it.bids() == [(units("3"), units("5"))]

    events = it.sell(it.rich(), units("3"), units("5"))  # an OCO now

    assert ended(events)[0] == (stop, "oco")
    assert report(it, limit).status == "FILLED"
    one(events, ListDone)


def test_the_pending_pair_of_an_otoco_follows_the_rules_of_an_oco() -> None:
    it = venue(last="2")
    owner = it.rich()
    working = order(owner, "sell", units("3"), units("1"))

    for wrong in (
        (limit_maker(owner, "buy", "7"), stop_loss(owner, "buy", "6")),
        (limit_maker(owner, "buy", "1"), take_profit(owner, "buy", "6")),
        (limit_maker(owner, "buy", "1"), stop_loss(owner, "sell", "1")),
    ):
        assert refusal(it.place_list("otoco", working, *wrong)) == ("leg_prices", "legs")
    one(it.place_list("otoco", working, limit_maker(owner, "buy", "1"), stop_loss(owner, "buy", "6")), ListOpened)
