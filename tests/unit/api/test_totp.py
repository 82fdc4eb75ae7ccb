"""One-time codes, by the published vectors."""

from urllib.parse import parse_qs, urlsplit

import pytest

from exchange.api.auth import totp

RFC_SECRET = b"12345678901234567890"
NOW_MS = 1_111_111_109_000
STEP = NOW_MS // totp.STEP_MS


@pytest.mark.parametrize(
    "second, code",
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(second: int, code: str) -> None:
    assert totp.code_at(RFC_SECRET, second * 1000 // totp.STEP_MS, digits=8) == code
    assert totp.code_at(RFC_SECRET, second * 1000 // totp.STEP_MS) == code[2:]


@pytest.mark.parametrize(
    "count, code",
    list(
        enumerate(["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"])
    ),
)
def test_codes_are_those_of_rfc_4226(count: int, code: str) -> None:
    assert totp.code_at(RFC_SECRET, count) == code


@pytest.mark.parametrize("away", [-1, 0, 1])
def test_a_code_counts_a_step_before_and_after(away: int) -> None:
    assert totp.step_of(RFC_SECRET, totp.code_at(RFC_SECRET, STEP + away), NOW_MS, 0) == STEP + away


@pytest.mark.parametrize("away", [-2, 2])
def test_a_code_counts_no_further(away: int) -> None:
    assert totp.step_of(RFC_SECRET, totp.code_at(RFC_SECRET, STEP + away), NOW_MS, 0) is None


def test_a_code_of_the_last_used_step_or_an_earlier_one_is_over() -> None:
    assert totp.step_of(RFC_SECRET, totp.code_at(RFC_SECRET, STEP), NOW_MS, STEP) is None
    assert totp.step_of(RFC_SECRET, totp.code_at(RFC_SECRET, STEP - 1), NOW_MS, STEP) is None
    assert totp.step_of(RFC_SECRET, totp.code_at(RFC_SECRET, STEP + 1), NOW_MS, STEP) == STEP + 1


@pytest.mark.parametrize("code", ["", "0", "٠٨١٨٠٤", " 081804", "081804 ", "0081804", "é" * 6])
def test_what_is_not_the_code_is_none(code: str) -> None:
    assert totp.step_of(RFC_SECRET, code, NOW_MS, 0) is None


def test_an_app_reads_all_it_needs() -> None:
    secret = totp.new_secret()
    read = urlsplit(totp.uri(secret, "ada+1@example.org"))
    terms = {name: values[0] for name, values in parse_qs(read.query).items()}
    assert (read.scheme, read.netloc, read.path) == ("otpauth", "totp", "/exchange:ada%2B1%40example.org")
    shown = totp.shown(secret)
    assert terms == {"secret": shown, "issuer": "exchange", "algorithm": "SHA1", "digits": "6", "period": "30"}
    assert len(shown) == 32


def test_recovery_codes_are_random_and_read_however_they_are_written() -> None:
    codes = totp.new_recovery_codes()
    assert len(set(codes)) == len(codes) == totp.RECOVERY_CODES
    stored = totp.recovery_hash(codes[0])
    assert stored is not None
    for written in (codes[0].upper(), codes[0].replace("-", ""), codes[0].replace("-", " ")):
        assert totp.recovery_hash(written) == stored


@pytest.mark.parametrize("code", ["", "123456", "a" * 15, "a" * 17, "é" * 16, "a" * 15 + "!"])
def test_what_is_no_recovery_code_is_none(code: str) -> None:
    assert totp.recovery_hash(code) is None
