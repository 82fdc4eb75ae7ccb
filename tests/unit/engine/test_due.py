"""What is due happens before the command: orders' times and dead man's switches, in order and within a bound."""

from exchange.commands.types import Deposit
from exchange.events.types import (
    Accepted,
    Canceled,
    Deposited,
    Done,
    Rejected,
    Rested,
    SwitchFired,
    SwitchSet,
    Trade,
)
from tests.unit.engine.venue import (
    BASE,
    QUOTE,
    Venue,
    all_of,
    end_of,
    ended,
    names,
    one,
    order,
    order_of,
    orders_of,
    refusal,
)

BOUND = 1_000


def crowd(count: int, expires_in: int = 0) -> tuple[Venue, int]:
    """An account with this many open orders, which expire together."""
    venue = Venue()
    owner = venue.rich()
    with venue.crowd():
        for _ in range(count):
            venue.buy(owner, 1, 1, expires_ms=venue.now + expires_in if expires_in else 0)
    return venue, owner


# --- time -------------------------------------------------------------------------------------------------------------


def test_an_order_ends_at_the_first_command_at_its_time_and_not_before() -> None:
    venue = Venue()
    buyer = venue.account(quote=100)
    number = order_of(venue.buy(buyer, 10, 5, expires_ms=venue.now + 100))
    venue.wait(99)
    assert names(venue.tick()) == []

    venue.wait(1)
    canceled = one(venue.tick(), Canceled)

    assert (canceled.order, canceled.quantity, canceled.reason) == (number, 5, "time")
    assert venue.held(buyer, QUOTE) == (100, 0)
    assert venue.bids() == []


def test_a_time_that_is_not_later_than_now_is_refused() -> None:
    venue = Venue()
    buyer = venue.rich()

    assert refusal(venue.buy(buyer, 10, 5, expires_ms=venue.now)) == ("already_expired", "expires_ms")
    one(venue.buy(buyer, 10, 5, expires_ms=venue.now + 1), Rested)


def test_orders_end_by_their_time_and_then_by_their_number() -> None:
    venue = Venue()
    buyer = venue.rich()
    orders = [order_of(venue.buy(buyer, 10, 1, expires_ms=venue.now + after)) for after in (30, 10, 20, 10)]
    venue.wait(30)

    assert ended(venue.tick()) == [(orders[place], "time") for place in (1, 3, 2, 0)]


def test_a_command_does_not_meet_what_ended_before_it() -> None:
    venue = Venue()
    buyer = venue.rich()
    venue.sell(venue.rich(), 10, 5, expires_ms=venue.now + 10)
    venue.wait(10)

    events = venue.buy(buyer, 10, 5)

    assert names(events) == ["Canceled", "Accepted", "Rested"]


def test_what_was_due_stands_before_a_refusal_and_stays_done() -> None:
    venue = Venue()
    seller = venue.account(base=5)
    venue.sell(seller, 10, 5, expires_ms=venue.now + 10)
    venue.wait(10)

    events = venue.buy(seller, 10, 5)

    assert names(events) == ["Canceled", "Rejected"]
    assert one(events, Rejected).code == "insufficient_funds"
    assert venue.held(seller, BASE) == (5, 0)


def test_what_can_be_read_only_is_told_alone() -> None:
    venue = Venue()
    venue.buy(venue.rich(), 10, 5, expires_ms=venue.now + 10)
    venue.wait(10)

    assert refusal(venue.do(b"{}"))[0] == "unknown_version"
    assert names(venue.tick()) == ["Canceled"]


def test_a_waiting_order_ends_at_its_time_too() -> None:
    venue = Venue()
    seller = venue.account(base=5)
    venue.sell(seller, 10, 5, order_type="stop_loss_limit", stop_price=9, expires_ms=venue.now + 10)
    venue.wait(10)

    assert end_of(venue.tick()) == ("expired", 5, "time")
    assert venue.held(seller, BASE) == (5, 0)


def test_time_passes_in_a_halted_market() -> None:
    venue = Venue()
    venue.buy(venue.rich(), 10, 5, expires_ms=venue.now + 10)
    venue.status("halted")
    venue.wait(10)

    assert names(venue.tick()) == ["Canceled"]


def test_a_partly_filled_order_ends_with_what_is_left() -> None:
    venue = Venue()
    venue.sell(venue.rich(), 10, 2)
    buyer = venue.account(quote=100)
    assert names(venue.buy(buyer, 10, 5, expires_ms=venue.now + 10)) == ["Accepted", "Trade", "Rested"]
    venue.wait(10)

    assert one(venue.tick(), Canceled).quantity == 3
    assert venue.held(buyer, QUOTE) == (80, 0)


def test_an_immediate_order_does_not_wait_for_its_time() -> None:
    venue = Venue()
    venue.sell(venue.rich(), 10, 5)

    one(venue.buy(venue.rich(), 10, 5, expires_ms=venue.now + 10), Trade)
    venue.wait(10)
    assert names(venue.tick()) == []


# --- the bound --------------------------------------------------------------------------------------------------------


def test_a_command_ends_at_most_a_thousand_orders_and_trading_waits_for_the_rest() -> None:
    venue, owner = crowd(BOUND + 2, expires_in=10)
    later = order_of(venue.buy(owner, 2, 1))
    venue.wait(10)

    events = venue.buy(owner, 3, 1, client_id="a")

    assert len(all_of(events, Canceled)) == BOUND
    assert names(events)[-1] == "Rejected"
    assert (one(events, Rejected).code, one(events, Rejected).field) == ("expiring", "")
    assert venue.bids() == [(2, 1), (1, 2)]
    # What is refused so is not remembered, and what remained ends before the next command.
    events = venue.buy(owner, 3, 1, client_id="a")
    assert names(events) == ["Canceled", "Canceled", "Accepted", "Rested"]
    assert venue.bids() == [(3, 1), (2, 1)]
    one(venue.cancel(owner, later), Canceled)


def test_a_thousand_are_not_too_many() -> None:
    venue, owner = crowd(BOUND, expires_in=10)
    venue.wait(10)

    events = venue.buy(owner, 3, 1)

    assert len(all_of(events, Canceled)) == BOUND
    one(events, Rested)


def test_what_cannot_trade_goes_on_while_orders_expire() -> None:
    venue, owner = crowd(2 * BOUND + 1, expires_in=10)
    kept = order_of(venue.buy(owner, 2, 5))
    venue.wait(10)

    events = venue.cancel(owner, kept)
    assert (len(all_of(events, Canceled)), events[-1].json().count(f'"order":{kept},')) == (BOUND + 1, 1)
    events = venue.do(Deposit(owner, QUOTE, 1, "more"))
    assert (len(all_of(events, Canceled)), names(events)[-1]) == (BOUND, "Deposited")
    one(events, Deposited)
    assert len(all_of(venue.tick(), Canceled)) == 1
    assert names(venue.tick()) == []


def test_every_command_that_could_trade_waits() -> None:
    venue, owner = crowd(6 * BOUND, expires_in=10)
    mine = order(owner, "buy", 3, 1)
    venue.status("auction")
    venue.wait(10)

    tried = [
        list(venue.do(mine)),
        list(venue.place_list("oto", mine, mine)),
        list(venue.replace(owner, 1, mine)),
        list(venue.batch(owner, mine)),
        list(venue.uncross()),
    ]

    assert [one(events, Rejected).code for events in tried] == ["expiring"] * 5
    assert [len(all_of(events, Canceled)) for events in tried] == [BOUND] * 5


# --- the dead man's switch --------------------------------------------------------------------------------------------


def test_a_switch_cancels_all_orders_of_its_account_oldest_first_and_fires_once() -> None:
    venue = Venue()
    owner, other = venue.account(base=10, quote=100), venue.rich()
    orders = [
        order_of(venue.buy(owner, 5, 1)),
        order_of(venue.sell(owner, 0, 1, order_type="stop_loss", stop_price=3)),
        order_of(venue.sell(owner, 50, 1)),
    ]
    kept = order_of(venue.buy(other, 4, 1))
    assert one(venue.switch(owner, 100), SwitchSet).at_ms == venue.now + 100
    venue.wait(99)
    assert names(venue.tick()) == []

    venue.wait(1)
    events = venue.tick()

    assert ended(events) == [(number, "switch") for number in orders]
    assert one(events, Done).end == "canceled"
    assert one(events, SwitchFired).account == owner
    assert names(events)[-1] == "SwitchFired"
    assert venue.held(owner, BASE) == (10, 0)
    assert venue.bids() == [(4, 1)]
    venue.buy(owner, 5, 1)
    venue.wait(1000)
    assert names(venue.tick()) == []
    one(venue.cancel(other, kept), Canceled)


def test_a_switch_set_again_counts_from_then_and_zero_takes_it_off() -> None:
    venue = Venue()
    owner = venue.rich()
    venue.buy(owner, 5, 1)
    venue.switch(owner, 100)
    venue.wait(60)
    venue.switch(owner, 100)
    venue.wait(60)
    assert names(venue.tick()) == []

    assert one(venue.switch(owner, 0), SwitchSet).at_ms == 0

    venue.wait(10_000)
    assert names(venue.tick()) == []


def test_switches_fire_by_their_time_and_then_by_account_after_the_orders_whose_time_has_come() -> None:
    venue = Venue()
    first, second, third = venue.rich(), venue.rich(), venue.rich()
    orders = {account: order_of(venue.buy(account, 5, 1)) for account in (first, second, third)}
    timed = order_of(venue.buy(third, 5, 1, expires_ms=venue.now + 50))
    for account, timeout in ((third, 20), (second, 20), (first, 30)):
        venue.switch(account, timeout)
    venue.wait(100)

    events = venue.tick()

    assert ended(events) == [
        (timed, "time"),
        (orders[second], "switch"),
        (orders[third], "switch"),
        (orders[first], "switch"),
    ]
    assert [fired.account for fired in all_of(events, SwitchFired)] == [second, third, first]


def test_a_switch_fires_in_a_halted_market() -> None:
    venue = Venue()
    owner = venue.rich()
    venue.buy(owner, 5, 1)
    venue.switch(owner, 10)
    venue.status("halted")
    venue.wait(10)

    assert names(venue.tick()) == ["Canceled", "SwitchFired"]


def test_a_switch_of_an_account_with_more_than_a_thousand_orders_fires_when_the_last_is_gone() -> None:
    venue, owner = crowd(BOUND + 1)
    venue.switch(owner, 10)
    venue.wait(10)

    events = venue.buy(owner, 2, 1)

    assert (len(all_of(events, Canceled)), len(all_of(events, SwitchFired))) == (BOUND, 0)
    assert one(events, Rejected).code == "expiring"
    assert names(venue.tick()) == ["Canceled", "SwitchFired"]
    one(venue.buy(owner, 2, 1), Accepted)


def test_a_switch_ends_the_lists_of_its_account() -> None:
    venue = Venue()
    owner = venue.rich()
    orders = orders_of(venue.place_list("oto", order(owner, "buy", 5, 1), order(owner, "sell", 9, 1)))
    venue.switch(owner, 10)
    venue.wait(10)

    events = venue.tick()

    assert [number for number, _ in ended(events)] == orders
    assert names(events)[-2:] == ["ListDone", "SwitchFired"]
