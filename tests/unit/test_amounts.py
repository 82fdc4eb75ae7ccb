"""Amounts: decimal strings outside, integers inside, nothing in between."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.terms.amounts import MAX_AMOUNT, MAX_DECIMALS, AmountError, format_decimal, parse_decimal, parse_digits


@pytest.mark.parametrize(
    "text,decimals,amount",
    [
        ("0", 0, 0),
        ("0.00", 2, 0),
        ("101.25", 2, 10_125),
        ("101.2", 2, 10_120),
        ("101", 2, 10_100),
        ("1.500", 1, 15),
        ("1.000000000000000000", 0, 1),
        ("0.000000000000000001", 18, 1),
        ("9" * 30, 0, MAX_AMOUNT),
        ("999999999999.999999999999999999", 18, MAX_AMOUNT),
    ],
)
def test_a_decimal_string_is_read_exactly(text: str, decimals: int, amount: int) -> None:
    assert parse_decimal(text, decimals) == amount


@pytest.mark.parametrize(
    "text,decimals,reason",
    [
        (text, 2, "malformed")
        for text in (
            *("", " ", "-1", "+1", "1e3", "1E3", "NaN", "Infinity", "1.", ".5", "01", "1_0", "1,5", " 1", "1 ", "1\n"),
            *("\u0665", "\uff11", "0x10", "1.2.3", "1.2345678901234567890", "1" * 31, "1e999999", None, 5, 1.5, True),
        )
    ]
    + [("1.001", 2, "too_precise"), ("0.1", 0, "too_precise")]
    + [("9" * 30, 1, "too_large"), ("1000000000000", 18, "too_large")],
)
def test_anything_else_is_refused_with_its_reason(text: object, decimals: int, reason: str) -> None:
    with pytest.raises(AmountError) as caught:
        parse_decimal(text, decimals)
    assert caught.value.reason == reason


def test_no_short_text_takes_long() -> None:
    started = time.perf_counter()
    for text in ("1e999999999", "9" * 100_000, "0." + "0" * 100_000, "." * 100_000):
        with pytest.raises(AmountError):
            parse_decimal(text, 18)
        assert parse_digits(text) == -1
    assert time.perf_counter() - started < 1


@given(st.integers(0, MAX_AMOUNT), st.integers(0, MAX_DECIMALS))
def test_what_is_written_is_read_back_the_same(amount: int, decimals: int) -> None:
    assert parse_decimal(format_decimal(amount, decimals), decimals) == amount
    assert parse_digits(str(amount)) == amount


@pytest.mark.parametrize(
    "amount,decimals,text",
    [(5, 2, "0.05"), (-5, 2, "-0.05"), (0, 2, "0.00"), (123, 0, "123"), (10_125, 2, "101.25"), (-100, 2, "-1.00")],
)
def test_an_amount_is_written_with_all_its_places(amount: int, decimals: int, text: str) -> None:
    assert format_decimal(amount, decimals) == text
