"""What a popular exchange of this very design gets wrong, each seen not to happen here."""

import pytest

from exchange.commands.codec import encode
from exchange.commands.types import Deposit, Place
from exchange.events.types import Accepted, Canceled, Done, Rested, Trade
from tests.property.flows import entry
from tests.unit.engine.venue import BASE, MARKET, QUOTE, Venue, all_of, fills, one, order_of, refusal

pytestmark = pytest.mark.usefixtures("either_rules")


def test_1_a_buy_takes_the_cheapest_ask_and_not_the_oldest() -> None:
    venue = Venue()
    seller = venue.account(base=20)
    buyer = venue.account(quote=100_000)
    venue.sell(seller, price=1010, quantity=10)
    venue.sell(seller, price=1000, quantity=10)

    assert fills(venue.buy(buyer, price=1010, quantity=10)) == [(1000, 10)]

    assert venue.asks() == [(1010, 10)]


def test_1_a_sell_takes_the_highest_bid_and_not_the_oldest() -> None:
    venue = Venue()
    buyer = venue.account(quote=100_000)
    seller = venue.account(base=10)
    venue.buy(buyer, price=1000, quantity=10)
    venue.buy(buyer, price=1010, quantity=10)

    assert fills(venue.sell(seller, price=1000, quantity=10)) == [(1010, 10)]


def test_2_a_taker_gets_no_more_than_the_maker_has_left() -> None:
    venue = Venue()
    maker = venue.account(base=10)
    taker = venue.account(quote=10_000)
    venue.sell(maker, price=100, quantity=10)
    venue.buy(taker, price=100, quantity=6)

    events = venue.buy(taker, price=100, quantity=10)

    assert fills(events) == [(100, 4)]
    assert one(events, Trade).maker_left == 0
    assert one(events, Rested).quantity == 6
    assert venue.held(maker, BASE) == (0, 0)
    assert venue.held(taker, QUOTE) == (10_000 - 1000 - 600, 600)


def test_3_a_better_price_is_never_locked() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    buyer = venue.account(quote=1100)
    venue.sell(seller, price=100, quantity=10)

    events = venue.buy(buyer, price=110, quantity=10)

    assert fills(events) == [(100, 10)]
    assert venue.held(buyer, QUOTE) == (100, 0)
    assert venue.held(buyer, BASE) == (10, 0)


@pytest.mark.parametrize("quantity", ["-5", "-0", "+5", "0", "5.0", "05", "", " 5", "1e2", "5\n"])
def test_4_no_quantity_but_a_positive_one_is_taken(quantity: str) -> None:
    venue = Venue()
    account = venue.account(base=100, quote=100)
    raw = encode(Place(account, MARKET, "sell", "limit", "gtc", 1, 7, 0, ""))
    raw = raw.replace(b'"quantity":"7"', b'"quantity":"%s"' % quantity.replace("\n", "\\n").encode())

    code, field = refusal(venue.do(raw))

    assert field == "quantity"
    assert code in {"invalid_field", "not_positive"}
    assert venue.held(account, BASE) == (100, 0)
    assert venue.held(account, QUOTE) == (100, 0)


@pytest.mark.parametrize("price", ['"abc"', '"NaN"', '"Infinity"', "NaN", "null", "1.5", '"1_0"', "[]"])
def test_5_no_price_but_a_number_touches_a_balance(price: str) -> None:
    venue = Venue()
    account = venue.account(quote=100)
    raw = encode(Place(account, MARKET, "buy", "limit", "gtc", 7, 1, 0, ""))

    code, _ = refusal(venue.do(raw.replace(b'"price":"7"', b'"price":' + price.encode())))

    assert code in {"invalid_field", "malformed"}
    assert venue.held(account, QUOTE) == (100, 0)


def test_6_cancelling_a_sell_gives_back_the_base_asset() -> None:
    venue = Venue()
    account = venue.account(base=10, quote=500)
    order = order_of(venue.sell(account, price=100, quantity=10))
    assert venue.held(account, BASE) == (0, 10)

    venue.cancel(account, order)

    assert venue.held(account, BASE) == (10, 0)
    assert venue.held(account, QUOTE) == (500, 0)


def test_6_cancelling_a_buy_gives_back_the_quote_asset() -> None:
    venue = Venue()
    account = venue.account(base=10, quote=500)
    order = order_of(venue.buy(account, price=100, quantity=5))
    assert venue.held(account, QUOTE) == (0, 500)

    venue.cancel(account, order)

    assert venue.held(account, BASE) == (10, 0)
    assert venue.held(account, QUOTE) == (500, 0)


def test_7_cancelling_an_unknown_order_has_its_answer() -> None:
    venue = Venue()
    account = venue.account()

    assert refusal(venue.cancel(account, order=999)) == ("unknown_order", "order")
    assert refusal(venue.cancel(account, client_id="never")) == ("unknown_order", "client_id")


def test_7_cancelling_somebody_elses_order_looks_like_an_unknown_one() -> None:
    venue = Venue()
    owner = venue.account(base=1)
    other = venue.account()
    order = order_of(venue.sell(owner, price=5, quantity=1, client_id="mine"))

    assert refusal(venue.cancel(other, order)) == ("unknown_order", "order")
    assert refusal(venue.cancel(other, client_id="mine")) == ("unknown_order", "client_id")
    assert venue.asks() == [(5, 1)]


def test_8_depth_shows_what_remains_of_an_order() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    buyer = venue.account(quote=1000)
    order = order_of(venue.sell(seller, price=100, quantity=10))
    venue.buy(buyer, price=100, quantity=4)
    assert venue.asks() == [(100, 6)]

    venue.amend(seller, order, quantity=7)
    assert venue.asks() == [(100, 3)]


def test_9_a_consumed_level_is_told_as_empty_and_is_gone() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    buyer = venue.account(quote=1000)
    venue.sell(seller, price=100, quantity=4)
    venue.sell(seller, price=100, quantity=6)

    trades = all_of(venue.buy(buyer, price=100, quantity=10), Trade)

    assert [(trade.quantity, trade.maker_left) for trade in trades] == [(4, 0), (6, 0)]
    assert venue.asks() == []


def test_the_buyer_is_the_maker_exactly_when_the_taker_sells() -> None:
    venue = Venue()
    one_side = venue.account(base=10, quote=1000)
    other_side = venue.account(base=10, quote=1000)

    venue.buy(one_side, price=10, quantity=1)
    hit = one(venue.sell(other_side, price=10, quantity=1), Trade)
    venue.sell(one_side, price=10, quantity=1)
    lifted = one(venue.buy(other_side, price=10, quantity=1), Trade)

    assert (hit.taker_side, hit.maker, hit.taker) == ("sell", one_side, other_side)
    assert (lifted.taker_side, lifted.maker, lifted.taker) == ("buy", one_side, other_side)


def test_a_trade_tells_its_volume_in_both_assets() -> None:
    venue = Venue(tick=5, lot=100, decimals=2)  # 5 quote units a tick, one whole base unit a lot
    seller = venue.account(base=300)
    buyer = venue.account(quote=1000)
    venue.sell(seller, price=25, quantity=300)

    trade = one(venue.market_buy(buyer, quantity=300), Trade)

    assert (trade.price, trade.quantity, trade.notional) == (25, 300, 75)


def test_an_order_cannot_be_placed_in_the_name_of_the_house_or_of_nobody() -> None:
    venue = Venue()
    nobody = venue.state.next_account

    for account, code in ((0, "house_account"), (1, "house_account"), (nobody, "unknown_account")):
        assert refusal(venue.buy(account, price=1, quantity=1)) == (code, "account")
        assert refusal(venue.do(Deposit(account, QUOTE, 1, f"in-{account}"))) == (code, "account")


def test_a_command_that_is_read_again_is_refused_and_not_done_twice() -> None:
    venue = Venue()
    account = venue.account(quote=100)
    id, _ = venue.machine.head.id, venue.buy(account, price=10, quantity=1)
    twice = entry(*venue.machine.head.id, Place(account, MARKET, "buy", "limit", "gtc", 10, 1, 0, ""))

    with pytest.raises(ValueError, match="does not come after"):
        venue.machine.step(twice)

    assert venue.machine.head.id > id
    assert venue.bids() == [(10, 1)]
    assert len(all_of(venue.buy(account, price=10, quantity=1), Accepted)) == 1  # and it goes on


def test_an_order_that_ends_without_resting_says_so() -> None:
    venue = Venue()
    seller = venue.account(base=10)
    buyer = venue.account(quote=100)
    venue.sell(seller, price=10, quantity=3)

    taken = one(venue.buy(buyer, price=10, quantity=2), Done)
    expired = one(venue.buy(buyer, price=10, quantity=4, tif="ioc"), Done)
    assert (taken.end, taken.left) == ("filled", 0)
    assert (expired.end, expired.left) == ("expired", 3)
    assert venue.bids() == []
    assert all_of(venue.cancel(buyer, expired.order), Canceled) == []
