"""How many results are remembered: `dedup_names`, beside the window of test_repetition.py."""

from exchange.commands.types import RULES, Deposit, SetRules
from exchange.events.types import Accepted, Deposited, Duplicate, Rested, RulesSet
from tests.unit.engine.venue import QUOTE, Venue, all_of, names, one, order, refusal


def buy(venue: Venue, account: int, name: str, price: int = 1) -> bool:
    """Whether a buy of this name is taken rather than known."""
    events = venue.buy(account, price, 1, tif="ioc", client_id=name)
    return not isinstance(events[-1], Duplicate)


def test_only_so_many_of_the_newest_results_are_remembered() -> None:
    venue = Venue(names=2)
    buyer = venue.rich()
    for name in ("a", "b", "c"):
        assert buy(venue, buyer, name)

    assert not buy(venue, buyer, "c")
    assert not buy(venue, buyer, "b")
    assert buy(venue, buyer, "a")  # which makes it the newest
    assert not buy(venue, buyer, "a")
    assert not buy(venue, buyer, "c")
    assert buy(venue, buyer, "b")


def test_they_are_counted_over_all_accounts_and_kinds() -> None:
    venue = Venue(names=2)
    first, second = venue.account(), venue.account()
    assert buy(venue, first, "a")
    assert buy(venue, second, "a")
    one(venue.do(Deposit(second, QUOTE, 1, "a")), Deposited)

    assert not buy(venue, second, "a")
    assert isinstance(venue.do(Deposit(second, QUOTE, 1, "a"))[0], Duplicate)
    assert buy(venue, first, "a")


def test_a_refusal_counts_like_any_result() -> None:
    venue = Venue(names=1)
    buyer = venue.account()
    assert refusal(venue.buy(buyer, 1, 1, client_id="a")) == ("insufficient_funds", "quantity")
    assert not buy(venue, buyer, "a")
    buy(venue, buyer, "b")

    assert refusal(venue.buy(buyer, 1, 1, client_id="a")) == ("insufficient_funds", "quantity")


def test_the_name_of_an_open_order_is_kept_all_the_same() -> None:
    venue = Venue(names=1)
    buyer = venue.rich()
    one(venue.buy(buyer, 1, 1, client_id="a"), Rested)
    for name in ("b", "c", "d"):
        assert buy(venue, buyer, name)

    assert not buy(venue, buyer, "a")
    venue.cancel(buyer, client_id="a")
    assert buy(venue, buyer, "a")


def test_the_names_of_an_open_list_and_its_orders_are_kept() -> None:
    venue = Venue(names=1)
    trader = venue.rich()
    first = order(trader, "buy", 1, 1, client_id="w")
    second = order(trader, "sell", 9, 1, client_id="p")
    venue.place_list("oto", first, second, client_id="l")
    for name in ("b", "c", "d"):
        assert buy(venue, trader, name)

    assert isinstance(venue.place_list("oto", first, second, client_id="l")[0], Duplicate)
    assert not buy(venue, trader, "w")
    assert not buy(venue, trader, "p")
    venue.cancel_list(trader, client_id="l")
    assert buy(venue, trader, "w")


def test_zero_is_no_limit() -> None:
    venue = Venue(names=0)
    buyer = venue.rich()
    for number in range(300):
        assert buy(venue, buyer, f"n{number}")

    assert not buy(venue, buyer, "n0")


def test_the_window_ends_it_too() -> None:
    venue = Venue(names=100, window_ms=1000)
    buyer = venue.rich()
    assert buy(venue, buyer, "a")
    venue.wait(1001)

    assert buy(venue, buyer, "a")


def test_newer_rules_bring_a_number_and_what_is_beyond_it_goes() -> None:
    venue = Venue(rules=1)
    buyer = venue.rich()
    for number in range(200):
        buy(venue, buyer, f"n{number}")
    told = one(venue.do(SetRules(2, 3)), RulesSet)
    assert (told.rules, told.dedup_names) == (2, 3)

    for _ in range(100):
        venue.tick()

    assert not buy(venue, buyer, "n199")
    assert buy(venue, buyer, "n0")


# --- rules versions ---------------------------------------------------------------------------------------------------


def test_under_the_first_rules_what_the_second_brought_cannot_be_read() -> None:
    venue = Venue(rules=1)
    trader = venue.rich()

    assert refusal(venue.tick()) == ("unknown_type", "type")
    assert refusal(venue.cancel_all(trader)) == ("unknown_type", "type")
    assert refusal(venue.status("auction")) == ("invalid_field", "status")
    assert refusal(venue.buy(trader, 1, 1, tif="fok")) == ("invalid_field", "tif")
    assert refusal(venue.buy(trader, 0, 1, order_type="stop_loss", stop_price=1))[0] in {
        "invalid_field",
        "unknown_field",
    }
    assert refusal(venue.buy(trader, 1, 2, display=1)) == ("unknown_field", "display")
    one(venue.buy(trader, 1, 1), Rested)


def test_newer_rules_are_set_once_and_for_good() -> None:
    venue = Venue(rules=1)
    resting = all_of(venue.buy(venue.rich(), 1, 1), Accepted)
    assert refusal(venue.do(SetRules(1, 0))) == ("unknown_rules", "rules")
    assert refusal(venue.do(SetRules(RULES + 1, 0))) == ("unknown_rules", "rules")

    one(venue.do(SetRules(2, 0)), RulesSet)

    assert names(venue.tick()) == []
    assert refusal(venue.do(SetRules(2, 0))) == ("unknown_rules", "rules")
    assert venue.bids() == [(1, 1)]
    assert names(venue.cancel_all(resting[0].account)) == ["Canceled", "AllCanceled"]


def test_a_trade_under_the_first_rules_is_no_last_price_under_the_second() -> None:
    venue = Venue(rules=1)
    venue.trade_at(100)
    venue.do(SetRules(2, 0))
    trader = venue.rich()

    events = venue.buy(trader, 0, 1, order_type="stop_loss", trailing_bps=100)

    assert refusal(events) == ("no_reference", "trailing_bps")


def test_a_taker_makes_as_many_trades_as_it_can_under_the_first_rules_and_ten_thousand_under_the_second() -> None:
    for rules, made in ((1, 10_001), (2, 10_000)):
        venue = Venue(rules=rules)
        seller, buyer = venue.rich(), venue.rich()
        with venue.crowd():
            for _ in range(10_001):
                venue.sell(seller, 10, 1)
            events = venue.buy(buyer, 10, 10_001)
        assert len(all_of(events, type(events[1]))) == made
