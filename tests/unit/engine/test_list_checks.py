"""What a list is refused for, in which order, and which names it leaves behind."""

from exchange.commands.types import Limits, Place, SetAccountStatus
from exchange.events.types import Duplicate, ListDone, ListOpened
from tests.unit.engine.venue import BASE, Venue, ended, names, one, order, orders_of, refusal


def sells(account: int, price: int = 120, trigger: int = 80, quantity: int = 5) -> tuple[Place, Place]:
    """The legs of a selling OCO."""
    return (
        order(account, "sell", price, quantity, post_only="refuse"),
        order(account, "sell", 0, quantity, order_type="stop_loss", stop_price=trigger),
    )


def test_a_lists_faults_are_found_in_order() -> None:
    venue = Venue(tick=5, lot=5, min_notional=100)
    venue.trade_at(100)
    seller = venue.account(base=4)
    venue.do(SetAccountStatus(seller, "frozen"))
    venue.status("halted")
    legs = list(sells(seller, price=121, trigger=131))

    assert refusal(venue.place_list("oco", *legs)) == ("account_frozen", "account")
    venue.do(SetAccountStatus(seller, "open"))
    assert refusal(venue.place_list("oco", *legs)) == ("market_closed", "market")
    venue.status("open")
    assert refusal(venue.place_list("oco", *legs)) == ("off_tick", "price")
    legs[0] = order(seller, "sell", 90, 5)
    assert refusal(venue.place_list("oco", *legs)) == ("off_tick", "stop_price")
    legs[1] = order(seller, "sell", 0, 6, order_type="stop_loss", stop_price=100)
    assert refusal(venue.place_list("oco", *legs)) == ("off_lot", "quantity")
    venue.limits(Limits(max_orders=1))
    legs = list(sells(seller, price=90, trigger=100))
    assert refusal(venue.place_list("oco", *legs)) == ("too_many_orders", "")
    venue.limits(Limits())
    legs[0] = order(seller, "sell", 90, 5)
    assert refusal(venue.place_list("oco", *legs)) == ("leg_prices", "legs")
    legs = list(sells(seller, price=120, trigger=80))
    assert refusal(venue.place_list("oco", *legs)) == ("insufficient_funds", "quantity")


def test_the_account_the_repetition_and_the_market_come_first() -> None:
    venue = Venue()
    seller = venue.account(base=5)
    elsewhere = order(seller, "sell", 120, 5, market="NO-NE")

    assert refusal(venue.place_list("oco", elsewhere, elsewhere, client_id="l")) == ("unknown_market", "market")
    assert isinstance(venue.place_list("oco", *sells(seller), client_id="l")[0], Duplicate)
    assert refusal(venue.place_list("oco", *sells(10**6))) == ("unknown_account", "account")
    assert refusal(venue.place_list("oco", *sells(1))) == ("house_account", "account")


def test_counts_look_at_the_legs_before_as_open() -> None:
    venue = Venue()
    seller = venue.account(base=50)
    venue.limits(Limits(max_orders=2))
    one(venue.place_list("oco", *sells(seller)), ListOpened)
    assert refusal(venue.place_list("oco", *sells(seller))) == ("too_many_orders", "")

    venue.limits(Limits(max_conditional=2))
    one(venue.place_list("oco", *sells(seller)), ListOpened)
    assert refusal(venue.place_list("oco", *sells(seller))) == ("too_many_orders", "order_type")


def test_a_position_counts_the_legs_before() -> None:
    venue = Venue()
    buyer = venue.account(quote=10_000)
    venue.limits(Limits(max_position=9))
    legs = (order(buyer, "buy", 90, 5), order(buyer, "buy", 80, 5))

    assert refusal(venue.place_list("oto", *legs)) == ("position_limit", "quantity")
    venue.limits(Limits(max_position=10))
    one(venue.place_list("oto", *legs), ListOpened)


def test_pending_legs_are_not_looked_at_for_what_the_book_is_now() -> None:
    venue = Venue()
    buyer = venue.account(quote=500)
    venue.buy(venue.rich(), 95, 5)
    venue.limits(Limits(reference=100, ask_down=9_900))

    # It would take, stands outside the band, and there is nothing to sell: later, perhaps.
    pending = order(buyer, "sell", 90, 5, post_only="refuse")
    one(venue.place_list("oto", order(buyer, "buy", 90, 5), pending), ListOpened)


def test_the_legs_placed_now_are_looked_at() -> None:
    venue = Venue()
    seller = venue.account(base=5)
    venue.buy(venue.rich(), 95, 5)

    assert refusal(venue.place_list("oco", *sells(seller, price=95))) == ("would_take", "price")
    venue.limits(Limits(reference=100, ask_up=11_000))
    assert refusal(venue.place_list("oco", *sells(seller, price=120))) == ("outside_band", "price")


def test_without_a_last_price_the_legs_must_lie_on_their_sides_of_each_other() -> None:
    venue = Venue()
    seller = venue.account(base=5)

    for price, trigger in ((80, 80), (80, 120)):
        assert refusal(venue.place_list("oco", *sells(seller, price, trigger))) == ("leg_prices", "legs")
    one(venue.place_list("oco", *sells(seller, 81, 80)), ListOpened)


def test_trailing_legs_without_a_stop_price_are_not_compared() -> None:
    venue = Venue()
    venue.trade_at(100)
    seller = venue.account(base=50)
    limit, stop = sells(seller)
    trailing_stop = order(seller, "sell", 0, 5, order_type="stop_loss", trailing_bps=500)
    trailing_profit = order(seller, "sell", 0, 5, order_type="take_profit", trailing_bps=500)
    trailing_profit_limit = order(seller, "sell", 70, 5, order_type="take_profit_limit", trailing_bps=500)

    for legs in ((limit, trailing_stop), (trailing_profit, stop), (trailing_profit_limit, stop)):
        one(venue.place_list("oco", *legs), ListOpened)
    # The other leg is compared with the last price all the same.
    wrong = order(seller, "sell", 0, 5, order_type="stop_loss", stop_price=100)
    assert refusal(venue.place_list("oco", trailing_profit, wrong)) == ("leg_prices", "legs")


def test_a_working_leg_is_a_limit_order() -> None:
    venue = Venue()
    trader = venue.rich()
    limit, stop = sells(trader)
    market = order(trader, "sell", 0, 5)

    for working in (stop, market):
        assert refusal(venue.place_list("oto", working, limit)) == ("leg_prices", "legs")
    one(venue.place_list("oto", limit, market), ListOpened)


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_lists_names_are_apart_from_orders_names() -> None:
    venue = Venue()
    seller = venue.account(base=50)
    venue.sell(seller, 150, 1, client_id="a")

    one(venue.place_list("oco", *sells(seller), client_id="a"), ListOpened)
    assert isinstance(venue.place_list("oco", *sells(seller), client_id="a")[0], Duplicate)


def test_a_legs_name_that_is_remembered_or_given_twice_is_refused() -> None:
    venue = Venue()
    seller = venue.account(base=50)
    venue.sell(seller, 150, 1, client_id="a")
    limit, stop = sells(seller)

    def named(first: str, second: str) -> tuple[Place, Place]:
        limit.client_id, stop.client_id = first, second
        return limit, stop

    assert refusal(venue.place_list("oco", *named("a", "b"))) == ("client_id_used", "client_id")
    assert refusal(venue.place_list("oco", *named("b", "a"))) == ("client_id_used", "client_id")
    assert refusal(venue.place_list("oco", *named("b", "b"))) == ("client_id_used", "client_id")
    one(venue.place_list("oco", *named("b", "c")), ListOpened)


def test_a_refused_list_remembers_its_own_name_only_and_an_accepted_one_all() -> None:
    venue = Venue()
    seller = venue.account(base=5)
    limit, stop = sells(seller, quantity=6)
    limit.client_id, stop.client_id = "x", "y"
    assert refusal(venue.place_list("oco", limit, stop, client_id="l")) == ("insufficient_funds", "quantity")

    assert isinstance(venue.place_list("oco", *sells(seller), client_id="l")[0], Duplicate)
    limit, stop = sells(seller)
    limit.client_id, stop.client_id = "x", "y"
    one(venue.place_list("oco", limit, stop, client_id="m"), ListOpened)
    for name in ("x", "y"):
        assert isinstance(venue.sell(seller, 150, 1, client_id=name)[0], Duplicate)
    assert isinstance(venue.place_list("oco", limit, stop, client_id="m")[0], Duplicate)


# --- cancelling a list ------------------------------------------------------------------------------------------------


def test_a_list_is_cancelled_by_its_number_or_its_name_and_once() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    first = venue.place_list("oco", *sells(seller))
    second = venue.place_list("oco", *sells(seller), client_id="l")

    events = venue.cancel_list(seller, one(first, ListOpened).order_list)
    assert [number for number, _ in ended(events)] == orders_of(first)
    assert ended(events)[0][1] == ""
    assert names(events)[-1] == "ListDone"
    events = venue.cancel_list(seller, client_id="l")
    assert [number for number, _ in ended(events)] == orders_of(second)
    one(events, ListDone)

    assert venue.held(seller, BASE) == (10, 0)
    assert refusal(venue.cancel_list(seller, one(first, ListOpened).order_list)) == ("unknown_list", "order_list")
    assert refusal(venue.cancel_list(seller, client_id="l")) == ("unknown_list", "client_id")


def test_somebody_elses_list_is_as_unknown_as_none() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    opened = one(venue.place_list("oco", *sells(seller), client_id="l"), ListOpened)

    assert refusal(venue.cancel_list(venue.rich(), opened.order_list)) == ("unknown_list", "order_list")
    assert refusal(venue.cancel_list(venue.rich(), client_id="l")) == ("unknown_list", "client_id")
    assert refusal(venue.cancel_list(seller, 99)) == ("unknown_list", "order_list")


def test_a_list_in_a_halted_market_stays() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    opened = one(venue.place_list("oco", *sells(seller), client_id="l"), ListOpened)
    venue.status("halted")

    assert refusal(venue.cancel_list(seller, opened.order_list)) == ("market_closed", "order_list")
    assert refusal(venue.cancel_list(seller, client_id="l")) == ("market_closed", "client_id")
