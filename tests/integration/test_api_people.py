"""One-time codes, sub-accounts, and the administration of people."""

import argparse
import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from exchange.api.auth import totp
from exchange.api.auth.attempts import CODES
from exchange.api.auth.second_factor import SecondFactors, _Factor
from exchange.api.auth.secrets import Secrets, load_secrets
from exchange.api.auth.store import Store
from exchange.api.auth.tokens import Tokens, load_key
from exchange.cli import admin
from exchange.commands.codec import decode
from exchange.commands.types import CreateAsset, Record, SetAccountStatus
from exchange.effects.redis.log import AsyncRedisLog
from exchange.settings import Settings
from exchange.terms.stream import START
from tests.integration.api_world import MARKET, PASSWORD, Answer, Client, World, eventually, free_port, world


@pytest.fixture
async def place(make_settings: Callable[..., Settings], redis_url: str, database_url: str) -> AsyncIterator[World]:
    async with world(make_settings(redis_url=redis_url, database_url=database_url, demo=True)) as made:
        yield made


def code_of(secret: str, away: int = 0) -> str:
    """The code that an app shows, so many steps away from now."""
    step = int(datetime.now(UTC).timestamp() * 1000) // totp.STEP_MS
    return totp.code_at(base64.b32decode(secret), step + away)


async def sign_in(place: World, **more: str) -> Answer:
    return await place.anonymous().post("/api/v1/signin", {"email": "user1@example.org", "password": PASSWORD, **more})


async def with_codes(place: World, user: Client) -> tuple[str, list[str]]:
    """Turn one-time codes on; the secret and the recovery codes. The step before the present one is used up by it."""
    begun = await user.post("/api/v1/totp", {"password": PASSWORD})
    assert begun.status == 201, begun
    assert begun.data["uri"].startswith("otpauth://totp/exchange:user1%40example.org?secret=" + begun.data["secret"])
    confirmed = await user.post("/api/v1/totp/confirm", {"code": code_of(begun.data["secret"], -1)})
    assert confirmed.status == 200, confirmed
    return begun.data["secret"], confirmed.data["recovery_codes"]


async def test_a_code_is_asked_for_after_the_right_password_only(place: World) -> None:
    secret, _ = await with_codes(place, await place.user())
    assert (await sign_in(place, password="not the password")).code == "wrong_credentials"
    assert (await sign_in(place, password="not the password", code=code_of(secret))).code == "wrong_credentials"
    asked = await sign_in(place)
    assert (asked.status, asked.code, asked.field) == (401, "code_required", "code")
    assert (await sign_in(place, code=code_of(secret, -20))).code == "wrong_code"
    assert (await sign_in(place, code=code_of(secret))).status == 200


async def test_a_code_is_good_once_at_whichever_gateway(place: World) -> None:
    secret, _ = await with_codes(place, await place.user())
    server = await place.start_gateway(replace(place.settings, port=free_port()))
    code = code_of(secret)
    body = {"email": "user1@example.org", "password": PASSWORD, "code": code}
    elsewhere = Client(place.session, f"http://127.0.0.1:{server.settings.port}")
    assert (await elsewhere.post("/api/v1/signin", body)).status == 200
    assert (await sign_in(place, code=code)).code == "wrong_code"
    assert (await sign_in(place, code=code_of(secret, 1))).status == 200
    assert (await sign_in(place, code=code)).code == "wrong_code"


async def test_a_recovery_code_is_good_once_and_the_others_stay(place: World) -> None:
    _, codes = await with_codes(place, await place.user())
    assert len(codes) == totp.RECOVERY_CODES
    assert (await sign_in(place, code=codes[3])).status == 200
    assert (await sign_in(place, code=codes[3])).code == "wrong_code"
    assert (await sign_in(place, code=codes[0].upper().replace("-", ""))).status == 200


async def test_codes_are_asked_for_only_once_they_were_confirmed_and_until_they_are_turned_off(place: World) -> None:
    user = await place.user()
    assert (await user.post("/api/v1/totp", {"password": "not mine at all"})).code == "wrong_credentials"
    assert (await user.post("/api/v1/totp/confirm", {"code": "123456"})).code == "totp_off"
    first = await user.post("/api/v1/totp", {"password": PASSWORD})
    assert (await sign_in(place)).status == 200
    assert (await user.post("/api/v1/totp/confirm", {"code": code_of(first.data["secret"], 20)})).code == "wrong_code"
    secret, codes = await with_codes(place, user)
    assert secret != first.data["secret"]
    assert (await user.post("/api/v1/totp", {"password": PASSWORD})).code == "totp_on"
    assert (await user.post("/api/v1/totp/confirm", {"code": code_of(secret)})).code == "totp_on"
    off = {"password": PASSWORD, "code": codes[0]}
    assert (await user.call("DELETE", "/api/v1/totp", {**off, "password": "not mine at all"})).status == 401
    assert (await user.call("DELETE", "/api/v1/totp", {**off, "code": "000000000"})).code == "wrong_code"
    assert (await user.call("DELETE", "/api/v1/totp", off)).data == {"totp": False}
    assert (await user.call("DELETE", "/api/v1/totp", off)).code == "totp_off"
    assert (await sign_in(place)).status == 200


class Together(SecondFactors):
    """Nobody takes a code before all have looked at what was taken last."""

    def __init__(self, store: Store, secrets: Secrets, parties: int) -> None:
        super().__init__(store, secrets)
        self._all = asyncio.Barrier(parties)

    async def _factor(self, subject: str) -> _Factor:
        found = await super()._factor(subject)
        await self._all.wait()
        return found


async def test_a_code_that_comes_several_times_at_once_is_taken_once(place: World) -> None:
    user = await place.user()
    secret, _ = await with_codes(place, user)
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    subject = Tokens(load_key(place.settings.keys_dir)).verify(user.token, now_ms).subject
    store = Store(place.settings.database_url)
    factors = Together(store, load_secrets(place.settings.keys_dir), 3)
    code = totp.code_at(base64.b32decode(secret), now_ms // totp.STEP_MS)
    many = await asyncio.gather(*[factors.check(subject, code, now_ms) for _ in range(3)], return_exceptions=True)
    await store.close()
    assert sorted(type(one).__name__ for one in many) == ["ApiError", "ApiError", "NoneType"]


async def test_the_code_that_confirmed_an_app_does_not_sign_in(place: World) -> None:
    user = await place.user()
    secret = (await user.post("/api/v1/totp", {"password": PASSWORD})).data["secret"]
    code = code_of(secret)
    assert (await user.post("/api/v1/totp/confirm", {"code": code})).status == 200
    assert (await sign_in(place, code=code)).code == "wrong_code"


async def test_who_holds_a_token_cannot_guess_the_code_that_confirms_an_app(place: World) -> None:
    user = await place.user()
    secret = (await user.post("/api/v1/totp", {"password": PASSWORD})).data["secret"]
    wrong = code_of(secret, 20)
    codes = {(await user.post("/api/v1/totp/confirm", {"code": wrong})).code for _ in range(CODES)}
    assert codes == {"wrong_code"}
    told = await user.post("/api/v1/totp/confirm", {"code": code_of(secret)})
    assert (told.status, told.code) == (429, "too_many_attempts")


async def test_codes_cannot_be_guessed(place: World) -> None:
    secret, _ = await with_codes(place, await place.user())
    wrong = {code_of(secret, away) for away in (-1, 0, 1)}
    guesses = [guess for number in range(30) if (guess := f"{number:06}") not in wrong][:12]
    statuses = [(await sign_in(place, code=guess)).status for guess in guesses]
    assert statuses == [401] * 10 + [429] * 2
    assert (await sign_in(place, code=code_of(secret))).status == 429


async def test_a_sub_account_is_the_same_for_the_same_label(place: World) -> None:
    user = await place.user()
    made = await user.post("/api/v1/sub-accounts", {"label": "grid bot"})
    assert made.status == 201, made
    sub = made.data["account"]
    assert made.data == {"account": sub, "label": "grid bot", "trade_group": user.account}
    assert (await user.post("/api/v1/sub-accounts", {"label": "grid bot"})).data == made.data
    other = (await user.post("/api/v1/sub-accounts", {"label": "other"})).data["account"]
    assert len({user.account, sub, other}) == 3
    listed = (await user.get("/api/v1/sub-accounts")).data["sub_accounts"]
    assert [(row["account"], row["label"], row["balances"]) for row in listed] == [
        (sub, "grid bot", []),
        (other, "other", []),
    ]
    renamed = await user.call("PATCH", f"/api/v1/sub-accounts/{sub}", {"label": "renamed"})
    assert renamed.data == {"account": sub, "label": "renamed"}
    assert (await user.call("PATCH", f"/api/v1/sub-accounts/{sub}", {"label": "other"})).code == "label_used"
    for number in (user.account, 999_999):
        answer = await user.call("PATCH", f"/api/v1/sub-accounts/{number}", {"label": "x"})
        assert (answer.status, answer.code) == (404, "unknown_account")


async def test_a_token_acts_for_the_sub_account_that_it_names(place: World) -> None:
    user = await place.user(INR="100", TATA="10")
    sub = (await user.post("/api/v1/sub-accounts", {"label": "bot"})).data["account"]
    for_sub = {"X-Exchange-Account": str(sub)}
    given = await user.post("/api/v1/deposits", {"asset": "INR", "amount": "500"}, headers=for_sub)
    assert (given.status, given.data["account"]) == (201, sub)
    order = {"type": "limit", "kind": "buy", "market": MARKET, "price": "10", "quantity": "5"}
    placed = await user.post("/api/v1/order", order, headers=for_sub)
    assert placed.status == 201, placed
    assert (await user.get("/api/v1/account", headers=for_sub)).data["account"] == sub
    assert (await user.get(f"/api/v1/order/{placed.data['id']}")).code == "unknown_order"
    assert (await user.get(f"/api/v1/order/{placed.data['id']}", headers=for_sub)).status == 200
    assert (await user.balances())["INR"] == ("100.00", "0.00")
    assert (await user.get("/api/v1/account", headers={"X-Exchange-Account": str(user.account)})).status == 200


async def test_accounts_of_one_user_do_not_trade_with_each_other_unless_asked_to(place: World) -> None:
    user = await place.user(TATA="10")
    sub = (await user.post("/api/v1/sub-accounts", {"label": "bot"})).data["account"]
    for_sub = {"X-Exchange-Account": str(sub)}
    await user.post("/api/v1/deposits", {"asset": "INR", "amount": "500"}, headers=for_sub)
    for headers in ({}, for_sub):
        assert (await user.get("/api/v1/account", headers=headers)).data["stp"] == "expire_maker"
    await user.limit("sell", "10", "5")
    order = {"type": "limit", "kind": "buy", "market": MARKET, "price": "10", "quantity": "5"}
    taken = await user.post("/api/v1/order", order, headers=for_sub)
    assert (taken.data["filled"], taken.data["fills"]) == ("0", [])
    assert (await user.call("PUT", "/api/v1/stp", {"stp": "none"}, headers=for_sub)).status == 200
    assert (await user.post("/api/v1/sub-accounts", {"label": "bot"})).status == 201
    assert (await user.get("/api/v1/account", headers=for_sub)).data["stp"] == "none"


async def test_nobody_acts_for_anothers_account(place: World) -> None:
    user, thief = await place.user(INR="100"), await place.user(INR="100")
    sub = (await user.post("/api/v1/sub-accounts", {"label": "bot"})).data["account"]
    unknown = await thief.get("/api/v1/balances", headers={"X-Exchange-Account": "999999"})
    assert (unknown.status, unknown.code) == (404, "unknown_account")
    for number in (user.account, sub, 0, 1, -1, "x", "", "1e2", "٣"):
        headers = {"X-Exchange-Account": str(number)}
        for client in (thief, place.operator()):
            answer = await client.get("/api/v1/balances", headers=headers)
            assert (answer.status, answer.data) == (unknown.status, unknown.data), (number, answer)
    answer = await thief.call("PATCH", f"/api/v1/sub-accounts/{sub}", {"label": "mine"})
    assert (answer.status, answer.code) == (404, "unknown_account")


async def test_a_user_has_only_so_many_sub_accounts(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.api.auth.sub_accounts.MOST", 2)
    user = await place.user()
    for label in ("a", "b"):
        assert (await user.post("/api/v1/sub-accounts", {"label": label})).status == 201
    more = await user.post("/api/v1/sub-accounts", {"label": "c"})
    assert (more.status, more.code) == (409, "too_many_sub_accounts")
    assert (await user.post("/api/v1/sub-accounts", {"label": "a"})).status == 201
    for label in ("", " ", "x" * 33, "a\n", "ä"):
        assert (await user.post("/api/v1/sub-accounts", {"label": label})).field == "label"


async def acts(place: World) -> list[tuple[str, str, str]]:
    """Every `record` in the log."""
    settings = place.settings
    log = AsyncRedisLog(settings.redis_url, settings.commands_key, settings.events_key)
    commands = [decode(entry.fields) for entry in await log.commands(START, 1000)]
    await log.aclose()
    return [(command.by, command.act, command.subject) for command in commands if isinstance(command, Record)]


async def run_admin(place: World, *words: str) -> int:
    """The operator's command line, beside the running exchange."""
    parser = argparse.ArgumentParser()
    admin.configure(parser)
    return await asyncio.to_thread(admin.run, parser.parse_args(words), place.settings)


async def test_administrators_see_users_and_what_they_do_to_them_is_in_the_log(place: World) -> None:
    chief, user = await place.user(), await place.user()
    assert await run_admin(place, "grant", "user1@example.org") == 0
    listed = (await chief.get("/api/v1/admin/users")).data["users"]
    assert [(row["email"], row["role"], row["totp"]) for row in listed] == [
        ("user1@example.org", "admin", False),
        ("user2@example.org", "user", False),
    ]
    one = (await chief.get("/api/v1/admin/users?search=USER2&limit=1")).data["users"]
    assert [row["account"] for row in one] == [user.account]
    assert (await chief.get("/api/v1/admin/users?search=%25")).data == {"users": []}
    assert (await chief.get("/api/v1/admin/users?after=user1@example.org")).data["users"] == one
    me, subject = listed[0]["subject"], listed[1]["subject"]
    ended = await chief.post(f"/api/v1/admin/users/{subject}/signout")
    assert ended.data == {"ended": 1, "recorded": True}
    assert (await user.get("/api/v1/account")).status == 401
    made = await chief.call("PATCH", f"/api/v1/admin/users/{subject}", {"role": "admin"})
    assert made.data == {"subject": subject, "role": "admin", "recorded": True}
    revoked = await chief.call("DELETE", f"/api/v1/admin/users/{subject}/keys")
    assert revoked.data == {"revoked": 0, "recorded": True}
    assert await acts(place) == [
        ("operator", "role.granted", me),
        (me, "sessions.ended", subject),
        (me, "role.granted", subject),
        (me, "keys.revoked", subject),
    ]
    for unknown in ("f" * 32, "nonsense", subject.upper() + "x"):
        answer = await chief.post(f"/api/v1/admin/users/{unknown}/signout")
        assert (answer.status, answer.code) == (404, "unknown_user")


async def test_administrators_stand_in_their_commands(place: World) -> None:
    chief = await place.user()
    await run_admin(place, "grant", "user1@example.org")
    await chief.post("/api/v1/admin/assets", {"asset": "NEW", "decimals": 0})
    await chief.call("PATCH", f"/api/v1/admin/accounts/{chief.account}", {"status": "open"})
    settings = place.settings
    log = AsyncRedisLog(settings.redis_url, settings.commands_key, settings.events_key)
    commands = [decode(entry.fields) for entry in await log.commands(START, 1000)]
    await log.aclose()
    (me,) = [row["subject"] for row in (await chief.get("/api/v1/admin/users")).data["users"]]
    assert [command.by for command in commands if isinstance(command, SetAccountStatus)] == [me]
    created = [command.by for command in commands if isinstance(command, CreateAsset)]
    assert created == ["operator", "operator", me]


async def test_the_operator_helps_who_lost_their_app(place: World, capsys: pytest.CaptureFixture[str]) -> None:
    user = await place.user()
    await with_codes(place, user)
    assert await run_admin(place, "totp-off", "user1@example.org") == 0
    assert await run_admin(place, "signout", "user1@example.org") == 0
    assert "has no session any more (1 ended)" in capsys.readouterr().out

    async def out() -> bool:
        return (await user.get("/api/v1/account")).status == 401

    await eventually(out, 1.0)
    assert (await sign_in(place)).status == 200
