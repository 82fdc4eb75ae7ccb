"""What is signed at `/api/v1` is what the documents say, and secrets open only where they were sealed."""

import base64
import hmac
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from exchange.api.auth.secrets import Secrets, SecretUnreadable, load_secrets
from exchange.api.v1.signed import SOCKET_METHOD, SOCKET_TARGET, payload
from exchange.effects.key_files import KeyUnusable

DOCS = Path(__file__).parents[3] / "docs"
API, SECURITY = (DOCS / "api.md").read_text(), (DOCS / "security.md").read_text()


def secret() -> bytes:
    found = re.search(r"and the secret `([A-Za-z0-9]{64})`:", API)
    assert found is not None
    return found[1].encode()


def signed_by(payload: bytes) -> str:
    return hmac.digest(secret(), payload, "sha256").hex()


def test_the_documented_requests_have_the_signatures_that_stand_there() -> None:
    examples = re.findall(r"```\n((?:GET|POST) [^\n]+ HTTP/1\.1)\n(.*?)```", API, re.DOTALL)
    assert len(examples) == 2
    for line, rest in examples:
        method, target, _ = line.split(" ")
        head, _, body = rest.partition("\n\n")
        headers = dict(header.split(": ") for header in head.strip().splitlines())
        window = headers.get("X-Exchange-Window", "")
        text = payload(headers["X-Exchange-Timestamp"], window, method, target, body.strip().encode())
        assert signed_by(text) == headers["X-Exchange-Signature"]


def test_the_documented_shell_command_signs_the_same() -> None:
    found = re.search(r"printf '([^']+)' \|\n    openssl dgst -sha256 -hmac ([A-Za-z0-9]{64})\n", API)
    assert found is not None and found[2].encode() == secret()
    assert f"X-Exchange-Signature: {signed_by(found[1].replace(chr(92) + 'n', chr(10)).encode())}\n" in API


def test_the_documented_table_of_what_is_signed_is_right() -> None:
    rows = re.findall(r"^\| `(17640[^`]+)` \| `([0-9a-f]{64})` \|$", SECURITY, re.MULTILINE)
    assert len(rows) == 3
    texts = [text.replace("\\n", "\n").encode() for text, _ in rows]
    assert [signed_by(text) for text in texts] == [signature for _, signature in rows]
    assert texts[2] == payload("1764000000000", "", SOCKET_METHOD, SOCKET_TARGET, b"")
    assert rows[2][1] in API
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert pem.splitlines()[1] in SECURITY
    assert base64.b64encode(private.sign(texts[0])).decode() in SECURITY


def test_a_secret_opens_for_its_purpose_and_owner_only_and_never_looks_the_same() -> None:
    secrets = Secrets(bytes(range(32)))
    sealed = secrets.seal("api-key", "one", b"a secret")
    assert secrets.open("api-key", "one", sealed) == b"a secret"
    assert b"secret" not in sealed and sealed != secrets.seal("api-key", "one", b"a secret")
    other = Secrets(bytes(32))
    changed = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    for keeper, purpose, id, text in (
        (other, "api-key", "one", sealed),
        (secrets, "totp", "one", sealed),
        (secrets, "api-key", "two", sealed),
        (secrets, "api-key", "one", b""),
        *[(secrets, "api-key", "one", text) for text in changed],
    ):
        with pytest.raises(SecretUnreadable, match=r"secrets\.key is not the file"):
            keeper.open(purpose, id, text)


def test_the_key_file_is_made_once_is_its_owners_and_has_its_length(tmp_path: Path) -> None:
    sealed = load_secrets(tmp_path).seal("api-key", "one", b"a secret")
    assert load_secrets(tmp_path).open("api-key", "one", sealed) == b"a secret"
    path = tmp_path / "secrets.key"
    assert path.stat().st_mode & 0o777 == 0o600 and len(path.read_bytes()) == 32
    path.write_bytes(b"short")
    with pytest.raises(KeyUnusable, match="5 bytes instead of 32"):
        load_secrets(tmp_path)
    path.chmod(0o644)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        load_secrets(tmp_path)
