"""Which route a path names."""

import pytest

from exchange.api.http.routing import Table


def table() -> Table[str]:
    made: Table[str] = Table()
    made.add("GET", "/order/{id}", "show")
    made.add("DELETE", "/order/{id}", "cancel")
    made.add("POST", "/order/quote", "quote")
    made.add("POST", "/order", "place")
    made.add("POST", "/withdrawals/{id}/settle", "settle")
    return made


def found(path: str, method: str) -> tuple[str | None, dict[str, str]] | None:
    match = table().find(path)
    return None if match is None else (match[0].methods.get(method), dict(match[1]))


def test_a_path_names_its_route() -> None:
    assert found("/order", "POST") == ("place", {})
    assert found("/order", "GET") == (None, {})


def test_a_pattern_leaves_parts_to_the_client() -> None:
    assert found("/order/17", "DELETE") == ("cancel", {"id": "17"})
    assert found("/withdrawals/x y/settle", "POST") == ("settle", {"id": "x y"})


def test_a_route_of_its_own_wins_against_a_pattern() -> None:
    assert found("/order/quote", "POST") == ("quote", {})
    assert found("/order/quote", "GET") == (None, {})


@pytest.mark.parametrize(
    "path", ["", "/", "/order/", "/order/1/", "//order", "/Order", "/withdrawals//settle", "order"]
)
def test_nothing_is_forgiven(path: str) -> None:
    assert found(path, "GET") is None


def test_the_name_of_a_part_is_a_part_like_any_other() -> None:
    assert found("/order/{id}", "GET") == ("show", {"id": "{id}"})


def test_the_methods_of_a_place_are_told_in_order() -> None:
    match = table().find("/order/1")
    assert match is not None
    assert (match[0].allowed, match[0].pattern) == ("DELETE,GET", "/order/{id}")


def test_two_answers_to_one_question_are_refused() -> None:
    with pytest.raises(ValueError, match="POST /order is there already"):
        table().add("POST", "/order", "again")
