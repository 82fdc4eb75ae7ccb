"""Lock-out after failures."""

from exchange.api.auth.attempts import PER_ADDRESS, PER_EMAIL, PER_PAIR, SIGN_UPS, WINDOW_MS, Attempts


def test_the_pair_is_locked_out_for_the_window() -> None:
    attempts = Attempts()
    for _ in range(PER_PAIR):
        assert attempts.wait_s("1.2.3.4", "a@b", 1000) == 0
        attempts.begun("1.2.3.4", "a@b", 1000)
    assert attempts.wait_s("1.2.3.4", "a@b", 2000) == (WINDOW_MS - 1000) // 1000 + 1
    assert attempts.wait_s("1.2.3.4", "c@d", 2000) == 0
    assert attempts.wait_s("5.6.7.8", "a@b", 2000) == 0
    assert attempts.wait_s("1.2.3.4", "a@b", 1000 + WINDOW_MS) == 0


def test_success_forgives_the_pair() -> None:
    attempts = Attempts()
    for _ in range(PER_PAIR - 1):
        attempts.begun("x", "a@b", 0)
    attempts.succeeded("x", "a@b")
    attempts.begun("x", "a@b", 0)
    assert attempts.wait_s("x", "a@b", 0) == 0


def test_many_addresses_on_one_email_and_many_emails_from_one_address_are_stopped_too() -> None:
    attempts = Attempts()
    for number in range(PER_EMAIL):
        attempts.begun(f"address {number}", "victim@x", 0)
    assert attempts.wait_s("new address", "victim@x", 1) > 0
    attempts = Attempts()
    for number in range(PER_ADDRESS):
        attempts.begun("attacker", f"{number}@x", 0)
    assert attempts.wait_s("attacker", "new@x", 1) > 0


def test_an_attempt_that_was_none_leaves_nothing() -> None:
    attempts = Attempts()
    for _ in range(PER_PAIR * 2):
        attempts.begun("x", "a@b", 0)
        attempts.undone("x", "a@b")
    assert attempts.wait_s("x", "a@b", 0) == 0
    assert not attempts._counts


def test_success_is_no_failure_of_email_and_address() -> None:
    attempts = Attempts()
    for number in range(PER_ADDRESS * 2):
        attempts.begun("x", f"{number}@b", 0)
        attempts.succeeded("x", f"{number}@b")
    assert attempts.wait_s("x", "new@b", 0) == 0


def test_an_address_makes_so_many_users_and_this_machine_any_number() -> None:
    attempts = Attempts()
    for _ in range(SIGN_UPS):
        assert attempts.sign_up("1.2.3.4", 0) == attempts.sign_up("127.0.0.1", 0) == 0
    assert attempts.sign_up("1.2.3.4", 1000) == (WINDOW_MS - 1000) // 1000 + 1
    assert attempts.sign_up("127.0.0.1", 0) == 0
    assert attempts.sign_up("1.2.3.4", WINDOW_MS) == 0
