"""The error table: whole, and what the documentation shows."""

from pathlib import Path

import pytest

from exchange.api.errors import ENGINE_STATUS, GATEWAY_ERRORS, ApiError, GatewayCode, refusal, table
from exchange.terms.codes import MESSAGES, Code

DOCUMENT = Path(__file__).parent.parent.parent.parent / "docs" / "api.md"


def test_every_code_has_a_status_and_a_message() -> None:
    assert set(GATEWAY_ERRORS) == set(GatewayCode)
    assert set(ENGINE_STATUS) == set(Code) == set(MESSAGES)
    for code in [*GatewayCode, *Code]:
        error = ApiError(code, "x")
        assert 400 <= error.status < 600
        assert error.message.endswith(".")
        assert error.body() == {"error": {"code": code.value, "message": error.message, "field": "x"}}


def test_the_two_sets_share_no_code() -> None:
    assert not {code.value for code in GatewayCode} & {code.value for code in Code}


def test_the_documentation_shows_this_table() -> None:
    assert DOCUMENT.read_text().endswith(table() + "\n")


def test_what_may_pass_by_itself_says_when_to_try_again() -> None:
    for code in GatewayCode:
        error = ApiError(code)
        assert (error.retry_after is not None) == (error.status == 503)


@pytest.mark.parametrize("inside,outside", [("side", "kind"), ("tif", "time_in_force"), ("price", "price")])
def test_the_engines_fields_have_the_apis_names(inside: str, outside: str) -> None:
    assert refusal("off_tick", inside).field == outside


def test_a_refusal_without_a_field_has_none() -> None:
    assert refusal("log_not_open", "").field is None


def test_a_code_of_a_newer_engine_is_told_as_it_is() -> None:
    error = refusal("frozen_by_rule_17", "x")
    assert error.status == 500
    assert "frozen_by_rule_17" in error.message
