"""Strict reading: what passes, and that nothing else does."""

import json
import re

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.api.contract.declared import Kind, Text, Whole
from exchange.api.contract.reading import Fields, json_object
from exchange.api.errors import ApiError


def _known(*names: str) -> dict[str, Kind]:
    return dict.fromkeys(names, Text())


def refused(values: dict[str, object], name: str = "amount", decimals: int = 2) -> str:
    """The code with which an amount is refused."""
    with pytest.raises(ApiError) as caught:
        Fields(values, _known(name)).amount(name, decimals)
    assert caught.value.field == name
    return caught.value.code.value


@pytest.mark.parametrize("text,units", [("0", 0), ("1", 100), ("1.5", 150), ("1.50", 150), ("1.500", 150), ("0.01", 1)])
def test_decimal_strings_are_amounts(text: str, units: int) -> None:
    assert Fields({"amount": text}, _known("amount")).amount("amount", 2) == units


@pytest.mark.parametrize(
    "value,code",
    [
        (1, "not_a_string"),
        (1.5, "not_a_string"),
        (True, "not_a_string"),
        ([], "not_a_string"),
        ({}, "not_a_string"),
        ("-1", "not_positive"),
        ("-0.01", "not_positive"),
        ("--1", "malformed_amount"),
        ("+1", "malformed_amount"),
        ("1e3", "malformed_amount"),
        ("1E3", "malformed_amount"),
        ("1e999999", "malformed_amount"),
        ("NaN", "malformed_amount"),
        ("Infinity", "malformed_amount"),
        ("-NaN", "malformed_amount"),
        ("0x10", "malformed_amount"),
        ("1_000", "malformed_amount"),
        ("1,5", "malformed_amount"),
        (" 1", "malformed_amount"),
        ("1\n", "malformed_amount"),
        ("01", "malformed_amount"),
        (".5", "malformed_amount"),
        ("5.", "malformed_amount"),
        ("", "malformed_amount"),
        ("١", "malformed_amount"),
        ("９", "malformed_amount"),
        ("0.001", "too_precise"),
        ("9" * 31, "malformed_amount"),
        ("9" * 30, "out_of_range"),
        (None, "missing_field"),
    ],
)
def test_everything_else_is_refused(value: object, code: str) -> None:
    assert refused({"amount": value}) == code


@given(st.text(max_size=40))
def test_no_text_gets_through_that_python_alone_would_take(text: str) -> None:
    try:
        units = Fields({"amount": text}, _known("amount")).amount("amount", 2)
    except ApiError:
        return
    whole, _, fraction = text.partition(".")
    assert text.isascii()
    assert whole.isdigit()
    assert units == int(whole) * 100 + int(fraction.rstrip("0").ljust(2, "0") or 0)


def test_unknown_fields_are_refused_by_name() -> None:
    with pytest.raises(ApiError) as caught:
        Fields({"price": "1", "prise": "2"}, _known("price"))
    assert (caught.value.code.value, caught.value.field) == ("unknown_field", "prise")


def test_what_a_client_called_a_field_is_not_echoed_when_it_cannot_be_shown() -> None:
    with pytest.raises(ApiError) as caught:
        Fields({"\x1b[31m": 1}, {})
    assert caught.value.field == "?"


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"1", b'"x"', b"null", b"NaN", b'{"a":NaN}', b"\xff", b"[" * 2000, b'{"a":1}x']
)
def test_only_objects_are_bodies(raw: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        json_object(raw)
    assert caught.value.code.value == "malformed_request"


@pytest.mark.parametrize("value", ["0", "501", "1.0", "-1", "ten", "", True, 1.0, "９", "1" * 20])
def test_limits_are_whole_numbers_in_their_range(value: object) -> None:
    with pytest.raises(ApiError) as caught:
        Fields({"limit": value}, {"limit": Whole(1, 500, 100)}).number("limit")
    assert (caught.value.code.value, caught.value.field) == ("invalid_field", "limit")


def test_a_number_that_is_left_out_is_its_default_or_missing() -> None:
    assert Fields({}, {"limit": Whole(1, 500, 100)}).number("limit") == 100
    with pytest.raises(ApiError) as caught:
        Fields({"limit": None}, {"limit": Whole(1, 500)}).number("limit")
    assert (caught.value.code.value, caught.value.field) == ("missing_field", "limit")


def test_a_text_matches_its_pattern_as_a_whole() -> None:
    known = {"ref": Text(re.compile("[a-z]{1,3}"), "Three small letters.")}
    assert Fields({"ref": "abc"}, known).matched("ref") == "abc"
    for value in ("abcd", "", "a\n", "A"):
        with pytest.raises(ApiError) as caught:
            Fields({"ref": value}, known).matched("ref")
        assert (caught.value.code.value, caught.value.message) == ("invalid_field", "Three small letters.")


def test_what_is_read_must_be_declared_so() -> None:
    for read in (Fields({"a": "1"}, _known("a")).number, Fields({"a": "1"}, _known("a")).matched):
        with pytest.raises(TypeError):
            read("a")


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":1}',
        b'{"a":1,"b":{},"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":[{"b":1},{"b":1,"c":2,"b":1}]}',
        b'{"a" : ":", "a" : ":"}',
        b'{"":1,"":2}',
        b'{"a":1,"a":"\\u003a"}',
        b'{"a" :1,"a":2}',
        b'{"a":":","a":1,"b":"::"}',
        b'{"a":{"b":1},"a":{}}',
    ],
)
def test_a_name_stands_once_in_an_object(raw: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        json_object(raw)
    assert (caught.value.code.value, "twice" in caught.value.message) == ("malformed_request", True)


@pytest.mark.parametrize(
    "raw", [b"{}", b'{"a":":"}', b'{"a":{"b":1},"b":{"a":1}}', b'{"a":[{"b":1},{"b":1}]}', b'{"a":12e2,"b":":\\":"}']
)
def test_names_of_different_objects_may_be_the_same(raw: bytes) -> None:
    assert json_object(raw) == json.loads(raw)


@given(st.recursive(st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner)))
def test_an_object_that_was_written_is_read_as_it_was(value: object) -> None:
    written = json.dumps({"x": value}, ensure_ascii=False).encode()
    try:
        read = orjson.loads(written)
    except orjson.JSONDecodeError:
        return  # whole numbers above 64 bits
    assert json_object(written) == read


def test_a_choice_names_what_would_do() -> None:
    with pytest.raises(ApiError) as caught:
        Fields({"kind": "long"}, _known("kind")).choice("kind", {"buy": 1, "sell": 2})
    assert caught.value.message == "It must be one of: buy, sell."


@pytest.mark.parametrize("text,units", [("0", 0), ("-0", 0), ("1.5", 150), ("-1.50", -150), ("-0.01", -1)])
def test_a_signed_amount_may_be_negative(text: str, units: int) -> None:
    assert Fields({"fee": text}, _known("fee")).signed("fee", 2) == units


@pytest.mark.parametrize(
    "value,code",
    [
        ("--1", "malformed_amount"),
        ("-", "malformed_amount"),
        ("- 1", "malformed_amount"),
        ("-1e3", "malformed_amount"),
        ("-0.001", "too_precise"),
        (-1, "not_a_string"),
        (None, "missing_field"),
    ],
)
def test_a_signed_amount_is_read_as_strictly(value: object, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        Fields({"fee": value}, _known("fee")).signed("fee", 2)
    assert (caught.value.code.value, caught.value.field) == (code, "fee")


@pytest.mark.parametrize("value,code", [(None, "missing_field"), (1, "invalid_field"), ("true", "invalid_field")])
def test_a_flag_is_true_or_false(value: object, code: str) -> None:
    assert Fields({"all": True}, _known("all")).flag("all") is True
    assert Fields({"all": False}, _known("all")).flag("all") is False
    with pytest.raises(ApiError) as caught:
        Fields({"all": value}, _known("all")).flag("all")
    assert (caught.value.code.value, caught.value.field) == (code, "all")


@pytest.mark.parametrize("value,code", [(None, "missing_field"), ({}, "invalid_field"), ([{}, 1], "invalid_field")])
def test_a_list_of_objects_has_nothing_else(value: object, code: str) -> None:
    assert Fields({"legs": [{"a": 1}, {}]}, _known("legs")).objects("legs") == [{"a": 1}, {}]
    with pytest.raises(ApiError) as caught:
        Fields({"legs": value}, _known("legs")).objects("legs")
    assert (caught.value.code.value, caught.value.field) == (code, "legs")


def test_what_is_null_is_not_given() -> None:
    assert list(Fields({"a": 1, "b": None, "c": ""}, _known("a", "b", "c"))) == ["a", "c"]
