"""Market data as the venue writes it: precision, percents, empty markets; and depth that is written once."""

import orjson
import pytest

from exchange.api.v3.depth import KEPT, DepthAnswers
from exchange.api.v3.routes import market as routes
from exchange.api.v3.routes import tickers
from exchange.api.v3.routes.info import exchange_info
from exchange.api.v3.shapes import info
from exchange.api.v3.shapes import market as shapes
from exchange.commands.read_setup import MAX_LIMIT
from exchange.projections.live.candle import Candle
from exchange.projections.live.tape import MarketTape
from tests.unit.live.pipeline import MARKET, limit, market, opened


def test_prices_and_quantities_have_all_the_decimals_of_their_assets() -> None:
    pipeline = opened()
    of = pipeline.view.markets[MARKET]
    pipeline.do(limit(100, "sell", 100_000, 300))
    shown = shapes.depth(of, 10)
    assert shown["asks"] == [[of.format.quote(100_000), of.format.base(300)]]
    (level,) = shapes.levels(of.asks, of.format, 5)
    assert len(level[0].split(".")[1]) == of.quote_decimals
    assert len(level[1].split(".")[1]) == of.base_decimals
    assert shapes.levels(of.asks, of.format, 0) == []


def test_a_market_without_a_trade_or_an_order_is_zeros() -> None:
    of = opened().view.markets[MARKET]
    shown = shapes.day_ticker("X", of, MarketTape(), 86_400_000 * 9 + 1, full=True)
    assert {shown[name] for name in shown if name.endswith(("Price", "Change"))} == {of.format.quote(0)}
    assert (shown["priceChangePercent"], shown["firstId"], shown["lastId"], shown["count"]) == ("0.000", -1, -1, 0)
    assert shapes.book_ticker("X", of)["askQty"] == of.format.base(0)
    assert shapes.average_price(of, MarketTape(), 1) == (of.format.quote(0), 0)


@pytest.mark.parametrize(
    "opened_at, closed_at, percent",
    [(9, 1, "-88.888"), (1, 9, "800.000"), (1000, 1001, "0.100"), (3, 3, "0.000"), (0, 5, "0.000")],
)
def test_percents_have_three_decimals(opened_at: int, closed_at: int, percent: str) -> None:
    form = opened().view.markets[MARKET].format
    low, high = sorted((opened_at, closed_at))
    candle = Candle(0, opened_at, high, low, closed_at, 10, 20, 2, 5, 6, 0, 0)
    assert shapes.Statistics(candle, 0, form).percent == percent


def test_depth_is_written_once_while_the_book_stands() -> None:
    pipeline = opened()
    of = pipeline.view.markets[MARKET]
    answers = DepthAnswers()
    pipeline.do(limit(100, "sell", 100_000, 300))
    first = answers.depth(of, 100)
    assert answers.depth(of, 100) is first
    assert orjson.loads(first) == shapes.depth(of, 100)
    assert orjson.loads(answers.depth(of, 7)) == shapes.depth(of, 7)
    pipeline.do(limit(100, "sell", 100_500, 100))
    assert orjson.loads(answers.depth(of, 100)) == shapes.depth(of, 100) != orjson.loads(first)
    for command in (market(101, "buy", 200), limit(100, "buy", 99_500, 700), market(101, "sell", 300)):
        pipeline.do(command)
        assert orjson.loads(answers.depth(of, 100)) == shapes.depth(of, 100), "a level that changed is written again"
    other = opened().view.markets[MARKET]  # the view began again, at the same sequence perhaps
    other.seq = of.seq
    assert orjson.loads(answers.depth(other, 100))["asks"] == []
    assert len(KEPT) < 10


def test_what_is_not_limited_stands_with_the_widest_value() -> None:
    of = opened().view.markets[MARKET]
    shown = {one["filterType"]: one for one in info.filters(of)}
    assert shown["MAX_NUM_ORDERS"]["maxNumOrders"] == shown["ICEBERG_PARTS"]["limit"] == MAX_LIMIT
    band = shown["PERCENT_PRICE_BY_SIDE"]
    assert (band["bidMultiplierUp"], band["askMultiplierDown"]) == ("1000000.0000", "0.0000")
    assert info.rules("X", of) == {"symbol": "X", "rules": []}
    assert set(info.STATUSES.values()) <= {"TRADING", "END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY"}


@pytest.mark.parametrize(
    "values, weight",
    [
        *[({}, 5), ({"limit": "100"}, 5), ({"limit": "101"}, 25), ({"limit": "500"}, 25), ({"limit": "501"}, 50)],
        *[({"limit": "1000"}, 50), ({"limit": "1001"}, 250), ({"limit": "99999999"}, 250), ({"limit": "x"}, 250)],
    ],
)
def test_depth_weighs_by_its_limit(values: dict[str, str], weight: int) -> None:
    assert callable(routes.depth.weight)
    assert routes.depth.weight(values) == weight


def test_tickers_weigh_by_their_symbols() -> None:
    def weight(endpoint: object, values: dict[str, str]) -> int:
        found: int = endpoint.weight(values)  # type: ignore[attr-defined]
        return found

    def several(count: int) -> dict[str, str]:
        return {"symbols": "[" + ",".join(['"A"'] * count) + "]"}

    assert [weight(tickers.day, {"symbol": "A"}), weight(tickers.day, {})] == [2, 80]
    assert [weight(tickers.day, several(count)) for count in (1, 20, 21, 100, 101)] == [2, 2, 40, 40, 80]
    assert [weight(tickers.rolling, several(count)) for count in (1, 50, 51, 100)] == [4, 200, 200, 200]
    assert [weight(tickers.price, one) for one in ({"symbol": "A"}, {}, several(3))] == [2, 4, 4]
    assert exchange_info.weight == 20
