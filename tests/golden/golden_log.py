"""The golden logs: a few hundred commands each, every kind of event and refusal among them, and what came out.

They stand for every log out in the world: a change that gives one another outcome would make their replay fail, and may
only be made together with a new version of the rules (`exchange.commands.types.RULES`). `rules_1` was written by an
engine that knew no other rules, `rules_2` and `switched` (which begins under the first and goes over) by one that knew
two: they are never written again. `rules_3` begins under the third; `switched_3` begins under the second and goes over.

`commands.log` has an entry a line, its id and its fields; `events.log` the id and the payload of each result;
`expected.json` the final hashes: the chain's, which never changes, and that of the snapshot's rows, which changes with
their format.

usage: python -m tests.golden.golden_log [--state-only] NAME…      write logs anew, or only the hashes of their rows
"""

import json
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from exchange.commands.codec import MAX_COMMAND_BYTES
from exchange.commands.types import (
    RULES,
    Command,
    CreateAsset,
    CreateMarket,
    Deposit,
    Limits,
    OpenLog,
    Place,
    SetMarketLimits,
)
from exchange.engine import Machine
from exchange.engine.snapshot import rows
from exchange.terms.instructions import Instructions
from exchange.terms.stream import CommandEntry, format_id, parse_id
from exchange.terms.words import FIRST_USER
from tests.property.flows import LOG_ID, entry, flow

NAMES: Final = ("rules_1", "rules_2", "switched", "rules_3", "switched_3")
MADE: Final = {"rules_3": (254, 1200, 3), "switched_3": (0, 700, 2)}
"""Seed, length and first rules of the flows that the newest logs were made of."""


class GoldenLog:
    """One log's folder."""

    def __init__(self, name: str) -> None:
        self.folder = Path(__file__).parent / name

    def commands(self) -> Iterator[CommandEntry]:
        """The commands, in order."""
        for line in (self.folder / "commands.log").read_text("ascii").splitlines():
            id, *fields = line.split("\t")
            yield CommandEntry(parse_id(id), [unescaped(field) for field in fields])

    def events(self) -> Iterator[tuple[str, str]]:
        """What came out of each: id and payload."""
        for line in (self.folder / "events.log").read_text("ascii").splitlines():
            id, _, payload = line.partition("\t")
            yield id, payload

    def expected(self) -> dict[str, str]:
        """The final position and hashes."""
        found: dict[str, str] = json.loads((self.folder / "expected.json").read_text("ascii"))
        return found

    def write(self, entries: list[CommandEntry]) -> None:
        """Write the log with its results."""
        machine = Machine()
        commands, events = [], []
        for command in entries:
            result = machine.step(command)
            commands.append("\t".join([format_id(command.id), *map(escaped, command.fields)]) + "\n")
            events.append(f"{format_id(result.id)}\t{result.payload.decode()}\n")
        (self.folder / "commands.log").write_text("".join(commands), "ascii")
        (self.folder / "events.log").write_text("".join(events), "ascii")
        self.write_expected(machine)

    def write_expected(self, machine: Machine) -> None:
        """Write the hashes that a machine has come to."""
        (self.folder / "expected.json").write_text(json.dumps(summary(machine), indent=2) + "\n", "ascii")


def state_hash(machine: Machine) -> str:
    """SHA-256 over the machine's rows, a JSON line each."""
    return sha256(b"".join(json.dumps(row).encode() + b"\n" for row in rows(machine))).hexdigest()


def summary(machine: Machine) -> dict[str, str]:
    """The final position and hashes."""
    return {
        "id": format_id(machine.head.id),
        "chain": machine.head.chain.hex(),
        "state": state_hash(machine),
    }


def escaped(field: bytes) -> str:
    r"""A field as printable ASCII without tabs: the rest as `\xNN`."""
    return "".join(chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\x{byte:02x}" for byte in field)


def unescaped(text: str) -> bytes:
    """The field that was written so."""
    return text.encode().decode("unicode_escape").encode("latin-1")


def made(name: str) -> list[CommandEntry]:
    """A log as it was made: a generated flow that covers (a test says so) all that its neighbours do not."""
    seed, length, rules = MADE[name]
    before = [entry(1, 0, CreateAsset("EARLY", 0)), entry(1, 1, OpenLog(LOG_ID, RULES + 1, 60))]
    made = flow(seed, length, rules, goes_over=rules < RULES)
    small = [command for command in made if sum(map(len, command.fields)) < 3_000]
    after: list[bytes | Command] = [
        b" " * (MAX_COMMAND_BYTES + 1),
        CreateAsset("GOLD", 0),
        CreateAsset("MINT", 0),
        CreateAsset("FINE", 3),
        CreateMarket("FINE-MINT", 1, 1, 0, 0, 0),
        CreateMarket("GOLD-MINT", 1, 1, 10, 0, 0),
        Place(FIRST_USER, "GOLD-MINT", "buy", "limit", "gtc", 3, 3, 0, ""),
        Place(FIRST_USER, "GOLD-MINT", "buy", "stop_loss", "ioc", 0, 9, 0, "", Instructions(trailing_bps=100)),
        *(Deposit(FIRST_USER, asset, 100, f"last-{asset}") for asset in ("GOLD", "MINT")),
        Place(FIRST_USER, "GOLD-MINT", "sell", "limit", "gtc", 3, 5, 0, ""),
        Place(FIRST_USER, "GOLD-MINT", "buy", "limit", "gtc", 3, 5, 0, "", Instructions(stp="expire_both")),
        SetMarketLimits("GOLD-MINT", Limits(max_position=1)),
        Place(FIRST_USER, "GOLD-MINT", "buy", "limit", "gtc", 5, 5, 0, ""),
    ]
    return [*before, *small, *(entry(10**13, number, payload) for number, payload in enumerate(after))]


def main(arguments: list[str]) -> None:
    """Write logs anew, or only what the rows' format changes."""
    for name in arguments:
        if name == "--state-only":
            continue
        log = GoldenLog(name)
        if "--state-only" not in arguments:
            log.write(made(name))
            continue
        machine = Machine()
        for command in log.commands():
            machine.step(command)
        if machine.head.chain.hex() != log.expected()["chain"]:
            raise SystemExit(f"{name}: the chain has changed, and no format of rows may change that")
        log.write_expected(machine)


if __name__ == "__main__":
    main(sys.argv[1:])
