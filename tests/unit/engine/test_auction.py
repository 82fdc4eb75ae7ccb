"""Call auctions: who trades with whom, at which price, in how many commands, and what follows."""

from exchange.commands.types import Limits, SetFeeTiers, Tier, Uncross
from exchange.events.types import AuctionTrade, MarketStatusSet, Replenished, Uncrossed
from tests.unit.engine.venue import (
    BASE,
    MARKET,
    OTHER,
    QUOTE,
    Venue,
    activated,
    all_of,
    ended,
    fills,
    names,
    one,
    order,
    order_of,
    orders_of,
    pairs,
    refusal,
)


def gathering() -> Venue:
    """A market in an auction."""
    venue = Venue()
    venue.status("auction")
    return venue


def outcome(venue: Venue, status: str = "open") -> tuple[int, int]:
    """Price and quantity of the auction."""
    uncrossed = one(venue.uncross(status), Uncrossed)
    return uncrossed.price, uncrossed.quantity


def test_only_an_auction_can_be_uncrossed() -> None:
    venue = Venue()

    assert refusal(venue.uncross()) == ("not_in_auction", "market")
    assert refusal(venue.do(Uncross("NO-NE", "open"))) == ("unknown_market", "market")
    venue.status("auction")
    assert names(venue.uncross()) == ["Uncrossed", "MarketStatusSet"]
    assert refusal(venue.uncross()) == ("not_in_auction", "market")


def test_an_auction_without_a_match_has_no_price() -> None:
    venue = gathering()
    venue.buy(venue.rich(), 9, 5)
    venue.sell(venue.rich(), 10, 5)

    assert outcome(venue) == (0, 0)
    assert (venue.bids(), venue.asks()) == ([(9, 5)], [(10, 5)])


def test_all_trade_at_one_price_in_the_order_of_price_and_time() -> None:
    venue = gathering()
    buys = [order_of(venue.buy(venue.rich(), price, 2)) for price in (10, 12, 12, 9)]
    sells = [order_of(venue.sell(venue.rich(), price, 3)) for price in (10, 8)]

    events = venue.uncross()

    # 12, 12, 10 bid for six; 8 and 10 ask for six: all at 10.
    assert pairs(events) == [
        (buys[1], sells[1], 2),
        (buys[2], sells[1], 1),
        (buys[2], sells[0], 1),
        (buys[0], sells[0], 2),
    ]
    assert {trade.price for trade in all_of(events, AuctionTrade)} == {10}
    assert (one(events, Uncrossed).price, one(events, Uncrossed).quantity) == (10, 6)
    assert one(events, MarketStatusSet).status == "open"
    assert (venue.bids(), venue.asks()) == ([(9, 2)], [])


def test_what_was_locked_beyond_the_price_is_free_again() -> None:
    venue = gathering()
    buyer, seller = venue.account(quote=100), venue.account(base=5)
    venue.buy(buyer, 20, 5)
    venue.sell(seller, 10, 4)

    assert outcome(venue) == (20, 4)  # a surplus of buyers: the highest
    assert venue.held(buyer, QUOTE) == (0, 20)
    assert venue.held(seller, QUOTE) == (80, 0)

    venue = gathering()
    buyer, seller = venue.account(quote=100), venue.account(base=5)
    venue.buy(buyer, 20, 4)
    venue.sell(seller, 10, 5)

    assert outcome(venue) == (10, 4)  # of sellers: the lowest
    assert venue.held(buyer, QUOTE) == (60, 0)
    assert venue.held(seller, BASE) == (0, 1)


def test_without_a_reference_the_middle_is_rounded_down_to_a_tick() -> None:
    venue = Venue(tick=5)
    venue.status("auction")
    venue.buy(venue.rich(), 25, 1)
    venue.sell(venue.rich(), 10, 1)

    assert outcome(venue) == (15, 1)


def test_the_reference_is_the_last_price_or_the_markets() -> None:
    for reference, expected in ((5, 10), (17, 17), (99, 20)):
        venue = gathering()
        venue.limits(Limits(reference=reference))
        venue.buy(venue.rich(), 20, 1)
        venue.sell(venue.rich(), 10, 1)
        assert outcome(venue) == (expected, 1)

    venue = Venue()
    venue.limits(Limits(reference=99))
    venue.trade_at(13)
    venue.status("auction")
    venue.buy(venue.rich(), 20, 1)
    venue.sell(venue.rich(), 10, 1)
    assert outcome(venue) == (13, 1)


def test_the_newer_order_of_a_pair_is_the_taker_for_its_fees() -> None:
    venue = Venue(maker_fee=1_000, taker_fee=2_000)
    venue.status("auction")
    buyer, seller = venue.account(quote=10_000_000), venue.account(base=20_000)
    venue.buy(buyer, 100, 10_000)
    venue.sell(seller, 100, 10_000)

    trade = one(venue.uncross(), AuctionTrade)

    assert (trade.taker_side, trade.buyer, trade.seller) == ("sell", buyer, seller)
    assert (trade.buy_fee, trade.sell_fee, trade.notional) == (10, 2_000, 1_000_000)
    assert venue.held(buyer, BASE) == (9_990, 0)
    assert venue.held(seller, QUOTE) == (998_000, 0)

    venue.status("auction")
    venue.sell(seller, 100, 10_000)
    venue.buy(buyer, 100, 10_000)
    trade = one(venue.uncross(), AuctionTrade)
    assert (trade.taker_side, trade.buy_fee, trade.sell_fee) == ("buy", 20, 1_000)


def test_self_trades_are_not_prevented() -> None:
    venue = gathering()
    owner = venue.rich()
    venue.buy(owner, 10, 1, stp="expire_both")
    venue.sell(owner, 10, 1, stp="expire_both")

    trade = one(venue.uncross(), AuctionTrade)

    assert trade.buyer == trade.seller == owner


def test_hidden_quantity_counts_and_trades() -> None:
    venue = Venue()
    iceberg = order_of(venue.sell(venue.rich(), 10, 9, display=2))
    plain = order_of(venue.sell(venue.rich(), 10, 1))
    venue.status("auction")
    buyer = order_of(venue.buy(venue.rich(), 10, 6))

    events = venue.uncross()

    assert (one(events, Uncrossed).price, one(events, Uncrossed).quantity) == (10, 6)
    trades = all_of(events, AuctionTrade)
    assert sum(trade.quantity for trade in trades) == 6
    assert {(trade.buy_order, trade.sell_order) for trade in trades} <= {(buyer, iceberg), (buyer, plain)}
    shown = sum(trade.sell_shown for trade in trades) - sum(joined.quantity for joined in all_of(events, Replenished))
    assert venue.asks() == [(10, 3 - shown)]


def test_a_book_carries_over_into_the_auction_and_out_of_it() -> None:
    venue = Venue()
    before = order_of(venue.buy(venue.rich(), 10, 2))
    venue.status("auction")
    venue.sell(venue.rich(), 9, 1)

    events = venue.uncross("post_only")

    assert pairs(events)[0][0] == before
    assert (one(events, Uncrossed).price, one(events, MarketStatusSet).status) == (10, "post_only")
    assert venue.bids() == [(10, 1)]


def test_the_auctions_price_is_the_last_price_and_triggers() -> None:
    venue = Venue()
    venue.trade_at(50)
    stop = order_of(venue.sell(venue.rich(), 0, 1, order_type="take_profit", stop_price=60))
    venue.status("auction")
    venue.sell(venue.rich(), 60, 1)
    venue.buy(venue.rich(), 60, 1)

    assert activated(venue.uncross()) == [stop]


def test_a_working_order_that_fills_in_an_auction_calls_its_list() -> None:
    venue = Venue()
    owner = venue.rich()
    working, pending = orders_of(venue.place_list("oto", order(owner, "buy", 10, 1), order(owner, "sell", 20, 1)))
    venue.status("auction")
    venue.sell(venue.rich(), 10, 1)

    events = venue.uncross()

    assert pairs(events)[0][0] == working
    assert activated(events) == [pending]
    assert venue.asks() == [(20, 1)]


def test_the_limit_leg_of_an_oco_ends_the_other_before_it_trades() -> None:
    venue = Venue()
    owner = venue.account(base=1)
    limit, stop = orders_of(
        venue.place_list(
            "oco",
            order(owner, "sell", 20, 1, post_only="refuse"),
            order(owner, "sell", 0, 1, order_type="stop_loss", stop_price=5),
        )
    )
    venue.status("auction")
    venue.buy(venue.rich(), 20, 1)

    events = venue.uncross()

    assert ended(events)[0] == (stop, "oco")
    assert names(events)[:2] == ["Done", "AuctionTrade"]
    assert pairs(events)[0][1] == limit


def test_volumes_of_an_auction_count_for_both() -> None:
    venue = Venue()
    venue.do(SetFeeTiers(QUOTE, [Tier(0, 1_000, 2_000), Tier(100, 500, 600)]))
    venue.status("auction")
    buyer, seller = venue.rich(), venue.rich()
    venue.buy(buyer, 10, 10)
    venue.sell(seller, 10, 10)
    venue.uncross()

    for place, account in ((venue.buy, buyer), (venue.sell, seller)):
        price = 1 if account == buyer else 1000
        accepted = place(account, price, 1)[0].json()
        assert '"maker_fee":500,"taker_fee":600' in accepted


# --- over several commands --------------------------------------------------------------------------------------------


def unfinished(pairs_left: int = 3) -> tuple[Venue, int]:
    """An uncrossing at 10 whose first command made two trades and left some."""
    venue = Venue()
    venue.limits(Limits(max_fills=2))
    owner = venue.rich()
    venue.status("auction")
    for _ in range(2 + pairs_left):
        venue.buy(venue.rich(), 10, 1)
        venue.sell(owner, 10, 1, client_id="")
    other = venue.account(quote=100)
    venue.buy(other, 1, 1, client_id="mine")
    assert names(venue.uncross()) == ["AuctionTrade", "AuctionTrade"]
    return venue, other


def test_an_uncrossing_goes_on_at_the_beginning_of_the_next_commands() -> None:
    venue, _ = unfinished(pairs_left=3)

    assert names(venue.tick()) == ["AuctionTrade", "AuctionTrade"]
    events = venue.tick()

    assert names(events) == ["AuctionTrade", "Uncrossed", "MarketStatusSet"]
    assert (one(events, Uncrossed).price, one(events, Uncrossed).quantity) == (10, 5)
    assert names(venue.tick()) == []


def test_until_it_is_over_nothing_else_is_possible_in_the_market() -> None:
    venue, other = unfinished(pairs_left=30)
    number = next(iter(sorted(venue.state.orders, reverse=True)))

    def last(events: list[str]) -> str:
        return events[-1]

    for events, field in (
        (venue.buy(other, 1, 1), "market"),
        (venue.cancel(other, number), "order"),
        (venue.cancel(other, client_id="mine"), "client_id"),
        (venue.amend(other, number, 1), "order"),
        (venue.uncross(), "market"),
        (venue.status("halted"), "market"),
    ):
        assert last(names(events)) == "Rejected"
        assert f'"code":"market_closed","field":"{field}"' in events[-1].json()
    assert last(names(venue.cancel_all(other))) == "AllCanceled"
    assert venue.held(other, QUOTE) == (99, 1)


def test_what_comes_when_it_is_over_is_done_in_the_same_command() -> None:
    venue, other = unfinished(pairs_left=2)

    events = venue.buy(other, 2, 1)

    assert names(events) == [
        "AuctionTrade",
        "AuctionTrade",
        "Uncrossed",
        "MarketStatusSet",
        "Accepted",
        "Rested",
    ]


def test_no_order_of_the_market_is_due_while_it_is_uncrossing() -> None:
    venue = Venue()
    venue.limits(Limits(max_fills=1))
    venue.status("auction")
    timed = [order_of(venue.sell(venue.rich(), 10, 1, expires_ms=venue.now + 10)) for _ in range(3)]
    for _ in range(2):
        venue.buy(venue.rich(), 10, 1)
    venue.uncross()
    venue.wait(10)

    events = venue.tick()

    assert names(events) == ["AuctionTrade", "Uncrossed", "MarketStatusSet", "Canceled"]
    assert ended(events) == [(timed[2], "time")]


def test_a_switch_waits_for_the_orders_of_a_market_that_is_uncrossing() -> None:
    venue = Venue()
    venue.limits(Limits(max_fills=1))
    venue.status("auction")
    owner = venue.rich()
    venue.switch(owner, 10)
    for _ in range(4):
        venue.sell(owner, 10, 1)
        venue.buy(venue.rich(), 10, 1)
    spare = order_of(venue.sell(owner, 99, 1))
    venue.uncross()
    venue.wait(10)

    assert names(venue.tick()) == ["AuctionTrade"]
    assert names(venue.tick()) == ["AuctionTrade"]
    events = venue.tick()
    assert names(events) == ["AuctionTrade", "Uncrossed", "MarketStatusSet", "Canceled", "SwitchFired"]
    assert ended(events) == [(spare, "switch")]


def test_other_markets_go_on_meanwhile() -> None:
    venue, _ = unfinished(pairs_left=30)
    venue.second_market()
    trader = venue.rich()
    venue.sell(trader, 50, 100, market=OTHER)

    assert fills(venue.buy(trader, 50, 100, market=OTHER)) == [(50, 100)]


def test_its_price_triggers_when_it_is_over() -> None:
    venue = Venue()
    stop = order_of(venue.sell(venue.rich(), 0, 1, order_type="stop_loss", stop_price=10))
    venue.limits(Limits(max_fills=1))
    venue.status("auction")
    for _ in range(2):
        venue.buy(venue.rich(), 10, 1)
        venue.sell(venue.rich(), 10, 1)

    assert activated(venue.uncross()) == []
    events = venue.tick()

    assert names(events)[:3] == ["AuctionTrade", "Uncrossed", "MarketStatusSet"]
    assert activated(events) == [stop]
    assert one(events, MarketStatusSet).market == MARKET
