"""Binance Spot, `faqs/commission_faq.md`, and the fills of the sample answer in `rest-api.md` (New Order, FULL).

What applies here is the rule: the received amount times the sum of the rates. Rates are whole millionths and belong to
maker or taker, so the published pairs (taker + seller) are given as their sum. The standard and tax rates of the
example are below a millionth, and discounts do not exist; the special rates, 6 % and 5 %, are the ones shown.
"""

from exchange.commands.types import SetMarketFees
from exchange.events.types import Trade
from tests.unit.engine.examples.reports import amount
from tests.unit.engine.venue import BASE, MARKET, QUOTE, Venue, all_of, one

DECIMALS = 8
"""Of both assets."""

TAKER_SELLER = 60_000
TAKER_BUYER = 50_000


def units(text: str) -> int:
    return amount(text, DECIMALS)


def venue(taker_fee: int = 0) -> Venue:
    return Venue(tick=units("0.01"), lot=units("0.00001"), decimals=DECIMALS, taker_fee=taker_fee)


def test_a_sells_commission_is_the_notional_times_taker_plus_seller() -> None:
    it = venue(TAKER_SELLER)
    buyer, seller = it.rich(), it.account(base=units("0.49975"))
    it.buy(buyer, units("35,000"), units("0.49975"))

    trade = one(it.market_sell(seller, units("0.49975")), Trade)

    assert trade.notional == units("17491.25000000")
    assert trade.taker_fee == units("1049.47500000")
    assert it.held(seller, QUOTE) == (units("17491.25000000") - units("1049.47500000"), 0)


def test_a_buys_commission_is_the_quantity_times_taker_plus_buyer() -> None:
    it = venue(TAKER_BUYER)
    seller, buyer = it.rich(), it.rich()
    it.sell(seller, units("35,000"), units("0.49975"))
    before = it.held(buyer, BASE)[0]

    trade = one(it.market_buy(buyer, units("0.49975")), Trade)

    assert trade.taker_fee == units("0.0249875")  # 0.49975 * 0.05
    assert it.held(buyer, BASE)[0] - before == units("0.49975") - units("0.0249875")


def test_rates_below_a_smallest_unit_round_up() -> None:
    it = venue(1)
    buyer, seller = it.rich(), it.account(base=units("0.49975"))
    it.buy(buyer, units("35,000"), units("0.49975"))

    trade = one(it.market_sell(seller, units("0.49975")), Trade)

    assert trade.taker_fee == units("0.01749125")  # exactly a millionth of 17491.25
    it.do(SetMarketFees(MARKET, 0, 3))
    it.buy(buyer, units("0.01"), units("0.00001"))
    seller = it.account(base=units("0.00001"))
    assert one(it.market_sell(seller, units("0.00001")), Trade).taker_fee == 1  # of 10 units


def test_the_fills_of_the_sample_market_sell_of_10_and_their_commissions() -> None:
    it = venue(taker_fee=1000)
    maker, seller = it.rich(), it.account(base=units("10"))
    book = (("4000", "1"), ("3999", "5"), ("3998", "2"), ("3997", "1"), ("3995", "1"))
    for price, quantity in reversed(book):
        it.buy(maker, units(price), units(quantity))

    trades = all_of(it.market_sell(seller, units("10.00000000")), Trade)

    assert [(trade.price, trade.quantity, trade.taker_fee) for trade in trades] == [
        (units("4000.00000000"), units("1.00000000"), units("4.00000000")),
        (units("3999.00000000"), units("5.00000000"), units("19.99500000")),
        (units("3998.00000000"), units("2.00000000"), units("7.99600000")),
        (units("3997.00000000"), units("1.00000000"), units("3.99700000")),
        (units("3995.00000000"), units("1.00000000"), units("3.99500000")),
    ]
