"""The whole API against its own description: no 5xx, nothing undocumented, and every declared field is read so."""

import json
import random
from collections.abc import Callable
from functools import wraps
from typing import Any

import orjson
import pytest
from yarl import URL

from exchange.api.contract.declared import Amount, Flag, Kind, Objects, Position, Shape, Text, Texts, Whole, Word
from exchange.api.contract.openapi import document
from exchange.api.contract.reading import Fields
from exchange.api.http.answers import SECURITY
from exchange.api.v1.routes.table import ROUTES
from tests.integration.api_world import MARKET, Client, World
from tests.security.generator import Generator, Made, Operation
from tests.security.schema import Json, problems, resolve

INPUTS = 2_000
SOAK_INPUTS = 1_000_000
SOAK_WORLDS = 20
ENDING = {"/signout", "/signout-everywhere", "/sessions/{id}"}
"""What may end the session that asks."""
DOCUMENT: Json = json.loads(orjson.dumps(document(ROUTES)))


class Answered:
    """What came back."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def data(self) -> Any:
        """What the body says, in JSON or as it is."""
        json_here = self.headers.get("Content-Type") == "application/json"
        return json.loads(self.body) if json_here else {"text": self.body.decode()}


async def send(client: Client, made: Made) -> Answered:
    headers = {**made.headers, "Authorization": f"Bearer {client.token}"}
    url = URL(client.base + made.target, encoded=True)
    async with client.session.request(made.method, url, data=made.body, headers=headers) as response:
        return Answered(response.status, dict(response.headers), await response.read())


def wrong(made: Made, answered: Answered) -> list[str]:
    """In what an answer is not as described."""
    status = str(answered.status)
    found = [f"{name} is missing" for name, value in SECURITY.items() if answered.headers.get(name) != value]
    if answered.status >= 500:
        return [*found, "a 5xx"]
    if made.method == "HEAD":
        return found
    told = answered.data
    described = made.operation.said["responses"].get(status)
    if made.astray and answered.status in {404, 405} and told["error"]["code"] in {"not_found", "method_not_allowed"}:
        return found
    if made.astray and made.method != made.operation.method:
        described = DOCUMENT["paths"][made.operation.path].get(made.method.lower(), {}).get("responses", {}).get(status)
    if described is None:
        return [*found, f"status {status} is not documented"]
    response = resolve(described, DOCUMENT)
    if "application/json" not in response["content"]:
        kind = answered.headers["Content-Type"].partition(";")[0]
        return found if kind in response["content"] else [*found, f"the body is {kind}"]
    schema = response["content"]["application/json"]["schema"]
    promised = response.get("headers", {}).keys()
    found += [f"the header {name} is missing" for name in promised if name not in answered.headers]
    return found + problems(told, schema, DOCUMENT)


async def mend(operator: Client, accounts: list[int]) -> None:
    """Let trading go on, whatever the administrator's requests have done."""
    for status in ("cancel_only", "open"):
        await operator.call("PATCH", f"/api/v1/admin/markets/{MARKET}", {"status": status})
    await operator.call("POST", f"/api/v1/admin/markets/{MARKET}/uncross", {"status": "open"})
    await operator.call("PUT", f"/api/v1/admin/markets/{MARKET}/limits", {})
    for account in accounts:
        await operator.call("PATCH", f"/api/v1/admin/accounts/{account}", {"status": "open"})


async def fuzz(place: World, seed: int, inputs: int) -> dict[int, int]:
    """So many requests; how often each status came. Afterwards trading still goes on."""
    chance = random.Random(seed)
    made_by = Generator(DOCUMENT, chance)
    users = [await place.user(INR="100000", TATA="1000") for _ in range(2)]
    operator = place.operator()
    counts: dict[int, int] = {}
    for number in range(inputs):
        if number % 100 == 0:
            await mend(operator, [user.account for user in users])
        made = made_by.request()
        client = operator if made.operation.admin else chance.choice(users)
        answered = await send(client, made)
        faults = wrong(made, answered)
        assert not faults, (seed, number, made.method, made.target, made.headers, made.body, answered.body, faults[:5])
        assert b"<script>" not in answered.body
        if answered.status < 300:
            made_by.learn(made.operation, answered.data)
        if client is not operator and (answered.status == 401 or made.operation.path in ENDING):
            await place.renew(client)
        counts[answered.status] = counts.get(answered.status, 0) + 1
    await mend(operator, [user.account for user in users])
    order = await users[0].limit("buy", "1", "1")
    assert order.status == 201, order
    return counts


async def test_no_input_brings_an_answer_that_is_not_described(place: World) -> None:
    counts = await fuzz(place, 42, INPUTS)
    print(f"answers by status: {counts}")
    assert {200, 201, 400, 401, 404, 405, 409, 413, 415, 422} <= counts.keys()
    assert counts[200] + counts[201] > INPUTS // 5


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("seed", range(SOAK_WORLDS))
async def test_no_input_of_a_million_brings_an_answer_that_is_not_described(place: World, seed: int) -> None:
    await fuzz(place, 1000 + seed, SOAK_INPUTS // SOAK_WORLDS)


READERS: dict[str, tuple[type[Kind], ...]] = {
    "text": (Text, Word),
    "matched": (Text,),
    "choice": (Word,),
    "amount": (Amount,),
    "signed": (Amount,),
    "number": (Whole,),
    "flag": (Flag,),
    "objects": (Objects,),
    "texts": (Texts,),
    "position": (Position,),
}


class Reads:
    """What handlers read, noted by the shape that the field is declared in."""

    def __init__(self) -> None:
        self.found: set[tuple[int, str]] = set()
        self.wrong: set[str] = set()

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        for name, kinds in READERS.items():
            patch.setattr(Fields, name, self._noting(getattr(Fields, name), name, kinds))

    def _noting(self, read: Callable[..., Any], reader: str, kinds: tuple[type[Kind], ...]) -> Callable[..., Any]:
        @wraps(read)
        def noting(fields: Fields, name: str, *more: Any) -> Any:
            kind = fields._known[name]
            self.found.add((id(fields._known), name))
            if not isinstance(kind, kinds):
                self.wrong.add(f"{name}, declared as {kind}, is read as {reader}")
            if reader == "choice" and isinstance(kind, Word) and dict(kind.choices) != dict(more[0]):
                self.wrong.add(f"{name} is one of {list(more[0])}, not {list(kind.choices)}")
            if reader == "signed" and not (isinstance(kind, Amount) and kind.signed):
                self.wrong.add(f"{name} may be negative, but is not declared so")
            return read(fields, name, *more)

        return noting


def shapes(shape: Shape) -> list[Shape]:
    """A shape and those within."""
    within = [part for kind in shape.values() if isinstance(kind, Objects) for part in kind.shapes]
    return [shape, *(found for part in within for found in shapes(part))]


async def test_every_declared_field_is_read_as_what_it_is_declared_to_be(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads()
    reads.watch(monkeypatch)
    user = await place.user(INR="100000", TATA="1000")
    operator = place.operator()
    made_by = Generator(DOCUMENT, random.Random(7))
    for kind, placed in (("order", await user.limit("buy", "1", "5")),):
        made_by.ids[kind] = [placed.data["id"]]
    missing: list[str] = []
    for route in ROUTES:
        if route.path.startswith("sandbox/"):
            continue  # it is not there outside a sandbox
        said = DOCUMENT["paths"][f"/{route.path}"][route.method.lower()]
        operation = Operation(route.method, f"/{route.path}", said)
        for shape in [*shapes(route.endpoint.query), *shapes(route.endpoint.body or {})]:
            for name in shape:
                if name == "action":
                    continue  # read before it is known which shape the rest has
                for _ in range(40):
                    if (id(shape), name) in reads.found:
                        break
                    client = operator if operation.admin or (name == "account" and "deposits" in route.path) else user
                    await send(client, made_by.valid(operation, force=name))
                    await mend(operator, [user.account])
                else:
                    missing.append(f"{route.method} {route.path}: {name}")
    assert not missing
    assert not reads.wrong
