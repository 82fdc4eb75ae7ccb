"""The description of the API is whole, says what the routes are, and is the one that is kept."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from exchange.api.contract.declared import Access, Route
from exchange.api.contract.openapi import document
from exchange.api.errors import ENGINE_STATUS, GATEWAY_ERRORS
from exchange.api.v1.routes.table import ROUTES

KEPT = Path(__file__).parents[3] / "docs" / "openapi.json"
DOCUMENT = json.loads(orjson.dumps(document(ROUTES)))
STATUS = {code.value: status for code, (status, _) in GATEWAY_ERRORS.items()}
STATUS |= {code.value: status for code, status in ENGINE_STATUS.items()}


def operation(route: Route) -> dict[str, object]:
    found: dict[str, object] = DOCUMENT["paths"][f"/{route.path}"][route.method.lower()]
    return found


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "$ref":
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_the_kept_description_is_this_one() -> None:
    assert json.loads(KEPT.read_text()) == DOCUMENT, "run python -m exchange.api.contract.openapi > docs/openapi.json"


def test_it_has_the_operations_that_the_table_has() -> None:
    described = {(method.upper(), path[1:]) for path, place in DOCUMENT["paths"].items() for method in place}
    assert described == {(route.method, route.path) for route in ROUTES}
    names = [place["operationId"] for path in DOCUMENT["paths"].values() for place in path.values()]
    assert len(set(names)) == len(names) == len(ROUTES)


def test_every_reference_leads_somewhere() -> None:
    for reference in set(references(DOCUMENT)):
        at: object = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            assert isinstance(at, dict) and part in at, reference
            at = at[part]


def test_every_status_and_code_is_one_of_the_closed_set() -> None:
    for name, response in DOCUMENT["components"]["responses"].items():
        codes = response["content"]["application/json"]["schema"]["allOf"][1]["properties"]["error"]["properties"]
        told = codes["code"]["enum"]
        assert told
        for code in told:
            assert f"Refused{STATUS[code]}" == name.partition("x")[0]
    for route in ROUTES:
        answers = operation(route)["responses"]
        assert isinstance(answers, dict)
        refused = {int(status) for status in answers if int(status) >= 400}
        assert refused <= set(STATUS.values())
        assert {int(status) for status in answers} - refused == {route.endpoint.status}


def test_guarded_routes_say_so_and_parts_of_paths_are_parameters() -> None:
    for route in ROUTES:
        described = operation(route)
        token: dict[str, list[str]] = {"token": []}
        key: dict[str, list[str]] = {"key": [], "timestamp": [], "signature": []}
        with_key = [token, key] if route.access.scope else [token]
        assert described["security"] == ([] if route.access is Access.PUBLIC else with_key)
        parameters = described["parameters"]
        assert isinstance(parameters, list)
        parts = [found["name"] for found in parameters if found.get("in") == "path"]
        assert parts == re.findall(r"\{(\w+)\}", route.path)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_what_is_described_is_what_is_declared(route: Route) -> None:
    described = operation(route)
    parameters = described["parameters"]
    assert isinstance(parameters, list)
    assert [found["name"] for found in parameters if found.get("in") == "query"] == list(route.endpoint.query)
    assert ("requestBody" in described) == (route.endpoint.body is not None)
    if route.endpoint.body is not None:
        body = described["requestBody"]
        assert isinstance(body, dict)
        schema = body["content"]["application/json"]["schema"]
        assert list(schema["properties"]) == list(route.endpoint.body)
        assert schema["additionalProperties"] is False
