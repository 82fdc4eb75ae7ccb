"""The compatible door against its own description: no 5xx, no undocumented status or code, answers of the right shape.

Requests are made from the description's parameters: mostly such as make sense together with what the market holds, then
edges, rubbish, missing, unknown and doubled ones; signed rightly, so that they come to the handlers, or wrongly.
"""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson
import pytest
from yarl import URL

from exchange.api.v3.openapi import document
from exchange.api.v3.routes.table import ROUTES
from exchange.settings import Settings
from tests.integration.api_world import World, world
from tests.integration.v3_world import SYMBOL, Trader, trader
from tests.integration.ws_world import now_ms
from tests.security.schema import Json, problems, resolve

INPUTS = 2_000
MOST = 6_000
"""Characters; a head that is longer than 8 KiB is refused before anybody knows whom it is for."""
SOAK_INPUTS = 250_000
DOCUMENT: Final[Json] = json.loads(orjson.dumps(document(ROUTES)))
OPERATIONS: Final = [
    (method.upper(), path, said) for path, methods in DOCUMENT["paths"].items() for method, said in methods.items()
]
HARDLY_LIMITED: Final = 10**9

WORDS: Final[dict[str, list[str]]] = {
    "symbol": [SYMBOL, SYMBOL, SYMBOL, "TATA-INR", "NOSUCH", "tatainr", "", "X" * 300],
    "symbols": [f'["{SYMBOL}"]', f'["{SYMBOL}","{SYMBOL}"]', "[]", "{}", "[1]", '["NOSUCH"]', "["],
    "timeZone": ["0", "-1:00", "05:45", "14", "+8", "14:01", "x"],
    "windowSize": ["1m", "59m", "23h", "7d", "8d", "0m", "60m", "x"],
    "newClientOrderId": ["a", "b", "c-1", "x" * 36, "x" * 37, "ä", "o-1"],
    "origClientOrderId": ["a", "b", "o-1", "o-2", "o-99999999999999999999", "?"],
    "recvWindow": ["1", "5000", "60000", "60001", "0.001", "0.0001", "-1"],
}
AMOUNTS: Final = ["1", "10", "101.25", "99.5", "0.05", "0", "0.0000", "1e3", "-1", "1" * 40, "0.123456789", ".5", "NaN"]
NUMBERS: Final = ["1", "2", "5", "100", "1000", "0", "-1", "9223372036854775807", "9" * 30, "1.5", "x", "1795000000000"]
RUBBISH: Final = ["", " ", "null", "true", "ä€", "<script>", "'; --", "\x00", "%", "[]", "{}", "1" * 5000]
UNITS: Final = ["MICROSECOND", "millisecond", "MICROSECOND", "SECOND", "x"]
SENSIBLE: Final[dict[str, list[str]]] = {
    "quantity": ["1", "2", "5"], "price": ["99.5", "100", "101.25"], "stopPrice": ["90", "110"],
    "timeInForce": ["GTC", "IOC", "FOK"], "icebergQty": ["1"], "quoteOrderQty": ["100"], "newQty": ["1", "2"],
    "abovePrice": ["120"], "aboveStopPrice": ["120"], "belowPrice": ["80"], "belowStopPrice": ["85"],
}  # fmt: skip


class Maker:
    """Makes requests out of the description."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.ids: list[str] = ["1"]

    def params(self, said: Json) -> dict[str, str]:
        """Parameters for an operation."""
        chance = self._chance
        made = {}
        for parameter in said["parameters"]:
            name = parameter["name"]
            if name in {"timestamp", "signature"}:
                continue
            needed = parameter["required"]
            if chance.random() < (0.97 if needed else 0.3):
                made[name] = self._value(name, resolve(parameter["schema"], DOCUMENT))
        if chance.random() < 0.03:
            made[chance.choice(["unknown", "Symbol", "signatur"])] = "1"
        return made

    def learn(self, told: Any) -> None:
        """Remember the ids that an answer names."""
        for one in told if isinstance(told, list) else [told]:
            if isinstance(one, dict):
                self.ids += [str(one[name]) for name in ("orderId", "orderListId", "id") if name in one]
        self.ids = self.ids[-200:]

    def _value(self, name: str, schema: Json) -> str:
        chance = self._chance
        if chance.random() < 0.06:
            return chance.choice(RUBBISH)
        if name in WORDS:
            return chance.choice(WORDS[name])
        if "enum" in schema:
            return str(chance.choice(schema["enum"]))
        if name in SENSIBLE and chance.random() < 0.8:
            return chance.choice(SENSIBLE[name])
        if name.endswith(("rderId", "ListId", "fromId", "Id")) and chance.random() < 0.8:
            return chance.choice(self.ids)
        return chance.choice(NUMBERS if schema.get("type") == "integer" else AMOUNTS)


def wrong(method: str, said: Json, status: int, headers: dict[str, str], body: bytes) -> list[str]:
    """In what an answer is not as described."""
    if status >= 500:
        return [f"status {status}"]
    described = said["responses"].get(str(status))
    if described is None:
        return [f"status {status} is not documented"]
    described = resolve(described, DOCUMENT)
    schema = described["content"]["application/json"]["schema"]
    found = [f"the header {name} is missing" for name in described.get("headers", {}) if name not in headers]
    return found + problems(json.loads(body), schema, DOCUMENT)


async def send(who: Trader, method: str, path: str, params: dict[str, str], chance: random.Random) -> Any:
    """Send a request in one of the ways that clients do."""
    signed = "signature" in {p["name"] for p in DOCUMENT["paths"][path][method.lower()]["parameters"]}
    text = urlencode({**params, "timestamp": now_ms()} if signed else params, quote_via=quote)
    if signed:
        text += f"&signature={who.key.sign(text.encode())}"
    spoilt = chance.random()
    if signed and spoilt < 0.03:
        text = text.replace("signature=", f"signature={chance.choice('0123456789abcdef')}", 1)
    elif spoilt < 0.05 and params:
        text += f"&{next(iter(params))}=1"
    headers = {} if chance.random() < 0.03 else {"X-MBX-APIKEY": who.key.id}
    if chance.random() < 0.1:
        headers["X-MBX-TIME-UNIT"] = chance.choice(UNITS)
    body = None
    if method != "GET" and chance.random() < 0.5:
        text, body = "", text.encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    url = URL(f"{who.world.base}{path}?{text}" if text else f"{who.world.base}{path}", encoded=True)
    async with who.world.session.request(method, url, data=body, headers=headers) as response:
        return response.status, dict(response.headers), await response.read()


async def fuzz(place: World, seed: int, inputs: int) -> dict[int, int]:
    """So many requests; how often each status came. Afterwards trading still goes on."""
    chance = random.Random(seed)
    maker = Maker(chance)
    people = [await trader(place, TATA="100000", INR="10000000") for _ in range(2)]
    counts: dict[int, int] = {}
    found: dict[tuple[str, str, str], object] = {}
    for number in range(inputs):
        method, path, said = chance.choice(OPERATIONS)
        params = maker.params(said)
        if sum(map(len, params.values())) > MOST:
            continue
        status, headers, body = await send(chance.choice(people), method, path, params, chance)
        for fault in wrong(method, said, status, headers, body):
            found.setdefault((method, path, fault[:60]), (number, params, status, body[:300]))
        assert b"<script>" not in body
        if status == 200:
            maker.learn(json.loads(body))
        counts[status] = counts.get(status, 0) + 1
    assert not found, "\n".join([f"{seed}: {what} {how}" for what, how in found.items()])
    assert (await people[0].limit("BUY", "1", "1"))["status"] == "NEW"
    return counts


@pytest.fixture
def unlimited(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> Settings:
    made = make_settings(redis_url=redis_url, database_url=database_url, demo=True)
    most = HARDLY_LIMITED
    return replace(made, limit_weight=most, limit_raw=most, limit_orders_10s=most, limit_orders_day=most)


async def test_no_request_brings_an_answer_that_is_not_described(unlimited: Settings) -> None:
    async with world(unlimited) as place:
        counts = await fuzz(place, 49, INPUTS)
    print(f"answers by status: {counts}")
    assert {200, 400, 401} <= counts.keys()
    assert counts[200] > INPUTS // 5


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("seed", range(4))
async def test_no_request_of_a_million_brings_an_answer_that_is_not_described(unlimited: Settings, seed: int) -> None:
    async with world(unlimited) as place:
        await fuzz(place, 2000 + seed, SOAK_INPUTS)
