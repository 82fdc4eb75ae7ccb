"""Lock-out after failures, for one gateway and for several."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from exchange.api.auth.attempts import (
    CODES,
    PER_ADDRESS,
    PER_EMAIL,
    PER_PAIR,
    SIGN_UPS,
    WINDOW_MS,
    Attempts,
    OwnCounts,
)
from exchange.effects.ports import Count, LogUnavailable


class Away:
    """Counters of a server that is away."""

    async def add(self, _: object) -> list[int]:
        raise LogUnavailable("away")


async def stranger() -> bool:
    return False


async def at_home() -> bool:
    return True


async def fail(attempts: Attempts, address: str, email: str, now_ms: int = 0) -> int:
    """An attempt with a wrong password, from where its user never was."""
    return await attempts.begin(address, email, now_ms, stranger)


@pytest.fixture(params=["own", "shared", "away"])
def attempts(request: pytest.FixtureRequest) -> Attempts:
    return Attempts({"own": None, "shared": OwnCounts(), "away": Away()}[request.param])


async def test_the_pair_is_locked_out_for_the_window(attempts: Attempts) -> None:
    for _ in range(PER_PAIR):
        assert await fail(attempts, "1.2.3.4", "a@b", 1000) == 0
    assert await fail(attempts, "1.2.3.4", "a@b", 2000) == (WINDOW_MS - 2000) // 1000 + 1
    assert await fail(attempts, "1.2.3.4", "c@d", 2000) == 0
    assert await fail(attempts, "5.6.7.8", "a@b", 2000) == 0
    assert await fail(attempts, "1.2.3.4", "a@b", WINDOW_MS) == 0


async def test_success_forgives_the_pair(attempts: Attempts) -> None:
    for _ in range(PER_PAIR):
        await fail(attempts, "x", "a@b")
    await attempts.undone("x", "a@b", 0)
    assert await fail(attempts, "x", "a@b") == 0
    await attempts.succeeded("x", "a@b", 0)
    for _ in range(PER_PAIR):
        assert await fail(attempts, "x", "a@b") == 0
    assert await fail(attempts, "x", "a@b") > 0


async def test_many_addresses_on_one_email_and_many_emails_from_one_address_are_stopped_too(attempts: Attempts) -> None:
    for number in range(PER_EMAIL):
        assert await fail(attempts, f"address {number}", "victim@x") == 0
    assert await fail(attempts, "new address", "victim@x") > 0
    for number in range(PER_ADDRESS):
        assert await fail(attempts, "attacker", f"{number}@x") == 0
    assert await fail(attempts, "attacker", "new@x") > 0


async def test_a_user_is_not_locked_out_of_where_they_usually_are(attempts: Attempts) -> None:
    for number in range(PER_EMAIL * 2):
        await fail(attempts, f"address {number}", "victim@x")
    for _ in range(PER_PAIR):
        assert await attempts.begin("home", "victim@x", 0, at_home) == 0
    assert await attempts.begin("home", "victim@x", 0, at_home) > 0


async def test_what_was_refused_is_counted_nowhere(attempts: Attempts) -> None:
    for _ in range(PER_EMAIL * 2):
        await fail(attempts, "attacker", "victim@x")
    for number in range(PER_EMAIL - PER_PAIR):
        assert await fail(attempts, f"address {number}", "victim@x") == 0
    assert await fail(attempts, "another address", "victim@x") > 0


async def test_an_attempt_that_was_none_leaves_nothing() -> None:
    own = OwnCounts()
    attempts = Attempts(own)
    for _ in range(PER_PAIR * 2):
        assert await fail(attempts, "x", "a@b") == 0
        await attempts.undone("x", "a@b", 0)
    assert not own._totals


async def test_success_is_no_failure_of_email_and_address(attempts: Attempts) -> None:
    for number in range(PER_ADDRESS * 2):
        assert await fail(attempts, "x", f"{number}@b") == 0
        await attempts.succeeded("x", f"{number}@b", 0)
    assert await fail(attempts, "x", "new@b") == 0


async def test_two_gateways_count_together() -> None:
    shared = OwnCounts()
    one, other = Attempts(shared), Attempts(shared)
    for _ in range(PER_PAIR // 2):
        assert await fail(one, "x", "a@b") == await fail(other, "x", "a@b") == 0
    assert await fail(one, "x", "a@b") > 0
    assert await fail(other, "x", "a@b") > 0


async def test_wrong_codes_have_an_end_wherever_they_come_from(attempts: Attempts) -> None:
    for _ in range(CODES):
        assert await attempts.code("ada", 0) == 0
    assert await attempts.code("ada", 1000) == (WINDOW_MS - 1000) // 1000 + 1
    assert await attempts.code("bob", 0) == 0
    for _ in range(CODES * 2):
        assert await attempts.code("eve", 0) == 0
        await attempts.code_was_right("eve", 0)


async def test_wrong_passwords_within_sessions_have_an_end(attempts: Attempts) -> None:
    for _ in range(PER_PAIR):
        assert await attempts.password("ada", 0) == 0
    assert await attempts.password("ada", 0) > 0
    for _ in range(PER_PAIR * 2):
        assert await attempts.password("eve", 0) == 0
        await attempts.password_was_right("eve", 0)


async def test_an_address_makes_so_many_users_and_this_machine_any_number(attempts: Attempts) -> None:
    for _ in range(SIGN_UPS):
        assert await attempts.sign_up("1.2.3.4", 0) == await attempts.sign_up("127.0.0.1", 0) == 0
    assert await attempts.sign_up("1.2.3.4", 1000) == (WINDOW_MS - 1000) // 1000 + 1
    assert await attempts.sign_up("127.0.0.1", 0) == 0
    assert await attempts.sign_up("1.2.3.4", WINDOW_MS) == 0


async def test_names_tell_nothing_of_whom_they_are_about() -> None:
    seen: list[str] = []

    class Heard(OwnCounts):
        async def add(self, counts: Sequence[Count]) -> list[int]:
            seen.extend(count.name for count in counts)
            return await super().add(counts)

    await fail(Attempts(Heard()), "1.2.3.4", "ada@example.org")
    assert len(set(seen)) == 3
    assert not [name for name in seen if "ada" in name or "1.2.3.4" in name]


async def test_all_addresses_of_a_customers_network_count_as_one(attempts: Attempts) -> None:
    for number in range(PER_PAIR):
        assert await fail(attempts, f"2001:db8:1:2::{number:x}", "a@b") == 0
    assert await fail(attempts, "2001:db8:1:2:ffff::1", "a@b") > 0
    assert await fail(attempts, "2001:db8:1:3::1", "a@b") == 0
    for number in range(PER_ADDRESS):
        assert await fail(attempts, f"2001:db8:5:6::{number:x}", f"{number}@b") == 0
    assert await fail(attempts, "2001:db8:5:6::abcd", "new@b") > 0
    for number in range(SIGN_UPS):
        assert await attempts.sign_up(f"2001:db8:7:8::{number:x}", 0) == 0
    assert await attempts.sign_up("2001:db8:7:8::abcd", 0) > 0


async def test_one_behind_a_proxy_on_this_machine_keeps_nobody_else_out(attempts: Attempts) -> None:
    for number in range(PER_ADDRESS + 1):
        assert await fail(attempts, "127.0.0.1", f"{number}@b") == 0
    for _ in range(PER_PAIR):
        assert await fail(attempts, "127.0.0.1", "a@b") == 0
    assert await fail(attempts, "127.0.0.1", "a@b") > 0


def test_as_many_are_let_pass_as_the_documents_say() -> None:
    told = dict(re.findall(r"^\| (an? [^|]+?) \| (\d+) \|", Path("docs/security.md").read_text(), re.MULTILINE))
    assert told == {
        "an email from one address": str(PER_PAIR),
        "an email": str(PER_EMAIL),
        "an address, but for this machine's own": str(PER_ADDRESS),
        "a user's one-time codes": str(CODES),
        "a user's password, said within sessions": str(PER_PAIR),
    }
    assert WINDOW_MS == 15 * 60_000, "a quarter of an hour"
