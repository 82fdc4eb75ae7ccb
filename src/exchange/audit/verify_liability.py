"""Is your balance in the sum that an exchange signed? Run: python verify_liability.py statement.json proof.json KEY.

Needs nothing but Python. KEY is the exchange's public key, 64 hex digits, as you got it once and kept it. See yourself
that account, amount and position are yours. Your leaf with the sums and hashes beside its path must make the root and
the total of the statement; every sum is at least zero, so nobody's balance can be taken off yours.
"""

import json
import re
import sys
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493  # the field and the group of Ed25519, RFC 8032
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int, int, int]


def _need(holds: object, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _sum(text: Any) -> int:
    _need(isinstance(text, str) and re.fullmatch("0|[1-9][0-9]{0,37}", text, re.ASCII), f"no amount: {text!r}")
    return int(text)


def _hash(text: Any, size: int = 32) -> bytes:
    _need(isinstance(text, str) and re.fullmatch(f"[0-9a-f]{{{2 * size}}}", text, re.ASCII), f"no hash: {text!r}")
    return bytes.fromhex(text)


def _add(a: Point, b: Point) -> Point:
    p, q, r = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0]), 2 * a[3] * b[3] * D
    e, f, g, h = q - p, 2 * a[2] * b[2] - r, 2 * a[2] * b[2] + r, q + p
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(n: int, a: Point) -> Point:
    return _add(_times(n // 2, _add(a, a)), a if n % 2 else (0, 1, 1, 0)) if n else (0, 1, 1, 0)


def _point(raw: bytes) -> Point:
    y, odd = int.from_bytes(raw, "little") % 2**255, raw[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    x = x if x % 2 == odd else P - x
    _need(y < P and x < P and x * x % P == square, "the key is no key")
    return x, y, 1, x * y % P


def _signed(key: bytes, signature: bytes, text: bytes) -> bool:
    s, k = (int.from_bytes(n, "little") for n in (signature[32:], sha512(signature[:32] + key + text).digest()))
    x, y, _, t = _point(key)
    x, y, z, _ = _add(_times(s, _point(b"\x58" + b"\x66" * 31)), _times(k % L, (P - x, y, 1, P - t)))
    x, y = x * pow(z, -1, P) % P, y * pow(z, -1, P) % P
    return s < L and signature[:32] == (y | (x & 1) << 255).to_bytes(32, "little")


def _read(raw: bytes, members: str) -> tuple[dict[str, Any], bytes]:
    body = json.loads(raw)
    bodies = [{name: value for name, value in body.items() if name != without} for without in ("", "signature")]
    text, rest = (json.dumps(one, sort_keys=True, separators=(",", ":")).encode() for one in bodies)
    _need(sorted(body) == members.split() and text == raw.removesuffix(b"\n"), "not in the canonical form")
    return body, rest


def verify(statement: bytes, proof: bytes, key: str) -> str:
    """What is proven, in words; any exception means that nothing is."""
    told, signed = _read(statement, "algorithm assets chain format key log_id position signature time")
    mine, _ = _read(proof, "account amount asset format index log_id path position ref salt")
    forms = told["algorithm"], told["format"], mine["format"], type(mine["path"])
    _need(forms == ("ed25519", "exchange-liabilities-1", "exchange-liability-proof-1", list), "another format")
    _need(mine["log_id"] == told["log_id"] and mine["position"] == told["position"], "statement and proof differ")
    (asset,) = [one for one in told["assets"] if one["asset"] == mine["asset"]]
    index, left, value, path = mine["index"], asset["accounts"], _sum(mine["amount"]), list(mine["path"])
    _need(_sum(asset["total"]) + _sum(asset["fees"]) == _sum(asset["outside"]), "the books do not balance")
    _need({type(index), type(left), type(mine["account"])} == {int} and 0 <= index < left, "no such leaf")
    leaf = b"\0" + _hash(mine["salt"]) + value.to_bytes(16, "big") + mine["account"].to_bytes(8, "big")
    node = sha256(leaf + mine["ref"].encode()).digest()
    while left > 1:
        if index % 2 or index < left - 1:  # else it has no neighbour, and goes up as it is
            (other, beside), *path = path
            pair = value.to_bytes(16, "big") + node, _sum(other).to_bytes(16, "big") + _hash(beside)
            value, node = value + _sum(other), sha256(b"\1" + pair[index % 2] + pair[1 - index % 2]).digest()
        index, left = index // 2, (left + 1) // 2
    _need(not path and value == _sum(asset["total"]) and node == _hash(asset["root"]), "no such leaf under that root")
    _need(told["key"] == key and _signed(_hash(key), _hash(told["signature"], 64), signed), "not signed by that key")
    return f"{mine['amount']} {mine['asset']} of {mine['account']} ({mine['ref']}) at {mine['position']}"


if __name__ == "__main__":
    try:
        print("proven:", verify(Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]).read_bytes(), sys.argv[3]))
    except Exception as error:  # noqa: BLE001 - whatever goes wrong, nothing is proven
        sys.exit(f"NOT PROVEN: {error!r}")
