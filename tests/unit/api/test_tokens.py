"""Tokens: only what this key signed, whole, and in its time."""

import base64
import hmac
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest

from exchange.api.auth.tokens import OPERATOR, InvalidToken, Tokens, load_key
from exchange.effects.key_files import KeyUnusable

KEY = bytes(range(64))
NOW = 1_900_000_000_000
SUBJECT = "0123456789abcdef0123456789abcdef"
SESSION = "fedcba9876543210fedcba9876543210"


def tokens() -> Tokens:
    return Tokens(KEY)


def accepted(checker: Tokens, token: str, now_ms: int) -> bool:
    try:
        checker.verify(token, now_ms)
    except InvalidToken:
        return False
    return True


def real_now() -> tuple[str, int]:
    """A good token by the real clock (the library compares `iat` with it) and that moment."""
    now_ms = 1_700_000_000_000
    token, _ = tokens().issue(SUBJECT, now_ms, 60, SESSION)
    return token, now_ms


def test_a_token_is_good_until_its_end() -> None:
    token, now_ms = real_now()
    checker = tokens()
    claims = checker.verify(token, now_ms)
    assert (claims.subject, claims.session, claims.expires_ms) == (SUBJECT, SESSION, now_ms + 3_600_000)
    assert accepted(checker, token, now_ms + 3_599_999)
    assert not accepted(checker, token, now_ms + 3_600_000)
    assert not accepted(checker, token, now_ms + 3_600_000)


def encode(claims: dict[str, object], key: bytes = KEY, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key, algorithm=algorithm)


GOOD: dict[str, object] = {
    "sub": SUBJECT,
    "iat": 1_700_000_000,
    "exp": 1_900_000_000,
    "iss": "exchange",
    "sid": SESSION,
}


@pytest.mark.parametrize("claim", list(GOOD))
def test_every_claim_is_required(claim: str) -> None:
    assert accepted(tokens(), encode(GOOD), 1_700_000_000_000)
    assert not accepted(tokens(), encode({k: v for k, v in GOOD.items() if k != claim}), 1_700_000_000_000)


def test_the_operators_tokens_are_of_no_session() -> None:
    token, _ = tokens().issue(OPERATOR, 1_700_000_000_000, 5)
    assert tokens().verify(token, 1_700_000_000_000).session == ""


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "another"},
        {"exp": 1_699_999_999},
        {"exp": "tomorrow"},
        {"exp": 2e9},
        {"exp": None},
        {"sub": 7},
        {"sub": ["a"]},
        {"sid": 7},
        {"sid": ""},
        {"nbf": 4_000_000_000},
        {"iat": 4_000_000_000},
    ],
)
def test_claims_of_another_kind_are_refused(change: dict[str, object]) -> None:
    header = jwt.utils.base64url_encode(b'{"alg":"HS256","typ":"JWT"}')
    body = jwt.utils.base64url_encode(json.dumps({**GOOD, **change}).encode())
    signature = jwt.utils.base64url_encode(hmac.digest(KEY, header + b"." + body, "sha256"))
    assert not accepted(tokens(), b".".join((header, body, signature)).decode(), 1_700_000_000_000)


def test_other_keys_and_algorithms_are_refused() -> None:
    assert not accepted(tokens(), encode(GOOD, key=bytes(64)), NOW - 10**11)
    for algorithm in ("HS384", "HS512"):
        assert not accepted(tokens(), encode(GOOD, algorithm=algorithm), 1_700_000_000_000)
    for algorithm in ("none", "None", "NONE"):
        header = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "typ": "JWT"}).encode()).rstrip(b"=")
        body = base64.urlsafe_b64encode(json.dumps(GOOD).encode()).rstrip(b"=")
        assert not accepted(tokens(), f"{header.decode()}.{body.decode()}.", 1_700_000_000_000)


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "x" * 100_000, "é.é.é", "Bearer"])
def test_rubbish_is_refused(token: str) -> None:
    assert not accepted(tokens(), token, 1_700_000_000_000)


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_key(tmp_path / "keys"), range(32)))
    assert len(keys) == 1
    assert len(next(iter(keys))) >= 32
    path = tmp_path / "keys" / "tokens.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["tokens.key"]


def test_a_short_or_open_key_refuses_the_start(tmp_path: Path) -> None:
    path = tmp_path / "tokens.key"
    path.write_bytes(bytes(31))
    path.chmod(0o600)
    with pytest.raises(KeyUnusable, match="31 bytes"):
        load_key(tmp_path)
    path.write_bytes(bytes(64))
    path.chmod(0o640)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        load_key(tmp_path)
    with pytest.raises(KeyUnusable):
        Tokens(bytes(31))
