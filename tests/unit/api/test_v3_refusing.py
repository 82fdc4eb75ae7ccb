"""Every refusal of the house has a name at the compatible door, by what was asked."""

from typing import Final

import pytest

from exchange.api.errors import ApiError, GatewayCode
from exchange.api.limits.limiter import Limit, LimitReached
from exchange.api.v3 import faults, refusing
from exchange.api.v3.refusing import Asked
from exchange.terms.codes import Code

SETUP: Final = frozenset(
    [
        Code.MALFORMED, Code.TOO_LARGE, Code.UNKNOWN_VERSION, Code.UNKNOWN_TYPE, Code.UNKNOWN_FIELD,
        Code.LOG_ALREADY_OPEN, Code.UNKNOWN_RULES, Code.ASSET_EXISTS, Code.UNKNOWN_ASSET, Code.MARKET_EXISTS,
        Code.INEXACT_MARKET, Code.ACCOUNT_EXISTS, Code.ALREADY_EXPIRED, Code.BOOK_CROSSED, Code.NOT_IN_AUCTION,
        Code.BALANCE_LIMIT, Code.UNKNOWN_WITHDRAWAL, Code.NOT_SAME_GROUP, Code.SAME_ACCOUNT,
    ]
)  # fmt: skip
"""What no request of this door brings about: broken commands, setting up, auctions' ends, money, orders with a time."""

NAMED: Final = (
    ("unknown_order", "order", Asked.CANCELING, -2011, "Unknown order sent."),
    ("unknown_order", "order", Asked.AMENDING, -2038, "Unknown order sent."),
    ("insufficient_funds", "quantity", Asked.PLACING, -2010, "Account has insufficient balance for requested action."),
    ("would_take", "price", Asked.PLACING, -2010, "Order would immediately match and take."),
    ("would_trigger", "stop_price", Asked.PLACING, -2010, "Order would trigger immediately."),
    ("market_closed", "market", Asked.PLACING, -2010, "Market is closed."),
    ("market_closed", "order", Asked.CANCELING, -2011, "Market is closed."),
    ("account_frozen", "account", Asked.PLACING, -2010, "This action is disabled on this account."),
    ("leg_prices", "legs", Asked.PLACING, -2010, "The relationship of the prices for the orders is not correct."),
    ("client_id_used", "client_id", Asked.PLACING, -2010, "Duplicate order sent."),
    ("invalid_field", "display", Asked.PLACING, -2010, "IcebergQty exceeds QTY."),
    ("invalid_field", "tif", Asked.PLACING, -1014, "Unsupported order combination."),
    ("unknown_market", "market", Asked.PLACING, -1121, "Invalid symbol."),
    ("not_positive", "price", Asked.PLACING, -1013, "Filter failure: PRICE_FILTER"),
    ("not_positive", "quantity", Asked.PLACING, -1013, "Filter failure: LOT_SIZE"),
    ("out_of_range", "stop_price", Asked.PLACING, -1013, "Filter failure: PRICE_FILTER"),
    ("off_tick", "price", Asked.PLACING, -1013, "Filter failure: PRICE_FILTER"),
    ("off_lot", "display", Asked.PLACING, -1013, "Filter failure: LOT_SIZE"),
    ("below_min_notional", "quantity", Asked.PLACING, -1013, "Filter failure: NOTIONAL"),
    ("outside_band", "price", Asked.PLACING, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    ("too_many_parts", "display", Asked.PLACING, -1013, "Filter failure: ICEBERG_PARTS"),
    ("too_many_orders", "", Asked.PLACING, -1013, "Filter failure: MAX_NUM_ORDERS"),
    ("too_many_orders", "order_type", Asked.PLACING, -1013, "Filter failure: MAX_NUM_ALGO_ORDERS"),
    ("position_limit", "quantity", Asked.PLACING, -1013, "Filter failure: MAX_POSITION"),
)


@pytest.mark.parametrize("code", list(Code))
@pytest.mark.parametrize("asked", list(Asked))
def test_no_refusal_of_the_engine_is_without_a_name_but_those_that_cannot_come(code: Code, asked: Asked) -> None:
    fault = refusing.refused(code.value, "", asked)
    assert (fault.code == faults.UNKNOWN) == (code in SETUP)


@pytest.mark.parametrize("code, field, asked, number, text", NAMED)
def test_refusals_are_called_as_published(code: str, field: str, asked: Asked, number: int, text: str) -> None:
    fault = refusing.refused(code, field, asked)
    assert (fault.body(), fault.status) == ({"code": number, "msg": text}, 400)


@pytest.mark.parametrize("code", list(GatewayCode))
def test_every_refusal_of_the_gateway_keeps_its_status_or_is_one_that_the_venue_has(code: GatewayCode) -> None:
    own = ApiError(code)
    fault = refusing.of(own)
    assert 400 <= fault.status < 600 and fault.msg
    known = own.status if fault.code == faults.UNKNOWN else fault.status
    assert fault.status == known
    assert (fault.retry_after is None) == (own.retry_after is None)


def test_a_repetition_that_asks_for_something_else_is_a_duplicate() -> None:
    for code in (GatewayCode.CLIENT_ORDER_ID_REUSED, GatewayCode.CLIENT_LIST_ID_REUSED, GatewayCode.RESULT_GONE):
        assert refusing.of(ApiError(code)).body() == {"code": -2010, "msg": "Duplicate order sent."}


def test_what_may_have_been_carried_out_is_never_called_a_refusal() -> None:
    for code, number, status in ((GatewayCode.UNKNOWN_OUTCOME, -1007, 504), (GatewayCode.LOG_UNAVAILABLE, -1006, 503)):
        fault = refusing.of(ApiError(code))
        assert (fault.code, fault.status) == (number, status) and "xecution status unknown" in fault.msg


def test_a_reason_that_is_newer_than_the_gateway_is_no_fault_of_the_client() -> None:
    assert refusing.refused("eclipse", "", Asked.PLACING).status == 500


def test_limits_that_were_reached_are_told_with_their_numbers() -> None:
    orders = LimitReached(Limit("ORDERS", 50, 10, "SECOND"), 3)
    assert refusing.of_limit(orders, 0).body() == {
        "code": -1015,
        "msg": "Too many new orders; current limit is 50 orders per 10 SECOND.",
    }
    weight = LimitReached(Limit("REQUEST_WEIGHT", 6000, 1, "MINUTE"), 3)
    assert (refusing.of_limit(weight, 0).code, refusing.of_limit(weight, 0).status) == (-1003, 429)
    banned = LimitReached(Limit("REQUEST_WEIGHT", 6000, 1, "MINUTE"), 120, banned=True)
    assert refusing.of_limit(banned, 1000).status == 418 and "until 121000" in refusing.of_limit(banned, 1000).msg
