"""Bearer tokens: JWTs signed with a key of this home, made at the first start.

A token names its user and its session, never an account number or a role: the account is looked up in the live view at
each request, and so a token that was made for another log opens nothing; the role is looked up in the database where it
matters, and so taking it away works at once; whether the session has ended, `sessions` knows. The one exception are the
operator's short-lived tokens, made on the machine itself.

One algorithm, all claims required, no key below 32 bytes.
"""

import secrets
from collections import OrderedDict
from pathlib import Path
from typing import Final

import jwt
from jwt.utils import base64url_decode, base64url_encode

from exchange.effects.key_files import KeyUnusable, load_or_make

ALGORITHM: Final = "HS256"
ISSUER: Final = "exchange"
OPERATOR: Final = "operator"
"""The subject of tokens made by `exchange admin token`; no user is called so (users are 32 hex digits)."""

MIN_KEY_BYTES: Final = 32
MAX_TOKEN_CHARS: Final = 1024
_REQUIRED: Final = ["sub", "iat", "exp", "iss"]
_CACHED: Final = 10_000


class InvalidToken(Exception):
    """Not a token of this exchange, or one whose time is over."""


class Claims:
    """Whose token it is, until when (milliseconds since the epoch), of which session; the operator's are of none."""

    __slots__ = ("expires_ms", "session", "subject")

    def __init__(self, subject: str, expires_ms: int, session: str) -> None:
        self.subject = subject
        self.expires_ms = expires_ms
        self.session = session


def load_key(keys_dir: Path) -> bytes:
    """The signing key, made if there is none; several processes may start at once and get the same.

    Raises:
        KeyUnusable: it cannot be read or made, others can read it, or it is too short.
    """
    path = keys_dir / "tokens.key"
    key = load_or_make(path, lambda: secrets.token_bytes(64))
    if len(key) < MIN_KEY_BYTES:
        raise KeyUnusable(f"{path} has {len(key)} bytes, at least {MIN_KEY_BYTES} are needed: delete it for a new one")
    return key


def _canonical(signature: str) -> bool:
    """Whether this is the one way to write the signature: base64 has spare bits in its last letter, and a token with
    another letter there would be another text for the same signature."""
    try:
        return base64url_encode(base64url_decode(signature)).decode() == signature
    except ValueError:
        return False


class Tokens:
    """Makes and checks tokens with one key."""

    def __init__(self, key: bytes) -> None:
        if len(key) < MIN_KEY_BYTES:
            raise KeyUnusable(f"a key of {len(key)} bytes is too short")
        self._key = key
        self._known: OrderedDict[str, Claims] = OrderedDict()

    def issue(self, subject: str, now_ms: int, minutes: int, session: str = "") -> tuple[str, int]:
        """A token for a subject, of a session, and the moment (milliseconds since the epoch) at which it ends."""
        issued = now_ms // 1000
        expires = issued + minutes * 60
        claims = {"sub": subject, "iat": issued, "exp": expires, "iss": ISSUER}
        if session:
            claims["sid"] = session
        return jwt.encode(claims, self._key, algorithm=ALGORITHM), expires * 1000

    def verify(self, token: str, now_ms: int) -> Claims:
        """Whose token it is.

        Raises:
            InvalidToken: it is forged, damaged, incomplete, or over.
        """
        claims = self._known.get(token)
        if claims is None:
            claims = self._decode(token)
            self._known[token] = claims
            if len(self._known) > _CACHED:
                self._known.popitem(last=False)
        if claims.expires_ms <= now_ms:
            self._known.pop(token, None)
            raise InvalidToken("the token is over")
        return claims

    def _decode(self, token: str) -> Claims:
        if len(token) > MAX_TOKEN_CHARS or not token.isascii() or not _canonical(token.rpartition(".")[2]):
            raise InvalidToken("not a token")
        try:
            body = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                options={"require": _REQUIRED, "verify_exp": False},
            )
        except (jwt.InvalidTokenError, ValueError) as error:
            raise InvalidToken("the token is not valid") from error
        subject, expires, session = body["sub"], body["exp"], body.get("sid", "")
        if not isinstance(subject, str) or not isinstance(expires, int) or not isinstance(session, str):
            raise InvalidToken("the token's claims have the wrong type")
        if not session and subject != OPERATOR:
            raise InvalidToken("the token is of no session")
        return Claims(subject, expires * 1000, session)
