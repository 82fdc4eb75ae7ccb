"""The compatible door's description: kept in the docs as it is answered, and complete."""

from pathlib import Path

import orjson

from exchange.api.v3.declared import Security
from exchange.api.v3.openapi import codes, document
from exchange.api.v3.routes.table import ROUTES

DOCS = Path(__file__).parents[3] / "docs"


def test_the_kept_description_is_the_one_that_is_answered() -> None:
    made = orjson.loads(orjson.dumps(document(ROUTES)))
    kept = orjson.loads((DOCS / "openapi-v3.json").read_bytes())
    assert kept == made, "python -m exchange.api.v3.openapi > docs/openapi-v3.json"


def test_every_route_is_described_once_and_under_a_name_of_its_own() -> None:
    said = document(ROUTES)["paths"]
    assert isinstance(said, dict)
    names = [operation["operationId"] for methods in said.values() for operation in methods.values()]
    assert len(names) == len(set(names)) == len(ROUTES)


def test_what_needs_a_key_may_be_refused_for_want_of_one() -> None:
    for route in ROUTES:
        needs_key = route.endpoint.security is not Security.NONE
        assert (-2014 in codes(route.endpoint)) == needs_key, route.path
