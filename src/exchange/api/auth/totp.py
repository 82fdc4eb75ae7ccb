"""One-time codes of an authenticator app (RFC 6238 over RFC 4226: HMAC-SHA-1, six digits, steps of half a minute).

A code counts for its own step and the one before and after, since clocks differ and people are slow; and it is good
once: whoever takes one remembers its step, and no code of that step or an earlier one is taken again. Recovery codes
stand in for a lost app, each once.
"""

import base64
import hashlib
import hmac
import secrets
import struct
from typing import Final
from urllib.parse import quote, urlencode

DIGITS: Final = 6
STEP_MS: Final = 30_000
AROUND: Final = 1
"""How many steps before and after are taken."""
RECOVERY_CODES: Final = 10

_SECRET_BYTES: Final = 20
"""RFC 4226 recommends 160 bits."""
_RECOVERY_BYTES: Final = 10
_RECOVERY_CHARS: Final = 16
_ISSUER: Final = "exchange"


def new_secret() -> bytes:
    """A secret to share with an app."""
    return secrets.token_bytes(_SECRET_BYTES)


def code_at(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """The code of a step (RFC 4226, section 5.3)."""
    digest = hmac.digest(secret, struct.pack(">Q", step), "sha1")
    offset = digest[-1] & 0xF
    number: int = struct.unpack_from(">I", digest, offset)[0] & 0x7FFF_FFFF
    return f"{number % 10**digits:0{digits}}"


def step_of(secret: bytes, code: str, now_ms: int, last_step: int) -> int | None:
    """The step that a code is of, if it may be used now: one around now, after the last that was used."""
    now = now_ms // STEP_MS
    found = None
    for step in range(max(now - AROUND, 0), now + AROUND + 1):
        right = hmac.compare_digest(code_at(secret, step).encode(), code.encode("ascii", "replace"))
        if right and step > last_step and found is None:
            found = step
    return found


def shown(secret: bytes) -> str:
    """A secret as people type it into an app: base 32."""
    return base64.b32encode(secret).decode()


def uri(secret: bytes, email: str) -> str:
    """A secret as an app reads it from a picture."""
    terms = {"secret": shown(secret), "issuer": _ISSUER, "algorithm": "SHA1", "digits": DIGITS, "period": 30}
    return f"otpauth://totp/{quote(_ISSUER)}:{quote(email)}?{urlencode(terms)}"


def new_recovery_codes() -> list[str]:
    """Codes of 80 random bits, in groups of four letters and digits."""
    made = [base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES)]
    return ["-".join(code[at : at + 4] for at in range(0, _RECOVERY_CHARS, 4)) for code in made]


def recovery_hash(code: str) -> bytes | None:
    """What is stored of a recovery code, however it is written; None when this is no such code.

    A plain hash will do: nobody tries 2^80 codes.
    """
    plain = code.replace("-", "").replace(" ", "").lower()
    if len(plain) != _RECOVERY_CHARS or not plain.isascii() or not plain.isalnum():
        return None
    return hashlib.sha256(plain.encode()).digest()
