"""Requests made from the description of the API: valid, nearly valid and hostile ones, by chance from a seed.

Names of what exists are learned from the answers, so that requests reach orders, lists and withdrawals that are there.
"""

import json
import random
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from tests.integration.api_world import MARKET, PASSWORD
from tests.security.schema import Json, resolve

HOSTILE: list[Any] = [
    *("", " ", "0", "-1", "+1", "1e5", "1e999999", "NaN", "Infinity", "0x10", "1_0", "\uff11", "\u0661", "01", ".5"),
    *("9" * 30, "9" * 31, "1" * 300, "1" * 5000, "0." + "0" * 30 + "1", "1.", "1,5", "--1", "\x00", "\ud7ff", "\u2028"),
    *("<script>alert(1)</script>", "' OR 1=1 --", "../../etc/passwd", "%00", "%n%s", "${jndi:ldap://x}", "{{7*7}}"),
    *("http://169.254.169.254/latest/", "file:///etc/passwd", "javascript:alert(1)", "NO-PE", "tata-inr", "A" * 17),
    *(0, 1, -1, 2**31, 2**53, 2**63, 2**64, 10**30, 1.5, -0.0, 1e308, True, False, None, [], {}, [[]], ["a"], {"a": 1}),
]
AMOUNTS = ["1", "2", "5", "10", "10.00", "0.05", "100", "101.25", "9.95", "0"]
_OFTEN = {"price": 0.9, "quantity": 0.9, "limit": 0.2}


class Operation(NamedTuple):
    """An operation of the description."""

    method: str
    path: str
    said: Json

    @property
    def admin(self) -> bool:
        """Whether only an administrator may."""
        return bool(self.said["tags"] == ["admin"])

    @property
    def public(self) -> bool:
        """Whether anybody may."""
        return not self.said["security"]


class Made(NamedTuple):
    """A request; `astray`: its method or path may name no operation."""

    operation: Operation
    method: str
    target: str
    headers: dict[str, str]
    body: bytes | None
    astray: bool = False


def operations(document: Json) -> list[Operation]:
    """All operations, in a fixed order."""
    return [
        Operation(method.upper(), path, said)
        for path, place in sorted(document["paths"].items())
        for method, said in sorted(place.items())
    ]


class Generator:
    """Makes requests by chance."""

    def __init__(self, document: Json, chance: random.Random) -> None:
        self.document = document
        self.chance = chance
        self.operations = operations(document)
        self.ids: dict[str, list[Any]] = {"order": [1], "order-lists": [1], "withdrawals": [1], "position": ["1-0"]}
        self.ids |= {"sessions": ["f" * 32], "api-keys": ["k" * 64]}

    def learn(self, operation: Operation, answer: Any) -> None:
        """Remember what an answer names."""
        kind = operation.path.split("/")[1].replace("orders", "order")
        rows = [answer, *(row for rows in answer.values() if isinstance(rows, list) for row in rows)]
        for row in rows:
            if isinstance(row, dict) and isinstance(row.get("id"), int) and kind in self.ids:
                self.ids[kind] = [*self.ids[kind][-20:], row["id"]]
            if isinstance(row, dict) and isinstance(row.get("position"), str):
                self.ids["position"] = [*self.ids["position"][-20:], row["position"]]

    def request(self) -> Made:
        """Any request."""
        operation = self.chance.choice(self.operations)
        kind = self.chance.random()
        made = self.valid(operation)
        if kind < 0.45:
            return made
        return self._nearly(made) if kind < 0.85 else self._hostile(made)

    def valid(self, operation: Operation, force: str = "") -> Made:
        """A request as described; with a field that it must have."""
        parameters = [resolve(found, self.document) for found in operation.said["parameters"]]
        query: list[tuple[str, str]] = []
        path = operation.path
        for found in parameters:
            name = found["name"]
            if found["in"] == "path":
                path = path.replace(f"{{{name}}}", quote(str(self._part(operation, name)), safe=""))
            elif found["in"] == "query" and (found["required"] or name == force or self._sometimes(name)):
                query.append((name, str(self._value(found["schema"], name))))
        body = None
        headers = {}
        if "requestBody" in operation.said:
            schema = operation.said["requestBody"]["content"]["application/json"]["schema"]
            body = json.dumps(self._object(schema, force)).encode()
            headers["Content-Type"] = "application/json"
        target = f"/api/v1{path}" + (f"?{urlencode(query)}" if query else "")
        return Made(operation, operation.method, target, headers, body)

    def _nearly(self, made: Made) -> Made:
        """The request with one or two things wrong."""
        if made.body is None or self.chance.random() < 0.2:
            return self._bad_target(made)
        body = json.loads(made.body)
        for _ in range(self.chance.choice([1, 1, 2])):
            inner = self._somewhere(body)
            names = sorted(inner) or ["x"]
            name = self.chance.choice(names)
            act = self.chance.randrange(4)
            if act == 0:
                inner.pop(name, None)
            elif act == 1:
                inner[self.chance.choice(["x", "account", "role", "is_admin", "__proto__", "<b>", "id"])] = 1
            else:
                inner[name] = self.chance.choice(HOSTILE)
        return made._replace(body=json.dumps(body).encode("utf-8", "surrogatepass"))

    def _somewhere(self, body: Any) -> dict[str, Any]:
        lists = [parts for parts in body.values() if isinstance(parts, list)]
        within = [part for parts in lists for part in parts if isinstance(part, dict)]
        chosen: dict[str, Any] = self.chance.choice(within) if within and self.chance.random() < 0.7 else body
        return chosen

    def _bad_target(self, made: Made) -> Made:
        path, _, query = made.target.partition("?")
        word = quote(str(self.chance.choice(HOSTILE))[:500], safe=self.chance.choice(["", "/%"]))
        act = self.chance.randrange(4)
        if act == 0:
            target = f"{path}?{query}&{self.chance.choice(['x', 'limit', 'before', 'market', 'token'])}={word}"
        elif act == 1:
            target = f"{path}?{query}&{query}"
        elif act == 2 and "{" in made.operation.path:
            place = made.operation.path.split("/").index(next(p for p in made.operation.path.split("/") if "{" in p))
            parts = path.removeprefix("/api/v1").split("/")
            parts[place] = word or "x"
            return made._replace(target="/api/v1" + "/".join(parts), astray=True)
        else:
            at_least = self.chance.choice(["0-0", "x", "-1-0", "99999999999999999999-0", "1-0", "\u00e9", "1" * 400])
            return made._replace(headers={**made.headers, "X-Exchange-At-Least": at_least.encode().decode("latin-1")})
        return made._replace(target=target)

    def _hostile(self, made: Made) -> Made:
        """The request with its bytes, type, method or size wrong."""
        chance = self.chance
        body = bytearray(made.body or b"{}")
        act = chance.randrange(8)
        json_type = {"Content-Type": "application/json"}
        if act == 0:
            del body[chance.randrange(len(body)) :]
        elif act == 1:
            body[chance.randrange(len(body))] = chance.randrange(256)
        elif act == 2:
            body = bytearray(b'{"a":' * chance.choice([10, 900, 3000]))
        elif act == 3:
            body = bytearray(b'{"x":1,' + bytes(body[1:]) + b" ") if chance.random() < 0.5 else body * 2
        elif act == 4:
            body = bytearray(b'{"x":"' + b"y" * chance.choice([16_000, 17_000, 100_000]) + b'"}')
        elif act == 5:
            type_ = chance.choice(["text/plain", "application/xml", "application/json; charset=utf-16", "", "x"])
            return made._replace(headers={"Content-Type": type_}, body=bytes(body))
        elif act == 6:
            encoding = chance.choice(["gzip", "deflate", "br", "identity"])
            return made._replace(headers={**json_type, "Content-Encoding": encoding}, body=bytes(body))
        else:
            method = chance.choice(["GET", "PUT", "PATCH", "DELETE", "POST", "HEAD", "OPTIONS", "TRACE"])
            return made._replace(method=method, astray=True)
        return made._replace(headers=json_type, body=bytes(body))

    def _sometimes(self, name: str) -> bool:
        return self.chance.random() < _OFTEN.get(name, 0.12)

    def _part(self, operation: Operation, name: str) -> Any:
        if name != "id":
            return {"market": MARKET, "asset": "INR", "account": 100, "subject": "f" * 32}[name]
        return self.chance.choice([*self.ids[operation.path.split("/")[1]], 999_999])

    def _object(self, schema: Json, force: str = "") -> Json:
        plain = self.chance.random() < 0.6
        return {
            name: self._value(inner, name, force)
            for name, inner in schema["properties"].items()
            if name in schema["required"] or name == force or ((not plain or name in _OFTEN) and self._sometimes(name))
        }

    def _value(self, schema: Json, name: str, force: str = "") -> Any:
        schema = resolve(schema, self.document)
        chance = self.chance
        if "anyOf" in schema:
            schema = chance.choice([one for one in schema["anyOf"] if one.get("type") != "null"])
            return self._value(schema, name, force)
        if "enum" in schema:
            return schema["enum"][0] if chance.random() < 0.5 else chance.choice(schema["enum"])
        if schema["type"] == "integer":
            low, high = schema["minimum"], schema["maximum"]
            if name in {"id", "order"}:
                return max(low, chance.choice(self.ids["order"]))
            return chance.choice([low, high, min(high, low + 1), min(high, max(low, 100)), chance.randint(low, high)])
        if schema["type"] == "boolean":
            return chance.random() < 0.5
        if schema["type"] == "array":
            least = schema.get("minItems", 0)
            count = chance.randint(least, min(schema["maxItems"], least + 2))
            made = [self._value(self._one(schema["items"]), name, force) for _ in range(count)]
            return list(dict.fromkeys(made)) if schema.get("uniqueItems") else made
        if schema["type"] == "object":
            return self._object(schema, force)
        return self._text(schema, name)

    def _one(self, schema: Json) -> Json:
        chosen: Json = self.chance.choice(schema["anyOf"]) if "anyOf" in schema else schema
        return chosen

    def _text(self, schema: Json, name: str) -> str:
        chance = self.chance
        if name == "before":
            return str(chance.choice(self.ids["position"])) + ("-0" if schema.get("pattern", "").count("-") > 3 else "")
        pools: dict[str, list[str]] = {
            "market": [MARKET, MARKET, MARKET, "NO-PE"],
            "asset": ["INR", "TATA", f"A{chance.randint(0, 99)}"],
            "email": [f"fuzz{chance.randint(0, 5)}@example.org"],
            "password": [PASSWORD],
            "new_password": [PASSWORD],
            "label": [f"label {chance.randint(0, 25)}"],
            "client_order_id": [f"o{chance.randint(0, 20)}"],
            "client_list_id": [f"l{chance.randint(0, 20)}"],
            "ref": [f"r{chance.randint(0, 20)}"],
            "maker_fee": ["0", "0.001", "-0.0001"],
            "taker_fee": ["0.002", "0.1"],
            "volume": ["0", "0", "10"],
        }
        return chance.choice(pools.get(name, AMOUNTS))
