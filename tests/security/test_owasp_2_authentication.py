"""OWASP API 2, authentication: nothing but a good token opens anything, and passwords cannot be tried out."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import replace

import aiohttp
import asyncpg
import pytest

from exchange.api.auth import attempts, identity
from exchange.api.auth.attempts import PER_PAIR
from exchange.api.auth.tokens import OPERATOR, InvalidToken, Tokens, load_key
from exchange.effects.clock import AsyncClock
from tests.integration.api_world import PASSWORD, Client, World, free_port
from tests.security.asking import GUARDED, address, ask

MUTANTS = 20_000
SOAK_MUTANTS = 1_000_000
NOW_MS = 1_700_000_000_000
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=.+/ "


async def test_owasp_2_no_guarded_route_answers_without_a_good_token(place: World) -> None:
    user = await place.user(INR="10")
    now_ms = AsyncClock().now_ms()
    key = load_key(place.settings.keys_dir)
    headers: list[dict[str, str]] = [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {user.token}"},
        {"Authorization": user.token},
        {"Authorization": f"Bearer {user.token}x"},
        {"Authorization": f"Bearer {user.token[:-1]}"},
        {"Authorization": f"Bearer {Tokens(key).issue('0' * 32, now_ms, 5, '1' * 32)[0]}"},
        {"Authorization": f"Bearer {Tokens(key).issue(Tokens(key).verify(user.token, now_ms).subject, now_ms, 5)[0]}"},
        {"Authorization": f"Bearer {Tokens(key).issue(user.token, now_ms - 3_600_000, 5)[0]}"},
        {"Authorization": f"Bearer {Tokens(bytes(64)).issue(OPERATOR, now_ms, 5)[0]}"},
        {"Authorization": f"Bearer {'x' * 5000}"},
        {"Cookie": f"token={user.token}"},
    ]
    anonymous = place.anonymous()
    for route in GUARDED:
        for header in headers:
            answer = await ask(anonymous, route, headers=header)
            assert (answer.status, answer.code) == (401, "unauthorized"), (route, header)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert (await user.balances())["INR"] == ("10.00", "0.00")


def mutants(token: str, count: int, seed: int) -> Iterator[str]:
    """Every single-letter change, then others by chance."""
    chance = random.Random(seed)
    for place in range(len(token)):
        yield from (token[:place] + letter + token[place + 1 :] for letter in LETTERS if letter != token[place])
    for _ in range(count - len(token) * len(LETTERS)):
        cut, other = chance.randrange(len(token)), chance.randrange(len(token))
        low, high = sorted((cut, other))
        mutant = chance.choice(
            [
                token[:cut],
                token[:cut] + chance.choice(LETTERS) + token[cut:],
                token[:cut] + token[cut + chance.randint(1, 5) :],
                token[:low] + token[low:high][::-1] + token[high:],
                token[:cut] + "".join(chance.choices(LETTERS, k=3)) + token[cut + 3 :],
                token[low:] + token[:low],
            ]
        )
        if mutant != token:
            yield mutant


def accepted(checker: Tokens, token: str) -> bool:
    try:
        checker.verify(token, NOW_MS)
    except InvalidToken:
        return False
    return True


def try_out(count: int, seed: int) -> None:
    checker = Tokens(bytes(range(64)))
    token, _ = checker.issue("0123456789abcdef" * 2, NOW_MS, 60, "fedcba9876543210" * 2)
    assert accepted(checker, token)
    tried = let_in = 0
    for mutant in mutants(token, count, seed):
        tried += 1
        let_in += accepted(checker, mutant)
    print(f"{let_in} of {tried} mutants were accepted")
    assert tried >= count // 2 and let_in == 0


def test_owasp_2_of_ten_thousand_mutants_of_a_token_none_is_accepted() -> None:
    try_out(MUTANTS, 1)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_owasp_2_of_a_million_mutants_of_a_token_none_is_accepted() -> None:
    try_out(2 * SOAK_MUTANTS, 2)


async def test_owasp_2_mutants_are_refused_at_the_doors_too(place: World) -> None:
    user = await place.user()
    chance = random.Random(3)
    some = [mutant for mutant in mutants(user.token, MUTANTS, 4) if mutant.strip() == mutant and mutant]
    for mutant in chance.sample(some, 100):
        answer = await user.get("/api/v1/balances", headers={"Authorization": f"Bearer {mutant}"})
        assert (answer.status, answer.code) == (401, "unauthorized")
    async with place.socket() as stranger:
        for mutant in chance.sample(some, 40):
            assert (await stranger.ask("AUTH", mutant))["error"]["code"] == "unauthorized"


async def test_owasp_2_an_unknown_email_costs_what_a_wrong_password_costs(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[int] = []
    plain = identity._hash

    def counting(password: bytes, salt: bytes | None, cost: int) -> bytes:
        # A salt says how much work it asks for: the dummy's must be the users' own.
        hashed.append(int(salt[4:6]) if salt is not None else cost)
        return plain(password, salt, cost)

    monkeypatch.setattr(identity, "_hash", counting)
    anonymous = place.anonymous()
    known = {"email": "known@example.org", "password": PASSWORD}
    await anonymous.post("/api/v1/signup", known)
    told = []
    for email in ("known@example.org", "unknown@example.org"):
        hashed.clear()
        answer = await anonymous.post("/api/v1/signin", {"email": email, "password": "a wrong password"})
        told.append((answer.status, answer.data, list(hashed)))
    assert told[0] == told[1]
    assert len(told[0][2]) == 1


async def test_owasp_2_too_many_guesses_lock_out_also_when_they_come_at_once(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = 0
    plain = identity._hash

    def counting(password: bytes, salt: bytes | None, cost: int) -> bytes:
        nonlocal checked
        checked += 1
        return plain(password, salt, cost)

    anonymous = place.anonymous()
    good = {"email": "victim@example.org", "password": PASSWORD}
    await anonymous.post("/api/v1/signup", good)
    monkeypatch.setattr(identity, "_hash", counting)
    guesses = [{**good, "password": f"guess number {number}"} for number in range(50)]
    answers = await asyncio.gather(*[anonymous.post("/api/v1/signin", guess) for guess in guesses])
    assert {answer.status for answer in answers} == {401, 429}
    assert checked == sum(answer.status == 401 for answer in answers) == PER_PAIR
    locked = await anonymous.post("/api/v1/signin", good)
    assert (locked.status, locked.code) == (429, "too_many_attempts")
    assert 0 < int(locked.headers["Retry-After"]) <= 901


async def test_owasp_2_signing_up_costs_and_says_the_same_for_a_known_email(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[int] = []
    plain = identity._hash

    def counting(password: bytes, salt: bytes | None, cost: int) -> bytes:
        hashed.append(cost)
        return plain(password, salt, cost)

    monkeypatch.setattr(identity, "_hash", counting)
    database = await asyncpg.connect(place.settings.database_url)
    anonymous = place.anonymous()
    body = {"email": "known@example.org", "password": PASSWORD}
    told = []
    for password in (PASSWORD, "somebody else's"):
        hashed.clear()
        answer = await anonymous.post("/api/v1/signup", {**body, "password": password})
        # What a row's writing costs is most of what the database does here: it is written both times.
        writer = await database.fetchval("SELECT xmin::text FROM users")
        told.append((answer.status, answer.data, set(answer.headers), list(hashed), writer))
    await database.close()
    assert told[0][:4] == told[1][:4]
    assert told[0][0] == 201 and len(told[0][3]) == 1
    assert told[0][4] != told[1][4]
    assert (await anonymous.post("/api/v1/signin", {**body, "password": "somebody else's"})).status == 401
    assert (await anonymous.post("/api/v1/signin", body)).status == 200


async def test_owasp_2_guesses_count_for_all_gateways(place: World) -> None:
    other = await place.start_gateway(replace(place.settings, port=free_port()))
    clients = [place.anonymous(), Client(place.session, f"http://127.0.0.1:{other.settings.port}")]
    good = {"email": "victim@example.org", "password": PASSWORD}
    await clients[0].post("/api/v1/signup", good)
    guesses = [
        client.post("/api/v1/signin", {**good, "password": f"guess number {number}"})
        for number in range(PER_PAIR)
        for client in clients
    ]
    statuses = sorted([answer.status for answer in await asyncio.gather(*guesses)])
    assert statuses == [401] * PER_PAIR + [429] * PER_PAIR
    for client in clients:
        assert (await client.post("/api/v1/signin", good)).code == "too_many_attempts"


async def test_owasp_2_who_spends_a_users_attempts_does_not_lock_them_out(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "PER_EMAIL", 3)
    await place.user()
    good = {"email": "user1@example.org", "password": PASSWORD}

    async def sign_in(address: str, password: str) -> int:
        connector = aiohttp.TCPConnector(local_addr=(address, 0))
        async with aiohttp.ClientSession(connector=connector) as session:
            answer = await Client(session, place.base).post("/api/v1/signin", {**good, "password": password})
            return answer.status

    for last in range(2, 5):
        assert await sign_in(f"127.0.0.{last}", "a wrong guess") == 401
    assert await sign_in("127.0.0.9", PASSWORD) == 429
    assert await sign_in("127.0.0.1", PASSWORD) == 200


async def test_owasp_2_no_guarded_route_answers_once_the_session_has_ended(place: World) -> None:
    user = await place.user(INR="10")
    async with place.socket(user) as listener:
        await user.post("/api/v1/signout")
        for route in GUARDED:
            answer = await ask(user, route)
            assert (answer.status, answer.code) == (401, "unauthorized"), route
        assert (await listener.ask("AUTH", user.token))["error"]["code"] == "unauthorized"


async def test_owasp_2_a_token_in_an_address_opens_nothing(place: World) -> None:
    user = await place.user()
    anonymous = place.anonymous()
    for route in GUARDED:
        for name in ("token", "access_token", "authorization"):
            answer = await anonymous.call(route.method, address(route, more=f"{name}={user.token}"))
            assert (answer.status, answer.code) == (401, "unauthorized"), route
