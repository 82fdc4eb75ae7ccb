"""Signatures of three kinds, by the venue's published examples and by what must never pass."""

import base64
from urllib.parse import unquote

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

from exchange.api.auth.signatures import Ed25519Verifier, HmacVerifier, NotAKey, public_verifier
from exchange.api.v3.security import payload

# Binance: rest-api.md, SIGNED Endpoint Examples for POST /api/v3/order, HMAC Keys; web-socket-api.md, the same.
SECRET = b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
ORDER = "side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
SYMBOL = "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96"
PUBLISHED = [
    (f"symbol=LTCBTC&{ORDER}", "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
    (f"symbol={SYMBOL}&{ORDER}", "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"),
]

# Binance: fix-api.md, the published Ed25519 key with its computed signature; rest-api.md gives signatures only.
ED25519 = "MC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u"
ED25519_SIGNED = b"A\x01EXAMPLE\x01SPOT\x011\x0120240627-11:17:25.223"
ED25519_SIGNATURE = "4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA=="

# Binance: faqs/api_key_types.md, the sample keys.
SAMPLE_ED25519 = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAgmDRTtj2FA+wzJUIlAL9ly1eovjLBu7uXUFR+jFULmg=
-----END PUBLIC KEY-----
"""
SAMPLE_RSA = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAyfKiFXpcOhF5rX1XxePN
akwN7Etwtn3v05cZNY+ftDHbVZHs/kY6Ruj5lhxVFAq5dv7Ba9/4jPijXuMuIc6Y
8nUlqtrrxC8DEOAczw9SKATDYZN9nbLfYlbBFfHzRQUXdAtYCPI6XtxmJBS7aOBb
4nZe1SVm+bhLrp0YQnx2P0s+37qkGeVn09m6w9MnWxjgCkkYFPWQkXIu5qOnwx6p
NfqDmFD7d7dUc/6PZQ1bKFALu/UETsobmBk82ShbrBhlc0JXuhf9qBR7QASjHjFQ
2N+VF2PfH8dm5prZIpz/MFKPkBW4Yuss0OXiD+jQt1J2JUKspLqsIqoXjHQQGjL7
3wIDAQAB
-----END PUBLIC KEY-----
"""


def pem(key: "rsa.RSAPrivateKey | Ed25519PrivateKey | ec.EllipticCurvePrivateKey") -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize("sent, signature", PUBLISHED)
def test_the_published_hmac_examples_are_right_in_any_case_and_wherever_the_signature_stands(
    sent: str, signature: str
) -> None:
    verifier = HmacVerifier(SECRET)
    half = sent.index("&quantity")
    for query, body in (
        (sent, ""),
        ("", sent),
        (sent[:half], sent[half:]),
        (f"{sent}&signature={signature}", ""),
        (f"signature={signature}&{sent}", ""),
        (f"{sent[:half]}&signature={signature}{sent[half:]}", ""),
        ("", f"{sent}&signature={signature}"),
        (sent[:half], f"{sent[half:]}&signature={signature}"),
    ):
        assert payload(query, body) == sent.encode()
        assert verifier.verify(payload(query, body), signature)
        assert verifier.verify(payload(query, body), signature.upper())
        assert not verifier.verify(payload(f"x=1&{query}", body), signature)


def test_a_body_has_no_second_signature_to_hide_something_behind() -> None:
    sent, signature = PUBLISHED[0]
    assert payload(f"{sent}&signature={signature}", "&signature=x") != sent.encode()


def test_the_published_websocket_examples_are_right() -> None:
    # Binance: web-socket-api.md, SIGNED request example (HMAC).
    rest = "&timeInForce=GTC&timestamp=1645423376532&type=LIMIT"
    for signed, signature in (
        (
            f"apiKey={API_KEY}&price=52000.00&quantity=0.01000000&recvWindow=100&side=SELL&symbol=BTCUSDT{rest}",
            "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
        ),
        (
            f"apiKey={API_KEY}&price=0.10000000&quantity=1.00000000&recvWindow=5000&side=BUY&symbol={unquote(SYMBOL)}{rest}",
            "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd",
        ),
    ):
        assert HmacVerifier(SECRET).verify(signed.encode(), signature)


def test_the_published_ed25519_example_is_right() -> None:
    private = load_der_private_key(base64.b64decode(ED25519), None)
    assert isinstance(private, Ed25519PrivateKey)
    verifier = public_verifier("ed25519", pem(private))
    assert verifier.verify(ED25519_SIGNED, ED25519_SIGNATURE)
    assert verifier.verify(ED25519_SIGNED, ED25519_SIGNATURE.replace("+", " "))  # a plus that was not escaped in a form
    assert not verifier.verify(ED25519_SIGNED, ED25519_SIGNATURE.swapcase())
    assert not verifier.verify(ED25519_SIGNED + b"1", ED25519_SIGNATURE)


def test_the_published_sample_keys_are_read_and_refuse_signatures_of_others() -> None:
    for kind, sample in (("ed25519", SAMPLE_ED25519), ("rsa", SAMPLE_RSA)):
        verifier = public_verifier(kind, sample)  # type: ignore[arg-type]
        assert not verifier.verify(ED25519_SIGNED, ED25519_SIGNATURE)


@pytest.mark.parametrize("bits", [2048, 4096])
def test_rsa_signatures_are_pkcs_1_with_sha_256(bits: int) -> None:
    private = rsa.generate_private_key(65537, bits)
    verifier = public_verifier("rsa", pem(private))
    sent = PUBLISHED[1][0].encode()
    signature = base64.b64encode(private.sign(sent, PKCS1v15(), SHA256())).decode()
    assert verifier.verify(sent, signature)
    assert verifier.verify(sent, signature.replace("+", " "))
    assert not verifier.verify(sent, signature.swapcase())
    assert not verifier.verify(sent + b"0", signature)


def test_there_is_one_way_to_write_a_signature() -> None:
    private = Ed25519PrivateKey.generate()
    verifier = Ed25519Verifier(private.public_key())
    signature = base64.b64encode(private.sign(b"sent")).decode()
    assert verifier.verify(b"sent", signature)
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    others = [signature[:85] + letter + "==" for letter in last if signature[85] != letter]
    others += [signature.rstrip("="), signature + "=", signature + "\n", f"\n{signature}"]
    others += [signature[:40] + "\n" + signature[40:]]
    others += [signature.replace("+", "-").replace("/", "_") + "x", "", "=", "é" * 88]
    assert not [other for other in others if verifier.verify(b"sent", other)]
    sent, digest = PUBLISHED[0][0].encode(), PUBLISHED[0][1]
    hmac = HmacVerifier(SECRET)
    for other in (
        "",
        " " * 64,
        digest[:-2],
        digest + "00",
        digest + " ",
        "é" * 64,
        "0x" + digest[2:],
        digest[:-1] + "g",
    ):
        assert not hmac.verify(sent, other)


def test_only_public_keys_of_the_kind_and_size_are_taken() -> None:
    small = pem(rsa.generate_private_key(65537, 1024))
    curve = pem(ec.generate_private_key(ec.SECP256R1()))
    ours = pem(Ed25519PrivateKey.generate())
    old = rsa.generate_private_key(65537, 2048).public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
    for kind, text, why in (
        ("rsa", small, "2048"),
        ("rsa", ours, "not of the kind"),
        ("ed25519", SAMPLE_RSA, "not of the kind"),
        ("ed25519", curve, "not of the kind"),
        ("rsa", old, "begins with"),
        ("rsa", SAMPLE_RSA.replace("AQEF", "AQEG"), "SubjectPublicKeyInfo"),
        ("ed25519", "", "begins with"),
        ("ed25519", SAMPLE_ED25519 + "é", "after its end"),
        ("ed25519", SAMPLE_ED25519 + "\0", "after its end"),
        ("ed25519", SAMPLE_ED25519 + SAMPLE_ED25519, "after its end"),
        ("rsa", SAMPLE_RSA * 3, "begins with"),
    ):
        with pytest.raises(NotAKey, match=why):
            public_verifier(kind, text)  # type: ignore[arg-type]


def test_an_exponent_that_makes_checking_slow_is_refused() -> None:
    modulus = rsa.generate_private_key(65537, 2048).public_key().public_numbers().n
    slow = rsa.RSAPublicNumbers(2**33 + 1, modulus).public_key()
    text = slow.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(NotAKey, match="exponent"):
        public_verifier("rsa", text)
