"""Signed keys: none is accepted but the holder's, for what it may do, from where and as long as it may."""

import asyncio
import hmac
import json
import random
import re
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from exchange.api.auth.key_rows import KeyRows
from exchange.api.auth.keys import KeyStore
from exchange.api.auth.secrets import load_secrets
from exchange.api.auth.signatures import HmacVerifier, public_verifier
from exchange.api.auth.store import Store
from exchange.api.contract.declared import Access
from exchange.api.errors import ApiError, GatewayCode
from exchange.api.v1.hub import EXPIRED
from exchange.api.v1.routes.table import ROUTES
from exchange.api.v1.signed import payload
from exchange.api.v3.security import payload as compatible_payload
from exchange.effects.clock import AsyncClock
from tests.integration.api_world import DEADLINE_S, Json, World, eventually
from tests.security.asking import BODIES, ORDER, address, named
from tests.security.signing import KINDS, Program, now_ms, program, public_key, signing

MUTANTS = 10_000
SOAK_MUTANTS = 1_000_000
SECRET = "k3Jv8Rw1Tz6Xq9Bn4Mc7Lp2Hs5Gd0FfYaUeIoWyCxVtZrQbNmKjLhPgDsA1S2D3F"
TATA = {"symbol": "TATAINR", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "10", "quantity": "1"}
BODY = json.dumps(ORDER).encode()
SIGNED = {
    "v1": payload("1764000000000", "2000", "POST", "/api/v1/order?x=1", BODY),
    "v3": compatible_payload("symbol=TATAINR&side=BUY&quantity=1&timestamp=1764000000000", "price=10&recvWindow=5000"),
}


def verify(kind: str) -> Callable[[bytes, str], bool]:
    pem = public_key(kind)
    return (HmacVerifier(SECRET.encode()) if pem is None else public_verifier(kind, pem)).verify  # type: ignore[arg-type]


def mutant(text: str, letters: str, chance: random.Random) -> str:
    """The text with something else at one place or a few."""
    cut = chance.randrange(len(text))
    low, high = sorted((cut, chance.randrange(len(text))))
    return chance.choice(
        [
            text[:cut] + chance.choice(letters) + text[cut + 1 :],
            text[:cut],
            text[:cut] + chance.choice(letters) + text[cut:],
            text[:cut] + text[cut + chance.randint(1, 5) :],
            text[:low] + text[low:high][::-1] + text[high:],
            text[:cut] + "".join(chance.choices(letters, k=3)) + text[cut + 3 :],
            text[low:] + text[:low],
            text + chance.choice(letters),
            text[:cut] + text[cut:].swapcase(),
        ]
    )


def mutants(kind: str, signed: bytes, signature: str, count: int, seed: int) -> Iterator[tuple[bytes, str]]:
    """Pairs of which one part is another than the right one."""
    chance = random.Random(seed)
    letters = string.hexdigits if kind == "hmac" else string.ascii_letters + string.digits + "+/= "
    same = signature.lower() if kind == "hmac" else signature
    while count:
        if chance.random() < 0.5:
            other = mutant(signature, letters, chance)
            if (other.lower() if kind == "hmac" else other.replace(" ", "+")) != same:
                count -= 1
                yield signed, other
        else:
            changed = mutant(signed.decode(), string.printable, chance).encode()
            if changed != signed:
                count -= 1
                yield changed, signature


def try_out(count: int, seed: int) -> None:
    tried = let_in = 0
    for kind in KINDS:
        check, sign = verify(kind), signing(kind, SECRET)
        for signed in SIGNED.values():
            signature = sign(signed)
            assert check(signed, signature)
            for changed, other in mutants(kind, signed, signature, count // 6 + 1, seed):
                tried += 1
                let_in += check(changed, other)
    print(f"{let_in} of {tried} mutants were accepted")
    assert tried >= count and let_in == 0


def test_owasp_keys_of_ten_thousand_mutants_none_is_accepted() -> None:
    try_out(MUTANTS, 1)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_owasp_keys_of_a_million_mutants_none_is_accepted() -> None:
    try_out(SOAK_MUTANTS, 2)


async def test_owasp_keys_mutants_are_refused_at_both_doors_and_place_nothing(place: World) -> None:
    user = await place.user(INR="1000")
    chance = random.Random(3)
    for kind in KINDS:
        bot = await program(user, kind)
        at = str(now_ms())
        sign = bot.sign
        right = sign(payload(at, "60000", "POST", "/api/v1/order", BODY))
        for _ in range(40):
            sent: dict[str, Any] = {
                "at": at,
                "window": "60000",
                "target": "/api/v1/order",
                "raw": BODY,
                "signature": right,
            }
            name = chance.choice(["at", "window", "target", "raw", "signature"])
            if name == "at":
                sent[name] = str(int(at) + chance.choice([-1, 1, 900]))
            elif name == "window":
                sent[name] = chance.choice(["59999", "6000", "060000"])
            elif name == "target":
                sent[name] = chance.choice(["/api/v1/orde%72", "/api/v1/order?x=1", "/api/v1/batch"])
            elif name == "raw":
                sent[name] = BODY.replace(b"1", b"2", 1) if chance.random() < 0.5 else BODY + b" "
            else:
                sent[name] = sign(BODY) if chance.random() < 0.2 else right[::-1]
            headers = {
                "X-Exchange-Key": bot.key,
                "X-Exchange-Timestamp": sent["at"],
                "X-Exchange-Window": sent["window"],
                "X-Exchange-Signature": sent["signature"],
                "Content-Type": "application/json",
            }
            answer = await bot.send("POST", sent["target"], sent["raw"], headers)
            assert (answer.status, answer.code) == (401, "bad_signature"), (name, sent)
        query = bot.query(TATA)
        for _ in range(20):
            head, _, tail = query.partition("signature=")
            other = chance.choice(
                [head.replace("price=10", "price=11"), head.replace("BUY", "SELL"), head + "recvWindow=50000&"]
            )
            answer = await bot.compatible("POST", "/api/v3/order", f"{other}signature={tail}")
            assert (answer.status, answer.data["code"]) == (400, -1022)
        assert (await bot.ask("GET", "/api/v1/balances")).status == 200
    assert (await user.get("/api/v1/orders?status=all")).data["orders"] == []


async def test_owasp_keys_a_request_is_good_within_its_window_only(place: World) -> None:
    bot = await program(await place.user(INR="1000"))

    async def asked(shift: int, window: str = "") -> str:
        answer = await bot.ask("GET", "/api/v1/balances", at=now_ms() + shift, window=window)
        assert answer.status in (200, 400, 401)
        return answer.code

    assert [await asked(shift) for shift in (0, -4000, 500)] == ["", "", ""]
    assert [await asked(shift) for shift in (-5100, 1500, -(10**9), 10**9)] == ["outside_window"] * 4
    assert await asked(-50_000, "60000") == "" and await asked(-60_100, "60000") == "outside_window"
    assert await asked(-200, "100") == "outside_window" and await asked(1100, "60000") == "outside_window"
    assert [await asked(0, window) for window in ("60001", "0", "-1", "1e3", "5.0")] == ["invalid_field"] * 5
    for timestamp in ("", "x", "1764000000000.5", "-1", "9" * 20):
        answer = await bot.ask("GET", "/api/v1/balances", X_Exchange_Timestamp=timestamp)
        assert (answer.status, answer.code) == (400, "invalid_field")

    async def there(shift: int, **params: Any) -> tuple[int, int]:
        answer = await bot.compatible("GET", "/api/v3/account", bot.query(params, at=now_ms() + shift))
        return answer.status, answer.data.get("code", 0)

    assert [await there(shift) for shift in (0, -4000, 500)] == [(200, 0)] * 3
    assert [await there(shift) for shift in (-5100, 1500)] == [(400, -1021)] * 2
    assert await there(-50_000, recvWindow="60000") == (200, 0)
    assert await there(-60_100, recvWindow="60000") == (400, -1021)
    assert await there(0, recvWindow="60000.001") == (400, -1131)
    micro = await bot.compatible("GET", "/api/v3/account", bot.query({"recvWindow": "2000.5"}, at=now_ms() * 1000))
    assert micro.status == 200


async def test_owasp_keys_a_request_that_comes_again_gives_the_first_result(place: World) -> None:
    user = await place.user(INR="1000")
    bot = await program(user)
    body = json.dumps({**ORDER, "client_order_id": "once"}).encode()
    at = str(now_ms())
    headers = {
        "X-Exchange-Key": bot.key,
        "X-Exchange-Timestamp": at,
        "X-Exchange-Signature": bot.sign(payload(at, "", "POST", "/api/v1/order", body)),
        "Content-Type": "application/json",
    }
    answers = [await bot.send("POST", "/api/v1/order", body, headers) for _ in range(5)]
    answers += await asyncio.gather(*[bot.send("POST", "/api/v1/order", body, headers) for _ in range(5)])
    assert {answer.status for answer in answers} == {201}
    assert len({answer.data["id"] for answer in answers}) == 1
    query = bot.query({**TATA, "newClientOrderId": "once-there"})
    again = [await bot.compatible("POST", "/api/v3/order", query) for _ in range(5)]
    assert {answer.status for answer in again} == {200}, again
    assert len({answer.data["orderId"] for answer in again}) == 1
    assert len((await user.get("/api/v1/orders?status=all")).data["orders"]) == 2


async def raw_rows(world: World) -> list[Json]:
    connection = await asyncpg.connect(world.settings.database_url)
    try:
        return [dict(row) for row in await connection.fetch("SELECT * FROM api_keys")]
    finally:
        await connection.close()


async def test_owasp_keys_the_table_holds_no_secret_and_another_key_file_opens_none(
    place: World, tmp_path: Path
) -> None:
    user = await place.user()
    bots = [await program(user, kind) for kind in KINDS]
    secret = bots[0].made["secret"]
    rows = {row["id"]: row for row in await raw_rows(place)}
    for row in rows.values():
        told = repr(row).encode() + (row["secret"] or b"")
        for part in (secret[at : at + 8] for at in range(57)):
            assert part.encode() not in told
    assert [rows[bot.key]["secret"] is None for bot in bots] == [False, True, True]

    def store(home: Path) -> KeyStore:
        connections.append(Store(place.settings.database_url))
        return KeyStore(KeyRows(connections[-1]), load_secrets(home), AsyncClock())

    connections: list[Store] = []
    right, other = store(place.settings.keys_dir), store(tmp_path / "elsewhere")
    try:
        assert await right.find(bots[0].key) is not None
        with pytest.raises(ApiError) as refused:
            await other.find(bots[0].key)
        assert refused.value.code is GatewayCode.KEY_UNREADABLE
        for bot in bots[1:]:
            assert await other.find(bot.key) is not None  # there is nothing secret about them
    finally:
        for one in connections:
            await one.close()
    assert (place.settings.keys_dir / "secrets.key").stat().st_mode & 0o777 == 0o600


async def test_owasp_keys_a_secret_is_told_once(
    place: World, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    user = await place.user()
    bot = await program(user)
    secret = bot.made["secret"]
    assert re.fullmatch("[A-Za-z0-9]{64}", secret) and re.fullmatch("[A-Za-z0-9]{64}", bot.key)
    changed = await user.call("PATCH", f"/api/v1/api-keys/{bot.key}", {"label": "again"})
    listed = await user.get("/api/v1/api-keys")
    assert [key["key"] for key in listed.data["api_keys"]] == [bot.key]
    refused = await bot.ask("GET", "/api/v1/balances", X_Exchange_Signature="0" * 64)
    for answer in (changed, listed, refused, await bot.ask("GET", "/api/v1/account")):
        assert secret not in json.dumps(answer.data) and secret not in repr(answer.headers)
    captured = capfd.readouterr()
    assert secret not in captured.out + captured.err + caplog.text


async def test_owasp_keys_scopes_networks_and_ends_are_kept(place: World) -> None:
    user = await place.user(INR="1000")
    reader = await program(user, scopes=["read"])
    trader = await program(user, scopes=["trade"])
    leaver = await program(user, scopes=["withdraw"])
    money = {"asset": "INR", "amount": "1"}
    for bot, may in ((reader, "read"), (trader, "trade"), (leaver, "withdraw")):
        answers = {
            "read": await bot.ask("GET", "/api/v1/balances"),
            "trade": await bot.ask("POST", "/api/v1/order", ORDER),
            "withdraw": await bot.ask("POST", "/api/v1/withdrawals", money),
        }
        for scope, answer in answers.items():
            wanted = (200 if scope == "read" else 201, "") if scope == may else (403, "key_not_allowed")
            assert (answer.status, answer.code) == wanted, (may, scope)
        assert (await bot.compatible("GET", "/api/v3/account")).status == (200 if may == "read" else 401)
        placed = await bot.compatible("POST", "/api/v3/order", **TATA)
        assert (placed.status, placed.data.get("code")) == ((200, None) if may == "trade" else (401, -2015))

    async def works(bot: Program) -> bool:
        here, there = await bot.ask("GET", "/api/v1/balances"), await bot.compatible("GET", "/api/v3/account")
        assert (here.status == 200) == (there.status == 200)
        if here.status != 200:
            assert (here.code, there.data["code"]) == ("key_refused", -2015)
        return here.status == 200

    for networks, good in (
        (["127.0.0.1"], True),
        (["10.0.0.0/8", "127.0.0.0/8"], True),
        (["10.0.0.0/8", "::1"], False),
        (["::ffff:127.0.0.0/104"], True),
        (["::ffff:10.0.0.1"], False),
    ):
        assert await works(await program(user, networks=networks)) is good, networks
    ends = await program(user, expires_at=now_ms() + 600)
    assert await works(ends)

    async def over() -> bool:
        return not await works(ends)

    await eventually(over)
    path = f"/api/v1/api-keys/{ends.key}"
    assert (await user.call("PATCH", path, {"expires_at": 0, "networks": ["10.0.0.0/8"]})).status == 200
    assert not await works(ends)
    assert (await user.call("PATCH", path, {"networks": []})).status == 200
    assert await works(ends)
    assert (await user.call("PATCH", path, {"scopes": ["trade"]})).status == 200
    assert (await ends.ask("GET", "/api/v1/balances")).code == "key_not_allowed"
    assert (await user.call("DELETE", path)).status == 200
    assert (await ends.ask("GET", "/api/v1/balances")).code == "key_refused"
    assert (await user.call("DELETE", path)).code == "unknown_key"


async def test_owasp_keys_no_key_manages_keys_or_administers(place: World) -> None:
    user = await place.user(INR="1000")
    connection = await asyncpg.connect(place.settings.database_url)
    await connection.execute("UPDATE users SET role = 'admin'")
    await connection.close()
    bot = await program(user, scopes=["read", "trade", "withdraw"])
    tried = 0
    for route in ROUTES:
        if route.access in (Access.USER, Access.ADMIN):
            answer = await bot.ask(route.method, address(route), BODIES.get((route.method, route.path)))
            assert (answer.status, answer.code) == (403, "key_not_allowed"), named(route)
            tried += 1
    assert tried > 15
    paid = await bot.ask("POST", "/api/v1/deposits", {"asset": "INR", "amount": "1", "account": user.account})
    assert (paid.status, paid.code) == (403, "forbidden")
    assert all(route.access.scope == "read" for route in ROUTES if route.access.scope and route.method == "GET")
    assert [named(route) for route in ROUTES if route.access is Access.WITHDRAW] == ["POST withdrawals"]
    assert {route.path.split("/")[0] for route in ROUTES if route.access is Access.USER} >= {"api-keys", "sessions"}


async def test_owasp_keys_a_key_reaches_its_own_account_only(place: World) -> None:
    owner, thief = await place.user(INR="1000"), await place.user(INR="5")
    keys = [(await program(owner)).key, "A" * 64, "x"]
    for method, body in (("PATCH", {"label": "mine now"}), ("DELETE", None)):
        told = [await thief.call(method, f"/api/v1/api-keys/{key}", body) for key in keys]
        assert {(answer.status, answer.code, answer.field) for answer in told} == {(404, "unknown_key", "id")}
        assert len({(json.dumps(answer.data), tuple(answer.headers)) for answer in told}) == 1
    assert [key["label"] for key in (await owner.get("/api/v1/api-keys")).data["api_keys"]] == ["a program"]
    for account in (owner.account, 999_999, 0, 1):
        made = await thief.post("/api/v1/api-keys", {"label": "x", "account": account})
        assert (made.status, made.code, made.field) == (404, "unknown_account", "account")

    second = (await owner.post("/api/v1/sub-accounts", {"label": "second"})).data["account"]
    bot = await program(owner, account=second)
    assert bot.made["account"] == second
    assert (await bot.ask("GET", "/api/v1/account")).data["account"] == second
    assert (await bot.compatible("GET", "/api/v3/account")).data["uid"] == second
    for header in (owner.account, thief.account, 999_999, "x"):
        answer = await bot.ask("GET", "/api/v1/account", X_Exchange_Account=str(header))
        assert (answer.status, answer.code) == (404, "unknown_account")
    assert (await bot.ask("GET", "/api/v1/account", X_Exchange_Account=str(second))).status == 200

    connection = await asyncpg.connect(place.settings.database_url)
    await connection.execute("UPDATE api_keys SET account = $1 WHERE id = $2", thief.account, bot.key)
    await connection.close()

    async def refused() -> bool:  # as if this database stood beside another log
        return (await bot.ask("GET", "/api/v1/account")).code == "key_refused"

    await eventually(refused)
    assert (await bot.compatible("GET", "/api/v3/account")).data["code"] == -2015


async def test_owasp_keys_a_key_opens_the_socket_until_it_is_taken_back(place: World) -> None:
    user = await place.user(INR="1000")
    bot = await program(user, "ed25519")
    at = str(now_ms())
    right = bot.sign(payload(at, "", "AUTH", "/api/v1/ws", b""))
    async with place.socket() as socket:
        for params in (
            (bot.key, at, "", right[::-1]),
            (bot.key, at, "1000", right),
            (bot.key, str(now_ms() - 6000), "", right),
            ("A" * 64, at, "", right),
            (bot.key, at, right),
        ):
            assert "error" in await socket.ask("AUTH", *params)
        assert (await socket.ask("SUBSCRIBE", "orders"))["error"]["code"] == "unauthorized"
        assert (await socket.ask("AUTH", bot.key, at, "", right))["result"]["account"] == user.account
        assert "result" in await socket.ask("SUBSCRIBE", "orders")
        assert (await user.call("DELETE", f"/api/v1/api-keys/{bot.key}")).status == 200
        async with asyncio.timeout(DEADLINE_S):
            async for _ in socket.ws:
                pass
        assert socket.ws.close_code == EXPIRED


async def test_owasp_keys_only_what_can_be_used_is_made_and_only_so_many(place: World) -> None:
    user = await place.user()
    pem = public_key("ed25519")
    bad: list[Json] = [
        {"kind": "ed25519"},
        {"kind": "hmac", "public_key": pem},
        {"kind": "rsa", "public_key": pem},
        {"kind": "ed25519", "public_key": "x"},
        {"kind": "ed25519", "public_key": f"{pem}\0"},
        {"scopes": []},
        {"scopes": ["read", "read"]},
        {"scopes": ["admin"]},
        {"scopes": "read"},
        {"networks": ["10.0.0.1/8"]},
        {"networks": ["everywhere"]},
        {"networks": ["10.0.0.0/8"] * 2},
        {"networks": [f"10.0.0.{one}" for one in range(33)]},
        {"expires_at": now_ms() - 1},
        {"label": "<b>"},
        {"secret": "mine"},
        {"kind": "md5"},
    ]
    for fields in bad:
        made = await user.post("/api/v1/api-keys", {"label": "x", **fields})
        assert made.status == 400, fields
    assert (await place.operator().post("/api/v1/api-keys", {"label": "x"})).code == "no_account"
    many = await asyncio.gather(*[user.post("/api/v1/api-keys", {"label": "x"}) for _ in range(35)])
    assert sorted(answer.status for answer in many) == [201] * 30 + [409] * 5
    assert {answer.code for answer in many} == {"", "too_many_keys"}
    first = (await user.get("/api/v1/api-keys")).data["api_keys"][0]
    assert (await user.call("DELETE", f"/api/v1/api-keys/{first['key']}")).status == 200
    assert (await user.post("/api/v1/api-keys", {"label": "x"})).status == 201


async def test_owasp_keys_a_token_and_a_key_together_are_refused(place: World) -> None:
    user = await place.user()
    bot = await program(user)
    both = await bot.ask("GET", "/api/v1/balances", Authorization=f"Bearer {user.token}")
    assert (both.status, both.code) == (400, "malformed_request")
    public = await bot.ask("GET", "/api/v1/time", X_Exchange_Key="nobody")
    assert public.status == 200
    ping = await bot.send("GET", "/api/v3/ping", b"", {"X-MBX-APIKEY": "nobody's"})
    assert ping.status == 200


def test_owasp_keys_comparison_is_of_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []
    real = hmac.compare_digest

    def spy(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    check, right = HmacVerifier(SECRET.encode()).verify, signing("hmac", SECRET)(b"sent")
    wrong = ["0" * 64, right[:63] + ("0" if right[63] != "0" else "1"), ("0" if right[0] != "0" else "1") + right[1:]]
    assert check(b"sent", right) and not any(check(b"sent", other) for other in wrong)
    assert compared == [(32, 32)] * 4
