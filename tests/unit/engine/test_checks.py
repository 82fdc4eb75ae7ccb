"""In which order an order's faults are found: each test begins with one that has several and mends the first of them
until none is left (docs/rules.md, "Order of checks for `place`")."""

import pytest

from exchange.commands.types import Limits, SetAccountStatus
from exchange.events.types import Accepted, Duplicate, Rejected
from exchange.terms.amounts import MAX_COUNT
from exchange.terms.words import FEES
from tests.unit.engine.venue import BASE, MARKET, QUOTE, More, Trail, Venue, one, order_of, refusal

TICK = 5
LOT = 10


def crowded() -> tuple[Venue, int]:
    """A market with every limit, an ask at 100 and a last price of 100, and a buyer with one open order."""
    venue = Venue(tick=TICK, lot=LOT, min_notional=500)
    maker = venue.rich()
    buyer = venue.account(quote=10_000)
    venue.buy(buyer, 50, 10, client_id="first")
    venue.trade_at(100)
    venue.sell(maker, 100, 1000)
    venue.limits(Limits(bid_up=11_000, bid_down=9_000, max_orders=1, max_parts=2, max_position=30))
    return venue, buyer


def test_a_limit_orders_faults_are_found_in_order() -> None:
    venue, buyer = crowded()
    faulty = More(market="NO-NE", expires_ms=venue.now, post_only="refuse", display=15)
    price, quantity = 7, 15

    def fault() -> tuple[str, str]:
        return refusal(venue.buy(buyer, price, quantity, **faulty))

    venue.do(SetAccountStatus(buyer, "frozen"))
    venue.status("halted")
    assert fault() == ("account_frozen", "account")
    venue.do(SetAccountStatus(buyer, "open"))
    assert fault() == ("unknown_market", "market")
    faulty["market"] = MARKET
    assert fault() == ("market_closed", "market")
    venue.status("open")
    assert fault() == ("already_expired", "expires_ms")
    faulty["expires_ms"] = venue.now + 1
    assert fault() == ("off_tick", "price")
    price = TICK * (MAX_COUNT + 1)
    assert fault() == ("out_of_range", "price")
    price = TICK * MAX_COUNT
    assert fault() == ("off_lot", "quantity")
    quantity = LOT * (MAX_COUNT + 1)
    assert fault() == ("out_of_range", "quantity")
    quantity = LOT * MAX_COUNT
    assert fault() == ("off_lot", "display")
    faulty["display"] = LOT * (MAX_COUNT + 1)
    assert fault() == ("out_of_range", "display")
    faulty["display"] = quantity
    assert fault() == ("invalid_field", "display")
    faulty["display"] = LOT
    assert fault() == ("out_of_range", "quantity")
    price, quantity = TICK, 90
    assert fault() == ("below_min_notional", "quantity")
    price = 120
    assert fault() == ("would_take", "price")
    faulty["post_only"] = ""
    assert fault() == ("outside_band", "price")
    price = 110
    assert fault() == ("too_many_parts", "display")
    faulty["display"] = 50
    assert fault() == ("too_many_orders", "")
    venue.cancel(buyer, client_id="first")
    assert fault() == ("position_limit", "quantity")
    venue.limits(Limits())
    venue.buy(buyer, 90, 90)
    assert fault() == ("insufficient_funds", "quantity")
    quantity, faulty["display"] = 10, 0
    one(venue.buy(buyer, price, quantity, **faulty), Accepted)


def test_a_conditional_orders_faults_are_found_in_order() -> None:
    venue, buyer = crowded()
    venue.limits(Limits(max_orders=2, max_conditional=1, max_position=30))
    owned = order_of(venue.buy(buyer, 50, 10, order_type="stop_loss_limit", stop_price=150))
    faulty = More(order_type="stop_loss", stop_price=7, trailing_amount=0)
    quantity = 40

    def fault() -> tuple[str, str]:
        return refusal(venue.buy(buyer, 0, quantity, **faulty))

    assert fault() == ("off_tick", "stop_price")
    faulty["stop_price"] = TICK * (MAX_COUNT + 1)
    assert fault() == ("out_of_range", "stop_price")
    faulty["stop_price"] = 100
    quantity = 15
    assert fault() == ("off_lot", "quantity")
    quantity = 40
    assert fault() == ("too_many_orders", "")
    venue.limits(Limits(max_orders=3, max_conditional=1, max_position=30))
    assert fault() == ("too_many_orders", "order_type")
    venue.cancel(buyer, owned)
    assert fault() == ("position_limit", "quantity")
    venue.limits(Limits())
    quantity = 1000
    assert fault() == ("would_trigger", "stop_price")
    faulty["stop_price"] = 105
    assert fault() == ("insufficient_funds", "quantity")
    quantity = 10
    one(venue.buy(buyer, 0, quantity, **faulty), Accepted)


def test_a_trailing_orders_faults_are_found_in_order() -> None:
    venue = Venue(tick=TICK, lot=LOT)
    buyer = venue.account(quote=1_000)
    faulty = More(order_type="stop_loss", stop_price=7, trailing_amount=7)
    quantity = 15

    def fault() -> tuple[str, str]:
        return refusal(venue.buy(buyer, 0, quantity, **faulty))

    assert fault() == ("off_tick", "stop_price")
    faulty["stop_price"] = 0
    assert fault() == ("off_tick", "trailing_amount")
    faulty["trailing_amount"] = TICK * (MAX_COUNT + 1)
    assert fault() == ("out_of_range", "trailing_amount")
    faulty["trailing_amount"] = TICK
    assert fault() == ("off_lot", "quantity")
    quantity = 100
    assert fault() == ("no_reference", "trailing_amount")
    faulty["trailing_amount"], faulty["trailing_bps"] = 0, 100
    assert fault() == ("no_reference", "trailing_bps")
    venue.trade_at(100)
    assert fault() == ("insufficient_funds", "quantity")


def test_an_amounts_faults_are_found_in_order() -> None:
    venue = Venue(min_notional=100)
    buyer = venue.account(quote=200)
    venue.limits(Limits(max_orders=1))
    venue.status("post_only")

    assert refusal(venue.spend(buyer, 99)) == ("below_min_notional", "quote_amount")
    assert refusal(venue.spend(buyer, 100)) == ("would_take", "order_type")
    venue.status("open")
    venue.buy(buyer, 10, 15)
    assert refusal(venue.spend(buyer, 100)) == ("too_many_orders", "")
    venue.limits(Limits())
    assert refusal(venue.spend(buyer, 100)) == ("insufficient_funds", "quote_amount")


@pytest.mark.parametrize("account,code", [(FEES, "house_account"), (0, "house_account"), (10**6, "unknown_account")])
def test_the_account_is_looked_at_first(account: int, code: str) -> None:
    venue = Venue()

    assert refusal(venue.buy(account, 1, 1, market="NO-NE", client_id="a")) == (code, "account")


def test_a_repetition_is_known_before_the_account_is_found_frozen() -> None:
    venue, buyer = crowded()
    venue.do(SetAccountStatus(buyer, "frozen"))

    assert isinstance(venue.buy(buyer, 50, 10, client_id="first")[0], Duplicate)
    assert refusal(venue.buy(buyer, 50, 10, client_id="second")) == ("account_frozen", "account")
    venue.do(SetAccountStatus(buyer, "open"))
    assert isinstance(venue.buy(buyer, 50, 10, client_id="second")[0], Duplicate)


def test_a_refused_order_changes_nothing_but_what_is_remembered() -> None:
    venue, buyer = crowded()
    before = (venue.bids(), venue.asks(), venue.held(buyer, QUOTE), venue.held(buyer, BASE), venue.state.next_order)

    for price, quantity in ((7, 10), (50, 15), (5, 10), (500, 10)):
        one(venue.buy(buyer, price, quantity), Rejected)

    assert before == (
        venue.bids(),
        venue.asks(),
        venue.held(buyer, QUOTE),
        venue.held(buyer, BASE),
        venue.state.next_order,
    )


# --- what must be there -----------------------------------------------------------------------------------------------


def test_a_priced_buy_needs_its_notional_at_the_price_at_which_it_would_rest() -> None:
    venue = Venue()
    venue.sell(venue.rich(), 10, 5)
    buyer = venue.account(quote=50)

    assert refusal(venue.buy(buyer, 11, 5)) == ("insufficient_funds", "quantity")
    one(venue.buy(buyer, 11, 5, post_only="reprice"), Accepted)  # rests at 9
    assert venue.held(buyer, QUOTE) == (5, 45)


def test_a_conditional_buy_without_a_price_needs_its_quantity_at_the_trigger() -> None:
    venue = Venue()
    buyer = venue.account(quote=100)

    assert refusal(venue.buy(buyer, 0, 11, order_type="stop_loss", stop_price=10)) == ("insufficient_funds", "quantity")
    one(venue.buy(buyer, 0, 10, order_type="stop_loss", stop_price=10), Accepted)
    assert venue.held(buyer, QUOTE) == (0, 100)


@pytest.mark.parametrize("trail,locked", [(Trail(trailing_bps=33), 105), (Trail(trailing_amount=10), 110)])
def test_a_trailing_buy_without_a_price_needs_the_last_price_moved_up_by_the_trail_to_a_tick(
    trail: Trail, locked: int
) -> None:
    venue = Venue(tick=5)
    venue.trade_at(100)
    buyer = venue.account(quote=1000)

    one(venue.buy(buyer, 0, 1, order_type="stop_loss", **trail), Accepted)  # 100.33 is 105 on the grid

    assert venue.held(buyer, QUOTE) == (1000 - locked, locked)


def test_a_trailing_buy_with_a_stop_price_needs_its_quantity_at_that_price_moved_up_by_the_trail() -> None:
    venue = Venue()
    buyer = venue.account(quote=1000)

    one(venue.buy(buyer, 0, 2, order_type="stop_loss", trailing_bps=100, stop_price=70), Accepted)  # 70.7

    assert venue.held(buyer, QUOTE) == (858, 142)


def test_a_conditional_sell_needs_its_quantity() -> None:
    venue = Venue()
    seller = venue.account(base=5)

    assert refusal(venue.sell(seller, 0, 6, order_type="stop_loss", stop_price=10)) == (
        "insufficient_funds",
        "quantity",
    )
    one(venue.sell(seller, 3, 5, order_type="stop_loss_limit", stop_price=10), Accepted)
    assert venue.held(seller, BASE) == (0, 5)


def test_a_market_buy_is_charged_for_hidden_quantity_and_for_its_own_accounts_orders() -> None:
    venue = Venue()
    venue.sell(venue.rich(), 10, 10, display=1)
    buyer = venue.account(base=5, quote=150)
    venue.sell(buyer, 11, 5)

    assert refusal(venue.buy(buyer, 0, 15, stp="expire_maker")) == ("insufficient_funds", "quantity")
    one(venue.market_buy(buyer, 14), Accepted)
