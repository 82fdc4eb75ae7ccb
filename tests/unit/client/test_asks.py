"""What the client sends, and how it takes answers apart."""

import inspect
from decimal import Decimal

import pytest

from exchange.client import AsyncClient, Client, asks
from exchange.client.asks import Ask
from exchange.client.errors import Refused, TryAgain, UnknownOutcome, Unreadable, of


def test_both_clients_have_a_method_for_everything_that_can_be_asked() -> None:
    described = {
        name
        for name, what in vars(asks).items()
        if inspect.isfunction(what) and what.__module__ == asks.__name__ and not name.startswith("_")
    }
    for client in (Client, AsyncClient):
        methods = {name for name in described if callable(getattr(client, name, None))}
        assert methods == described


def test_a_method_has_the_parameters_of_what_it_asks() -> None:
    assert inspect.signature(Client.place, follow_wrapped=True) == inspect.signature(asks.place)


def test_an_order_is_sent_with_what_is_given_and_no_more() -> None:
    ask = asks.place("BTC-USDT", "buy", price=Decimal("60000.10"), quantity="0.01", client_order_id="my-1")
    assert (ask.method, ask.target, ask.signed) == ("POST", "/api/v1/order", True)
    assert ask.body == {
        "market": "BTC-USDT",
        "kind": "buy",
        "type": "limit",
        "price": "60000.10",
        "quantity": "0.01",
        "client_order_id": "my-1",
    }


def test_a_small_decimal_is_written_without_an_exponent() -> None:
    body = asks.reduce(17, Decimal("0.00000001")).body
    assert body == {"quantity": "0.00000001"}


def test_a_float_is_refused() -> None:
    with pytest.raises(TypeError, match="not exact"):
        asks.place("BTC-USDT", "buy", price=0.1, quantity=1)  # type: ignore[arg-type]


def test_queries_are_escaped() -> None:
    assert asks.cancel_by_client_id("a/b:c").target == "/api/v1/orders?client_order_id=a%2Fb%3Ac"


@pytest.mark.parametrize(
    "status, code, kind",
    [
        (404, "unknown_order", Refused),
        (422, "off_tick", Refused),
        (429, "too_many_attempts", TryAgain),
        (503, "busy", TryAgain),
        (503, "log_unavailable", UnknownOutcome),
        (504, "unknown_outcome", UnknownOutcome),
    ],
)
def test_an_error_becomes_what_one_can_do_about_it(status: int, code: str, kind: type[Exception]) -> None:
    error = of(status, {"error": {"code": code, "message": "…", "field": None}}, {"Retry-After": "3"})
    assert type(error) is kind
    if isinstance(error, TryAgain):
        assert error.retry_after == 3


@pytest.mark.parametrize("body", [None, [], {"error": "no"}, {"code": -1121, "msg": "Invalid symbol."}])
def test_what_is_no_error_of_an_exchange_is_called_so(body: object) -> None:
    assert isinstance(of(400, body, {}), Unreadable)


@pytest.mark.parametrize(
    "ask, body",
    [
        (asks.depth("A-B"), {"market": "A-B", "seq": 1, "bids": [["1", "2", "3"]], "asks": []}),
        (asks.depth("A-B"), {"market": "A-B", "seq": True, "bids": [], "asks": []}),
        (asks.time(), {}),
        (asks.markets(), {"markets": {}}),
        (asks.balances(), []),
        (asks.balances(), {"balances": [{"asset": "A", "available": "a lot", "locked": "0"}]}),
    ],
)
def test_an_answer_of_another_shape_is_unreadable(ask: Ask[object], body: object) -> None:
    with pytest.raises(Unreadable):
        ask.read(body)
