"""The published bounds of the compatible door: what is just within one is taken, what is just beyond it refused."""

import pytest

from exchange.api.v3 import paging
from exchange.api.v3.declared import SIGNATURE, Endpoint, Moment, Whole
from exchange.api.v3.faults import Fault
from exchange.api.v3.params import Params
from exchange.api.v3.routes import info, market, tickers
from exchange.api.v3.security import see_timely
from exchange.projections.timescale.spans import Span

NOW_MS = 1_700_000_000_000
DAY_MS = 24 * 60 * 60 * 1000


@pytest.mark.parametrize(
    "timestamp, window, code",
    [
        (str(NOW_MS), None, None),
        (str(NOW_MS + 999), None, None),
        (str(NOW_MS + 1000), None, -1021),
        (str(NOW_MS * 1000 + 999_999), None, None),
        (str(NOW_MS * 1000 + 1_000_000), None, -1021),
        (str(NOW_MS - 5000), None, None),
        (str(NOW_MS - 5001), None, -1021),
        (str(NOW_MS * 1000 - 5_000_001), None, -1021),
        (str(NOW_MS - 6000), "6000.000", None),
        (str(NOW_MS * 1000 - 6_000_346), "6000.346", None),
        (str(NOW_MS * 1000 - 6_000_347), "6000.346", -1021),
        (str(NOW_MS - 60_000), "60000", None),
        (str(NOW_MS), "60000.001", -1131),
        (str(NOW_MS), "0", None),
        (str(NOW_MS - 1), "0", -1021),
        (str(NOW_MS), "1.2345", -1100),
        (str(NOW_MS), "-1", -1100),
        (str(-NOW_MS), None, -1100),
        ("now", None, -1100),
        (None, None, -1102),
    ],
)
def test_a_request_is_timely_from_its_window_to_a_second_ahead(
    timestamp: str | None, window: str | None, code: int | None
) -> None:
    given = {"timestamp": timestamp, "recvWindow": window}
    params = Params({name: value for name, value in given.items() if value is not None}, SIGNATURE)
    if code is None:
        see_timely(params, NOW_MS * 1000)
    else:
        with pytest.raises(Fault) as refused:
            see_timely(params, NOW_MS * 1000)
        assert refused.value.code == code


def span(**given: object) -> Span:
    known = {
        "fromId": Whole(0, 10**9),
        "startTime": Moment(required=False),
        "endTime": Moment(required=False),
        "limit": Whole(1, 1000, 500),
    }
    return paging.span(Params({name: str(value) for name, value in given.items()}, known), "fromId")


def test_a_history_spans_a_day_at_most_and_forwards() -> None:
    assert span(startTime=NOW_MS, endTime=NOW_MS + DAY_MS).end_ms == NOW_MS + DAY_MS
    assert span(startTime=NOW_MS * 1000, endTime=NOW_MS).start_ms == NOW_MS
    for start, end, code in ((NOW_MS, NOW_MS + DAY_MS + 1, -1127), (NOW_MS, NOW_MS - 1, -1128)):
        with pytest.raises(Fault) as refused:
            span(startTime=start, endTime=end)
        assert refused.value.code == code


def test_a_limit_is_brought_down_to_what_is_possible_but_zero_is_refused() -> None:
    assert (span().limit, span(limit=1000).limit, span(limit=1001).limit, span(limit=10**9).limit) == (
        500, 1000, 1000, 1000,
    )  # fmt: skip
    with pytest.raises(Fault) as refused:
        span(limit=0)
    assert refused.value.code == -1130


def weight(of: Endpoint, **values: str) -> int:
    return of.weight if isinstance(of.weight, int) else of.weight(values)


def several(count: int) -> str:
    return "[" + ",".join(f'"S{number}"' for number in range(count)) + "]"


@pytest.mark.parametrize(
    "limit, told",
    [("1", 5), ("100", 5), ("101", 25), ("500", 25), ("501", 50), ("1000", 50), ("1001", 250), ("5000", 250),
     ("999999999", 250), ("much", 250)],
)  # fmt: skip
def test_a_book_weighs_what_its_levels_do(limit: str, told: int) -> None:
    assert weight(market.depth, limit=limit) == told


def test_requests_for_several_symbols_weigh_what_is_published() -> None:
    assert weight(market.depth) == 5
    assert [weight(tickers.day, symbols=several(count)) for count in (1, 20, 21, 100, 101)] == [2, 2, 40, 40, 80]
    assert (weight(tickers.day), weight(tickers.day, symbol="S")) == (80, 2)
    for of in (tickers.trading_day, tickers.rolling):
        assert [weight(of, symbols=several(count)) for count in (1, 50, 51, 100)] == [4, 200, 200, 200]
        assert weight(of, symbol="S") == 4
    for of in (tickers.price, tickers.book):
        assert (weight(of), weight(of, symbol="S"), weight(of, symbols=several(1))) == (4, 2, 4)
    assert [weight(info.execution_rules, symbols=several(count)) for count in (1, 20, 21)] == [2, 40, 40]
    assert (weight(info.execution_rules), weight(info.execution_rules, symbol="S")) == (40, 2)
