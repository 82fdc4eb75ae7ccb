"""Damaged copies of signed documents: single bytes, and members as somebody would change them who knows the form."""

import json
import random
from collections.abc import Iterator
from typing import Any


def mutants(raw: bytes, seed: int, count: int) -> Iterator[bytes]:
    """`count` texts that are not the document: half with bytes changed, half with members changed."""
    dice = random.Random(seed)
    made = 0
    while made < count:
        mutant = _bytes(raw, dice) if made % 2 else _members(raw, dice)
        if mutant.removesuffix(b"\n") != raw:
            made += 1
            yield mutant


def _bytes(raw: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(raw))
    kind = dice.randrange(5)
    if kind == 0:
        return raw[:at] + bytes([raw[at] ^ (1 << dice.randrange(8))]) + raw[at + 1 :]
    if kind == 1:
        return raw[:at] + raw[at + 1 + dice.randrange(3) :]
    if kind == 2:
        return raw[:at] + bytes([dice.randrange(256)]) + raw[at:]
    if kind == 3:
        return raw[:at] + dice.choice([b" ", b"\n", b"0", b"\xef\xbb\xbf", b"\x00"]) + raw[at:]
    other = dice.randrange(len(raw))
    low, high = sorted((at, other))
    return raw[:low] + raw[high:] + raw[low:high]


def _members(raw: bytes, dice: random.Random) -> bytes:
    body: Any = json.loads(raw)
    kind = dice.randrange(6)
    name = dice.choice(sorted(body))
    if kind == 0:
        del body[name]
    elif kind == 1:
        body[dice.choice(["extra", "Key", "alg", "signature2"])] = body[name]
    elif kind == 2:
        written = raw.decode()
        member = f"{json.dumps(name)}:{json.dumps(body[name], separators=(',', ':'))}"
        return written.replace(member, f"{member},{member}", 1).encode()  # twice
    elif kind == 3:
        return json.dumps(body, sort_keys=dice.random() < 0.5, indent=dice.choice([None, 1])).encode()
    else:
        holder, key = _place(body, dice)
        holder[key] = _other(holder[key], dice)
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _place(body: Any, dice: random.Random) -> tuple[Any, Any]:
    """Some value inside, as its holder and its name there."""
    while True:
        if isinstance(body, dict):
            key: Any = dice.choice(sorted(body))
        else:
            key = dice.randrange(len(body))
        if not isinstance(body[key], (dict, list)) or not body[key] or dice.random() < 0.1:
            return body, key
        body = body[key]


def _other(value: Any, dice: random.Random) -> Any:
    if isinstance(value, bool) or value is None or isinstance(value, (dict, list)):
        return dice.choice([[], {}, "", 0, None])
    if isinstance(value, int):
        return dice.choice([value + 1, value - 1, -value - 1, value * 2 + 1, float(value), str(value), True, 2**70])
    changed = list(value or "0")
    at = dice.randrange(len(changed))
    changed[at] = dice.choice("0123456789abcdefABCDEF-+.eé٣")
    text = "".join(changed)
    choices = [text, text, text, "0" + value, value + "0", "-" + value, value.upper(), value[:-1], " " + value, 0, ""]
    if value.isdigit():
        choices += [str(int(value) + 1), str(max(0, int(value) - 1)), f"-{value}", f"{value}.0", int(value)]
    return dice.choice(choices)
