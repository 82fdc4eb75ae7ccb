"""The golden log: a few hundred commands, every kind of event and every refusal among them, and what came out.

It stands for every log out in the world: a change that gives it another outcome would make their replay fail, and may
only be made together with a new version of the rules (`exchange.commands.types.RULES`). `commands.log` has an entry a
line, its id and its fields; `events.log` the id and the payload of each result; `expected.json` the final hashes.

usage: python -m tests.golden.golden_log      write the three files anew
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from exchange.commands.codec import MAX_COMMAND_BYTES
from exchange.commands.types import CreateAsset, OpenLog
from exchange.engine import Machine
from exchange.engine.snapshot import rows
from exchange.terms.stream import CommandEntry, format_id, parse_id
from tests.property.flows import LOG_ID, entry, flow

FOLDER = Path(__file__).parent
COMMANDS = FOLDER / "commands.log"
EVENTS = FOLDER / "events.log"
EXPECTED = FOLDER / "expected.json"

SEED = 1309
LENGTH = 500


def read_commands() -> Iterator[CommandEntry]:
    """The golden log's commands, in order."""
    for line in COMMANDS.read_text("ascii").splitlines():
        id, *fields = line.split("\t")
        yield CommandEntry(parse_id(id), [unescaped(field) for field in fields])


def read_events() -> Iterator[tuple[str, str]]:
    """What came out of each: id and payload."""
    for line in EVENTS.read_text("ascii").splitlines():
        id, _, payload = line.partition("\t")
        yield id, payload


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


def made() -> list[CommandEntry]:
    """The log as it was made: a generated flow that covers (a test says so) all that its neighbours do not."""
    before = [entry(1, 0, CreateAsset("EARLY", 0)), entry(1, 1, OpenLog(LOG_ID, 2, 60))]
    small = [command for command in flow(SEED, LENGTH) if sum(map(len, command.fields)) < 1_000]
    return [*before, *small, entry(10**13, 0, b" " * (MAX_COMMAND_BYTES + 1))]


def main() -> None:
    """Write the log with its results."""
    machine = Machine()
    commands, events = [], []
    for command in made():
        result = machine.step(command)
        commands.append("\t".join([format_id(command.id), *map(escaped, command.fields)]) + "\n")
        events.append(f"{format_id(result.id)}\t{result.payload.decode()}\n")
    COMMANDS.write_text("".join(commands), "ascii")
    EVENTS.write_text("".join(events), "ascii")
    EXPECTED.write_text(json.dumps(summary(machine), indent=2) + "\n", "ascii")


if __name__ == "__main__":
    main()
