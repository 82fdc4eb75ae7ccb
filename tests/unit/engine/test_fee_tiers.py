"""Fee tiers by thirty days' volume, markets' own rates, and rebates."""

import pytest

from exchange.commands.types import CreateMarket, SetFeeTiers, SetMarketFees, SetTradeGroup, Tier
from exchange.events.types import Accepted, FeeTiersSet, MarketFeesSet, Trade
from exchange.terms.words import FEES
from tests.unit.engine.venue import BASE, MARKET, OTHER, QUOTE, Venue, one, order, refusal

DAY = 24 * 60 * 60 * 1000
TABLE = [Tier(0, 1_000, 2_000), Tier(1_000, 800, 1_600), Tier(5_000, 0, 900)]


def tiered(start_ms: int = 1) -> Venue:
    venue = Venue(maker_fee=30_000, taker_fee=40_000, start_ms=start_ms)
    venue.do(SetFeeTiers(QUOTE, TABLE))
    return venue


def rates(venue: Venue, account: int, market: str = MARKET) -> tuple[int, int]:
    """What a new order of the account pays."""
    lot = venue.state.markets[market].lot_size
    accepted = one(venue.buy(account, 1, lot, tif="ioc", market=market), Accepted)
    return accepted.maker_fee, accepted.taker_fee


def trade(venue: Venue, maker: int, taker: int, notional: int) -> None:
    venue.sell(maker, notional, 1)
    one(venue.buy(taker, notional, 1), Trade)


def test_a_table_takes_the_place_of_the_markets_rates() -> None:
    venue = Venue(maker_fee=30_000, taker_fee=40_000)
    trader = venue.rich()
    assert rates(venue, trader) == (30_000, 40_000)

    told = one(venue.do(SetFeeTiers(QUOTE, TABLE)), FeeTiersSet)

    assert (told.asset, told.tiers) == (QUOTE, [(0, 1_000, 2_000), (1_000, 800, 1_600), (5_000, 0, 900)])
    assert rates(venue, trader) == (1_000, 2_000)
    venue.do(SetFeeTiers(QUOTE, []))
    assert rates(venue, trader) == (30_000, 40_000)


def test_the_tier_is_the_last_whose_volume_the_account_has_reached() -> None:
    venue = tiered()
    maker, taker = venue.rich(), venue.rich()
    trade(venue, maker, taker, 999)
    assert (rates(venue, maker), rates(venue, taker)) == ((1_000, 2_000), (1_000, 2_000))

    trade(venue, maker, taker, 1)
    assert (rates(venue, maker), rates(venue, taker)) == ((800, 1_600), (800, 1_600))

    trade(venue, maker, taker, 4_000)
    assert (rates(venue, maker), rates(venue, taker)) == ((0, 900), (0, 900))
    assert rates(venue, venue.rich()) == (1_000, 2_000)


def test_a_volume_counts_on_its_day_and_the_29_after_it() -> None:
    venue = tiered(start_ms=10 * DAY + DAY - 1)  # a millisecond before midnight
    maker, taker = venue.rich(), venue.rich()
    trade(venue, maker, taker, 1_000)
    venue.wait(29 * DAY)
    assert rates(venue, taker) == (800, 1_600)

    venue.wait(1)

    assert rates(venue, taker) == (1_000, 2_000)


def test_days_add_up() -> None:
    venue = tiered(start_ms=10 * DAY)
    maker, taker = venue.rich(), venue.rich()
    trade(venue, maker, taker, 600)
    venue.wait(15 * DAY)
    trade(venue, maker, taker, 400)
    assert rates(venue, taker) == (800, 1_600)
    venue.wait(15 * DAY)
    assert rates(venue, taker) == (1_000, 2_000)
    trade(venue, maker, taker, 600)
    assert rates(venue, taker) == (800, 1_600)
    venue.wait(365 * DAY)
    assert rates(venue, taker) == (1_000, 2_000)


def test_an_order_keeps_the_tier_of_its_acceptance() -> None:
    venue = tiered()
    maker, taker = venue.rich(), venue.rich()
    venue.sell(maker, 10, 1_000)
    venue.buy(taker, 10, 500)

    told = one(venue.buy(taker, 10, 500), Trade)

    assert told.maker_fee == 5  # 0.1 % of 5,000, though its maker has reached the third tier
    assert told.taker_fee == 1  # 0.09 % of 500


def test_trades_with_oneself_or_ones_group_do_not_count() -> None:
    venue = tiered()
    owner, friend = venue.rich(), venue.rich()
    trade(venue, owner, owner, 5_000)
    assert rates(venue, owner) == (1_000, 2_000)
    for account in (owner, friend):
        venue.do(SetTradeGroup(account, 5))
    trade(venue, owner, friend, 5_000)
    assert rates(venue, friend) == (1_000, 2_000)
    venue.do(SetTradeGroup(friend, 0))
    trade(venue, owner, friend, 5_000)
    assert rates(venue, friend) == (0, 900)


def test_a_table_is_of_the_markets_of_one_quote_asset_and_so_are_volumes() -> None:
    venue = tiered()
    venue.do(CreateMarket(OTHER, 1, 100, 0, 5, 6))
    maker, taker = venue.rich(), venue.rich()
    trade(venue, maker, taker, 5_000)
    assert rates(venue, taker, OTHER) == (5, 6)

    venue.do(SetFeeTiers(BASE, TABLE))

    assert rates(venue, taker, OTHER) == (1_000, 2_000)


def test_a_market_that_was_given_rates_of_its_own_keeps_them_until_it_follows_again() -> None:
    venue = tiered()
    trader = venue.rich()
    told = one(venue.do(SetMarketFees(MARKET, 7, 8)), MarketFeesSet)
    assert (told.tiered, rates(venue, trader)) == (False, (7, 8))
    venue.do(SetFeeTiers(QUOTE, TABLE))
    assert rates(venue, trader) == (7, 8)

    told = one(venue.do(SetMarketFees(MARKET, 7, 8, tiered=True)), MarketFeesSet)

    assert (told.tiered, rates(venue, trader)) == (True, (1_000, 2_000))
    venue.do(SetFeeTiers(QUOTE, []))
    assert rates(venue, trader) == (7, 8)


def test_a_table_of_an_asset_that_is_not_there() -> None:
    venue = Venue()

    assert refusal(venue.do(SetFeeTiers("NONE", TABLE))) == ("unknown_asset", "asset")


# --- rebates ----------------------------------------------------------------------------------------------------------


def rebating(maker_fee: int, taker_fee: int) -> Venue:
    return Venue(maker_fee=maker_fee, taker_fee=taker_fee)


def test_a_maker_is_paid_out_of_the_takers_fee_and_in_its_asset() -> None:
    venue = rebating(-1_000, 2_000)
    seller, buyer = venue.account(base=10_000), venue.account(quote=1_000_000)
    venue.sell(seller, 100, 10_000)

    told = one(venue.buy(buyer, 100, 10_000), Trade)

    # The taker receives 10,000 base and pays 20 of it; 10 of those go to the maker.
    assert (told.taker_fee, told.maker_fee, told.rebate) == (20, 0, 10)
    assert venue.held(buyer, BASE) == (9_980, 0)
    assert venue.held(seller, BASE) == (10, 0)
    assert venue.held(seller, QUOTE) == (1_000_000, 0)
    assert venue.held(FEES, BASE) == (10, 0)


def test_a_buying_maker_is_paid_in_quote() -> None:
    venue = rebating(-1_000, 2_000)
    buyer, seller = venue.account(quote=1_000_000), venue.account(base=10_000)
    venue.buy(buyer, 100, 10_000)

    told = one(venue.sell(seller, 100, 10_000), Trade)

    assert (told.taker_fee, told.rebate) == (2_000, 1_000)
    assert venue.held(buyer, QUOTE) == (1_000, 0)
    assert venue.held(FEES, QUOTE) == (1_000, 0)


@pytest.mark.parametrize("received,fee,rebate", [(999, 2, 0), (1_000, 2, 1), (1_999, 4, 1), (10_001, 21, 10)])
def test_a_rebate_rounds_down(received: int, fee: int, rebate: int) -> None:
    venue = rebating(-1_000, 2_000)
    venue.sell(venue.account(base=received), 1, received)

    told = one(venue.buy(venue.account(quote=received), 1, received), Trade)

    assert (told.taker_fee, told.rebate) == (fee, rebate)


def test_a_rebate_is_at_most_the_takers_fee() -> None:
    venue = rebating(-2_000, 2_000)
    seller = venue.account(base=10_000)
    venue.sell(seller, 100, 10_000)
    venue.do(SetMarketFees(MARKET, 0, 500))

    told = one(venue.buy(venue.account(quote=1_000_000), 100, 10_000), Trade)

    assert (told.taker_fee, told.rebate) == (5, 5)  # 20 were promised
    assert venue.held(FEES, BASE) == (0, 0)


def test_a_rebate_above_the_takers_rate_cannot_be_set() -> None:
    venue = Venue()

    for command in (
        SetMarketFees(MARKET, -2_001, 2_000),
        CreateMarket(OTHER, 1, 100, 0, -1, 0),
    ):
        assert refusal(venue.do(command)) == ("invalid_field", "maker_fee")
    assert refusal(venue.do(SetFeeTiers(QUOTE, [Tier(0, -3, 2)]))) == ("invalid_field", "tiers")


def test_a_tier_may_rebate() -> None:
    venue = Venue()
    venue.do(SetFeeTiers(QUOTE, [Tier(0, -500, 1_000)]))
    seller = venue.account(base=10_000)
    venue.sell(seller, 100, 10_000)

    told = one(venue.buy(venue.account(quote=1_000_000), 100, 10_000), Trade)

    assert (told.taker_fee, told.rebate) == (10, 5)


def test_a_resting_icebergs_maker_is_paid_slice_by_slice() -> None:
    venue = rebating(-1_000, 2_000)
    seller = venue.account(base=10_000)
    venue.do(order(seller, "sell", 100, 10_000, display=1_500))

    venue.buy(venue.account(quote=1_000_000), 100, 10_000)

    # six slices of 1,500 pay 1 each, the last of 1,000 one more
    assert venue.held(seller, BASE) == (7, 0)
