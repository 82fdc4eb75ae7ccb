"""The commands' bytes under mutation: a reader refuses or reads, and what it read it writes and reads back the same."""

import random
from pathlib import Path

from exchange.commands import codec
from exchange.terms.codes import Code, Refused

MUTANTS = 20_000
WRITTEN = Path(__file__).parents[1] / "golden" / "commands_1.txt"
SIGNS = b'{}[]",:0123456789.-+eE\\u ntfaln\x00\x7f\xff\xc3\xe2' + bytes(range(0x61, 0x7B))


def mutant(chance: random.Random, raw: bytes) -> bytes:
    """Some bytes changed, left out, doubled or put in."""
    out = bytearray(raw)
    for _ in range(chance.choice([1, 1, 2, 3])):
        place = chance.randrange(len(out))
        act = chance.randrange(8)
        if act > 4:
            digits = [at for at, sign in enumerate(out) if 0x30 <= sign <= 0x39]
            if digits:
                out[chance.choice(digits)] = chance.choice(b"0123456789")
        elif act == 0:
            out[place] = chance.choice(SIGNS)
        elif act == 1:
            del out[place : place + chance.randint(1, 8)]
        elif act == 2:
            out[place:place] = bytes(chance.choices(SIGNS, k=chance.randint(1, 4)))
        elif act == 3:
            out[place:place] = out[place : place + chance.randint(1, 30)]
        else:
            out[place:place] = chance.choice([b"9" * 40, b"[" * 2000, b'"x":1,', b"1e9", b"null", b"true", b"\\ud800"])
        if not out:
            return b""
    return bytes(out)


def test_no_mutant_of_a_command_brings_the_reader_down() -> None:
    chance = random.Random(47)
    written = [line.split("\t")[1].encode() for line in WRITTEN.read_text().splitlines() if "\t" in line]
    read = 0
    codes: set[Code] = set()
    for number in range(MUTANTS):
        raw = mutant(chance, chance.choice(written))
        rules = number % 3
        try:
            command = codec.decode([codec.FIELD, raw], rules)
        except Refused as refused:
            codes.add(refused.code)
            continue
        read += 1
        again = codec.encode(command)
        assert codec.encode(codec.decode([codec.FIELD, again], rules)) == again, raw
    assert read > MUTANTS // 100
    assert codes >= {Code.MALFORMED, Code.UNKNOWN_FIELD, Code.MISSING_FIELD, Code.INVALID_FIELD, Code.UNKNOWN_TYPE}
