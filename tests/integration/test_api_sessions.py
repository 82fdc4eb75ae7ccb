"""Signing in, staying signed in, and being signed out, at one gateway and at the other."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from exchange.api.auth.sessions import MOST, Sessions
from exchange.api.server import Server
from exchange.settings import Settings
from tests.integration.api_world import DEADLINE_S, PASSWORD, Answer, Client, World, eventually, free_port, world

EMAIL = "ada@example.org"
GOOD = {"email": EMAIL, "password": PASSWORD}


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url)) as made:
        await made.start_gateway(replace(made.settings, port=free_port()))
        yield made


async def sign_in(place: World, **more: str) -> Answer:
    return await place.anonymous().post("/api/v1/signin", {**GOOD, **more})


class Signed(Client):
    """Somebody signed in, with what the next token is had for."""

    refresh_token = ""


async def ada(place: World) -> Signed:
    """Somebody who has just signed up and in."""
    made = await place.anonymous().post("/api/v1/signup", GOOD)
    assert (made.status, made.data) == (201, {"email": EMAIL})
    return await another(place)


async def another(place: World) -> Signed:
    """The same, in one more session."""
    signed = await sign_in(place)
    assert signed.status == 200, signed
    client = Signed(place.session, place.base, signed.data["token"])
    client.account = signed.data["account"]
    client.refresh_token = signed.data["refresh_token"]
    return client


async def refresh(place: World, token: str) -> Answer:
    return await place.anonymous().post("/api/v1/refresh", {"refresh_token": token})


async def is_in(client: Client) -> bool:
    return (await client.get("/api/v1/account")).status == 200


async def set_back(place: World, seconds: int) -> None:
    """Let all sessions have been used so much earlier."""
    connection = await asyncpg.connect(place.settings.database_url)
    await connection.execute("UPDATE sessions SET used_at = used_at - make_interval(secs => $1)", float(seconds))
    await connection.close()


async def test_a_token_is_short_and_a_refresh_token_gives_the_next_one(place: World) -> None:
    await ada(place)
    signed = (await sign_in(place)).data
    now_ms = datetime.now(UTC).timestamp() * 1000
    assert 14 * 60_000 < signed["expires_at"] - now_ms <= 15 * 60_000
    assert timedelta(days=29) < timedelta(milliseconds=signed["refresh_expires_at"] - now_ms) <= timedelta(days=30)
    again = await refresh(place, signed["refresh_token"])
    assert (again.status, again.data["account"]) == (200, signed["account"])
    assert again.data["refresh_token"] != signed["refresh_token"]
    assert await is_in(Client(place.session, place.base, again.data["token"]))


async def test_a_refresh_token_may_come_again_when_its_answer_was_lost(place: World) -> None:
    first = (await ada(place)).refresh_token
    both = await asyncio.gather(refresh(place, first), refresh(place, first))
    assert [answer.status for answer in both] == [200, 200]
    assert both[0].data["refresh_token"] == both[1].data["refresh_token"]
    assert (await refresh(place, both[0].data["refresh_token"])).status == 200


async def test_a_refresh_token_that_comes_after_its_successor_ends_the_session_everywhere(place: World) -> None:
    client = await ada(place)
    bystander = await another(place)
    second = (await refresh(place, client.refresh_token)).data
    third = (await refresh(place, second["refresh_token"])).data
    assert (await refresh(place, client.refresh_token)).code == "unauthorized"
    assert (await refresh(place, third["refresh_token"])).code == "unauthorized"
    for token in (client.token, second["token"], third["token"]):
        await gone_everywhere(place, token)
    assert await is_in(bystander)


async def test_a_used_refresh_token_is_over_after_the_grace(place: World) -> None:
    client = await ada(place)
    second = (await refresh(place, client.refresh_token)).data
    await set_back(place, 31)  # docs/security.md promises half a minute
    assert (await refresh(place, client.refresh_token)).status == 401
    assert (await refresh(place, second["refresh_token"])).status == 401


async def test_a_lost_answer_may_be_asked_for_again_for_nearly_half_a_minute(place: World) -> None:
    client = await ada(place)
    second = (await refresh(place, client.refresh_token)).data
    await set_back(place, 25)
    again = await refresh(place, client.refresh_token)
    assert (again.status, again.data["refresh_token"]) == (200, second["refresh_token"])


async def test_a_gateway_that_cannot_learn_which_sessions_ended_does_not_go_on(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    server = Server(replace(place.settings, port=free_port()), password_cost=4)
    monkeypatch.setattr(Sessions, "follow", broken)
    await server.start()
    try:
        with pytest.raises(ZeroDivisionError):
            async with asyncio.timeout(DEADLINE_S):
                await server.serve()
    finally:
        await server.aclose()


@pytest.mark.parametrize("text", ["", "x", "A" * 64, "A" * 63 + "+", "é" * 64, "A" * 200])
async def test_what_is_no_refresh_token_is_refused_and_ends_nothing(place: World, text: str) -> None:
    client = await ada(place)
    answer = await refresh(place, text)
    assert (answer.status, answer.code) == (401, "unauthorized")
    other = client.refresh_token[4:8] + client.refresh_token[4:]
    assert (await refresh(place, other)).status == 401
    assert await is_in(client)
    assert (await refresh(place, client.refresh_token)).status == 200


async def test_sessions_are_listed_and_ended_by_their_owner_only(place: World) -> None:
    client, other = await ada(place), await place.user()
    second = await another(place)
    mine = (await second.get("/api/v1/sessions")).data["sessions"]
    assert [session["current"] for session in mine] == [True, False]
    assert {session["address"] for session in mine} == {"127.0.0.1"}
    assert (await other.call("DELETE", f"/api/v1/sessions/{mine[1]['id']}")).code == "unknown_session"
    assert (await second.call("DELETE", f"/api/v1/sessions/{mine[1]['id']}")).data == {"ended": 1}
    assert (await second.call("DELETE", f"/api/v1/sessions/{mine[1]['id']}")).code == "unknown_session"
    assert (await second.call("DELETE", "/api/v1/sessions/nonsense")).code == "unknown_session"
    await gone_everywhere(place, client.token)
    assert await is_in(second)
    assert len((await second.get("/api/v1/sessions")).data["sessions"]) == 1


async def test_signing_out_ends_this_session_and_everywhere_all(place: World) -> None:
    clients = [await ada(place), await another(place), await another(place)]
    assert (await clients[0].post("/api/v1/signout")).status == 200
    await gone_everywhere(place, clients[0].token)
    assert (await refresh(place, clients[0].refresh_token)).status == 401
    assert (await clients[1].post("/api/v1/signout-everywhere")).data == {"ended": 2}
    for client in clients[1:]:
        await gone_everywhere(place, client.token)
    assert (await sign_in(place)).status == 200


async def test_another_password_ends_all_other_sessions(place: World) -> None:
    client = await ada(place)
    other = await another(place)
    change = {"password": PASSWORD, "new_password": "another battery"}
    wrong = await client.call("PUT", "/api/v1/password", {**change, "password": "not mine at all"})
    assert (wrong.status, wrong.code) == (401, "wrong_credentials")
    assert (await client.call("PUT", "/api/v1/password", {**change, "new_password": "short"})).field == "new_password"
    assert (await client.call("PUT", "/api/v1/password", change)).data == {"ended": 1}
    await gone_everywhere(place, other.token)
    assert await is_in(client)
    assert (await sign_in(place)).code == "wrong_credentials"
    assert (await sign_in(place, password="another battery")).status == 200


async def test_a_stolen_token_cannot_guess_the_password(place: World) -> None:
    client = await ada(place)
    guess = {"password": "a wrong guess", "new_password": "another battery"}
    answers = await asyncio.gather(*[client.call("PUT", "/api/v1/password", guess) for _ in range(12)])
    assert sorted(answer.status for answer in answers) == [401] * 10 + [429] * 2
    right = await client.call("PUT", "/api/v1/password", {**guess, "password": PASSWORD})
    assert (right.status, right.code) == (429, "too_many_attempts")


async def test_a_user_has_only_so_many_sessions(place: World) -> None:
    await ada(place)
    connection = await asyncpg.connect(place.settings.database_url)
    await connection.execute(
        "INSERT INTO sessions (id, subject, family, refresh, address, agent, created_at, used_at, expires_at)"
        " SELECT gen_random_uuid(), subject, sha256(('f' || n)::bytea), refresh, '', '', now(), now(), now() + '1 day'"
        " FROM sessions, generate_series(1, $1::int) AS n",
        MOST,
    )
    await another(place)
    live = await connection.fetchval("SELECT count(*) FROM sessions WHERE ended_at IS NULL")
    await connection.close()
    assert live == MOST


async def test_the_operator_has_no_session(place: World) -> None:
    operator = place.operator()
    for method, path in (("GET", "sessions"), ("POST", "signout"), ("POST", "signout-everywhere")):
        assert (await operator.call(method, f"/api/v1/{path}")).code == "no_account", path


async def gone_everywhere(place: World, token: str) -> None:
    """See that every gateway refuses a token within a second."""

    async def gone() -> bool:
        bases = [f"http://127.0.0.1:{server.settings.port}" for server in place.servers]
        answers = [await Client(place.session, base, token).get("/api/v1/account") for base in bases]
        return {answer.status for answer in answers} == {401}

    await eventually(gone, 1.0)
