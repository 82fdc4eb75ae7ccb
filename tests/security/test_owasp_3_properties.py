"""OWASP API 3, properties: nothing unknown is taken, and nothing is told that is not the caller's to know."""

import json
import random
import re

import pytest

from exchange.api.contract.declared import Route
from exchange.api.v1.routes.table import ROUTES
from tests.integration.api_world import PASSWORD, Client, World
from tests.security.asking import BODIES, address, ask, named
from tests.security.generator import Generator
from tests.security.test_fuzz_api import DOCUMENT, mend, send

THERE = [route for route in ROUTES if not route.path.startswith("sandbox/")]
SNEAKED = ("account", "role", "is_admin", "id", "status", "__proto__", "balance")


def caller(place: World, user: Client, route: Route) -> Client:
    return place.operator() if route.access.value == "admin" else user


ELSEWHERE = {
    *("/signup", "/signin", "/refresh", "/openapi.json"),
    *("/signout", "/signout-everywhere", "/sessions/{id}", "/password", "/totp", "/sub-accounts"),
}
"""Routes whose answers name an email or another account of the caller's, or that end the session that asks."""


async def test_owasp_3_unknown_fields_are_refused_on_every_route(place: World) -> None:
    user = await place.user(INR="1000", TATA="10")
    tried = 0
    for route in THERE:
        client = caller(place, user, route)
        answer = await ask(client, route, more="sneaked=1")
        assert (answer.status, answer.code, answer.field) == (400, "unknown_field", "sneaked"), named(route)
        body = BODIES.get((route.method, route.path), {})
        for name in SNEAKED:
            if name in {*(route.endpoint.body or {})}:
                continue
            answer = await ask(client, route, body={**body, name: 1})
            assert (answer.status, answer.code, answer.field) == (400, "unknown_field", name), named(route)
            tried += 1
    print(f"{tried} unknown fields refused")


async def test_owasp_3_unknown_fields_within_lists_are_refused_too(place: World) -> None:
    user = await place.user(INR="1000", TATA="10")
    for route in THERE:
        body = BODIES.get((route.method, route.path), {})
        for name, rows in body.items():
            if not isinstance(rows, list):
                continue
            sneaked = {**body, name: [{**row, "account": 1} for row in rows]}
            answer = await ask(caller(place, user, route), route, body=sneaked)
            told = json.dumps(answer.data)
            assert "unknown_field" in told and '"account"' in told, (named(route), told)


async def test_owasp_3_a_name_given_twice_is_refused(place: World) -> None:
    user = await place.user(INR="1000", TATA="10")
    for route in THERE:
        body = BODIES.get((route.method, route.path))
        if not body:
            continue
        name, value = next(iter(body.items()))
        twice = f"{json.dumps(body)[:-1]},{json.dumps(name)}:{json.dumps(value)}}}"
        client = caller(place, user, route)
        headers = {"Content-Type": "application/json"}
        answer = await client.call(route.method, address(route), data=twice, headers=headers)
        assert (answer.status, answer.code) == (400, "malformed_request"), named(route)


async def test_owasp_3_no_answer_tells_a_hash_a_password_or_anothers_account(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(5)
    made_by = Generator(DOCUMENT, chance)
    mine = await place.user(INR="100000", TATA="1000")
    other = await place.user(INR="100000", TATA="1000")
    operator = place.operator()
    recorded: list[str] = []
    for number in range(600):
        if number % 60 == 0:
            await mend(operator, [mine.account, other.account])
        await other.limit(chance.choice(["buy", "sell"]), "10", "1") if number % 5 == 0 else None
        made = made_by.valid(chance.choice(made_by.operations))
        if made.operation.admin or made.operation.path in ELSEWHERE:
            continue
        answered = await send(mine, made)
        recorded.append(answered.body.decode())
        if answered.status < 300:
            made_by.learn(made.operation, answered.data)
    everything = "\n".join(recorded)
    assert len(recorded) > 300 and f'"account":{mine.account}' in everything
    for secret in ("$2b$", "password_hash", PASSWORD, other.token, mine.token, "example.org", "tokens.key"):
        assert secret not in everything
    accounts = {int(found) for found in re.findall(r'"[a-z_]*account":(\d+)', everything)}
    assert accounts == {mine.account}
